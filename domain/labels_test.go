package domain

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// What the scanners of titles look for, as regular expressions.
var (
	digitRuns     = regexp.MustCompile(`[0-9](?:[ /.-]*[0-9])*`)
	orderLabel    = regexp.MustCompile(`(?:ZAM(?:OW|[^0-9 ]{1,4}WIE[A-Z]*)?|ORDER)[ .:#/-]*(?:(?:NR|NUMER|NO)[ .:#-]*)?$`)
	creditorLabel = regexp.MustCompile(`(?:^|[^A-Z0-9])RF ?$`)
	foreignLabel  = regexp.MustCompile(`(?:^|[^A-Z])(?:F|FV|FA|FS|FVS|FVAT|FAK[A-Z]*|VAT|INV[A-Z]*|PRO|PROF[A-Z]*|PF|RACH[A-Z]*|RK|KOR[A-Z]*|NOTA|NOTY|` +
		`NIP|REGON|PESEL|KRS|IBAN|NRB|KONT[A-Z]*|TEL[A-Z]*|KSEF|UMOW[A-Z]*|DOK[A-Z]*|WZ|IDC|DN|DNIA|DATA)[ .:#]*(?:(?:NR|NUMER|NO|VAT)[ .:#]*)?$`)
)

// foldedAsDescribed is foldTitle rune by rune.
func foldedAsDescribed(text string) string {
	const accents, letters = "ĄĆĘŁŃÓŚŹŻ\\_\u2044\u2010\u2011\u2012\u2013\u2014\u2212", "ACELNOSZZ///------"
	folded := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		r = unicode.ToUpper(r)
		if at := strings.IndexRune(accents, r); at >= 0 && r != unicode.ReplacementChar {
			return rune(letters[len([]rune(accents[:at]))])
		}
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return strings.Join(strings.Fields(folded), " ")
}

// scannedAsDescribed holds every scanner against its regular expression.
func scannedAsDescribed(t *testing.T, text string) {
	t.Helper()
	title := foldTitle(text)
	if want := foldedAsDescribed(text); title != want {
		t.Fatalf("%q is folded to %q; want %q", text, title, want)
	}
	for at := 0; at <= len(title); at++ {
		before := title[max(0, at-labelMax):at]
		for what, c := range map[string][2]bool{
			"order":    {endsInOrderLabel(before), orderLabel.MatchString(before)},
			"creditor": {endsInCreditorLabel(before), creditorLabel.MatchString(before)},
			"foreign":  {endsInForeignLabel(before), foreignLabel.MatchString(before)},
		} {
			if c[0] != c[1] {
				t.Fatalf("%q ends in the label of an %s: %t; want %t", before, what, c[0], c[1])
			}
		}
	}
	run := newDigitRun()
	for _, at := range digitRuns.FindAllStringIndex(title, -1) {
		digits := strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, title[at[0]:at[1]])
		if !run.next(title) || run.at != at[1] || string(run.digits) != digits || run.before != title[max(0, at[0]-labelMax):at[0]] || len(run.gap) != len(digits)+1 {
			t.Fatalf("%q: at %v the digits %q are read as %q up to %d, behind %q", title, at, digits, run.digits, run.at, run.before)
		}
	}
	if run.next(title) {
		t.Fatalf("%q: no more digits, but %q is read", title, run.digits)
	}
}

// labelPieces are what labels are put together from, whole and in parts.
var labelPieces = []string{"ZAM", "ZAMOW", "OW", "WIE", "WIENIE", "WI", "ORDER", "NR", "NUMER", "NO", "N", "RF", "R", "F", "FV", "FAK", "FAKTURA", "VAT", "INV", "PRO", "PROF", "PROFORMA",
	"RACH", "KOR", "NOTA", "NIP", "KONTO", "TEL", "UMOWA", "DOK", "DNIA", "DN", "DATA", "A", "Z", "?", "????", " ", " ", ".", ":", "#", "/", "-", "1", "2026/000123-38"}

func TestLabelsAreWhatTheyAreDescribedAs(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 4_000 {
		scannedAsDescribed(t, titleOf(random, labelPieces))
	}
	for _, family := range pieces {
		for range 500 {
			scannedAsDescribed(t, titleOf(random, family))
		}
	}
}

func FuzzTitles(f *testing.F) {
	f.Add("WPLATA ZA ZAMOWIENIE NR 2026/000123-38 NIP 1234563218")
	f.Add("  zamówie\u0301nie\u00a0nr\t2026\\000123 \xff")
	f.Fuzz(func(t *testing.T, text string) { scannedAsDescribed(t, text[:min(len(text), 500)]) })
}
