// Package logtest says in tests what a [domain.Log] must do, whatever it is made of.
package logtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
)

// patience is how long a test waits, on a busy machine, for what should come at once.
const patience = time.Minute

// Run tests the logs that open gives. All of them may share one memory, also with logs of earlier runs: the tests use
// streams of their own. The logs must be able to keep personal fields.
func Run(t *testing.T, open func(t *testing.T) domain.Log) {
	for name, test := range map[string]func(*testing.T, context.Context, domain.Log){
		"what was appended is read":         appendedIsRead,
		"a stale expectation is a conflict": staleIsConflict,
		"the same append again":             sameAgain,
		"all events or none":                allOrNone,
		"reading from a revision":           readFromRevision,
		"history ends at the head":          historyEnds,
		"follow catches up and stays":       followStays,
		"follow stops when see wants it":    followStops,
		"32 writers, one stream":            manyWriters,
		"deciding under contention":         contention,
		"a context that has ended":          endedContext,
		"a context that ends":               endingContext,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			test(t, ctx, open(t))
		})
	}
}

// Keys are keys of personal fields that follow from their names: always there, nowhere kept.
type Keys struct{}

// Key derives a key.
func (Keys) Key(_ context.Context, subject, purpose string) ([]byte, error) {
	key := sha256.Sum256([]byte("test key of " + subject + " for " + purpose))
	return key[:], nil
}

// Find derives a key.
func (k Keys) Find(ctx context.Context, subject, purpose string) ([]byte, bool, error) {
	key, err := k.Key(ctx, subject, purpose)
	return key, true, err
}

// Stream is a name that nobody has used.
func Stream(kind string) string { return kind + "-" + uuid.NewString() }

// Propose wraps events under new ids.
func Propose(events ...domain.Event) []domain.Proposed {
	proposed := make([]domain.Proposed, len(events))
	for i, event := range events {
		proposed[i] = domain.Proposed{ID: uuid.NewString(), Event: event, Metadata: domain.Metadata{
			Actor: "user-1", OnBehalfOf: "customer-1", Correlation: "request-1", Causation: "command-1",
			Schema: domain.SchemaOf(event), At: time.Date(2026, 3, 29, 1, 59, 59, 123456789, time.UTC),
		}}
	}
	return proposed
}

// Numbered are n different events.
func Numbered(n int) []domain.Event {
	events := make([]domain.Event, n)
	for i := range events {
		events[i] = domain.OrderCancelled{Order: domain.OrderID(fmt.Sprint(i))}
	}
	return events
}

// Collect drains records into a list.
func Collect(t *testing.T, records iter.Seq2[domain.Record, error]) []domain.Record {
	t.Helper()
	var all []domain.Record
	for record, err := range records {
		if err != nil {
			t.Fatalf("after %d records: %v", len(all), err)
		}
		all = append(all, record)
	}
	return all
}

func drain(records iter.Seq2[domain.Record, error]) error {
	for _, err := range records {
		if err != nil {
			return err
		}
	}
	return nil
}

func mustAppend(t *testing.T, ctx context.Context, log domain.Log, stream string, expected domain.Revision, events []domain.Proposed) domain.Position {
	t.Helper()
	position, err := log.Append(ctx, stream, expected, events)
	if err != nil {
		t.Fatal(err)
	}
	return position
}

// of keeps the records of some streams, because others may write to the same log.
func of(records []domain.Record, streams ...string) []domain.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r domain.Record) bool { return !slices.Contains(streams, r.Stream) })
}

// Ids are the ids of records, in order.
func Ids(records []domain.Record) []string {
	var ids []string
	for _, record := range records {
		ids = append(ids, record.ID)
	}
	return ids
}

func idsOf(proposed ...[]domain.Proposed) []string {
	var ids []string
	for _, p := range slices.Concat(proposed...) {
		ids = append(ids, p.ID)
	}
	return ids
}

func appendedIsRead(t *testing.T, ctx context.Context, log domain.Log) {
	stream := Stream("customer")
	proposed := Propose(
		domain.CustomerRegistered{Customer: "k-1", Name: "Zażółć <Gęślą> & Syn\nsp. z o.o.", NIP: "5260250274", Email: "ą@example.pl",
			Language: domain.Polish, Distributor: true},
		domain.OrderSubmitted{Order: "o-1", Number: domain.OrderNumber{Year: 2026, Sequence: 7}, Buyer: "k-1",
			Lines: []domain.Line{{Line: 1, Program: "magazyn", Stations: 2, UnitNet: 10050, VATRate: 23}}, DueOn: "2026-04-05"},
		domain.ActivationFileIssued{Order: "o-1", Line: 1, Client: "k-1", Name: "m.lic.txt", File: []byte{0, 1, 254, 255}, Digest: "ab"},
	)
	proposed[2].Metadata = domain.Metadata{Schema: 1, At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	position := mustAppend(t, ctx, log, stream, domain.NoStream, proposed)

	records := Collect(t, log.Read(ctx, stream, 0))
	if len(records) != len(proposed) {
		t.Fatalf("read %d records of %d", len(records), len(proposed))
	}
	last := domain.Position(0)
	for i, record := range records {
		if !reflect.DeepEqual(record.Proposed, proposed[i]) {
			t.Errorf("read     %+v\nappended %+v", record.Proposed, proposed[i])
		}
		if record.Stream != stream || record.Revision != domain.Revision(i) || record.Position <= last ||
			record.Type != reflect.TypeOf(proposed[i].Event).Name() {
			t.Errorf("record %d: %s at revision %d of %s, position %d after %d", i, record.Type, record.Revision, record.Stream, record.Position, last)
		}
		last = record.Position
	}
	if last != position {
		t.Errorf("append answered position %d, the last record is at %d", position, last)
	}
	if history := of(Collect(t, log.History(ctx, records[0].Position)), stream); !reflect.DeepEqual(history, records[1:]) {
		t.Errorf("history after the first: %+v", history)
	}
}

func staleIsConflict(t *testing.T, ctx context.Context, log domain.Log) {
	stream := Stream("order")
	mustAppend(t, ctx, log, stream, domain.NoStream, Propose(Numbered(3)...))
	for _, expected := range []domain.Revision{domain.NoStream, 0, 1, 3, 1000} {
		if _, err := log.Append(ctx, stream, expected, Propose(Numbered(1)...)); !errors.Is(err, domain.ErrConflict) {
			t.Errorf("append after revision %d of a stream at revision 2: %v", expected, err)
		}
	}
	if _, err := log.Append(ctx, Stream("order"), 0, Propose(Numbered(1)...)); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("append after revision 0 of an empty stream: %v", err)
	}
	if n := len(Collect(t, log.Read(ctx, stream, 0))); n != 3 {
		t.Errorf("the stream has %d events after refused appends", n)
	}
}

