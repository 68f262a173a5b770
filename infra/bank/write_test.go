package bank

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// withoutPlaces takes away what only reading gives an entry.
func withoutPlaces(s Statement) Statement {
	entries := s.Entries
	s.Entries = nil
	for _, entry := range entries {
		entry.Line, entry.Raw, entry.Key = 0, "", ""
		s.Entries = append(s.Entries, entry)
	}
	return s
}

func example() Statement {
	return Statement{Account: "84102055580000123400005678", Number: "261121093000", Currency: "PLN",
		OpenedOn: "2026-11-21", OpeningGrosz: 100000, ClosedOn: "2026-11-21", ClosingGrosz: 223456,
		Entries: []Entry{{ValueDate: "2026-11-21", BookedOn: "2026-11-21", AmountGrosz: 123456, Mark: Credit, BankReference: "DEMO0123456789AB",
			CustomerReference: "NONREF", Title: "ZAM 2026/000123-38", PayerName: "DEMONSTRACJA", PayerAccount: "27114020040000300201355387"}}}
}

func write(t *testing.T, s Statement) string {
	t.Helper()
	var file bytes.Buffer
	if err := WriteMT940(&file, s); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

func TestWritten(t *testing.T) {
	want := strings.ReplaceAll(`:20:MT940
:25:/PL84102055580000123400005678
:28C:261121093000
:60F:C261121PLN1000,00
:61:2611211121CN1234,56S051NONREF//DEMO0123456789AB
:86:051~00PRZELEW PRZYCHODZACY~20ZAM 2026/000123-38~32DEMONSTRACJ
A~38PL27114020040000300201355387
:62F:C261121PLN2234,56
-
`, "\n", "\r\n")
	if got := write(t, example()); got != want {
		t.Errorf("written:\n%s\nwant:\n%s", got, want)
	}
}

// What is written reads the same, whatever the texts hold and wherever slots and lines cut them.
func TestWrittenReadsTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 400 {
		want := randomStatement(random)
		file := write(t, want)
		got := parse(t, file)
		if len(got) != 1 || !reflect.DeepEqual(withoutPlaces(got[0]), want) {
			t.Fatalf("written:\n%s\nread:\n%+v\nwant:\n%+v", file, got, want)
		}
		for line := range strings.Lines(file) {
			if width := utf8.RuneCountInString(strings.TrimRight(line, "\r\n")); width > lineColumns && !strings.HasPrefix(line, ":61:") {
				t.Fatalf("a line of %d columns: %s", width, line)
			}
		}
	}
}

func randomStatement(random *rand.Rand) Statement {
	s := example()
	s.Entries = nil
	s.OpeningGrosz = random.Int64N(2_000_000) - 1_000_000
	s.ClosingGrosz = s.OpeningGrosz
	dates := []Date{"2026-11-21", "2026-12-31", "2027-01-01", "2028-02-29"}
	for range random.IntN(6) {
		day := random.IntN(len(dates))
		entry := Entry{ValueDate: dates[day], BookedOn: dates[day], AmountGrosz: random.Int64N(1_000_000_000), Mark: Credit,
			BankReference: randomText(random, 16, "ABC0123456789"), CustomerReference: randomText(random, 16, "ABC0123456789"),
			Title: randomText(random, titleMax, "AĄbcł 0123456789:-/{}., +?<^"), PayerName: oneBlank(randomText(random, payerNameMax, "AĄbcł :-{1}"))}
		if day == 1 && random.IntN(2) == 0 {
			entry.BookedOn = dates[2]
		}
		switch random.IntN(4) {
		case 1:
			entry.Mark, entry.AmountGrosz = Debit, -entry.AmountGrosz
		case 2:
			entry.Mark, entry.AmountGrosz = ReversedCredit, -entry.AmountGrosz
		case 3:
			entry.Mark = ReversedDebit
		}
		entry.PayerAccount = []string{"", "27114020040000300201355387", "DE89370400440532013000"}[random.IntN(3)]
		s.ClosingGrosz += entry.AmountGrosz
		s.Entries = append(s.Entries, entry)
	}
	return s
}

