package projections

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"netrom.pl/portal/domain"
)

// events is the index of the log: it answers where to look, the log itself answers what was written there.
var events = View{
	Name:     "events",
	Tables:   []string{"events", "event_subjects", "event_hours"},
	Concerns: func(domain.Event) bool { return true },
	See:      seeEvents,
	Rest:     250 * time.Millisecond, // auditors are few; at 2000 events a second a transaction has some 500
	parts: []part{
		{kind: "event", read: readEvent, rows: []rowsOf{
			{table: "events", where: "position = $1", id: "position::text"},
			{table: "event_subjects", where: "position = $1 and subject = any($2)", id: "position || '/' || subject"},
		}},
		{kind: "hour", read: readHour, rows: []rowsOf{{table: "event_hours", where: "hour = $1", id: `to_char(hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24":00Z"')`}}},
	},
}

func seeEvents(ctx context.Context, s *Session, page []domain.Record) error {
	text := func(value func(domain.Record) string) any { return column(page, value) }
	_, err := s.change(ctx, `
		insert into events (position, revision, type, at, id, stream, actor, on_behalf_of, correlation, causation)
		select position, revision, type, at, id, stream, actor, on_behalf_of, correlation, nullif(causation, correlation)
		from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::timestamptz[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
			as page (position, revision, type, at, id, stream, actor, on_behalf_of, correlation, causation)`,
		column(page, func(r domain.Record) int64 { return int64(r.Position) }),
		column(page, func(r domain.Record) int64 { return int64(r.Revision) }),
		column(page, func(r domain.Record) int32 { return typeCode(r.Type) }),
		text(func(r domain.Record) string { return timestamp(r.Metadata.At) }),
		text(func(r domain.Record) string { return r.ID }),
		text(func(r domain.Record) string { return r.Stream }),
		text(func(r domain.Record) string { return r.Metadata.Actor }),
		text(func(r domain.Record) string { return r.Metadata.OnBehalfOf }),
		text(func(r domain.Record) string { return r.Metadata.Correlation }),
		text(func(r domain.Record) string { return r.Metadata.Causation }))
	if err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	if err := writeSubjects(ctx, s, page); err != nil {
		return err
	}
	return writeHours(ctx, s, page)
}

// typeCode is the number that stands for an event type in the tables: the same for ever, and no other type's.
// Source: draft-eastlake-fnv-21, FNV-1a of 32 bits.
func typeCode(name string) int32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return int32(h.Sum32())
}

// typeNames leads from the number of an event type to its name.
var typeNames = func() map[int32]string {
	names := map[int32]string{}
	for _, kind := range domain.Kinds {
		names[typeCode(kind.Name)] = kind.Name
	}
	return names
}()

func writeSubjects(ctx context.Context, s *Session, page []domain.Record) error {
	type touch struct {
		key string
		domain.Record
	}
	var touches []touch
	for _, record := range page {
		for _, subject := range SubjectsOf(record) {
			touches = append(touches, touch{subjectKey(subject), record})
		}
	}
	slices.SortFunc(touches, func(a, b touch) int { // neighbours in the index are written one after the other
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.Position, b.Position))
	})
	_, err := s.change(ctx, `insert into event_subjects (subject, position, type) select * from unnest($1::uuid[], $2::bigint[], $3::integer[])`,
		column(touches, func(t touch) string { return t.key }),
		column(touches, func(t touch) int64 { return int64(t.Position) }),
		column(touches, func(t touch) int32 { return typeCode(t.Type) }))
	if err != nil {
		return fmt.Errorf("write subjects of events: %w", err)
	}
	return nil
}

// subjectKey stands for a subject in the tables, where its name would take three times the room.
func subjectKey(subject Subject) string { return domain.NameID("subject", string(subject)) }

// writeHours keeps what event_hours promises of every hour: none after it has an earlier first event, none before it a later last one.
func writeHours(ctx context.Context, s *Session, page []domain.Record) error {
	type hour struct {
		at          string
		first, last domain.Position
	}
	spans := map[string]hour{}
	for _, record := range page { // ascending
		at := timestamp(record.Metadata.At.Truncate(time.Hour))
		span, known := spans[at]
		if !known {
			span = hour{at: at, first: record.Position}
		}
		span.last = record.Position
		spans[at] = span
	}
	hours := slices.SortedFunc(maps.Values(spans), func(a, b hour) int { return cmp.Compare(a.at, b.at) })
	for i := range hours {
		if i > 0 {
			hours[i].last = max(hours[i].last, hours[i-1].last)
		}
		if j := len(hours) - 1 - i; j < len(hours)-1 {
			hours[j].first = min(hours[j].first, hours[j+1].first)
		}
	}
	at := column(hours, func(h hour) string { return h.at })
	last := column(hours, func(h hour) int64 { return int64(h.last) })
	_, err := s.change(ctx, `
		insert into event_hours (hour, first, last)
		select hour, least(first, (select later.first from event_hours later where later.hour > page.hour order by later.hour limit 1)), last
		from unnest($1::timestamptz[], $2::bigint[], $3::bigint[]) as page (hour, first, last)
		on conflict (hour) do nothing`, at, column(hours, func(h hour) int64 { return int64(h.first) }), last)
	if err != nil {
		return fmt.Errorf("write hours of events: %w", err)
	}
	_, err = s.change(ctx, `
		update event_hours h set last = (
			select page.last from unnest($1::timestamptz[], $2::bigint[]) as page (hour, last) where page.hour <= h.hour order by page.hour desc limit 1)
		where h.hour >= $3::timestamptz`, at, last, hours[0].at)
	if err != nil {
		return fmt.Errorf("write hours of events: %w", err)
	}
	return nil
}

