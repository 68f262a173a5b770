package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/activation"
	"netrom.pl/portal/infra/witness"
)

const keySynopsis = "portal key [-data DIR] [-of checkpoints|activation] [-revoke] [-confirm | -withdraw] -by OPERATOR KEY"

// keyWish is what somebody types at `portal key`.
type keyWish struct {
	by                string // user name
	use               domain.KeyUse
	change            domain.KeyChange
	key               string // id
	confirm, withdraw bool
}

// changeKey is `portal key`: one operator proposes that a signing key is rotated or revoked, another one confirms, each with password
// and second factor. A running portal signs with the new key from its next checkpoint or file on.
func changeKey(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	wish := keyWish{change: domain.RotateKey}
	flags, data := foundation.Flags("portal key")
	flags.StringVar(&wish.by, "by", "", "user name of the `OPERATOR` who wants it; password and code are read from standard input, one line each")
	use := flags.String("of", string(domain.CheckpointKeys), "`USE`: checkpoints of the log, or activation files")
	revoke := flags.Bool("revoke", false, "what the key has signed is worth nothing any more, because it was stolen; otherwise that stays good")
	flags.BoolVar(&wish.confirm, "confirm", false, "agree to what another operator has proposed; the key is changed")
	flags.BoolVar(&wish.withdraw, "withdraw", false, "take back what was proposed")
	names, err := foundation.Parse(flags, args, keySynopsis, 1, stdout)
	if err != nil {
		return err
	}
	if wish.key, wish.use = names[0], domain.KeyUse(*use); *revoke {
		wish.change = domain.RevokeKey
	}
	switch {
	case wish.by == "":
		return foundation.UsageError{Err: fmt.Errorf("-by is missing: which operator wants it?\nUsage: %s", keySynopsis)}
	case wish.use != domain.CheckpointKeys && wish.use != domain.ActivationKeys:
		return foundation.UsageError{Err: fmt.Errorf("-of %q is neither %s nor %s", *use, domain.CheckpointKeys, domain.ActivationKeys)}
	case wish.confirm && wish.withdraw:
		return foundation.UsageError{Err: errors.New("-confirm and -withdraw exclude each other")}
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.Existing = true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	return errors.Join(wish.do(ctx, base, os.Stdin, stdout, stderr), base.Close())
}

func (w keyWish) do(ctx context.Context, base *foundation.Foundation, stdin *os.File, stdout, stderr io.Writer) error {
	account, err := authenticateOperator(ctx, base.Vault, w.by, stdin, stderr)
	if err != nil {
		return err
	}
	if w.key, err = w.find(base.Dir); err != nil {
		return err
	}
	id := uuid.NewString()
	by := domain.Cause{Command: id, Actor: account.ID, Correlation: id, Causation: id, At: time.Now()}
	switch {
	case w.withdraw:
		command := domain.WithdrawKeyChange{KeyChangeWithdrawn: domain.KeyChangeWithdrawn{Use: w.use, Change: w.change, Key: w.key, By: account.ID}}
		if _, err := domain.Execute(ctx, base.Log, by, command); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "The wish to %s the key %s is withdrawn.\n", w.change, w.key)
		return nil
	case w.confirm:
		return w.agree(ctx, base, by, stdout)
	}
	command := domain.ProposeKeyChange{KeyChangeProposed: domain.KeyChangeProposed{Use: w.use, Change: w.change, Key: w.key, By: account.ID}}
	if _, err := domain.Execute(ctx, base.Log, by, command); err != nil {
		return err
	}
	flag := ""
	if w.change == domain.RevokeKey {
		flag = "-revoke "
	}
	fmt.Fprintf(stdout, "To %s the key %s is proposed; nothing changes until another operator confirms it:\n  portal key -of %s %s-confirm -by OPERATOR %s\n", w.change, w.key, w.use, flag, w.key)
	return nil
}

// agree confirms, changes the key, and certifies. After a crash in between the same command brings it to its end.
func (w keyWish) agree(ctx context.Context, base *foundation.Foundation, by domain.Cause, stdout io.Writer) error {
	if _, err := domain.Execute(ctx, base.Log, by, domain.ConfirmKeyChange{Use: w.use, Change: w.change, Key: w.key, By: by.Actor}); err != nil {
		return err
	}
	active, err := w.replace(base.Dir)
	if err != nil {
		return err
	}
	by.Command += " done"
	if _, err := domain.Execute(ctx, base.Log, by, domain.RecordKeyChange{Use: w.use, Key: w.key, Active: active}); err != nil {
		return err
	}
	worth := "What it signed stays good for ever."
	if w.change == domain.RevokeKey {
		worth = "What it signed is worth nothing any more."
	}
	fmt.Fprintf(stdout, "The key %s is %s. %s\nThe key %s signs now: give the list %s to whoever checks signatures.\n", w.key, w.state(), worth, active, w.list(base.Dir))
	return nil
}

// state is what the list says of the key afterwards.
func (w keyWish) state() string {
	if w.change == domain.RevokeKey {
		return string(witness.Revoked)
	}
	return string(witness.Retired)
}

// list is where the public keys are.
func (w keyWish) list(dir string) string {
	if w.use == domain.ActivationKeys {
		return filepath.Join(dir, foundation.PublicKeys)
	}
	return filepath.Join(dir, foundation.WitnessFolder, witness.KeysFile)
}

// find answers the id of the key that is meant, which may be named by its text on the list too.
func (w keyWish) find(dir string) (string, error) {
	list := w.list(dir)
	var ids []string
	if w.use == domain.ActivationKeys {
		keys, err := activation.LoadKeys(list)
		if err != nil {
			return "", err
		}
		for _, key := range keys {
			ids = append(ids, fmt.Sprintf("%s (%s)", key.ID, key.State))
			if string(key.ID) == w.key {
				return w.key, nil
			}
		}
	} else {
		keys, err := witness.LoadKeys(list)
		if err != nil {
			return "", err
		}
		for _, key := range keys {
			ids = append(ids, fmt.Sprintf("%s (%s)", key.ID(), key.State))
			if key.ID() == w.key || key.Text == w.key {
				return key.ID(), nil
			}
		}
	}
	return "", fmt.Errorf("%.100q stands not on the list %s, which has %q", w.key, list, ids)
}

func (w keyWish) replace(dir string) (active string, err error) {
	list := w.list(dir)
	if w.use == domain.ActivationKeys {
		id, err := activation.ReplaceKey(filepath.Dir(list), list, activation.KeyID(w.key), activation.State(w.state()))
		return string(id), err
	}
	return witness.ReplaceKey(filepath.Dir(list), w.key, witness.State(w.state()))
}
