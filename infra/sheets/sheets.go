// Package sheets writes tables as an XLSX workbook, row by row: large sheets go through temporary files. The same rows give the same bytes.
package sheets

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"netrom.pl/portal/domain"
)

const (
	// RowsMax is how many rows a sheet has, headings included; what is more goes on in another sheet. Source: Excel specifications and limits.
	RowsMax = 1_048_576
	// textMax is how many characters a cell takes. Source: Excel specifications and limits.
	textMax = 32_767
	// nameMax is how many characters the name of a sheet takes. Source: Excel specifications and limits.
	nameMax = 31
	// columnWidth of every column, in characters.
	columnWidth = 20
)

// Workbook is being written. For one goroutine.
type Workbook struct {
	file    *excelize.File
	stream  *excelize.StreamWriter
	styles  styles
	sheets  int
	rows    int // in the sheet
	rowsMax int
	name    string
	part    int // of the table
	titles  []string
}

// styles of cells, by what they hold.
type styles struct{ title, amount, day int }

// New begins a workbook.
func New() (*Workbook, error) {
	b := &Workbook{file: excelize.NewFile(), rowsMax: RowsMax}
	for _, s := range []struct {
		id    *int
		style excelize.Style
	}{
		{&b.styles.title, excelize.Style{Font: &excelize.Font{Bold: true}}},
		{&b.styles.amount, excelize.Style{NumFmt: 4}}, // #,##0.00
		{&b.styles.day, excelize.Style{NumFmt: 14}},   // a day as the reader's country writes it
	} {
		id, err := b.file.NewStyle(&s.style)
		if err != nil {
			return nil, fmt.Errorf("make a style: %w", errors.Join(err, b.file.Close()))
		}
		*s.id = id
	}
	return b, nil
}

// Sheet begins a sheet with a line of headings.
func (b *Workbook) Sheet(name string, titles []string) error {
	b.name, b.part, b.titles = name, 1, titles
	return b.begin()
}

func (b *Workbook) begin() error {
	if err := b.flush(); err != nil {
		return err
	}
	name := b.name
	if b.part > 1 {
		name = fmt.Sprintf("%s %d", name, b.part)
	}
	if utf8.RuneCountInString(name) > nameMax {
		return fmt.Errorf("name a sheet %q: %d characters are too many", name, nameMax)
	}
	var err error
	if b.sheets++; b.sheets == 1 {
		err = b.file.SetSheetName("Sheet1", name)
	} else {
		_, err = b.file.NewSheet(name)
	}
	if err != nil {
		return fmt.Errorf("add sheet %s: %w", name, err)
	}
	if b.stream, err = b.file.NewStreamWriter(name); err != nil {
		return fmt.Errorf("write sheet %s: %w", name, err)
	}
	if err := b.stream.SetColWidth(1, len(b.titles), columnWidth); err != nil {
		return fmt.Errorf("write sheet %s: %w", name, err)
	}
	cells := make([]any, len(b.titles))
	for i, title := range b.titles {
		cells[i] = excelize.Cell{StyleID: b.styles.title, Value: title}
	}
	b.rows = 0
	return b.add(cells)
}

// Row adds cells: texts, [domain.Money], [domain.Day], [time.Time] or whole numbers. A text is never taken for a formula.
func (b *Workbook) Row(cells []any) error {
	if b.rows == b.rowsMax {
		b.part++
		if err := b.begin(); err != nil {
			return err
		}
	}
	row := make([]any, len(cells))
	for i, cell := range cells {
		value, err := b.cell(cell)
		if err != nil {
			return err
		}
		row[i] = value
	}
	return b.add(row)
}

func (b *Workbook) add(cells []any) error {
	b.rows++
	at, err := excelize.CoordinatesToCellName(1, b.rows)
	if err != nil {
		return fmt.Errorf("write row %d: %w", b.rows, err)
	}
	if err := b.stream.SetRow(at, cells); err != nil {
		return fmt.Errorf("write row %d of %s: %w", b.rows, b.name, err)
	}
	return nil
}

func (b *Workbook) cell(cell any) (any, error) {
	switch c := cell.(type) {
	case string:
		if utf8.RuneCountInString(c) > textMax {
			return nil, fmt.Errorf("write a text of %d characters: a cell takes %d", utf8.RuneCountInString(c), textMax)
		}
		return c, nil
	case domain.Money:
		return excelize.Cell{StyleID: b.styles.amount, Value: float64(c) / 100}, nil
	case domain.Day:
		if c == "" {
			return nil, nil
		}
		day, err := time.Parse(time.DateOnly, string(c))
		if err != nil {
			return nil, fmt.Errorf("write day %q: %w", c, err)
		}
		return excelize.Cell{StyleID: b.styles.day, Value: day}, nil
	case time.Time:
		if c.IsZero() {
			return nil, nil
		}
		return c.UTC().Format(time.RFC3339), nil
	}
	return cell, nil
}

func (b *Workbook) flush() error {
	if b.stream == nil {
		return nil
	}
	if err := b.stream.Flush(); err != nil {
		return fmt.Errorf("write sheet %s: %w", b.name, err)
	}
	return nil
}

// Write ends the workbook and writes it. Nothing can be added afterwards.
func (b *Workbook) Write(w io.Writer) error {
	err := b.flush()
	if err == nil {
		if err = b.write(w); err != nil {
			err = fmt.Errorf("write workbook: %w", err)
		}
	}
	return errors.Join(err, b.file.Close())
}

// write puts the parts in order of their names: excelize writes sheets in any order.
func (b *Workbook) write(w io.Writer) error {
	unordered, err := os.CreateTemp("", "workbook-*.xlsx")
	if err != nil {
		return err
	}
	err = b.file.Write(unordered)
	if err == nil {
		err = order(w, unordered)
	}
	return errors.Join(err, unordered.Close(), os.Remove(unordered.Name()))
}

// order copies a ZIP archive with its parts in order of their names, and without times.
func order(w io.Writer, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(file, info.Size())
	if err != nil {
		return err
	}
	slices.SortFunc(archive.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	ordered := zip.NewWriter(w)
	for _, part := range archive.File {
		part.Modified, part.ModifiedDate, part.ModifiedTime, part.Extra = time.Time{}, 0, 0, nil
		if err := ordered.Copy(part); err != nil {
			return err
		}
	}
	return ordered.Close()
}

// Close gives up a workbook that was not written. After Write it does nothing.
func (b *Workbook) Close() error { return b.file.Close() }
