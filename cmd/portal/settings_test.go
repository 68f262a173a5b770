package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// What vendor.json says of money reaches the orders; what it does not say has its default.
func TestVendorSaysHowMoneyFindsOrders(t *testing.T) {
	const facts = `{"name": "NetRom", "nip": "1234563218", "account": "84 1020 5558 0000 1234 0000 5678", "email": "poczta@netrom.pl", "payment_days": 14`
	for name, c := range map[string]struct {
		more      string
		tolerance domain.Money
		prefix    string
		alone     domain.Money
	}{
		"nothing":    {`}`, 0, "", 10_000_00},
		"everything": {`, "tolerance_grosz": 50, "virtual_accounts": "1020 5558 1234 56", "second_person_above_grosz": 1}`, 50, "10205558123456", 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, vendorFile), []byte(facts+c.more), 0o600); err != nil {
				t.Fatal(err)
			}
			vendor, err := readVendor(dir)
			if err != nil {
				t.Fatal(err)
			}
			if vendor.Terms.Tolerance != c.tolerance || vendor.Terms.VirtualPrefix != c.prefix || vendor.SecondPersonAbove != c.alone {
				t.Errorf("it says %+v", vendor)
			}
		})
	}
}

// TestVendorNamesTheAuditor: who gets checkpoints is checked before the portal starts.
func TestVendorNamesTheAuditor(t *testing.T) {
	for name, c := range map[string]struct {
		more, email, wrong string
		language           domain.Language
	}{
		"nobody":           {`}`, "", "", domain.Polish},
		"an address":       {`, "auditor_email": "audyt@biegli.example"}`, "audyt@biegli.example", "", domain.Polish},
		"and a language":   {`, "auditor_email": "audit@example.com", "auditor_language": "en"}`, "audit@example.com", "", domain.English},
		"no address":       {`, "auditor_email": "audyt"}`, "", "auditor_email", ""},
		"a name with it":   {`, "auditor_email": "Audyt <audyt@biegli.example>"}`, "", "auditor_email", ""},
		"another language": {`, "auditor_language": "de"}`, "", "auditor_language", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, vendorFile), []byte(vendorExample[:len(vendorExample)-1]+c.more), 0o600); err != nil {
				t.Fatal(err)
			}
			vendor, err := readVendor(dir)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("it is taken as %+v: %v", vendor, err)
				}
				return
			}
			if err != nil || vendor.AuditorEmail != c.email || vendor.AuditorLanguage != c.language {
				t.Errorf("it says %+v: %v", vendor, err)
			}
		})
	}
}
