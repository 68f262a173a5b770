package bank

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// What a file may hold at most. A busy month of a shop is far below.
const (
	MaxFileBytes      = 16 << 20
	MaxLines          = 500_000
	MaxLineCharacters = 2_000
	MaxEntries        = 20_000 // in one file; with maxAmountDigits every sum stays within int64
)

// readLines gives the file as lines of UTF-8 without line ends and without the control characters that banks put around blocks.
func readLines(r io.Reader) ([]string, error) {
	file, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read bank statement: %w", err)
	}
	if len(file) > MaxFileBytes {
		return nil, refuse(1, "the file is larger than %d MiB; export a shorter period", MaxFileBytes>>20)
	}
	if n := bytes.Count(file, []byte("\n")); n >= MaxLines {
		return nil, refuse(MaxLines, "the file has more than %d lines; export a shorter period", MaxLines)
	}
	lines := strings.Split(decode(file), "\n")
	if n := len(lines); n > 1 && lines[n-1] == "" {
		lines = lines[:n-1]
	}
	for i, line := range lines {
		line = strings.Trim(strings.TrimRight(line, "\r"), "\x01\x02\x03\x1a")
		if strings.ContainsFunc(line, unreadable) {
			return nil, refuse(i+1, "the line has control characters; this is not an MT940 file: export the statement as MT940")
		}
		if utf8.RuneCountInString(line) > MaxLineCharacters {
			return nil, refuse(i+1, "the line is longer than %d characters; this is not an MT940 file: export the statement as MT940", MaxLineCharacters)
		}
		lines[i] = line
	}
	return lines, nil
}

func unreadable(r rune) bool { return unicode.IsControl(r) && r != '\t' }

// decode makes UTF-8 of a file: as it is where it is valid, else from the code page that makes most Polish letters of its bytes.
// Banks do not say which code page they use.
func decode(file []byte) string {
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	if utf8.Valid(file) {
		return string(file)
	}
	var high [256]int
	for _, b := range file {
		if b >= utf8.RuneSelf {
			high[b]++
		}
	}
	best, bestScore := charmap.Windows1250, -len(file)-1
	for _, page := range []*charmap.Charmap{charmap.Windows1250, charmap.ISO8859_2, charmap.CodePage852} {
		score := 0
		for b, n := range high {
			if strings.ContainsRune("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", page.DecodeByte(byte(b))) {
				score += n
			} else {
				score -= n
			}
		}
		if score > bestScore {
			best, bestScore = page, score
		}
	}
	var text strings.Builder
	for _, b := range file {
		text.WriteRune(best.DecodeByte(b))
	}
	return text.String()
}

// squeeze leaves letters and digits only, in upper case: what is left of a text when blanks and line ends may fall anywhere.
func squeeze(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, text)
}
