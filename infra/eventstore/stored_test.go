package eventstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/eventstore/logtest"
)

// TestStoredIsWhatTheServerKeeps compares with the official client, also for an event that the portal cannot read.
func TestStoredIsWhatTheServerKeeps(t *testing.T) {
	everyServer(t, func(t *testing.T, url string) {
		store := openStore(t, url)
		stream := logtest.Stream("order")
		first, err := store.Append(t.Context(), stream, domain.NoStream, logtest.Propose(domain.CustomerRegistered{Customer: "c-1", Name: "Anna"}))
		if err != nil {
			t.Fatal(err)
		}
		strange := esdb.EventData{EventID: uuid.New(), EventType: "Strange", ContentType: esdb.ContentTypeBinary, Data: []byte{0, 0xff}, Metadata: []byte("no JSON")}
		client := officialClient(t, url)
		written, err := client.AppendToStream(t.Context(), stream, esdb.AppendToStreamOptions{}, strange)
		if err != nil {
			t.Fatal(err)
		}
		e, err := store.StoredAt(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		stored := []eventstore.StoredEvent{e}
		for e, err := range store.Stored(t.Context(), first) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Stream == stream {
				stored = append(stored, e)
			}
		}
		if len(stored) != 2 {
			t.Fatalf("%d events", len(stored))
		}
		if e := stored[0]; e.Type != "CustomerRegistered" || e.Revision != 0 || e.Position != first || !json.Valid(e.Data) || bytes.Contains(e.Data, []byte("Anna")) ||
			!bytes.Contains(e.Data, []byte("sealed:v1:")) || !json.Valid(e.Metadata) {
			t.Errorf("the first event is %+v", e)
		}
		if e := stored[1]; e.Type != "Strange" || e.Revision != 1 || uint64(e.Position) != written.CommitPosition || e.ID != strange.EventID || !bytes.Equal(e.Data, strange.Data) ||
			!bytes.Equal(e.Metadata, strange.Metadata) || e.CreatedAt.IsZero() {
			t.Errorf("the second event is %+v", e)
		}
		for _, nowhere := range []domain.Position{0, 1 << 60} {
			if _, err := store.StoredAt(t.Context(), nowhere); !errors.Is(err, eventstore.ErrNoEvent) {
				t.Errorf("at %d: %v", nowhere, err)
			}
		}
	})
}

// officialClient is the client without the portal's store around it.
func officialClient(t *testing.T, url string) *esdb.Client {
	t.Helper()
	config := &esdb.Configuration{Address: url, DisableTLS: true, MaxDiscoverAttempts: 1, GossipTimeout: 5}
	if strings.HasPrefix(url, "esdb") {
		var err error
		if config, err = esdb.ParseConnectionString(url); err != nil {
			t.Fatal(err)
		}
	}
	config.Logger = func(esdb.LogLevel, string, ...any) {}
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// TestTheLastBusinessEvent is found behind whatever the server has written for itself since.
func TestTheLastBusinessEvent(t *testing.T) {
	everyServer(t, func(t *testing.T, url string) {
		store, client := openStore(t, url), officialClient(t, url)
		own := make([]esdb.EventData, 100)
		last := domain.Position(0)
		if url != os.Getenv("EVENTSTORE_TEST_URL") {
			if at, err := store.Last(t.Context(), 0); err != nil || at != 0 {
				t.Fatalf("an empty log ends at %d, %v", at, err)
			}
		}
		for round := range 3 {
			for i := range own {
				own[i] = esdb.EventData{EventID: uuid.New(), EventType: "$own", ContentType: esdb.ContentTypeJson, Data: []byte("{}")}
			}
			if _, err := client.AppendToStream(t.Context(), "$own-"+uuid.NewString(), esdb.AppendToStreamOptions{}, own...); err != nil {
				t.Fatal(err)
			}
			for _, after := range []domain.Position{0, last} {
				if at, err := store.Last(t.Context(), after); err != nil || last > 0 && at != last {
					t.Errorf("round %d, after %d: the log ends at %d, %v; want %d", round, after, at, err, last)
				}
			}
			if at, err := store.Last(t.Context(), 1<<60); err != nil || at != 1<<60 {
				t.Errorf("after the end is %d, %v", at, err)
			}
			before := last
			var err error
			if last, err = store.Append(t.Context(), logtest.Stream("order"), domain.NoStream, logtest.Propose(logtest.Numbered(3)...)); err != nil {
				t.Fatal(err)
			}
			if at, err := store.Last(t.Context(), before); err != nil || at != last {
				t.Errorf("round %d: the log ends at %d, %v; want %d", round, at, err, last)
			}
		}
	})
}

// shyKeys cannot be asked every third time.
type shyKeys struct {
	logtest.Keys
	asked *atomic.Int64
}

func (k shyKeys) Find(ctx context.Context, subject, purpose string) ([]byte, bool, error) {
	if k.asked.Add(1)%3 == 0 {
		return nil, false, errors.New("the vault restarts")
	}
	return k.Keys.Find(ctx, subject, purpose)
}

// TestNoEventIsSkippedWhileKeysAreAway reads events with personal fields from a vault that goes away now and then.
func TestNoEventIsSkippedWhileKeysAreAway(t *testing.T) {
	url := startServer(t, socket(t)).url()
	store, err := eventstore.Open(eventstore.Options{URL: url, Keys: shyKeys{asked: new(atomic.Int64)}, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const events = 9
	for i := range events {
		event := logtest.Propose(domain.CustomerRegistered{Customer: "c-1", Name: strings.Repeat("x", i+1)})
		if _, err := store.Append(t.Context(), "customer-c-1", domain.Revision(i-1), event); err != nil {
			t.Fatal(err)
		}
	}
	if read := logtest.Collect(t, store.Read(t.Context(), "customer-c-1", 0)); len(read) != events {
		t.Errorf("Read gave %d of %d events", len(read), events)
	}
	if history := logtest.Collect(t, store.History(t.Context(), 0)); len(history) != events {
		t.Errorf("History gave %d of %d events", len(history), events)
	}
}
