package projections

import (
	"cmp"
	"context"
	"fmt"
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
	Tables:   []string{"events", "event_subjects", "event_days"},
	Concerns: func(domain.Event) bool { return true },
	See:      seeEvents,
	Rest:     250 * time.Millisecond, // auditors are few; at 2000 events a second a transaction has some 500
}

func seeEvents(ctx context.Context, s *Session, page []domain.Record) error {
	text := func(value func(domain.Record) string) any { return column(page, value) }
	_, err := s.change(ctx, `
		insert into events (position, stream, revision, id, type, at, actor, on_behalf_of, correlation, causation)
		select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::text[])`,
		column(page, func(r domain.Record) int64 { return int64(r.Position) }),
		text(func(r domain.Record) string { return r.Stream }),
		column(page, func(r domain.Record) int64 { return int64(r.Revision) }),
		text(func(r domain.Record) string { return r.ID }),
		text(func(r domain.Record) string { return r.Type }),
		text(func(r domain.Record) string { return timestamp(r.Metadata.At) }),
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
	return writeDays(ctx, s, page)
}

func writeSubjects(ctx context.Context, s *Session, page []domain.Record) error {
	type touch struct {
		subject  Subject
		position domain.Position
	}
	var touches []touch
	for _, record := range page {
		for _, subject := range SubjectsOf(record) {
			touches = append(touches, touch{subject, record.Position})
		}
	}
	slices.SortFunc(touches, func(a, b touch) int { // neighbours in the table are written one after the other
		return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.position, b.position))
	})
	_, err := s.change(ctx, `insert into event_subjects (subject, position) select * from unnest($1::text[], $2::bigint[])`,
		column(touches, func(t touch) string { return string(t.subject) }),
		column(touches, func(t touch) int64 { return int64(t.position) }))
	if err != nil {
		return fmt.Errorf("write subjects of events: %w", err)
	}
	return nil
}

func writeDays(ctx context.Context, s *Session, page []domain.Record) error {
	_, err := s.change(ctx, `
		insert into event_days as d (day, first, last)
		select day, min(position), max(position) from unnest($1::date[], $2::bigint[]) as page(day, position) group by day
		on conflict (day) do update set first = least(d.first, excluded.first), last = greatest(d.last, excluded.last)`,
		column(page, func(r domain.Record) string { return r.Metadata.At.UTC().Format(time.DateOnly) }),
		column(page, func(r domain.Record) int64 { return int64(r.Position) }))
	if err != nil {
		return fmt.Errorf("write days of events: %w", err)
	}
	return nil
}

// Subject is something that events touch, such as order/6ba7b810-9dad-11d1-80b4-00c04fd430c8.
type Subject string

// SubjectOf names an order, a customer, a licence, a program, a transfer or a statement by its identity.
func SubjectOf[ID domain.OrderID | domain.CustomerID | domain.LicenceID | domain.ProgramID | domain.TransferID | domain.StatementID](id ID) Subject {
	return Subject(subjectKinds[reflect.TypeFor[ID]()] + "/" + string(id))
}

// subjectKinds are the types of identities by which events are found.
var subjectKinds = map[reflect.Type]string{
	reflect.TypeFor[domain.OrderID](): "order", reflect.TypeFor[domain.CustomerID](): "customer", reflect.TypeFor[domain.LicenceID](): "licence",
	reflect.TypeFor[domain.ProgramID](): "program", reflect.TypeFor[domain.TransferID](): "transfer", reflect.TypeFor[domain.StatementID](): "statement",
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
func IdentityIn[ID domain.OrderID | domain.CustomerID | domain.LicenceID | domain.ProgramID | domain.TransferID | domain.StatementID](subject Subject) (ID, bool) {
	id, ok := strings.CutPrefix(string(subject), string(SubjectOf(ID(""))))
	return ID(id), ok
}
