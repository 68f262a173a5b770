package bank

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// setKeys gives every entry of a statement its key, from nothing that depends on the form of the file: account, currency, value
// date, mark, amount, and either the bank's reference or, where there is none, the booking date, the title as letters and digits
// without Polish accents, and the other side's account. Entries that agree in all of this are counted in the order of their
// statement, and the count goes in as well.
//
// So the same booking has the same key in every export and in MT940 as in camt.053, as long as the bank gives both the same reference or
// none; and equal payments are as many as the statement has. The bank's reference alone is not enough: some banks repeat it for every
// payment of a batch. What cannot be told apart is a payment without reference from an equal one of the same booking day in
// another statement: it counts as the same, for booking money twice is worse than listing it as known.
//
// Transfers are booked under their keys: whoever changes what goes in has every overlapping export booked twice.
func setKeys(s *Statement) {
	seen := make(map[[sha256.Size]byte]int, len(s.Entries))
	var facts []byte
	for i := range s.Entries {
		entry := &s.Entries[i]
		if entry.PaidTo == s.Account {
			entry.PaidTo = "" // no virtual account
		}
		facts = appendParts(facts[:0], s.Account, s.Currency, string(entry.ValueDate), string(entry.Mark), strconv.FormatInt(entry.AmountGrosz, 10))
		if identifies(entry.BankReference) {
			facts = appendParts(facts, "reference", entry.BankReference)
		} else {
			facts = appendParts(facts, "details", string(entry.BookedOn), lettersAndDigits(entry.Title), entry.PayerAccount)
		}
		what := sha256.Sum256(facts)
		seen[what]++
		facts = appendParts(facts, "occurrence", strconv.Itoa(seen[what]))
		key := sha256.Sum256(facts)
		entry.Key = hex.EncodeToString(key[:16])
	}
}

// identifies says whether a reference is one: some banks write NONREF, NOTPROVIDED or zeros where they have none.
func identifies(reference string) bool {
	telling := func(r rune) bool { return r != '0' && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	return strings.ContainsFunc(reference, telling) && !strings.EqualFold(reference, "NONREF") && !strings.EqualFold(reference, "NOTPROVIDED")
}

// appendParts appends each part behind its length, so that no letter can move from one part to the next unnoticed.
func appendParts(facts []byte, parts ...string) []byte {
	for _, part := range parts {
		facts = append(strconv.AppendInt(facts, int64(len(part)), 10), ':')
		facts = append(facts, part...)
	}
	return facts
}

// lettersAndDigits leaves out everything in which two exports of the same text could differ: blanks, lines, separators, case and
// the accents of Polish letters.
func lettersAndDigits(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		case r < utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			return -1
		}
		r = unicode.ToUpper(r)
		if at := strings.IndexRune("ĄĆĘŁŃÓŚŹŻ", r); at >= 0 {
			return rune("ACELNOSZZ"[at/2])
		}
		return r
	}, text)
}
