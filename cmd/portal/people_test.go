package main

import (
	"errors"
	"testing"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
)

// TestLoginsFromPagesAndFiles makes a login on the operator's pages and then imports a file that has it too.
func TestLoginsFromPagesAndFiles(t *testing.T) {
	p := startPortal(t)
	staff := people{p.base.Vault}
	file := importFile{Customers: []importCustomer{{Code: "P-1", Name: "Firma", NIP: "5260250274", Email: "p1@example.com", Language: domain.Polish}}}
	if err := newImporter(p.base).load(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	customer := domain.CustomerIDOf("P-1")
	account, err := staff.MakeLogin(t.Context(), customer, " Firma-P ", domain.Polish)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := staff.MakeLogin(t.Context(), customer, "firma-p", domain.Polish); err != nil || again != account {
		t.Errorf("made again: %s (error: %v), want %s", again, err, account)
	}
	if _, err := staff.MakeLogin(t.Context(), "somebody-else", "firma-p", domain.Polish); !errors.Is(err, handlers.ErrUserNameTaken) {
		t.Errorf("for somebody else: %v", err)
	}
	if _, err := staff.MakeLogin(t.Context(), customer, "two words", domain.Polish); !errors.Is(err, handlers.ErrUserName) {
		t.Errorf("two words: %v", err)
	}
	file.Customers[0].User = "firma-p"
	for _, importer := range []*importer{rehearse(p.base), newImporter(p.base)} {
		if err := importer.load(t.Context(), file); err != nil {
			t.Errorf("import: %v", err)
		}
	}
	logins, err := staff.LoginsOf(t.Context(), customer)
	if err != nil || len(logins) != 1 || logins[0].Account != account {
		t.Errorf("logins %+v (error: %v), want %s alone", logins, err, account)
	}
}
