package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/infra/node"
)

// start runs a node for the length of a test.
func start(t testing.TB, o node.Options) *node.Node {
	t.Helper()
	n, err := node.Start(context.Background(), o)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return n
}

// dial makes an official client of a node.
func dial(t testing.TB, n *node.Node) *esdb.Client {
	t.Helper()
	return dialAddress(t, n.Addr())
}

func dialAddress(t testing.TB, address string) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString("esdb://localhost?tls=false")
	if err != nil {
		t.Fatalf("parse a connection string: %v", err)
	}
	config.Address = address
	config.Logger = func(esdb.LogLevel, string, ...any) {}
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatalf("make a client: %v", err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// event is a small JSON event whose content names it.
func event(name string) esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: "Happened", ContentType: esdb.ContentTypeJson,
		Data: fmt.Appendf(nil, `{"name":%q}`, name), Metadata: []byte(`{"who":"test"}`)}
}

func appendEvents(t testing.TB, c *esdb.Client, stream string, expected esdb.ExpectedRevision, events ...esdb.EventData) *esdb.WriteResult {
	t.Helper()
	r, err := c.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
	if err != nil {
		t.Fatalf("append to %s: %v", stream, err)
	}
	return r
}

// readAllOf reads a whole stream.
func readAllOf(t testing.TB, c *esdb.Client, stream string, o esdb.ReadStreamOptions) ([]*esdb.ResolvedEvent, error) {
	t.Helper()
	s, err := c.ReadStream(context.Background(), stream, o, 1<<40)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var events []*esdb.ResolvedEvent
	for {
		e, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

// next waits for the next event of a subscription, skipping what carries none.
func next(t testing.TB, s *esdb.Subscription) *esdb.ResolvedEvent {
	t.Helper()
	for {
		e := s.Recv()
		if e.SubscriptionDropped != nil {
			t.Fatalf("subscription dropped: %v", e.SubscriptionDropped.Error)
		}
		if e.EventAppeared != nil {
			return e.EventAppeared
		}
	}
}

func TestOfficialClient(t *testing.T) {
	dir := t.TempDir()
	for _, listen := range []string{"127.0.0.1:0", "unix:" + filepath.Join(dir, "node.sock")} {
		t.Run(listen, func(t *testing.T) {
			c := dial(t, start(t, node.Options{Listen: listen}))
			first := appendEvents(t, c, "order-1", esdb.NoStream{}, event("a"), event("b"))
			if first.NextExpectedVersion != 1 || first.CommitPosition == 0 || first.CommitPosition != first.PreparePosition {
				t.Errorf("append answered %+v", first)
			}
			_, err := c.AppendToStream(context.Background(), "order-1", esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, event("c"))
			var e *esdb.Error
			if !errors.As(err, &e) || e.Code() != esdb.ErrorCodeWrongExpectedVersion {
				t.Errorf("a second beginning gave %v", err)
			}
			events, err := readAllOf(t, c, "order-1", esdb.ReadStreamOptions{From: esdb.Start{}})
			if err != nil || len(events) != 2 {
				t.Fatalf("read %d events, error %v", len(events), err)
			}
			if got := string(events[1].Event.Data); got != `{"name":"b"}` || string(events[1].Event.UserMetadata) != `{"who":"test"}` {
				t.Errorf("event 1 is %s with %s", got, events[1].Event.UserMetadata)
			}
			if age := time.Since(events[1].Event.CreatedDate); age < -time.Second || age > 10*time.Second {
				t.Errorf("event 1 was created %v ago", age)
			}
			sub, err := c.SubscribeToAll(context.Background(), esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: esdb.ExcludeSystemEventsFilter()})
			if err != nil {
				t.Fatalf("subscribe: %v", err)
			}
			defer sub.Close()
			for i, want := range events {
				if got := next(t, sub); got.Event.EventID != want.Event.EventID {
					t.Errorf("subscription event %d is %v", i, got.Event)
				}
			}
			live := event("live")
			appendEvents(t, c, "order-2", esdb.Any{}, live)
			if got := next(t, sub); got.Event.EventID != live.EventID {
				t.Errorf("live event is %v", got.Event)
			}
		})
	}
}

func TestRestartContinues(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	e := event("a")
	n := start(t, node.Options{Dir: dir})
	before := appendEvents(t, dial(t, n), "s", esdb.NoStream{}, e)
	if err := n.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder is %v, error %v", info.Mode(), err)
	}
	c := dial(t, start(t, node.Options{Dir: dir}))
	again := appendEvents(t, c, "s", esdb.NoStream{}, e)
	if again.CommitPosition != before.CommitPosition {
		t.Errorf("repeated append answered %+v, first one %+v", again, before)
	}
	if after := appendEvents(t, c, "s", esdb.Revision(0), event("b")); after.CommitPosition <= before.CommitPosition {
		t.Errorf("position went from %d to %d", before.CommitPosition, after.CommitPosition)
	}
}

// TestClockGoesBack sets the clock back while a node runs and again while it does not: the log's time stands still.
func TestClockGoesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o := node.Options{Dir: dir, Now: func() time.Time { return now }}
	for range 2 {
		n := start(t, o)
		c := dial(t, n)
		for range 2 {
			appendEvents(t, c, "s", esdb.Any{}, event("x"))
			now = now.Add(-time.Hour)
		}
		events, err := readAllOf(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if !e.Event.CreatedDate.Equal(events[0].Event.CreatedDate) {
				t.Errorf("event %d is of %v, the first of %v", e.Event.EventNumber, e.Event.CreatedDate, events[0].Event.CreatedDate)
			}
		}
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := node.Check(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestFolderInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	start(t, node.Options{Dir: dir})
	_, err := node.Start(context.Background(), node.Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "stop the node that uses this folder") {
		t.Errorf("second start gave %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "letter.txt"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = node.Start(context.Background(), node.Options{Dir: other}); err == nil || !strings.Contains(err.Error(), "holds no log") {
		t.Errorf("start in somebody's folder gave %v", err)
	}
}

func TestHealth(t *testing.T) {
	n := start(t, node.Options{})
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/health/live", 204}, {"HEAD", "/health/live", 204}, {"POST", "/health/live", 405}, {"GET", "/", 404},
	} {
		request, err := http.NewRequest(c.method, "http://"+n.Addr()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != c.want {
			t.Errorf("%s %s gave %d, want %d", c.method, c.path, response.StatusCode, c.want)
		}
	}
}
