package node

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// Limits of one BatchAppend call. A write that would exceed them is refused, the call goes on.
const (
	// writeTimeout is the longest a write may take to be complete. Source: EventStore, ClusterVNodeOptions.cs, WriteTimeoutMs.
	writeTimeout = 2 * time.Second
	// maxOpenWrites and maxOpenBytes bound writes begun and not complete.
	maxOpenWrites = 1_024
	maxOpenBytes  = 2 * maxAppendTotalBytes
	// maxUnanswered bounds writes complete and not answered. No more is received meanwhile.
	maxUnanswered = 1_024
)

// BatchAppend takes any number of writes on one call, each spread over any number of messages, and answers each when
// it is durable, in the order in which they were completed. When the client has said everything, writes that are not
// complete run out of time, and the call ends when all are answered.
// Source: EventStore, src/EventStore.Core/Services/Transport/Grpc/Streams.BatchAppend.cs.
func (s *streamsServer) BatchAppend(call streams.Streams_BatchAppendServer) error {
	ctx, cancel := context.WithCancelCause(call.Context())
	defer cancel(nil)
	b := &batchCall{
		store: s.store, call: call, stranger: byStranger(call.Context()), open: make(map[eventID]*batchWrite), timer: time.NewTimer(0),
		slots: make(chan struct{}, maxUnanswered), unsettled: make(chan batchAnswer, maxUnanswered), settled: make(chan batchAnswer, maxUnanswered),
	}
	defer b.timer.Stop()
	answered := make(chan error, 1)
	go b.settle()
	go func() {
		err := b.answer()
		if err != nil {
			cancel(err)
		}
		answered <- err
	}()
	err := b.collect(ctx)
	b.store.receiving.give(b.openBytes)
	close(b.unsettled)
	return errors.Join(<-answered, err)
}

// batchCall is a BatchAppend call. Three goroutines work on it: one collects writes and appends them, one waits for
// the disk, and one sends answers. A client that takes no answers stops the first and the last, never the second.
type batchCall struct {
	store    *store
	call     streams.Streams_BatchAppendServer
	stranger bool // who may append nothing

	open      map[eventID]*batchWrite
	openBytes int
	timer     *time.Timer // fires when a write may have run out of time
	fires     time.Time   // when; zero: nobody waits for it

	slots     chan struct{} // holds one entry for each complete write without an answer, so the others never block
	unsettled chan batchAnswer
	settled   chan batchAnswer
}

// batchWrite is a write of which more messages may come.
type batchWrite struct {
	correlation *shared.UUID
	identifier  *shared.StreamIdentifier
	stream      string
	expected    int64
	events      []proposed
	size        appendSize
	deadline    time.Time
}

