package paper

import (
	"fmt"
	"strconv"

	"netrom.pl/portal/domain"
)

// column of the table of an order's lines.
type column struct {
	name  string
	width float64 // millimetres
	align alignment
}

func columnsOf(words labels) []column {
	return []column{{words.item, 10, right}, {words.program, 62, left}, {words.stations, 11, right}, {words.unitNet, 21, right},
		{words.net, 22, right}, {words.rate, 11, right}, {words.vat, 21, right}, {words.gross, 24, right}}
}

// programColumn is the one that wraps; the sums stand from netColumn on.
const (
	programColumn = 1
	netColumn     = 4
)

// Heights of the table's rows, in millimetres.
const (
	tableHeadHeight = 6.5
	sumHeight       = 6.0
	rowPadding      = 1.3
)

// row is a line of the order as it is drawn.
type row struct {
	cells  []string
	name   []string // the lines of the program's cell
	small  []string // below them
	height float64
	domain.Amounts
}

func (s *sheet) row(words labels, line domain.Line) row {
	columns := columnsOf(words)
	width := columns[programColumn].width - 2*padding
	r := row{Amounts: line.Amounts, cells: []string{strconv.Itoa(line.Line), "", strconv.Itoa(line.Stations), amount(line.UnitNet), amount(line.Net),
		fmt.Sprintf("%d%%", line.VATRate), amount(line.VAT), amount(line.Gross)}}
	r.name = s.wrap(line.ProgramName, width, regular, textSize)
	r.small = s.wrap(words.edition(line)+", "+words.licence+" "+line.Licence.Serial(), width, regular, smallSize)
	r.height = 2*rowPadding + (float64(len(r.name))*textSize+float64(len(r.small))*smallSize)*point*leading
	return r
}

// span is the rows of one page: from this one up to, but not including, the other.
type span struct{ from, to int }

// paginate cuts the rows into pages: the first has less room above the table, the last needs room below it, and a page that is not the
// last needs room for its running total. A row never breaks. The last page may have no rows.
func paginate(rows []row, firstRoom, room, lastRoom float64) []span {
	var spans []span
	from := 0
	for {
		space := room - tableHeadHeight - sumHeight // what was brought forward
		if len(spans) == 0 {
			space = firstRoom - tableHeadHeight
		}
		to, used := from, 0.0
		for to < len(rows) && (used+rows[to].height <= space-sumHeight || to == from && len(spans) > 0) {
			used += rows[to].height
			to++
		}
		if to == len(rows) && used+lastRoom <= space {
			return append(spans, span{from, to})
		}
		spans, from = append(spans, span{from, to}), to
	}
}

// table draws the rows of a page and answers the sums up to its end.
func (s *sheet) table(words labels, rows []row, at span, before domain.Amounts, last bool) domain.Amounts {
	s.tableHead(words)
	if at.from > 0 {
		s.sums(words, words.brought, before, regular)
	}
	for i := at.from; i < at.to; i++ {
		before = before.Plus(rows[i].Amounts)
		s.drawRow(words, rows[i], i%2 == 1)
	}
	if last {
		s.rule(margin, margin+bodyWidth, s.y, 0.3)
		s.sums(words, words.total, before, bold)
	} else {
		s.sums(words, words.carried, before, regular)
	}
	return before
}

func (s *sheet) tableHead(words labels) {
	s.shade(margin, s.y, bodyWidth, tableHeadHeight)
	x := margin
	for _, c := range columnsOf(words) {
		s.line(x+padding, s.y+1.8, c.width-2*padding, c.name, bold, smallSize, c.align)
		x += c.width
	}
	s.y += tableHeadHeight
}

func (s *sheet) drawRow(words labels, r row, shaded bool) {
	if shaded {
		s.pdf.SetFillColor(247, 248, 250)
		s.pdf.Rect(margin, s.y, bodyWidth, r.height, "F")
		s.pdf.SetFillColor(0, 0, 0)
	}
	x, top := margin, s.y+rowPadding
	for i, c := range columnsOf(words) {
		s.line(x+padding, top, c.width-2*padding, r.cells[i], regular, textSize, c.align)
		if i == programColumn {
			y := top
			for _, text := range r.name {
				s.line(x+padding, y, c.width-2*padding, text, regular, textSize, left)
				y += textSize * point * leading
			}
			for _, text := range r.small {
				s.line(x+padding, y, c.width-2*padding, text, regular, smallSize, left)
				y += smallSize * point * leading
			}
		}
		x += c.width
	}
	s.y += r.height
}

// sums stand in the columns of net, tax and gross.
func (s *sheet) sums(words labels, name string, sum domain.Amounts, st style) {
	x := margin
	for i, c := range columnsOf(words) {
		switch i {
		case programColumn:
			s.line(x+padding, s.y+1.3, c.width, name, st, textSize, left)
		case netColumn:
			s.line(x+padding, s.y+1.3, c.width-2*padding, amount(sum.Net), st, textSize, right)
		case netColumn + 2:
			s.line(x+padding, s.y+1.3, c.width-2*padding, amount(sum.VAT), st, textSize, right)
		case netColumn + 3:
			s.line(x+padding, s.y+1.3, c.width-2*padding, amount(sum.Gross), st, textSize, right)
		}
		x += c.width
	}
	s.y += sumHeight
}
