package foundation

import (
	"bytes"
	"errors"

	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/sheets"
)

// Workbook writes tables as XLSX, see [sheets.Workbook].
func Workbook(list []handlers.Sheet) ([]byte, error) {
	book, err := sheets.New()
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	for _, sheet := range list {
		if err := book.Sheet(sheet.Name, sheet.Headings); err != nil {
			return nil, errors.Join(err, book.Close())
		}
		for _, row := range sheet.Rows {
			if err := book.Row(row); err != nil {
				return nil, errors.Join(err, book.Close())
			}
		}
	}
	if err := book.Write(&file); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}