// Subject is something that events touch, such as order/6ba7b810-9dad-11d1-80b4-00c04fd430c8.
type Subject string

// SubjectOf names an order, a customer, a licence or a transfer by its identity.
func SubjectOf[ID domain.OrderID | domain.CustomerID | domain.LicenceID | domain.TransferID](id ID) Subject {
	return Subject(subjectKinds[reflect.TypeFor[ID]()] + "/" + string(id))
}

// subjectKinds are the types of identities by which events are found. What happens to a program or a statement stands in its own stream.
var subjectKinds = map[reflect.Type]string{
	reflect.TypeFor[domain.OrderID](): "order", reflect.TypeFor[domain.CustomerID](): "customer", reflect.TypeFor[domain.LicenceID](): "licence",
	reflect.TypeFor[domain.TransferID](): "transfer",
}

// SubjectsOf lists everything that a record touches, each once, ascending: the identities that stand anywhere in its event, and
// the customer on whose behalf it was written.
func SubjectsOf(record domain.Record) []Subject {
	var found []Subject
	if customer := record.Metadata.OnBehalfOf; customer != "" {
		found = append(found, SubjectOf(domain.CustomerID(customer)))
	}
	found = appendSubjects(found, reflect.ValueOf(record.Event))
	slices.Sort(found)
	return slices.Compact(found)
}

func appendSubjects(found []Subject, value reflect.Value) []Subject {
	if !value.IsValid() || !hasSubjects(value.Type()) {
		return found
	}
	if kind, ok := subjectKinds[value.Type()]; ok {
		if value.Len() > 0 {
			found = append(found, Subject(kind+"/"+value.String()))
		}
		return found
	}
	switch value.Kind() {
	case reflect.Struct:
		for i := range value.NumField() {
			found = appendSubjects(found, value.Field(i))
		}
	case reflect.Slice:
		for i := range value.Len() {
			found = appendSubjects(found, value.Index(i))
		}
	case reflect.Pointer:
		found = appendSubjects(found, value.Elem())
	}
	return found
}

// subjectful remembers hasSubjects: events of a type are many, types are few.
var subjectful sync.Map // of reflect.Type: bool

// hasSubjects tells whether values of a type can hold identities.
func hasSubjects(t reflect.Type) bool {
	if known, ok := subjectful.Load(t); ok {
		return known.(bool)
	}
	_, has := subjectKinds[t]
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			has = has || t.Field(i).IsExported() && hasSubjects(t.Field(i).Type)
		}
	case reflect.Slice, reflect.Pointer:
		has = has || hasSubjects(t.Elem())
	}
	subjectful.Store(t, has)
	return has
}

// EventSearch says which events are wanted; empty fields let everything through.
type EventSearch struct {
	Streams     []string // one of which an event must be in
	Type        string
	Actor       string
	Correlation string
	Subjects    []Subject // all of which an event must touch
	From        time.Time // by the portal's clock
	Until       time.Time // no longer wanted from this moment on
	After       domain.Position
	Newest      bool // the newest first; then After is the position before which to go on, 0: from the end
	Inspections bool // looks at the log are wanted, too; they are when the stream or type asks for them
}

// showsInspections tells whether looks at the log are wanted.
func (e EventSearch) showsInspections() bool {
	ofInspections := func(stream string) bool { return strings.HasPrefix(stream, domain.InspectionsStream("")) }
	return e.Inspections || e.Type == inspectedType || slices.ContainsFunc(e.Streams, ofInspections)
}

// Lets tells whether a record is wanted, as the index does. It does not look at Newest and After.
func (e EventSearch) Lets(record domain.Record) bool {
	m := record.Metadata
	if len(e.Streams) > 0 && !slices.Contains(e.Streams, record.Stream) || e.Type != "" && record.Type != e.Type || e.Actor != "" && m.Actor != e.Actor ||
		e.Correlation != "" && m.Correlation != e.Correlation || !e.From.IsZero() && m.At.Before(e.From) || !e.Until.IsZero() && !m.At.Before(e.Until) {
		return false
	}
	if record.Type == inspectedType && !e.showsInspections() {
		return false
	}
	if len(e.Subjects) == 0 {
		return true
	}
	touched := SubjectsOf(record)
	return !slices.ContainsFunc(e.Subjects, func(wanted Subject) bool { return !slices.Contains(touched, wanted) })
}

var inspectedType = reflect.TypeFor[domain.LogInspected]().Name()

// IdentityIn gives the identity that a subject names, if it is of that kind.
func IdentityIn[ID domain.OrderID | domain.CustomerID | domain.LicenceID | domain.TransferID](subject Subject) (ID, bool) {
	id, ok := strings.CutPrefix(string(subject), string(SubjectOf(ID(""))))
	return ID(id), ok
}
