package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/projections"
)

func replay(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("accounts replay")
	asOf := flags.String("as-of", "", "leave out what was recorded after `MOMENT`: a day (2026-11-22, the whole Polish day counts) or a time (2026-11-22T14:30:00Z)")
	compare := flags.Bool("compare", false, "also read the portal's tables in Postgres, and fail unless they add up to the same totals")
	if _, err := foundation.Parse(flags, args, "accounts replay [-data DIR] [-as-of MOMENT] [-compare]", 0, stdout); err != nil {
		return err
	}
	until, err := readMoment(*asOf)
	if err != nil {
		return foundation.UsageError{Err: err}
	}
	if *compare && *asOf != "" {
		return foundation.UsageError{Err: errors.New("-compare looks at the tables as they are now; leave out -as-of")}
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.LogOnly, options.Existing = !*compare, true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	return errors.Join(replayFrom(ctx, base, until, *compare, stdout), base.Close())
}

// readMoment reads the end of a Polish day, or a moment. The zero time stands for no limit.
func readMoment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if moment, err := time.Parse(time.RFC3339, text); err == nil {
		return moment, nil
	}
	end, err := handlers.EndOf(domain.Day(text))
	if err != nil {
		return time.Time{}, fmt.Errorf("-as-of %q is neither a day such as 2026-11-22 nor a time such as 2026-11-22T14:30:00Z", text)
	}
	return end, nil
}

func replayFrom(ctx context.Context, base *foundation.Foundation, until time.Time, compare bool, stdout io.Writer) error {
	var ledger projections.Ledger
	for record, err := range base.Log.History(ctx, 0) {
		if err != nil {
			return fmt.Errorf("replay the log: %w", err)
		}
		if until.IsZero() || !record.Metadata.At.After(until) {
			ledger.See(record)
		}
	}
	totals := ledger.Totals()
	printLedger(stdout, ledger, totals)
	if !compare {
		return nil
	}
	return compareWithViews(ctx, base, ledger.Until, totals, stdout)
}

// compareWithViews reads the same totals from the read models of the portal.
func compareWithViews(ctx context.Context, base *foundation.Foundation, at domain.Position, totals projections.Totals, stdout io.Writer) error {
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
	if shown != totals {
		fmt.Fprintln(stdout, "From the portal's tables:")
		printTotals(stdout, shown)
		return errors.New("the portal's tables do not add up to what the log says; portal rebuild names the tables that differ")
	}
	fmt.Fprintln(stdout, "The portal's tables add up to the same.")
	return nil
}
