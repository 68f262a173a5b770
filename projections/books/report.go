package books

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"iter"
	"strings"

	"netrom.pl/portal/domain"
)

// Kind says how the cells of a column are written.
type Kind int

// The kinds of cells: string, [domain.Money], [domain.Day], [time.Time] in UTC, and whole numbers (int, [domain.Position]).
// An empty text, no day, the zero moment and nil are empty cells; so is 0, but not as an amount.
const (
	Text Kind = iota
	Code      // a text that has words for people, see [Words]
	Amount
	Date
	Moment
	Whole
)

// Column of a table. Name is its name in the digest and in exports; pages and papers translate it.
type Column struct {
	Name string
	Kind Kind
	Head bool // stands once above the rows that have it in common
}

// Table begins a part of a report.
type Table struct {
	Name    string
	Columns []Column
}

// Seal ends a report: what it was folded from, and the SHA-256 digest over its tables in a form of their own, so that the
// same report has the same digest in every format and language.
type Seal struct {
	Report      string
	From, To    domain.Position // first and last record of the fold; 0 when there is none
	EffectiveOn domain.Day
	Digest      string // hexadecimal
	Exceptions  int    // found so far by what [ReconcileReport] looks at
	Totals      Totals // over the records of the fold, as far as they count
}

// SumRow is the first cell of a row that sums up those above it.
const SumRow = "sum"

// Words says a table's name ("table"), a column's ("column") or a code in a column of that name to people.
type Words func(family, code string) string

// Printer writes a report. A row has one cell for each column of the table begun last.
type Printer interface {
	Table(Table) error
	Row(cells []any) error
	End(Seal) error
}

// The reports.
const (
	HistoryReport   = "history"
	JournalReport   = "journal"
	BalanceReport   = "balance"
	OpenReport      = "open"
	ReconcileReport = "reconcile"
)

// Reports lists the reports by name.
var Reports = []string{HistoryReport, JournalReport, BalanceReport, OpenReport, ReconcileReport}

// report makes the tables of one report.
type report interface {
	see(domain.Record, *Entry) error // the entry is nil if the record moves no money
	end() error
}

// Print folds the log and prints a report.
func Print(ctx context.Context, source Source, name string, q Question, out Printer) (Seal, error) {
	var until domain.Day
	if name == OpenReport || name == ReconcileReport {
		until = q.EffectiveOn
	}
	books := New(source, until)
	sealed := &sealing{Printer: out, digest: sha256.New()}
	report, err := reportOf(name, books, q, sealed)
	if err != nil {
		return Seal{}, err
	}
	for record, err := range source.History(ctx, 0) {
		if err != nil {
			return Seal{}, fmt.Errorf("read the log: %w", err)
		}
		if q.ends(record) {
			break
		}
		entry, err := books.See(ctx, record)
		if err != nil {
			return Seal{}, err
		}
		if q.EffectiveOn != "" {
			if on, _ := books.dayOf(record); on > q.EffectiveOn {
				continue
			}
		}
		if err := report.see(record, entry); err != nil {
			return Seal{}, fmt.Errorf("print %s: %w", name, err)
		}
	}
	if err := books.check.drain(ctx, source, books.to+1); err != nil {
		return Seal{}, err
	}
	if err := report.end(); err != nil {
		return Seal{}, fmt.Errorf("print %s: %w", name, err)
	}
	seal := Seal{Report: name, From: books.from, To: books.to, EffectiveOn: q.EffectiveOn, Digest: hex.EncodeToString(sealed.digest.Sum(nil)),
		Exceptions: len(books.check.exceptions) + books.check.uncounted, Totals: books.check.totals}
	return seal, out.End(seal)
}

func reportOf(name string, books *Books, q Question, out Printer) (report, error) {
	switch name {
	case HistoryReport:
		return &history{books: books, out: out}, nil
	case JournalReport:
		return &journal{out: out}, nil
	case BalanceReport:
		return &balance{out: out}, nil
	case OpenReport:
		return &open{books: books, out: out}, nil
	case ReconcileReport:
		return &reconcile{books: books, out: out, turnovers: map[Account]Turnover{}}, nil
	}
	return nil, fmt.Errorf("there is no report %q; these are: %s", name, strings.Join(Reports, ", "))
}

// Select yields the records that a question asks for.
func Select(ctx context.Context, source Source, q Question) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		books := New(source, "")
		for record, err := range source.History(ctx, 0) {
			if err == nil && q.ends(record) {
				return
			}
			books.close(record)
			if on, _ := books.dayOf(record); err == nil && q.EffectiveOn != "" && on > q.EffectiveOn {
				continue
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// sealing passes a report on and digests it: each table and row as one line of JSON.
type sealing struct {
	Printer
	digest hash.Hash
}

func (s *sealing) Table(t Table) error {
	names := []any{"table", t.Name}
	for _, column := range t.Columns {
		names = append(names, column.Name)
	}
	if err := s.add(names); err != nil {
		return err
	}
	return s.Printer.Table(t)
}

func (s *sealing) Row(cells []any) error {
	if err := s.add(cells); err != nil {
		return err
	}
	return s.Printer.Row(cells)
}

func (s *sealing) add(cells []any) error {
	line, err := json.Marshal(cells)
	if err != nil {
		return fmt.Errorf("digest a row: %w", err)
	}
	s.digest.Write(append(line, '\n'))
	return nil
}
