package books

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"netrom.pl/portal/domain"
)

// csvPrinter writes what Excel with Polish settings reads: semicolons, decimal commas, UTF-8 with a mark. The tables follow each other
// with an empty line between them.
type csvPrinter struct {
	w     *bufio.Writer
	words Words
	table Table
	begun bool
}

// NewCSV prints as CSV.
func NewCSV(w io.Writer, words Words) Printer {
	return &csvPrinter{w: bufio.NewWriter(w), words: words}
}

// byteOrderMark tells Excel that the text is UTF-8.
const byteOrderMark = "\ufeff"

func (p *csvPrinter) Table(t Table) error {
	if !p.begun {
		p.w.WriteString(byteOrderMark)
	} else {
		p.w.WriteString("\r\n")
	}
	p.begun, p.table = true, t
	var titles []string
	for _, column := range t.Columns {
		titles = append(titles, p.words("column", column.Name))
	}
	return p.line(titles)
}

func (p *csvPrinter) Row(cells []any) error {
	var texts []string
	for i, cell := range cells {
		switch c := p.words.Say(p.table.Columns[i], cell).(type) {
		case domain.Money:
			texts = append(texts, strings.Replace(c.Decimal(), ".", ",", 1))
		case string:
			texts = append(texts, Harmless(c))
		default:
			texts = append(texts, plain(cell))
		}
	}
	return p.line(texts)
}

// Harmless puts an apostrophe before a text that a spreadsheet would take for a formula. Source: OWASP, CSV Injection.
func Harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}

// line writes cells by RFC 4180, with semicolons.
func (p *csvPrinter) line(texts []string) error {
	for i, text := range texts {
		if i > 0 {
			p.w.WriteByte(';')
		}
		if strings.ContainsAny(text, ";\"\r\n") {
			text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		}
		p.w.WriteString(text)
	}
	_, err := p.w.WriteString("\r\n")
	return err
}

func (p *csvPrinter) End(s Seal) error {
	if err := p.Table(sealTable); err != nil {
		return err
	}
	if err := p.Row(s.Cells()); err != nil {
		return err
	}
	return p.w.Flush()
}

// sealTable is the seal as the last table of an export.
var sealTable = Table{"report", []Column{{"report", Code, false}, {"from_position", Whole, false}, {"to_position", Whole, false},
	{"effective_on", Date, false}, {"sha256", Text, false}}}

// Cells of the seal, under the columns report, from_position, to_position, effective_on and sha256.
func (s Seal) Cells() []any { return []any{s.Report, s.From, s.To, s.EffectiveOn, s.Digest} }

// SealTable is the table to which [Seal.Cells] are the only row.
func SealTable() Table { return sealTable }

// plain is a cell for programs that read text: no amounts.
func plain(cell any) string {
	switch c := cell.(type) {
	case nil:
		return ""
	case time.Time:
		if c.IsZero() {
			return ""
		}
		return c.UTC().Format(time.RFC3339Nano)
	case domain.Position:
		if c == 0 {
			return ""
		}
	}
	return fmt.Sprint(cell)
}

// jsonPrinter writes JSON Lines: each row an object that names its table; amounts in grosz.
type jsonPrinter struct {
	w     *bufio.Writer
	table Table
}

// NewJSONLines prints as JSON Lines.
func NewJSONLines(w io.Writer) Printer { return &jsonPrinter{w: bufio.NewWriter(w)} }

func (p *jsonPrinter) Table(t Table) error {
	p.table = t
	return nil
}

func (p *jsonPrinter) Row(cells []any) error {
	p.w.WriteString(`{"table":"` + p.table.Name + `"`)
	for i, column := range p.table.Columns {
		value, err := json.Marshal(cells[i])
		if err != nil {
			return fmt.Errorf("write %s: %w", column.Name, err)
		}
		p.w.WriteString(`,"` + column.Name + `":`)
		p.w.Write(value)
	}
	_, err := p.w.WriteString("}\n")
	return err
}

func (p *jsonPrinter) End(s Seal) error {
	p.table = sealTable
	if err := p.Row(s.Cells()); err != nil {
		return err
	}
	return p.w.Flush()
}