func sameAgain(t *testing.T, ctx context.Context, log domain.Log) {
	stream := Stream("customer")
	first, second := Propose(Numbered(2)...), Propose(domain.ActivationEmailCorrected{Customer: "k-1", Licence: "l-1", Email: "a@example.pl"})
	at0 := mustAppend(t, ctx, log, stream, domain.NoStream, first)
	if again := mustAppend(t, ctx, log, stream, domain.NoStream, first); again != at0 {
		t.Errorf("the same append answered %d, then %d", at0, again)
	}
	at1 := mustAppend(t, ctx, log, stream, 1, second)
	if again := mustAppend(t, ctx, log, stream, domain.NoStream, first); again != at0 {
		t.Errorf("the same append after others answered %d, then %d", at0, again)
	}
	if again := mustAppend(t, ctx, log, stream, 1, second); again != at1 {
		t.Errorf("the same sealed append answered %d, then %d", at1, again)
	}
	longer := append(slices.Clone(second), Propose(Numbered(1)...)...)
	if _, err := log.Append(ctx, stream, 1, longer); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("an append of which only a part is there: %v", err)
	}
	if ids := Ids(Collect(t, log.Read(ctx, stream, 0))); !slices.Equal(ids, idsOf(first, second)) {
		t.Errorf("the stream has %v", ids)
	}
}

func allOrNone(t *testing.T, ctx context.Context, log domain.Log) {
	stream := Stream("order")
	type notListed struct{}
	bad := Propose(Numbered(3)...)
	bad[2].Event = notListed{}
	if _, err := log.Append(ctx, stream, domain.NoStream, bad); err == nil {
		t.Error("an event that is not listed was accepted")
	}
	bad = Propose(Numbered(2)...)
	bad[1].ID = "not a UUID"
	if _, err := log.Append(ctx, stream, domain.NoStream, bad); err == nil {
		t.Error("an id that is not a UUID was accepted")
	}
	if records := Collect(t, log.Read(ctx, stream, 0)); len(records) != 0 {
		t.Errorf("a refused append left %d events", len(records))
	}
}

func readFromRevision(t *testing.T, ctx context.Context, log domain.Log) {
	stream := Stream("order")
	proposed := Propose(Numbered(700)...)
	for i := 0; i < len(proposed); i += 350 {
		mustAppend(t, ctx, log, stream, domain.Revision(i-1), proposed[i:i+350])
	}
	for _, from := range []int{0, 1, 499, 699, 700} {
		if ids := Ids(Collect(t, log.Read(ctx, stream, domain.Revision(from)))); !slices.Equal(ids, idsOf(proposed[from:])) {
			t.Errorf("from revision %d: %d events", from, len(ids))
		}
	}
	if records := Collect(t, log.Read(ctx, Stream("order"), 0)); len(records) != 0 {
		t.Errorf("a stream without events has %d", len(records))
	}
	seen := 0
	for _, err := range log.Read(ctx, stream, 0) {
		if seen++; err != nil || seen == 2 {
			break
		}
	}
	if seen != 2 {
		t.Errorf("stopped reading after 2, saw %d", seen)
	}
}

func historyEnds(t *testing.T, ctx context.Context, log domain.Log) {
	start := mustAppend(t, ctx, log, Stream("order"), domain.NoStream, Propose(Numbered(1)...))
	a, b := Stream("order"), Stream("customer")
	first, second := Propose(Numbered(40)...), Propose(Numbered(40)...)
	mustAppend(t, ctx, log, a, domain.NoStream, first)
	end := mustAppend(t, ctx, log, b, domain.NoStream, second)

	var seen []domain.Record
	for record, err := range log.History(ctx, start) {
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) == 0 { // what is written while reading is not history yet
			mustAppend(t, ctx, log, a, 39, Propose(Numbered(1)...))
		}
		seen = append(seen, record)
	}
	if ids := Ids(of(seen, a, b)); !slices.Equal(ids, idsOf(first, second)) {
		t.Errorf("history has %d events instead of 80", len(ids))
	}
	if rest := of(Collect(t, log.History(ctx, end)), a, b); len(rest) != 1 || rest[0].Revision != 40 {
		t.Errorf("after the end of that history: %+v", rest)
	}
	for _, record := range seen {
		if record.Stream[0] == '$' || record.Type[0] == '$' {
			t.Errorf("history has an event of the server's own: %s in %s", record.Type, record.Stream)
		}
	}
}
