package node_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/anishathalye/porcupine"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"netrom.pl/portal/infra/node"
)

// The long variant: go test ./infra/node -run TestLinearizable -histories 10000
var (
	histories   = flag.Int("histories", 50, "concurrent histories of TestLinearizable")
	denseEvents = flag.Int("positions", 20_000, "events of TestPositionsAreDense")
)

// call is an append with an exact revision, or a read of the last event.
type call struct {
	read     bool
	expected int // -1: the stream must not exist
}

// reply is the last revision of the stream as the answer tells it; -1: none.
type reply struct {
	written bool
	last    int
}

// oneStream is what a stream is to those who append and read: its last revision.
var oneStream = porcupine.Model{
	Init: func() any { return -1 },
	Step: func(state, input, output any) (bool, any) {
		last, c, r := state.(int), input.(call), output.(reply)
		switch {
		case c.read:
			return r.last == last, last
		case r.written:
			return c.expected == last && r.last == last+1, last + 1
		}
		return c.expected != last && r.last == last, last
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// TestLinearizable lets four clients append to and read one stream at the same time, and looks for an order, compatible
// with when each call began and ended, in which one stream alone would have given the same answers.
func TestLinearizable(t *testing.T) {
	n := start(t, node.Options{})
	var clients []streams.StreamsClient
	for range 4 {
		clients = append(clients, bare(t, n))
	}
	conflicts := 0
	for h := range *histories {
		stream := fmt.Sprintf("history-%d", h)
		var mu sync.Mutex
		var history []porcupine.Operation
		var wg sync.WaitGroup
		began := time.Now()
		for id, c := range clients {
			wg.Go(func() {
				last := -1
				for i := range 50 {
					o := porcupine.Operation{ClientId: id, Input: call{read: i%5 == 4, expected: last}, Call: time.Since(began).Nanoseconds()}
					r, err := perform(c, stream, o.Input.(call))
					if err != nil {
						t.Errorf("%+v: %v", o.Input, err)
						return
					}
					o.Output, o.Return = r, time.Since(began).Nanoseconds()
					last = r.last
					mu.Lock()
					history = append(history, o)
					if !o.Input.(call).read && !r.written {
						conflicts++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if got := porcupine.CheckOperationsTimeout(oneStream, history, 30*time.Second); got != porcupine.Ok {
			t.Fatalf("history %d is %s: %+v", h, got, history)
		}
	}
	t.Logf("%d histories of 200 operations, %d conflicts, all linearizable", *histories, conflicts)
	if conflicts == 0 {
		t.Error("no two clients ever met: nothing was tested")
	}
}

func perform(c streams.StreamsClient, stream string, in call) (reply, error) {
	if in.read {
		o := readStreamOptions(stream)
		o.ReadDirection = streams.ReadReq_Options_Backwards
		o.CountOption = &streams.ReadReq_Options_Count{Count: 1}
		o.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_Revision{Revision: 1 << 40}
		answers, _, err := bareRead(c, o)
		if err != nil || len(answers) == 0 || answers[0].GetEvent() == nil {
			return reply{last: -1}, err
		}
		return reply{last: int(answers[0].GetEvent().GetEvent().GetStreamRevision())}, nil
	}
	expected := "none"
	if in.expected >= 0 {
		expected = fmt.Sprint(in.expected)
	}
	r, _, err := bareAppend(c, expecting(stream, expected), message(uuid.NewString(), "T", "{}"))
	if err != nil {
		return reply{}, err
	}
	if w := r.GetWrongExpectedVersion(); w != nil {
		if w.GetCurrentNoStream() != nil {
			return reply{last: -1}, nil
		}
		return reply{last: int(w.GetCurrentRevision())}, nil
	}
	return reply{written: true, last: int(r.GetSuccess().GetCurrentRevision())}, nil
}

// TestPositionsAreDense appends from many sides while five subscribers come and go and the node is started anew: each
// subscriber sees every position once, in order. The long variant: go test ./infra/node -run TestPositionsAreDense -positions 1000000
func TestPositionsAreDense(t *testing.T) {
	const batch = 50
	disk := vfs.NewMem()
	o := node.OnDisk(node.Options{Dir: "log"}, disk, survive)
	n := start(t, o)
	o.Listen = n.Addr() // clients find it there again
	first := n.Durable() + 1
	end := first + uint64(*denseEvents/batch/4*batch*4)
	halfway := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range *denseEvents / batch / 4 {
				if w == 0 && i == *denseEvents/batch/8 {
					close(halfway)
				}
				appendUntilHeard(t, o.Listen, fmt.Sprint("s-", w), eventsOf(batch)...)
			}
		})
	}
	for range 5 {
		wg.Go(func() {
			for at := first - 1; at < end-1 && !t.Failed(); {
				at = followFor(t, o.Listen, at, min(900, end-1-at))
			}
		})
	}
	<-halfway
	if err := n.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	n = start(t, o)
	wg.Wait()
	t.Logf("five subscribers followed %d events across a restart, each saw every position once and in order", end-first)
	if n.Durable() < end-1 {
		t.Errorf("the log ends at %d, want %d", n.Durable(), end-1)
	}
}

// appendUntilHeard appends, and repeats the append with the same ids until its answer is heard.
func appendUntilHeard(t *testing.T, address, stream string, events ...esdb.EventData) {
	for tries := 0; ; tries++ {
		c := dialAddress(t, address)
		_, err := c.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, events...)
		c.Close()
		if err == nil {
			return
		}
		if tries > 1_000 {
			t.Errorf("append: %v", err)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// followFor subscribes after a position and returns the last one of at most so many events, or of fewer if the node stops.
func followFor(t *testing.T, address string, at, events uint64) uint64 {
	c := dialAddress(t, address)
	defer c.Close()
	s, err := c.SubscribeToAll(context.Background(), esdb.SubscribeToAllOptions{From: esdb.Position{Commit: at, Prepare: at}})
	if err != nil {
		time.Sleep(10 * time.Millisecond) // until the node is there again
		return at
	}
	defer s.Close()
	for end := at + events; at < end; {
		e := s.Recv()
		if e.SubscriptionDropped != nil {
			return at
		}
		if e.EventAppeared == nil {
			continue
		}
		if got := e.EventAppeared.OriginalEvent().Position.Commit; got != at+1 {
			t.Errorf("after position %d came %d", at, got)
			return at
		}
		at++
	}
	return at
}
