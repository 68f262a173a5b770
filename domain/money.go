package domain

import (
	"errors"
	"strconv"
	"strings"
)

// Money is an amount in grosz, the hundredth part of a złoty; negative amounts are money going out.
// The zero value is 0,00 zł. In JSON it is the plain number of grosz.
type Money int64

// MoneyMax is the largest amount anybody may type or that a line may come to: a hundred billion złoty, in grosz.
// It leaves room for summing 400,000 gross amounts of that size without overflow.
const MoneyMax Money = 10_000_000_000_000

// MoneyTextMax is the longest text ParseMoney looks at, in bytes: the largest amount with grouping fits in twice over.
const MoneyTextMax = 64

var (
	// ErrMoneyForm says that a text is not an amount.
	ErrMoneyForm = errors.New("not an amount: write złoty with at most two decimals, for example 1234,56")
	// ErrMoneyRange says that an amount is beyond MoneyMax.
	ErrMoneyRange = errors.New("amount out of range: the largest amount is 100 000 000 000,00 zł")
)

// ParseMoney reads an amount in złoty as a person types it: 1234,56 or 1 234.5 or 1234.
// Blanks and no-break spaces may separate groups of three digits; a sign, a currency or a third decimal is refused.
// It returns ErrMoneyForm or ErrMoneyRange.
func ParseMoney(text string) (Money, error) {
	if len(text) > MoneyTextMax {
		return 0, ErrMoneyForm
	}
	whole, cents, hasCents := strings.Cut(strings.Replace(strings.TrimSpace(text), ",", ".", 1), ".")
	digits, ok := ungroup(whole)
	if !ok || (hasCents && (len(cents) == 0 || len(cents) > 2 || !onlyDigits(cents))) {
		return 0, ErrMoneyForm
	}
	grosz, err := strconv.ParseInt(digits+(cents + "00")[:2], 10, 64)
	if err != nil || Money(grosz) > MoneyMax {
		return 0, ErrMoneyRange
	}
	return Money(grosz), nil
}

// ungroup takes the blanks out of 12 345 678; ok is false when they do not stand before groups of three digits.
func ungroup(text string) (digits string, ok bool) {
	blank := func(r rune) bool { return r == ' ' || r == '\u00a0' || r == '\u202f' }
	groups := strings.Split(strings.Map(func(r rune) rune {
		if blank(r) {
			return ' '
		}
		return r
	}, text), " ")
	for i, group := range groups {
		if !onlyDigits(group) || (i > 0 && len(group) != 3) || (i == 0 && len(groups) > 1 && len(group) > 3) {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}

// onlyDigits says whether a text is one or more ASCII digits.
func onlyDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// String shows the amount as people in Poland read it: 1 234,56 zł, with no-break spaces (U+00A0)
// before zł and between groups of three digits. Groups start at four digits, so a column of prices lines up.
func (m Money) String() string {
	sign, whole, cents := m.parts()
	text := append(make([]byte, 0, moneySize), sign...)
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			text = append(text, "\u00a0"...)
		}
		text = append(text, whole[i])
	}
	text = append(append(text, ','), cents...)
	return string(append(text, "\u00a0zł"...))
}

// moneySize is room for the largest amount as text, in bytes.
const moneySize = 48

// Decimal writes the amount for programs: 1234.56.
func (m Money) Decimal() string {
	sign, whole, cents := m.parts()
	return sign + whole + "." + cents
}

// parts cuts the amount into its sign, the digits of the złoty and the two digits of the grosz.
func (m Money) parts() (sign, whole, cents string) {
	digits := strconv.FormatInt(int64(m), 10)
	if m < 0 {
		sign, digits = "-", digits[1:]
	}
	for len(digits) < 3 {
		digits = "0" + digits
	}
	return sign, digits[:len(digits)-2], digits[len(digits)-2:]
}

// Times multiplies a price by a number of pieces, or returns ErrMoneyRange when the product is beyond MoneyMax either way.
func (m Money) Times(n int) (Money, error) {
	product := m * Money(n)
	if n != 0 && (product/Money(n) != m || product > MoneyMax || product < -MoneyMax) {
		return 0, ErrMoneyRange
	}
	return product, nil
}

// VATRate is a rate of value added tax in whole percent, from 0 to 100: 23, 8, 5 or 0.
type VATRate int

// Of computes the tax on a net amount, rounded half away from zero to whole grosz.
// It is used once per order line; the result is stored and never computed again.
// The result is exact for every net amount: it is never larger than net, so it cannot overflow.
func (r VATRate) Of(net Money) Money {
	rest := net % 100 * Money(r)
	half := Money(50)
	if rest < 0 {
		half = -half
	}
	return net/100*Money(r) + (rest+half)/100
}

// Within is the tax in a gross amount, rounded half away from zero to whole grosz: what a part payment has of it. gross is from 0 to MoneyMax.
// Source: VAT Act, art. 106f(1)(3).
func (r VATRate) Within(gross Money) Money {
	whole := 100 + Money(r)
	return gross/whole*Money(r) + (gross%whole*Money(r)*2+whole)/(2*whole)
}

// Amounts are the three figures of a line or of a whole order, in grosz; Gross is always Net plus VAT.
type Amounts struct {
	Net   Money `json:"net"`
	VAT   Money `json:"vat"`
	Gross Money `json:"gross"`
}

// AmountsOf computes what a net amount comes to at a rate of tax.
func AmountsOf(net Money, rate VATRate) Amounts {
	vat := rate.Of(net)
	return Amounts{Net: net, VAT: vat, Gross: net + vat}
}

// Plus adds figure by figure; tax already rounded on the lines is summed, not computed again.
func (a Amounts) Plus(b Amounts) Amounts {
	return Amounts{Net: a.Net + b.Net, VAT: a.VAT + b.VAT, Gross: a.Gross + b.Gross}
}
