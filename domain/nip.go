package domain

import (
	"errors"
	"strings"
)

// NIP is a Polish tax identification number: ten digits, the last one a check digit. The empty NIP means none is known.
type NIP string

// nipTextMax is the longest text ParseNIP looks at, in bytes.
const nipTextMax = 32

// ErrNIP says that a text is not a NIP.
var ErrNIP = errors.New("not a NIP: write its ten digits, for example 123-456-32-18, and check them against the registration")

// nipWeights multiply the first nine digits; their sum modulo 11 is the tenth, and a remainder of 10 is never given out.
var nipWeights = [9]int{6, 5, 7, 2, 3, 4, 5, 6, 7}

// ParseNIP reads a tax number as a person types it, with or without dashes, blanks and the country prefix PL.
// It returns ErrNIP for anything else, also for ten equal digits, which fit the checksum but belong to nobody.
func ParseNIP(text string) (NIP, error) {
	digits, ok := identifierDigits(text, nipTextMax)
	if !ok || len(digits) != len(nipWeights)+1 || strings.Count(digits, digits[:1]) == len(digits) {
		return "", ErrNIP
	}
	sum := 0
	for i, weight := range nipWeights {
		sum += weight * int(digits[i]-'0')
	}
	if sum%11 != int(digits[9]-'0') {
		return "", ErrNIP
	}
	return NIP(digits), nil
}

// identifierDigits takes the prefix PL, blanks and dashes out of a number that a person typed;
// ok is false when the text is longer than limit bytes or anything else is left than digits.
func identifierDigits(text string, limit int) (digits string, ok bool) {
	if len(text) > limit {
		return "", false
	}
	digits = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\u00a0', '\u202f', '\t', '-', '\u2013':
			return -1
		}
		return r
	}, text)
	if len(digits) >= 2 && strings.EqualFold(digits[:2], "PL") {
		digits = digits[2:]
	}
	return digits, onlyDigits(digits)
}
