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
// that cannot be read ends it too, after the records before it were handed over.
func (s *Store) Follow(ctx context.Context, after domain.Position, see func(page []domain.Record) error) error {
	ctx, cancel := s.open(ctx)
	defer cancel()
	t := tries{store: s, what: fmt.Sprintf("follow the log after %d", after)}
	for {
		err := s.followOnce(ctx, &after, &t, see)
		var stopped stoppedBySee
		if errors.As(err, &stopped) {
			return stopped.error
		}
		if err := t.again(ctx, err); err != nil {
			return err
		}
	}
}

// stoppedBySee carries the error with which the caller of Follow wants to stop.
type stoppedBySee struct{ error }

// arrival is what a subscription brings: an event, a position up to which nothing else is wanted, or its end.
type arrival struct {
	event      *esdb.RecordedEvent
	checkpoint domain.Position
	err        error
}

// followOnce follows until the subscription breaks; after moves with what was handed over.
func (s *Store) followOnce(ctx context.Context, after *domain.Position, t *tries, see func([]domain.Record) error) error {
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
	leaving, leave := context.WithCancel(ctx)
	since := time.Now()
	go func() {
		defer close(received)
		receive(leaving, subscription, arrivals)
	}()
	defer func() {
		leave()
		subscription.Close()
		<-received
		s.clients.giveBack(client, false)
		if time.Since(since) > pauseMax {
			t.progress()
		}
	}()
	for {
		page, at, err := s.page(ctx, arrivals)
		if len(page) > 0 {
			if err := see(page); err != nil {
				return stoppedBySee{err}
			}
		}
		*after = max(*after, at)
		if err != nil {
			return err
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
// the checkpoints lead to, and why nothing more will come, if so.
func (s *Store) page(ctx context.Context, arrivals <-chan arrival) (page []domain.Record, at domain.Position, err error) {
	var a arrival
	select {
	case a = <-arrivals:
	case <-ctx.Done():
		return nil, 0, context.Cause(ctx)
	}
	for {
		switch {
		case a.err != nil:
			return page, at, a.err
		case a.event == nil:
			at = max(at, a.checkpoint)
		default:
			record, err := s.codec.decode(ctx, a.event)
			if err != nil {
				return page, at, err
			}
			page, at = append(page, record), max(at, record.Position)
		}
		if len(page) == PageMax {
			return page, at, nil
		}
		select {
		case a = <-arrivals:
		default:
			return page, at, nil
		}
	}
}
