package bank

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxNumberBytes     = 35
	maxReferenceBytes  = 64 // SWIFT says 16; banks have longer ones
	maxAmountDigits    = 12 // before the comma
	accountDigits      = 26
	maxQuotedRunes     = 30
	ibanModulus = 97
)

// parseAccount takes 26 digits with or without blanks, PL, a slash, or the bank's code and a slash before them.
func parseAccount(f field) (string, error) {
	account := bare(f.lines[0])
	account = strings.TrimPrefix(account[strings.LastIndexByte(account, '/')+1:], "PL")
	if len(account) != accountDigits || !digits(account, 0, accountDigits) {
		return "", refuse(f.line, "account %s is not 26 digits; export the statement of an account in Poland", quote(f.lines[0]))
	}
	remainder := 0
	for _, digit := range account[2:] + "2521" + account[:2] { // 2521 is PL
		remainder = (remainder*10 + int(digit-'0')) % ibanModulus
	}
	if remainder != 1 {
		return "", refuse(f.line, "account %s has wrong check digits, so the file was changed; %s", account, downloadAgain)
	}
	return account, nil
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
		return balance{}, refuse(f.line, "balance %s is not C or D, date, currency and amount, like C261120PLN1000,00; %s", quote(f.joined()), downloadAgain)
	}
	b := balance{currency: parts[3], line: f.line}
	if b.on, err = parseDate(f.line, parts[2]); err != nil {
		return b, err
	}
	if b.grosz, err = parseAmount(f.line, parts[4]); err != nil {
		return b, err
	}
	b.grosz *= Mark(parts[1]).sign()
	return b, nil
}

// entryField is field 61: value date, entry date or blanks, mark, funds letter, amount, type, references.
var entryField = regexp.MustCompile(`^([0-9]{6})([0-9]{4}| {4})?(RC|RD|C|D)[A-Z]?([0-9]+,[0-9]*)([A-Z][A-Z0-9]{3})(.*)$`)

func parseEntry(f field) (Entry, error) {
	parts := entryField.FindStringSubmatch(f.lines[0])
	if parts == nil {
		return Entry{}, refuse(f.line, "entry %s is not value date, mark, amount, type and references, like 2611211121CN1234,56S051NONREF//KB1; %s", quote(f.lines[0]), downloadAgain)
	}
	e := Entry{Mark: Mark(parts[3]), Line: f.line}
	var err error
	if e.ValueDate, err = parseDate(f.line, parts[1]); err != nil {
		return e, err
	}
	if e.BookedOn, err = parseEntryDate(f.line, strings.TrimSpace(parts[2]), e.ValueDate); err != nil {
		return e, err
	}
	if e.AmountGrosz, err = parseAmount(f.line, parts[4]); err != nil {
		return e, err
	}
	e.AmountGrosz *= e.Mark.sign()
	customer, bank, _ := strings.Cut(parts[6], "//")
	e.CustomerReference, e.BankReference = strings.TrimSpace(customer), strings.TrimSpace(bank)
	if max(len(e.CustomerReference), len(e.BankReference)) > maxReferenceBytes {
		return e, refuse(f.line, "a reference of the entry is longer than %d bytes; %s", maxReferenceBytes, downloadAgain)
	}
	return e, nil
}

// parseDate reads YYMMDD of this century.
func parseDate(line int, yymmdd string) (Date, error) {
	day, err := time.Parse("20060102", "20"+yymmdd)
	if err != nil {
		return "", refuse(line, "%s is no day of the calendar (YYMMDD); %s", quote(yymmdd), downloadAgain)
	}
	return Date(day.Format(time.DateOnly)), nil
}

// parseEntryDate reads MMDD in the year that brings it next to the value date: they may stand on two sides of New Year.
func parseEntryDate(line int, mmdd string, value Date) (Date, error) {
	if mmdd == "" {
		return value, nil
	}
	valueDay, err := time.Parse(time.DateOnly, string(value))
	if err != nil {
		return "", fmt.Errorf("read value date %q: %w", value, err)
	}
	var nearest time.Time
	for year := valueDay.Year() - 1; year <= valueDay.Year()+1; year++ {
		day, err := time.Parse("20060102", strconv.Itoa(year)+mmdd)
		if err == nil && (nearest.IsZero() || day.Sub(valueDay).Abs() < nearest.Sub(valueDay).Abs()) {
			nearest = day
		}
	}
	if nearest.IsZero() {
		return "", refuse(line, "%s is no day of the calendar (MMDD); %s", quote(mmdd), downloadAgain)
	}
	return Date(nearest.Format(time.DateOnly)), nil
}

// parseAmount reads digits, a comma and at most two decimals.
func parseAmount(line int, text string) (int64, error) {
	whole, decimals, _ := strings.Cut(text, ",")
	if len(whole) > maxAmountDigits || len(decimals) > 2 {
		return 0, refuse(line, "amount %s has more than %d digits or more than two decimals; %s", quote(text), maxAmountDigits, downloadAgain)
	}
	grosz, err := strconv.ParseInt(whole+(decimals + "00")[:2], 10, 64)
	if err != nil {
		return 0, refuse(line, "amount %s is not a number; %s", quote(text), downloadAgain)
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

// identity is what stays the same of a booking from one export to the next. The bank's reference identifies it where there is one,
// the text elsewhere. Date and amount are part of it in any case: some banks give all bookings of a batch one reference.
func identity(account string, e Entry, text string) string {
	what := "reference " + squeeze(e.BankReference)
	if reference := squeeze(e.BankReference); strings.Trim(reference, "0") == "" || reference == "NONREF" {
		what = "text " + string(e.BookedOn) + " " + squeeze(text)
	}
	return fmt.Sprintf("%s %s %d %s", account, e.ValueDate, e.AmountGrosz, what)
}

// numberKeys makes keys of the identities in Key: equal bookings of one statement are counted, so that none swallows another.
func numberKeys(entries []Entry) {
	seen := map[string]int{}
	for i := range entries {
		e := &entries[i]
		seen[e.Key]++
		digest := sha256.Sum256(fmt.Appendf(nil, "%s %d", e.Key, seen[e.Key]))
		e.Key = hex.EncodeToString(digest[:])
	}
}

// quote shows the beginning of a text in a refusal.
func quote(text string) string {
	if runes := []rune(text); len(runes) > maxQuotedRunes {
		text = string(runes[:maxQuotedRunes]) + "..."
	}
	return strconv.Quote(text)
}
