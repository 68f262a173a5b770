package bank

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

const (
	pageOne = `:20:MT940
:25:/PL84102055580000123400005678
:28C:231/1
:60F:C261120PLN1000,00
:61:2611211121CN10,00S051NONREF
:86:051~20ZAM 2026/000123-38
:62M:C261121PLN1010,00
-
`
	pageTwo = `:20:MT940
:25:/PL84102055580000123400005678
:28C:231/2
:60M:C261121PLN1010,00
:61:2611211121CN10,00S051NONREF
:86:051~20ZAM 2026/000123-38
:62F:C261122PLN1020,00
-
`
)

// A statement of several pages is one statement, also for counting equal payments.
func TestPages(t *testing.T) {
	got := parse(t, pageOne+pageTwo+strings.Replace(pageOne, "62M", "62F", 1))
	if len(got) != 2 || len(got[0].Entries) != 2 || len(got[1].Entries) != 1 {
		t.Fatalf("read %+v", got)
	}
	s := got[0]
	if s.OpeningGrosz != 1000_00 || s.ClosingGrosz != 1020_00 || s.OpenedOn != "2026-11-20" || s.ClosedOn != "2026-11-22" || s.Number != "231/1" {
		t.Errorf("statement %+v", s)
	}
	if s.Entries[0].Key == s.Entries[1].Key || s.Entries[0].Key != got[1].Entries[0].Key {
		t.Errorf("keys %s, %s and in another export %s", s.Entries[0].Key, s.Entries[1].Key, got[1].Entries[0].Key)
	}
}

func TestPagesThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"the last is missing":  {pageOne, 8},
		"the first is missing": {pageTwo, 4},
		"wrong order":          {pageTwo + pageOne, 4},
		"one twice":            {pageOne + pageOne + pageTwo, 12},
		"other account":        {pageOne + strings.Replace(pageTwo, "84102055580000123400005678", "27114020040000300201355387", 1), 9},
		"other number":         {pageOne + strings.Replace(pageTwo, "231/2", "232/2", 1), 9},
		"other currency":       {pageOne + strings.ReplaceAll(pageTwo, "PLN", "EUR"), 9},
		"gap in balances":      {pageOne + strings.NewReplacer("PLN1010", "PLN1011", "PLN1020", "PLN1021").Replace(pageTwo), 9},
		"sum of the first":     {strings.Replace(pageOne, "PLN1010,00", "PLN1010,01", 1) + pageTwo, 7},
	} {
		statements, err := ParseMT940(strings.NewReader(c.text))
		refusedAt(t, name, statements, err, c.line)
	}
}

// A file of three statements that is cut anywhere is refused, or it ends behind a whole statement and gives the ones before.
func TestCutFileOfStatements(t *testing.T) {
	var file bytes.Buffer
	one := example()
	empty := Statement{Account: one.Account, Number: "2", Currency: "PLN", OpenedOn: "2026-11-22", ClosedOn: "2026-11-22", OpeningGrosz: one.ClosingGrosz, ClosingGrosz: one.ClosingGrosz}
	overdrawn := example()
	overdrawn.Number, overdrawn.OpeningGrosz, overdrawn.ClosingGrosz = "3", -200000, -200000+123456
	if err := WriteMT940(&file, one, empty, overdrawn); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	all := parse(t, text)
	if len(all) != 3 || len(all[1].Entries) != 0 || all[2].ClosingGrosz != -76544 {
		t.Fatalf("read %+v", all)
	}
	for size := range len(text) {
		statements, err := ParseMT940(strings.NewReader(text[:size]))
		var refused *ParseError
		last := strings.Count(text[:size], "\n") // whole lines; the file may go on with a part of the next
		switch {
		case err == nil && reflect.DeepEqual(statements, all[:len(statements)]) && strings.Count(text[:size], ":20:") == len(statements):
		case errors.As(err, &refused) && (refused.Line == last || refused.Line == last+1):
		default:
			t.Fatalf("cut to %q: %d statements, %v", text[max(0, size-30):size], len(statements), err)
		}
	}
}

// What a bank says about the statement is no description of an entry.
func TestStatementWithoutEntries(t *testing.T) {
	text := strings.Replace(pageOne[:strings.Index(pageOne, ":61:")]+":62F:C261121PLN1000,00\n", "231/1", "5", 1) + ":64:C261121PLN900,00\n:86:OPROCENTOWANIE 0,00\n"
	s := parse(t, text)
	if len(s) != 1 || len(s[0].Entries) != 0 || s[0].ClosingGrosz != 1000_00 || s[0].Number != "5" {
		t.Errorf("read %+v", s)
	}
}

// Where a bank has no reference and writes so, equal amounts of one day are told apart by what they say and when they were booked.
func TestReferencesThatIdentifyNothing(t *testing.T) {
	for _, reference := range []string{"", "//NONREF", "//nonref", "//0000000000", "//"} {
		text := strings.Replace(pageOne, "NONREF", "NONREF"+reference, 1)
		text = strings.Replace(text, "62M", "62F", 1)
		seen := map[string]string{}
		for what, variant := range map[string]string{
			"as it is":   text,
			"other text": strings.Replace(text, "000123-38", "000124-11", 1),
			"other day":  strings.Replace(text, "2611211121CN", "2611211122CN", 1),
		} {
			key := parse(t, variant)[0].Entries[0].Key
			if other, known := seen[key]; known {
				t.Errorf("reference %q: %s and %s have the same key", reference, what, other)
			}
			seen[key] = what
		}
	}
}

func TestAccountNumbers(t *testing.T) {
	for text, want := range map[string]bool{
		"84102055580000123400005678":   true,
		"27114020040000300201355387":   true,
		"24160000035175530643314956":   true,
		"29114010810000267002001002":   true,
		"27105010251000009085623719":   true,
		"90249000050247256316596736":   true,
		"30102010550000910200000000":   false, // masked
		"84102055580000123400005687":   false, // neighbours swapped
		"8410205558000012340000567":    false,
		"861020555800001234000056":     false, // right check digits, two digits short
		"PL84102055580000123400005678": false,
		"841020555800001234000056٧٨":   false,
		"":                             false,
	} {
		if got := validNRB(text); got != want {
			t.Errorf("NRB %q: %t; want %t", text, got, want)
		}
	}
	if !validIBAN("DE89370400440532013000") || validIBAN("DE88370400440532013000") || validIBAN("GB82WEST12345698765433") || !validIBAN("GB82WEST12345698765432") {
		t.Error("the check digits of an IBAN are not checked")
	}
}
