package handlers

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"
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
	for format := range bookFormats {
		ids = append(ids, "format."+format)
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

// TestBooksPages shows the same report as the program prints, with the same digest, on every page and in every file.
func TestBooksPages(t *testing.T) {
	w := newWorld(t)
	v := w.browser("accounting-1")
	v.open("/books/journal").wants(t, "KSIĘGI", "nic")
	buyer := w.program("kowal")
	buyer.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
	var order orderAnswer
	buyer.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	placed := stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(order.ID)))
	received := domain.TransferReceived{Transfer: "t-1", Account: placed.Bank.Account, Amount: placed.Total.Gross, ValueOn: "2026-11-23", BankReference: "KB1"}
	do(w, domain.ReceiveTransfer{TransferReceived: received, Matches: []domain.TransferMatched{{Transfer: "t-1", Order: placed.OrderSubmitted.Order, Number: placed.Number, Amount: received.Amount, ValueOn: received.ValueOn}}})
	for _, report := range books.Reports {
		var text bytes.Buffer
		seal, err := books.Print(t.Context(), w.log, report, books.Question{}, books.NewText(&text, BooksWords(domain.Polish)))
		if err != nil {
			t.Fatal(err)
		}
		v.open("/books/"+report).wants(t, seal.Digest, "aria-current=\"page\"", "/books/"+report+"/csv")
		for format := range bookFormats {
			if format == "hledger" && report != books.JournalReport {
				continue
			}
			v.open("/books/"+report+"/"+format).wants(t, seal.Digest)
		}
	}
	v.open("/books").wants(t, "obroty i salda", "<polyline")
	v.open("/books/balance").wants(t, "<polyline", "rachunek bankowy", "przedpłaty na zamówienia")
	v.open("/books/journal").wants(t, "2026/000001", "TransferReceived", "wpłaty do wyjaśnienia")
	v.open("/books/journal/hledger").wants(t, "assets:bank", "balance assertions")
	v.open("/books/journal?recorded-up-to=1&effective-on=2020-02-29").wants(t, "value=\"2020-02-29\"", "nic")
	v.open("/books/journal?recorded-up-to=7&effective-on=2026-11-23").wants(t, `href="/books/balance?effective-on=2026-11-23&amp;recorded-up-to=7"`,
		`href="/books/journal/csv?effective-on=2026-11-23&amp;recorded-up-to=7"`)
	v.get("/books/journal?recorded-up-to=yesterday").wants(t, "aria-invalid=\"true\"", "1234, 2026-11-22")
	v.get("/books/journal?effective-on=2026-02-30").wants(t, "aria-invalid=\"true\"")
	for _, path := range []string{"/books/profit", "/books/journal/pdf", "/books/open/hledger", "/books/journal/csv?effective-on=x"} {
		if got := v.get(path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, got.StatusCode)
		}
	}
}

// TestBooksLeaf cuts a long report into pages that together have every row once.
func TestBooksLeaf(t *testing.T) {
	w := newWorld(t)
	for i := range 120 {
		id := domain.TransferID(fmt.Sprint("t-", i))
		do(w, domain.ReceiveTransfer{TransferReceived: domain.TransferReceived{Transfer: id, Amount: domain.Money(i + 1), ValueOn: "2026-11-02", BankReference: fmt.Sprintf("REF%03d", i)}})
	}
	v := w.browser("accounting-1")
	first, second, third := v.open("/books/journal"), v.open("/books/journal?page=2"), v.open("/books/journal?page=3")
	first.wants(t, "REF049", "rel=\"next\"")
	second.wants(t, "REF050", "REF099", "rel=\"prev\"")
	third.wants(t, "REF100", "REF119")
	for i := range 120 {
		ref, seen := fmt.Sprintf("REF%03d", i), 0
		for _, page := range []string{first.text, second.text, third.text} {
			if strings.Contains(page, ref) {
				seen++
			}
		}
		if seen != 1 {
			t.Errorf("%s stands on %d pages", ref, seen)
		}
	}
}
