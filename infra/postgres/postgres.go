// Package postgres opens the portal's Postgres database, brings a schema up to
// date, and runs a private server on machines that have none.
//
// [Open] connects to any server, [Migrate] applies the SQL files of one schema,
// [Start] keeps a server inside a folder for as long as the portal lives, and
// [Fresh] gives a test a database of its own.
package postgres

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // registers the driver "postgres"
)

// Limits of one connection pool. Idle connections are kept, because a prepared
// statement lives on its connection and would have to be prepared again.
const (
	poolConnections     = 16
	poolIdleTime        = 5 * time.Minute
	poolConnectionAge   = time.Hour
	connectLimit        = 10 * time.Second
	urlLengthLimitBytes = 4096
)

// Open connects to the server at url and checks that it answers. The url has
// the form "postgres://user:password@host/database?sslmode=verify-full"; other
// query parameters, search_path for example, are set on every connection. The
// password never appears in the error. The caller closes the database.
func Open(ctx context.Context, url string) (*sqlx.DB, error) {
	if len(url) > urlLengthLimitBytes {
		return nil, fmt.Errorf("open postgres: the address has %d bytes, the limit is %d", len(url), urlLengthLimitBytes)
	}
	db, err := sqlx.Open("postgres", url)
	if err != nil {
		return nil, fmt.Errorf("open postgres at %s: %w", redacted(url), err)
	}
	db.SetMaxOpenConns(poolConnections)
	db.SetMaxIdleConns(poolConnections)
	db.SetConnMaxIdleTime(poolIdleTime)
	db.SetConnMaxLifetime(poolConnectionAge)

	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("connect to postgres at %s: %w (check that the server runs and that the address, user and password are right)", redacted(url), err)
	}
	return db, nil
}

// redacted is the address for messages to people: without the password, and
// without anything when it can't be told where the password is.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return "the given address"
	}
	query := u.Query()
	if query.Has("password") {
		query.Set("password", "xxxxx")
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}
