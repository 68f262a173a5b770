package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"netrom.pl/portal/infra/node"
)

// TestAgainstPlainMap does random things to a node through the official client and to a map, and compares every answer
// and everything that can be read. The long variant: go test ./infra/node -run TestAgainstPlainMap -rapid.checks 10000
func TestAgainstPlainMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		defer m.stop()
		t.Repeat(map[string]func(*rapid.T){
			"":          m.compare,
			"append":    m.append,
			"again":     m.appendAgain,
			"delete":    m.delete,
			"tombstone": m.tombstone,
			"describe":  m.describe,
			"restart":   m.restart,
		})
	})
}

// plainStream is what a stream ought to be. A tombstoned one is only that.
type plainStream struct {
	ids        []uuid.UUID // by revision
	documents  int         // events of its metastream
	maxCount   int
	from       int  // $tb
	soft       bool // deleted, may be written again
	tombstoned bool
}

// attempt is an append that was made.
type attempt struct {
	stream   string
	expected esdb.ExpectedRevision
	ids      []uuid.UUID
}

// machine is a node and the map beside it.
type machine struct {
	disk    *vfs.MemFS
	node    *node.Node
	client  *esdb.Client
	streams map[string]*plainStream
	log     []uuid.UUID // ids of the data events, in the order of $all
	past    []attempt
}

var machineStreams = []string{"a", "b", "c-with-a-longer-name"}

func newMachine(t *rapid.T) *machine {
	m := &machine{disk: vfs.NewMem(), streams: make(map[string]*plainStream)}
	for _, name := range machineStreams {
		m.streams[name] = &plainStream{}
	}
	m.start(t)
	return m
}

func (m *machine) start(t *rapid.T) {
	n, err := node.Start(context.Background(), node.OnDisk(node.Options{Dir: "log", MemtableBytes: 1 << 20}, m.disk, survive))
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	config, err := esdb.ParseConnectionString(n.ConnectionString())
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = func(esdb.LogLevel, string, ...any) {}
	if m.client, err = esdb.NewClient(config); err != nil {
		t.Fatal(err)
	}
	m.node = n
}

func (m *machine) stop() {
	m.client.Close()
	m.node.Stop()
}

func (m *machine) restart(t *rapid.T) {
	m.stop()
	m.start(t)
}

func (m *machine) append(t *rapid.T) {
	a := attempt{stream: rapid.SampledFrom(machineStreams).Draw(t, "stream"), expected: drawExpected(t)}
	known := m.streams[a.stream].ids
	for range rapid.IntRange(0, 3).Draw(t, "events") {
		id := uuid.New()
		if len(known) > 0 && rapid.IntRange(0, 4).Draw(t, "repeat an id") == 0 {
			id = rapid.SampledFrom(known).Draw(t, "id")
		}
		a.ids = append(a.ids, id)
	}
	m.past = append(m.past, a)
	m.do(t, a)
}

// appendAgain repeats an earlier append word for word, as a client does that never heard the answer.
func (m *machine) appendAgain(t *rapid.T) {
	if len(m.past) == 0 {
		t.Skip("nothing was appended yet")
	}
	m.do(t, rapid.SampledFrom(m.past).Draw(t, "attempt"))
}

func drawExpected(t *rapid.T) esdb.ExpectedRevision {
	switch kind := rapid.SampledFrom([]string{"any", "none", "exists", "exact", "exact"}).Draw(t, "expected"); kind {
	case "any":
		return esdb.Any{}
	case "none":
		return esdb.NoStream{}
	case "exists":
		return esdb.StreamExists{}
	}
	return esdb.Revision(rapid.Uint64Range(0, 6).Draw(t, "revision"))
}

func (m *machine) do(t *rapid.T, a attempt) {
	var events []esdb.EventData
	for _, id := range a.ids {
		events = append(events, esdb.EventData{EventID: id, EventType: "T", ContentType: esdb.ContentTypeBinary, Data: id[:]})
	}
	s := m.streams[a.stream]
	want, last := s.check(a.expected, a.ids)
	r, err := m.client.AppendToStream(context.Background(), a.stream, esdb.AppendToStreamOptions{ExpectedRevision: a.expected}, events...)
	if got := outcome(err); got != want.String() {
		t.Fatalf("append %v to %+v: got %s (%v), want %s", a, s, got, err, want)
	}
	if want == plainWritten && len(a.ids) > 0 {
		if s.soft {
			s.from, s.soft, s.maxCount = len(s.ids), false, 0
			s.documents++
		}
		s.ids = append(s.ids, a.ids...)
		m.log = append(m.log, a.ids...)
		last = len(s.ids) - 1
	}
	if want <= plainRepeated && last >= 0 && r.NextExpectedVersion != uint64(last) {
		t.Fatalf("append %v to %+v: answered revision %d, want %d", a, s, r.NextExpectedVersion, last)
	}
}

type plainOutcome int

const (
	plainWritten plainOutcome = iota
	plainRepeated
	plainConflict
	plainDeleted
)

func (o plainOutcome) String() string { return []string{"ok", "ok", "conflict", "deleted"}[o] }

func outcome(err error) string {
	var e *esdb.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e) && e.Code() == esdb.ErrorCodeWrongExpectedVersion:
		return "conflict"
	case errors.As(err, &e) && e.Code() == esdb.ErrorCodeStreamDeleted:
		return "deleted"
	case errors.As(err, &e) && e.Code() == esdb.ErrorCodeResourceNotFound:
		return "missing"
	}
	return err.Error()
}

