package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/vault"
)

// rehearsal is the vault on which an import is tried before it is done, so that a file is imported as a whole or not at all. It
// knows what the vault has and what the import has asked for so far, and writes nothing. For one goroutine.
type rehearsal struct {
	vault   *vault.Vault
	claimed map[string]string // account by user name
}

// rehearse makes an importer that changes nothing.
func rehearse(base *foundation.Foundation) *importer {
	r := &rehearsal{vault: base.Vault, claimed: map[string]string{}}
	return &importer{log: domain.Rehearse(base.Log), vault: base.Vault, createAccount: r.createAccount, run: uuid.NewString()}
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
