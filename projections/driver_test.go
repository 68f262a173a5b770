package projections

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// faults breaks a connection at one of its next steps: a statement that is prepared or run, begin and commit among them.
type faults struct {
	mu    sync.Mutex
	steps int  // until the fault; 0: none
	after bool // the step reaches the server and only its answer is lost
}

// arm breaks the connection at the n-th step from now.
func (f *faults) arm(n int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps, f.after = n, after
}

// spared tells whether the fault has not come yet, and disarms it.
func (f *faults) spared() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	spared := f.steps > 0
	f.steps = 0
	return spared
}

func (f *faults) step(conn driver.Conn, do func() error) error {
	f.mu.Lock()
	now := f.steps == 1
	if f.steps > 0 {
		f.steps--
	}
	after := f.after
	f.mu.Unlock()
	if !now {
		return do()
	}
	if after {
		_ = do() // its answer is what gets lost
	}
	conn.Close()
	return driver.ErrBadConn
}

// openFaulty opens a database whose connections break when told to.
func openFaulty(t testing.TB, url string, f *faults) *sqlx.DB {
	connector, err := pq.NewConnector(url)
	if err != nil {
		t.Fatal(err)
	}
	db := sqlx.NewDb(sql.OpenDB(faultyConnector{connector, f}), "postgres")
	t.Cleanup(func() { db.Close() })
	return db
}

type faultyConnector struct {
	driver.Connector
	faults *faults
}

func (c faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return faultyConn{conn, c.faults}, err
}

type faultyConn struct {
	driver.Conn
	faults *faults
}

func (c faultyConn) PrepareContext(ctx context.Context, query string) (stmt driver.Stmt, err error) {
	err = c.faults.step(c.Conn, func() error {
		stmt, err = c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
		return err
	})
	return faultyStmt{stmt, c}, err
}

func (c faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	err = c.faults.step(c.Conn, func() error {
		result, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	})
	return result, err
}

type faultyStmt struct {
	driver.Stmt
	conn faultyConn
}

func (s faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (result driver.Result, err error) {
	err = s.conn.faults.step(s.conn.Conn, func() error {
		result, err = s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
		return err
	})
	return result, err
}

func (s faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = s.conn.faults.step(s.conn.Conn, func() error {
		rows, err = s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
		return err
	})
	return rows, err
}
