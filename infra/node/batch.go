package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Limits of one BatchAppend call.
const (
	// writeTimeout is the longest a write may take to be complete. Source: EventStore, ClusterVNodeOptions.cs, WriteTimeoutMs.
	writeTimeout = 2 * time.Second
	// maxOpenWrites bounds writes begun and not complete, maxUnanswered writes complete and not answered.
	maxOpenWrites = 64
	maxUnanswered = 1_024
)

// BatchAppend takes any number of writes on one call, each spread over any number of messages, and answers each when
// it is durable, in the order in which they were completed.
// Source: EventStore, src/EventStore.Core/Services/Transport/Grpc/Streams.BatchAppend.cs.
func (s *streamsServer) BatchAppend(call streams.Streams_BatchAppendServer) error {
	ctx, cancel := context.WithCancelCause(call.Context())
	defer cancel(nil)
	unanswered := make(chan batchAnswer, maxUnanswered)
	answered := make(chan error, 1)
	go func() {
		err := s.answerBatch(call, unanswered)
		if err != nil {
			cancel(err)
		}
		answered <- err
	}()
	err := s.receiveBatch(ctx, call, unanswered)
	close(unanswered)
	return errors.Join(<-answered, err)
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

// batchAnswer is what is to be said about a write: a refusal, or an answer that has to be settled first.
type batchAnswer struct {
	write  *batchWrite
	answer answer
	err    error
}

// receiveBatch collects writes and appends each as soon as it is complete.
func (s *streamsServer) receiveBatch(ctx context.Context, call streams.Streams_BatchAppendServer, out chan<- batchAnswer) error {
	requests := make(chan *streams.BatchAppendReq)
	ended := make(chan error, 1)
	go func() {
		for {
			r, err := call.Recv()
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
	open := make(map[eventID]*batchWrite)
	for {
		select {
		case r := <-requests:
			if err := s.takeBatch(open, r, out); err != nil {
				return err
			}
		case <-nextDeadline(open):
			for id, w := range open {
				if !time.Now().Before(w.deadline) {
					out <- batchAnswer{write: w, err: context.DeadlineExceeded}
					delete(open, id)
				}
			}
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-s.store.stopping:
			return errStopping
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// nextDeadline fires when the first open write runs out of time; nil, which never fires, when none is open.
func nextDeadline(open map[eventID]*batchWrite) <-chan time.Time {
	var first time.Time
	for _, w := range open {
		if first.IsZero() || w.deadline.Before(first) {
			first = w.deadline
		}
	}
	if first.IsZero() {
		return nil
	}
	return time.After(time.Until(first))
}

// takeBatch adds one message to its write, and appends the write if that was the last.
func (s *streamsServer) takeBatch(open map[eventID]*batchWrite, r *streams.BatchAppendReq, out chan<- batchAnswer) error {
	id, err := uuidOf(r.GetCorrelationId())
	if err != nil {
		return err
	}
	w, begun := open[id]
	if !begun {
		if r.GetOptions() == nil {
			return nil // the rest of a write that was refused
		}
		if len(open) >= maxOpenWrites {
			return &failure{code: codes.ResourceExhausted, message: fmt.Sprintf("more than %d writes are begun and not complete", maxOpenWrites)}
		}
		w = &batchWrite{correlation: r.GetCorrelationId(), identifier: r.GetOptions().GetStreamIdentifier()}
		open[id] = w
		err = w.begin(r.GetOptions())
	}
	for _, m := range r.GetProposedMessages() {
		if err == nil {
			err = w.add(m)
		}
	}
	switch {
	case err != nil:
		out <- batchAnswer{write: w, err: err}
	case r.GetIsFinal():
		a, err := s.store.append(w.stream, w.expected, w.events)
		out <- batchAnswer{write: w, answer: a, err: err}
	default:
		return nil
	}
	delete(open, id)
	return nil
}

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
	if err == nil {
		err = w.size.add(e)
	}
	w.events = append(w.events, e)
	return err
}

// answerBatch settles and answers writes one after the other. It settles them all, also when nobody listens any more.
func (s *streamsServer) answerBatch(call streams.Streams_BatchAppendServer, in <-chan batchAnswer) error {
	var broken error
	for b := range in {
		if b.err == nil {
			b.err = s.store.settle(call.Context(), b.answer)
		}
		if broken == nil {
			broken = s.sendBatchAnswer(call, b)
		}
	}
	return broken
}

func (s *streamsServer) sendBatchAnswer(call streams.Streams_BatchAppendServer, b batchAnswer) error {
	r := &streams.BatchAppendResp{CorrelationId: b.write.correlation, StreamIdentifier: b.write.identifier}
	switch {
	case b.err == nil && (b.answer.verdict == write || b.answer.verdict == repeated):
		r.Result = batchSuccess(b.answer)
	default:
		details, err := batchError(b)
		if err != nil {
			return err
		}
		r.Result = &streams.BatchAppendResp_Error{Error: details}
	}
	return call.Send(r)
}

func batchSuccess(a answer) *streams.BatchAppendResp_Success_ {
	s := &streams.BatchAppendResp_Success{PositionOption: &streams.BatchAppendResp_Success_Position{
		Position: &shared.AllStreamPosition{CommitPosition: a.position, PreparePosition: a.position},
	}}
	if a.revision == noStream {
		s.CurrentRevisionOption = &streams.BatchAppendResp_Success_NoStream{NoStream: &emptypb.Empty{}}
	} else {
		s.CurrentRevisionOption = &streams.BatchAppendResp_Success_CurrentRevision{CurrentRevision: uint64(a.revision)}
	}
	return &streams.BatchAppendResp_Success_{Success: s}
}

// batchError is the status of a refused write, its reason packed as a detail.
// Source: EventStore, src/EventStore.Core/Services/Transport/Grpc/Status.cs.
func batchError(b batchAnswer) (*status.Status, error) {
	code, message := codes.Unknown, "Unknown"
	var detail proto.Message = &shared.Unknown{}
	var f *failure
	switch {
	case b.err == nil && b.answer.verdict == streamDeleted:
		code, message = codes.NotFound, "StreamDeleted"
		detail = &shared.StreamDeleted{StreamIdentifier: b.write.identifier}
	case b.err == nil:
		code, message, detail = codes.AlreadyExists, "WrongExpectedVersion", batchConflict(b.write.expected, b.answer.revision)
	case errors.Is(b.err, context.DeadlineExceeded):
		code, message, detail = codes.DeadlineExceeded, "Timeout", &shared.Timeout{}
	case errors.As(b.err, &f) && len(f.trailers) > 1 && f.trailers[1] == exceptionAppendSize:
		code, message, detail = codes.InvalidArgument, f.message, &shared.MaximumAppendSizeExceeded{MaxAppendSize: maxAppendBytes}
	case errors.As(b.err, &f):
		code, message, detail = codes.InvalidArgument, f.message, &shared.BadRequest{Message: f.message}
	default:
		message = b.err.Error()
	}
	packed, err := anypb.New(detail)
	if err != nil {
		return nil, fmt.Errorf("pack the reason of a refusal: %w", err)
	}
	return &status.Status{Code: int32(code), Message: message, Details: []*anypb.Any{packed}}, nil
}

func batchConflict(expected, current int64) *shared.WrongExpectedVersion {
	w := &shared.WrongExpectedVersion{}
	if current == noStream {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}}
	} else {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: uint64(current)}
	}
	switch expected {
	case anyRevision:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: &emptypb.Empty{}}
	case streamExists:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}}
	case noStream:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &emptypb.Empty{}}
	default:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: uint64(expected)}
	}
	return w
}
