package handlers

import (
	"context"
	"fmt"

	"netrom.pl/portal/domain"
)

// greet sends user name and one-time link for every login that was granted and not announced yet. Source: R1.
func (f *Fulfilment) greet(ctx context.Context, id domain.CustomerID) error {
	var customer domain.Customer
	granted := map[string]domain.Record{} // the newest grant of each account
	for record, err := range f.Log.Read(ctx, domain.CustomerStream(id), 0) {
		if err != nil {
			return fmt.Errorf("read customer: %w", err)
		}
		customer.Evolve(record.Event)
		if e, ok := record.Event.(domain.LoginGranted); ok {
			granted[e.Account] = record
		}
	}
	for account, grant := range granted {
		login := customer.Logins[account]
		if login.Sent >= login.Link || login.Failure.NextAt.After(f.Now()) {
			continue
		}
		if err := f.announce(ctx, customer, login, grant); err != nil {
			return err
		}
	}
	return nil
}

// announce sends the letter of one login and records that it left, or why it did not.
func (f *Fulfilment) announce(ctx context.Context, customer domain.Customer, login domain.LoginState, grant domain.Record) error {
	granted := grant.Event.(domain.LoginGranted)
	record := domain.RecordLoginLetter{Customer: granted.Customer, Account: granted.Account, Link: granted.Link}
	var err error
	if record.Letter, err = f.sendLogin(ctx, customer, grant); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("send login letter: %w", err)
		}
		f.Logger.Warn("login letter failed", "customer", granted.Customer, "account", granted.Account, "attempt", login.Failure.Attempt+1, "error", err)
		reason, permanent := reasonOf(err)
		failure := login.Failure.After(reason, permanent, f.Now())
		record.Failure = &failure
	}
	by := domain.Cause{Command: domain.NameID("greet", granted.Account, fmt.Sprint(granted.Link), fmt.Sprint(login.Failure.Attempt)),
		Actor: fulfilmentActor, OnBehalfOf: string(granted.Customer), Correlation: grant.Metadata.Correlation, Causation: grant.ID, At: f.Now()}
	if _, err := domain.Execute(ctx, f.Log, by, record); err != nil {
		return fmt.Errorf("record login letter: %w", err)
	}
	return nil
}

func (f *Fulfilment) sendLogin(ctx context.Context, customer domain.Customer, grant domain.Record) (*domain.SentLetter, error) {
	granted := grant.Event.(domain.LoginGranted)
	userName, url, err := f.Link(ctx, granted.Account, granted.Link)
	if err != nil {
		return nil, fmt.Errorf("make one-time link: %w", err)
	}
	letter, err := loginLetter(f.Vendor, customer, granted, userName, url, grant.Metadata.At)
	if err != nil {
		return nil, err
	}
	return f.send(ctx, letter)
}
