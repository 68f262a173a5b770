// Package vault keeps what must not be in the event log: the keys of personal
// fields, accounts and their passwords, one-time links, sessions, and secrets of
// the portal's own. The log is for ever; what is here can be changed and
// destroyed.
//
// All of it lies in the Postgres schema "vault". Passwords, links and session
// tokens are stored as hashes only.
package vault

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/infra/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Limits of texts that come from outside, in bytes unless said otherwise.
const (
	subjectLimitBytes    = 200
	purposeLimitBytes    = 100
	secretNameLimitBytes = 100
	accountIDLimitBytes  = 100
	userNameLimitBytes   = 128
	customerIDLimitBytes = 100
	tokenLimitBytes      = 100
)

const secretBytes = 32

// Options are what the vault takes from outside. Now and Rand are its only
// sources of time and randomness.
type Options struct {
	Now  func() time.Time // required
	Rand io.Reader        // required: cryptographically secure

	SessionIdle time.Duration // a session unused for this long ends; 0 means 30 minutes
	SessionLife time.Duration // a session ends after this time in any case; 0 means 12 hours
}

const (
	defaultSessionIdle = 30 * time.Minute
	defaultSessionLife = 12 * time.Hour
)

// Vault is the open vault. It is safe for concurrent use, also by several
// processes on one database.
type Vault struct {
	db      *sqlx.DB
	options Options

	randomness sync.Mutex // Rand need not be safe for concurrent use

	cached     sync.RWMutex // guards the next four
	keys       map[KeyID][]byte
	epoch      int64     // of destroyed keys, as last seen in the database
	checkedAt  time.Time // when it was seen
	generation uint64    // counts how often keys was emptied because keys were destroyed

	hashing chan struct{} // one element for each password being hashed
	derive  derivation    // Argon2id
	dummy   string        // a hash that no password has
	linkKey []byte
	nameKey []byte

	session *sql.Stmt
}

// Open brings the schema up to date and opens the vault. The database stays
// open when the vault is closed.
func Open(ctx context.Context, db *sqlx.DB, options Options) (*Vault, error) {
	if options.Now == nil || options.Rand == nil {
		return nil, errors.New("open vault: options Now and Rand are required")
	}
	if options.SessionIdle == 0 {
		options.SessionIdle = defaultSessionIdle
	}
	if options.SessionLife == 0 {
		options.SessionLife = defaultSessionLife
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if err := postgres.Migrate(ctx, db, "vault", files); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	v := &Vault{db: db, options: options, keys: map[KeyID][]byte{}, hashing: make(chan struct{}, hashingLimit), derive: argon2id}
	if v.dummy, err = v.dummyHash(); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if v.linkKey, err = v.Secret(ctx, "links"); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if v.nameKey, err = v.Secret(ctx, "user names"); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if v.session, err = db.PrepareContext(ctx, sessionQuery); err != nil {
		return nil, fmt.Errorf("open vault: prepare session lookup: %w", err)
	}
	return v, nil
}

// Close gives back what Open prepared.
func (v *Vault) Close() error {
	if err := v.session.Close(); err != nil {
		return fmt.Errorf("close vault: %w", err)
	}
	return nil
}

// now is the time as Postgres can store it, so that what is read back compares
// equal.
func (v *Vault) now() time.Time { return v.options.Now().UTC().Truncate(time.Microsecond) }

// random returns n random bytes.
func (v *Vault) random(n int) ([]byte, error) {
	v.randomness.Lock()
	defer v.randomness.Unlock()
	b := make([]byte, n)
	if _, err := io.ReadFull(v.options.Rand, b); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return b, nil
}

// Secret returns the 32 random bytes of that name, the same ever after. They
// are made by the first call and are durable before it returns.
func (v *Vault) Secret(ctx context.Context, name string) ([]byte, error) {
	if err := checkText("name of secret", name, secretNameLimitBytes); err != nil {
		return nil, err
	}
	fresh, err := v.random(secretBytes)
	if err != nil {
		return nil, fmt.Errorf("make secret %s: %w", name, err)
	}
	var secret []byte
	err = v.durably(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `insert into vault.secrets (name, secret, created_at) values ($1, $2, $3) on conflict do nothing`,
			name, fresh, v.now()); err != nil {
			return err
		}
		return tx.GetContext(ctx, &secret, `select secret from vault.secrets where name = $1`, name)
	})
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	return secret, nil
}

// transaction runs work in a transaction, all or nothing.
func (v *Vault) transaction(ctx context.Context, work func(tx *sqlx.Tx) error) error {
	tx, err := v.db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := work(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// durably is a transaction that is on disk when it returns, even on a server
// that is configured to be forgetful.
func (v *Vault) durably(ctx context.Context, work func(tx *sqlx.Tx) error) error {
	return v.transaction(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `set local synchronous_commit = on`); err != nil {
			return err
		}
		return work(tx)
	})
}

// Sweep deletes ended sessions and tries to log in that no longer count, and
// returns how many of both. Nothing depends on it but the size of the tables.
func (v *Vault) Sweep(ctx context.Context) (int64, error) {
	now := v.now()
	sessions, err := v.db.ExecContext(ctx, `delete from vault.sessions where started_at <= $1 or seen_at <= $2`,
		now.Add(-v.options.SessionLife), now.Add(-v.options.SessionIdle))
	if err != nil {
		return 0, fmt.Errorf("sweep sessions: %w", err)
	}
	attempts, err := v.db.ExecContext(ctx, `delete from vault.attempts where last_at <= $1`, now.Add(-attemptsForgottenAfter))
	if err != nil {
		return 0, fmt.Errorf("sweep attempts: %w", err)
	}
	swept, err := sessions.RowsAffected()
	more, moreErr := attempts.RowsAffected()
	return swept + more, errors.Join(err, moreErr)
}

// checkText refuses what Postgres cannot store or nobody would send in earnest.
func checkText(what, text string, limitBytes int) error {
	if text == "" || len(text) > limitBytes {
		return fmt.Errorf("%s: %d bytes given, 1 to %d allowed", what, len(text), limitBytes)
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return fmt.Errorf("%s: not valid text", what)
	}
	return nil
}