// randomText is up to so many of the given letters, with no blanks at its ends.
func randomText(random *rand.Rand, most int, letters string) string {
	alphabet := []rune(letters)
	text := make([]rune, random.IntN(most+1))
	for i := range text {
		text[i] = alphabet[random.IntN(len(alphabet))]
	}
	return strings.TrimSpace(string(text))
}

func TestRefusesToWrite(t *testing.T) {
	for name, spoil := range map[string]func(*Statement){
		"sums":                  func(s *Statement) { s.ClosingGrosz++ },
		"account":               func(s *Statement) { s.Account = "84102055580000123400005679" },
		"number":                func(s *Statement) { s.Number = "" },
		"number of two lines":   func(s *Statement) { s.Number = "1\n:62F:" },
		"currency":              func(s *Statement) { s.Currency = "zł" },
		"opening day":           func(s *Statement) { s.OpenedOn = "" },
		"balance":               func(s *Statement) { s.OpeningGrosz += AmountMax; s.ClosingGrosz += AmountMax },
		"value date":            func(s *Statement) { s.Entries[0].ValueDate = "2026-02-30" },
		"booked too late":       func(s *Statement) { s.Entries[0].BookedOn = "2027-11-21" },
		"mark":                  func(s *Statement) { s.Entries[0].Mark = Debit },
		"unknown mark":          func(s *Statement) { s.Entries[0].Mark = "X" },
		"amount":                func(s *Statement) { s.Entries[0].AmountGrosz += AmountMax; s.ClosingGrosz += AmountMax },
		"reference":             func(s *Statement) { s.Entries[0].BankReference = strings.Repeat("x", referenceMax+1) },
		"customer's reference":  func(s *Statement) { s.Entries[0].CustomerReference = "A//B" },
		"title too long":        func(s *Statement) { s.Entries[0].Title = strings.Repeat("x", titleMax+1) },
		"title with separators": func(s *Statement) { s.Entries[0].Title = "ZAM~38PL27114020040000300201355387" },
		"title of two lines":    func(s *Statement) { s.Entries[0].Title = "A\n:62F:C261121PLN0,00" },
		"name":                  func(s *Statement) { s.Entries[0].PayerName = " A" },
		"payer's account":       func(s *Statement) { s.Entries[0].PayerAccount = "1" },
		"nothing but hyphens":   func(s *Statement) { s.Entries[0].PayerAccount = strings.Repeat("-", 300) },
		"all slots and more":    func(s *Statement) { s.Entries[0].Title = strings.Repeat("x", 20*slotSize) },
		"closed before opened":  func(s *Statement) { s.ClosedOn = "2026-11-20" },
		"day without hyphens":   func(s *Statement) { s.ClosedOn = "20261121" },
		"last century":          func(s *Statement) { s.OpenedOn = "1999-11-20" },
		"name too long":         func(s *Statement) { s.Entries[0].PayerName = strings.Repeat("x", payerNameMax+1) },
	} {
		s := example()
		spoil(&s)
		var file bytes.Buffer
		if err := WriteMT940(&file, s); err == nil || file.Len() > 0 {
			t.Errorf("%s: written, %v:\n%s", name, err, &file)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWritingFails(t *testing.T) {
	if err := WriteMT940(fullDisk{}, example()); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("writing to a full disk: %v", err)
	}
}

// A written statement that is cut anywhere is refused, unless nothing but its last line is missing.
func TestCutAnywhere(t *testing.T) {
	file := write(t, example())
	whole := strings.Index(file, ":62F:C261121PLN2234,56") + len(":62F:C261121PLN2234,5")
	for size := range whole {
		if statements, err := ParseMT940(strings.NewReader(file[:size])); err == nil {
			t.Fatalf("cut to %d bytes: reads as %+v", size, statements)
		}
	}
}
