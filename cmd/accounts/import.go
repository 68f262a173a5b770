package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/bank"
)

// importStreamsMax is how many transfers, orders and registers the rehearsal of an import remembers, some kilobytes each.
const importStreamsMax = 20_000

// importStatements books the statements of several files, all of them or, where one cannot be read or contradicts an earlier
// one, none.
func importStatements(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("accounts import")
	dryRun := flags.Bool("dry-run", false, "say what would be booked, and write nothing")
	names, err := foundation.Parse(flags, args, "accounts import [-data DIR] [-dry-run] FILE...", -1, stdout)
	if err != nil {
		return err
	}
	files, err := readFiles(names)
	if err != nil {
		return err
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.Existing = true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	run := uuid.NewString()
	by := domain.Cause{Command: run, Actor: "system:import", Correlation: run, Causation: run, At: time.Now()}
	report := report{w: io.Discard, verb: "booked"}
	if *dryRun {
		report.w, report.verb = stdout, "would be booked"
	}
	log := domain.Remember(base.Log, importStreamsMax)
	if err := report.book(ctx, domain.Rehearse(log), by, files); err != nil {
		return errors.Join(fmt.Errorf("nothing was booked: %w", err), base.Close())
	}
	if *dryRun {
		fmt.Fprintln(stdout, "This was a dry run: nothing was written.")
		return base.Close()
	}
	report.w = stdout
	err = report.book(ctx, log, by, files)
	if err != nil {
		err = fmt.Errorf("%w; import the files again, nothing is booked twice", err)
	}
	return errors.Join(err, base.Close())
}

// statementFile is a bank's file as it was read.
type statementFile struct {
	name       string
	statements []bank.Statement
}

// readFiles reads all files, and names every one that cannot be read.
func readFiles(names []string) ([]statementFile, error) {
	var files []statementFile
	var failed []error
	for _, name := range names {
		statements, err := readFile(name)
		if err != nil {
			failed = append(failed, err)
		}
		files = append(files, statementFile{name, statements})
	}
	return files, errors.Join(failed...)
}

func readFile(name string) ([]bank.Statement, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open statement: %w", err)
	}
	defer file.Close()
	statements, err := bank.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("read statement %s: %w; nothing was booked", name, err)
	}
	return statements, nil
}

// report says what becomes of each transfer; those that found no order, and those that none can be paid with, come with
// the reason.
type report struct {
	w    io.Writer
	verb string // what happens to a transfer that has found its order
}

// tally counts transfers.
type tally struct {
	transfers, booked, known, unmatched int
	sum                                 domain.Money
}

func (t *tally) add(other tally) {
	t.transfers, t.booked, t.known, t.unmatched = t.transfers+other.transfers, t.booked+other.booked, t.known+other.known, t.unmatched+other.unmatched
	t.sum += other.sum
}

func (r report) print(t tally, what string) {
	fmt.Fprintf(r.w, "%s%d transfers of %s: %d %s now, %d booked before, %d not matched.\n", what, t.transfers, t.sum, t.booked, r.verb, t.known, t.unmatched)
}

// book books the statements of the files in their order.
func (r report) book(ctx context.Context, log domain.Log, by domain.Cause, files []statementFile) error {
	var all tally
	statements := 0
	cashier := handlers.NewCashier(log)
	for _, file := range files {
		if len(files) > 1 {
			fmt.Fprintf(r.w, "File %s\n", file.name)
		}
		for _, statement := range file.statements {
			bookings, departures, err := foundation.BookWith(ctx, cashier, by, statement)
			if err != nil {
				return fmt.Errorf("book %s: %w", file.name, err)
			}
			all.add(r.statement(statement, bookings, departures))
			statements++
		}
	}
	if statements > 1 {
		r.print(all, fmt.Sprintf("%d statements, ", statements))
	}
	return nil
}

