package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
	"netrom.pl/portal/projections/books"
)

// errExceptions says that a reconciliation has found something.
var errExceptions = errors.New("not everything agrees; the list of exceptions says what")

// printing gives the command that prints a report as text.
func printing(report string) func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		flags, data := foundation.Flags("accounts " + report)
		selected := addSelectors(flags)
		if _, err := foundation.Parse(flags, args, "accounts "+report+" [-data DIR] [-recorded-up-to WHEN] [-effective-on DAY] [-language en|pl]", 0, stdout); err != nil {
			return err
		}
		question, err := selected.question()
		if err != nil {
			return foundation.UsageError{Err: err}
		}
		base, err := openLog(ctx, *data, stderr)
		if err != nil {
			return err
		}
		_, err = books.Print(ctx, watch(base.Log, stderr), report, question, selected.text(stdout))
		return errors.Join(err, base.Close())
	}
}

// openLog opens the event log alone: personal fields stay sealed, no PostgreSQL is started.
func openLog(ctx context.Context, dir string, stderr io.Writer) (*foundation.Foundation, error) {
	options := foundation.FromEnvironment(dir, foundation.Logger(stderr, slog.LevelWarn))
	options.LogOnly, options.Existing = true, true
	return foundation.Open(ctx, options)
}

// runReconcile prints what must agree, and fails if something does not.
func runReconcile(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("accounts reconcile")
	selected := addSelectors(flags)
	logOnly := flags.Bool("log-only", false, "leave out the portal's tables in Postgres")
	if _, err := foundation.Parse(flags, args, "accounts reconcile [-data DIR] [-recorded-up-to WHEN] [-effective-on DAY] [-language en|pl] [-log-only]", 0, stdout); err != nil {
		return err
	}
	question, err := selected.question()
	if err != nil {
		return foundation.UsageError{Err: err}
	}
	asOf := question != books.Question{}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.LogOnly, options.Existing = *logOnly || asOf, true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	return errors.Join(reconcileWith(ctx, base, selected, question, options.LogOnly, stdout, stderr), base.Close())
}

func reconcileWith(ctx context.Context, base *foundation.Foundation, selected selectors, question books.Question, logOnly bool, stdout, stderr io.Writer) error {
	read := &figured{Source: watch(base.Log, stderr)}
	if !logOnly {
		read.figures = projections.NewFigures(base.Log)
	}
	seal, err := books.Print(ctx, read, books.ReconcileReport, question, selected.text(stdout))
	switch {
	case err != nil:
		return err
	case logOnly:
		fmt.Fprintln(stdout, "The portal's tables were left out.")
	default:
		err = compareRows(ctx, base, seal.To, read.figures, stdout)
	}
	if seal.Exceptions > 0 {
		err = errors.Join(err, errExceptions)
	}
	return err
}

// figured shows the log to the figures while a report reads it.
type figured struct {
	books.Source
	figures *projections.Figures // nil: none
}

// History is [domain.Log.History].
func (f *figured) History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		for record, err := range f.Source.History(ctx, after) {
			if err == nil && f.figures != nil {
				err = f.figures.See(ctx, record)
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// rowsMax is how many rows that are not as the log says are named; the others are counted.
const rowsMax = 1_000

// compareRows holds every order, transfer and reversal of the log against the read models of the portal.
func compareRows(ctx context.Context, base *foundation.Foundation, at domain.Position, told *projections.Figures, stdout io.Writer) error {
	views, err := base.SettledViews(ctx, at)
	if err != nil {
		return err
	}
	defer views.Close()
	found, err := told.Compare(ctx, views, rowsMax)
	if err != nil {
		return err
	}
	for _, exception := range found.Exceptions {
		fmt.Fprintln(stdout, exception)
	}
	if found.More > 0 {
		fmt.Fprintf(stdout, "and %d more\n", found.More)
	}
	if err := sameTotals(found.Log, found.Tables, stdout); err != nil {
		return err
	}
	if found.Differ() {
		return errTables
	}
	fmt.Fprintf(stdout, "Row by row they say the same: %d orders, %d transfers, %d reversals.\n", found.Orders, found.Transfers, found.Reversals)
	return nil
}

// compareTables reads the same totals from the read models of the portal.
func compareTables(ctx context.Context, base *foundation.Foundation, at domain.Position, told projections.Totals, stdout io.Writer) error {
	views, err := base.SettledViews(ctx, at)
	if err != nil {
		return err
	}
	defer views.Close()
	tables, err := projections.OpenTables(ctx, views)
	if err != nil {
		return fmt.Errorf("open the portal's tables: %w", err)
	}
	defer tables.Close()
	shown, err := tables.Totals(ctx)
	if err != nil {
		return fmt.Errorf("read the portal's totals: %w", err)
	}
	return sameTotals(told, shown, stdout)
}

func sameTotals(told, shown projections.Totals, stdout io.Writer) error {
	if shown != told {
		fmt.Fprintln(stdout, "From the log:")
		printTotals(stdout, told)
		fmt.Fprintln(stdout, "From the portal's tables:")
		printTotals(stdout, shown)
		return errTables
	}
	fmt.Fprintln(stdout, "The portal's tables add up to the same.")
	return nil
}

// errTables says that read models are wrong.
var errTables = errors.New("the portal's tables do not say what the log says; portal rebuild names the tables that differ")
