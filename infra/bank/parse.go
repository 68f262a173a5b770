package bank

import (
	"bytes"
	"io"
)

// What a file may hold at most. A busy month of a shop is far below.
const (
	FileSizeMax  = 16 << 20 // bytes
	LinesMax     = 500_000
	LineSizeMax  = 4096 // bytes of a line of MT940; XML may come as one line
	EntriesMax   = 25_000
	EntrySizeMax = 8192               // bytes of an entry of MT940 with its description
	AmountMax    = 10_000_000_000_000 // grosz; EntriesMax of them stay within int64

	numberMax    = 35 // bytes
	referenceMax = 35 // bytes; camt.053 allows as many, SWIFT 16
	quotedMax    = 30 // characters of a file that a refusal shows
)

// what to do about a file
const (
	again   = "download the statement from the bank once more and import the whole file" // it is damaged
	shorter = "export a shorter period"
	choose  = "choose MT940 or camt.053 when you export the statement, and import that file" // it is something else
)

// Parse reads the statements of a file, at least one, in whatever form the bank wrote it: it finds out by itself whether that is
// MT940 or camt.053, how the letters are encoded and which dialect the descriptions are in. It refuses with a [*ParseError] what is
// neither, what is damaged or cut, and what does not add up; only a failure of r itself is another error.
//
// Source: R13; [ParseMT940], [ParseCAMT053].
func Parse(r io.Reader) ([]Statement, error) {
	raw, err := readAll(r)
	if err != nil {
		return nil, err
	}
	return ParseBytes(raw)
}

// ParseBytes is [Parse] for a file in memory. It neither changes nor keeps it.
func ParseBytes(raw []byte) ([]Statement, error) {
	if err := checkSize(raw); err != nil {
		return nil, err
	}
	start := bytes.TrimLeft(raw, blockMarks+" \t\r\n")
	switch {
	case bytes.HasPrefix(start, []byte("<")):
		return parseCAMT053(raw)
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return nil, refuse(0, "the file is a ZIP archive: unpack it and import the files in it, or choose MT940 or camt.053 when you export")
	case bytes.HasPrefix(start, []byte("%PDF")):
		return nil, refuse(0, "the file is a PDF for people to read: %s", choose)
	case bytes.HasPrefix(raw, []byte("\xff\xfe")), bytes.HasPrefix(raw, []byte("\xfe\xff")):
		return nil, refuse(0, "the file is UTF-16, which banks do not write: another program has saved it; %s", again)
	}
	return parseMT940(raw)
}
