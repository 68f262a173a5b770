package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"netrom.pl/portal/infra/node"
)

func batchCall(t *testing.T, c streams.StreamsClient) streams.Streams_BatchAppendClient {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	call, err := c.BatchAppend(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

func stringID() *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}}
}

func batchOptions(stream string) *streams.BatchAppendReq_Options {
	return &streams.BatchAppendReq_Options{StreamIdentifier: identifier(stream),
		ExpectedStreamPosition: &streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}}
}

func batchMessages(contents ...string) []*streams.BatchAppendReq_ProposedMessage {
	var messages []*streams.BatchAppendReq_ProposedMessage
	for _, content := range contents {
		messages = append(messages, &streams.BatchAppendReq_ProposedMessage{Id: stringID(),
			Metadata: map[string]string{"type": "T", "content-type": "application/json"}, Data: []byte(content)})
	}
	return messages
}

func send(t *testing.T, call streams.Streams_BatchAppendClient, requests ...*streams.BatchAppendReq) {
	t.Helper()
	for _, r := range requests {
		if err := call.Send(r); err != nil {
			t.Fatal(err)
		}
	}
}

// told says in a line what the answer to a write is, its reason unpacked.
func told(t *testing.T, r *streams.BatchAppendResp) string {
	t.Helper()
	if s := r.GetSuccess(); s != nil {
		if at := s.GetPosition(); at.GetCommitPosition() == 0 || at.GetCommitPosition() != at.GetPreparePosition() {
			t.Errorf("position is %v", at)
		}
		if s.GetNoStream() != nil {
			return "nothing"
		}
		return fmt.Sprint("revision ", s.GetCurrentRevision())
	}
	e := r.GetError()
	if len(e.GetDetails()) != 1 {
		t.Fatalf("error is %v", e)
	}
	reason, err := e.GetDetails()[0].UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	switch d := reason.(type) {
	case *shared.WrongExpectedVersion:
		current, expected := "none", fmt.Sprint(d.GetExpectedStreamPosition())
		if d.GetCurrentNoStream() == nil {
			current = fmt.Sprint(d.GetCurrentStreamRevision())
		}
		switch {
		case d.GetExpectedNoStream() != nil:
			expected = "none"
		case d.GetExpectedAny() != nil:
			expected = "any"
		case d.GetExpectedStreamExists() != nil:
			expected = "exists"
		}
		return fmt.Sprintf("%d %s: WrongExpectedVersion %s, expected %s", e.GetCode(), e.GetMessage(), current, expected)
	case *shared.StreamDeleted:
		return fmt.Sprintf("%d %s: StreamDeleted %s", e.GetCode(), e.GetMessage(), d.GetStreamIdentifier().GetStreamName())
	case *shared.MaximumAppendSizeExceeded:
		return fmt.Sprintf("%d: MaximumAppendSizeExceeded %d", e.GetCode(), d.GetMaxAppendSize())
	case *shared.BadRequest:
		return fmt.Sprintf("%d: BadRequest", e.GetCode())
	}
	return fmt.Sprintf("%d %s: %s", e.GetCode(), e.GetMessage(), reason.ProtoReflect().Descriptor().Name())
}

