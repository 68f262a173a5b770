package handlers

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"netrom.pl/portal/domain"
)

// Limits of a file with the numbers of invoices.
const (
	InvoiceFileBytesMax = 8 << 20
	InvoiceRowsMax      = 20_000
)

// InvoiceEntry is a line of such a file.
type InvoiceEntry struct {
	Line   int // of the file, from 1
	Number domain.OrderNumber
	domain.InvoiceRecorded
}

// InvoiceMistake names the place of something that stands in the way of an import.
type InvoiceMistake struct {
	Line   int
	Column string // empty: the whole line
	Text   string // a sentence for the reader
}

// invoiceColumns are the names of the columns that are read, Polish as in [Handover] or English; others are left alone.
var invoiceColumns = map[string]string{
	strings.ToLower(columnOrder): columnOrder, "order": columnOrder, strings.ToLower(columnInvoice): columnInvoice, "invoice": columnInvoice,
	strings.ToLower(columnKSeF): columnKSeF, "ksef": columnKSeF, strings.ToLower(columnIssuedOn): columnIssuedOn, "issued_on": columnIssuedOn,
	strings.ToLower(columnAdvance): columnAdvance, "advance": columnAdvance, strings.ToLower(columnKind): columnKind, "kind": columnKind,
}

// neededColumns must be there; the others may be left out.
var neededColumns = []string{columnOrder, columnInvoice, columnIssuedOn}

// invoiceSheet is such a file while it is read.
type invoiceSheet struct {
	words    *words
	columns  []string // empty until the line of headings
	entries  []InvoiceEntry
	mistakes []InvoiceMistake
}

// ReadInvoices reads a CSV file: UTF-8 or Windows-1250, semicolons or commas, and above the line of headings whatever there may be.
// Lines without any number of an invoice are left out: they wait for theirs.
func ReadInvoices(raw []byte, language domain.Language) ([]InvoiceEntry, []InvoiceMistake) {
	sheet := invoiceSheet{words: spoken[language]}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !utf8.Valid(raw) {
		decoded, err := charmap.Windows1250.NewDecoder().Bytes(raw)
		if err != nil {
			sheet.wrong(1, "", "invoices.letters")
			return nil, sheet.mistakes
		}
		raw = decoded
	}
	reader := csv.NewReader(bytes.NewReader(raw))
	reader.FieldsPerRecord = -1
	if bytes.Count(raw, []byte(";")) >= bytes.Count(raw, []byte(",")) {
		reader.Comma = ';'
	}
	for len(sheet.entries) <= InvoiceRowsMax {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if broken := new(csv.ParseError); errors.As(err, &broken) {
			sheet.wrong(broken.Line, "", "import.quotes")
			return nil, sheet.mistakes
		}
		line, _ := reader.FieldPos(0)
		sheet.row(line, fields)
	}
	switch {
	case len(sheet.columns) == 0:
		sheet.wrong(1, "", "invoices.headings", "columns", strings.Join(neededColumns, ", "))
	case len(sheet.entries) > InvoiceRowsMax:
		sheet.wrong(sheet.entries[InvoiceRowsMax].Line, "", "import.rows", "max", InvoiceRowsMax)
	case len(sheet.entries) == 0 && len(sheet.mistakes) == 0:
		sheet.wrong(1, "", "invoices.empty")
	}
	return sheet.entries, sheet.mistakes
}

func (s *invoiceSheet) wrong(line int, column, id string, facts ...any) {
	text, err := s.words.text(id, facts...)
	if err != nil {
		panic(err) // a mistake in the program, see words.text
	}
	s.mistakes = append(s.mistakes, InvoiceMistake{line, column, text})
}

