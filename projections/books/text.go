package books

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
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
	text  []byte // of the line above
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
	return p.line(func(text []byte, i int) []byte { return append(text, p.words("column", t.Columns[i].Name)...) })
}

// line writes the cells of a row that it does not have in common with others.
func (p *textPrinter) line(appendCell func(text []byte, column int) []byte) error {
	const margin = 1
	line := append(p.text[:0], ' ')
	for i := range p.table.Columns {
		if column := &p.table.Columns[i]; !column.Head {
			line = append(line, ' ')
			start := len(line)
			line = pad(appendCell(line, i), start, column)
		}
	}
	for len(line) > margin && line[len(line)-1] == ' ' {
		line = line[:len(line)-1]
	}
	p.text = append(line, '\n')
	_, err := p.w.Write(p.text)
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
	return p.line(func(text []byte, i int) []byte { return appendShown(text, p.words.Say(p.table.Columns[i], cells[i])) })
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

// pad brings a cell, which begins at a place of the line and goes to its end, to the width of its column.
func pad(line []byte, start int, column *Column) []byte {
	width, ok := textWidths[column.Name]
	if !ok {
		width = widths[column.Kind]
	}
	end := len(line)
	gap := width - utf8.RuneCount(line[start:])
	for range gap {
		line = append(line, ' ')
	}
	if gap > 0 && (column.Kind == Amount || column.Kind == Whole) {
		copy(line[start+gap:], line[start:end])
		for i := range gap {
			line[start+i] = ' '
		}
	}
	return line
}

// Say puts words in the place of a code; every other cell stays as it is.
func (w Words) Say(column Column, cell any) any {
	if text, ok := cell.(string); ok && text != "" && (column.Kind == Code || text == SumRow) {
		return w(column.Name, text)
	}
	return cell
}

// shown is a cell as people read it.
func shown(cell any) string { return string(appendShown(nil, cell)) }

// appendShown appends what shown gives.
func appendShown(text []byte, cell any) []byte {
	switch c := cell.(type) {
	case nil:
		return text
	case string:
		return append(text, c...)
	case domain.Day:
		return append(text, c...)
	case time.Time:
		if c.IsZero() {
			return text
		}
		return c.UTC().AppendFormat(text, time.RFC3339)
	case domain.Position:
		if c == 0 {
			return text
		}
		return strconv.AppendUint(append(text, '@'), uint64(c), 10)
	case int:
		if c == 0 {
			return text
		}
		return strconv.AppendInt(text, int64(c), 10)
	case domain.Money:
		if c == 0 {
			return text
		}
		return append(text, c.String()...)
	}
	return fmt.Append(text, cell)
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
