package projections

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
)

// Size of the log in BenchmarkFindEvents: told chapters of some fifty events, and then the same events again and again under other names.
const (
	benchChapters = 20
	benchEvents   = 200_000
)

// BenchmarkFindEvents measures each kind of search of the log beside what a customer's page of orders asks, in turns: the ratio of
// the medians must stay below 3.
func BenchmarkFindEvents(b *testing.B) {
	w := stand(b)
	w.open()
	for n := range benchChapters {
		w.chapter(n)
	}
	if err := Rebuild(ctx, w.db, w.log, "views"); err != nil {
		b.Fatal(err)
	}
	records, _ := w.memory.snapshot()
	w.repeat(records)
	planned := must(sqlx.Connect("postgres", w.url+w.searchPath("views")+"&plan_cache_mode=force_generic_plan")) // as the portal's tables are read
	defer planned.Close()
	w.tables = must(OpenTables(ctx, planned))
	defer w.tables.Close()
	order, buyer := domain.OrderIDOf("c-7", "s-1"), domain.CustomerID("c-7")
	middle := records[len(records)/2].Metadata
	searches := map[string]EventSearch{
		"all": {}, "newest": {Newest: true}, "stream": {Streams: []string{domain.OrderStream(order)}}, "type": {Type: "PaymentReceived"}, "actor": {Actor: middle.Actor},
		"request": {Correlation: middle.Correlation}, "order": {Subjects: []Subject{SubjectOf(order)}}, "customer": {Subjects: []Subject{SubjectOf(buyer)}},
		"time": {From: middle.At, Until: middle.At.Add(time.Hour)}, "position": {After: records[len(records)/2].Position},
		"customer-type": {Subjects: []Subject{SubjectOf(buyer)}, Type: "PaymentReceived"}, "nothing": {Type: "MessagePoisoned"},
		"actor-type": {Actor: middle.Actor, Type: "PaymentReceived"}, "actor-nothing": {Actor: middle.Actor, Type: "MessagePoisoned"},
		"customer-order": {Subjects: []Subject{SubjectOf(order), SubjectOf(buyer)}}, "stream-type": {Streams: []string{domain.OrderStream(order)}, Type: "PaymentReceived"},
	}
	page := func() { whole(w.tables.Orders(ctx, buyer, Listing{Limit: 100})) }
	for b.Loop() {
		for name, search := range searches {
			var ours, theirs []time.Duration
			for range 100 {
				theirs = append(theirs, timed(page))
				ours = append(ours, timed(func() { must(w.tables.FindEvents(ctx, search, 101)) }))
			}
			b.ReportMetric(float64(middleOf(ours))/float64(middleOf(theirs)), name+"/page")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// repeat indexes records again and again, as of other streams, requests and customers, until there are benchEvents.
func (w *world) repeat(records []domain.Record) {
	w.t.Helper()
	session := must(openSession(ctx, w.db))
	defer session.close()
	for position, round := w.head(), 1; round*len(records) < benchEvents; round++ {
		page := slices.Clone(records)
		for i := range page {
			r := &page[i]
			position += positionStep
			r.Position, r.ID, r.Stream = position, domain.NameID("bench", fmt.Sprint(position)), fmt.Sprintf("%s-%d", r.Stream, round)
			r.Metadata.Correlation = fmt.Sprintf("%s-%d", r.Metadata.Correlation, round)
			r.Metadata.At = r.Metadata.At.Add(time.Duration(round) * time.Hour)
			r.Metadata.OnBehalfOf = fmt.Sprintf("customer-%d", position%1000)
		}
		if err := session.see(ctx, events, page, func(context.Context) error { return nil }); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.db.Exec(`vacuum analyze`); err != nil { // as Postgres does by itself after a while
		w.t.Fatal(err)
	}
}

func timed(do func()) time.Duration {
	began := time.Now()
	do()
	return time.Since(began)
}

func middleOf(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
