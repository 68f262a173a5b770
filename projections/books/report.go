package books

import (
	"context"
	"encoding/json"
	"fmt"
	"hash"
	"iter"
	"strconv"

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
	begin(Printer) error
	see(domain.Record, *Entry, Printer) error // the entry is nil if the record moves no money
	end(Printer) error                        // what was seen is still there afterwards, and more may be seen
}

// Print folds the log and prints a report.
func Print(ctx context.Context, source Source, name string, q Question, out Printer) (Seal, error) {
	f := newFold(source, q, countsUpTo(name, q))
	p, err := f.add(name, out)
	if err != nil {
		return Seal{}, err
	}
	if err := f.read(ctx, source); err != nil {
		return Seal{}, err
	}
	return f.print(ctx, source, p, out)
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
	line   []byte // of the row above
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
	line := append(s.line[:0], '[')
	for i, cell := range cells {
		if i > 0 {
			line = append(line, ',')
		}
		var err error
		if line, err = appendJSON(line, cell); err != nil {
			return fmt.Errorf("digest a row: %w", err)
		}
	}
	s.line = append(line, ']', '\n')
	s.digest.Write(s.line)
	return nil
}

// appendJSON appends what [json.Marshal] writes of a cell; it does so itself for what most cells are.
func appendJSON(line []byte, cell any) ([]byte, error) {
	switch c := cell.(type) {
	case string:
		if isPlain(c) {
			return append(append(append(line, '"'), c...), '"'), nil
		}
	case domain.Day:
		if isPlain(string(c)) {
			return append(append(append(line, '"'), c...), '"'), nil
		}
	case domain.Money:
		return strconv.AppendInt(line, int64(c), 10), nil
	case domain.Position:
		return strconv.AppendUint(line, uint64(c), 10), nil
	case int:
		return strconv.AppendInt(line, int64(c), 10), nil
	}
	text, err := json.Marshal(cell)
	return append(line, text...), err
}

// isPlain tells whether a text stands in JSON as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