// TestBatchAppendAnswers makes one call of writes that go well or wrong in every way: each gets one answer.
func TestBatchAppendAnswers(t *testing.T) {
	n := start(t, node.Options{})
	c, bare := dial(t, n), bare(t, n)
	appendEvents(t, c, "taken", esdb.NoStream{}, event("0"), event("1"))
	appendEvents(t, c, "ended", esdb.NoStream{}, event("0"))
	if _, err := c.TombstoneStream(context.Background(), "ended", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	at := func(stream string, expected any) *streams.BatchAppendReq_Options {
		o := batchOptions(stream)
		switch e := expected.(type) {
		case string:
			if e == "exists" {
				o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamExists{StreamExists: &emptypb.Empty{}}
			} else {
				o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}}
			}
		case int:
			o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(e)}
		}
		return o
	}
	within := func(d time.Duration) *streams.BatchAppendReq_Options {
		o := batchOptions("deadline-" + d.String())
		o.DeadlineOption = &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(d)}
		return o
	}
	until := func(d time.Duration) *streams.BatchAppendReq_Options {
		o := batchOptions("moment-" + d.String())
		o.DeadlineOption = &streams.BatchAppendReq_Options_Deadline_21_10_0{Deadline_21_10_0: timestamppb.New(time.Now().Add(d))}
		return o
	}
	untyped, twins := batchMessages("x"), batchMessages("x", "y")
	delete(untyped[0].Metadata, "type")
	twins[1].Id = twins[0].Id
	type parts []*streams.BatchAppendReq
	for _, row := range []struct {
		name  string
		parts parts
		want  string
	}{
		{"one message", parts{{Options: batchOptions("a"), ProposedMessages: batchMessages("0", "1"), IsFinal: true}}, "revision 1"},
		{"three messages", parts{{Options: batchOptions("b")}, {ProposedMessages: batchMessages("0")}, {ProposedMessages: batchMessages("1", "2"), IsFinal: true}}, "revision 2"},
		{"options twice", parts{{Options: batchOptions("c"), ProposedMessages: batchMessages("0")}, {Options: batchOptions("other"), IsFinal: true}}, "revision 0"},
		{"the same id twice", parts{{Options: batchOptions("twins"), ProposedMessages: twins, IsFinal: true}}, "revision 1"},
		{"no events", parts{{Options: batchOptions("d"), IsFinal: true}}, "nothing"},
		{"no events for a stream", parts{{Options: at("taken", 1), IsFinal: true}}, "revision 1"},
		{"any", parts{{Options: at("e", "any"), ProposedMessages: batchMessages("0"), IsFinal: true}}, "revision 0"},
		{"stream is taken", parts{{Options: batchOptions("taken"), ProposedMessages: batchMessages("0"), IsFinal: true}}, "6 WrongExpectedVersion: WrongExpectedVersion 1, expected none"},
		{"stream is longer", parts{{Options: at("taken", 0), ProposedMessages: batchMessages("0"), IsFinal: true}}, "6 WrongExpectedVersion: WrongExpectedVersion 1, expected 0"},
		{"stream is missing", parts{{Options: at("f", "exists"), ProposedMessages: batchMessages("0"), IsFinal: true}}, "6 WrongExpectedVersion: WrongExpectedVersion none, expected exists"},
		{"stream has ended", parts{{Options: at("ended", "any"), ProposedMessages: batchMessages("0"), IsFinal: true}}, "5 StreamDeleted: StreamDeleted ended"},
		{"too large", parts{{Options: batchOptions("g"), ProposedMessages: batchMessages(strings.Repeat("x", 1_048_576))}, {ProposedMessages: batchMessages("x"), IsFinal: true}}, "3: MaximumAppendSizeExceeded 1048576"},
		{"no type", parts{{Options: batchOptions("h"), ProposedMessages: untyped, IsFinal: true}}, "3: BadRequest"},
		{"no stream", parts{{Options: &streams.BatchAppendReq_Options{ExpectedStreamPosition: batchOptions("").ExpectedStreamPosition}, IsFinal: true}}, "3: BadRequest"},
		{"no expected position", parts{{Options: &streams.BatchAppendReq_Options{StreamIdentifier: identifier("i")}, IsFinal: true}}, "3: BadRequest"},
		{"deadline of zero", parts{{Options: within(0), ProposedMessages: batchMessages("0"), IsFinal: true}}, "4 Timeout: Timeout"},
		{"deadline before", parts{{Options: within(-time.Second), ProposedMessages: batchMessages("0"), IsFinal: true}}, "4 Timeout: Timeout"},
		{"deadline far away", parts{{Options: within(time.Hour), ProposedMessages: batchMessages("0"), IsFinal: true}}, "revision 0"},
		{"moment before", parts{{Options: until(-time.Second), ProposedMessages: batchMessages("0"), IsFinal: true}}, "4 Timeout: Timeout"},
		{"moment to come", parts{{Options: until(time.Hour), ProposedMessages: batchMessages("0"), IsFinal: true}}, "revision 0"},
		{"never complete", parts{{Options: within(10 * time.Millisecond), ProposedMessages: batchMessages("0")}}, "4 Timeout: Timeout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			call := batchCall(t, bare)
			stream := row.parts[0].GetOptions().GetStreamIdentifier().GetStreamName()
			for _, id := range []*shared.UUID{stringID(), {Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{MostSignificantBits: -7, LeastSignificantBits: 9}}},
				{Value: &shared.UUID_String_{String_: uuid.Nil.String()}}} {
				if strings.HasPrefix(row.want, "revision") {
					id = stringID() // a second append would not be the same
				}
				for _, p := range row.parts {
					p.CorrelationId = id
				}
				send(t, call, row.parts...)
				r, err := call.Recv()
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "answer", told(t, r), row.want)
				equal(t, "correlation id", r.GetCorrelationId(), id)
				equal(t, "stream", string(r.GetStreamIdentifier().GetStreamName()), string(stream))
				if strings.HasPrefix(row.want, "revision") {
					break
				}
			}
			if err := call.CloseSend(); err != nil {
				t.Fatal(err)
			}
			if r, err := call.Recv(); !errors.Is(err, io.EOF) {
				t.Errorf("then came %v, error %v", r, err)
			}
		})
	}
}

