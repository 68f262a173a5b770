package bank

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

var update = flag.Bool("update", false, "write the golden files that testdata does not have yet")

// Every statement in testdata reads as the JSON file beside it says.
func TestStatements(t *testing.T) {
	files, err := filepath.Glob("testdata/*.sta")
	if err != nil || len(files) == 0 {
		t.Fatalf("no statements in testdata: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements, err := ParseMT940(bytes.NewReader(raw))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got, err := json.MarshalIndent(statements, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden := strings.TrimSuffix(file, ".sta") + ".json"
		if _, err := os.Stat(golden); *update && errors.Is(err, os.ErrNotExist) {
			if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got)+"\n" != string(want) {
			t.Errorf("%s reads as\n%s\nwant\n%s", file, got, want)
		}
	}
}

func parse(t *testing.T, text string) []Statement {
	t.Helper()
	statements, err := ParseMT940(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return statements
}

func read(t *testing.T, name string) string {
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

// The name of a file in testdata/malformed begins with the line that must be named.
func TestMalformed(t *testing.T) {
	files, err := filepath.Glob("testdata/malformed/*.sta")
	if err != nil || len(files) < 48 {
		t.Fatalf("%d malformed files, %v", len(files), err)
	}
	for _, file := range files {
		var line int
		if _, err := fmt.Sscanf(filepath.Base(file), "%d-", &line); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements, err := ParseMT940(bytes.NewReader(raw))
		refusedAt(t, filepath.Base(file), statements, err, line)
	}
}

func refusedAt(t *testing.T, name string, statements []Statement, err error, line int) {
	t.Helper()
	var refused *ParseError
	if !errors.As(err, &refused) || statements != nil {
		t.Errorf("%s: %v, %d statements; want a refusal", name, err, len(statements))
		return
	}
	advised := false
	for _, advice := range []string{again, "choose ", "export a shorter period"} {
		advised = advised || strings.Contains(refused.Reason, advice)
	}
	if refused.Line != line || !advised || strings.Contains(refused.Reason, "%!") {
		t.Errorf("%s: refused with %q; want line %d and what to do", name, refused, line)
	}
}

func TestLimits(t *testing.T) {
	text := read(t, "tilde.sta")
	entry := ":61:2611211121C0,00S051NONREF\n"
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"file":    {strings.Repeat("x", FileSizeMax+1), 0},
		"lines":   {strings.Repeat("\n", LinesMax+1), LinesMax + 1},
		"line":    {":20:" + strings.Repeat("x", LineSizeMax), 1},
		"entries": {strings.Replace(text, ":61:", strings.Repeat(entry, EntriesMax)+":61:", 1), 5 + EntriesMax},
		"entry":   {strings.Replace(text, ":86:", strings.Repeat(strings.Repeat("x", 1000)+"\n", 9)+":86:", 1), 5},
		"number":  {strings.Replace(text, "00231", strings.Repeat("1", numberMax+1), 1), 3},
		"details": {strings.Replace(text, ":62F:", strings.Repeat(strings.Repeat("x", 1000)+"\n", 9)+":62F:", 1), 6},
		"fields": {strings.Replace(text, text[strings.Index(text, "1121CN"):strings.Index(text, ":62F:")],
			"1121C1,00S051\n"+strings.Repeat(":86:\n", EntrySizeMax)+":62F:", 1), 6 + (EntrySizeMax-len(":61:2611211121C1,00S051"))/5},
	} {
		statements, err := ParseMT940(strings.NewReader(c.text))
		refusedAt(t, name, statements, err, c.line)
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

func FuzzParseMT940(f *testing.F) {
	files, err := filepath.Glob("testdata/*.sta")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		statements, err := ParseMT940(bytes.NewReader(raw))
		var refused *ParseError
		if err != nil && (!errors.As(err, &refused) || statements != nil) {
			t.Fatalf("%v, %d statements", err, len(statements))
		}
		for _, s := range statements {
			sum := s.OpeningGrosz
			seen := map[string]bool{}
			for _, entry := range s.Entries {
				sum += entry.AmountGrosz
				if seen[entry.Key] {
					t.Fatalf("two entries have the key %s", entry.Key)
				}
				seen[entry.Key] = true
			}
			if sum != s.ClosingGrosz {
				t.Fatalf("the sums do not agree: %+v", s)
			}
		}
	})
}
