package pubsub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/eventstore/logtest"
	"netrom.pl/portal/infra/node"
	"netrom.pl/portal/infra/postgres"
)

const patience = time.Minute

// openLog gives a log of its own, in memory.
func openLog(t *testing.T) domain.Log {
	t.Helper()
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	n, err := node.Start(t.Context(), node.Options{Listen: "unix:" + filepath.Join(dir, "s")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	store, err := eventstore.Open(eventstore.Options{URL: n.Addr(), Keys: logtest.Keys{}, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// fill appends n events to a new stream and answers their ids.
func fill(t *testing.T, log domain.Log, n int) []string {
	t.Helper()
	proposed := logtest.Propose(logtest.Numbered(n)...)
	if _, err := log.Append(t.Context(), logtest.Stream("order"), domain.NoStream, proposed); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, n)
	for i, p := range proposed {
		ids[i] = p.ID
	}
	return ids
}

func newSubscriber(t *testing.T, log domain.Log, checkpoints Checkpoints) *Subscriber {
	t.Helper()
	s := NewSubscriber(log, checkpoints, everything, watermill.NewSlogLogger(slog.New(slog.NewTextHandler(t.Output(), nil))))
	t.Cleanup(func() { s.Close() })
	return s
}

func subscribe(t *testing.T, s *Subscriber, consumer string) <-chan *message.Message {
	t.Helper()
	messages, err := s.Subscribe(t.Context(), consumer)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func next(t *testing.T, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case msg, ok := <-messages:
		if !ok {
			t.Fatal("the channel was closed")
		}
		return msg
	case <-time.After(patience):
		t.Fatal("no message came")
	}
	return nil
}

func closed(t *testing.T, messages <-chan *message.Message) {
	t.Helper()
	select {
	case msg, ok := <-messages:
		if ok {
			t.Fatalf("message %s came instead of the end", msg.UUID)
		}
	case <-time.After(patience):
		t.Fatal("the channel was not closed")
	}
}

func TestMessage(t *testing.T) {
	log := openLog(t)
	ids := fill(t, log, 2)
	messages := subscribe(t, newSubscriber(t, log, &MemoryCheckpoints{}), "letters")
	next(t, messages).Ack()
	msg := next(t, messages)
	record, ok := RecordOf(msg)
	if !ok || record.ID != ids[1] || record.Event != (domain.OrderCancelled{Order: "1"}) {
		t.Errorf("the message carries %+v", record)
	}
	want := message.Metadata{"type": "OrderCancelled", "stream": record.Stream, "revision": "1",
		"position": fmt.Sprint(record.Position), middleware.CorrelationIDMetadataKey: "request-1"}
	if msg.UUID != ids[1] || fmt.Sprint(msg.Metadata) != fmt.Sprint(want) || len(msg.Payload) != 0 {
		t.Errorf("message %s, %v, %d bytes", msg.UUID, msg.Metadata, len(msg.Payload))
	}
	msg.Ack()
	if <-msg.Context().Done(); t.Failed() {
		return
	}
	if _, ok := RecordOf(message.NewMessage("1", nil)); ok {
		t.Error("a message from elsewhere carries a record")
	}
}

func TestNackRepeatsAndKeepsOrder(t *testing.T) {
	log := openLog(t)
	ids := fill(t, log, 20)
	messages := subscribe(t, newSubscriber(t, log, &MemoryCheckpoints{}), "letters")
	for i, id := range ids {
		for range i % 3 {
			if msg := next(t, messages); msg.UUID != id {
				t.Fatalf("message %s came before %s was acknowledged", msg.UUID, id)
			} else {
				msg.Nack()
			}
		}
		msg := next(t, messages)
		select {
		case early := <-messages:
			t.Fatalf("message %s came while %s was in hand", early.UUID, id)
		case <-time.After(time.Millisecond):
		}
		if msg.UUID != id {
			t.Fatalf("message %s came instead of %s", msg.UUID, id)
		}
		msg.Ack()
	}
}

func TestGoesOnWhereItWas(t *testing.T) {
	log, checkpoints := openLog(t), &MemoryCheckpoints{}
	ids := fill(t, log, 30)
	for from := 0; from < 30; from += 10 {
		s := newSubscriber(t, log, checkpoints)
		messages := subscribe(t, s, "letters")
		for _, id := range ids[from : from+10] {
			msg := next(t, messages)
			if msg.UUID != id {
				t.Fatalf("message %s came instead of %s", msg.UUID, id)
			}
			msg.Ack()
		}
		if from == 10 { // what is not acknowledged comes again
			next(t, messages).Nack()
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		closed(t, messages)
	}
	other := subscribe(t, newSubscriber(t, log, checkpoints), "another consumer")
	msg := next(t, other)
	if msg.UUID != ids[0] {
		t.Errorf("another consumer starts at %s", msg.UUID)
	}
	msg.Ack()
}

func TestSubscribeRefuses(t *testing.T) {
	log := openLog(t)
	s := newSubscriber(t, log, &MemoryCheckpoints{})
	ctx, cancel := context.WithCancel(t.Context())
	messages, err := s.Subscribe(ctx, "letters")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Subscribe(t.Context(), "letters"); err == nil {
		t.Error("a consumer was subscribed twice")
	}
	cancel()
	closed(t, messages)
	again := subscribe(t, s, "letters")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	closed(t, again)
	if _, err := s.Subscribe(t.Context(), "letters"); err == nil {
		t.Error("a closed subscriber was subscribed")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestCloseLetsTheMessageInHandFinish(t *testing.T) {
	log, checkpoints := openLog(t), &MemoryCheckpoints{}
	fill(t, log, 3)
	s := newSubscriber(t, log, checkpoints)
	msg := next(t, subscribe(t, s, "letters"))
	ended := make(chan error)
	go func() { ended <- s.Close() }()
	select {
	case <-ended:
		t.Fatal("Close did not wait for the message in hand")
	case <-msg.Context().Done():
		t.Fatal("Close ended the context of the message in hand")
	case <-time.After(20 * time.Millisecond):
	}
	record, _ := RecordOf(msg)
	msg.Ack()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if at, _ := checkpoints.Load(t.Context(), "letters"); at != record.Position {
		t.Errorf("the checkpoint is %d, the message was at %d", at, record.Position)
	}

	s = newSubscriber(t, log, checkpoints)
	s.finish = 20 * time.Millisecond
	stuck := next(t, subscribe(t, s, "letters"))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if stuck.Context().Err() == nil {
		t.Error("the context of a stuck message goes on after Close")
	}
	if at, _ := checkpoints.Load(t.Context(), "letters"); at != record.Position {
		t.Errorf("the checkpoint moved to %d past a stuck message", at)
	}
}

// unreadable is a log that breaks.
type unreadable struct{ domain.Log }

var errUnreadable = errors.New("position 7 cannot be read")

func (unreadable) Follow(context.Context, domain.Position, func([]domain.Record) error) error {
	return errUnreadable
}

func TestUnreadableLogIsTold(t *testing.T) {
	s := newSubscriber(t, unreadable{}, &MemoryCheckpoints{})
	closed(t, subscribe(t, s, "letters"))
	if err := s.Close(); !errors.Is(err, errUnreadable) || !errors.Is(s.Err(), errUnreadable) {
		t.Errorf("Close says %v, Err says %v", err, s.Err())
	}
}

// counted are checkpoints that count saves and can fail.
type counted struct {
	MemoryCheckpoints
	saves atomic.Int64
	err   error
}

func (c *counted) Save(ctx context.Context, consumer string, position domain.Position) error {
	c.saves.Add(1)
	return errors.Join(c.err, c.MemoryCheckpoints.Save(ctx, consumer, position))
}

func TestCheckpointsAreSavedNowAndThen(t *testing.T) {
	log, checkpoints := openLog(t), &counted{}
	fill(t, log, 1000)
	s := newSubscriber(t, log, checkpoints)
	messages := subscribe(t, s, "letters")
	var last domain.Record
	for range 1000 {
		msg := next(t, messages)
		last, _ = RecordOf(msg)
		msg.Ack()
	}
	// Without another message and without Close, the last one is saved soon.
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if at, _ := checkpoints.Load(t.Context(), "letters"); at == last.Position {
			break
		}
		if time.Since(start) > patience {
			t.Fatal("the last checkpoint was not saved")
		}
	}
	if n := checkpoints.saves.Load(); n > 100 {
		t.Errorf("%d checkpoints were saved for 1000 messages", n)
	}

	failing := &counted{err: errors.New("database is away")}
	s = newSubscriber(t, log, failing)
	next(t, subscribe(t, s, "letters")).Ack()
	if err := s.Close(); !errors.Is(err, failing.err) {
		t.Errorf("Close says %v", err)
	}
}

// The wiring that the portal uses: panics become errors, errors are tried again, and what still fails is set aside.
func TestRouter(t *testing.T) {
	log, checkpoints := openLog(t), &MemoryCheckpoints{}
	logger := watermill.NewSlogLogger(slog.New(slog.NewTextHandler(t.Output(), nil)))
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: patience}, logger)
	if err != nil {
		t.Fatal(err)
	}
	poison, err := middleware.PoisonQueue(NewPublisher(log, func() time.Time { return time.Unix(0, 0) }), "poison-letters")
	if err != nil {
		t.Fatal(err)
	}
	router.AddMiddleware(poison, middleware.Retry{MaxRetries: 2, InitialInterval: time.Millisecond}.Middleware, middleware.Recoverer)

	ids := fill(t, log, 10)
	var mu sync.Mutex
	var handled []string
	tries := map[string]int{}
	done := make(chan struct{})
	router.AddConsumerHandler("letters", "letters", newSubscriber(t, log, checkpoints), func(msg *message.Message) error {
		mu.Lock()
		defer mu.Unlock()
		tries[msg.UUID]++
		switch {
		case msg.UUID == ids[3]:
			return errors.New("no such template")
		case msg.UUID == ids[5]:
			panic("nil letter")
		case msg.UUID == ids[7] && tries[msg.UUID] < 3:
			return errors.New("busy")
		}
		if handled = append(handled, msg.UUID); msg.UUID == ids[9] {
			close(done)
		}
		return nil
	})
	ran := make(chan error, 1)
	go func() { ran <- router.Run(t.Context()) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the last message was not handled")
	}
	more := fill(t, log, 1) // comes after the events about poisoned ones
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		mu.Lock()
		last := handled[len(handled)-1]
		mu.Unlock()
		if last == more[0] {
			break
		}
		if time.Since(start) > patience {
			t.Fatal("nothing is handled after a poisoned message")
		}
	}
	start := time.Now()
	if err := router.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("closing took %v", took)
	}

	want := slices.Concat(ids[:3], ids[4:5], ids[6:], more)
	if !slices.Equal(handled, want) {
		t.Errorf("handled %v\nwanted  %v", handled, want)
	}
	for _, id := range []string{ids[3], ids[5], ids[7]} {
		if tries[id] != 3 {
			t.Errorf("message %s was tried %d times", id, tries[id])
		}
	}
	set := logtest.Collect(t, log.Read(t.Context(), "poison-letters", 0))
	if len(set) != 2 {
		t.Fatalf("%d messages were set aside", len(set))
	}
	for i, says := range []string{"no such template", "nil letter"} {
		e := set[i].Event.(domain.MessagePoisoned)
		if e.Consumer != "letters" || e.Event != ids[3+2*i] || !strings.Contains(e.Reason, says) || e.Position == 0 || e.Type != "OrderCancelled" {
			t.Errorf("set aside: %+v", e)
		}
		if m := set[i].Metadata; m.Causation != e.Event || m.Correlation != "request-1" || m.Actor != "system:letters" {
			t.Errorf("set aside with %+v", m)
		}
	}
	if at, _ := checkpoints.Load(t.Context(), "letters"); at <= set[1].Position {
		t.Errorf("the checkpoint %d is not after the poisoned messages", at)
	}
}

func TestPublisher(t *testing.T) {
	log := openLog(t)
	fill(t, log, 1)
	publisher := NewPublisher(log, time.Now)
	if err := publisher.Publish("poison-letters", message.NewMessage("1", nil)); err == nil {
		t.Error("a message without an event was published")
	}
	msg := next(t, subscribe(t, newSubscriber(t, log, &MemoryCheckpoints{}), "letters"))
	for _, consumer := range []string{"letters", "letters", "webhooks"} {
		msg.Metadata.Set(middleware.PoisonedTopicKey, consumer)
		msg.Metadata.Set(middleware.ReasonForPoisonedKey, strings.Repeat("ą", domain.ReasonMax))
		if err := publisher.Publish("poison-letters", msg); err != nil {
			t.Fatal(err)
		}
	}
	msg.Ack()
	set := logtest.Collect(t, log.Read(t.Context(), "poison-letters", 0))
	if len(set) != 2 {
		t.Errorf("two consumers set a message aside, one of them twice: %d events", len(set))
	}
	if n := len(set[0].Event.(domain.MessagePoisoned).Reason); n > domain.ReasonMax {
		t.Errorf("the reason has %d bytes", n)
	}
	if err := publisher.Close(); err != nil {
		t.Error(err)
	}
}

func TestPostgresCheckpoints(t *testing.T) {
	db := postgres.Fresh(t)
	ctx := t.Context()
	for range 2 { // a second opening changes nothing
		checkpoints, err := OpenCheckpoints(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for position := domain.Position(1); position <= 20; position++ {
			wait.Go(func() {
				if err := checkpoints.Save(ctx, "letters", position); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if err := checkpoints.Save(ctx, "letters", 3); err != nil {
			t.Error(err)
		}
		for consumer, want := range map[string]domain.Position{"letters": 20, "webhooks": 0} {
			if at, err := checkpoints.Load(ctx, consumer); at != want || err != nil {
				t.Errorf("%s is at %d, %v; wanted %d", consumer, at, err, want)
			}
		}
	}
	checkpoints := &PostgresCheckpoints{db}
	if err := checkpoints.Save(ctx, "", 1); err == nil {
		t.Error("a consumer without a name was saved")
	}
	db.Close()
	if _, err := checkpoints.Load(ctx, "letters"); err == nil {
		t.Error("a closed database answered")
	}
}

func everything(domain.Event) bool { return true }

// What does not concern a consumer is passed over, and its place in the log moves on all the same.
func TestPassesOverWhatDoesNotConcern(t *testing.T) {
	log, checkpoints := openLog(t), &MemoryCheckpoints{}
	stream := logtest.Stream("order")
	last, err := log.Append(t.Context(), stream, domain.NoStream, logtest.Propose(domain.OrderCancelled{Order: "o-1"}, domain.LicencesReleased{Order: "o-1"}, domain.OrderCancelled{Order: "o-2"}, domain.LicencesReleased{Order: "o-2"}))
	if err != nil {
		t.Fatal(err)
	}
	s := NewSubscriber(log, checkpoints, func(e domain.Event) bool { _, ok := e.(domain.OrderCancelled); return ok }, nil)
	messages, err := s.Subscribe(t.Context(), "picky")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		message := <-messages
		if message.Metadata.Get(TypeKey) != "OrderCancelled" {
			t.Errorf("handed out %s", message.Metadata.Get(TypeKey))
		}
		message.Ack()
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		at, err := checkpoints.Load(t.Context(), "picky")
		if err != nil || at > last || time.Now().After(deadline) {
			t.Fatalf("the place is %d, the last event at %d: %v", at, last, err)
		}
		if at == last {
			break
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
