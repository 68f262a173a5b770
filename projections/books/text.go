package books

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"netrom.pl/portal/domain"
)

// textPrinter writes a report for people at a terminal, and for paper.
type textPrinter struct {
	w     *bufio.Writer
	words Words
	table Table
	head  []any // of the row above
	rows  int
}

// NewText prints as text in columns.
func NewText(w io.Writer, words Words) Printer {
	return &textPrinter{w: bufio.NewWriter(w), words: words}
}

// widths of the cells by kind, in characters; texts take what they need, and at least this or what their column has.
var (
	widths     = map[Kind]int{Text: 22, Code: 22, Amount: 17, Date: 12, Moment: 20, Whole: 9}
	textWidths = map[string]int{"account": 26, "what": 50, "status": 16, "order": 12, "number": 12, "event": 30, "buyer": 36, "agrees": 7, "subject": 36}
)

func (p *textPrinter) Table(t Table) error {
	p.none()
	p.table, p.head, p.rows = t, nil, 0
	fmt.Fprintln(p.w, p.words("table", t.Name))
	return p.line(func(i int) string { return p.words("column", t.Columns[i].Name) })
}

// line writes the cells of a row that it does not have in common with others.
func (p *textPrinter) line(text func(column int) string) error {
	var line strings.Builder
	for i, column := range p.table.Columns {
		if !column.Head {
			line.WriteString(" " + cell(column, text(i)))
		}
	}
	_, err := fmt.Fprintln(p.w, " "+strings.TrimRight(line.String(), " "))
	return err
}

// none says of a table without rows that it has none.
func (p *textPrinter) none() {
	if p.table.Name != "" && p.rows == 0 {
		fmt.Fprintln(p.w, "  "+p.words("table", "none"))
	}
	if p.table.Name != "" {
		fmt.Fprintln(p.w)
	}
}

func (p *textPrinter) Row(cells []any) error {
	p.rows++
	p.common(cells)
	return p.line(func(i int) string { return shown(p.words.Say(p.table.Columns[i], cells[i])) })
}

// common writes what a row has in common with those below it, once.
func (p *textPrinter) common(cells []any) {
	var head []any
	for i, column := range p.table.Columns {
		if column.Head {
			head = append(head, cells[i])
		}
	}
	if len(head) == 0 || slices.Equal(head, p.head) {
		return
	}
	p.head = head
	n := 0
	for _, column := range p.table.Columns {
		if !column.Head {
			continue
		}
		text := shown(p.words.Say(column, head[n]))
		if n++; text == "" {
			continue
		}
		if n > 1 {
			text = "  " + p.words("column", column.Name) + " " + text
		}
		p.w.WriteString(text)
	}
	p.w.WriteByte('\n')
}

// cell pads a text to the width of its column.
func cell(column Column, text string) string {
	width := widths[column.Kind]
	if own, ok := textWidths[column.Name]; ok {
		width = own
	}
	gap := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
	if column.Kind == Amount || column.Kind == Whole {
		return gap + text
	}
	return text + gap
}

// Say puts words in the place of a code; every other cell stays as it is.
func (w Words) Say(column Column, cell any) any {
	if text, ok := cell.(string); ok && text != "" && (column.Kind == Code || text == SumRow) {
		return w(column.Name, text)
	}
	return cell
}

// shown is a cell as people read it.
func shown(cell any) string {
	switch c := cell.(type) {
	case nil:
		return ""
	case time.Time:
		if c.IsZero() {
			return ""
		}
		return c.UTC().Format(time.RFC3339)
	case domain.Position:
		if c == 0 {
			return ""
		}
		return fmt.Sprint("@", c)
	case int:
		if c == 0 {
			return ""
		}
	case domain.Money:
		if c == 0 {
			return ""
		}
		return c.String()
	}
	return fmt.Sprint(cell)
}

func (p *textPrinter) End(s Seal) error {
	p.none()
	for i, column := range sealTable.Columns {
		if value := fmt.Sprint(s.Cells()[i]); value != "" {
			fmt.Fprintf(p.w, "%s: %s\n", p.words("column", column.Name), shown(p.words.Say(column, s.Cells()[i])))
		}
	}
	return p.w.Flush()
}