func (s *invoiceSheet) row(line int, fields []string) {
	if len(s.columns) == 0 {
		var columns []string
		for _, field := range fields {
			columns = append(columns, invoiceColumns[strings.ToLower(strings.TrimSpace(field))])
		}
		if !slices.ContainsFunc(neededColumns, func(name string) bool { return !slices.Contains(columns, name) }) {
			s.columns = columns
		}
		return
	}
	cell := func(column string) string {
		if i := slices.Index(s.columns, column); i >= 0 && i < len(fields) {
			return strings.TrimSpace(plainCell(fields[i]))
		}
		return ""
	}
	invoice, ksef, issued := cell(columnInvoice), cell(columnKSeF), cell(columnIssuedOn)
	if invoice == "" && ksef == "" && issued == "" {
		return
	}
	before := len(s.mistakes)
	number, err := domain.ParseOrderNumber(cell(columnOrder))
	if err != nil {
		s.wrong(line, columnOrder, "invoices.order")
	}
	if cell(columnKind) == billingKinds[domain.CorrectionBilling] {
		s.wrong(line, columnKind, "invoices.correction")
	}
	entry := InvoiceEntry{Line: line, Number: number, InvoiceRecorded: domain.InvoiceRecorded{Invoice: invoice, Advance: domain.Month(cell(columnAdvance))}}
	if invoice == "" {
		s.wrong(line, columnInvoice, "invoices.number")
	}
	if entry.KSeF, err = domain.ParseKSeFNumber(ksef); err != nil && ksef != "" {
		s.wrong(line, columnKSeF, "invoices.ksef")
	}
	if entry.IssuedOn = dayTyped(issued); entry.IssuedOn == "" {
		s.wrong(line, columnIssuedOn, "invoices.day")
	}
	if len(s.mistakes) == before {
		s.entries = append(s.entries, entry)
	}
}

// dayTyped reads 2026-11-05 or, as a Polish spreadsheet writes it, 5.11.2026; empty if it is no day.
func dayTyped(text string) domain.Day {
	for _, form := range []string{time.DateOnly, "2.1.2006"} {
		if at, err := time.Parse(form, text); err == nil {
			return domain.Day(at.Format(time.DateOnly))
		}
	}
	return ""
}

// RecordInvoices writes all entries down or, where one of them is refused, none: first all are tried on a rehearsal of the log. The same
// file again changes nothing, so what broke in the middle is ended by importing it again. It answers how many were new.
func RecordInvoices(ctx context.Context, log domain.Log, by domain.Cause, entries []InvoiceEntry, language domain.Language) (int, domain.Position, []InvoiceMistake, error) {
	if _, _, mistakes, err := recordInvoices(ctx, domain.Rehearse(log), by, entries, language); err != nil || len(mistakes) > 0 {
		return 0, 0, mistakes, err
	}
	return recordInvoices(ctx, log, by, entries, language)
}

// RehearseInvoices says what [RecordInvoices] would do, and writes nothing.
func RehearseInvoices(ctx context.Context, log domain.Log, by domain.Cause, entries []InvoiceEntry, language domain.Language) (int, []InvoiceMistake, error) {
	done, _, mistakes, err := recordInvoices(ctx, domain.Rehearse(log), by, entries, language)
	return done, mistakes, err
}

func recordInvoices(ctx context.Context, log domain.Log, by domain.Cause, entries []InvoiceEntry, language domain.Language) (done int, last domain.Position, mistakes []InvoiceMistake, err error) {
	cashier := NewCashier(log)
	for _, entry := range entries {
		order, found, err := cashier.order(ctx, entry.Number)
		if err != nil {
			return done, last, nil, fmt.Errorf("find order %s: %w", entry.Number, err)
		}
		if !found {
			text, err := spoken[language].text("invoices.unknown-order", "order", entry.Number)
			if err != nil {
				return done, last, nil, err
			}
			mistakes = append(mistakes, InvoiceMistake{entry.Line, columnOrder, text})
			continue
		}
		entry.Order = order.Order
		outcome, err := domain.AddInvoice(ctx, log, by, domain.RecordInvoice{InvoiceRecorded: entry.InvoiceRecorded, On: DayOf(by.At)})
		if refusal, no := domain.IsRefusal(err); no {
			mistakes = append(mistakes, InvoiceMistake{entry.Line, columnOfField[refusal.Facts["field"]], Sentence(refusal, language)})
			continue
		}
		if err != nil {
			return done, last, nil, fmt.Errorf("record invoice of line %d: %w", entry.Line, err)
		}
		if last = max(last, outcome.Position); len(outcome.Events) > 0 {
			done++
		}
	}
	return done, last, mistakes, nil
}

// columnOfField is where a field of [domain.InvoiceRecorded] stands in the file.
var columnOfField = map[string]string{"invoice": columnInvoice, "ksef": columnKSeF, "issued_on": columnIssuedOn, "advance": columnAdvance}