// collect receives writes and appends each as soon as it is complete, until the client has said everything and no
// write is open.
func (b *batchCall) collect(ctx context.Context) error {
	requests := make(chan *streams.BatchAppendReq)
	ended := make(chan error, 1)
	go func() {
		for {
			r, err := b.call.Recv()
			if err != nil {
				ended <- err
				return
			}
			select {
			case requests <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	for complete := false; !complete || len(b.open) > 0; {
		select {
		case r := <-requests:
			if err := b.take(ctx, r); err != nil {
				return err
			}
		case now := <-b.timer.C:
			if err := b.expire(ctx, now); err != nil {
				return err
			}
		case err := <-ended:
			if !errors.Is(err, io.EOF) {
				return err
			}
			complete = true
		case <-b.store.stopping:
			return errStopping
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// take adds one message to its write, and appends the write if that was the last.
func (b *batchCall) take(ctx context.Context, r *streams.BatchAppendReq) error {
	id, err := uuidOf(r.GetCorrelationId())
	if err != nil {
		return b.conclude(ctx, batchAnswer{write: &batchWrite{correlation: r.GetCorrelationId(), identifier: r.GetOptions().GetStreamIdentifier()}, err: err})
	}
	if b.stranger && r.GetOptions() != nil {
		return b.conclude(ctx, batchAnswer{write: &batchWrite{correlation: r.GetCorrelationId(), identifier: r.GetOptions().GetStreamIdentifier()}, err: errAccessDenied()})
	}
	w, begun := b.open[id]
	if !begun {
		if r.GetOptions() == nil {
			return nil // the rest of a write that was refused
		}
		w = &batchWrite{correlation: r.GetCorrelationId(), identifier: r.GetOptions().GetStreamIdentifier()}
		err = w.begin(r.GetOptions())
	} else if !time.Now().Before(w.deadline) {
		err = context.DeadlineExceeded
	}
	before := w.size.total
	for _, m := range r.GetProposedMessages() {
		if err == nil {
			err = w.add(m)
		}
	}
	if err == nil && !r.GetIsFinal() {
		if err = b.keep(id, w, w.size.total-before); err == nil {
			return nil
		}
	}
	if begun {
		b.forget(id, before)
	}
	if err != nil {
		return b.conclude(ctx, batchAnswer{write: w, err: err})
	}
	return b.conclude(ctx, batchAnswer{write: w})
}

// keep waits for the rest of a write that has grown by some bytes, if there is room.
func (b *batchCall) keep(id eventID, w *batchWrite, grown int) error {
	_, begun := b.open[id]
	if !begun && len(b.open) >= maxOpenWrites {
		return invalidArgument("more than %d writes are begun and not complete", maxOpenWrites)
	}
	if b.openBytes+grown > maxOpenBytes {
		return invalidArgument("writes begun and not complete hold more than %d bytes", maxOpenBytes)
	}
	if !b.store.receiving.take(grown) {
		return errReceivingTooMuch(b.store.receiving.total)
	}
	b.open[id] = w
	b.openBytes += grown
	if b.fires.IsZero() || w.deadline.Before(b.fires) {
		b.fires = w.deadline
		b.timer.Reset(time.Until(w.deadline))
	}
	return nil
}

// forget gives back the room of a write.
func (b *batchCall) forget(id eventID, bytes int) {
	delete(b.open, id)
	b.openBytes -= bytes
	b.store.receiving.give(bytes)
}

// expire refuses the writes that have run out of time.
func (b *batchCall) expire(ctx context.Context, now time.Time) error {
	b.fires = time.Time{}
	for id, w := range b.open {
		if !now.Before(w.deadline) {
			b.forget(id, w.size.total)
			if err := b.conclude(ctx, batchAnswer{write: w, err: context.DeadlineExceeded}); err != nil {
				return err
			}
		} else if b.fires.IsZero() || w.deadline.Before(b.fires) {
			b.fires = w.deadline
		}
	}
	if !b.fires.IsZero() {
		b.timer.Reset(time.Until(b.fires))
	}
	return nil
}

// conclude appends a write that has not been refused, and has it answered. It waits while too many are unanswered.
func (b *batchCall) conclude(ctx context.Context, a batchAnswer) error {
	select {
	case b.slots <- struct{}{}:
	case <-b.store.stopping:
		return errStopping
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if a.err == nil {
		a.answer, a.err = b.store.append(a.write.stream, a.write.expected, a.write.events)
	}
	a.write.events = nil
	b.unsettled <- a
	return nil
}

// settle waits for the disk, write by write, also when nobody listens any more.
func (b *batchCall) settle() {
	defer close(b.settled)
	for a := range b.unsettled {
		if a.err == nil {
			a.err = b.store.settle(b.call.Context(), a.answer)
			a.answer.batch = nil
		}
		b.settled <- a
	}
}

// answer tells the client about each write, as long as it listens.
func (b *batchCall) answer() error {
	var broken error
	for a := range b.settled {
		if broken == nil {
			var r *streams.BatchAppendResp
			if r, broken = a.response(); broken == nil {
				broken = b.call.Send(r)
			}
		}
		<-b.slots
	}
	return broken
}

// begin reads the options of a write.
func (w *batchWrite) begin(o *streams.BatchAppendReq_Options) (err error) {
	if w.stream, err = streamOf(o.GetStreamIdentifier()); err != nil {
		return err
	}
	switch e := o.GetExpectedStreamPosition().(type) {
	case *streams.BatchAppendReq_Options_StreamPosition:
		if e.StreamPosition > math.MaxInt64 {
			return invalidArgument("'%d' is not a valid StreamRevision.", e.StreamPosition)
		}
		w.expected = int64(e.StreamPosition)
	case *streams.BatchAppendReq_Options_NoStream:
		w.expected = noStream
	case *streams.BatchAppendReq_Options_Any:
		w.expected = anyRevision
	case *streams.BatchAppendReq_Options_StreamExists:
		w.expected = streamExists
	default:
		return invalidArgument("'None' is not a valid ExpectedStreamPositionOneofCase.")
	}
	now := time.Now()
	w.deadline = now.Add(writeTimeout)
	asked := w.deadline
	switch d := o.GetDeadlineOption().(type) {
	case *streams.BatchAppendReq_Options_Deadline:
		asked = now.Add(d.Deadline.AsDuration())
	case *streams.BatchAppendReq_Options_Deadline_21_10_0:
		asked = d.Deadline_21_10_0.AsTime()
	}
	if asked.Before(w.deadline) {
		w.deadline = asked
	}
	if !now.Before(w.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

func (w *batchWrite) add(m *streams.BatchAppendReq_ProposedMessage) error {
	e, err := propose(m)
	if err != nil {
		return err
	}
	w.events = append(w.events, e)
	return w.size.add(e)
}
