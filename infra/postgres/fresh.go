package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
)

// freshConnections bounds the pool of one test, since many may run at once.
const freshConnections = 8

// Fresh gives a test an empty database of its own, which is gone when the test
// ends. All tests of a process share one server: the one that the
// environment variable DATABASE_URL names (its user must be allowed to create
// databases), otherwise an embedded one that ends with the process and leaves
// nothing behind. Test processes running side by side do not meet. With -short
// the test is left out.
func Fresh(t testing.TB) *sqlx.DB {
	t.Helper()
	db, err := Open(context.Background(), FreshURL(t))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(freshConnections)
	db.SetMaxIdleConns(freshConnections)
	t.Cleanup(func() { db.Close() })
	return db
}

// FreshURL is like [Fresh] for a test that connects by itself, for example by
// running a program. Connections that are still open when the test ends are cut.
func FreshURL(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a postgres server: left out by -short")
	}
	server, err := freshServer()
	if err != nil {
		t.Fatalf("find a postgres server for tests: %v", err)
	}
	address, err := url.Parse(server)
	if err != nil || address.Scheme == "" {
		t.Fatal("DATABASE_URL must have the form postgres://user:password@host/database")
	}
	admin, err := Open(context.Background(), server)
	if err != nil {
		t.Fatal(err)
	}
	name, err := createFresh(admin)
	if err != nil {
		admin.Close()
		t.Fatalf("create database for a test: %v (the user in DATABASE_URL must be allowed to create databases)", err)
	}
	address.Path = "/" + name
	t.Cleanup(func() {
		defer admin.Close()
		if err := endFresh(admin, name, address.String()); err != nil {
			t.Errorf("end database of test: %v", err)
		}
	})
	return address.String()
}

// emptied holds the names of databases that ended tests have left empty. They
// are used again, because creating one copies 300 files.
var emptied = make(chan string, 100)

// createFresh makes an empty database and returns its name.
func createFresh(admin *sqlx.DB) (string, error) {
	select {
	case name := <-emptied:
		return name, nil
	default:
		name := freshName()
		_, err := admin.Exec(`create database ` + name)
		return name, err
	}
}

func freshName() string { return "test_" + strings.ToLower(rand.Text()) }

// endFresh cuts all connections and drops the database, or empties it for the
// next test when the server is our own and goes away with the process.
func endFresh(admin *sqlx.DB, name, address string) error {
	if freshStarted == nil {
		_, err := admin.Exec(`drop database ` + name + ` with (force)`)
		return err
	}
	if _, err := admin.Exec(`alter database ` + name + ` reset all`); err != nil {
		return err
	}
	db, err := Open(context.Background(), address)
	if err != nil {
		return err
	}
	_, err = db.Exec(`
		select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid();
		do $$ declare name text; begin
			for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
				execute format('drop schema %I cascade', name);
			end loop;
			create schema public;
		end $$`)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return retire(admin, name)
}

// retire gives an emptied database to the next test, under a new name, so that
// a program that outlives its test can't get into it.
func retire(admin *sqlx.DB, name string) error {
	for range 500 { // a database in use can't be renamed, and connections take a moment to end
		var connected bool
		if err := admin.Get(&connected, `select exists (select from pg_stat_activity where datname = $1)`, name); err != nil {
			return err
		}
		if !connected {
			break
		}
		time.Sleep(pollPause / 2)
	}
	next := freshName()
	if _, err := admin.Exec(`alter database ` + name + ` rename to ` + next); err != nil {
		return err
	}
	select {
	case emptied <- next:
	default: // already enough for the tests that run at once
	}
	return nil
}

// freshServer is the address of the server for the tests of this process.
var freshServer = sync.OnceValues(func() (string, error) {
	if address := os.Getenv("DATABASE_URL"); address != "" {
		return address, nil
	}
	// Not os.TempDir: the server's user may be kept out of there, and the path
	// of a socket must be short.
	dir, err := os.MkdirTemp("/tmp", "portal-postgres-test-")
	if err != nil {
		return "", fmt.Errorf("create folder: %w", err)
	}
	server, err := start(context.Background(), dir, true)
	if err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	freshStarted = server
	return server.URL(), nil
})

// freshStarted is held for ever: were it collected, the pipe that keeps the
// server alive would close.
var freshStarted *Server
