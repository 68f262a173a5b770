package projections

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"netrom.pl/portal/domain"
)

// Trace is what led to what: a pure fold of some records, without tables.
type Trace struct {
	Roots    []TraceBranch // requests and runs, and events whose cause is not among the records, in the order of the log
	Steps    []TraceStep   // all events, in the order of the log
	Releases []Release
}

// TraceBranch is a chain in which each step caused the one after it; the last one caused all the forks.
type TraceBranch struct {
	Steps []TraceStep
	Forks []TraceBranch
}

// TraceStep is a request or run, or an event with its cause.
type TraceStep struct {
	Root    bool   // a request or run, and no event
	Request string // its id then
	Actor   string
	domain.Record
	Cause domain.Position // 0: a request, or an event that is not among the records
	Gap   time.Duration   // since the cause, or since the first event of the request; by the portal's clock, which may step back
}

// TraceOf puts records in order. They may come in any order, and several times.
func TraceOf(records []domain.Record) Trace {
	records = slices.Clone(records)
	slices.SortFunc(records, func(a, b domain.Record) int { return cmp.Compare(a.Position, b.Position) })
	records = slices.CompactFunc(records, func(a, b domain.Record) bool { return a.Position == b.Position })
	t := tracing{byID: map[string]domain.Record{}, caused: map[string][]domain.Record{}}
	for _, record := range records {
		t.byID[record.ID] = record
	}
	var roots []string // causes that are no events, each once
	for _, record := range records {
		cause := record.Metadata.Causation
		if earlier, known := t.byID[cause]; !known || earlier.Position >= record.Position {
			cause = "request " + cause // apart from the id of an event that comes later, which only a forger writes
			if t.caused[cause] == nil {
				roots = append(roots, cause)
			}
		}
		t.caused[cause] = append(t.caused[cause], record)
	}
	trace := Trace{Releases: releasesAmong(records)}
	for _, root := range roots {
		trace.Roots = append(trace.Roots, t.request(root))
	}
	for _, record := range records {
		trace.Steps = append(trace.Steps, t.step(record))
	}
	return trace
}

type tracing struct {
	byID   map[string]domain.Record
	caused map[string][]domain.Record // by the id of the cause
}

func (t tracing) request(key string) TraceBranch {
	first := t.caused[key][0]
	root := TraceStep{Root: true, Request: cmp.Or(first.Metadata.Causation, first.Metadata.Correlation), Actor: first.Metadata.Actor, Record: domain.Record{Proposed: domain.Proposed{Metadata: first.Metadata}}}
	return t.branch(root, t.caused[key])
}

// branch follows a chain as long as each step caused one event.
func (t tracing) branch(first TraceStep, caused []domain.Record) TraceBranch {
	b := TraceBranch{Steps: []TraceStep{first}}
	for len(caused) == 1 {
		b.Steps = append(b.Steps, t.step(caused[0]))
		caused = t.caused[caused[0].ID]
	}
	for _, record := range caused {
		b.Forks = append(b.Forks, t.branch(t.step(record), t.caused[record.ID]))
	}
	return b
}

func (t tracing) step(record domain.Record) TraceStep {
	s := TraceStep{Actor: record.Metadata.Actor, Record: record}
	if cause, known := t.byID[record.Metadata.Causation]; known && cause.Position < record.Position {
		s.Cause, s.Gap = cause.Position, record.Metadata.At.Sub(cause.Metadata.At)
	} else {
		s.Gap = record.Metadata.At.Sub(t.caused["request "+record.Metadata.Causation][0].Metadata.At)
	}
	return s
}

// Release is the chain from money to one activation file. Source: R13, R14.
type Release struct {
	Order     domain.OrderID
	Line      int
	File      domain.Record   // ActivationFileIssued
	Payment   domain.Record   // which the file names; without a position: it is not among the records of the order
	Transfer  domain.Record   // TransferReceived, if it is among the records
	Match     domain.Record   // TransferMatched, likewise
	Statement domain.Record   // StatementImported, likewise
	Sent      []domain.Record // ActivationFileSent
	Paid      bool            // that payment completed the money, and the order still counted as paid when the file was issued
}

