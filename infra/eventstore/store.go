// Package eventstore is the portal's log in EventStoreDB: [domain.Log] over the official client.
//
// It knows how events are written down (codec.go, seal.go) and hides restarts of the server: work whose outcome is
// unknown is tried again, identically, until its context ends.
package eventstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/domain"
)

// Limits of one append. AppendBytesMax is the default of EventStoreDB's MaxAppendSize; only data counts.
const (
	AppendBytesMax     = 1 << 20
	AppendEventsMax    = 2000
	StreamNameBytesMax = 200
)

// appendMax is how long one try of an append may take before it is repeated; the server itself gives up after 2 s.
const appendMax = 5 * time.Second

// Options of a store.
type Options struct {
	URL    string       // esdb://host:2113?tls=false, or unix:/path/to/socket
	Keys   Keys         // of personal fields; nil: they are read as [Sealed], and writing them is an error
	Rand   io.Reader    // for sealing; nil: crypto/rand
	Logger *slog.Logger // nil: slog.Default
}

// Store is a [domain.Log]. It is safe for concurrent use.
type Store struct {
	clients *clients
	codec   codec
	tail    tail
	logger  *slog.Logger
	ctx     context.Context
	stop    context.CancelCauseFunc
}

var _ domain.Log = (*Store)(nil)

// Open makes a store. It connects at the first use, see [Store.Ping].
func Open(o Options) (*Store, error) {
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	config, address, err := configure(o.URL, o.Logger)
	if err != nil {
		return nil, err
	}
	known, err := newRegistry(domain.Kinds)
	if err != nil {
		return nil, err
	}
	s := &Store{clients: newClients(config, address), codec: codec{known, sealer{o.Keys, o.Rand}}, logger: o.Logger}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	return s, nil
}

// Close ends reading and following with an error, lets appends in flight come to their end, and disconnects. Twice is harmless.
func (s *Store) Close() error {
	s.stop(errClosed)
	s.clients.close()
	return nil
}

// Ping tells whether the server answers. It tries once; the error says what to do.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Head(ctx)
	return err
}

// Head is the position of the last event in the log, whatever it is; 0 if there is none. It tries once, as Ping does.
func (s *Store) Head(ctx context.Context) (domain.Position, error) {
	client, err := s.clients.take(ctx)
	if err != nil {
		return 0, err
	}
	at, err := head(ctx, client)
	s.clients.giveBack(client, sound(err))
	if err != nil {
		return 0, s.clients.unreachable(err)
	}
	return domain.Position(at), nil
}

// open derives a context that also ends when the store is closed.
func (s *Store) open(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	unlink := context.AfterFunc(s.ctx, func() { cancel(errClosed) })
	return ctx, func() { unlink(); cancel(nil) }
}

// Append is [domain.Log.Append]. Ids and bytes are the same in every try, which is why the server recognises a try
// that had already succeeded; it answers that position then, also if others have written since.
// Source: EventStoreDB, IndexWriter.cs (CheckCommit).
func (s *Store) Append(ctx context.Context, stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	what := fmt.Sprintf("append to %s after revision %d", stream, expected)
	data, err := s.encode(ctx, stream, expected, events)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	options := esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}
	if expected != domain.NoStream {
		options.ExpectedRevision = esdb.Revision(uint64(expected))
	}
	t := tries{store: s, what: what}
	for {
		position, err := s.appendOnce(ctx, stream, options, data)
		var refused *esdb.Error
		switch {
		case err == nil:
			return position, nil
		case errors.As(err, &refused) && refused.Code() == esdb.ErrorCodeWrongExpectedVersion:
			return 0, fmt.Errorf("%s: %w", what, domain.ErrConflict)
		}
		err = t.again(ctx, err)
		if err != nil && ctx.Err() != nil {
			return 0, fmt.Errorf("%w; it may have been written", err)
		}
		if err != nil {
			return 0, err
		}
	}
}

func (s *Store) appendOnce(ctx context.Context, stream string, o esdb.AppendToStreamOptions, data []esdb.EventData) (domain.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, appendMax)
	defer cancel()
	return short(ctx, s.clients, func(client *esdb.Client) (domain.Position, error) {
		result, err := client.AppendToStream(ctx, stream, o, data...)
		switch {
		case err != nil:
			return 0, err
		case result.CommitPosition == 0:
			return 0, fmt.Errorf("the server did not say at which position")
		}
		return domain.Position(result.CommitPosition), nil
	})
}

// sound tells whether a client can be used again after err.
func sound(err error) bool { return err == nil || judge(err) == final }

func (s *Store) encode(ctx context.Context, stream string, expected domain.Revision, events []domain.Proposed) ([]esdb.EventData, error) {
	switch {
	case stream == "" || strings.HasPrefix(stream, "$") || len(stream) > StreamNameBytesMax:
		return nil, fmt.Errorf("a stream name has 1 to %d bytes and does not begin with $", StreamNameBytesMax)
	case expected < domain.NoStream:
		return nil, fmt.Errorf("an exact revision is wanted")
	case len(events) == 0 || len(events) > AppendEventsMax:
		return nil, fmt.Errorf("1 to %d events are wanted, not %d", AppendEventsMax, len(events))
	}
	data := make([]esdb.EventData, len(events))
	size := 0
	for i, event := range events {
		var err error
		if data[i], err = s.codec.encode(ctx, event); err != nil {
			return nil, err
		}
		size += len(data[i].Data)
	}
	if size > AppendBytesMax {
		return nil, fmt.Errorf("%d events have %d bytes together, the limit is %d", len(events), size, AppendBytesMax)
	}
	return data, nil
}
