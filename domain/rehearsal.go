package domain

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
)

// Rehearsal is a log on which something is tried before it is done, so that it is done as a whole or not at all. It shows what
// the log has and what was appended to the rehearsal, and writes nothing. Safe for concurrent use.
type Rehearsal struct {
	Log
	mu       sync.Mutex
	appended map[string][]Record // by stream
}

// Rehearse begins one on a log.
func Rehearse(log Log) *Rehearsal {
	return &Rehearsal{Log: log, appended: map[string][]Record{}}
}

// Append is [Log.Append], into the rehearsal. It trusts the expected revision, for nobody else writes here.
func (r *Rehearsal) Append(_ context.Context, stream string, expected Revision, events []Proposed) (Position, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, event := range events {
		r.appended[stream] = append(r.appended[stream], Record{Proposed: event, Stream: stream, Revision: expected + 1 + Revision(i)})
	}
	return 0, nil
}

// Read is [Log.Read], first from the log and then from the rehearsal.
func (r *Rehearsal) Read(ctx context.Context, stream string, from Revision) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for record, err := range r.Log.Read(ctx, stream, from) {
			if !yield(record, err) || err != nil {
				return
			}
		}
		r.mu.Lock()
		appended := slices.Clone(r.appended[stream])
		r.mu.Unlock()
		for _, record := range appended {
			if record.Revision >= from && !yield(record, nil) {
				return
			}
		}
	}
}

// History is [Log.History], first from the log and then from the rehearsal, stream by stream.
func (r *Rehearsal) History(ctx context.Context, after Position) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for record, err := range r.Log.History(ctx, after) {
			if !yield(record, err) || err != nil {
				return
			}
		}
		r.mu.Lock()
		var appended []Record
		for _, stream := range slices.Sorted(maps.Keys(r.appended)) {
			appended = append(appended, r.appended[stream]...)
		}
		r.mu.Unlock()
		for _, record := range appended {
			if !yield(record, nil) {
				return
			}
		}
	}
}
