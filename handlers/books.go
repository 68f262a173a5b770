package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
	"netrom.pl/portal/projections/books"
)

// booksFileMax is the largest file that the pages hand out, in bytes; the program accounts writes larger ones.
const booksFileMax = 64 << 20

// BooksWords says the books in one of the portal's languages. Programs print them too.
func BooksWords(l domain.Language) books.Words {
	return func(family, code string) string {
		id := "books." + family + "." + code
		switch {
		case code == books.SumRow:
			id = "books.sum"
		case family == "status":
			id = "status." + code
		}
		text, err := spoken[l].text(id)
		if err != nil {
			panic(err) // every table and code has its words; a test counts them
		}
		return text
	}
}

// booksView is a page of a report.
type booksView struct {
	Report       string
	Reports      []string
	RecordedUpTo string // as the reader wrote it
	EffectiveOn  string
	Tables       []*booksTable
	Seal         books.Seal
	List         booksList
	Formats      []string
	Query        template.URL // of this report without a page, to be put behind the name of a file
	Chart        *monthsView  // of the balance; nil: none
}

// booksList is the list of all rows of a report, whatever their table.
type booksList struct {
	list
	question url.Values
}

// At is the address of a page of the report.
func (l booksList) At(number int) string {
	q := maps.Clone(l.question)
	q.Set("page", strconv.Itoa(number))
	return l.address(q)
}

// booksTable is the part of a table that is on the page.
type booksTable struct {
	Title   string
	Columns []booksCell // headings
	Groups  []*booksGroup
	Empty   bool // the report has no row of it
	table   books.Table
}

// booksGroup are rows that have something in common, which stands above them.
type booksGroup struct {
	Head []booksCell
	Rows [][]booksCell
}

// booksCell is a cell as people read it, under its heading.
type booksCell struct {
	Title string
	Text  string
	Right bool // figures stand to the right
}

// booksPage is a [books.Leaf] that keeps the rows of one page, and of the balance what its chart shows.
type booksPage struct {
	words       *words
	say         books.Words
	first, rows int // the first row on the page, and all so far
	tables      []*booksTable
	table       *booksTable
	months      []projections.MonthRow
}

// Table is [books.Printer.Table].
func (p *booksPage) Table(t books.Table) error {
	p.table = &booksTable{Title: p.say("table", t.Name), Empty: true, table: t}
	for _, column := range t.Columns {
		if !column.Head {
			p.table.Columns = append(p.table.Columns, booksCell{Title: p.say("column", column.Name), Right: isFigure(column)})
		}
	}
	p.tables = append(p.tables, p.table)
	return nil
}

func isFigure(column books.Column) bool {
	return column.Kind == books.Amount || column.Kind == books.Whole
}

// Row is [books.Printer.Row].
func (p *booksPage) Row(cells []any) error {
	p.chart(cells)
	p.table.Empty = false
	n := p.rows
	if p.rows++; n < p.first || n >= p.first+listRows {
		return nil
	}
	var head, row []booksCell
	for i, column := range p.table.table.Columns {
		cell := booksCell{Title: p.say("column", column.Name), Text: p.words.cell(p.say.Say(column, cells[i])), Right: isFigure(column)}
		if !column.Head {
			row = append(row, cell)
		} else if cell.Text != "" {
			head = append(head, cell)
		}
	}
	last := len(p.table.Groups) - 1
	if last < 0 || !slices.Equal(p.table.Groups[last].Head, head) {
		p.table.Groups = append(p.table.Groups, &booksGroup{Head: head})
		last++
	}
	p.table.Groups[last].Rows = append(p.table.Groups[last].Rows, row)
	return nil
}

// Skip is [books.Leaf.Skip].
func (p *booksPage) Skip(rows int) bool {
	if p.rows+rows > p.first && p.rows < p.first+listRows {
		return false
	}
	p.rows, p.table.Empty = p.rows+rows, p.table.Empty && rows == 0
	return true
}

// cell of the books as people read it. Nothing is not written as zero.
func (w *words) cell(cell any) string {
	switch c := cell.(type) {
	case nil:
		return ""
	case domain.Money:
		if c == 0 {
			return ""
		}
		return c.String()
	case domain.Day:
		return w.day(c)
	case time.Time:
		return w.instant(c)
	case domain.Position:
		if c == 0 {
			return ""
		}
	}
	return fmt.Sprint(cell)
}

// End is [books.Printer.End].
func (p *booksPage) End(books.Seal) error { return nil }

// chart takes what came in, what was sold and what is prepaid out of the months of the balance.
func (p *booksPage) chart(cells []any) {
	if p.table.table.Name != books.MonthsTable {
		return
	}
	month, account := cells[0].(string), books.Account(cells[1].(string))
	if last := len(p.months) - 1; last < 0 || p.months[last].Month != month {
		row := projections.MonthRow{Month: month}
		if last >= 0 {
			row.Open = p.months[last].Open
		}
		p.months = append(p.months, row)
	}
	row := &p.months[len(p.months)-1]
	switch account {
	case books.Bank:
		row.Received = cells[2].(domain.Money)
	case books.Sales, books.VAT:
		row.Gross += cells[3].(domain.Money)
	case books.Prepayments:
		row.Open = -cells[4].(domain.Money)
	}
}

