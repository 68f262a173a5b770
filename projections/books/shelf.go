package books

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"netrom.pl/portal/domain"
)

const (
	// shelfBlockRows is how many rows are compressed together, and unpacked for a page.
	shelfBlockRows = 1_000
	// shelfBytesMax is how much the rows of one report may take in memory, in bytes: some hundred thousand rows.
	shelfBytesMax = 32 << 20
)

// Leaf is a printer that shows only some rows of a report.
type Leaf interface {
	Printer
	// Skip takes the next rows as seen, all of them or, if one of them is to be shown, none.
	Skip(rows int) bool
}

// shelf is a [Printer] that keeps the rows of one table, compressed, to print them again. When they take more than max bytes it keeps nothing.
type shelf struct {
	max    int
	tables []Table
	blocks [][]byte // of shelfBlockRows rows
	last   [][]any  // rows of the block that is not full
	bytes  int
	full   bool // there were too many rows
}

// Table is [Printer.Table]. There is one at most, since all others stand at the end of a report.
func (s *shelf) Table(t Table) error {
	s.tables = append(s.tables, t)
	return nil
}

// Row is [Printer.Row].
func (s *shelf) Row(cells []any) error {
	if s.full {
		return nil
	}
	if s.last = append(s.last, cells); len(s.last) < shelfBlockRows {
		return nil
	}
	block, err := packed(s.last)
	if err != nil {
		return err
	}
	s.blocks, s.last, s.bytes = append(s.blocks, block), nil, s.bytes+len(block)
	if s.bytes > s.max {
		s.blocks, s.full = nil, true
	}
	return nil
}

// End is [Printer.End].
func (s *shelf) End(Seal) error { return nil }

// print prints what is kept.
func (s *shelf) print(out Printer) error {
	for _, t := range s.tables {
		if err := out.Table(t); err != nil {
			return err
		}
	}
	leaf, leafs := out.(Leaf)
	for _, block := range s.blocks {
		if leafs && leaf.Skip(shelfBlockRows) {
			continue
		}
		rows, err := unpacked(block, len(s.tables[0].Columns))
		if err != nil {
			return err
		}
		if err := printRows(out, rows); err != nil {
			return err
		}
	}
	return printRows(out, s.last)
}

func printRows(out Printer, rows [][]any) error {
	for _, row := range rows {
		if err := out.Row(row); err != nil {
			return err
		}
	}
	return nil
}

// The kinds of cells in a block.
const (
	textCell byte = iota
	moneyCell
	dayCell
	momentCell
	noMomentCell // the zero time
	positionCell
	wholeCell
)

// packed writes rows one cell after the other: its kind, and a number or a text with its length.
func packed(rows [][]any) ([]byte, error) {
	var plain []byte
	for _, row := range rows {
		for _, cell := range row {
			switch c := cell.(type) {
			case string:
				plain = appendText(plain, textCell, c)
			case domain.Day:
				plain = appendText(plain, dayCell, string(c))
			case domain.Money:
				plain = binary.AppendVarint(append(plain, moneyCell), int64(c))
			case domain.Position:
				plain = binary.AppendVarint(append(plain, positionCell), int64(c))
			case int:
				plain = binary.AppendVarint(append(plain, wholeCell), int64(c))
			case time.Time:
				if c.IsZero() {
					plain = append(plain, noMomentCell)
				} else {
					plain = binary.AppendVarint(append(plain, momentCell), c.UnixNano())
				}
			default:
				return nil, fmt.Errorf("keep a row: a cell is %T", cell)
			}
		}
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("keep rows: %w", err)
	}
	return out.Bytes(), nil
}

func appendText(plain []byte, kind byte, text string) []byte {
	return append(binary.AppendUvarint(append(plain, kind), uint64(len(text))), text...)
}

// unpacked reads what packed has written, so many cells a row.
func unpacked(block []byte, columns int) ([][]any, error) {
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(block)))
	if err != nil {
		return nil, fmt.Errorf("read kept rows: %w", err)
	}
	rows := make([][]any, 0, shelfBlockRows)
	for in := bytes.NewBuffer(plain); in.Len() > 0; {
		row := make([]any, columns)
		for i := range row {
			if row[i], err = unpackedCell(in); err != nil {
				return nil, fmt.Errorf("read kept rows: %w", err)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func unpackedCell(in *bytes.Buffer) (any, error) {
	kind, err := in.ReadByte()
	if err != nil || kind == noMomentCell {
		return time.Time{}, err
	}
	if kind == textCell || kind == dayCell {
		size, err := binary.ReadUvarint(in)
		text := string(in.Next(int(size)))
		if kind == dayCell {
			return domain.Day(text), err
		}
		return text, err
	}
	number, err := binary.ReadVarint(in)
	switch kind {
	case moneyCell:
		return domain.Money(number), err
	case positionCell:
		return domain.Position(number), err
	case momentCell:
		return time.Unix(0, number).UTC(), err
	}
	return int(number), err
}