// Holds tells whether the file was released by a payment: it names one of its order that came before it and completed the money.
func (r Release) Holds() bool {
	return r.Payment.Position > 0 && r.Payment.Position < r.File.Position && r.Paid
}

func releasesAmong(records []domain.Record) []Release {
	var releases []Release
	for _, record := range records {
		if issued, ok := record.Event.(domain.ActivationFileIssued); ok {
			releases = append(releases, releaseOf(record, issued, records))
		}
	}
	return releases
}

// releaseOf folds the order up to its file, and notes what made it count as paid.
func releaseOf(file domain.Record, issued domain.ActivationFileIssued, records []domain.Record) Release {
	r := Release{Order: issued.Order, Line: issued.Line, File: file}
	var order domain.Order
	completed := false // by the event that the file names
	for _, record := range records {
		if record.Stream != domain.OrderStream(issued.Order) {
			continue
		}
		if sent, ok := record.Event.(domain.ActivationFileSent); ok && sent.Line == issued.Line {
			r.Sent = append(r.Sent, record)
		}
		if record.ID == issued.Payment {
			r.Payment = record
		}
		if record.Position >= file.Position {
			continue
		}
		before := order.Paid()
		order.Evolve(record.Event)
		completed = completed || record.ID == issued.Payment && order.Paid() && !before
	}
	r.Paid = completed && order.Paid()
	r.findMoney(records)
	return r
}

// findMoney finds what the bank said of the payment.
func (r *Release) findMoney(records []domain.Record) {
	payment, ok := r.Payment.Event.(domain.PaymentReceived)
	if !ok {
		return
	}
	for _, record := range records {
		switch e := record.Event.(type) {
		case domain.TransferReceived:
			if e.Transfer == payment.Transfer {
				r.Transfer = record
			}
		case domain.TransferMatched:
			if e.Transfer == payment.Transfer {
				r.Match = record
			}
		case domain.StatementImported:
			if slices.Contains(e.Transfers, payment.Transfer) {
				r.Statement = record
			}
		}
	}
}

// TraceMax is how many events are gathered for one trace: an order of the largest cart has some two thousand.
const TraceMax = 5000

// LogSearch answers the records that a search lets through, at most TraceMax+1; Newest and After are not asked for.
type LogSearch func(EventSearch) ([]domain.Record, error)

// GatherTrace collects what belongs to an order, if that is what the search is about, or else just what it lets through: the
// order's own events, those of the transfers that paid it, and the causes of all of these up to their requests. byID finds one
// event, ok is false when there is none. cut tells that there were more than TraceMax.
func GatherTrace(search EventSearch, find LogSearch, byID func(id string) (record domain.Record, ok bool, err error)) (records []domain.Record, cut bool, err error) {
	search.Inspections = true
	found, err := find(search)
	if err != nil {
		return nil, false, err
	}
	known := map[string]bool{}
	add := func(more []domain.Record) {
		for _, record := range more {
			if !known[record.ID] {
				known[record.ID] = true
				records = append(records, record)
			}
		}
	}
	add(found)
	for _, record := range found {
		payment, ok := record.Event.(domain.PaymentReceived)
		if !ok || len(search.Subjects) == 0 {
			continue
		}
		more, err := find(EventSearch{Subjects: []Subject{SubjectOf(payment.Transfer)}})
		if err != nil {
			return nil, false, err
		}
		add(more)
	}
	for i := 0; i < len(records) && len(records) <= TraceMax; i++ { // grows as causes are found
		m := records[i].Metadata
		if known[m.Causation] || m.Causation == "" || m.Causation == m.Correlation {
			continue
		}
		cause, ok, err := byID(m.Causation)
		if err != nil {
			return nil, false, fmt.Errorf("find the cause of event %d: %w", records[i].Position, err)
		}
		if known[m.Causation] = true; ok {
			records = append(records, cause)
		}
	}
	if len(records) > TraceMax {
		return records[:TraceMax], true, nil
	}
	return records, false, nil
}

// ReadBy names the views that see an event.
func ReadBy(event domain.Event) []string {
	var names []string
	for _, view := range All() {
		if view.Name != events.Name && view.Concerns(event) {
			names = append(names, view.Name)
		}
	}
	return names
}
