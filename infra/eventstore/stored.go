package eventstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/domain"
)

// StoredEvent is an event as the server keeps it, byte for byte: nothing is decoded, and personal fields stay sealed.
type StoredEvent struct {
	Position  domain.Position
	Stream    string
	Revision  domain.Revision
	ID        [16]byte // UUID
	Type      string
	CreatedAt time.Time // the server's clock, in steps of 100 ns, UTC
	Data      []byte
	Metadata  []byte
}

// ErrNoEvent says that no event is at a position.
var ErrNoEvent = errors.New("no event is at that position")

// Stored yields every business event after a position, in order, up to the end that the log has when it is called. Unlike
// [Store.History] it also yields events that this program cannot read.
func (s *Store) Stored(ctx context.Context, after domain.Position) iter.Seq2[StoredEvent, error] {
	return func(yield func(StoredEvent, error) bool) {
		err := s.read(ctx, history(after), func(_ context.Context, e *esdb.RecordedEvent) (bool, error) {
			stored, err := storedEvent(e)
			return err == nil && yield(stored, nil), err
		})
		if err != nil {
			yield(StoredEvent{}, err)
		}
	}
}

// StoredAt reads the event at a position; ErrNoEvent when there is none.
func (s *Store) StoredAt(ctx context.Context, at domain.Position) (StoredEvent, error) {
	var found StoredEvent
	start := func(ctx context.Context, client *esdb.Client) (*esdb.ReadStream, error) {
		end, err := head(ctx, client)
		if err != nil {
			return nil, err
		}
		if at == 0 || uint64(at) > end {
			return nil, unreadable{ErrNoEvent}
		}
		return client.ReadAll(ctx, esdb.ReadAllOptions{From: esdb.Position{Commit: uint64(at), Prepare: uint64(at)}}, 1)
	}
	see := func(e *esdb.RecordedEvent) (want, more bool, err error) {
		return e.Position.Commit == uint64(at), false, nil
	}
	what := fmt.Sprintf("read the event at %d", at)
	err := s.read(ctx, reading{what, start, see, func(*esdb.RecordedEvent) {}}, func(_ context.Context, e *esdb.RecordedEvent) (bool, error) {
		var err error
		found, err = storedEvent(e)
		return false, err
	})
	if err == nil && found.Position == 0 {
		err = fmt.Errorf("%s: %w", what, ErrNoEvent)
	}
	return found, err
}

// End is the position of the last event in the log, one of the server's own perhaps; 0 if there is none.
func (s *Store) End(ctx context.Context) (domain.Position, error) {
	return short(ctx, s.clients, func(client *esdb.Client) (domain.Position, error) {
		end, err := head(ctx, client)
		return domain.Position(end), err
	})
}

// Last is the position of the last business event after a position, or the position itself if there is none. It reads from the end, and
// so no more than what the server has written for itself since that event.
func (s *Store) Last(ctx context.Context, after domain.Position) (domain.Position, error) {
	start := func(ctx context.Context, client *esdb.Client) (*esdb.ReadStream, error) {
		return client.ReadAll(ctx, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}}, math.MaxUint64)
	}
	see := func(e *esdb.RecordedEvent) (want, more bool, err error) {
		if e.Position.Commit == math.MaxUint64 {
			return false, false, errNoPositions
		}
		more = e.Position.Commit > uint64(after)
		return more && !strings.HasPrefix(e.StreamID, "$"), more, nil
	}
	last := after
	err := s.read(ctx, reading{"find the end of the log", start, see, func(*esdb.RecordedEvent) {}}, func(_ context.Context, e *esdb.RecordedEvent) (bool, error) {
		last = domain.Position(e.Position.Commit)
		return false, nil
	})
	return last, err
}

func storedEvent(e *esdb.RecordedEvent) (StoredEvent, error) {
	if e.Position.Commit == math.MaxUint64 {
		return StoredEvent{}, unreadable{errNoPositions}
	}
	return StoredEvent{Position: domain.Position(e.Position.Commit), Stream: e.StreamID, Revision: domain.Revision(e.EventNumber), ID: e.EventID,
		Type: e.EventType, CreatedAt: e.CreatedDate, Data: e.Data, Metadata: e.UserMetadata}, nil
}
