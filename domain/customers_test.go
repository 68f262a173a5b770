package domain

import (
	"strings"
	"testing"
	"time"
)

func TestRegisterCustomer(t *testing.T) {
	alfaWith := func(change func(*RegisterCustomer)) RegisterCustomer {
		c := RegisterCustomer(alfaRegistered)
		change(&c)
		return c
	}
	t.Run("is registered once", func(t *testing.T) {
		given[Customer](t).when(RegisterCustomer(alfaRegistered)).then(alfaRegistered)
	})
	for name, change := range map[string]func(*RegisterCustomer){
		"name":        func(c *RegisterCustomer) { c.Name = "Omega" },
		"tax number":  func(c *RegisterCustomer) { c.NIP = "5265877635" },
		"address":     func(c *RegisterCustomer) { c.Email = "other@alfa.example" },
		"language":    func(c *RegisterCustomer) { c.Language = English },
		"distributor": func(c *RegisterCustomer) { c.Distributor = true },
	} {
		t.Run("the identity is taken, other "+name, func(t *testing.T) {
			given[Customer](t, alfaRegistered).when(alfaWith(change)).refused(AlreadyExists, "what", "alfa")
		})
	}
	for name, c := range map[string]struct {
		change       func(*RegisterCustomer)
		field, limit string
	}{
		"no identity":              {func(c *RegisterCustomer) { c.Customer = "" }, "customer", "100"},
		"no name":                  {func(c *RegisterCustomer) { c.Name = "" }, "name", "200"},
		"no tax number":            {func(c *RegisterCustomer) { c.NIP = "" }, "nip", "10"},
		"wrong tax number":         {func(c *RegisterCustomer) { c.NIP = "1234563219" }, "nip", "10"},
		"tax number as it is read": {func(c *RegisterCustomer) { c.NIP = "123-456-32-18" }, "nip", "10"},
		"no language":              {func(c *RegisterCustomer) { c.Language = "" }, "language", "pl, en"},
		"no address":               {func(c *RegisterCustomer) { c.Email = "" }, "email", "name@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			given[Customer](t).when(alfaWith(c.change)).refused(InvalidInput, "field", c.field, "limit", c.limit)
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, email := range []string{"a@b.example", "jan.kowalski+pliki@firma.pl", "zażółć@firma.pl", strings.Repeat("x", 64) + "@firma.pl"} {
		if err := checkEmail("email", email); err != nil {
			t.Errorf("%q is refused", email)
		}
	}
	for _, email := range []string{
		"", "a", "@", "a@", "@b", "a b@c.example", "a@b.example ", " a@b.example", "Anna <a@b.example>", "<a@b.example>", "a@b.example,c@d.example",
		"a@b.example\r\nBcc: c@d.example", "a@b.example\n", "a\x00@b.example", "\"a b\"@c.example", "a@b.example (Anna)", "a\xff@b.example",
		strings.Repeat("x", EmailMax) + "@b.example",
	} {
		if err := checkEmail("email", email); err == nil {
			t.Errorf("%q is accepted", email)
		}
	}
}

// R1: who is registered gets an account and a letter with a one-time link.
func TestLogin(t *testing.T) {
	grant := func(link int) GrantLogin { return GrantLogin{Customer: "alfa", Account: "user-1", Link: link} }
	granted := func(link int) LoginGranted { return LoginGranted(grant(link)) }
	letter := func(link int, failure *Failure) RecordLoginLetter {
		return RecordLoginLetter{Customer: "alfa", Account: "user-1", Link: link, Failure: failure}
	}
	sent := func(link int) LoginLetterSent {
		return LoginLetterSent{Customer: "alfa", Account: "user-1", Link: link}
	}
	failure := Failure{}.After("550", true, time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
	failed := LoginLetterFailed{Customer: "alfa", Account: "user-1", Link: 1, Failure: failure}

	t.Run("nobody has an account before being registered", func(t *testing.T) {
		given[Customer](t).when(grant(1)).refused(NotFound)
	})
	t.Run("a link is promised once, and older ones no more", func(t *testing.T) {
		given[Customer](t, alfaRegistered).when(grant(1)).then(granted(1)).when(grant(3)).then(granted(3)).when(grant(2)).then()
	})
	t.Run("links count from one", func(t *testing.T) {
		given[Customer](t, alfaRegistered).when(grant(0)).refused(InvalidInput, "field", "link", "limit", "1")
	})
	t.Run("a login needs an account", func(t *testing.T) {
		given[Customer](t, alfaRegistered).when(GrantLogin{Customer: "alfa", Link: 1}).refused(InvalidInput, "field", "account", "limit", "100")
	})
	t.Run("a company has several accounts", func(t *testing.T) {
		second := GrantLogin{Customer: "alfa", Account: "user-2", Link: 1}
		given[Customer](t, alfaRegistered, granted(1), sent(1)).when(second).then(LoginGranted(second))
	})
	t.Run("the letter leaves once", func(t *testing.T) {
		given[Customer](t, alfaRegistered, granted(1)).when(letter(1, nil)).then(sent(1))
	})
	t.Run("a letter that fails stays owed", func(t *testing.T) {
		s := given[Customer](t, alfaRegistered, granted(1)).when(letter(1, &failure)).then(failed)
		if login := s.fold(s.past).Logins["user-1"]; login != (LoginState{Link: 1, Failure: failure}) {
			t.Errorf("login is %+v", login)
		}
		again := failure.After("451", false, failure.NextAt)
		s.when(letter(1, &again)).happened().when(letter(1, nil)).then(sent(1))
		if login := s.fold(s.past).Logins["user-1"]; login != (LoginState{Link: 1, Sent: 1}) {
			t.Errorf("after the letter left, login is %+v", login)
		}
		s.when(letter(1, &again)).then()
	})
	t.Run("a new link forgets the failure of the old one", func(t *testing.T) {
		s := given[Customer](t, alfaRegistered, granted(1), failed).when(grant(2)).then(granted(2))
		if login := s.fold(s.past).Logins["user-1"]; login != (LoginState{Link: 2}) {
			t.Errorf("login is %+v", login)
		}
	})
	t.Run("a late word about an old link changes nothing", func(t *testing.T) {
		given[Customer](t, alfaRegistered, granted(1), granted(2)).when(letter(1, nil)).then().when(letter(1, &failure)).then()
	})
	t.Run("a letter that nobody promised changes nothing", func(t *testing.T) {
		given[Customer](t, alfaRegistered).when(letter(1, nil)).then().when(letter(0, &failure)).then()
		given[Customer](t).when(letter(1, nil)).then()
	})
}

// R8: a customer has at most one distributor, and a distributor has none.
func TestDistributor(t *testing.T) {
	assign := func(d Customer) AssignDistributor { return AssignDistributor{Customer: "klara", Distributor: d} }
	remove := RemoveDistributor{Customer: "klara"}
	assigned := DistributorAssigned{Customer: "klara", Distributor: "dora"}
	t.Run("comes and goes", func(t *testing.T) {
		given[Customer](t, klaraRegistered).when(assign(dora)).then(assigned).
			when(remove).then(DistributorRemoved{Customer: "klara", Distributor: "dora"}).
			when(assign(dora)).then(assigned)
	})
	t.Run("is replaced by another", func(t *testing.T) {
		edek := Customer{ID: "edek", IsDistributor: true}
		given[Customer](t, klaraRegistered, assigned).when(assign(edek)).then(DistributorAssigned{Customer: "klara", Distributor: "edek"})
	})
	t.Run("must be one", func(t *testing.T) {
		given[Customer](t, klaraRegistered).when(assign(alfa)).refused(NotADistributor)
	})
	t.Run("must exist", func(t *testing.T) {
		given[Customer](t, klaraRegistered).when(assign(Customer{})).refused(NotFound)
	})
	t.Run("of nobody", func(t *testing.T) {
		given[Customer](t).when(assign(dora)).refused(NotFound)
		given[Customer](t).when(remove).refused(NotFound)
	})
	t.Run("has none itself", func(t *testing.T) {
		edek := Customer{ID: "edek", IsDistributor: true}
		given[Customer](t, doraRegistered).when(AssignDistributor{Customer: "dora", Distributor: edek}).refused(DistributorHasNone)
		given[Customer](t, doraRegistered).when(AssignDistributor{Customer: "dora", Distributor: dora}).refused(NotADistributor)
	})
}

// R4: the address of the activation file belongs to the licence and starts as the customer's own.
func TestActivationEmail(t *testing.T) {
	correct := func(email string) CorrectActivationEmail {
		return CorrectActivationEmail{Licence: alfaOld, Email: email}
	}
	corrected := func(email string) ActivationEmailCorrected {
		return ActivationEmailCorrected{Customer: "alfa", Licence: "l-alfa", Email: email}
	}
	t.Run("is corrected for one licence", func(t *testing.T) {
		s := given[Customer](t, alfaRegistered).when(correct("it@alfa.example")).then(corrected("it@alfa.example"))
		owner := s.fold(s.past)
		if owner.ActivationEmail("l-alfa") != "it@alfa.example" || owner.ActivationEmail("l-alfa-3") != alfa.Email || owner.Email != alfa.Email {
			t.Errorf("owner is %+v", owner)
		}
	})
	t.Run("every correction counts, also the one back", func(t *testing.T) {
		s := given[Customer](t, alfaRegistered).when(correct("it@alfa.example")).happened().when(correct(alfa.Email)).then(corrected(alfa.Email))
		if owner := s.fold(s.past); owner.Corrections["l-alfa"] != 2 || owner.Corrections["l-alfa-3"] != 0 {
			t.Errorf("corrections are %v", owner.Corrections)
		}
	})
	t.Run("the address that it has already", func(t *testing.T) {
		given[Customer](t, alfaRegistered).when(correct(alfa.Email)).then()
	})
	t.Run("malformed", func(t *testing.T) {
		given[Customer](t, alfaRegistered).when(correct("it@")).refused(InvalidInput, "field", "email", "limit", "name@example.com")
	})
	t.Run("of a licence that is not there", func(t *testing.T) {
		withdrawn := licenceOf(ordered("l-1", "o-1"), LicenceOrderWithdrawn{Licence: "l-1", Order: "o-1"})
		given[Customer](t, alfaRegistered).when(CorrectActivationEmail{Email: "it@alfa.example"}).refused(NotFound)
		given[Customer](t, alfaRegistered).when(CorrectActivationEmail{Licence: withdrawn, Email: "it@alfa.example"}).refused(NotFound)
		given[Customer](t).when(correct("it@alfa.example")).refused(NotFound)
	})
}
