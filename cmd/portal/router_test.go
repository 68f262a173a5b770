package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/infra/node"
	"netrom.pl/portal/infra/postgres"
	"netrom.pl/portal/projections"
)

// sharedStores starts a log and a database that several portals can use, and has the environment name them.
func sharedStores(t *testing.T) (log string) {
	t.Helper()
	database := postgres.FreshURL(t)
	server, err := node.Start(t.Context(), node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("EVENTSTORE_URL", server.ConnectionString())
	t.Setenv("DATABASE_URL", database)
	t.Setenv("SMTP_URL", "")
	return server.ConnectionString()
}

// TestTheProcessManagerStartsAgain puts an event into the log that no portal can read: whatever follows the log fails,
// and must say so and try again, while what is due is still done.
func TestTheProcessManagerStartsAgain(t *testing.T) {
	address := sharedStores(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var log lockedBuffer
	p, err := openPortal(ctx, settings{data: dataFolder(t), listen: "127.0.0.1:0", demo: true}, foundation.Logger(&log, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	config, err := esdb.ParseConnectionString(address)
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stranger := esdb.EventData{EventID: uuid.New(), EventType: "Stranger", ContentType: esdb.ContentTypeJson, Data: []byte("{}"), Metadata: []byte(`{"schema":1}`)}
	if _, err := client.AppendToStream(ctx, "stranger-1", esdb.AppendToStreamOptions{}, stranger); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	go func() { ended <- p.run(running) }()
	for want, times := range map[string]int{"the process manager has stopped": 2, "a view has stopped": len(projections.All()) + 1} {
		for strings.Count(log.String(), want) < times {
			select {
			case <-time.After(20 * time.Millisecond):
			case err := <-ended:
				t.Fatalf("the portal has ended: %v\n%s", err, log.String())
			case <-ctx.Done():
				t.Fatalf("not said often enough: %q\n%s", want, log.String())
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestThePortalEndsWithItsDatabase kills the database server of the data folder: without it nothing works, and whoever
// watches the portal must see that.
func TestThePortalEndsWithItsDatabase(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a postgres server: left out by -short")
	}
	t.Setenv("EVENTSTORE_URL", "")
	t.Setenv("DATABASE_URL", "")
	data := dataFolder(t)
	p, err := openPortal(t.Context(), settings{data: data, listen: "127.0.0.1:0", demo: true}, foundation.Logger(io.Discard, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	ended := make(chan error, 1)
	go func() { ended <- p.run(t.Context()) }()
	var server int
	if err := p.base.DB.Get(&server, `select split_part(pg_read_file('postmaster.pid'), chr(10), 1)`); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(server, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "PostgreSQL") {
			t.Errorf("the portal ended with: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the portal goes on without its database")
	}
}
