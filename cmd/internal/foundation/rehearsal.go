package foundation

import (
	"context"
	"iter"

	"netrom.pl/portal/domain"
)

// Rehearsal is a log on which something is tried before it is done, so that it is done as a whole or not at all. It shows what
// the log has and what was appended to the rehearsal, and writes nothing. For one goroutine.
type Rehearsal struct {
	domain.Log
	appended map[string][]domain.Record // by stream
}

// Rehearse begins one on a log.
func Rehearse(log domain.Log) *Rehearsal {
	return &Rehearsal{Log: log, appended: map[string][]domain.Record{}}
}

// Append is [domain.Log.Append], into the rehearsal. It trusts the expected revision, for nobody else writes here.
func (r *Rehearsal) Append(_ context.Context, stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	for i, event := range events {
		r.appended[stream] = append(r.appended[stream], domain.Record{Proposed: event, Stream: stream, Revision: expected + 1 + domain.Revision(i)})
	}
	return 0, nil
}

// Read is [domain.Log.Read], first from the log and then from the rehearsal.
func (r *Rehearsal) Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		for record, err := range r.Log.Read(ctx, stream, from) {
			if !yield(record, err) || err != nil {
				return
			}
		}
		for _, record := range r.appended[stream] {
			if record.Revision >= from && !yield(record, nil) {
				return
			}
		}
	}
}
