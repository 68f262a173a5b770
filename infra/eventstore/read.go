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
			return true, true, nil
		}
		done := func(*esdb.RecordedEvent) { next++ }
		s.readRecords(ctx, reading{"read " + stream, start, see, done}, yield)
	}
}

// History is [domain.Log.History]. It reads and decodes some records ahead of the one that it yields.
func (s *Store) History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		reading, stop := context.WithCancel(ctx)
		pieces := make(chan piece, piecesAhead)
		go func() {
			defer close(pieces)
			s.readAhead(reading, history(after), pieces)
		}()
		defer func() {
			stop()
			for range pieces { // until the reader has given back its client
			}
		}()
		for p := range pieces {
			for _, record := range p.records {
				if !yield(record, nil) {
					return
				}
			}
			if p.err != nil {
				yield(domain.Record{}, p.err)
			}
			if p.last {
				return
			}
		}
		yield(domain.Record{}, fmt.Errorf("read the log after %d: %w", after, context.Cause(ctx))) // the reader had nowhere to put the error
	}
}

// A history is read ahead by at most this much, in pieces; so it stays small whatever the size of the log.
const (
	piecesAhead = 4
	pieceMax    = 64 // records
)

// piece is some records of a history. The last one may have an error behind its records.
type piece struct {
	records []domain.Record
	last    bool
	err     error
}

// readAhead puts what is wanted into pieces, until ctx ends; the last piece is missing then.
func (s *Store) readAhead(ctx context.Context, r reading, pieces chan<- piece) {
	next := piece{}
	put := func() bool {
		select {
		case pieces <- next:
			next = piece{records: make([]domain.Record, 0, pieceMax)}
			return true
		case <-ctx.Done():
			return false
		}
	}
	s.readRecords(ctx, r, func(record domain.Record, err error) bool {
		if err != nil {
			next.err = err
			return false
		}
		next.records = append(next.records, record)
		return len(next.records) < pieceMax || put()
	})
	next.last = true
	put()
}

// history reads every business event after a position, up to the end that the log has at the first try.
func history(after domain.Position) reading {
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
		return at > seen && at <= end && !strings.HasPrefix(e.StreamID, "$"), at < end, nil
	}
	done := func(e *esdb.RecordedEvent) { seen = max(seen, min(e.Position.Commit, end)) }
	return reading{fmt.Sprintf("read the log after %d", after), start, see, done}
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

// reading is what reads of a stream, of the log and of stored events differ in. An event that is wanted is passed on before
// it is done, so that a try which fails in between repeats it.
type reading struct {
	what  string
	start func(context.Context, *esdb.Client) (*esdb.ReadStream, error) // from where it has got to
	see   func(*esdb.RecordedEvent) (want, more bool, err error)        // is asked about every event, in order
	done  func(*esdb.RecordedEvent)                                     // is told of every event that is behind it
}

// readRecords yields what is wanted, decoded.
func (s *Store) readRecords(ctx context.Context, r reading, yield func(domain.Record, error) bool) {
	err := s.read(ctx, r, func(ctx context.Context, e *esdb.RecordedEvent) (bool, error) {
		record, err := s.codec.decode(ctx, e)
		return err == nil && yield(record, nil), err
	})
	if err != nil {
		yield(domain.Record{}, err)
	}
}

// pass takes an event; more tells whether the reader wants another one.
type pass func(context.Context, *esdb.RecordedEvent) (more bool, err error)

// read passes on what is wanted until there is no more. After a broken connection it starts again.
func (s *Store) read(ctx context.Context, r reading, pass pass) error {
	ctx, cancel := s.open(ctx)
	defer cancel()
	t := tries{store: s, what: r.what}
	for {
		err := s.readOnce(ctx, r, &t, pass)
		if err == nil {
			return nil
		}
		if err := t.again(ctx, err); err != nil {
			return err
		}
	}
}

func (s *Store) readOnce(ctx context.Context, r reading, t *tries, pass pass) error {
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
		e := event.OriginalEvent()
		want, more, err := r.see(e)
		if err != nil {
			return unreadable{err}
		}
		if want {
			if wanted, err := pass(ctx, e); err != nil || !wanted {
				return err
			}
		}
		r.done(e)
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
