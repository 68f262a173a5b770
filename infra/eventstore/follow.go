package eventstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/domain"
)

// PageMax is the largest number of records that Follow hands over at once.
const PageMax = 500

// businessEvents keeps the server's own streams, whose names begin with $, out of a subscription.
var businessEvents = &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "^[^$]"}

// A checkpoint of a filtered subscription comes after this many events, wanted or not.
const (
	filterWindow    = 500
	checkpointEvery = 1 // windows
)

// Follow is [domain.Log.Follow]. It returns the context's error when that ends, and see's error as it is. An event
// that cannot be read ends it too, after the records before it were handed over. Pages are shared with other followers
// and must not be changed.
func (s *Store) Follow(ctx context.Context, after domain.Position, see func(page []domain.Record) error) error {
	ctx, cancel := s.open(ctx)
	defer cancel()
	t := tries{store: s, what: fmt.Sprintf("follow the log after %d", after)}
	for live := false; ; {
		var err error
		if turn, ok := s.join(after, live); ok {
			err = turn.hand(ctx, &after, see)
			s.part(turn)
		} else {
			err = s.followOnce(ctx, &after, &t, see, func(end bool) bool {
				live = live || end
				return s.mayJoin(after, live)
			})
		}
		var stopped stoppedBySee
		var over turnOver
		switch {
		case errors.As(err, &stopped):
			return stopped.error
		case errors.As(err, &over):
			return over.error
		case errors.Is(err, errBehind):
			live = false
			continue
		case errors.Is(err, errCaughtUp):
			continue
		}
		if err := t.again(ctx, err); err != nil {
			return err
		}
	}
}

// stoppedBySee carries the error with which the caller of Follow wants to stop.
type stoppedBySee struct{ error }

// errCaughtUp says that a follower has come to where the shared tail can take it over.
var errCaughtUp = errors.New("caught up with the tail")

// arrival is what a subscription brings: an event, a position up to which nothing else is wanted, the end of what the
// log has so far, or its own end.
type arrival struct {
	event      *esdb.RecordedEvent
	checkpoint domain.Position
	end        bool
	err        error
}

// followOnce follows until the subscription breaks or leave, asked after each page, wants to; end tells it that the
// page has come to the end of the log. after moves with what was handed over.
func (s *Store) followOnce(ctx context.Context, after *domain.Position, t *tries, see func([]domain.Record) error, leave func(end bool) bool) error {
	client, err := s.clients.take(ctx)
	if err != nil {
		return err
	}
	from := esdb.AllPosition(esdb.Start{})
	if *after > 0 {
		from = esdb.Position{Commit: uint64(*after), Prepare: uint64(*after)}
	}
	subscription, err := client.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: from, Filter: businessEvents,
		MaxSearchWindow: filterWindow, CheckpointInterval: checkpointEvery})
	if err != nil {
		s.clients.giveBack(client, sound(err))
		return err
	}
	arrivals, received := make(chan arrival, PageMax), make(chan struct{})
	leaving, cancel := context.WithCancel(ctx)
	since := time.Now()
	go func() {
		defer close(received)
		receive(leaving, subscription, arrivals)
	}()
	defer func() {
		cancel()
		subscription.Close()
		<-received
		s.clients.giveBack(client, false)
		if time.Since(since) > pauseMax {
			t.progress()
		}
	}()
	for {
		page, at, end, err := s.page(ctx, arrivals)
		if len(page) > 0 {
			if err := see(page); err != nil {
				return stoppedBySee{err}
			}
		}
		*after = max(*after, at)
		if err != nil {
			return err
		}
		if leave(end) {
			return errCaughtUp
		}
	}
}

// receive passes on what the subscription brings until it breaks or ctx ends.
func receive(ctx context.Context, subscription *esdb.Subscription, arrivals chan<- arrival) {
	for {
		var a arrival
		switch came := subscription.Recv(); {
		case came.EventAppeared != nil:
			a.event = came.EventAppeared.OriginalEvent()
		case came.CheckPointReached != nil && came.CheckPointReached.Commit != math.MaxUint64:
			// Some servers send the largest number when they have considered nothing yet.
			a.checkpoint = domain.Position(came.CheckPointReached.Commit)
		case came.CaughtUp != nil:
			a.end = true
		case came.SubscriptionDropped != nil:
			a.err = fmt.Errorf("the subscription ended: %w", came.SubscriptionDropped.Error)
		default:
			continue
		}
		select {
		case arrivals <- a:
		case <-ctx.Done():
			return
		}
		if a.err != nil {
			return
		}
	}
}

// page waits for something to arrive and takes what else is there. It answers the records, the position that they and
// the checkpoints lead to, whether that was the end of the log, and why nothing more will come, if so.
func (s *Store) page(ctx context.Context, arrivals <-chan arrival) (page []domain.Record, at domain.Position, end bool, err error) {
	var a arrival
	select {
	case a = <-arrivals:
	case <-ctx.Done():
		return nil, 0, false, context.Cause(ctx)
	}
	for {
		switch {
		case a.err != nil:
			return page, at, end, a.err
		case a.event == nil:
			at, end = max(at, a.checkpoint), end || a.end
		default:
			record, err := s.codec.decode(ctx, a.event)
			if err != nil {
				return page, at, end, err
			}
			page, at = append(page, record), max(at, record.Position)
		}
		if len(page) == PageMax {
			return page, at, end, nil
		}
		select {
		case a = <-arrivals:
		default:
			return page, at, end, nil
		}
	}
}
