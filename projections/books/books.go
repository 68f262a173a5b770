// Package books is what accounting reads: double-entry books, open items and reconciliation as the log tells them. It is a pure
// fold without tables. It keeps in memory only what is open, so a long log needs no more of it than a short one; a late
// fact about something closed reads that one stream again.
package books

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"netrom.pl/portal/domain"
)

// Source is the part of [domain.Log] that the books are read from.
type Source interface {
	Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error]
	History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error]
}

// Books are the accounts as of one record of the log. Feed them with every record in the order of the log. For one goroutine.
type Books struct {
	source    Source
	until     domain.Day // leave out what counts after it; empty: nothing
	from, to  domain.Position
	at        time.Time // of the latest record by the portals' clocks
	closings  []closing
	periods   map[string]*period // open months
	last      map[int]int        // number given by year
	turnovers map[Account]Turnover
	orders    map[domain.OrderID]*order                     // open ones
	seen      *order                                        // last
	transfers map[domain.TransferID]*transfer               // open ones
	reversals map[domain.TransferID]domain.ReversalReceived // whose transfers are not known
	check     check
}

// New opens books that leave out what counts after a day; an empty one stands for no limit.
func New(source Source, until domain.Day) *Books {
	return &Books{source: source, until: until, periods: map[string]*period{}, last: map[int]int{}, turnovers: map[Account]Turnover{},
		orders: map[domain.OrderID]*order{}, transfers: map[domain.TransferID]*transfer{}, reversals: map[domain.TransferID]domain.ReversalReceived{}, check: newCheck()}
}

// See takes the next record and gives the entry that it makes in the journal, nil if it moves no money.
func (b *Books) See(ctx context.Context, record domain.Record) (*Entry, error) {
	if b.from == 0 {
		b.from = record.Position
	}
	b.to = record.Position
	if record.Metadata.At.After(b.at) {
		b.at = record.Metadata.At
	}
	b.close(record)
	if err := b.check.see(ctx, b.source, record); err != nil {
		return nil, err
	}
	on, late := b.dayOf(record)
	if b.until != "" && on > b.until {
		return nil, nil
	}
	moved, err := b.move(ctx, record)
	if err != nil {
		return nil, fmt.Errorf("enter %s at position %d: %w", record.Type, record.Position, err)
	}
	if len(moved.postings) == 0 {
		return nil, nil
	}
	return b.enter(record, on, late, moved), nil
}

// movement is what a record does to the accounts.
type movement struct {
	postings []Posting
	document string
	reverses domain.Position
}

func (b *Books) move(ctx context.Context, record domain.Record) (movement, error) {
	if id, ok := strings.CutPrefix(record.Stream, domain.TransferStream("")); ok {
		return b.moveTransfer(ctx, domain.TransferID(id), record)
	}
	if id, ok := strings.CutPrefix(record.Stream, domain.OrderStream("")); ok {
		return b.moveOrder(ctx, domain.OrderID(id), record)
	}
	switch e := record.Event.(type) {
	case domain.ReversalReceived:
		return b.moveReversal(record), nil
	case domain.LicencePaid:
		return movement{}, b.licence(ctx, e.Order, e.Licence, 1, record)
	case domain.LicencePaymentWithdrawn:
		return movement{}, b.licence(ctx, e.Order, e.Licence, -1, record)
	}
	return movement{}, nil
}

func (b *Books) enter(record domain.Record, on, late domain.Day, moved movement) *Entry {
	year := on.Year()
	b.last[year]++
	entry := &Entry{Number: Number{year, b.last[year]}, Position: record.Position, RecordedAt: record.Metadata.At, On: on, LateOf: late,
		Event: record.Type, ID: record.ID, Actor: record.Metadata.Actor, OnBehalfOf: record.Metadata.OnBehalfOf,
		Document: moved.document, Reverses: moved.reverses, Postings: moved.postings}
	b.addToPeriod(entry)
	for _, p := range entry.Postings {
		b.turnovers[p.Account] = b.turnovers[p.Account].plus(p)
	}
	return entry
}

// dayOf is the day on which a record counts: that of its money at the bank, else the Polish day on which it was recorded. What would
// count in a period that was closed before it was recorded counts on the first day after; then late is the day that it would have.
func (b *Books) dayOf(record domain.Record) (on, late domain.Day) {
	on = ownDay(record)
	for _, c := range b.closings {
		if c.Position < record.Position && on <= c.Through {
			late, on = ownDay(record), dayAfter(c.Through)
		}
	}
	return on, late
}

func ownDay(record domain.Record) domain.Day {
	if day := bankDay(record.Event); day != "" {
		return day
	}
	return domain.DayOf(record.Metadata.At)
}

// bankDay is the day of value of money that moves, empty for everything else.
func bankDay(event domain.Event) domain.Day {
	switch e := event.(type) {
	case domain.TransferReceived:
		return e.ValueOn
	case domain.TransferMatched:
		return e.ValueOn
	case domain.TransferReleased:
		return e.ValueOn
	case domain.TransferReversed:
		return e.ValueOn
	case domain.ReversalReceived:
		return e.ValueOn
	case domain.RefundPaid:
		return e.PaidOn
	case domain.PaymentReceived:
		return e.ValueOn
	case domain.PaymentTakenBack:
		return e.ValueOn
	}
	return ""
}

// dayAfter answers no day for what is none.
func dayAfter(day domain.Day) domain.Day {
	t, err := time.Parse(time.DateOnly, string(day))
	if err != nil {
		return ""
	}
	return domain.Day(t.AddDate(0, 0, 1).Format(time.DateOnly))
}

// recall folds what a stream held before a record, as far as it counts in these books.
func (b *Books) recall(ctx context.Context, stream string, before domain.Record, evolve func(domain.Record)) error {
	if before.Stream == stream && before.Revision == 0 {
		return nil
	}
	for record, err := range b.source.Read(ctx, stream, 0) {
		switch {
		case err != nil:
			return fmt.Errorf("read %s again: %w", stream, err)
		case record.Position >= before.Position:
			return nil
		}
		if on, _ := b.dayOf(record); b.until == "" || on <= b.until {
			evolve(record)
		}
	}
	return nil
}
