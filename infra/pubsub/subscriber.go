// Package pubsub carries the log's events through Watermill: one consumer, one message at a time, in the log's order.
package pubsub

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"netrom.pl/portal/domain"
)

// Metadata of a message. The message's UUID is the event's id. It has no payload: the event, which may contain
// personal data, stays in the process, see [RecordOf].
const (
	TypeKey        = "type"
	StreamKey      = "stream"
	RevisionKey    = "revision"
	PositionKey    = "position"
	CorrelationKey = "correlation_id" // as Watermill's middleware.CorrelationID wants it
)

const (
	nackPauseMin = 50 * time.Millisecond // before a refused message comes again; doubles each time
	nackPauseMax = 10 * time.Second
	finishMax    = 5 * time.Second // for the message in hand when the subscription ends
)

// Subscriber is a message.Subscriber over the log. The topic is the name of the consumer, under which its place in
// the log is kept.
//
// The next message comes after Ack of the one before; after Nack the same comes again, after a pause. A message can
// come twice when the process ends between the effect and the checkpoint. Events that say what was set aside
// ([domain.MessagePoisoned]) are not handed out: a poison queue must not feed itself.
type Subscriber struct {
	log         domain.Log
	checkpoints Checkpoints
	concerns    func(domain.Event) bool
	logger      watermill.LoggerAdapter
	finish      time.Duration // finishMax

	mu        sync.Mutex
	closed    bool
	consumers map[string]bool // the subscribed ones
	failed    error
	running   sync.WaitGroup
	closing   chan struct{}
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewSubscriber makes a subscriber that hands out the events that concern its consumers and passes over the others; a
// nil logger is silent.
func NewSubscriber(log domain.Log, checkpoints Checkpoints, concerns func(domain.Event) bool, logger watermill.LoggerAdapter) *Subscriber {
	if logger == nil {
		logger = watermill.NopLogger{}
	}
	return &Subscriber{log: log, checkpoints: checkpoints, concerns: concerns, logger: logger, finish: finishMax,
		consumers: map[string]bool{}, closing: make(chan struct{})}
}

// Subscribe continues after the last acknowledged message of the consumer, which may be subscribed once at a time.
// When ctx ends the message in hand may still be finished, for [finishMax]; its own context ends only then. The
// channel is also closed when the log cannot be read any more, see [Subscriber.Err].
func (s *Subscriber) Subscribe(ctx context.Context, consumer string) (<-chan *message.Message, error) {
	after, err := s.checkpoints.Load(ctx, consumer)
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", consumer, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, fmt.Errorf("subscribe %s: the subscriber was closed", consumer)
	case s.consumers[consumer]:
		return nil, fmt.Errorf("subscribe %s: it is subscribed already", consumer)
	}
	s.consumers[consumer] = true
	d := &delivery{Subscriber: s, consumer: consumer, out: make(chan *message.Message),
		place: keepPlace(s.checkpoints, consumer, after, s.logger)}
	s.running.Go(func() { d.run(ctx, after) })
	return d.out, nil
}

// Close ends all subscriptions, saves where they are, and returns the first error that ended one or kept it from
// saving. Twice is harmless.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.running.Wait()
	return s.Err()
}

// Err tells why a subscription ended by itself: the log could not be read. It is nil as long as none did.
func (s *Subscriber) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *Subscriber) end(consumer string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.consumers, consumer)
	if err != nil && s.failed == nil {
		s.failed = fmt.Errorf("consumer %s: %w", consumer, err)
	}
}

// delivery is one subscription.
type delivery struct {
	*Subscriber
	consumer string
	out      chan *message.Message
	place    *place
}

var errStopped = errors.New("the subscription was ended")

func (d *delivery) run(ctx context.Context, after domain.Position) {
	defer close(d.out)
	following, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-d.closing:
			cancel()
		case <-following.Done():
		}
	}()
	err := d.log.Follow(following, after, func(page []domain.Record) error {
		for _, record := range page {
			_, poison := record.Event.(domain.MessagePoisoned)
			if !poison && d.concerns(record.Event) && !d.deliver(following, record) {
				return errStopped
			}
			d.place.reached(record.Position)
		}
		return nil
	})
	if errors.Is(err, errStopped) || following.Err() != nil {
		err = nil
	} else {
		d.logger.Error("The log cannot be followed any more; the consumer stops", err, watermill.LogFields{"consumer": d.consumer})
	}
	d.end(d.consumer, errors.Join(err, d.place.close()))
}

// deliver hands a record out until it is acknowledged; false means that ctx ended first.
func (d *delivery) deliver(ctx context.Context, record domain.Record) bool {
	for pause := nackPauseMin; ; pause = min(2*pause, nackPauseMax) {
		acked, stopped := d.deliverOnce(ctx, record)
		if acked || stopped {
			return acked
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

func (d *delivery) deliverOnce(ctx context.Context, record domain.Record) (acked, stopped bool) {
	inHand, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	msg := messageOf(inHand, record)
	select {
	case d.out <- msg:
	case <-ctx.Done():
		return false, true
	}
	select {
	case <-msg.Acked():
		return true, false
	case <-msg.Nacked():
		return false, false
	case <-ctx.Done():
	}
	timer := time.NewTimer(d.finish)
	defer timer.Stop()
	select {
	case <-msg.Acked():
		return true, false
	case <-msg.Nacked():
	case <-timer.C:
	}
	return false, true
}

type recordKey struct{}

func messageOf(ctx context.Context, record domain.Record) *message.Message {
	msg := message.NewMessageWithContext(context.WithValue(ctx, recordKey{}, record), record.ID, nil)
	msg.Metadata.Set(TypeKey, record.Type)
	msg.Metadata.Set(StreamKey, record.Stream)
	msg.Metadata.Set(RevisionKey, strconv.FormatInt(int64(record.Revision), 10))
	msg.Metadata.Set(PositionKey, strconv.FormatUint(uint64(record.Position), 10))
	msg.Metadata.Set(CorrelationKey, record.Metadata.Correlation)
	return msg
}

// RecordOf is the event that a message of a [Subscriber] carries; ok is false for messages of other origin.
func RecordOf(msg *message.Message) (record domain.Record, ok bool) {
	record, ok = msg.Context().Value(recordKey{}).(domain.Record)
	return record, ok
}
