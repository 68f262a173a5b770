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

// line is one line of a file, without its end.
type line struct {
	number int // from 1
	text   string
}

// blockMarks stand around blocks and files: ASCII 1 to 3, the end mark of old systems, the byte order mark.
const blockMarks = "\x01\x02\x03\x1a\ufeff"

// readLines reads a file within its limits, finds out how it is encoded and cuts it into lines.
func readLines(r io.Reader) ([]line, error) {
	raw, err := io.ReadAll(io.LimitReader(r, FileSizeMax+1))
	if err != nil {
		return nil, fmt.Errorf("read bank statement: %w", err)
	}
	if len(raw) > FileSizeMax {
		return nil, refuse(0, "the file is larger than %d MiB: export a shorter period", FileSizeMax>>20)
	}
	text := strings.ReplaceAll(decodeText(raw), "\r\n", "\n")
	var lines []line
	for text := range strings.Lines(text) {
		number := len(lines) + 1
		if number > LinesMax {
			return nil, refuse(number, "the file has more than %d lines: export a shorter period", LinesMax)
		}
		text = strings.TrimRight(text, "\r\n")
		if len(text) > LineSizeMax {
			return nil, refuse(number, "the line is longer than %d bytes, so this is not an MT940 file: choose MT940 when you export the statement", LineSizeMax)
		}
		text = strings.Trim(text, blockMarks)
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' }) {
			return nil, refuse(number, "the line holds characters that belong to no text: choose MT940 when you export the statement")
		}
		lines = append(lines, line{number, text})
	}
	return lines, nil
}

// codePages are how Polish banks encode, besides UTF-8.
var codePages = []*charmap.Charmap{charmap.Windows1250, charmap.ISO8859_2, charmap.CodePage852}

// decodeText takes UTF-8 as it is, and anything else in the code page in which it reads most like Polish.
func decodeText(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	best, bestScore := "", 0
	for i, page := range codePages {
		var text bytes.Buffer
		text.Grow(len(raw) + len(raw)/8)
		for _, b := range raw {
			text.WriteRune(page.DecodeByte(b))
		}
		if score := polishness(text.String()); i == 0 || score > bestScore {
			best, bestScore = text.String(), score
		}
	}
	return best
}

// polishness counts the Polish letters in a text and holds against it whatever else is not ASCII.
func polishness(text string) int {
	score := 0
	for _, r := range text {
		switch {
		case r < 0x80, r == filler, r == '\u00a0':
		case strings.ContainsRune("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", r):
			score += 2
		case unicode.IsControl(r), r == utf8.RuneError:
			score -= 8
		case unicode.IsLetter(r):
			score--
		default:
			score -= 2
		}
	}
	return score
}
