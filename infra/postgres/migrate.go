package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

var (
	schemaName    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`) // Postgres cuts names after 63 bytes
	migrationName = regexp.MustCompile(`^[0-9]{4}_[a-z0-9_]+\.sql$`)
)

// migration is one SQL file that is applied once and never changed again.
type migration struct {
	Name   string `db:"name"`
	SHA256 string `db:"sha256"` // lower-case hex, of the file's bytes
	sql    string
}

// Migrate brings a schema up to date with the files at the root of an fs.FS:
// 0001_orders.sql, 0002_payments.sql and so on, in that order, each once. The
// schema is created when it is missing, and search_path names it alone, so the
// files don't mention it and can build a second schema beside the first.
//
// Either all pending files are applied or none. Programs that start together
// wait for each other. A file that was changed, removed or slipped in before
// one that is already applied is refused. Safe to call again.
func Migrate(ctx context.Context, db *sqlx.DB, schema string, files fs.FS) error {
	if !schemaName.MatchString(schema) {
		return fmt.Errorf("migrate schema %q: a schema name is a lower-case letter, then up to 62 letters, digits or _", schema)
	}
	wanted, err := migrations(files)
	if err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	defer tx.Rollback()
	applied, err := appliedMigrations(ctx, tx, schema)
	if err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	pending, err := pendingMigrations(wanted, applied)
	if err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	for _, m := range pending {
		if _, err := tx.ExecContext(ctx, m.sql); err != nil {
			return fmt.Errorf("migrate schema %s: apply %s: %w", schema, m.Name, err)
		}
		if _, err := tx.ExecContext(ctx,
			`insert into `+pq.QuoteIdentifier(schema)+`.migrations (name, sha256) values ($1, $2)`, m.Name, m.SHA256); err != nil {
			return fmt.Errorf("migrate schema %s: record %s: %w", schema, m.Name, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	return nil
}

// migrations reads the files in the order of their numbers. No file at all is
// an error: the caller has most likely passed the folder above.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("list migrations: no .sql file found (for an embedded folder pass fs.Sub)")
	}
	list := make([]migration, 0, len(names))
	for i, name := range names {
		if !migrationName.MatchString(name) {
			return nil, fmt.Errorf("migration %s: name it like 0001_orders.sql", name)
		}
		if i > 0 && name[:4] == names[i-1][:4] {
			return nil, fmt.Errorf("migrations %s and %s have the same number: renumber the newer one", names[i-1], name)
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		sum := sha256.Sum256(content)
		list = append(list, migration{Name: name, SHA256: hex.EncodeToString(sum[:]), sql: string(content)})
	}
	return list, nil
}

// appliedMigrations waits until no other program migrates the schema, holds
// that right until the transaction ends, and lists what is already applied.
func appliedMigrations(ctx context.Context, tx *sqlx.Tx, schema string) ([]migration, error) {
	if _, err := tx.ExecContext(ctx, `select pg_advisory_xact_lock($1)`, migrationLock(schema)); err != nil {
		return nil, fmt.Errorf("wait for other migrations: %w", err)
	}
	quoted := pq.QuoteIdentifier(schema)
	if _, err := tx.ExecContext(ctx, `
		create schema if not exists `+quoted+`;
		set local search_path to `+quoted+`;
		create table if not exists migrations (
			name       text primary key,
			sha256     text not null,
			applied_at timestamptz not null default now()
		)`); err != nil {
		return nil, fmt.Errorf("create table of migrations: %w", err)
	}
	var applied []migration
	if err := tx.SelectContext(ctx, &applied, `select name, sha256 from migrations order by name collate "C"`); err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	return applied, nil
}

// migrationLock is the advisory lock that guards the migrations of a schema.
func migrationLock(schema string) int64 {
	sum := sha256.Sum256([]byte("netrom.pl/portal migrate " + schema))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// pendingMigrations checks that the applied migrations are exactly the first of
// the wanted ones, and returns the rest.
func pendingMigrations(wanted, applied []migration) ([]migration, error) {
	for i, done := range applied {
		if i == len(wanted) {
			return nil, fmt.Errorf("the database already has migration %s, which this program does not know: run a newer program", done.Name)
		}
		want := wanted[i]
		if want.Name != done.Name {
			return nil, fmt.Errorf("migration %s does not fit the database, which has %s in its place: number new migrations after all applied ones and keep the old ones", want.Name, done.Name)
		}
		if want.SHA256 != done.SHA256 {
			return nil, fmt.Errorf("migration %s was changed after it was applied (sha256 %s, applied %s): restore it and put the change in a new file", want.Name, want.SHA256, done.SHA256)
		}
	}
	return wanted[len(applied):], nil
}
