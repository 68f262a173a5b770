package bank

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func FuzzParse(f *testing.F)        { fuzz(f, Parse) }
func FuzzParseMT940(f *testing.F)   { fuzz(f, ParseMT940) }
func FuzzParseCAMT053(f *testing.F) { fuzz(f, ParseCAMT053) }

// fuzz holds a parser against what every answer must have, whatever the file.
func fuzz(f *testing.F, parse func(io.Reader) ([]Statement, error)) {
	for _, file := range append(statementFiles(f, "testdata"), statementFiles(f, "testdata/malformed")...) {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		began := time.Now()
		statements, err := parse(bytes.NewReader(raw))
		if took := time.Since(began); took > time.Second {
			t.Errorf("%d bytes took %v", len(raw), took)
		}
		var refused *ParseError
		if err != nil && (!errors.As(err, &refused) || statements != nil || refused.Line > 1+bytes.Count(raw, []byte("\n"))+bytes.Count(raw, []byte("\r"))) {
			t.Fatalf("%v, %d statements", err, len(statements))
		}
		if err == nil && len(statements) == 0 {
			t.Fatal("neither statements nor a refusal")
		}
		for _, s := range statements {
			checkStatement(t, s)
		}
	})
}

func checkStatement(t *testing.T, s Statement) {
	sum := s.OpeningGrosz
	seen := map[string]bool{}
	for _, entry := range s.Entries {
		sum += entry.AmountGrosz
		if seen[entry.Key] || len(entry.Key) != 32 {
			t.Fatalf("two entries have the key %q", entry.Key)
		}
		seen[entry.Key] = true
		if entry.AmountGrosz*entry.Mark.sign() < 0 || len(entry.BookedOn) != 10 || len(entry.ValueDate) != 10 || entry.Raw == "" || entry.Line < 1 {
			t.Fatalf("entry %+v", entry)
		}
		for _, text := range []string{entry.Title, entry.PayerName, entry.BankReference, entry.CustomerReference} {
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\n\r\x00") {
				t.Fatalf("text %q", text)
			}
		}
		if entry.PayerAccount != "" && accountIn(entry.PayerAccount) != entry.PayerAccount {
			t.Fatalf("account %q", entry.PayerAccount)
		}
	}
	if sum != s.ClosingGrosz || !validNRB(s.Account) || s.Number == "" {
		t.Fatalf("statement %+v", s)
	}
}
