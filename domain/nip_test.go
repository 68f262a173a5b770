package domain

import (
	"errors"
	"strings"
	"testing"
)

func TestParseNIP(t *testing.T) {
	for text, want := range map[string]NIP{
		"1234563218":                   "1234563218",
		"123-456-32-18":                "1234563218",
		"PL 526-025-02-74":             "5260250274",
		"pl5265877635":                 "5265877635",
		" 526\u00a0587 76 35 ":         "5265877635",
		"526\u2013587\u201376\u201335": "5265877635",
	} {
		if got, err := ParseNIP(text); err != nil || got != want {
			t.Errorf("ParseNIP(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "PL", "123456321", "12345632180", "1234563219", "1234567890", "123456321X", "DE1234563218", "1234563218PL",
		"PLPL1234563218", "123.456.32.18", "١٢٣٤٥٦٣٢١٨", strings.Repeat(" ", 40) + "1234563218",
	} {
		if got, err := ParseNIP(text); !errors.Is(err, ErrNIP) || got != "" {
			t.Errorf("ParseNIP(%q) = %q, %v; want a refusal", text, got, err)
		}
	}
	for digit := '0'; digit <= '9'; digit++ {
		if _, err := ParseNIP(strings.Repeat(string(digit), 10)); err == nil {
			t.Errorf("ten times %c is accepted", digit)
		}
	}
}

// Every single wrong digit is noticed.
func TestNIPWrongDigit(t *testing.T) {
	for _, nip := range []string{"1234563218", "5260250274", "5265877635"} {
		for i := range nip {
			for digit := byte('0'); digit <= '9'; digit++ {
				wrong := nip[:i] + string(digit) + nip[i+1:]
				if _, err := ParseNIP(wrong); err == nil && wrong != nip {
					t.Errorf("%s passes for %s", wrong, nip)
				}
			}
		}
	}
}

func FuzzParseNIP(f *testing.F) {
	f.Add("PL 526-025-02-74")
	f.Add("1111111111")
	f.Fuzz(func(t *testing.T, text string) {
		nip, err := ParseNIP(text)
		if err != nil {
			return
		}
		if again, err := ParseNIP(string(nip)); err != nil || again != nip || len(nip) != 10 {
			t.Fatalf("ParseNIP(%q) = %q, which reads as %q, %v", text, nip, again, err)
		}
	})
}
