package projections

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// rebuildPageMax is how many records a rebuild takes in one transaction.
const rebuildPageMax = 1000

// Rebuild folds the whole log, up to its present end, into the tables of all views in a freshly migrated schema. db must have
// that schema as its search path; a schema that has seen records already is refused. Live views need not stop for it.
// When a view cannot digest a record, the position in the StoppedError is that of the last record of its page.
func Rebuild(ctx context.Context, db *sqlx.DB, log domain.Log, schema string) error {
	session, err := openSession(ctx, db)
	if err != nil {
		return fmt.Errorf("rebuild in schema %s: %w", schema, err)
	}
	defer session.close()
	if err := checkFresh(ctx, session, schema); err != nil {
		return fmt.Errorf("rebuild in schema %s: %w", schema, err)
	}
	page := make([]domain.Record, 0, rebuildPageMax)
	for record, err := range log.History(ctx, 0) {
		if err != nil {
			return fmt.Errorf("rebuild in schema %s: read the log: %w", schema, err)
		}
		if page = append(page, record); len(page) == rebuildPageMax {
			if err := session.rebuild(ctx, page); err != nil {
				return fmt.Errorf("rebuild in schema %s: %w", schema, err)
			}
			page = page[:0]
		}
	}
	if err := session.rebuild(ctx, page); err != nil {
		return fmt.Errorf("rebuild in schema %s: %w", schema, err)
	}
	return nil
}

// Restart empties the tables of one live view and lets whoever runs it fold the log from its beginning. Until that is done its
// tables are incomplete. Safe to call again.
func Restart(ctx context.Context, db *sqlx.DB, view View) error {
	fail := func(err error) error { return fmt.Errorf("restart view %s: %w", view.Name, err) }
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fail(err)
	}
	defer tx.Rollback()
	// The former owner's number no longer counts, so that it can write nothing behind our back.
	if _, err := tx.ExecContext(ctx, `update checkpoints set position = 0, event = '', stream = '', revision = -1, owner = owner + 1 where view = $1`, view.Name); err != nil {
		return fail(err)
	}
	for _, table := range view.Tables {
		if _, err := tx.ExecContext(ctx, `truncate `+pq.QuoteIdentifier(table)); err != nil {
			return fail(err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fail(err)
	}
	if err := dismiss(ctx, db, view.Name); err != nil {
		return fail(err)
	}
	return nil
}

// dismiss takes a view from whoever runs it, also from an owner to whom nothing new comes and who would not notice. It outlives the
// loss of its connection and takes over again.
func dismiss(ctx context.Context, db *sqlx.DB, view string) error {
	_, err := db.ExecContext(ctx, `
		select pg_terminate_backend(l.pid) from pg_locks l, hashtextextended(current_schema() || '/' || $1, 0) as key
		where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())
			and l.classid = ((key >> 32) & 4294967295)::bigint::oid and l.objid = (key & 4294967295)::bigint::oid and l.pid <> pg_backend_pid()`, view)
	if err != nil {
		return fmt.Errorf("end its owner's connection: %w", err)
	}
	return nil
}

func checkFresh(ctx context.Context, s *Session, schema string) error {
	var found struct {
		Schema sql.NullString
		Used   bool
	}
	err := s.conn.GetContext(ctx, &found, `select current_schema() as schema, exists (select from checkpoints) as used`)
	switch {
	case err != nil:
		return fmt.Errorf("look at the schema: %w", err)
	case found.Schema.String != schema:
		return fmt.Errorf("the connection works in schema %q: open it with search_path=%s", found.Schema.String, schema)
	case found.Used:
		return fmt.Errorf("its views have seen records already: drop the schema and migrate it anew")
	}
	return nil
}

// rebuild shows all views a page in one transaction and moves their checkpoints.
func (s *Session) rebuild(ctx context.Context, page []domain.Record) error {
	if len(page) == 0 {
		return nil
	}
	last := page[len(page)-1]
	everything := View{See: func(ctx context.Context, s *Session, page []domain.Record) error {
		for _, view := range All() {
			concerned := slices.DeleteFunc(slices.Clone(page), func(r domain.Record) bool { return !view.Concerns(r.Event) })
			if len(concerned) == 0 {
				continue
			}
			if err := view.See(ctx, s, concerned); err != nil {
				return &StoppedError{View: view.Name, Position: last.Position, Stream: last.Stream, Cause: err}
			}
		}
		return nil
	}}
	return s.see(ctx, everything, page, func(ctx context.Context) error {
		_, err := s.change(ctx, `
			insert into checkpoints (view, position, event, stream, revision) select unnest($1::text[]), $2, $3, $4, $5
			on conflict (view) do update set position = excluded.position, event = excluded.event, stream = excluded.stream,
				revision = excluded.revision`,
			column(All(), func(v View) string { return v.Name }), int64(last.Position), last.ID, last.Stream, int64(last.Revision))
		return err
	})
}

// Dump gives the SHA-256 of every view table's rows, in an order and a spelling that depend on nothing but the rows.
// All tables are read as of one moment.
func Dump(ctx context.Context, db *sqlx.DB) (map[string]string, error) {
	tx, err := db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("dump tables: %w", err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'`); err != nil {
		return nil, fmt.Errorf("dump tables: %w", err)
	}
	digests := map[string]string{}
	for _, view := range All() {
		for _, table := range view.Tables {
			if digests[table], err = digest(ctx, tx, table); err != nil {
				return nil, fmt.Errorf("dump table %s: %w", table, err)
			}
		}
	}
	return digests, nil
}

func digest(ctx context.Context, tx *sqlx.Tx, table string) (string, error) {
	rows, err := tx.QueryContext(ctx, `select t::text from `+pq.QuoteIdentifier(table)+` t order by t::text collate "C"`)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	sum := sha256.New()
	var line sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%d:", len(line))
		sum.Write(line)
	}
	return hex.EncodeToString(sum.Sum(nil)), rows.Err()
}

// Compare names the tables in which two dumps differ, in alphabetical order; none means that they tell the same story.
func Compare(live, rebuilt map[string]string) []string {
	different := map[string]bool{}
	for table := range live {
		different[table] = live[table] != rebuilt[table]
	}
	for table := range rebuilt {
		different[table] = live[table] != rebuilt[table]
	}
	maps.DeleteFunc(different, func(_ string, differs bool) bool { return !differs })
	return slices.Sorted(maps.Keys(different))
}
