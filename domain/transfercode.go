package domain

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Lengths of the fields of a transfer code that are cut, in characters.
const (
	transferCodeRecipientMax = 20
	transferCodeTitleMax     = 32
)

// TransferCode is the text of the two-dimensional code that a bank's app reads to fill in a transfer: nine fields between
// bars, of which the last three stay empty. Amounts have at least six digits; longer ones take their room from the
// last field. It is empty when there is nothing to pay.
// Source: Związek Banków Polskich, Rekomendacja dotycząca kodu dwuwymiarowego ("2D"), version 1.0, December 2013.
func (b BankData) TransferCode(amount Money, title string) string {
	if amount <= 0 {
		return ""
	}
	return fmt.Sprintf("%s|PL|%s|%06d|%s|%s|||", b.NIP, b.Account, int64(amount),
		transferCodeField(b.Recipient, transferCodeRecipientMax), transferCodeField(title, transferCodeTitleMax))
}

// transferCodeField makes text fit a field: a bar or a line break in it would shift the fields behind it.
func transferCodeField(text string, charactersMax int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '|' || r < ' ' || r == 0x7f || r == utf8.RuneError }), " ")
	if runes := []rune(text); len(runes) > charactersMax {
		text = strings.TrimSpace(string(runes[:charactersMax]))
	}
	return text
}
