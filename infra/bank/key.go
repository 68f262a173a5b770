package bank

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"unicode"
)

// setKeys gives every entry of a statement its key. The bank's reference alone is not enough: some banks repeat it for every
// payment of a batch. What the entry says is not enough either: somebody may pay the same amount twice on one day.
//
// Transfers are booked under their keys: whoever changes what goes in has every overlapping export booked twice.
func setKeys(s *Statement) {
	seen := map[string]int{}
	for i := range s.Entries {
		entry := &s.Entries[i]
		facts := sha256.New()
		writeParts(facts, s.Account, s.Currency, string(entry.ValueDate), string(entry.Mark), fmt.Sprint(entry.AmountGrosz))
		if identifies(entry.BankReference) {
			writeParts(facts, "reference", entry.BankReference)
		} else {
			writeParts(facts, "details", string(entry.BookedOn), entry.CustomerReference, lettersAndDigits(entry.Raw[strings.Index(entry.Raw, "\n")+1:]))
		}
		what := hex.EncodeToString(facts.Sum(nil))
		seen[what]++
		writeParts(facts, "occurrence", fmt.Sprint(seen[what]))
		entry.Key = hex.EncodeToString(facts.Sum(nil)[:16])
	}
}

// identifies says whether a reference is one: some banks write NONREF or zeros where they have none.
func identifies(reference string) bool {
	return strings.Trim(lettersAndDigits(reference), "0") != "" && !strings.EqualFold(reference, "NONREF")
}

// writeParts writes each part behind its length, so that no letter can move from one part to the next unnoticed.
func writeParts(h hash.Hash, parts ...string) {
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
}

// lettersAndDigits leaves out everything in which two exports of the same entry could differ: blanks, lines, separators, case.
func lettersAndDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, text)
}
