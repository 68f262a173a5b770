package handlers

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"iter"
	"regexp"
	"sync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// work writes down what a request asks of the database and the log: its steps tell how long it takes, without a clock.
type work struct {
	mu    sync.Mutex
	steps []string
}

func (w *work) note(step string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps = append(w.steps, step)
}

// taken gives the steps since the last call.
func (w *work) taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	steps := w.steps
	w.steps = nil
	return steps
}

// watchWork lets the world's server do its work under observation.
func (w *world) watchWork() *work {
	w.t.Helper()
	seen := &work{}
	connector, err := pq.NewConnector(w.viewsURL)
	if err != nil {
		w.t.Fatal(err)
	}
	db := sqlx.NewDb(sql.OpenDB(watchedConnector{connector, seen}), "postgres")
	w.t.Cleanup(func() { db.Close() })
	tables, err := projections.OpenTables(context.Background(), db)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { tables.Close() })
	w.server.Tables, w.server.Log = tables, watchedLog{w.server.Log, seen}
	return seen
}

// identity is the part of a stream's name that differs from object to object.
var identity = regexp.MustCompile(`^([a-z]+)-.*`)

type watchedLog struct {
	domain.Log
	work *work
}

func (l watchedLog) Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	l.work.note("read " + identity.ReplaceAllString(stream, "$1"))
	return l.Log.Read(ctx, stream, from)
}

func (l watchedLog) Append(ctx context.Context, stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	l.work.note("append to " + identity.ReplaceAllString(stream, "$1"))
	return l.Log.Append(ctx, stream, expected, events)
}

type watchedConnector struct {
	driver.Connector
	work *work
}

func (c watchedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return watchedConn{conn, c.work}, err
}

// watchedConn has no more of the driver's abilities than to prepare, so that every query goes through a watchedStmt.
type watchedConn struct {
	driver.Conn
	work *work
}

func (c watchedConn) Prepare(query string) (driver.Stmt, error) {
	stmt, err := c.Conn.Prepare(query)
	return watchedStmt{stmt, query, c.work}, err
}

type watchedStmt struct {
	driver.Stmt
	query string
	work  *work
}

func (s watchedStmt) Query(args []driver.Value) (driver.Rows, error) {
	s.work.note(s.query)
	return s.Stmt.Query(args)
}

func (s watchedStmt) Exec(args []driver.Value) (driver.Result, error) {
	s.work.note(s.query)
	return s.Stmt.Exec(args)
}
