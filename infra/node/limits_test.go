package node_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"netrom.pl/portal/infra/node"
)

// subscription asks for a stream from its start, for ever.
func subscription(stream string) *streams.ReadReq {
	o := readStreamOptions(stream)
	o.CountOption = &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}}
	return &streams.ReadReq{Options: o}
}

// TestTooManyCalls opens subscriptions until one is refused: the others go on, and one that ends makes room.
func TestTooManyCalls(t *testing.T) {
	const calls = 10
	n := start(t, node.Limited(node.Options{}, 100, calls, 1<<20))
	c := bare(t, n)
	open := func() (streams.Streams_ReadClient, context.CancelFunc, error) {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		call, err := c.Read(ctx, subscription("s"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = call.Recv() // the confirmation
		return call, cancel, err
	}
	first, end, err := open()
	for i := 1; i < calls && err == nil; i++ {
		_, _, err = open()
	}
	if err != nil {
		t.Fatalf("an allowed call gave %v", err)
	}
	if _, _, err := open(); status.Code(err) != codes.ResourceExhausted {
		t.Fatalf("one call too many gave %v", err)
	}
	end()
	for err = nil; err == nil; _, err = first.Recv() {
	}
	for {
		if _, _, err := open(); err == nil {
			break
		} else if status.Code(err) != codes.ResourceExhausted {
			t.Fatal(err)
		}
	}
}

// TestTooManyConnections keeps connections open that say nothing: a client waits until one of them ends.
func TestTooManyConnections(t *testing.T) {
	n := start(t, node.Limited(node.Options{}, 2, 100, 1<<20))
	var silent []net.Conn
	for range 2 {
		conn, err := net.Dial("tcp", n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, conn)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := dial(t, n).AppendToStream(context.Background(), "s", esdb.AppendToStreamOptions{}, event("x"))
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("a third connection was served, error %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	silent[0].Close()
	if err := <-answered; err != nil {
		t.Errorf("append gave %v", err)
	}
}

// TestReceivingTooMuch leaves appends incomplete: when they fill the room for that, another one is refused, and the
// room is free again when they have ended, completely or not.
func TestReceivingTooMuch(t *testing.T) {
	n := start(t, node.Limited(node.Options{}, 100, 100, 1<<20))
	c := bare(t, n)
	begin := func(ctx context.Context) streams.Streams_AppendClient {
		call, err := c.Append(ctx)
		if err == nil {
			err = call.Send(appendOptions(expecting(uuid.NewString(), "any")))
		}
		if err == nil {
			err = call.Send(appendMessage(message(uuid.NewString(), "T", strings.Repeat("x", 500_000))))
		}
		if err != nil {
			t.Fatal(err)
		}
		return call
	}
	holds := func(bytes int64) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); n.Receiving() < bytes || bytes == 0 && n.Receiving() > 0; {
			if time.Now().After(end) {
				t.Fatalf("the node holds %d bytes, want %d", n.Receiving(), bytes)
			}
			time.Sleep(time.Millisecond)
		}
	}
	complete := begin(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	begin(ctx)
	holds(1_000_000)
	if _, err := begin(context.Background()).CloseAndRecv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a third append gave %v", err)
	}
	batch := batchCall(t, c)
	send(t, batch, &streams.BatchAppendReq{CorrelationId: stringID(), Options: batchOptions("b"), ProposedMessages: batchMessages(strings.Repeat("x", 500_000))})
	r, err := batch.Recv()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "batch", told(t, r), "3: BadRequest")
	if _, err := complete.CloseAndRecv(); err != nil {
		t.Errorf("the first append gave %v", err)
	}
	cancel()
	holds(0)
	send(t, batch, &streams.BatchAppendReq{CorrelationId: stringID(), Options: batchOptions("b"), ProposedMessages: batchMessages(strings.Repeat("x", 500_000))})
	holds(500_000)
	if err := batch.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; _, err = batch.Recv() {
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	holds(0)
}

// TestMillionTinyMessages sends one append of very many events without content: it is refused before it fills the memory.
func TestMillionTinyMessages(t *testing.T) {
	c := bare(t, start(t, node.Options{}))
	call, err := c.Append(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := call.Send(appendOptions(expecting("s", "any"))); err != nil {
		t.Fatal(err)
	}
	m := appendMessage(&streams.AppendReq_ProposedMessage{Id: stringID(), Metadata: map[string]string{"type": "T", "content-type": ""}})
	for range 1_000_000 {
		if call.Send(m) != nil {
			break // the answer is there
		}
	}
	if _, err := call.CloseAndRecv(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v", err)
	}
	if trailer := call.Trailer().Get("maximum-append-size"); len(trailer) != 1 || trailer[0] != "16777216" {
		t.Errorf("the limit named is %v", trailer)
	}
}

// TestReadersThatDoNotRead lets many readers of a large stream take nothing: together they cost little more than what
// is set aside for all of them.
func TestReadersThatDoNotRead(t *testing.T) {
	const readers = 800
	n := start(t, node.Options{Dir: t.TempDir() + "/log"})
	c := dial(t, n)
	for range 4 {
		var events []esdb.EventData
		for range 100 {
			e := event("x")
			e.Data = []byte(strings.Repeat("x", 8<<10))
			events = append(events, e)
		}
		appendEvents(t, c, "s", esdb.Any{}, events...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	before := heap()
	const window = 64 << 10 // bytes that a reader holds without having taken them
	bare, err := dialBare(n, grpc.WithInitialWindowSize(window))
	if err != nil {
		t.Fatal(err)
	}
	var calls []streams.Streams_ReadClient
	for range readers {
		call, err := bare.Read(ctx, subscription("s"))
		if err == nil {
			_, err = call.Recv()
		}
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
	for _, call := range calls {
		if _, err := call.Recv(); err != nil { // its first page is there
			t.Fatal(err)
		}
	}
	if grown := int64(heap()) - int64(before); grown > 600<<20 { // about 1,000 MiB with pages of full size
		t.Errorf("%d readers cost %d MiB", readers, grown>>20)
	}
}
