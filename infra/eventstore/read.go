package eventstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/domain"
)

// Read is [domain.Log.Read]. A stream that does not exist has no records. After a broken connection it goes on where it was.
func (s *Store) Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		next := max(from, 0)
		start := func(ctx context.Context, client *esdb.Client) (*esdb.ReadStream, error) {
			return client.ReadStream(ctx, stream, esdb.ReadStreamOptions{From: esdb.Revision(uint64(next))}, math.MaxUint64)
		}
		see := func(e *esdb.RecordedEvent) (want, more bool, err error) {
			if domain.Revision(e.EventNumber) != next {
				return false, false, fmt.Errorf("revision %d is missing: the stream was truncated", next)
			}
			next++
			return true, true, nil
		}
		s.read(ctx, reading{"read " + stream, start, see}, yield)
	}
}

// History is [domain.Log.History].
func (s *Store) History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		seen, end := uint64(after), uint64(0)
		start := func(ctx context.Context, client *esdb.Client) (*esdb.ReadStream, error) {
			if end == 0 {
				var err error
				if end, err = head(ctx, client); err != nil {
					return nil, err
				}
			}
			from := esdb.AllPosition(esdb.Start{})
			if seen > 0 {
				from = esdb.Position{Commit: seen, Prepare: seen}
			}
			return client.ReadAll(ctx, esdb.ReadAllOptions{From: from}, math.MaxUint64)
		}
		see := func(e *esdb.RecordedEvent) (want, more bool, err error) {
			at := e.Position.Commit
			want = at > seen && at <= end && !strings.HasPrefix(e.StreamID, "$")
			seen = max(seen, min(at, end))
			return want, at < end, nil
		}
		s.read(ctx, reading{fmt.Sprintf("read the log after %d", after), start, see}, yield)
	}
}

// head is the position of the last event in the log, whatever it is; 0 if there is none.
func head(ctx context.Context, client *esdb.Client) (uint64, error) {
	stream, err := client.ReadAll(ctx, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}}, 1)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	last, err := stream.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return last.OriginalEvent().Position.Commit, nil
}

// reading is what Read and History differ in.
type reading struct {
	what  string
	start func(context.Context, *esdb.Client) (*esdb.ReadStream, error) // from where it has got to
	see   func(*esdb.RecordedEvent) (want, more bool, err error)        // is asked about every event, in order
}

// read yields what is wanted until there is no more. After a broken connection it starts again.
func (s *Store) read(ctx context.Context, r reading, yield func(domain.Record, error) bool) {
	ctx, cancel := s.open(ctx)
	defer cancel()
	t := tries{store: s, what: r.what}
	for {
		err := s.readOnce(ctx, r, &t, yield)
		if err == nil {
			return
		}
		if err := t.again(ctx, err); err != nil {
			yield(domain.Record{}, err)
			return
		}
	}
}

func (s *Store) readOnce(ctx context.Context, r reading, t *tries, yield func(domain.Record, error) bool) error {
	client, err := s.clients.take(ctx)
	if err != nil {
		return err
	}
	var broken error // of the connection
	defer func() { s.clients.giveBack(client, sound(broken)) }()
	stream, broken := r.start(ctx, client)
	if broken != nil {
		return broken
	}
	defer stream.Close()
	for {
		var event *esdb.ResolvedEvent
		event, broken = stream.Recv()
		if ended(broken) {
			broken = nil
			return nil
		}
		if broken != nil {
			return broken
		}
		want, more, err := r.see(event.OriginalEvent())
		if err != nil {
			return unreadable{err}
		}
		if want {
			record, err := s.codec.decode(ctx, event.OriginalEvent())
			if err != nil {
				return err
			}
			if !yield(record, nil) {
				return nil
			}
		}
		if t.progress(); !more {
			return nil
		}
	}
}

// ended tells the regular end of a read, or a stream that does not exist, from a failure.
func ended(err error) bool {
	var client *esdb.Error
	return errors.Is(err, io.EOF) || errors.As(err, &client) && client.Code() == esdb.ErrorCodeResourceNotFound
}
