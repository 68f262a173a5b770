package bank

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files that testdata does not have yet")

// Every statement in testdata reads as the JSON file beside it says.
func TestStatements(t *testing.T) {
	for _, file := range statementFiles(t, "testdata") {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements, err := Parse(bytes.NewReader(raw))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got, err := json.MarshalIndent(statements, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden := strings.TrimSuffix(file, filepath.Ext(file)) + ".json"
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

// statementFiles are the MT940 and camt.053 files of a folder.
func statementFiles(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	for _, form := range []string{"*.sta", "*.xml"} {
		files, err := filepath.Glob(filepath.Join(dir, form))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s in %s: %v", form, dir, err)
		}
		all = append(all, files...)
	}
	return all
}

// The name of a file in testdata/malformed begins with the line that must be named.
func TestMalformed(t *testing.T) {
	for _, file := range statementFiles(t, "testdata/malformed") {
		var line int
		if _, err := fmt.Sscanf(filepath.Base(file), "%d-", &line); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements, err := Parse(bytes.NewReader(raw))
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

// Files named day- are one day of one account in every form: whichever of them is imported, and however often, the transfers are
// the same, the two equal ones without a reference as well.
func TestTheSameDayInEveryForm(t *testing.T) {
	days, err := filepath.Glob("testdata/day-*.*")
	if err != nil {
		t.Fatal(err)
	}
	var want Statement
	forms := 0
	for _, file := range days {
		if filepath.Ext(file) == ".json" {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements, err := Parse(bytes.NewReader(raw))
		if err != nil || len(statements) != 1 {
			t.Fatalf("%s: %d statements, %v", file, len(statements), err)
		}
		got := statements[0]
		for i := range got.Entries {
			entry := &got.Entries[i]
			entry.Raw, entry.Line, entry.CustomerReference = "", 0, ""
		}
		if forms++; forms == 1 {
			want = got
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s reads as\n%+v\nwant\n%+v", file, got, want)
		}
	}
	if forms < 8 || len(want.Entries) != 4 || want.Entries[1].Key == want.Entries[2].Key {
		t.Errorf("%d forms of the day %+v", forms, want)
	}
}

// A day that stands in a file twice, or in two files that overlap, has the keys of one day: what is booked under them is booked once.
func TestDoubledDays(t *testing.T) {
	for _, file := range []string{"day-tilde.sta", "day-labels.sta"} {
		once := read(t, file)
		keys := keysOf(parse(t, once))
		if got, want := keysOf(parse(t, once+once)), append(keys, keys...); !reflect.DeepEqual(got, want) {
			t.Errorf("%s twice has the keys %q, want %q", file, got, want)
		}
	}
	camt := read(t, "day-camt-08.xml")
	one := camt[strings.Index(camt, "<Stmt>"):strings.Index(camt, "</BkToCstmrStmt>")]
	keys := keysOf(parse(t, camt))
	if got, want := keysOf(parse(t, strings.Replace(camt, one, one+one, 1))), append(keys, keys...); !reflect.DeepEqual(got, want) {
		t.Errorf("camt.053 twice has the keys %q, want %q", got, want)
	}
}

// Without a reference, what the payer wrote tells payments of a day apart, but not how a bank spells it.
func TestKeysWithoutReference(t *testing.T) {
	day := read(t, "day-camt-08.xml")
	keys := keysOf(parse(t, day))
	for what, c := range map[string]struct {
		old, new string
		same     bool
	}{
		"case":          {"ZAM 2026/000124-36", "zam 2026/000124-36", true},
		"blanks":        {"ZAM 2026/000124-36", "ZAM  2026 / 000124 - 36", true},
		"accents":       {"ZAM 2026/000124-36", "ŻĄM 2026/000124-36", true},
		"name":          {"PIEKARNIA KŁOS", "PIEKARNIA KLOS SP. Z O.O.", true},
		"end to end":    {"NOTPROVIDED", "X", true},
		"other title":   {"ZAM 2026/000124-36", "ZAM 2026/000125-34", false},
		"other account": {"24160000035175530643314956", "29114010810000267002001002", false},
		"other day":     {"<BookgDt>\n          <Dt>2026-11-23", "<BookgDt>\n          <Dt>2026-11-22", false},
	} {
		if !strings.Contains(day, c.old) {
			t.Fatalf("%s: the day does not have %q", what, c.old)
		}
		got := keysOf(parse(t, strings.ReplaceAll(day, c.old, c.new)))
		if same := got[1] == keys[1] && got[2] == keys[2]; same != c.same || got[0] != keys[0] {
			t.Errorf("%s: keys %q, before %q", what, got, keys)
		}
	}
}
