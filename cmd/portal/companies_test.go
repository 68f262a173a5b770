package main

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/bank"
	"netrom.pl/portal/infra/vault"
)

// company is a customer that a test has made for itself, with a login.
type company struct {
	importCustomer
	id      domain.CustomerID
	account string
}

// password is everybody's in the tests.
const password = "correct horse battery"

// nipOf makes a tax number that begins with eight given digits.
func nipOf(t *testing.T, number int) string {
	t.Helper()
	for end := range 100 {
		if nip, err := domain.ParseNIP(fmt.Sprintf("%08d%02d", number, end)); err == nil {
			return string(nip)
		}
	}
	t.Fatalf("no tax number begins with %08d", number)
	return ""
}

// register makes companies customers; each that has a user name can log in.
func register(t *testing.T, p *portal, customers ...importCustomer) []company {
	t.Helper()
	if err := newImporter(p.base).load(t.Context(), importFile{Customers: customers}); err != nil {
		t.Fatal(err)
	}
	var companies []company
	for _, customer := range customers {
		c := company{importCustomer: customer, id: domain.CustomerIDOf(customer.Code)}
		if c.User != "" {
			c.account = setPassword(t, p, c.User)
		}
		companies = append(companies, c)
	}
	return companies
}

// setPassword gives an account the password of the tests, and answers whose it is.
func setPassword(t *testing.T, p *portal, user string) string {
	t.Helper()
	account, err := p.base.Vault.FindAccount(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.base.Vault.SetPassword(t.Context(), account.ID, password); err != nil {
		t.Fatal(err)
	}
	return account.ID
}

// employ gives one of the vendor's people a login without a second factor, and answers the account.
func employ(t *testing.T, p *portal, user string, role handlers.Role) string {
	t.Helper()
	if _, err := p.base.Vault.CreateAccount(t.Context(), vault.Account{UserName: user, Role: vault.Role(role), Language: string(domain.Polish)}); err != nil {
		t.Fatal(err)
	}
	return setPassword(t, p, user)
}

// hire is the same with a second factor.
func hire(t *testing.T, p *portal, user string, role handlers.Role) {
	t.Helper()
	if err := newImporter(p.base).enrolDemo(t.Context(), employ(t, p, user, role)); err != nil {
		t.Fatal(err)
	}
}

// comeIn is an HTTP client with somebody's session; it follows no redirects.
func comeIn(t *testing.T, p *portal, user string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if user == "" {
		return client
	}
	enter := func(path string, form url.Values) string {
		answer, err := client.PostForm(p.vendor.URL+path, form)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s comes in by %s: %s", user, path, answer.Status)
		}
		return answer.Header.Get("Location")
	}
	if enter("/login", url.Values{"user": {user}, "password": {password}}) == "/second-factor" {
		account, err := p.base.Vault.FindAccount(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		code, err := p.base.Vault.NextCode(t.Context(), account.ID)
		if err != nil {
			t.Fatal(err)
		}
		enter("/second-factor", url.Values{"code": {code}})
	}
	return client
}

// asProgram is somebody's session at the API.
func asProgram(t *testing.T, p *portal, user string) *shopper {
	t.Helper()
	s := &shopper{base: p.vendor.URL}
	if err := s.logIn(t.Context(), user, password); err != nil {
		t.Fatal(err)
	}
	return s
}

// book puts one transfer into a bank's file, reads it as accounting does, and books it.
func book(t *testing.T, p *portal, entry bank.Entry) []handlers.Booking {
	t.Helper()
	day, key := bank.Date(handlers.DayOf(p.now())), uuid.NewString()
	entry.Key, entry.Raw, entry.ValueDate, entry.BookedOn, entry.Mark = key, key, day, day, bank.Credit
	statement := bank.Statement{Account: string(p.vendor.Terms.Bank.Account), Number: key[:8], Currency: "PLN", OpenedOn: day, ClosedOn: day,
		ClosingGrosz: entry.AmountGrosz, Entries: []bank.Entry{entry}}
	bookings, err := foundation.BookStatement(t.Context(), p.log, domain.Cause{Command: key, Actor: "system:test", Correlation: key, At: p.now()}, statement)
	if err != nil {
		t.Fatal(err)
	}
	return bookings
}
