package vault

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

const (
	sessionTokenBytes = 32
	// seenPause is the least time between two writes of when a session was seen.
	seenPause = time.Minute
	// clockTolerance is how far behind another portal's clock ours may be.
	clockTolerance = 5 * time.Minute
	// halfSessionLife is how long somebody may take to show the second factor.
	halfSessionLife = 10 * time.Minute
)

// ErrNoSession is the only answer to a token that lets nobody in: unknown,
// ended, expired, of an older password or of a locked account.
var ErrNoSession = errors.New("no such session")

// Session is somebody who is logged in. The account is as it is now, not as it
// was at login.
type Session struct {
	Account   Account
	StartedAt time.Time
	SeenAt    time.Time // to the minute
	Half      bool      // the second factor is still to be shown
}

// sessionQuery is on the path of every request: prepared, and one round trip.
const sessionQuery = `select ` + accountColumns + `, s.started_at, s.seen_at, s.half
	from vault.sessions s join vault.accounts a on a.id = s.account_id and a.password_serial = s.password_serial
	where s.token_hash = $1 and not a.locked`

// StartSession logs an account in and returns the token that proves it. Only a
// hash of the token is kept. It answers ErrLogin when the password was changed
// or the account locked since the account was read.
func (v *Vault) StartSession(ctx context.Context, account Account) (token string, session Session, err error) {
	return v.startSession(ctx, account, false)
}

// StartHalfSession is StartSession for somebody who has shown the password and
// not yet the second factor. It ends soon; a whole one takes its place.
func (v *Vault) StartHalfSession(ctx context.Context, account Account) (token string, session Session, err error) {
	return v.startSession(ctx, account, true)
}

func (v *Vault) startSession(ctx context.Context, account Account, half bool) (token string, session Session, err error) {
	random, err := v.random(sessionTokenBytes)
	if err != nil {
		return "", Session{}, fmt.Errorf("start session: %w", err)
	}
	token = base64.RawURLEncoding.EncodeToString(random)
	now := v.now()
	result, err := v.db.ExecContext(ctx, `insert into vault.sessions (token_hash, account_id, password_serial, started_at, seen_at, half)
		select $1, a.id, a.password_serial, $4, $4, $5 from vault.accounts a where a.id = $2 and a.password_serial = $3 and not a.locked`,
		tokenHash(token), account.ID, account.PasswordSerial, now, half)
	if err := wantRow(result, err, ErrLogin); err != nil {
		return "", Session{}, fmt.Errorf("start session: %w", err)
	}
	return token, Session{Account: account, StartedAt: now, SeenAt: now, Half: half}, nil
}

// Session returns who shows the token, and notes that it was seen. It answers
// ErrNoSession to any token that lets nobody in.
func (v *Vault) Session(ctx context.Context, token string) (Session, error) {
	s, err := v.readSession(ctx, token)
	if err != nil {
		return Session{}, err
	}
	now := v.now()
	if !v.alive(s, now) {
		// Deleted, so that it stays ended when the clock is set back.
		if err := v.EndSession(ctx, token); err != nil {
			return Session{}, err
		}
		return Session{}, ErrNoSession
	}
	if now.Sub(s.SeenAt) >= seenPause {
		if _, err := v.db.ExecContext(ctx, `update vault.sessions set seen_at = $2 where token_hash = $1 and seen_at < $2`, tokenHash(token), now); err != nil {
			return Session{}, fmt.Errorf("note session as seen: %w", err)
		}
		s.SeenAt = now
	}
	return s, nil
}

// SessionLives tells whether Session would answer, without noting that the
// session was seen, so that an open page that nobody uses ends in time.
func (v *Vault) SessionLives(ctx context.Context, token string) (bool, error) {
	s, err := v.readSession(ctx, token)
	if errors.Is(err, ErrNoSession) {
		return false, nil
	}
	return err == nil && v.alive(s, v.now()), err
}

// readSession answers ErrNoSession when there is none; it may be too old to be used.
func (v *Vault) readSession(ctx context.Context, token string) (Session, error) {
	if token == "" || len(token) > tokenLimitBytes {
		return Session{}, ErrNoSession
	}
	var s Session
	a := &s.Account
	// A query that can be cancelled costs the driver two more changes of goroutine; this one is over sooner.
	err := v.session.QueryRowContext(context.WithoutCancel(ctx), tokenHash(token)).Scan(&a.ID, &a.UserName, &a.Role, &a.CustomerID, &a.Language, &a.Locked,
		&a.PasswordSerial, &s.StartedAt, &s.SeenAt, &s.Half)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, ErrNoSession
	}
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	s.StartedAt, s.SeenAt = s.StartedAt.UTC(), s.SeenAt.UTC()
	return s, nil
}

// alive says whether a session may still be used. One that began in the future
// was started before the clock was set back, and its age can't be told.
func (v *Vault) alive(s Session, now time.Time) bool {
	return now.Sub(s.StartedAt) < v.options.SessionLife &&
		(!s.Half || now.Sub(s.StartedAt) < halfSessionLife) &&
		now.Sub(s.SeenAt) < v.options.SessionIdle &&
		!s.StartedAt.After(now.Add(clockTolerance))
}

// EndSession logs out. Safe to call again.
func (v *Vault) EndSession(ctx context.Context, token string) error {
	if _, err := v.db.ExecContext(ctx, `delete from vault.sessions where token_hash = $1`, tokenHash(token)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// EndSessions logs an account out everywhere. Safe to call again.
func (v *Vault) EndSessions(ctx context.Context, accountID string) error {
	if _, err := v.db.ExecContext(ctx, `delete from vault.sessions where account_id = $1`, accountID); err != nil {
		return fmt.Errorf("end sessions of account: %w", err)
	}
	return nil
}