// TestBatchAppendInterleaved begins many writes, continues them in turns and completes them in another order.
func TestBatchAppendInterleaved(t *testing.T) {
	const writes = 300
	c := bare(t, start(t, node.Options{}))
	call := batchCall(t, c)
	ids, names := make([]*shared.UUID, writes), map[string]string{}
	for i := range ids {
		ids[i] = stringID()
		names[ids[i].GetString_()] = fmt.Sprint("s-", i)
		send(t, call, &streams.BatchAppendReq{CorrelationId: ids[i], Options: batchOptions(fmt.Sprint("s-", i)), ProposedMessages: batchMessages("0")})
	}
	send(t, call, &streams.BatchAppendReq{CorrelationId: stringID(), ProposedMessages: batchMessages("nobody began this"), IsFinal: true})
	for i := range ids {
		send(t, call, &streams.BatchAppendReq{CorrelationId: ids[i], ProposedMessages: batchMessages("1")})
	}
	for i := range ids {
		send(t, call, &streams.BatchAppendReq{CorrelationId: ids[writes-1-i], ProposedMessages: batchMessages("2"), IsFinal: true})
	}
	if err := call.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for range ids {
		r, err := call.Recv()
		if err != nil {
			t.Fatal(err)
		}
		id := r.GetCorrelationId().GetString_()
		equal(t, "answer", told(t, r), "revision 2")
		equal(t, "stream", string(r.GetStreamIdentifier().GetStreamName()), names[id])
		delete(names, id)
	}
	if _, err := call.Recv(); !errors.Is(err, io.EOF) || len(names) > 0 {
		t.Errorf("the call ended with %v, %d writes were not answered", err, len(names))
	}
	answers, _, err := bareRead(c, readStreamOptions("s-7"))
	if err != nil || shape(answers) != "0 1 2" {
		t.Errorf("a stream is %q, error %v", shape(answers), err)
	}
}

// TestBatchAppendEndsWithOpenWrites ends a call in the middle of a write: it is answered, and nothing is stored.
func TestBatchAppendEndsWithOpenWrites(t *testing.T) {
	c := bare(t, start(t, node.Options{}))
	call := batchCall(t, c)
	o := batchOptions("s")
	o.DeadlineOption = &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(50 * time.Millisecond)}
	send(t, call, &streams.BatchAppendReq{CorrelationId: stringID(), Options: o, ProposedMessages: batchMessages("0")})
	if err := call.CloseSend(); err != nil {
		t.Fatal(err)
	}
	r, err := call.Recv()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "answer", told(t, r), "4 Timeout: Timeout")
	if _, err := call.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the call ended with %v", err)
	}
	if answers, _, err := bareRead(c, readStreamOptions("s")); err != nil || shape(answers) != "not found: s" {
		t.Errorf("the stream is %q, error %v", shape(answers), err)
	}
}

