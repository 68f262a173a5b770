package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/projections"
	"netrom.pl/portal/projections/books"
)

func replay(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("accounts replay")
	selected := addSelectors(flags)
	events := flags.Bool("events", false, "print event by event, in the order of the log, in memory that does not grow with it")
	compare := flags.Bool("compare", false, "also read the portal's tables in Postgres, and fail unless they add up to the same totals")
	if _, err := foundation.Parse(flags, args, "accounts replay [-data DIR] [-recorded-up-to WHEN] [-effective-on DAY] [-events [-language en|pl] | -compare]", 0, stdout); err != nil {
		return err
	}
	question, err := selected.question()
	if err != nil {
		return foundation.UsageError{Err: err}
	}
	if *compare && (question != books.Question{} || *events) {
		return foundation.UsageError{Err: errors.New("-compare looks at the tables as they are now; leave out -recorded-up-to, -effective-on and -events")}
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.LogOnly, options.Existing = !*compare, true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	source := watch(base.Log, stderr)
	if *events {
		_, err = books.Print(ctx, source, books.HistoryReport, question, selected.text(stdout))
	} else {
		err = replayOrders(ctx, base, source, question, *compare, stdout)
	}
	return errors.Join(err, base.Close())
}

// replayOrders keeps all orders in memory, since it prints the whole history of one after the other.
func replayOrders(ctx context.Context, base *foundation.Foundation, source books.Source, question books.Question, compare bool, stdout io.Writer) error {
	var ledger projections.Ledger
	for record, err := range books.Select(ctx, source, question) {
		if err != nil {
			return fmt.Errorf("replay the log: %w", err)
		}
		ledger.See(record)
	}
	totals := ledger.Totals()
	printLedger(stdout, ledger, totals)
	if !compare {
		return nil
	}
	return compareTables(ctx, base, ledger.Until, totals, stdout)
}
