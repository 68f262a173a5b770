package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/node"
)

// server is a log behind the official client.
type server struct{ *esdb.Client }

func startServer(t testing.TB, dir string) server {
	t.Helper()
	n, err := node.Start(t.Context(), node.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	config, err := esdb.ParseConnectionString(n.ConnectionString())
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = func(esdb.LogLevel, string, ...any) {}
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); n.Stop() })
	return server{client}
}

func (s server) append(ctx context.Context, stream string, events ...Event) error {
	var data []esdb.EventData
	for _, e := range events {
		data = append(data, esdb.EventData{EventID: e.ID, EventType: e.Type, ContentType: esdb.ContentTypeJson, Data: e.Data, Metadata: e.Metadata})
	}
	_, err := s.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, data...)
	return err
}

// each reads the whole log after a position with nothing but the client.
func (s server) each(ctx context.Context, after domain.Position, see func(*esdb.RecordedEvent) bool) error {
	from := esdb.AllPosition(esdb.Start{})
	if after > 0 {
		from = esdb.Position{Commit: uint64(after), Prepare: uint64(after)}
	}
	stream, err := s.ReadAll(ctx, esdb.ReadAllOptions{From: from}, math.MaxUint64)
	if err != nil {
		return err
	}
	defer stream.Close()
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e := event.OriginalEvent(); e.Position.Commit > uint64(after) && !strings.HasPrefix(e.StreamID, "$") && !see(e) {
			return nil
		}
	}
}

func (s server) Events(ctx context.Context, after domain.Position) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		err := s.each(ctx, after, func(e *esdb.RecordedEvent) bool {
			return yield(Event{Position: domain.Position(e.Position.Commit), Stream: e.StreamID, Revision: domain.Revision(e.EventNumber), ID: e.EventID,
				Type: e.EventType, CreatedAt: e.CreatedDate, Data: e.Data, Metadata: e.UserMetadata}, nil)
		})
		if err != nil {
			yield(Event{}, err)
		}
	}
}

func (s server) At(ctx context.Context, at domain.Position) (Event, bool, error) {
	for e, err := range s.Events(ctx, at-1) {
		return e, err == nil && e.Position == at, err
	}
	return Event{}, false, nil
}

// sample is an event of the size that the portal writes.
func sample() Event {
	return Event{ID: uuid.New(), Type: "ItemAddedToCart", Data: []byte(`{"text":"` + strings.Repeat("x", 300) + `"}`), Metadata: []byte(`{"text":"` + strings.Repeat("x", 250) + `"}`)}
}

// TestOverTheOfficialClient signs and verifies a log behind a server, and finds an event that was altered on another one.
func TestOverTheOfficialClient(t *testing.T) {
	log := startServer(t, "")
	var all []Event
	for i := range 40 {
		e := sample()
		all = append(all, e)
		if err := log.append(t.Context(), fmt.Sprintf("order-%d", i%3), e); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	signed := Named{"c", witnessed(t, dir, "", log)}
	report, err := Verify(t.Context(), log, []Named{signed}, nil)
	if err != nil || report.Difference != nil || report.Events != 40 {
		t.Errorf("%+v %v", report, err)
	}
	altered := startServer(t, "")
	all[17].Data = []byte("{}")
	for i, e := range all {
		if err := altered.append(t.Context(), fmt.Sprintf("order-%d", i%3), e); err != nil {
			t.Fatal(err)
		}
	}
	// Another server has another clock, so its first event differs already, in that alone.
	report, err = Verify(t.Context(), altered, []Named{signed}, []*Folder{OpenFolder(dir)})
	if d := report.Difference; err != nil || d == nil || d.Kind != Altered || d.Index != 0 || len(d.Fields) != 1 || d.Fields[0] != "time of creation" {
		t.Errorf("%+v %v", d, err)
	}
}
