package handlers

import (
	"context"
	"iter"
	"testing"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections/books"
)

// emptyLog is a log in which nothing has happened.
type emptyLog struct{}

func (emptyLog) Read(context.Context, string, domain.Revision) iter.Seq2[domain.Record, error] {
	return func(func(domain.Record, error) bool) {}
}

func (emptyLog) History(context.Context, domain.Position) iter.Seq2[domain.Record, error] {
	return func(func(domain.Record, error) bool) {}
}

// headings collects the names of a report's tables and columns.
type headings struct{ tables, columns map[string]bool }

func (h headings) Table(table books.Table) error {
	h.tables[table.Name] = true
	for _, column := range table.Columns {
		h.columns[column.Name] = true
	}
	return nil
}

func (h headings) Row([]any) error      { return nil }
func (h headings) End(books.Seal) error { return h.Table(books.SealTable()) }

func headingsOfBooks(t *testing.T) headings {
	t.Helper()
	h := headings{tables: map[string]bool{"none": true}, columns: map[string]bool{}}
	for _, report := range books.Reports {
		if _, err := books.Print(t.Context(), emptyLog{}, report, books.Question{}, h); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// booksWords are the ids of all that the books can say.
func booksWords(t *testing.T) []string {
	h := headingsOfBooks(t)
	ids := []string{"sum", "agrees.yes", "agrees.no", "refund_state.proposed", "refund_state.confirmed"}
	for table := range h.tables {
		ids = append(ids, "table."+table)
	}
	for column := range h.columns {
		ids = append(ids, "column."+column)
	}
	for _, what := range books.Whats {
		ids = append(ids, "what."+what)
	}
	for _, account := range books.Chart {
		ids = append(ids, "account."+string(account))
	}
	for _, report := range books.Reports {
		ids = append(ids, "report."+report)
	}
	return ids
}
