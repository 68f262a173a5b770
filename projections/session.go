package projections

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// beginPage begins the transaction of a page. It commits without waiting for the disk: rows and checkpoint are one transaction, so
// what a crash of Postgres takes away is seen once more, and the disk's time is left to the log.
const beginPage = `begin; set local synchronous_commit = off`

// statesMax is how many folded states a session remembers from one page to the next.
const statesMax = 256

// Session is the one connection on which a view locks, reads and writes. Whoever loses it loses lock and transaction
// together, so a former owner cannot write, and what the tables hold is what was last written here. Statements are
// prepared once and run inside the transaction that is open. Not for use by several goroutines at once.
type Session struct {
	conn     *sqlx.Conn
	prepared map[string]*sqlx.Stmt
	states   map[stateKey]any // as the transaction that is open sees them
	failed   error            // of a statement of the transaction that is open
}

// stateKey names a folded state: the query that reads it, and its key.
type stateKey struct{ query, key string }

func openSession(ctx context.Context, db *sqlx.DB) (*Session, error) {
	conn, err := db.Connx(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &Session{conn: conn, prepared: map[string]*sqlx.Stmt{}, states: map[stateKey]any{}}, nil
}

// close ends the connection instead of giving it back, so that its lock and its statements end with it.
func (s *Session) close() {
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn }) // the answer is the error given
	_ = s.conn.Close()
}

func (s *Session) statement(ctx context.Context, query string) (*sqlx.Stmt, error) {
	if known, ok := s.prepared[query]; ok {
		return known, nil
	}
	statement, err := s.conn.PreparexContext(ctx, query)
	if err == nil {
		s.prepared[query] = statement
	}
	return statement, err
}

// change runs a statement and tells how many rows it touched.
func (s *Session) change(ctx context.Context, query string, args ...any) (rows int64, err error) {
	defer func() { s.failed = errors.Join(s.failed, err) }()
	statement, err := s.statement(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := statement.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// choose reads rows into the slice that rows points to.
func (s *Session) choose(ctx context.Context, rows any, query string, args ...any) (err error) {
	defer func() { s.failed = errors.Join(s.failed, err) }()
	statement, err := s.statement(ctx, query)
	if err != nil {
		return err
	}
	return statement.SelectContext(ctx, rows, args...)
}

// see shows a view records inside a transaction that moves the checkpoint first. A panic of the view is an error.
func (s *Session) see(ctx context.Context, view View, page []domain.Record, move func(context.Context) error) error {
	err := s.inside(ctx, beginPage, `commit`, func() error {
		if err := move(ctx); err != nil {
			return err
		}
		return view.See(ctx, s, page)
	})
	if err == nil && len(s.states) > statesMax {
		clear(s.states)
	}
	return err
}

// inside does something in a transaction of the connection, with a statement before it and one at its end. A panic is an error.
//
// The transaction is not a sql.Tx: statements of the connection, prepared once, must run inside it, and database/sql
// waits for itself when one of those finds the connection broken while a sql.Tx holds it.
func (s *Session) inside(ctx context.Context, begin, end string, do func() error) (err error) {
	s.failed = nil
	if _, err := s.conn.ExecContext(ctx, begin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
		if err != nil {
			s.rollBack(ctx)
		}
	}()
	if err := do(); err != nil {
		return err
	}
	if s.failed != nil { // Postgres would answer a commit with a silent rollback
		return s.failed
	}
	if _, err := s.conn.ExecContext(ctx, end); err != nil {
		return fmt.Errorf("%s: %w", end, err)
	}
	return nil
}

// rollBack leaves no transaction open. If it fails, the connection is broken, which the next statement tells.
func (s *Session) rollBack(ctx context.Context) {
	clear(s.states)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellMax)
	defer cancel()
	_, _ = s.conn.ExecContext(ctx, `rollback`)
}

// remembered gives the folded states of some keys, as the view's last page left them; a query that answers the columns
// key and state reads those that were not seen lately. A key without a row gets the zero state. The view writes every
// state that it evolves.
func remembered[S any](ctx context.Context, s *Session, query string, keys []string) (map[string]*S, error) {
	states := make(map[string]*S, len(keys))
	var unknown []string
	for _, key := range keys {
		if state, ok := s.states[stateKey{query, key}]; ok {
			states[key] = state.(*S)
		} else {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return states, nil
	}
	var rows []stateRow
	if err := s.choose(ctx, &rows, query, pq.Array(unknown)); err != nil {
		return nil, fmt.Errorf("read states: %w", err)
	}
	for _, row := range rows {
		state, err := decode[S](row.State)
		if err != nil {
			return nil, err
		}
		states[row.Key] = state
	}
	for _, key := range unknown {
		if states[key] == nil {
			states[key] = new(S)
		}
		s.states[stateKey{query, key}] = states[key]
	}
	return states, nil
}

type stateRow struct {
	Key   string
	State []byte
}

func decode[S any](stored []byte) (*S, error) {
	state := new(S)
	if err := json.Unmarshal(stored, state); err != nil {
		return nil, fmt.Errorf("decode %T: %w", state, err)
	}
	return state, nil
}

// encode writes a state so that equal states give equal bytes.
func encode(state any) string {
	stored, err := json.Marshal(state)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", state, err)) // states are plain data
	}
	return string(stored)
}

// keys lists what of gives for the records, each once, ascending; empty ones are left out.
func keys(page []domain.Record, of func(domain.Record) string) []string {
	var all []string
	for _, record := range page {
		if key := of(record); key != "" {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// idIn is the part of a stream's name that names one thing, if the stream is of that kind.
func idIn(kind string) func(domain.Record) string {
	return func(record domain.Record) string {
		id, ok := strings.CutPrefix(record.Stream, kind+"-")
		if !ok {
			return ""
		}
		return id
	}
}

// column is one column of many rows, as an array for unnest.
func column[R, V any](rows []R, value func(R) V) any {
	values := make([]V, len(rows))
	for i, row := range rows {
		values[i] = value(row)
	}
	return pq.Array(values)
}

// timestamp is a moment as Postgres reads it whatever the session's settings. It is cut to the microseconds that Postgres
// keeps: rounding could make a task due later than it is.
func timestamp(at time.Time) string {
	return at.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}
