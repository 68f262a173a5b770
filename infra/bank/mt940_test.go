package bank

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func parse(t *testing.T, text string) []Statement {
	t.Helper()
	statements, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return statements
}

func read(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// The number of the order is found although it is cut across two slots, and the street across two lines.
func TestOrderNumberCutAcrossSlots(t *testing.T) {
	s := parse(t, read(t, "tilde.sta"))[0]
	want := Entry{ValueDate: "2026-11-21", BookedOn: "2026-11-21", AmountGrosz: 123456, Mark: Credit, BankReference: "KB2611210001",
		CustomerReference: "NONREF", Title: "WPLATA ZA ZAMOWIENIE 2026/000123 NIP 1234563218",
		PayerName: "FIRMA PRZYKLADOWA SP Z O O UL DLUGA 1 WARSZAWA", PayerAccount: "27114020040000300201355387", Line: 5}
	got := s.Entries[0]
	got.Raw, got.Key = "", ""
	if got != want {
		t.Errorf("entry %+v; want %+v", got, want)
	}
	if s.OpeningGrosz != 100000 || s.ClosingGrosz != 223456 || s.Account != "84102055580000123400005678" {
		t.Errorf("statement %+v", s)
	}
}

// The same file reads the same with other line ends, a byte order mark or control characters before a block.
func TestFilesDiffer(t *testing.T) {
	text := read(t, "tilde.sta")
	want, err := json.Marshal(parse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	for name, variant := range map[string]string{
		"CRLF":            strings.ReplaceAll(text, "\n", "\r\n"),
		"CR":              strings.ReplaceAll(text, "\n", "\r"),
		"CR twice":        strings.ReplaceAll(text, "\n", "\r\r\n"),
		"end mark":        text + "\x1a",
		"byte order mark": "\ufeff" + text,
		"ASCII 1":         "\x01" + text + "\x03",
		"no end":          strings.TrimSuffix(text, "-\n"),
		"SWIFT's end":     strings.TrimSuffix(text, "-\n") + "-}{5:{CHK:0123456789AB}}\n",
		"no last line":    strings.TrimSuffix(text, "\n-\n"),
		"blank lines":     text + "\r\n\r\n",
	} {
		got, err := json.Marshal(parse(t, variant))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: reads as\n%s, %v; want\n%s", name, got, err, want)
		}
	}
}

func TestReadingFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := ParseMT940(io.MultiReader(strings.NewReader(":20:X\n"), iotest.ErrReader(broken)))
	var refused *ParseError
	if !errors.Is(err, broken) || errors.As(err, &refused) {
		t.Errorf("reading fails with %v", err)
	}
}

func keysOf(statements []Statement) []string {
	var keys []string
	for _, s := range statements {
		for _, entry := range s.Entries {
			keys = append(keys, entry.Key)
		}
	}
	return keys
}

// Equal payments in one statement are two payments; the same payment in two exports is one.
func TestKeys(t *testing.T) {
	text := read(t, "two-details.sta")
	keys := keysOf(parse(t, text))
	seen := map[string]bool{}
	for _, key := range keys {
		if seen[key] || len(key) != 32 {
			t.Errorf("keys %q; want all different", keys)
		}
		seen[key] = true
	}
	// another export of the same day: other number, reference and line breaks
	other := strings.NewReplacer(":28C:180521", ":28C:9", "ST20261121", "X", "~20ZAM 2026/000123-38\n~32", "\n~20ZAM 2026/000123-38~32").Replace(text)
	if again := keysOf(parse(t, other)); strings.Join(again, " ") != strings.Join(keys, " ") {
		t.Errorf("the same entries have the keys %q and %q", keys, again)
	}
	tilde := read(t, "tilde.sta")
	key := keysOf(parse(t, tilde))[0]
	for what, changed := range map[string]string{
		"value date": strings.Replace(tilde, ":61:261121", ":61:261120", 1),
		"amount":     strings.NewReplacer("CN1234,56", "CN1234,57", "2234,56", "2234,57").Replace(tilde),
		"reference":  strings.Replace(tilde, "KB2611210001", "KB2611210002", 1),
		"account":    strings.Replace(tilde, "84102055580000123400005678", "27114020040000300201355387", 1),
		"mark":       strings.NewReplacer("CN1234,56", "RDN1234,56").Replace(tilde),
	} {
		if keysOf(parse(t, changed))[0] == key {
			t.Errorf("another %s has the same key", what)
		}
	}
	if keysOf(parse(t, strings.Replace(tilde, "WPLATA ZA", "wplata za", 1)))[0] != key {
		t.Error("the details change the key although the bank has given a reference")
	}
}

func TestBookingDay(t *testing.T) {
	for _, c := range []struct {
		value Date
		mmdd  string
		want  Date
		ok    bool
	}{
		{"2026-11-21", "", "2026-11-21", true},
		{"2026-11-21", "1122", "2026-11-22", true},
		{"2026-12-31", "0102", "2027-01-02", true},
		{"2027-01-02", "1231", "2026-12-31", true},
		{"2028-02-28", "0229", "2028-02-29", true},
		{"2026-02-28", "0230", "", false},
		{"2026-02-28", "1301", "", false},
	} {
		if got, ok := bookingDate(c.value, c.mmdd); ok != c.ok || ok && got != c.want {
			t.Errorf("%s booked %q: %s, %t; want %s", c.value, c.mmdd, got, ok, c.want)
		}
	}
}
