package bank

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// parseAccount takes an NRB as banks write it: with blanks, PL, a slash or the bank's code and a slash before it.
func parseAccount(f field) (string, error) {
	text := f.joined()
	return parseNRB(f.line, text[strings.LastIndexByte(text, '/')+1:])
}

// parseNRB takes an NRB with blanks and PL before it or without.
func parseNRB(line int, text string) (string, error) {
	account := strings.Clone(strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(text), " ", ""), "PL"))
	if !validNRB(account) {
		return "", refuse(line, "account %s is not 26 digits with correct check digits; choose an account in Poland, or %s", quote(text), again)
	}
	return account, nil
}

// validNRB checks form and check digits.
func validNRB(text string) bool {
	const length, letters = 26, "2521" // P and L as an IBAN counts letters: A is 10
	if len(text) != length || !onlyDigits(text) {
		return false
	}
	return digits97(text[2:], letters, text[:2]) == 1
}

var iban = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)

// validIBAN checks form and check digits. Source: ISO 13616, ISO 7064 MOD 97-10.
func validIBAN(text string) bool {
	return iban.MatchString(text) && remainder97(remainder97(0, text[4:]), text[:4]) == 1
}

// digits97 is the remainder of a number by 97, whose digits stand in several texts.
func digits97(texts ...string) uint64 {
	const many = 1e16 // no further digit would fit behind it
	number := uint64(0)
	for _, text := range texts {
		for i := range len(text) {
			if number >= many {
				number %= 97
			}
			number = number*10 + uint64(text[i]-'0')
		}
	}
	return number % 97
}

// remainder97 goes on dividing a number by 97 with further digits and letters.
func remainder97(remainder int, text string) int {
	for i := range len(text) {
		if isDigit(text[i]) {
			remainder = (remainder*10 + int(text[i]-'0')) % 97
		} else {
			remainder = (remainder*100 + int(text[i]-'A') + 10) % 97
		}
	}
	return remainder
}

func onlyDigits(text string) bool { return leadingDigits(text) == len(text) }

// leadingDigits is how many digits a text begins with.
func leadingDigits(text string) int {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return i
		}
	}
	return len(text)
}

type balance struct {
	grosz    int64
	on       Date
	currency string
	line     int
}

var balanceField = regexp.MustCompile(`^([CD])([0-9]{6})([A-Z]{3})([0-9]+,[0-9]*)$`)

func (p *parser) balance(what string, tags ...string) (balance, error) {
	f, err := p.take(what, tags...)
	if err != nil {
		return balance{}, err
	}
	parts := balanceField.FindStringSubmatch(strings.TrimSpace(f.joined()))
	if parts == nil {
		return balance{}, refuse(f.line, "balance %s is not C or D, date, currency and amount, like C261120PLN1000,00; %s", quote(f.joined()), again)
	}
	b := balance{currency: strings.Clone(parts[3]), line: f.line}
	if b.on, err = parseDate(f.line, parts[2]); err != nil {
		return b, err
	}
	if b.grosz, err = parseAmount(f.line, parts[4]); err != nil {
		return b, err
	}
	b.grosz *= Mark(parts[1]).sign()
	return b, nil
}

// entryHead is field 61 taken apart: value date, entry date or blanks, mark, funds letter, amount, type, references.
type entryHead struct {
	valueDate, bookingDate, amount, references string
	mark                                       Mark
}

// cutEntry takes field 61 apart; it answers false where a part is missing or malformed.
func cutEntry(text string) (head entryHead, ok bool) {
	const day, monthDay, kind = 6, 4, 4 // characters of YYMMDD, of MMDD and of the type
	digits := leadingDigits(text)
	if digits != day && digits != day+monthDay {
		return head, false
	}
	head.valueDate, text = text[:day], text[day:]
	if digits > day || strings.HasPrefix(text, "    ") {
		head.bookingDate, text = text[:monthDay], text[monthDay:]
	}
	for _, mark := range []Mark{ReversedCredit, ReversedDebit, Credit, Debit} {
		if rest, found := strings.CutPrefix(text, string(mark)); found {
			head.mark, text = mark, rest
			break
		}
	}
	if text != "" && isCapital(text[0]) {
		text = text[1:]
	}
	whole := leadingDigits(text)
	if head.mark == "" || whole == 0 || whole == len(text) || text[whole] != ',' {
		return head, false
	}
	decimals := leadingDigits(text[whole+1:])
	head.amount, text = text[:whole+1+decimals], text[whole+1+decimals:]
	if len(text) < kind || !isCapital(text[0]) {
		return head, false
	}
	for i := 1; i < kind; i++ {
		if !isCapital(text[i]) && !isDigit(text[i]) {
			return head, false
		}
	}
	head.references = text[kind:]
	return head, true
}

func isCapital(b byte) bool { return b >= 'A' && b <= 'Z' }

