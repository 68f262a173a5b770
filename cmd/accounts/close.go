package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections/books"
)

// closePeriod closes a month for good, and records what it held. After an interruption it can be repeated.
func closePeriod(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("accounts close")
	anyway := flags.Bool("with-exceptions", false, "close although accounts reconcile lists exceptions")
	names, err := foundation.Parse(flags, args, "accounts close [-data DIR] [-with-exceptions] MONTH", 1, stdout)
	if err != nil {
		return err
	}
	through, err := domain.LastDayOf(names[0])
	if err != nil {
		return foundation.UsageError{Err: fmt.Errorf("%q is no month such as 2026-11", names[0])}
	}
	base, err := openLog(ctx, *data, stderr)
	if err != nil {
		return err
	}
	return errors.Join(closeThrough(ctx, base, through, *anyway, stdout, stderr), base.Close())
}

func closeThrough(ctx context.Context, base *foundation.Foundation, through domain.Day, anyway bool, stdout, stderr io.Writer) error {
	source := watch(base.Log, stderr)
	if !anyway {
		seal, err := books.Print(ctx, source, books.ReconcileReport, books.Question{}, books.NewJSONLines(io.Discard))
		if err != nil {
			return err
		}
		if seal.Exceptions > 0 {
			return fmt.Errorf("nothing was closed, because there are %d exceptions: accounts reconcile lists them; -with-exceptions closes nevertheless", seal.Exceptions)
		}
	}
	now, run := time.Now(), uuid.NewString()
	by := domain.Cause{Command: run, Actor: "system:close", Correlation: run, Causation: run, At: now}
	if _, err := domain.Execute(ctx, base.Log, by, domain.ClosePeriod{Through: through, Today: domain.DayOf(now)}); err != nil {
		return fmt.Errorf("close the books through %s: %w", through, err)
	}
	periods, err := domain.Load[domain.ClosedPeriods](ctx, base.Log, domain.BooksStream(through.Year()))
	if err != nil {
		return err
	}
	if periods.State.Through > through {
		return fmt.Errorf("the books are closed through %s already, and %s with them", periods.State.Through, through)
	}
	sealed, known := periods.State.Sealed[through]
	if !known {
		if sealed, err = books.Closed(ctx, source, through); err != nil {
			return err
		}
		by.Command = domain.NameID(run, "seal")
		if _, err := domain.Execute(ctx, base.Log, by, domain.SealPeriod{PeriodSealed: sealed}); err != nil {
			return fmt.Errorf("seal the books through %s: %w", through, err)
		}
	}
	fmt.Fprintf(stdout, "The books are closed through %s at position %d: %d entries, turnover %s, SHA-256 %s\n", through, sealed.Position, sealed.Entries, sealed.Turnover, sealed.Digest)
	return nil
}
