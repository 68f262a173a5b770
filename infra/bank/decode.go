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

// readAll reads a file of at most FileSizeMax bytes.
func readAll(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, FileSizeMax+1))
	if err != nil {
		return nil, fmt.Errorf("read bank statement: %w", err)
	}
	return raw, checkSize(raw)
}

func checkSize(raw []byte) error {
	if len(raw) > FileSizeMax {
		return refuse(0, "the file is larger than %d MiB: %s", FileSizeMax>>20, shorter)
	}
	return nil
}

// codePages are how Polish banks encode, besides UTF-8.
var codePages = []*charmap.Charmap{charmap.Windows1250, charmap.ISO8859_2, charmap.CodePage852}

// codePageOf tells in which code page a file reads most like Polish; nil means UTF-8. UTF-8 that is damaged is refused, because
// in any code page its letters would be others than the payer wrote.
func codePageOf(raw []byte) (*charmap.Charmap, error) {
	if utf8.Valid(raw) {
		return nil, nil
	}
	if at, damaged := damagedUTF8(raw); damaged {
		return nil, refuse(1+bytes.Count(raw[:at], []byte("\n")), "the letters are UTF-8, but here is a byte that belongs to none of them; %s", again)
	}
	var count [256]int
	for _, b := range raw {
		count[b]++
	}
	best, bestScore := codePages[0], polishness(codePages[0], &count)
	for _, page := range codePages[1:] {
		if score := polishness(page, &count); score > bestScore {
			best, bestScore = page, score
		}
	}
	return best, nil
}

// damagedUTF8 finds the first byte that is not UTF-8 in a text with more Polish letters of UTF-8 than such bytes.
func damagedUTF8(raw []byte) (at int, damaged bool) {
	letters, strangers, at := 0, 0, -1
	for i := 0; i < len(raw); {
		if raw[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(raw[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			if strangers++; at < 0 {
				at = i
			}
		case strings.ContainsRune(polishLetters, r):
			letters++
		}
		i += size
	}
	return at, letters > strangers
}

const polishLetters = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ"

// polishness counts the Polish letters in a text and holds against it whatever else is not ASCII. count is how often each
// byte occurs in the text.
func polishness(page *charmap.Charmap, count *[256]int) int {
	score := 0
	for b, times := range count {
		if b < utf8.RuneSelf || times == 0 {
			continue
		}
		switch r := page.DecodeByte(byte(b)); {
		case r == filler, r == '\u00a0':
		case strings.ContainsRune(polishLetters, r):
			score += 2 * times
		case unicode.IsControl(r), r == utf8.RuneError:
			score -= 8 * times
		case unicode.IsLetter(r):
			score -= times
		default:
			score -= 2 * times
		}
	}
	return score
}

// decoded gives a piece of a file as UTF-8; page is nil for a file that is UTF-8 already.
func decoded(piece string, page *charmap.Charmap) string {
	if page == nil || isASCII(piece) {
		return piece
	}
	var text strings.Builder
	text.Grow(len(piece) + len(piece)/8)
	for i := range len(piece) {
		text.WriteRune(page.DecodeByte(piece[i]))
	}
	return text.String()
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