// TestBatchAppendByStranger makes a call without credentials to a secure node: each write is refused as soon as it begins, the
// rest of it is ignored, and nothing is stored.
func TestBatchAppendByStranger(t *testing.T) {
	n, ca := startSecure(t)
	call := batchCall(t, bareSecure(t, n, ca))
	begun, whole := stringID(), stringID()
	send(t, call,
		&streams.BatchAppendReq{CorrelationId: begun, Options: batchOptions("a"), ProposedMessages: batchMessages("0")},
		&streams.BatchAppendReq{CorrelationId: begun, ProposedMessages: batchMessages("1"), IsFinal: true},
		&streams.BatchAppendReq{CorrelationId: whole, Options: batchOptions("b"), ProposedMessages: batchMessages("0"), IsFinal: true})
	if err := call.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []*shared.UUID{begun, whole} {
		r, err := call.Recv()
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "answer", told(t, r), "7 AccessDenied: AccessDenied")
		equal(t, "correlation", r.GetCorrelationId().GetString_(), id.GetString_())
	}
	if _, err := call.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the call ended with %v", err)
	}
	read, err := dialSecure(t, n, ca, "admin:changeit@").ReadStream(context.Background(), "b", esdb.ReadStreamOptions{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	var missing *esdb.Error
	if _, err := read.Recv(); !errors.As(err, &missing) || missing.Code() != esdb.ErrorCodeResourceNotFound {
		t.Errorf("reading the stream gave %v", err)
	}
}

// TestBatchAppendBoundsOpenWrites begins more writes than one call may: the surplus is refused, the others go on.
func TestBatchAppendBoundsOpenWrites(t *testing.T) {
	const begun, allowed = 1_100, 1_024
	call := batchCall(t, bare(t, start(t, node.Options{})))
	for i := range begun {
		send(t, call, &streams.BatchAppendReq{CorrelationId: stringID(), Options: batchOptions(fmt.Sprint(i))})
	}
	refused := 0
	for range begun {
		r, err := call.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if told(t, r) == "3: BadRequest" {
			refused++
		}
	}
	equal(t, "refused", refused, begun-allowed)
}

// TestBatchAppendWithoutReading sends writes and takes no answers until the node takes no more: it keeps little of
// them, and when the answers are taken all writes are answered.
func TestBatchAppendWithoutReading(t *testing.T) {
	n := start(t, node.Options{Dir: t.TempDir() + "/log"})
	call := batchCall(t, bare(t, n))
	content := strings.Repeat("x", 10<<10)
	sent, full := make(chan int, 1), make(chan struct{})
	before := heap()
	go func() {
		i := 0
		for enough := false; !enough; {
			if err := call.Send(&streams.BatchAppendReq{CorrelationId: stringID(), Options: batchOptions(fmt.Sprint(i)),
				ProposedMessages: batchMessages(content), IsFinal: true}); err != nil {
				t.Errorf("write %d: %v", i, err)
			}
			i++
			select {
			case <-full:
				enough = true
			default:
			}
		}
		sent <- i
		if err := call.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
	last := uint64(0)
	for still := time.Now(); time.Since(still) < 300*time.Millisecond; time.Sleep(20 * time.Millisecond) {
		if now := n.Durable(); now != last {
			last, still = now, time.Now()
		}
	}
	if grown := int64(heap()) - int64(before); grown > 64<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	close(full)
	answered := 0
	for {
		r, err := call.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "answer", told(t, r), "revision 0")
		answered++
	}
	equal(t, "answers", answered, <-sent)
}

// heap is how many bytes are in use after garbage has been collected.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
