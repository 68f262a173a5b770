package postgres

import (
	"context"
	"strings"
	"testing"
)

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name, url, says string
	}{
		{"no server", "postgres://me:hunter2@127.0.0.1:1/portal?sslmode=disable", "connect to postgres at postgres://me:xxxxx@127.0.0.1:1/portal"},
		{"no socket", "postgres:///portal?host=/nonexistent&password=hunter2", "check that the server runs"},
		{"not an address", "host=127.0.0.1 port=1 password=hunter2 sslmode=disable", "the given address"},
		{"too long", "postgres://" + strings.Repeat("x", urlLengthLimitBytes), "the limit is 4096"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(context.Background(), tt.url)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Open says %v, want it to say %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestFreshDatabasesAreApart(t *testing.T) {
	a, b := Fresh(t), Fresh(t)
	a.MustExec(`create table seen (x int)`)
	var exists bool
	if err := b.Get(&exists, `select to_regclass('seen') is not null`); err != nil {
		t.Fatal(err)
	}
	if exists {
		t.Error("a table of one test is seen by another")
	}
}

func TestFreshDatabaseIsGoneAfterTheTest(t *testing.T) {
	var name string
	t.Run("test that ends", func(t *testing.T) {
		if err := Fresh(t).Get(&name, `select current_database()`); err != nil {
			t.Fatal(err)
		}
	})
	var exists bool
	if err := Fresh(t).Get(&exists, `select exists (select from pg_database where datname = $1)`, name); err != nil {
		t.Fatal(err)
	}
	if exists || name == "" {
		t.Errorf("database %q of a test that has ended still exists", name)
	}
}

func TestSettingsInAddressHoldOnEveryConnection(t *testing.T) {
	url := FreshURL(t) + "&search_path=elsewhere"
	db, err := Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 3 {
		conn, err := db.Connx(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() // at the end, so that every round has another connection
		var path string
		if err := conn.GetContext(context.Background(), &path, `show search_path`); err != nil {
			t.Fatal(err)
		}
		if path != "elsewhere" {
			t.Errorf("search_path is %q, want elsewhere", path)
		}
	}
}

// What a test leaves must not be met by the next one, which may get the same
// database: neither tables and settings, nor its connections.
func TestFreshDatabaseIsEmpty(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			db := Fresh(t)
			var tables, schemas int
			var path, database string
			if err := db.QueryRow(`select
				(select count(*) from pg_class where relnamespace not in (select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema')),
				(select count(*) from pg_namespace where nspname !~ '^pg_'),
				current_setting('search_path'), current_database()`).Scan(&tables, &schemas, &path, &database); err != nil {
				t.Fatal(err)
			}
			if tables != 0 || schemas != 2 || path != `"$user", public` {
				t.Errorf("fresh database has %d tables, %d schemas (want public and information_schema), search_path %s", tables, schemas, path)
			}
			db.MustExec(`create schema vault; create table vault.x (y int); create table z (y serial)`)
			db.MustExec(`alter database ` + database + ` set search_path to vault`)
			hold, err := Open(context.Background(), FreshURL(t)) // deliberately left open
			if err != nil {
				t.Fatal(err)
			}
			hold.MustExec(`create table z (y int)`)
		})
	}
}