// showBooks shows a report of the books to accounting.
func (s *Server) showBooks(c *call) (reply, error) {
	report, err := reportOf(c)
	if err != nil {
		return reply{}, err
	}
	query := c.URL.Query()
	view := booksView{Report: report, Reports: books.Reports, RecordedUpTo: query.Get(recordedUpToField), EffectiveOn: query.Get(effectiveOnField)}
	number, err := strconv.Atoi(query.Get("page"))
	if err != nil || number < 1 || number > listPagesMax {
		number = 1
	}
	question, refusal := questionOf(query)
	if refusal != nil {
		return reply{page: "books", subject: c.say("books.report." + report), view: view, refusal: refusal, field: refusal.Facts["field"]}, nil
	}
	page := &booksPage{words: spoken[c.language], say: BooksWords(c.language), first: (number - 1) * listRows}
	if view.Seal, err = s.books.Print(c.Context(), report, question, page); err != nil {
		return reply{}, err
	}
	view.Formats = []string{"csv", "xlsx", "jsonl"}
	if report == books.JournalReport {
		view.Formats = append(view.Formats, "hledger")
	}
	if len(page.months) > 0 && number == 1 {
		chart := chartOf(page.months[max(0, len(page.months)-monthsShown):])
		view.Chart = &chart
	}
	view.Tables = page.onPage()
	kept := url.Values{recordedUpToField: {view.RecordedUpTo}, effectiveOnField: {view.EffectiveOn}}
	view.Query = template.URL(kept.Encode())
	view.List = booksList{list{Path: "/books/" + report, Number: number, Rows: max(0, min(listRows, page.rows-page.first)), Total: page.rows}, kept}
	return reply{page: "books", subject: c.say("books.report." + report), view: view}, nil
}

// onPage are the tables with rows on the page, and those without any on the first.
func (p *booksPage) onPage() []*booksTable {
	return slices.DeleteFunc(p.tables, func(t *booksTable) bool { return len(t.Groups) == 0 && !(t.Empty && p.first == 0) })
}

// booksPath is where accounting's books begin.
const booksPath = "/books"

// The fields in which a reader asks as of another day.
const (
	recordedUpToField = "recorded-up-to"
	effectiveOnField  = "effective-on"
)

func questionOf(query url.Values) (books.Question, *domain.Refusal) {
	question, err := books.ReadQuestion(query.Get(recordedUpToField), query.Get(effectiveOnField))
	switch {
	case err == nil:
		return question, nil
	case errors.Is(err, books.ErrRecordedUpTo):
		return question, &domain.Refusal{Code: domain.InvalidInput, Facts: map[string]string{"field": recordedUpToField, "limit": "1234, 2026-11-22, 2026-11-22T14:30:00Z"}}
	}
	return question, &domain.Refusal{Code: domain.InvalidInput, Facts: map[string]string{"field": effectiveOnField, "limit": "2026-11-22"}}
}

// reportOf a path; the balance, where none is named.
func reportOf(c *call) (string, error) {
	if c.route.Path == booksPath {
		return books.BalanceReport, nil
	}
	report, err := c.name("report")
	if err == nil && !slices.Contains(books.Reports, report) {
		err = domain.Refusal{Code: domain.NotFound}
	}
	return report, err
}

// bookFormats are the files that the pages hand out, by name, with their content type.
var bookFormats = map[string]struct{ contentType, extension string }{
	"csv":     {"text/csv; charset=utf-8", "csv"},
	"xlsx":    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
	"jsonl":   {"application/jsonl", "jsonl"},
	"hledger": {"text/plain; charset=utf-8", "journal"},
}

// downloadBooks hands a report to accounting as a file: the same as accounts export writes.
func (s *Server) downloadBooks(c *call) (reply, error) {
	report, err := reportOf(c)
	if err != nil {
		return reply{}, err
	}
	name, err := c.name("format")
	if err != nil {
		return reply{}, err
	}
	format, known := bookFormats[name]
	question, refusal := questionOf(c.URL.Query())
	if !known || refusal != nil || name == "hledger" && report != books.JournalReport {
		return reply{}, domain.Refusal{Code: domain.NotFound}
	}
	var file limited
	out, err := s.printerOf(name, &file, BooksWords(c.language))
	if err != nil {
		return reply{}, err
	}
	seal, err := s.books.Print(c.Context(), report, question, out)
	if errors.Is(err, errFileTooLarge) {
		err = domain.Refusal{Code: booksTooLarge}
	}
	return reply{download: &download{contentType: format.contentType, name: fmt.Sprintf("%s-%d.%s", report, seal.To, format.extension), content: file.Bytes()}}, err
}

func (s *Server) printerOf(format string, w io.Writer, words books.Words) (books.Printer, error) {
	switch format {
	case "xlsx":
		return s.BooksWorkbook(w, words)
	case "jsonl":
		return books.NewJSONLines(w), nil
	case "hledger":
		return books.NewHledger(w), nil
	}
	return books.NewCSV(w, words), nil
}

var errFileTooLarge = errors.New("the file is too large")

// limited is a file in memory of at most booksFileMax bytes.
type limited struct{ bytes.Buffer }

// Write refuses what does not fit.
func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > booksFileMax {
		return 0, errFileTooLarge
	}
	return l.Buffer.Write(p)
}
