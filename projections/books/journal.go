package books

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"netrom.pl/portal/domain"
)

// The tables of the journal.
const (
	JournalTable   = "journal"
	ReversalsTable = "reversals"
	TurnoverTable  = "turnover"
	MonthsTable    = "months" // of the balance
)

// journal prints every entry as it comes, one row a posting.
type journal struct {
	running   map[int]Turnover // by year
	turnovers map[Account]Turnover
	reversals [][]any
}

// errUnbalanced says that an entry's debits and credits differ, which is a mistake in this program.
var errUnbalanced = errors.New("debits and credits differ")

func (j *journal) begin(out Printer) error {
	j.running, j.turnovers = map[int]Turnover{}, map[Account]Turnover{}
	return out.Table(Table{JournalTable, []Column{{"number", Text, true}, {"position", Whole, true}, {"recorded_at", Moment, true}, {"effective_on", Date, true},
		{"late_of", Date, true}, {"event", Text, true}, {"document", Text, true}, {"actor", Text, true}, {"on_behalf_of", Text, true}, {"event_id", Text, true},
		{"reverses", Whole, true}, {"account", Code, false}, {"detail", Text, false}, {"debit", Amount, false}, {"credit", Amount, false},
		{"running_debit", Amount, false}, {"running_credit", Amount, false}}})
}

func (j *journal) see(_ domain.Record, e *Entry, out Printer) error {
	if e == nil {
		return nil
	}
	if !e.balanced() {
		return fmt.Errorf("entry %s of position %d: %w", e.Number, e.Position, errUnbalanced)
	}
	if e.Reverses > 0 {
		j.reversals = append(j.reversals, []any{e.Reverses, e.Number.String(), e.Position, e.On})
	}
	for _, p := range e.Postings {
		running := j.running[e.Number.Year].plus(p)
		j.running[e.Number.Year] = running
		j.turnovers[p.Account] = j.turnovers[p.Account].plus(p)
		err := out.Row([]any{e.Number.String(), e.Position, e.RecordedAt.UTC(), e.On, e.LateOf, e.Event, e.Document, e.Actor, e.OnBehalfOf, e.ID, e.Reverses,
			string(p.Account), p.Detail, p.Debit, p.Credit, running.Debit, running.Credit})
		if err != nil {
			return err
		}
	}
	return nil
}

// end links every reversed entry with its reversal, and sums up years and accounts.
func (j *journal) end(out Printer) error {
	if err := out.Table(Table{ReversalsTable, []Column{{"position", Whole, false}, {"reversed_by", Text, false}, {"reversed_at", Whole, false}, {"effective_on", Date, false}}}); err != nil {
		return err
	}
	slices.SortStableFunc(j.reversals, func(a, b []any) int { return cmp.Compare(a[0].(domain.Position), b[0].(domain.Position)) })
	for _, row := range j.reversals {
		if err := out.Row(row); err != nil {
			return err
		}
	}
	if err := out.Table(Table{"years", []Column{{"year", Whole, false}, {"debit", Amount, false}, {"credit", Amount, false}}}); err != nil {
		return err
	}
	for _, year := range slices.Sorted(maps.Keys(j.running)) {
		if err := out.Row([]any{year, j.running[year].Debit, j.running[year].Credit}); err != nil {
			return err
		}
	}
	return printTurnovers(out, j.turnovers)
}

// printTurnovers prints the accounts with their sums, which must be the same on both sides.
func printTurnovers(out Printer, turnovers map[Account]Turnover) error {
	if err := out.Table(Table{TurnoverTable, []Column{{"account", Code, false}, {"debit", Amount, false}, {"credit", Amount, false},
		{"balance_debit", Amount, false}, {"balance_credit", Amount, false}}}); err != nil {
		return err
	}
	var sum, balances Turnover
	for _, account := range Chart {
		t := turnovers[account]
		owed, owing := max(t.Balance(), 0), max(-t.Balance(), 0)
		sum, balances = Turnover{sum.Debit + t.Debit, sum.Credit + t.Credit}, Turnover{balances.Debit + owed, balances.Credit + owing}
		if err := out.Row([]any{string(account), t.Debit, t.Credit, owed, owing}); err != nil {
			return err
		}
	}
	if sum.Balance() != 0 || balances.Balance() != 0 {
		return errUnbalanced
	}
	return out.Row([]any{SumRow, sum.Debit, sum.Credit, balances.Debit, balances.Credit})
}

// balance is the trial balance, by month and in all.
type balance struct {
	months map[string]map[Account]Turnover
	all    map[Account]Turnover
}

func (b *balance) begin(Printer) error { return nil }

func (b *balance) see(_ domain.Record, e *Entry, _ Printer) error {
	if e == nil {
		return nil
	}
	if !e.balanced() {
		return fmt.Errorf("entry %s of position %d: %w", e.Number, e.Position, errUnbalanced)
	}
	if b.all == nil {
		b.months, b.all = map[string]map[Account]Turnover{}, map[Account]Turnover{}
	}
	month := monthOf(e.On)
	if b.months[month] == nil {
		b.months[month] = map[Account]Turnover{}
	}
	for _, p := range e.Postings {
		b.months[month][p.Account] = b.months[month][p.Account].plus(p)
		b.all[p.Account] = b.all[p.Account].plus(p)
	}
	return nil
}

func (b *balance) end(out Printer) error {
	if err := printTurnovers(out, b.all); err != nil {
		return err
	}
	if err := out.Table(Table{MonthsTable, []Column{{"month", Text, true}, {"account", Code, false}, {"debit", Amount, false}, {"credit", Amount, false}, {"balance", Amount, false}}}); err != nil {
		return err
	}
	sums := map[Account]Turnover{}
	for _, month := range slices.Sorted(maps.Keys(b.months)) {
		for _, account := range Chart {
			t, moved := b.months[month][account]
			if !moved {
				continue
			}
			sums[account] = Turnover{sums[account].Debit + t.Debit, sums[account].Credit + t.Credit}
			if err := out.Row([]any{month, string(account), t.Debit, t.Credit, sums[account].Balance()}); err != nil {
				return err
			}
		}
	}
	return nil
}

// monthOf a day: 2026-11.
func monthOf(day domain.Day) string { return string(day)[:min(len(day), len("2006-01"))] }
