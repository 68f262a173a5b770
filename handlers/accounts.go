package handlers

import (
	"context"
	"errors"

	"netrom.pl/portal/domain"
)

// Logins is what an operator can do with the accounts of customers. MakeLogin answers ErrUserName and ErrUserNameTaken;
// calling it again with the same facts answers the same account. SetLocked ends the account's sessions when it locks;
// twice is harmless. FindLogin answers the customer whose account has the user name, and false for a name that is free.
type Logins interface {
	LoginsOf(ctx context.Context, customer domain.CustomerID) ([]Login, error)
	FindLogin(ctx context.Context, user string) (domain.CustomerID, bool, error)
	MakeLogin(ctx context.Context, customer domain.CustomerID, user string, language domain.Language) (account string, err error)
	SetLocked(ctx context.Context, account string, locked bool) error
}

// Login is an account of a customer as an operator sees it.
type Login struct {
	Account string
	User    string
	Locked  bool
}

// The answers of Logins that whoever asks can do something about.
var (
	ErrUserName      = errors.New("no user name")
	ErrUserNameTaken = errors.New("the user name is taken")
)

// refuseUserName turns what Logins answers into a sentence.
func refuseUserName(err error) error {
	switch {
	case errors.Is(err, ErrUserName):
		return domain.Refusal{Code: userNameUnsuitable}
	case errors.Is(err, ErrUserNameTaken):
		return domain.Refusal{Code: userNameTaken}
	}
	return err
}

// customerLogin is an account with how far its letter has come.
type customerLogin struct {
	Login
	domain.LoginState
}

// LetterOwed tells whether the letter with the newest one-time link has not left yet.
func (l customerLogin) LetterOwed() bool { return l.Sent < l.Link }

// loginsOf a customer: what the vault knows of the accounts, and the customer's stream of their letters.
func (s *Server) loginsOf(c *call, customer domain.Customer) ([]customerLogin, error) {
	accounts, err := s.Logins.LoginsOf(c.Context(), customer.ID)
	if err != nil {
		return nil, err
	}
	var logins []customerLogin
	for _, account := range accounts {
		logins = append(logins, customerLogin{Login: account, LoginState: customer.Logins[account.Account]})
	}
	return logins, nil
}

// makeLogin gives a customer its user name; the process manager sends the letter with the one-time link. Source: R1.
func (s *Server) makeLogin(c *call) (reply, error) {
	customer, form, err := s.customerForm(c)
	if err != nil {
		return reply{}, err
	}
	position, err := s.grantLogin(c, customer, form.Get("user"))
	answer, err := s.customerAfter(c, customer.ID, "login-made", position, err)
	return answer.about(fieldIDs{userNameUnsuitable: "user", userNameTaken: "user"}), err
}

func (s *Server) grantLogin(c *call, customer domain.Customer, user string) (domain.Position, error) {
	account, err := s.Logins.MakeLogin(c.Context(), customer.ID, user, customer.Language)
	if err != nil {
		return 0, refuseUserName(err)
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "login"), domain.GrantLogin{Customer: customer.ID, Account: account, Link: 1})
	return outcome.Position, err
}

// sendLogin promises a fresh one-time link; the older ones stop to work once it is made.
func (s *Server) sendLogin(c *call) (reply, error) {
	customer, account, err := s.customerAccount(c)
	if err != nil {
		return reply{}, err
	}
	next := domain.GrantLogin{Customer: customer.ID, Account: account, Link: customer.Logins[account].Link + 1}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "link"), next)
	return s.customerAfter(c, customer.ID, "link-granted", outcome.Position, err)
}

func (s *Server) lockLogin(c *call) (reply, error)   { return s.setLocked(c, true, "locked") }
func (s *Server) unlockLogin(c *call) (reply, error) { return s.setLocked(c, false, "unlocked") }

// setLocked locks at once and then writes down who did it; a try that broke in between is repeated by pressing again.
func (s *Server) setLocked(c *call, locked bool, done string) (reply, error) {
	customer, account, err := s.customerAccount(c)
	if err != nil {
		return reply{}, err
	}
	if err := s.Logins.SetLocked(c.Context(), account, locked); err != nil {
		return reply{}, err
	}
	if locked {
		s.dismiss(account)
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "lock"), domain.LockLogin{Customer: customer.ID, Account: account, Locked: locked})
	return s.customerAfter(c, customer.ID, done, outcome.Position, err)
}

// customerAccount finds the customer and the account that a path names. An account of somebody else is not there.
func (s *Server) customerAccount(c *call) (domain.Customer, string, error) {
	customer, err := s.customerInPath(c)
	if err != nil {
		return customer, "", err
	}
	account, err := c.name("account")
	if _, granted := customer.Logins[account]; err == nil && !granted {
		err = domain.Refusal{Code: domain.NotFound}
	}
	return customer, account, err
}
