package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	seal, err := books.Print(ctx, watch(base.Log, stderr), books.ReconcileReport, question, selected.text(stdout))
	switch {
	case err != nil:
		return err
	case logOnly:
		fmt.Fprintln(stdout, "The portal's tables were left out.")
	default:
		err = compareTables(ctx, base, seal.To, projections.Totals(seal.Totals), stdout)
	}
	if seal.Exceptions > 0 {
		err = errors.Join(err, errExceptions)
	}
	return err
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
var errTables = errors.New("the portal's tables do not add up to what the log says; portal rebuild names the tables that differ")
