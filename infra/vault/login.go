package vault

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"
)

// waitSeconds is how long a user name has to wait after so many tries without
// success: nothing after the first four, at most 20 minutes. So at most 100
// guesses a day are looked at. An outsider cannot keep the holder out: a browser
// that has logged in before is counted apart (see DeviceToken), and a one-time
// link lifts the wait for every other.
var waitSeconds = pq.Int64Array{0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 1200}

const (
	longestWait = 20 * time.Minute
	// attemptsForgottenAfter is when tries without success stop to count.
	attemptsForgottenAfter = 24 * time.Hour
)

// Authenticate returns the account of a user name and password, and ErrLogin for
// every other pair. Whether the account exists shows in nothing: unknown names
// wait, cost and answer like known ones. A device that has logged in before with
// the user name (see DeviceToken; empty: none) waits for its own tries only.
func (v *Vault) Authenticate(ctx context.Context, userName, password, device string) (Account, error) {
	if len(userName) > userNameLimitBytes || len(password) > passwordLimitBytes {
		return Account{}, ErrLogin // no account is like that
	}
	name, err := UserName(userName)
	if err != nil {
		name = "" // nobody's
	}
	counted := v.countedAs(name, device)
	allowed, err := v.try(ctx, counted)
	if err != nil {
		return Account{}, fmt.Errorf("log in: %w", err)
	}
	if !allowed {
		return Account{}, ErrLogin
	}
	var known struct {
		Account
		Hash string `db:"password_hash"`
	}
	err = v.db.GetContext(ctx, &known, `select `+accountColumns+`, coalesce(a.password_hash, $2) as password_hash
		from vault.accounts a where a.user_name = $1`, name, v.dummy)
	if errors.Is(err, sql.ErrNoRows) {
		known.Hash = v.dummy
	} else if err != nil {
		return Account{}, fmt.Errorf("log in: %w", err)
	}
	right, err := v.verify(ctx, password, known.Hash)
	if err != nil {
		return Account{}, fmt.Errorf("log in: %w", err)
	}
	if !right || known.Locked {
		return Account{}, ErrLogin
	}
	if err := v.succeed(ctx, known.Account, counted, password, known.Hash); err != nil {
		return Account{}, fmt.Errorf("log in: %w", err)
	}
	return known.Account, nil
}

// nameHash is how a user name, or what was typed in its place, is remembered.
func (v *Vault) nameHash(name string) []byte {
	mac := hmac.New(sha256.New, v.nameKey)
	mac.Write([]byte(name))
	return mac.Sum(nil)
}

// try counts a try before it is looked at, so that many at once are no way
// around the wait. It says false, and counts nothing, while the name must wait.
// A last try far in the future means that the clock was set back; nobody has to
// wait for that.
func (v *Vault) try(ctx context.Context, name string) (bool, error) {
	now := v.now()
	result, err := v.db.ExecContext(ctx, `
		insert into vault.attempts as a (name_hash, tries, last_at) values ($1, 1, $2)
		on conflict (name_hash) do update set
			tries = case when a.last_at <= $3 then 1 else a.tries + 1 end,
			last_at = $2
		where a.last_at + make_interval(secs => ($4::int[])[least(a.tries, cardinality($4::int[]))]) <= $2
			or a.last_at > $5`,
		v.nameHash(name), now, now.Add(-attemptsForgottenAfter), waitSeconds, now.Add(longestWait))
	if err != nil {
		return false, fmt.Errorf("count try: %w", err)
	}
	rows, err := result.RowsAffected()
	return rows == 1, err
}

// succeed forgets the tries and hashes the password anew if its cost is out of
// date, unless it has been changed meanwhile.
func (v *Vault) succeed(ctx context.Context, account Account, counted, password, hash string) error {
	if _, err := v.db.ExecContext(ctx, `delete from vault.attempts where name_hash = $1`, v.nameHash(counted)); err != nil {
		return fmt.Errorf("forget tries: %w", err)
	}
	c, _, _, err := parseHash(hash)
	if err != nil || c == currentCost {
		return err
	}
	fresh, err := v.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("hash password anew: %w", err)
	}
	if _, err := v.db.ExecContext(ctx, `update vault.accounts set password_hash = $3 where id = $1 and password_hash = $2`,
		account.ID, hash, fresh); err != nil {
		return fmt.Errorf("store password hash: %w", err)
	}
	return nil
}