func (r report) statement(statement bank.Statement, bookings []handlers.Booking, departures []handlers.Departure) tally {
	fmt.Fprintf(r.w, "Statement %s of account %s\n", statement.Number, statement.Account)
	t := tally{transfers: len(bookings)}
	entries := foundation.Incoming(statement)
	for i, b := range bookings {
		var what string
		switch {
		case b.Known:
			t.known++
			what = "was booked" + onOrders(b.Matches) + " before"
		case b.Match == nil:
			t.unmatched++
			what = "NOT MATCHED: " + reasons[b.Reason] + perhaps(b.Suggestions)
		default:
			t.booked++
			what = fmt.Sprintf("%s%s (%s)", r.verb, onOrders(b.Matches), rules[b.Match.Rule])
			if b.Credit != nil {
				what += fmt.Sprintf(", %s too much becomes the buyer's credit", b.Credit.Amount)
			}
		}
		t.sum += b.Amount
		fmt.Fprintf(r.w, "  line %-6d %s %15s  %-16s  %s\n", entries[i].Line, b.ValueOn, b.Amount, b.BankReference, what)
	}
	for _, d := range departures {
		if what := r.departure(d); what != "" {
			fmt.Fprintf(r.w, "  line %-6d %s %15s  %-16s  %s\n", d.Line, d.ValueOn, -d.Amount, d.BankReference, what)
		}
	}
	for _, line := range foundation.LeftOut(statement, departures) {
		fmt.Fprintf(r.w, "  line %d left alone: %s\n", line.Line, line.Why)
	}
	r.print(t, "")
	return t
}

// departure says what became of outgoing money; empty for an ordinary debit.
func (r report) departure(d handlers.Departure) string {
	switch {
	case d.Refund > 0:
		return "pays a confirmed refund"
	case !d.Reversal:
		return ""
	case d.Transfer == "":
		return "REVERSAL, NOT MATCHED: the transfer that it takes back is not certain; find it in the portal under Transfers"
	case d.Known:
		return "the bank took a transfer back; was booked before"
	}
	return "the bank took a transfer back; the money is taken off its orders (" + rules[d.Rule] + ")"
}

// onOrders names the orders of a transfer and, where there are several, what each got.
func onOrders(matches []domain.TransferMatched) string {
	switch len(matches) {
	case 0:
		return ""
	case 1:
		return " on order " + matches[0].Number.String()
	}
	var parts []string
	for _, match := range matches {
		parts = append(parts, fmt.Sprintf("%s (%s)", match.Number, match.Amount))
	}
	return " on orders " + strings.Join(parts, ", ")
}

// perhaps names the orders that a person may think of, and why.
func perhaps(suggestions []domain.Suggestion) string {
	var parts []string
	for _, s := range suggestions {
		var why []string
		for _, one := range s.Why {
			why = append(why, hints[one])
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", s.Number, strings.Join(why, ", ")))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; perhaps " + strings.Join(parts, " or ")
}

// rules say in words by what an order or a transfer was found.
var rules = map[string]string{
	domain.MatchedByVirtualAccount: "by its virtual account",
	domain.MatchedByReference:      "by the reference in the title",
	domain.MatchedByInvoice:        "by the invoice in the title",
	domain.MatchedByNumberExact:    "by the number in the title and the exact amount",
	domain.MatchedByPayer:          "by the payer's account and the exact amount",
	domain.ReversedByReference:     "found by the bank's reference",
	domain.ReversedByPayer:         "found by account and amount",
}

// hints say in words why an order is suggested.
var hints = map[string]string{
	domain.SuggestedNamed:     "its number stands in the title",
	domain.SuggestedReference: "its reference differs in one digit",
	domain.SuggestedPayer:     "the account has paid for its buyer before",
	domain.SuggestedName:      "the payer is called like its buyer",
	domain.SuggestedAmount:    "the only one with this amount open",
}

// reasons say in words why a transfer found no order, and what to do.
var reasons = map[string]string{
	domain.UnmatchedNoReference:  "the title names no order; ask the payer which one it pays",
	domain.UnmatchedMistyped:     "the title names an order with wrong check digits; ask the payer for the right number",
	domain.UnmatchedAmbiguous:    "the title names more than one order, all without check digits; ask the payer what each gets",
	domain.UnmatchedUnknownOrder: "no order has the number in the title; ask the payer for the right one",
	domain.UnmatchedNotOpen:      "the order is cancelled or paid already; send the money back or ask the payer what it is for",
	domain.UnmatchedUnsure:       "the number has no check digits and the amount is not what is open; ask the payer",
	domain.UnmatchedForeign:      "the order is to be paid on another account; ask the payer or move the money",
}
