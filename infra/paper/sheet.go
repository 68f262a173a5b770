// Package paper turns facts into PDF bytes: proforma invoices and payment confirmations. The same facts give the same bytes in every
// process, time zone and locale, as long as [Version] and the Go release's compressor stay the same; a test holds both.
// Source: ISO 32000-1.
package paper

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
)

// Measures of a page, in millimetres.
const (
	pageWidth  = 210.0
	pageHeight = 297.0
	margin     = 14.0
	bodyWidth  = pageWidth - 2*margin
	bodyBottom = pageHeight - 22.0 // below it stands the footer
	padding    = 1.5               // between a cell's edge and its text
)

// Sizes of text, in points.
const (
	titleSize = 17.0
	textSize  = 9.0
	smallSize = 7.5
	sizeMin   = 4.0 // text that does not fit shrinks no further
)

// millimetres of one point.
const point = 25.4 / 72

// leading is the distance of two lines of text, in sizes of the font.
const leading = 1.35

// style is regular or bold; the names are those of the PDF library.
type style string

const (
	regular style = ""
	bold    style = "B"
)

type alignment int

const (
	left alignment = iota
	right
	centre
)

// sheet is a document under way. Errors wait in it until its end.
type sheet struct {
	pdf *fpdf.Fpdf
	y   float64 // where the next thing begins, in millimetres from the top
}

// newSheet begins a document whose properties depend on the facts alone.
func newSheet(title, author, language string, day time.Time) *sheet {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(day)
	pdf.SetModificationDate(day)
	pdf.SetProducer(fmt.Sprintf("netrom.pl/portal paper %d", Version), true)
	pdf.SetTitle(title, true)
	pdf.SetAuthor(author, true)
	pdf.SetLang(language)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetMargins(margin, margin, margin)
	// The library writes into the font's bytes, so each document gets its own copy.
	pdf.AddUTF8FontFromBytes("go", string(regular), slices.Clone(goregular.TTF))
	pdf.AddUTF8FontFromBytes("go", string(bold), slices.Clone(gobold.TTF))
	return &sheet{pdf: pdf}
}

// finish gives the bytes of the document.
func (s *sheet) finish() ([]byte, error) {
	var out bytes.Buffer
	if err := s.pdf.Output(&out); err != nil {
		return nil, fmt.Errorf("write PDF: %w", err)
	}
	return out.Bytes(), nil
}

func (s *sheet) page() {
	s.pdf.AddPage()
	s.y = margin
}

func (s *sheet) font(st style, size float64) { s.pdf.SetFont("go", string(st), size) }

// width of a text in the font that is set.
func (s *sheet) width(text string) float64 { return s.pdf.GetStringWidth(text) }

// line writes one line of text into a box; text that is too long for it shrinks, and what still does not fit is cut.
func (s *sheet) line(x, y, width float64, text string, st style, size float64, align alignment) {
	text = printable(text)
	for s.font(st, size); s.width(text) > width && size > sizeMin; s.font(st, size) {
		size -= 0.25
	}
	for runes := []rune(text); s.width(text) > width && len(runes) > 1; text = string(runes) + "…" {
		runes = runes[:len(runes)-1]
	}
	switch align {
	case right:
		x += width - s.width(text)
	case centre:
		x += (width - s.width(text)) / 2
	}
	s.pdf.Text(x, y+size*point, text)
}

// wrap cuts a text into lines of at most this width, between words where that is possible.
func (s *sheet) wrap(text string, width float64, st style, size float64) []string {
	s.font(st, size)
	var lines []string
	line := ""
	for _, word := range strings.Fields(printable(text)) {
		longer := strings.TrimLeft(line+" "+word, " ")
		if s.width(longer) <= width {
			line = longer
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for line = word; s.width(line) > width; {
			runes := []rune(line)
			fits := len(runes) - 1
			for fits > 1 && s.width(string(runes[:fits])) > width {
				fits--
			}
			lines, line = append(lines, string(runes[:fits])), string(runes[fits:])
		}
	}
	return append(lines, line)
}

// paragraph writes wrapped text from s.y on and moves s.y behind it.
func (s *sheet) paragraph(x, width float64, text string, st style, size float64) {
	for _, line := range s.wrap(text, width, st, size) {
		s.line(x, s.y, width, line, st, size, left)
		s.y += size * point * leading
	}
}

func (s *sheet) rule(x1, x2, y, thickness float64) {
	s.pdf.SetLineWidth(thickness)
	s.pdf.Line(x1, y, x2, y)
}

// shade paints the ground of a row.
func (s *sheet) shade(x, y, width, height float64) {
	s.pdf.SetFillColor(238, 240, 243)
	s.pdf.Rect(x, y, width, height, "F")
	s.pdf.SetFillColor(0, 0, 0)
}
