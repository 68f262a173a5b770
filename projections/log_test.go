package projections

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync"

	"netrom.pl/portal/domain"
)

// memoryLog is a domain.Log without a disk. Its positions have gaps, as those of a real log do.
type memoryLog struct {
	mu      sync.Mutex
	records []domain.Record
	heads   map[string]domain.Revision
	grown   chan struct{} // closed at the next append

	pageMax int                                            // 0: 500
	deliver func() func([]domain.Record) [][]domain.Record // for each Follow: what it makes of a page; nil: the page
	broken  error                                          // answered by Follow instead of records
	held    bool                                           // Follow hands over nothing for now
}

func newLog() *memoryLog {
	return &memoryLog{heads: map[string]domain.Revision{}, grown: make(chan struct{})}
}

const positionStep = 7

func (l *memoryLog) Append(_ context.Context, stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	head, ok := l.heads[stream]
	if !ok {
		head = domain.NoStream
	}
	if head != expected {
		for _, record := range l.records {
			if record.Stream == stream && record.ID == events[len(events)-1].ID && record.Revision == expected+domain.Revision(len(events)) {
				return record.Position, nil
			}
		}
		return 0, fmt.Errorf("append to %s at %d: %w", stream, expected, domain.ErrConflict)
	}
	var last domain.Record
	for i, event := range events {
		last = domain.Record{Proposed: event, Type: reflect.TypeOf(event.Event).Name(), Stream: stream, Revision: head + 1 + domain.Revision(i),
			Position: domain.Position(positionStep * (len(l.records) + 1))}
		l.records = append(l.records, last)
	}
	l.heads[stream] = last.Revision
	close(l.grown)
	l.grown = make(chan struct{})
	return last.Position, nil
}

// head is the position of the last event.
func (l *memoryLog) head() domain.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return domain.Position(positionStep * len(l.records))
}

func (l *memoryLog) snapshot() ([]domain.Record, chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records), l.grown
}

func (l *memoryLog) Read(_ context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	return l.yield(func(r domain.Record) bool { return r.Stream == stream && r.Revision >= from })
}

func (l *memoryLog) History(_ context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return l.yield(func(r domain.Record) bool { return r.Position > after })
}

func (l *memoryLog) yield(wanted func(domain.Record) bool) iter.Seq2[domain.Record, error] {
	records, _ := l.snapshot()
	return func(yield func(domain.Record, error) bool) {
		for _, record := range records {
			if wanted(record) && !yield(record, nil) {
				return
			}
		}
	}
}

func (l *memoryLog) Follow(ctx context.Context, after domain.Position, see func([]domain.Record) error) error {
	deliver := func(page []domain.Record) [][]domain.Record { return [][]domain.Record{page} }
	if l.deliver != nil {
		deliver = l.deliver()
	}
	for next := int(after / positionStep); ; {
		records, grown := l.snapshot()
		if l.broken != nil && next == len(records) {
			return l.broken
		}
		if next == len(records) || l.isHeld() {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-grown:
				continue
			}
		}
		page := records[next:min(len(records), next+cmp.Or(l.pageMax, 500))]
		next += len(page)
		for _, page := range deliver(page) {
			if err := see(page); err != nil {
				return err
			}
		}
	}
}

func (l *memoryLog) isHeld() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// hold makes what is appended from here on arrive as one page when let is called.
func (l *memoryLog) hold() (let func()) {
	set := func(held bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.held = held
		close(l.grown)
		l.grown = make(chan struct{})
	}
	set(true)
	return func() { set(false) }
}

// forget cuts the log back to its first events, as an older copy that was restored.
func (l *memoryLog) forget(keep int) *memoryLog {
	records, _ := l.snapshot()
	older := newLog()
	older.records = records[:keep]
	for _, record := range older.records {
		older.heads[record.Stream] = record.Revision
	}
	return older
}
