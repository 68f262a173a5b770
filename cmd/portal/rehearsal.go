package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/vault"
)

// rehearsal is where an import is tried before it is done, so that a file is imported as a whole or not at all. It shows
// what the log and the vault have and what the import has asked for so far, and writes nothing. For one goroutine.
type rehearsal struct {
	domain.Log
	vault    *vault.Vault
	appended map[string][]domain.Record // by stream
	claimed  map[string]string          // account by user name
}

// rehearse makes an importer that changes nothing.
func rehearse(base *foundation.Foundation) *importer {
	r := &rehearsal{Log: base.Log, vault: base.Vault, appended: map[string][]domain.Record{}, claimed: map[string]string{}}
	return &importer{log: r, vault: base.Vault, createAccount: r.createAccount, run: uuid.NewString()}
}

// Append is [domain.Log.Append], into the rehearsal.
func (r *rehearsal) Append(_ context.Context, stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	for i, event := range events {
		r.appended[stream] = append(r.appended[stream], domain.Record{Proposed: event, Stream: stream, Revision: expected + 1 + domain.Revision(i)})
	}
	return 0, nil
}

// Read is [domain.Log.Read], first from the log and then from the rehearsal.
func (r *rehearsal) Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		for record, err := range r.Log.Read(ctx, stream, from) {
			if !yield(record, err) || err != nil {
				return
			}
		}
		for _, record := range r.appended[stream] {
			if record.Revision >= from && !yield(record, nil) {
				return
			}
		}
	}
}

// createAccount says whether [vault.Vault.CreateAccount] will do what is wanted.
func (r *rehearsal) createAccount(ctx context.Context, wanted vault.Account) (vault.Account, error) {
	name, err := vault.UserName(wanted.UserName)
	if err != nil {
		return wanted, err
	}
	if other, claimed := r.claimed[name]; claimed && other != wanted.ID {
		return wanted, fmt.Errorf("%w: %s", vault.ErrUserNameTaken, name)
	}
	r.claimed[name] = wanted.ID
	switch known, err := r.vault.FindAccount(ctx, name); {
	case err == nil && known.ID != wanted.ID:
		return wanted, fmt.Errorf("%w: %s", vault.ErrUserNameTaken, name)
	case err != nil && !errors.Is(err, vault.ErrNoAccount):
		return wanted, err
	}
	switch known, err := r.vault.Account(ctx, wanted.ID); {
	case err == nil && known.UserName != name:
		return wanted, fmt.Errorf("the customer has the user name %s already, and an import does not change it", known.UserName)
	case err != nil && !errors.Is(err, vault.ErrNoAccount):
		return wanted, err
	}
	return wanted, nil
}
