package bank

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// lineColumns is the width at which field 86 is broken, inside subfields and words too, as banks do.
const lineColumns = 65

// What fits into the slots, in characters.
const (
	titleMax     = 6 * slotSize
	payerNameMax = 2 * slotSize
)

// WriteMT940 writes statements in the dialect with ~ subfields, in UTF-8 with CRLF. Line, Raw and Key of entries are not written.
// Before it hands anything to w, it reads its own text: a statement that would not come back equal (balances that do not add
// up, a title longer than its six slots, a character that the format uses itself) is an error and nothing is written.
func WriteMT940(w io.Writer, statements ...Statement) error {
	var file bytes.Buffer
	for _, s := range statements {
		writeStatement(&file, s)
	}
	back, err := ParseMT940(bytes.NewReader(file.Bytes()))
	if err != nil {
		return fmt.Errorf("write bank statement that could be read: %w", err)
	}
	if len(back) != len(statements) {
		return fmt.Errorf("write %d bank statements: %d would be read", len(statements), len(back))
	}
	for i := range statements {
		if err := sameStatement(statements[i], back[i]); err != nil {
			return fmt.Errorf("write bank statement %q: %w", statements[i].Number, err)
		}
	}
	if _, err := w.Write(file.Bytes()); err != nil {
		return fmt.Errorf("write bank statement: %w", err)
	}
	return nil
}

func writeStatement(w *bytes.Buffer, s Statement) {
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\r\n", args...) }
	line(":20:MT940")
	line(":25:/PL%s", s.Account)
	line(":28C:%s", s.Number)
	line(":60F:%s", balanceText(s.OpeningGrosz, s.OpenedOn, s.Currency))
	for _, e := range s.Entries {
		code, what := "051", "PRZELEW PRZYCHODZACY"
		if e.Mark == Debit || e.Mark == ReversedDebit {
			code, what = "020", "PRZELEW WYCHODZACY"
		}
		line(":61:%s%s%s%s%sS%s%s", shortDate(e.ValueDate), monthAndDay(e.BookedOn), e.Mark, fundsLetter(s.Currency),
			unsignedText(e.AmountGrosz), code, references(e))
		for _, part := range breakLines(":86:" + code + "~00" + what + description(e)) {
			line("%s", part)
		}
	}
	line(":62F:%s", balanceText(s.ClosingGrosz, s.ClosedOn, s.Currency))
	line("-")
}

func references(e Entry) string {
	if e.BankReference == "" {
		return e.CustomerReference
	}
	return e.CustomerReference + "//" + e.BankReference
}

func description(e Entry) string {
	text := slots(20, e.Title) + slots(32, e.PayerName)
	switch {
	case validNRB(e.PayerAccount):
		text += "~38PL" + e.PayerAccount
	case e.PayerAccount != "":
		text += "~38" + e.PayerAccount
	}
	return text
}

func balanceText(grosz int64, on Date, currency string) string {
	mark := Credit
	if grosz < 0 {
		mark = Debit
	}
	return string(mark) + shortDate(on) + currency + unsignedText(grosz)
}

func unsignedText(grosz int64) string { return strings.TrimPrefix(amountText(grosz), "-") }

// shortDate is YYMMDD.
func shortDate(d Date) string {
	return strings.TrimPrefix(strings.ReplaceAll(string(d), "-", ""), "20")
}

func monthAndDay(d Date) string {
	short := shortDate(d)
	return short[min(2, len(short)):]
}

// fundsLetter is the third letter of the currency, N for PLN.
func fundsLetter(currency string) string { return currency[min(2, len(currency)):] }

// slots cuts a text into subfields from the given number on.
func slots(first int, text string) string {
	var out strings.Builder
	for chunk := range slices.Chunk([]rune(text), slotSize) {
		fmt.Fprintf(&out, "~%02d%s", first, string(chunk))
		first++
	}
	return out.String()
}

// breakLines cuts a line earlier where the next would begin with a colon or a hyphen and be read as a field or the end of the
// message.
func breakLines(text string) []string {
	var lines []string
	rest := []rune(text)
	for len(rest) > lineColumns {
		cut := lineColumns
		for cut > 1 && strings.ContainsRune(":-{", rest[cut]) {
			cut--
		}
		lines, rest = append(lines, string(rest[:cut])), rest[cut:]
	}
	return append(lines, string(rest))
}

// sameStatement compares what is written; the other parts of an entry come into being when it is read.
func sameStatement(want, got Statement) error {
	if len(want.Entries) != len(got.Entries) {
		return fmt.Errorf("%d entries would be read as %d", len(want.Entries), len(got.Entries))
	}
	for i, e := range got.Entries {
		e.Line, e.Raw, e.Key = want.Entries[i].Line, want.Entries[i].Raw, want.Entries[i].Key
		if e != want.Entries[i] {
			return fmt.Errorf("entry %d would not be read back as it is: a text is too long, padded with blanks or has a ~ with digits, or amount and mark disagree", i+1)
		}
	}
	if got.Account != want.Account || got.Number != want.Number || got.Currency != want.Currency ||
		got.OpeningGrosz != want.OpeningGrosz || got.ClosingGrosz != want.ClosingGrosz || got.OpenedOn != want.OpenedOn || got.ClosedOn != want.ClosedOn {
		return errors.New("account, number, currency, balances or dates would not be read back as they are")
	}
	return nil
}
