package vault

import (
	"regexp"
	"strings"
	"testing"
)

func TestCreateAccount(t *testing.T) {
	w := newWorld(t)
	created, err := w.CreateAccount(w.ctx, Account{UserName: " Łucja@Example.pl", Role: CustomerRole, CustomerID: "customer-1", Language: "pl"})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^user-[a-z2-7]{26}$`).MatchString(created.ID) {
		t.Errorf("the random id is %q", created.ID)
	}
	if created.UserName != "łucja@example.pl" {
		t.Errorf("the user name is kept as %q", created.UserName)
	}
	for _, name := range []string{"łucja@example.pl", "ŁUCJA@EXAMPLE.PL", "łucja@example.pl"} {
		found, err := w.FindAccount(w.ctx, name)
		if err != nil || found != created {
			t.Errorf("by the name %q found %+v (error: %v), want %+v", name, found, err, created)
		}
	}
	for _, name := range []string{"", "nobody", "two words", strings.Repeat("x", userNameLimitBytes+1)} {
		_, err := w.FindAccount(w.ctx, name)
		w.wantErr("looking for "+name, err, ErrNoAccount)
	}
	_, err = w.CreateAccount(w.ctx, Account{UserName: "ŁUCJA@example.pl", Role: AuditorRole, Language: "pl"})
	w.wantErr("same name again", err, ErrUserNameTaken)
}

func TestCreateAccountAgain(t *testing.T) {
	w := newWorld(t)
	wanted := Account{ID: "user-1", UserName: "Jan", Role: OperatorRole, Language: "en"}
	first, err := w.CreateAccount(w.ctx, wanted)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetLocked(w.ctx, "user-1", true); err != nil {
		t.Fatal(err)
	}
	again, err := w.CreateAccount(w.ctx, wanted)
	if err != nil {
		t.Fatal(err)
	}
	first.Locked = true // the account as it is
	if again != first {
		t.Errorf("creating it again gives %+v, want %+v", again, first)
	}
	for _, other := range []Account{
		{ID: "user-1", UserName: "Ewa", Role: OperatorRole, Language: "en"},
		{ID: "user-1", UserName: "Jan", Role: AuditorRole, Language: "en"},
	} {
		if _, err := w.CreateAccount(w.ctx, other); err == nil {
			t.Errorf("another account got the same id: %+v", other)
		}
	}
}

func TestAccountsThatCannotBe(t *testing.T) {
	w := newWorld(t)
	ok := Account{ID: "user-1", UserName: "jan", Role: CustomerRole, CustomerID: "customer-1", Language: "pl"}
	tests := map[string]func(a *Account){
		"no user name":         func(a *Account) { a.UserName = "" },
		"space in user name":   func(a *Account) { a.UserName = "jan kowalski" },
		"long user name":       func(a *Account) { a.UserName = strings.Repeat("x", userNameLimitBytes+1) },
		"control in user name": func(a *Account) { a.UserName = "jan\x00" },
		"unknown role":         func(a *Account) { a.Role = "root" },
		"customer of nobody":   func(a *Account) { a.CustomerID = "" },
		"auditor of somebody":  func(a *Account) { a.Role = AuditorRole },
		"long id":              func(a *Account) { a.ID = strings.Repeat("x", accountIDLimitBytes+1) },
		"long customer":        func(a *Account) { a.CustomerID = strings.Repeat("x", customerIDLimitBytes+1) },
		"no language":          func(a *Account) { a.Language = "" },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			wanted := ok
			spoil(&wanted)
			if created, err := w.CreateAccount(w.ctx, wanted); err == nil {
				t.Errorf("created %+v", created)
			}
		})
	}
	if _, err := w.CreateAccount(w.ctx, ok); err != nil {
		t.Error(err)
	}
}

func TestUnknownAccounts(t *testing.T) {
	w := newWorld(t)
	_, err := w.Account(w.ctx, "user-x")
	w.wantErr("read", err, ErrNoAccount)
	w.wantErr("lock", w.SetLocked(w.ctx, "user-x", true), ErrNoAccount)
	w.wantErr("set password", w.SetPassword(w.ctx, "user-x", password), ErrNoAccount)
	_, err = w.IssueLink(w.ctx, "user-x", 1, noon, linkLifeLimit)
	w.wantErr("issue link", err, ErrNoAccount)
}

func TestAccountsOfACustomer(t *testing.T) {
	w := newWorld(t)
	for _, a := range []Account{{ID: "user-b", UserName: "beta", CustomerID: "customer-1"}, {ID: "user-a", UserName: "alfa", CustomerID: "customer-1"}, {ID: "user-c", UserName: "gamma", CustomerID: "customer-2"}} {
		a.Role, a.Language = CustomerRole, "pl"
		if _, err := w.CreateAccount(w.ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	accounts, err := w.AccountsOf(w.ctx, "customer-1")
	if err != nil || len(accounts) != 2 || accounts[0].ID != "user-a" || accounts[1].ID != "user-b" {
		t.Errorf("accounts %+v (error: %v)", accounts, err)
	}
	if accounts, err := w.AccountsOf(w.ctx, "customer-3"); err != nil || len(accounts) != 0 {
		t.Errorf("accounts of nobody: %+v (error: %v)", accounts, err)
	}
}
