package foundation

import (
	"errors"
	"io"

	"netrom.pl/portal/infra/sheets"
	"netrom.pl/portal/projections/books"
)

// workbook prints a report as XLSX, a sheet for each table.
type workbook struct {
	*sheets.Workbook
	w     io.Writer
	words books.Words
	table books.Table
}

// NewXLSX prints as an XLSX workbook. It is written at the end of the report.
func NewXLSX(w io.Writer, words books.Words) (books.Printer, error) {
	book, err := sheets.New()
	if err != nil {
		return nil, err
	}
	return &workbook{Workbook: book, w: w, words: words}, nil
}

// Table is [books.Printer.Table].
func (b *workbook) Table(t books.Table) error {
	b.table = t
	titles := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		titles[i] = b.words("column", column.Name)
	}
	return b.fail(b.Sheet(b.words("table", t.Name), titles))
}

// Row is [books.Printer.Row].
func (b *workbook) Row(cells []any) error {
	said := make([]any, len(cells))
	for i, cell := range cells {
		said[i] = b.words.Say(b.table.Columns[i], cell)
	}
	return b.fail(b.Workbook.Row(said))
}

// End is [books.Printer.End].
func (b *workbook) End(seal books.Seal) error {
	if err := b.Table(books.SealTable()); err != nil {
		return err
	}
	if err := b.Row(seal.Cells()); err != nil {
		return err
	}
	return b.Write(b.w)
}

// fail gives the temporary files up when nothing can be written any more.
func (b *workbook) fail(err error) error {
	if err != nil {
		return errors.Join(err, b.Close())
	}
	return nil
}