func parseEntry(f field) (Entry, error) {
	head, ok := cutEntry(f.first)
	if !ok {
		return Entry{}, refuse(f.line, "entry %s is not value date, mark, amount, type and references, like 2611211121CN1234,56S051NONREF//KB1; %s", quote(f.first), again)
	}
	e := Entry{Mark: head.mark, Line: f.line}
	var err error
	if e.ValueDate, err = parseDate(f.line, head.valueDate); err != nil {
		return e, err
	}
	var known bool
	if e.BookedOn, known = bookingDate(e.ValueDate, strings.TrimSpace(head.bookingDate)); !known {
		return e, refuse(f.line, "%s is no day of the calendar (MMDD); %s", quote(head.bookingDate), again)
	}
	if e.AmountGrosz, err = parseAmount(f.line, head.amount); err != nil {
		return e, err
	}
	e.AmountGrosz *= e.Mark.sign()
	customer, bank, _ := strings.Cut(head.references, "//")
	e.CustomerReference, e.BankReference = strings.TrimSpace(customer), strings.TrimSpace(bank)
	if max(len(e.CustomerReference), len(e.BankReference)) > referenceMax {
		return e, refuse(f.line, "a reference of the entry is longer than %d bytes; %s", referenceMax, again)
	}
	return e, nil
}

// parseDate reads YYMMDD of this century.
func parseDate(line int, yymmdd string) (Date, error) {
	const century = 2000
	number, err := strconv.Atoi(yymmdd)
	year, month, day := century+number/1_00_00, time.Month(number/1_00%1_00), number%1_00
	if err != nil || len(yymmdd) != len("yymmdd") || month < time.January || month > time.December || day < 1 || day > daysIn(year, month) {
		return "", refuse(line, "%s is no day of the calendar (YYMMDD); %s", quote(yymmdd), again)
	}
	return Date("20" + yymmdd[:2] + "-" + yymmdd[2:4] + "-" + yymmdd[4:]), nil
}

// daysIn is how many days a month of this century has.
func daysIn(year int, month time.Month) int {
	switch month {
	case time.February:
		if year%4 == 0 {
			return 29
		}
		return 28
	case time.April, time.June, time.September, time.November:
		return 30
	}
	return 31
}

// parseISODate reads 2006-01-02 at the beginning of a day or moment of this century.
func parseISODate(line int, text string) (Date, error) {
	day, err := time.Parse(time.DateOnly, text[:min(len(text), len(time.DateOnly))])
	if err != nil || day.Year() < 2000 || day.Year() > 2099 {
		return "", refuse(line, "%s is no day of the calendar such as 2026-11-21; %s", quote(text), again)
	}
	return Date(day.Format(time.DateOnly)), nil
}

// bookingDate finds the year of MMDD: the one that brings it next to the value date, for they may stand on two sides of New Year.
// Empty means the value date. It answers false where there is no such day.
func bookingDate(value Date, mmdd string) (Date, bool) {
	if mmdd == "" || len(value) == len(time.DateOnly) && mmdd == string(value[5:7]+value[8:]) {
		return value, true
	}
	valueDay, err := time.Parse(time.DateOnly, string(value))
	if err != nil {
		return "", false
	}
	var nearest time.Time
	for year := valueDay.Year() - 1; year <= valueDay.Year()+1; year++ {
		day, err := time.Parse("20060102", strconv.Itoa(year)+mmdd)
		if err == nil && (nearest.IsZero() || day.Sub(valueDay).Abs() < nearest.Sub(valueDay).Abs()) {
			nearest = day
		}
	}
	return Date(nearest.Format(time.DateOnly)), !nearest.IsZero()
}

// parseAmount reads digits, a comma and at most two decimals.
func parseAmount(line int, text string) (int64, error) {
	whole, decimals, _ := strings.Cut(text, ",")
	if len(decimals) > 2 {
		return 0, refuse(line, "amount %s has more than two decimals; %s", quote(text), again)
	}
	digits := append(append(append(make([]byte, 0, 32), whole...), decimals...), "00"[len(decimals):]...)
	grosz, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || grosz > AmountMax {
		return 0, refuse(line, "amount %s is larger than %s; %s", quote(text), amountText(AmountMax), again)
	}
	return grosz, nil
}

// amountText is the inverse of parseAmount, with a minus sign where there is one.
func amountText(grosz int64) string {
	minus := ""
	if grosz < 0 {
		minus, grosz = "-", -grosz
	}
	return fmt.Sprintf("%s%d,%02d", minus, grosz/100, grosz%100)
}

// quote shows the beginning of a text in a refusal.
func quote(text string) string {
	if runes := []rune(text); len(runes) > quotedMax {
		text = string(runes[:quotedMax]) + "..."
	}
	return strconv.Quote(text)
}
