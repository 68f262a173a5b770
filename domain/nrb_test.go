package domain

import (
	"errors"
	"strings"
	"testing"
)

func TestParseNRB(t *testing.T) {
	for text, want := range map[string]NRB{
		"84 1020 5558 0000 1234 0000 5678":   "84102055580000123400005678",
		"PL27-1140-2004-0000-3002-0135-5387": "27114020040000300201355387",
		"pl24160000035175530643314956":       "24160000035175530643314956",
		"29114010810000267002001002":         "29114010810000267002001002",
		"27105010251000009085623719":         "27105010251000009085623719",
		"90249000050247256316596736":         "90249000050247256316596736",
	} {
		if got, err := ParseNRB(text); err != nil || got != want {
			t.Errorf("ParseNRB(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "30102010550000910200000000", "8410205558000012340000567", "841020555800001234000056780",
		"84102055580000123400005679", "DE84102055580000123400005678", "84 1020 5558 0000 1234 0000 567O",
		"84.1020.5558.0000.1234.0000.5678", strings.Repeat("8", 200),
	} {
		if got, err := ParseNRB(text); !errors.Is(err, ErrNRB) || got != "" {
			t.Errorf("ParseNRB(%q) = %q, %v; want a refusal", text, got, err)
		}
	}
	if got := NRB("84102055580000123400005678").Grouped(); got != "84 1020 5558 0000 1234 0000 5678" {
		t.Errorf("grouped: %q", got)
	}
	if got := NRB("").Grouped(); got != "" {
		t.Errorf("grouped nothing: %q", got)
	}
}

// Check digits other than the ones computed are refused, even where modulo 97 cannot tell them apart (00 and 97, 01 and 98, 02 and 99).
func TestNRBCheckDigitsAreUnique(t *testing.T) {
	for _, account := range []string{"102055580000123400005678", "114020040000300201355387", "102055580000123400000000"} {
		fitting := 0
		for check := range 100 {
			if _, err := ParseNRB(string(rune('0'+check/10)) + string(rune('0'+check%10)) + account); err == nil {
				fitting++
			}
		}
		if fitting != 1 {
			t.Errorf("%d pairs of check digits fit %s; want one", fitting, account)
		}
	}
}

// Every single wrong digit and every swap of neighbours behind the check digits is noticed.
func TestNRBWrongDigits(t *testing.T) {
	const nrb = "84102055580000123400005678"
	for i := range nrb {
		for digit := byte('0'); digit <= '9'; digit++ {
			wrong := nrb[:i] + string(digit) + nrb[i+1:]
			if _, err := ParseNRB(wrong); err == nil && wrong != nrb {
				t.Errorf("%s passes for %s", wrong, nrb)
			}
		}
		if i > 2 {
			swapped := nrb[:i-1] + nrb[i:i+1] + nrb[i-1:i] + nrb[i+1:]
			if _, err := ParseNRB(swapped); err == nil && swapped != nrb {
				t.Errorf("%s passes for %s", swapped, nrb)
			}
		}
	}
}

func FuzzParseNRB(f *testing.F) {
	f.Add("PL 84 1020 5558 0000 1234 0000 5678")
	f.Fuzz(func(t *testing.T, text string) {
		nrb, err := ParseNRB(text)
		if err != nil {
			return
		}
		if again, err := ParseNRB(nrb.Grouped()); err != nil || again != nrb || len(nrb) != 26 {
			t.Fatalf("ParseNRB(%q) = %q, which reads as %q, %v", text, nrb, again, err)
		}
	})
}
