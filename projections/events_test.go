package projections

import (
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/postgres"
)

// inspect writes down that somebody has looked.
func (w *world) inspect() {
	w.t.Helper()
	do[domain.Inspections](w, domain.RecordInspection{LogInspected: domain.LogInspected{What: domain.SearchInspection, Answered: 3}, On: "2026-03-02"})
}

// TestTheIndexAnswersAsTheLogItself compares every search, in both directions and page by page, with the log filtered by hand.
func TestTheIndexAnswersAsTheLogItself(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.chapter(1)
	w.inspect()
	w.now = w.now.Add(-36 * time.Hour) // a clock that was set back
	w.chapter(2)
	w.inspect()
	w.settle()
	records, _ := w.memory.snapshot()
	order := domain.OrderIDOf("c-1", "s-1")
	middle := records[len(records)/2].Metadata.At
	searches := []EventSearch{
		{}, {Inspections: true}, {Type: "LogInspected"}, {Streams: []string{"inspections-2026-03-02"}}, {Streams: []string{domain.OrderStream(order)}},
		{Streams: []string{domain.OrderStream(order), domain.CartStream("c-2"), "none"}}, {Type: "PaymentReceived"},
		{Actor: "user-test"}, {Actor: "nobody"}, {Correlation: records[20].Metadata.Correlation}, {Subjects: []Subject{SubjectOf(order)}},
		{Subjects: []Subject{SubjectOf[domain.CustomerID]("c-2")}}, {Subjects: []Subject{SubjectOf(order), SubjectOf[domain.CustomerID]("c-1")}},
		{Subjects: []Subject{SubjectOf(order), SubjectOf[domain.CustomerID]("c-2")}}, {Subjects: []Subject{SubjectOf[domain.TransferID]("t-2")}},
		{Subjects: []Subject{SubjectOf[domain.CustomerID]("c-1")}, Type: "CartSubmitted"}, {Actor: "user-test", Type: "PriceSet"}, {Actor: "user-test", Type: "LogInspected"},
		{Actor: "user-test", Subjects: []Subject{SubjectOf[domain.CustomerID]("c-1")}, Type: "OrderSubmitted"}, {Type: "NoSuchType"}, {Actor: "user-test", From: middle},
		{Streams: []string{domain.CartStream("c-1"), domain.CartStream("c-2")}, Type: "CartSubmitted", Actor: "user-test", Subjects: []Subject{SubjectOf[domain.CustomerID]("c-2")}},
		{Correlation: records[20].Metadata.Correlation, Streams: []string{records[20].Stream}, Type: records[20].Type, From: records[20].Metadata.At, Until: records[20].Metadata.At.Add(time.Microsecond)},
		{Subjects: []Subject{SubjectOf[domain.LicenceID]("l-1")}, From: middle}, {From: middle}, {Until: middle}, {From: middle, Until: middle.Add(5 * time.Minute), Type: "ItemAddedToCart"},
		{From: middle.AddDate(1, 0, 0)},
	}
	for i := 0; i < len(records); i += len(records) / 6 {
		at := records[i].Metadata.At
		searches = append(searches, EventSearch{From: at}, EventSearch{Until: at}, EventSearch{From: at.Truncate(time.Hour), Until: at.Truncate(time.Hour).Add(time.Hour)})
	}
	answered := 0
	for _, search := range searches {
		var want []domain.Position
		for _, record := range records {
			if search.Lets(record) {
				want = append(want, record.Position)
			}
		}
		answered += len(want)
		if got := w.pagesOf(search); !slices.Equal(got, want) {
			t.Errorf("%+v:\ngot  %v\nwant %v", search, got, want)
		}
		search.Newest = true
		slices.Reverse(want)
		if got := w.pagesOf(search); !slices.Equal(got, want) {
			t.Errorf("%+v:\ngot  %v\nwant %v", search, got, want)
		}
	}
	if answered < 200 {
		t.Errorf("the searches found only %d events together", answered)
	}
}

// pagesOf goes through a search in small pages.
func (w *world) pagesOf(search EventSearch) []domain.Position {
	w.t.Helper()
	const limit = 7
	var found []domain.Position
	for {
		rows := must(w.tables.FindEvents(ctx, search, limit))
		for _, row := range rows {
			found = append(found, row.Position)
		}
		if len(rows) < limit {
			return found
		}
		search.After = found[len(found)-1]
	}
}

