package main

import (
	"os"
	"path/filepath"
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
