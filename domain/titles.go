package domain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// foldedSize is the usual length of a title at the most, in bytes: four lines of 35 characters. Longer ones are as welcome.
const foldedSize = 160

// foldTitle writes a title in capital ASCII letters, with single blanks and plain separators; what has no place there becomes '?'.
func foldTitle(text string) string {
	at := plainPrefix(text)
	if at == len(text) {
		return text
	}
	folded := append(make([]byte, 0, foldedSize), text[:at]...)
	blank := false // one is due before the next character
	for at < len(text) {
		c := text[at]
		if c < utf8.RuneSelf {
			c = foldedASCII[c]
			at++
		} else {
			r, size := utf8.DecodeRuneInString(text[at:])
			if at += size; unicode.Is(unicode.Mn, r) {
				continue // an accent written as a character of its own
			}
			c = foldRune(r)
		}
		if c == ' ' {
			blank = len(folded) > 0
			continue
		}
		if blank {
			folded, blank = append(folded, ' '), false
		}
		folded = append(folded, c)
	}
	return string(folded)
}

// plainPrefix is how much of a text is as foldTitle writes it, without a blank at its end unless that is all.
func plainPrefix(text string) int {
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf || foldedASCII[c] != c:
			return len(strings.TrimRight(text[:i], " "))
		case c == ' ' && (i == 0 || i+1 == len(text) || text[i+1] == ' '):
			return i
		}
	}
	return len(text)
}

// foldedASCII is what each ASCII character becomes.
var foldedASCII = func() (table [utf8.RuneSelf]byte) {
	for c := range table {
		table[c] = foldRune(rune(c))
	}
	return table
}()

func foldRune(r rune) byte {
	if unicode.IsSpace(r) {
		return ' '
	}
	switch r = unicode.ToUpper(r); r {
	case 'Ą':
		return 'A'
	case 'Ć':
		return 'C'
	case 'Ę':
		return 'E'
	case 'Ł':
		return 'L'
	case 'Ń':
		return 'N'
	case 'Ó':
		return 'O'
	case 'Ś':
		return 'S'
	case 'Ź', 'Ż':
		return 'Z'
	case '\\', '_', '\u2044':
		return '/'
	case '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2212':
		return '-'
	}
	if r < ' ' || r > '~' {
		return '?'
	}
	return byte(r)
}

// labelMax is how far before a number its label is looked for, in bytes.
const labelMax = 48

// endsInOrderLabel says whether a folded text ends with the word for an order as it survives, and perhaps with the word for a number: ZAM,
// ZAM:, ZAMOWIENIE, ZAM?WIENIA NR, ORDER NO. As a regular expression:
//
//	(?:ZAM(?:OW|[^0-9 ]{1,4}WIE[A-Z]*)?|ORDER)[ .:#/-]*(?:(?:NR|NUMER|NO)[ .:#-]*)?$
func endsInOrderLabel(text string) bool {
	const separators = " .:#-"
	if endsInOrderWord(trimEnd(text, separators+"/")) {
		return true
	}
	rest, ok := cutNumberWord(trimEnd(text, separators))
	return ok && endsInOrderWord(trimEnd(rest, separators+"/"))
}

func endsInOrderWord(text string) bool {
	if strings.HasSuffix(text, "ZAM") || strings.HasSuffix(text, "ZAMOW") || strings.HasSuffix(text, "ORDER") {
		return true
	}
	// ZAM, up to four characters of which only one is known, and WIENIE in any of its cases, or what is left of it
	const first, middle, lettersMax = "ZAM", "WIE", 4
	for at := len(text) - len(middle); at >= len(first) && lettersFrom(text, at+len(middle)); at-- {
		if text[at:at+len(middle)] != middle {
			continue
		}
		for start := at - 1; start >= max(len(first), at-lettersMax) && text[start] != ' ' && !isDigit(text[start]); start-- {
			if text[start-len(first):start] == first {
				return true
			}
		}
	}
	return false
}

// lettersFrom says whether the character at a place of a text, whose later ones are capital letters, is one as well or behind its end.
func lettersFrom(text string, at int) bool { return at == len(text) || isCapital(text[at]) }

// endsInCreditorLabel says whether a folded text ends with what stands before the check digits of an ISO 11649 reference. As a regular expression:
//
//	(?:^|[^A-Z0-9])RF ?$
func endsInCreditorLabel(text string) bool {
	rest, ok := strings.CutSuffix(strings.TrimSuffix(text, " "), "RF")
	return ok && (rest == "" || !isCapital(rest[len(rest)-1]) && !isDigit(rest[len(rest)-1]))
}

// endsInForeignLabel says whether a folded text ends with a word that claims the number behind it for something else than an order, and
// perhaps with the word for a number. As a regular expression, where WORD is what isForeignWord lists:
//
//	(?:^|[^A-Z])WORD[ .:#]*(?:(?:NR|NUMER|NO|VAT)[ .:#]*)?$
func endsInForeignLabel(text string) bool {
	const separators = " .:#"
	text = trimEnd(text, separators)
	if isForeignWord(lastWord(text)) {
		return true
	}
	rest, ok := cutNumberWord(text)
	if !ok {
		rest, ok = strings.CutSuffix(text, "VAT")
	}
	return ok && isForeignWord(lastWord(trimEnd(rest, separators)))
}

func isForeignWord(word string) bool {
	switch word {
	case "F", "FV", "FA", "FS", "FVS", "FVAT", "VAT", "PRO", "PF", "RK", "NOTA", "NOTY", "NIP", "REGON", "PESEL", "KRS", "IBAN", "NRB", "KSEF",
		"WZ", "IDC", "DN", "DNIA", "DATA":
		return true
	}
	for _, beginning := range [...]string{"FAK", "INV", "PROF", "RACH", "KOR", "KONT", "TEL", "UMOW", "DOK"} {
		if strings.HasPrefix(word, beginning) {
			return true
		}
	}
	return false
}

// cutNumberWord takes the word for a number off the end of a text.
func cutNumberWord(text string) (rest string, ok bool) {
	for _, word := range [...]string{"NR", "NO", "NUMER"} {
		if rest, ok = strings.CutSuffix(text, word); ok {
			return rest, true
		}
	}
	return text, false
}

// lastWord is the capital letters at the end of a text.
func lastWord(text string) string {
	start := len(text)
	for start > 0 && isCapital(text[start-1]) {
		start--
	}
	return text[start:]
}

// trimEnd takes ASCII characters off the end of a text.
func trimEnd(text, characters string) string {
	for len(text) > 0 && strings.IndexByte(characters, text[len(text)-1]) >= 0 {
		text = text[:len(text)-1]
	}
	return text
}

func isDigit(c byte) bool   { return c >= '0' && c <= '9' }
func isCapital(c byte) bool { return c >= 'A' && c <= 'Z' }