func TestOneEventAndOneOrderAreFound(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.chapter(1)
	w.settle()
	records, _ := w.memory.snapshot()
	for _, record := range []domain.Record{records[0], records[len(records)-1]} {
		m := record.Metadata
		want := EventRow{Position: record.Position, Stream: record.Stream, Revision: record.Revision, ID: record.ID, Type: record.Type, At: m.At.Truncate(time.Microsecond),
			Actor: m.Actor, OnBehalfOf: m.OnBehalfOf, Correlation: m.Correlation, Causation: m.Causation}
		if got, ok := must2(w.tables.EventAt(ctx, record.Position)); !ok || got != want {
			t.Errorf("at %d: %+v, want %+v", record.Position, got, want)
		}
		if got, ok := must2(w.tables.EventByID(ctx, strings.ToUpper(record.ID))); !ok || got != want {
			t.Errorf("%s: %+v, want %+v", record.ID, got, want)
		}
	}
	for _, id := range []string{"", "none", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "'; drop table events; --"} {
		if got, ok := must2(w.tables.EventByID(ctx, id)); ok {
			t.Errorf("%q found %+v", id, got)
		}
	}
	if _, ok := must2(w.tables.EventAt(ctx, 1)); ok {
		t.Error("an event where none is")
	}
	if id, ok := must2(w.tables.OrderByNumber(ctx, domain.OrderNumber{Year: w.now.Year(), Sequence: 1})); !ok || id != domain.OrderIDOf("c-1", "s-1") {
		t.Errorf("the first order of the year is %q", id)
	}
	if id, ok := must2(w.tables.OrderByNumber(ctx, domain.OrderNumber{Year: 2099, Sequence: 1})); ok {
		t.Errorf("a number that nobody has is that of %q", id)
	}
}

// TestSubjectsAreIdentitiesAlone fills every kind of event: what is personal is not indexed, every identity is.
func TestSubjectsAreIdentitiesAlone(t *testing.T) {
	found := map[string]bool{}
	for _, kind := range domain.Kinds {
		event := reflect.New(kind.Type).Elem()
		stamp(event, "identity", kind.Name)
		for _, subject := range SubjectsOf(domain.Record{Proposed: domain.Proposed{Event: event.Interface(), Metadata: domain.Metadata{OnBehalfOf: "identity"}}}) {
			if !strings.HasSuffix(string(subject), "/identity") {
				t.Errorf("%s is indexed by %q", kind.Name, subject)
			}
			found[string(subject)] = true
		}
	}
	if len(found) != len(subjectKinds) {
		t.Errorf("found %v, want one of each of %v", found, subjectKinds)
	}
}

// stamp writes a text into every field of an event, another one where personal data are.
func stamp(value reflect.Value, text, kind string) {
	switch value.Kind() {
	case reflect.String:
		value.SetString(text)
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		stamp(value.Index(0), text, kind)
	case reflect.Struct:
		for i := range value.NumField() {
			field, inside := value.Type().Field(i), text
			if tag := field.Tag.Get("personal"); tag == "legal" || tag == "contact" {
				inside = fmt.Sprintf("personal %s %s", kind, field.Name)
			}
			if field.IsExported() {
				stamp(value.Field(i), inside, kind)
			}
		}
	}
}

// TestTypeCodes are numbers that stay in the tables for good.
func TestTypeCodes(t *testing.T) {
	if got := typeCode("OrderSubmitted"); got != 1881591784 {
		t.Errorf("the number of OrderSubmitted is %d", got)
	}
	for _, kind := range domain.Kinds {
		if got := typeNames[typeCode(kind.Name)]; got != kind.Name {
			t.Errorf("%s has the number of %s", kind.Name, got)
		}
	}
}

// TestTheIndexIsMadeAnew starts with the tables of the first portal that had an index: what has the new form is the whole log.
func TestTheIndexIsMadeAnew(t *testing.T) {
	t.Parallel()
	memory := newLog()
	w := &world{t: t, log: memory, memory: memory, url: postgres.FreshURL(t), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	former := fstest.MapFS{}
	for _, name := range must(fs.Glob(Migrations(), "*.sql")) {
		if name < "0073" {
			former[name] = &fstest.MapFile{Data: must(fs.ReadFile(Migrations(), name))}
		}
	}
	before := must(sqlx.Connect("postgres", w.url+w.searchPath("views")))
	defer before.Close()
	if err := postgres.Migrate(ctx, before, "views", former); err != nil {
		t.Fatal(err)
	}
	w.open()
	records, _ := memory.snapshot()
	last := records[len(records)-1]
	before.MustExec(`insert into checkpoints (view, position, event, stream, revision) values ('events', $1, $2, $3, $4)`, int64(last.Position), last.ID, last.Stream, int64(last.Revision))
	w.db = w.schema("views")
	w.live()
	w.settle()
	if got, want := len(must(w.tables.FindEvents(ctx, EventSearch{}, TraceMax))), len(records); got != want {
		t.Errorf("the index has %d events, the log %d", got, want)
	}
}
