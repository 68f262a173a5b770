package domain

import (
	"errors"
	"strings"
)

// NRB is a Polish bank account number: 26 digits, the first two of them check digits. The empty NRB means none is known.
// It is the IBAN without the letters PL.
type NRB string

// nrbTextMax is the longest text ParseNRB looks at, in bytes: 26 digits in groups with no-break spaces, and then some.
const nrbTextMax = 96

// ErrNRB says that a text is not a Polish account number.
var ErrNRB = errors.New("not a bank account number: write its 26 digits, for example 84 1020 5558 0000 1234 0000 5678, and check them against the contract with the bank")

// ParseNRB reads an account number as a person types it, with or without blanks, dashes and the country prefix PL.
// It returns ErrNRB for anything else. Source: ISO 13616 (IBAN) with the Polish layout, check digits by ISO 7064 MOD 97-10.
func ParseNRB(text string) (NRB, error) {
	digits, ok := identifierDigits(text, nrbTextMax)
	if !ok || len(digits) != 26 {
		return "", ErrNRB
	}
	const letters = "2521" // P and L as IBAN counts letters: A is 10
	if digits[:2] != checkDigits(digits[2:]+letters) {
		return "", ErrNRB
	}
	return NRB(digits), nil
}

// Grouped writes the number for people: 84 1020 5558 0000 1234 0000 5678. The empty number stays empty.
func (n NRB) Grouped() string {
	if len(n) <= 2 {
		return string(n)
	}
	var b strings.Builder
	b.WriteString(string(n[:2]))
	for rest := n[2:]; len(rest) > 0; {
		size := min(4, len(rest))
		b.WriteString(" " + string(rest[:size]))
		rest = rest[size:]
	}
	return b.String()
}

// checkDigits computes the two digits, 02 to 98, that make a text of digits followed by them 1 modulo 97.
// They catch every single wrong digit and every swap of neighbours. Source: ISO 7064, MOD 97-10.
func checkDigits(digits string) string {
	check := checkNumber(digits)
	return string([]byte{byte('0' + check/10), byte('0' + check%10)})
}

// checkDigitsFit says whether the last two of some digits are the check digits of those before them.
func checkDigitsFit(digits []byte) bool {
	last := len(digits) - 2
	return checkNumber(digits[:last]) == int(digits[last]-'0')*10+int(digits[last+1]-'0')
}

func checkNumber[T string | []byte](digits T) int {
	remainder := 0
	for i := range len(digits) {
		remainder = (remainder*10 + int(digits[i]-'0')) % 97
	}
	return 98 - remainder*100%97
}
