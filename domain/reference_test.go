package domain

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestOrderNumberAsText(t *testing.T) {
	number := OrderNumber{2026, 123}
	for got, want := range map[string]string{
		number.String():            "2026/000123",
		number.Reference():         "ZAM 2026/000123-38",
		number.CreditorReference(): "RF46 2026000123",
		OrderNumber{}.String():     "",
	} {
		if got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	written, err := json.Marshal([]OrderNumber{number, {}})
	if err != nil || string(written) != `["2026/000123",""]` {
		t.Fatalf("written: %s, %v", written, err)
	}
	var read []OrderNumber
	if err := json.Unmarshal(written, &read); err != nil || !slices.Equal(read, []OrderNumber{number, {}}) {
		t.Errorf("read again: %v, %v", read, err)
	}
	if err := json.Unmarshal([]byte(`["2026/123"]`), &read); !errors.Is(err, ErrOrderNumber) {
		t.Errorf("a malformed number in JSON: %v", err)
	}
}

func TestParseOrderNumber(t *testing.T) {
	for text, want := range map[string]OrderNumber{
		"2026/000123": {2026, 123}, "2000/000001": {2000, 1}, "2099/999999": {2099, OrderSequenceMax},
	} {
		if got, err := ParseOrderNumber(text); err != nil || got != want {
			t.Errorf("ParseOrderNumber(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "2026/123", "2026-000123", "2026/000000", "1999/000001", "2100/000001", "2026/0001234",
		"2026/00012X", " 2026/000123", "2026/+00123", "ZAM 2026/000123-38"} {
		if got, err := ParseOrderNumber(text); !errors.Is(err, ErrOrderNumber) || got != (OrderNumber{}) {
			t.Errorf("ParseOrderNumber(%q) = %v, %v; want a refusal", text, got, err)
		}
	}
}

// found writes references so that a table can be read aloud: a check mark is '!', a hint '?'.
func found(text string) string {
	var said []string
	for _, reference := range FindReferences(text) {
		mark := "?"
		if reference.Checked {
			mark = "!"
		}
		said = append(said, reference.Number.String()+mark)
	}
	return strings.Join(said, " ")
}

// Every digit that is off by one is noticed, and no title without our reference is taken for a mistyped one.
func TestMistypedReferences(t *testing.T) {
	reference := OrderNumber{2026, 123}.Reference()
	if mistypedReference(foldTitle(reference)) {
		t.Errorf("%s counts as mistyped", reference)
	}
	for i := range reference {
		if reference[i] < '0' || reference[i] > '9' {
			continue
		}
		typed := []byte(reference)
		typed[i] = '0' + (typed[i]-'0'+1)%10
		if title := "wpłata " + string(typed) + " za program"; !mistypedReference(foldTitle(title)) || len(FindReferences(title)) > 0 {
			t.Errorf("%q does not count as mistyped", title)
		}
	}
	for _, title := range []string{"", "za program", "ZAM 2026/000123", "FV 2026/000123-99", "NIP 1234563218", "TEL 48 600 100 200 30"} {
		if mistypedReference(foldTitle(title)) {
			t.Errorf("%q counts as mistyped", title)
		}
	}
}

func TestReferencesInTitles(t *testing.T) {
	const checked, hint = "2026/000123!", "2026/000123?"
	for _, c := range []struct{ title, want string }{
		{"ZAM 2026/000123-38", checked},
		{"zam 2026/000123-38", checked},
		{"Zam. nr 2026/000123-38", checked},
		{"ZAM 202600012338", checked},
		{"ZAM202600012338", checked},
		{"ZAM 2026 000123 38", checked},
		{"ZAM 2026/000123 38", checked},
		{"ZAM-2026-000123-38", checked},
		{"ZAM 2026\\000123\u201338", checked},
		{"ZAM: 2026 / 000123 - 38, FIRMA SP. Z O.O.", checked},
		{"zapłata za zamówienie 2026/000123-38 NIP 1234563218", checked},
		{"zapłata za zamo\u0301wienie 2026/000123-38", checked},
		{"ZAPŁATA ZA ZAM?WIENIE NR 2026/000123-38", checked},
		{"ZAMÃ“WIENIE 2026/000123-38", checked},
		{"WPLATAZAZAMOWIENIE2026/000123-38", checked},
		{"ORDER NO. 2026/000123-38", checked},
		{"ZAM 2026/0 00123-38", checked},
		{"ZAM 2026/000123-\r\n38", checked},
		{"ZAM 2026/000123-3 8", checked},
		{"ZA M 2026/000123-38", checked},
		{"ZAM\u00a020\n26/000123-38", checked},
		{"2026/000123-38", checked},
		{"FIRMA PRZYKLADOWA 2026/000123-38", checked},
		{"2026/000123 38 zapłata", checked},
		{"202600012338", checked},
		{"przelew 202600012338 firma", checked},
		{"RF46 2026000123", checked},
		{"rf46 2026 0001 23", checked},
		{"ZAM RF462026000123 NIP 1234563218", checked},
		{"ZAM 2026/000123-38 ZAM 2026/000123-38", checked},
		{"ZAM 2026/000123, ZAM 2026/000123-38", checked},
		{"ZAM 2026/000123-38/NIP 1234563218", checked},
		{"/NIP/1234563218/ZAM/2026/000123-38", checked},

		{"ZAM 2026/000123-38 I 2026/000124-35", "2026/000123! 2026/000124!"},
		{"ZAM 2026/000123-38, 2026/000124-35", "2026/000123! 2026/000124!"},
		{"ZAM 2026/000123-38 2026/000124-35", "2026/000123! 2026/000124!"},

		{"ZAM 2026/000123", hint},
		{"zamówienie nr 2026/000123", hint},
		{"WPLATA ZA ZAMOWIENIE 2026/000123 NIP 1234563218", hint},
		{"ZAM 2026/000123 1234563218", hint},
		{"ZAM 2026/000123 5 stanowisk", hint},
		{"ZAM 2026000123", hint},
		{"ZAM 2026/00 0123", hint},
		{"ZAM 2026/000123.", hint},
		{"ZAM 2026/000123 5/2026", hint},

		// wrong or torn check digits
		{"ZAM 2026/000124-38", ""},
		{"ZAM 2026/000123-83", ""},
		{"ZAM 2026 000124 38", ""},
		{"ZAM 202600012438", ""},
		{"ZAM 2026/000123-3", ""},
		{"ZAM 2026/000123-381", ""},
		{"2026/000124-38", ""},
		{"RF47 2026000123", ""},
		{"RF46 2026000124", ""},
		{"ZAM 20260012338", ""},
		{"ZAM 2026/00123-38", ""},
		{"ZAM 2026/123", ""},
		{"ZAM 2026 00 01 23", ""},
		{"ZAM 1999/000123", ""},

		// other people's numbers
		{"", ""},
		{"2026/000123", ""},
		{"2026000123", ""},
		{"NIP 1234563218", ""},
		{"NIP 2026000123", ""},
		{"NIP 202600012338", ""},
		{"84 1020 5558 0000 1234 0000 5678", ""},
		{"PL84102055580000123400005678", ""},
		{"20 2600 0123 3800 0012 3456 7890", ""},
		{"84 2026 0001 2338 0000 1234 5678", ""},
		{"2026 0001 2338", ""},
		{"FV 2026/000123", ""},
		{"FV 2026/000123-38", ""},
		{"faktura nr 2026/000123-38", ""},
		{"Faktura VAT nr 2026/000123-38", ""},
		{"FV/2026/000123-38", ""},
		{"FV2026/000123-38", ""},
		{"2026/000123-38/FV", ""},
		{"2026/000123-38-1", ""},
		{"1/2026/000123-38", ""},
		{"PROFORMA 2026/000123-38", ""},
		{"/VAT/230,00/IDC/1234563218/INV/2026/000123-38", ""},
		{"ZAM FV 2026/000123", ""},
		{"2026-11-21", ""},
		{"21.11.2026 000123", ""},
		{"20261121 1230", ""},
		{"ZAM 2026-11-21 12", ""},
		{"zamówienie z dnia 2026-11-21", ""},
		{"ZAM 20261121 12", ""},
		{"5265877635-20250826-0100001AF629", ""},
		{"ZAMOSC 2026/000123", ""},
		{"20 26/000123", ""},
	} {
		if got := found(c.title); got != c.want {
			t.Errorf("%q: found %q; want %q", c.title, got, c.want)
		}
	}
}

// A moment in time written as twelve digits is not a reference, even in the one case out of 97 where check digits fit.
func TestMomentIsNotAReference(t *testing.T) {
	fitting := 0
	for minute := range 24 * 60 {
		moment := fmt.Sprintf("20261121%02d%02d", minute/60, minute%60)
		if moment[10:] == checkDigits(moment[:10]) {
			fitting++
		}
		if got := found("STAN NA " + moment); got != "" {
			t.Errorf("%s is taken for %s", moment, got)
		}
	}
	if fitting == 0 {
		t.Error("no moment of this day has fitting check digits: the test shows nothing")
	}
}

// writings are the ways in which one reference reaches us.
func writings(number OrderNumber) []string {
	reference, digits := number.Reference(), strings.NewReplacer("/", "", "-", "").Replace(number.Reference())
	return []string{reference, strings.ToLower(reference), digits, strings.TrimPrefix(digits, "ZAM "), "zamówienie " + reference[4:],
		strings.NewReplacer("/", " ", "-", " ").Replace(reference), number.CreditorReference(), reference[4:]}
}

func TestEveryReferenceSurvives(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		number := OrderNumber{OrderYearMin + random.IntN(100), 1 + random.IntN(OrderSequenceMax)}
		want := number.String() + "!"
		for i, writing := range writings(number) {
			if i == 3 && looksLikeDate(writing[:8]) {
				continue // twelve bare digits that start with a date are left to a person
			}
			if got := found(writing); got != want {
				t.Fatalf("%q: found %q; want %q", writing, got, want)
			}
		}
		// cut by a bank's line or slot anywhere in the title
		title := "WPLATA ZA " + number.Reference() + " NIP 1234563218"
		for cut := range title {
			if got := found(title[:cut] + "\r\n" + title[cut:]); got != want {
				t.Fatalf("%q cut at %d: found %q; want %q", title, cut, got, want)
			}
		}
	}
}

// One wrong digit or one swap of neighbours never leads to an order, neither the meant one nor another.
func TestMistypedReferenceIsNeverChecked(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 80 {
		number := OrderNumber{OrderYearMin + random.IntN(100), 1 + random.IntN(OrderSequenceMax)}
		for _, writing := range writings(number) {
			for _, wrong := range mistyped(writing) {
				for _, reference := range FindReferences(wrong) {
					if reference.Checked {
						t.Fatalf("%q typed as %q is taken for %s", writing, wrong, reference.Number)
					}
				}
				for _, reference := range FindReferences("WPLATA " + wrong + " NIP 1234563218") {
					if reference.Checked {
						t.Fatalf("%q typed as %q in a sentence is taken for %s", writing, wrong, reference.Number)
					}
				}
			}
		}
	}
}

// mistyped lists the texts with one digit replaced or two neighbouring digits swapped, separators between them left in place.
func mistyped(text string) []string {
	var wrong []string
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	last := -1
	for i := range len(text) {
		if !digit(text[i]) {
			continue
		}
		for d := byte('0'); d <= '9'; d++ {
			if d != text[i] {
				wrong = append(wrong, text[:i]+string(d)+text[i+1:])
			}
		}
		if last >= 0 && text[last] != text[i] {
			swapped := []byte(text)
			swapped[last], swapped[i] = swapped[i], swapped[last]
			wrong = append(wrong, string(swapped))
		}
		last = i
	}
	return wrong
}

func TestReferencesAreBounded(t *testing.T) {
	var title strings.Builder
	for i := range 3 * ReferencesMax {
		title.WriteString(OrderNumber{2026, i + 1}.Reference() + ", ")
	}
	if got := len(FindReferences(title.String())); got != ReferencesMax {
		t.Errorf("found %d references; want %d", got, ReferencesMax)
	}
}

func FuzzFindReferences(f *testing.F) {
	f.Add("WPLATA ZA ZAMOWIENIE 2026/000123-38 NIP 1234563218")
	f.Add("RF46 2026000123")
	f.Add("84 1020 5558 0000 1234 0000 5678")
	f.Fuzz(func(t *testing.T, text string) {
		for _, reference := range FindReferences(text) {
			again, err := ParseOrderNumber(reference.Number.String())
			if err != nil || again != reference.Number {
				t.Fatalf("%q: found %v, %v", text, reference, err)
			}
		}
	})
}

func FuzzParseOrderNumber(f *testing.F) {
	f.Add("2026/000123")
	f.Fuzz(func(t *testing.T, text string) {
		number, err := ParseOrderNumber(text)
		if err == nil && number.String() != text {
			t.Fatalf("%q reads as %v", text, number)
		}
	})
}