// check says what ought to become of an append, in the plainest words: a search through lists.
func (s *plainStream) check(expected esdb.ExpectedRevision, ids []uuid.UUID) (plainOutcome, int) {
	last := len(s.ids) - 1
	if s.tombstoned {
		return plainDeleted, 0
	}
	next := 0
	switch e := expected.(type) {
	case esdb.StreamExists:
		if s.soft {
			return plainDeleted, 0
		}
		if last < 0 && s.documents == 0 {
			return plainConflict, 0
		}
		return s.checkByID(ids)
	case esdb.Any:
		return s.checkByID(ids)
	case esdb.StreamRevision:
		next = int(e.Value) + 1
	}
	switch {
	case next-1 > last:
		return plainConflict, 0
	case next-1 == last:
		return plainWritten, last
	case len(ids) > 0 && next+len(ids) <= len(s.ids) && slices.Equal(ids, s.ids[next:next+len(ids)]):
		return plainRepeated, next + len(ids) - 1
	case len(ids) > 0 && next == 0 && s.soft && ids[0] != s.ids[0]:
		return plainWritten, last
	}
	return plainConflict, 0
}

func (s *plainStream) checkByID(ids []uuid.UUID) (plainOutcome, int) {
	if len(ids) == 0 || !slices.Contains(s.ids, ids[0]) {
		return plainWritten, len(s.ids) - 1
	}
	last := 0
	for _, id := range ids {
		for revision, stored := range s.ids {
			if stored == id {
				last = revision
			}
		}
		if !slices.Contains(s.ids, id) {
			return plainConflict, 0
		}
	}
	return plainRepeated, last
}

func (m *machine) delete(t *rapid.T) {
	name := rapid.SampledFrom(machineStreams).Draw(t, "stream")
	s := m.streams[name]
	want := "ok"
	switch {
	case s.tombstoned:
		want = "deleted"
	case len(s.ids) == 0 && s.documents == 0:
		want = "conflict"
	}
	_, err := m.client.DeleteStream(context.Background(), name, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	if got := outcome(err); (got == "ok") != (want == "ok") || want == "deleted" && got != "deleted" {
		t.Fatalf("delete %+v: got %s, want %s", s, got, want)
	}
	if want == "ok" {
		s.soft, s.from, s.maxCount = true, math.MaxInt, 0
		s.documents++
	}
}

func (m *machine) tombstone(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
		t.Skip("a tombstone ends a stream for the rest of the run")
	}
	name := rapid.SampledFrom(machineStreams).Draw(t, "stream")
	s := m.streams[name]
	_, err := m.client.TombstoneStream(context.Background(), name, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
	if got := outcome(err); got != map[bool]string{true: "deleted", false: "ok"}[s.tombstoned] {
		t.Fatalf("tombstone %+v: got %s", s, got)
	}
	s.tombstoned = true
}

func (m *machine) describe(t *rapid.T) {
	name := rapid.SampledFrom(machineStreams).Draw(t, "stream")
	s := m.streams[name]
	document := esdb.StreamMetadata{}
	count, from := rapid.IntRange(0, 4).Draw(t, "$maxCount"), rapid.IntRange(0, 6).Draw(t, "$tb")
	if count > 0 {
		document.SetMaxCount(uint64(count))
	}
	if from > 0 {
		document.SetTruncateBefore(uint64(from))
	}
	_, err := m.client.SetStreamMetadata(context.Background(), name, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, document)
	if got := outcome(err); got != map[bool]string{true: "deleted", false: "ok"}[s.tombstoned] {
		t.Fatalf("describe %+v: got %s", s, got)
	}
	if s.tombstoned {
		return
	}
	s.documents++
	s.maxCount, s.from = count, from
	if s.soft {
		s.soft, s.from = false, len(s.ids)
		s.documents++
	}
}

// compare reads every stream in both directions, and $all.
func (m *machine) compare(t *rapid.T) {
	for name, s := range m.streams {
		want := s.readable()
		for _, direction := range []esdb.Direction{esdb.Forwards, esdb.Backwards} {
			o := esdb.ReadStreamOptions{From: esdb.Start{}, Direction: direction}
			if direction == esdb.Backwards {
				o.From = esdb.End{}
				slices.Reverse(want)
			}
			got, err := readIDs(m.client.ReadStream(context.Background(), name, o, 1000))
			state := "ok"
			if s.tombstoned {
				state = "deleted"
			} else if s.soft || len(s.ids) == 0 {
				state = "missing"
			}
			if outcome(err) != state || !slices.Equal(got, want) {
				t.Fatalf("read %s, direction %d: got %v and %s, want %v and %s of %+v", name, direction, got, outcome(err), want, state, s)
			}
		}
	}
	got, err := readIDs(m.client.ReadAll(context.Background(), esdb.ReadAllOptions{From: esdb.Start{}}, 10_000))
	if err != nil || !slices.Equal(got, m.log) {
		t.Fatalf("read all: got %v and %v, want %v", got, err, m.log)
	}
}

// readable is what a reader ought to get.
func (s *plainStream) readable() []uuid.UUID {
	if s.tombstoned || s.soft {
		return nil
	}
	from := min(s.from, len(s.ids))
	if s.maxCount > 0 {
		from = max(from, len(s.ids)-s.maxCount)
	}
	return slices.Clone(s.ids[from:])
}

// readIDs collects the ids of the data events of a read.
func readIDs(r *esdb.ReadStream, err error) ([]uuid.UUID, error) {
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var ids []uuid.UUID
	for {
		e, err := r.Recv()
		if errors.Is(err, io.EOF) {
			return ids, nil
		}
		if err != nil {
			return ids, err
		}
		if e.Event.EventType == "T" {
			if fmt.Sprintf("%x", e.Event.Data) != fmt.Sprintf("%x", e.Event.EventID[:]) {
				return ids, fmt.Errorf("event %s carries %x", e.Event.EventID, e.Event.Data)
			}
			ids = append(ids, e.Event.EventID)
		}
	}
}
