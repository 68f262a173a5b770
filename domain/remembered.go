package domain

import (
	"context"
	"iter"
	"slices"
	"sync"
)

// Remembered is a log for one piece of work that is rehearsed and then done: it reads each stream once, and again only after it was appended to. What
// others append meanwhile shows as a conflict, after which the stream is read again; a decision that appends nothing may rest on what was read
// before. Safe for concurrent use.
type Remembered struct {
	Log
	mu      sync.Mutex
	streams map[string][]Record
	max     int
}

// Remember begins with nothing; streamsMax bounds how many streams are remembered, the others are read each time.
func Remember(log Log, streamsMax int) *Remembered {
	return &Remembered{Log: log, streams: map[string][]Record{}, max: streamsMax}
}

// Read is [Log.Read].
func (r *Remembered) Read(ctx context.Context, stream string, from Revision) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		records, err := r.records(ctx, stream)
		for _, record := range records {
			if record.Revision >= from && !yield(record, nil) {
				return
			}
		}
		if err != nil {
			yield(Record{}, err)
		}
	}
}

// records of a stream up to its end or, with an error, up to where reading broke off.
func (r *Remembered) records(ctx context.Context, stream string) ([]Record, error) {
	r.mu.Lock()
	records, known := r.streams[stream]
	r.mu.Unlock()
	if known {
		return records, nil
	}
	for record, err := range r.Log.Read(ctx, stream, 0) {
		if err != nil {
			return records, err
		}
		records = append(records, record)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.streams) < r.max {
		r.streams[stream] = slices.Clip(records)
	}
	return records, nil
}

// Append is [Log.Append]. Whatever comes of it, the stream is read again the next time.
func (r *Remembered) Append(ctx context.Context, stream string, expected Revision, events []Proposed) (Position, error) {
	position, err := r.Log.Append(ctx, stream, expected, events)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.streams, stream)
	return position, err
}
