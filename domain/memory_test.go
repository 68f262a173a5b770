package domain

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
)

// memory is a log in a slice: exact revisions, all or none, the same ids at the same revision again are harmless.
type memory struct {
	mu      sync.Mutex
	records []Record
	streams map[string][]Record
	appends int
	reads   map[string]int // by stream

	// before runs ahead of every step, an append or a read, outside the lock.
	before func(step int)
	// outage says what happens to the append with this number, from 1.
	outage func(append int) outage
	steps  int
}

// outage is how an append breaks: not at all, nothing is written, or it is written and the answer is lost.
type outage int

const (
	working outage = iota
	unreachable
	unanswered
)

var errOutage = errors.New("the log is out of reach")

func (m *memory) step() {
	m.mu.Lock()
	m.steps++
	step, before := m.steps, m.before
	m.mu.Unlock()
	if before != nil {
		before(step)
	}
}

func (m *memory) Append(ctx context.Context, stream string, expected Revision, events []Proposed) (Position, error) {
	m.step()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.appends++
	var broken outage
	if m.outage != nil {
		broken = m.outage(m.appends)
	}
	if broken == unreachable {
		return 0, errOutage
	}
	position, err := m.append(stream, expected, events)
	if err == nil && broken == unanswered {
		return 0, errOutage
	}
	return position, err
}

func (m *memory) append(stream string, expected Revision, events []Proposed) (Position, error) {
	own := m.streams[stream]
	if last := Revision(len(own)) - 1; expected != last {
		from := int(expected) + 1
		if from < 0 || from+len(events) > len(own) {
			return 0, ErrConflict
		}
		repeated := own[from : from+len(events)]
		if !slices.EqualFunc(repeated, events, func(r Record, p Proposed) bool { return r.ID == p.ID }) {
			return 0, ErrConflict
		}
		return repeated[len(repeated)-1].Position, nil
	}
	for i, event := range events {
		if taken := slices.ContainsFunc(own, func(r Record) bool { return r.ID == event.ID }); taken {
			return 0, fmt.Errorf("event %s of type %T was in %s already, at another revision", event.ID, event.Event, stream)
		}
		record := Record{Proposed: event, Type: fmt.Sprintf("%T", event.Event), Stream: stream,
			Revision: expected + 1 + Revision(i), Position: Position(len(m.records) + 1)}
		m.records, own = append(m.records, record), append(own, record)
	}
	if m.streams == nil {
		m.streams = map[string][]Record{}
	}
	m.streams[stream] = own
	return Position(len(m.records)), nil
}

func (m *memory) Read(ctx context.Context, stream string, from Revision) iter.Seq2[Record, error] {
	m.step()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reads == nil {
		m.reads = map[string]int{}
	}
	m.reads[stream]++
	own := m.streams[stream]
	return sequence(ctx, own[min(int(from), len(own)):])
}

func (m *memory) History(ctx context.Context, after Position) iter.Seq2[Record, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sequence(ctx, slices.Clone(m.records[min(int(after), len(m.records)):]))
}

func (m *memory) Follow(context.Context, Position, func([]Record) error) error {
	return errors.New("nothing in this package follows a log")
}

func sequence(ctx context.Context, records []Record) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, record := range records {
			if err := ctx.Err(); err != nil {
				yield(Record{}, err)
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

// events of one type that the log holds, in order.
func eventsOf[E any](m *memory) []E {
	m.mu.Lock()
	defer m.mu.Unlock()
	var events []E
	for _, record := range m.records {
		if event, ok := record.Event.(E); ok {
			events = append(events, event)
		}
	}
	return events
}
