package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/bank"
)

func importStatement(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("accounts import")
	names, err := foundation.Parse(flags, args, "accounts import [-data DIR] FILE", 1, stdout)
	if err != nil {
		return err
	}
	file, err := os.Open(names[0])
	if err != nil {
		return fmt.Errorf("open statement: %w", err)
	}
	defer file.Close()
	statements, err := bank.ParseMT940(file)
	if err != nil {
		return fmt.Errorf("read statement %s: %w; nothing was booked", names[0], err)
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.Existing = true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	run := uuid.NewString()
	by := domain.Cause{Command: run, Actor: "system:import", Correlation: run, Causation: run, At: time.Now()}
	for _, statement := range statements {
		booked, failed := foundation.BookStatement(ctx, base.Log, by, statement)
		report(stdout, statement, booked)
		if err = failed; err != nil {
			break
		}
	}
	return errors.Join(err, base.Close())
}

// report says what became of each transfer; those that found no order, and those that none can be paid with, come with the reason.
func report(w io.Writer, statement bank.Statement, bookings []handlers.Booking) {
	fmt.Fprintf(w, "Statement %s of account %s\n", statement.Number, statement.Account)
	var booked, known, unmatched int
	var sum domain.Money
	for _, b := range bookings {
		var what string
		switch {
		case b.Match == nil:
			unmatched++
			what = "NOT MATCHED: " + reasons[b.Reason]
		case b.Known:
			known++
			what = fmt.Sprintf("booked on order %s by an earlier import", b.Match.Number)
		default:
			booked++
			what = fmt.Sprintf("booked on order %s", b.Match.Number)
		}
		sum += b.Amount
		fmt.Fprintf(w, "  %s %15s  %-16s  %s\n", b.ValueOn, b.Amount, b.BankReference, what)
	}
	for _, line := range foundation.LeftOut(statement) {
		fmt.Fprintf(w, "  line %d left alone: %s\n", line.Line, line.Why)
	}
	fmt.Fprintf(w, "%d transfers of %s: %d booked now, %d booked before, %d not matched.\n", len(bookings), sum, booked, known, unmatched)
}

// reasons say in words why a transfer found no order.
var reasons = map[string]string{
	domain.UnmatchedNoReference:  "the title names no order",
	domain.UnmatchedAmbiguous:    "the title names more than one order",
	domain.UnmatchedUnknownOrder: "no order has the number in the title",
	domain.UnmatchedNotOpen:      "the order is cancelled or paid already",
	domain.UnmatchedUnsure:       "the number has no check digits and the amount is not what is open",
	domain.UnmatchedForeign:      "the order is to be paid on another account",
}
