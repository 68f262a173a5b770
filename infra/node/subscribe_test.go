package node_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"golang.org/x/net/http2"

	"netrom.pl/portal/infra/node"
)

var (
	idle = flag.Duration("idle", 0, "how long TestIdleClients waits; 90s proves that idle clients stay connected")
	slow = flag.Int("slow", 0, "how many events TestSlowReader's sleepy subscriber reads; 0: 10,000 without sleep")
)

func subscribeAll(t testing.TB, c *esdb.Client, o esdb.SubscribeToAllOptions) *esdb.Subscription {
	t.Helper()
	s, err := c.SubscribeToAll(context.Background(), o)
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func subscribeStream(t testing.TB, c *esdb.Client, stream string, from esdb.StreamPosition) *esdb.Subscription {
	t.Helper()
	s, err := c.SubscribeToStream(context.Background(), stream, esdb.SubscribeToStreamOptions{From: from})
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// kinds reads n messages of a subscription and names them.
func kinds(t testing.TB, s *esdb.Subscription, n int) []string {
	t.Helper()
	var got []string
	for range n {
		e := s.Recv()
		switch {
		case e.SubscriptionDropped != nil:
			got = append(got, fmt.Sprintf("dropped: %v", e.SubscriptionDropped.Error))
			return got
		case e.CaughtUp != nil:
			got = append(got, "caught up")
		case e.CheckPointReached != nil:
			got = append(got, "checkpoint")
		case e.EventAppeared != nil:
			got = append(got, fmt.Sprintf("%s@%d", e.EventAppeared.OriginalEvent().StreamID, e.EventAppeared.OriginalEvent().EventNumber))
		}
	}
	return got
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestSubscribeToStream(t *testing.T) {
	c := dial(t, start(t, node.Options{}))
	missing := subscribeStream(t, c, "s", esdb.Start{})
	equal(t, "missing stream", kinds(t, missing, 1), []string{"caught up"})
	appendEvents(t, c, "s", esdb.NoStream{}, event("0"), event("1"), event("2"))
	equal(t, "live", kinds(t, missing, 3), []string{"s@0", "s@1", "s@2"})
	equal(t, "after 0", kinds(t, subscribeStream(t, c, "s", esdb.Revision(0)), 3), []string{"s@1", "s@2", "caught up"})
	end := subscribeStream(t, c, "s", esdb.End{})
	equal(t, "end", kinds(t, end, 1), []string{"caught up"})
	beyond := subscribeStream(t, c, "s", esdb.Revision(3))
	equal(t, "beyond", kinds(t, beyond, 1), []string{"caught up"})
	appendEvents(t, c, "s", esdb.Any{}, event("3"), event("4"))
	equal(t, "live from the end", kinds(t, end, 2), []string{"s@3", "s@4"})
	equal(t, "live from beyond", kinds(t, beyond, 1), []string{"s@4"})

	if _, err := c.DeleteStream(context.Background(), "s", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	deleted := subscribeStream(t, c, "s", esdb.Start{})
	equal(t, "soft-deleted stream", kinds(t, deleted, 1), []string{"caught up"})
	appendEvents(t, c, "s", esdb.Any{}, event("5"))
	equal(t, "recreated", kinds(t, deleted, 1), []string{"s@5"})
	equal(t, "across the deletion", kinds(t, end, 1), []string{"s@5"})

	if _, err := c.TombstoneStream(context.Background(), "s", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	got := kinds(t, end, 2)
	if len(got) != 2 || got[0] != "s@9223372036854775807" || got[1][:7] != "dropped" {
		t.Errorf("tombstoned while subscribed: got %v", got)
	}
	if _, err := c.SubscribeToStream(context.Background(), "s", esdb.SubscribeToStreamOptions{From: esdb.Start{}}); err == nil {
		t.Error("a tombstoned stream could be subscribed to")
	}
}

// TestWritersAndSubscribers lets 32 writers race on one stream with exact revisions while subscribers read along: one
// winner for each revision, and everybody sees every event once, in the same order.
func TestWritersAndSubscribers(t *testing.T) {
	const writers, each = 32, 20
	n := start(t, node.Options{})
	c := dial(t, n)
	appendEvents(t, c, "hot", esdb.NoStream{}, event("first"))
	subscriptions := []*esdb.Subscription{
		subscribeAll(t, c, esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"hot"}}}),
		subscribeStream(t, dial(t, n), "hot", esdb.Start{}),
	}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			revision := uint64(0)
			for won := 0; won < each; {
				r, err := c.AppendToStream(context.Background(), "hot", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(revision)}, event("x"))
				switch {
				case err == nil:
					won, revision = won+1, r.NextExpectedVersion
				case outcome(err) == "conflict":
					revision = lastRevision(t, c, "hot")
				default:
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	for i, s := range subscriptions {
		position := uint64(0)
		for want := uint64(0); want <= writers*each; want++ {
			e := next(t, s).OriginalEvent()
			if e.EventNumber != want || e.Position.Commit <= position {
				t.Fatalf("subscription %d: got revision %d at position %d after position %d, want revision %d", i, e.EventNumber, e.Position.Commit, position, want)
			}
			position = e.Position.Commit
		}
	}
}

// eventsOf makes n events.
func eventsOf(n int) []esdb.EventData {
	events := make([]esdb.EventData, n)
	for i := range events {
		events[i] = event(fmt.Sprint(i))
	}
	return events
}

func lastRevision(t testing.TB, c *esdb.Client, stream string) uint64 {
	r, err := c.ReadStream(context.Background(), stream, esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards}, 1)
	if err != nil {
		t.Errorf("read the last event: %v", err)
		return 0
	}
	defer r.Close()
	e, err := r.Recv()
	if err != nil {
		t.Errorf("read the last event: %v", err)
		return 0
	}
	return e.Event.EventNumber
}

// TestFilteredCheckpoints reads past many events that do not match: checkpoints keep coming, each beyond the one
// before, and resuming at any of them loses no match.
func TestFilteredCheckpoints(t *testing.T) {
	c := dial(t, start(t, node.Options{}))
	for i := range 20 {
		appendEvents(t, c, "noise", esdb.Any{}, eventsOf(500)...)
		appendEvents(t, c, "signal", esdb.Any{}, event(fmt.Sprint(i)))
	}
	filter := &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"signal"}}
	s := subscribeAll(t, c, esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: filter, MaxSearchWindow: 32, CheckpointInterval: 4})
	checkpoints, matches := map[int]esdb.Position{}, 0
	for last, live := (esdb.Position{}), false; !live; {
		e := s.Recv()
		switch {
		case e.SubscriptionDropped != nil:
			t.Fatal(e.SubscriptionDropped.Error)
		case e.CheckPointReached != nil:
			if e.CheckPointReached.Commit <= last.Commit {
				t.Fatalf("checkpoint %d comes after %d", e.CheckPointReached.Commit, last.Commit)
			}
			last = *e.CheckPointReached
			checkpoints[matches] = last
		case e.EventAppeared != nil:
			matches++
		case e.CaughtUp != nil:
			live = true
		}
	}
	if matches != 20 || len(checkpoints) < 20 {
		t.Fatalf("%d matches and checkpoints between %d of them", matches, len(checkpoints))
	}
	for before, position := range checkpoints {
		if before == matches {
			continue
		}
		resumed := subscribeAll(t, c, esdb.SubscribeToAllOptions{From: position, Filter: filter})
		if e := next(t, resumed).Event; e.EventNumber != uint64(before) {
			t.Errorf("resumed at %d after %d matches: the next is %d", position.Commit, before, e.EventNumber)
		}
		resumed.Close()
	}
	appendEvents(t, c, "noise", esdb.Any{}, eventsOf(130)...)
	equal(t, "live checkpoint", kinds(t, s, 1), []string{"checkpoint"})
}

// TestCheckpointInterval counts the events between checkpoints: window times multiplier, 32 for a window not named,
// matching or not, in history as well as live.
func TestCheckpointInterval(t *testing.T) {
	for _, row := range []struct {
		name    string
		options *streams.ReadReq_Options_FilterOptions
		history []uint64 // checkpoints, counted from the beginning
		live    uint64
	}{
		{"window 10 times 3", &streams.ReadReq_Options_FilterOptions{Window: &streams.ReadReq_Options_FilterOptions_Max{Max: 10}, CheckpointIntervalMultiplier: 3}, []uint64{30, 60, 90, 100}, 130},
		{"no window times 2", &streams.ReadReq_Options_FilterOptions{Window: &streams.ReadReq_Options_FilterOptions_Count{Count: &shared.Empty{}}, CheckpointIntervalMultiplier: 2}, []uint64{64, 100}, 164},
		{"more than there is", &streams.ReadReq_Options_FilterOptions{Window: &streams.ReadReq_Options_FilterOptions_Max{Max: 1 << 31}, CheckpointIntervalMultiplier: 1 << 31}, []uint64{100}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := start(t, node.Options{})
			c, bare := dial(t, n), bare(t, n)
			begin := n.Durable()
			appendEvents(t, c, "noise", esdb.Any{}, eventsOf(100)...)
			row.options.Filter = &streams.ReadReq_Options_FilterOptions_StreamIdentifier{
				StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Prefix: []string{"signal"}}}
			o := readLogOptions(0, false)
			o.GetAll().AllOption = &streams.ReadReq_Options_AllOptions_Position{Position: &streams.ReadReq_Options_Position{CommitPosition: begin, PreparePosition: begin}}
			o.CountOption = &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}}
			o.FilterOption = &streams.ReadReq_Options_Filter{Filter: row.options}
			call, err := bare.Read(context.Background(), &streams.ReadReq{Options: o})
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for {
				r, err := call.Recv()
				if err != nil {
					t.Fatal(err)
				}
				if r.GetCaughtUp() != nil {
					break
				}
				if at := r.GetCheckpoint(); at != nil {
					got = append(got, at.GetCommitPosition()-begin)
				}
			}
			equal(t, "checkpoints", got, row.history)
			if row.live == 0 {
				return
			}
			for n.Durable() < begin+row.live {
				appendEvents(t, c, "noise", esdb.Any{}, event("live"))
			}
			r, err := call.Recv()
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "live checkpoint", r.GetCheckpoint().GetCommitPosition()-begin, row.live)
		})
	}
}

// TestSlowReader lets a subscriber dawdle behind many events: it gets them all, nobody else waits for it, and what it
// has not taken is on disk and not in memory. At full size, with a subscriber that sleeps:
// go test ./infra/node -run TestSlowReader -slow 50000
func TestSlowReader(t *testing.T) {
	events, pause := 10_000, time.Duration(0)
	if *slow > 0 {
		events, pause = *slow, 100*time.Microsecond
	}
	n := start(t, node.Options{Dir: t.TempDir() + "/log"})
	c := dial(t, n)
	slow := subscribeStream(t, dial(t, n), "s", esdb.Start{})
	fast := subscribeStream(t, dial(t, n), "s", esdb.Start{})
	before := heap()
	for range events / 100 {
		batch := eventsOf(100)
		for i := range batch {
			batch[i].Metadata = make([]byte, 4<<10)
		}
		appendEvents(t, c, "s", esdb.Any{}, batch...)
	}
	for want := range uint64(events) {
		if e := next(t, fast); e.Event.EventNumber != want {
			t.Fatalf("fast reader: got %d, want %d", e.Event.EventNumber, want)
		}
	}
	if grown := int64(heap()) - int64(before); grown > 32<<20 {
		t.Errorf("a slow reader of %d events of 4 KiB costs %d MiB", events, grown>>20)
	}
	for want := range uint64(events) {
		if e := next(t, slow); e.Event.EventNumber != want {
			t.Fatalf("slow reader: got %d, want %d", e.Event.EventNumber, want)
		}
		time.Sleep(pause)
	}
}

func TestResumeAfterRestart(t *testing.T) {
	dir := t.TempDir() + "/log"
	n := start(t, node.Options{Dir: dir})
	c := dial(t, n)
	appendEvents(t, c, "s", esdb.Any{}, event("0"), event("1"))
	filter := esdb.ExcludeSystemEventsFilter()
	s := subscribeAll(t, c, esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: filter})
	at := next(t, s).OriginalEvent().Position
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	for e := s.Recv(); e.SubscriptionDropped == nil; e = s.Recv() {
	}
	c = dial(t, start(t, node.Options{Dir: dir}))
	appendEvents(t, c, "s", esdb.Revision(1), event("2"))
	s = subscribeAll(t, c, esdb.SubscribeToAllOptions{From: at, Filter: filter})
	for want := uint64(1); want <= 2; want++ {
		if e := next(t, s).Event; e.EventNumber != want {
			t.Errorf("resumed: got revision %d, want %d", e.EventNumber, want)
		}
	}
}

// TestPingsAreWelcome pings as clients do that mind an idle connection: with no call open, four times. A server with
// gRPC's default policy says goodbye at the third.
func TestPingsAreWelcome(t *testing.T) {
	n := start(t, node.Options{})
	conn, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	for i := range byte(4) {
		time.Sleep(1100 * time.Millisecond) // the pace is what is tested
		if err := framer.WritePing(false, [8]byte{i}); err != nil {
			t.Fatal(err)
		}
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				t.Fatalf("ping %d: %v", i, err)
			}
			if goodbye, ok := frame.(*http2.GoAwayFrame); ok {
				t.Fatalf("ping %d: the server said goodbye: %v %s", i, goodbye.ErrCode, goodbye.DebugData())
			}
			if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() && ping.Data == [8]byte{i} {
				break
			}
		}
	}
}

// TestIdleClients lets official clients wait at their own pace: one with an idle subscription, one with an idle
// subscription and other calls, one with no call at all. It needs longer than 31 s to prove anything, so it runs when it
// is told how long: go test ./infra/node -run TestIdleClients -idle 90s
func TestIdleClients(t *testing.T) {
	n := start(t, node.Options{})
	quiet, busy, absent := dial(t, n), dial(t, n), dial(t, n)
	quietly, busily := subscribeStream(t, quiet, "s", esdb.Start{}), subscribeStream(t, busy, "s", esdb.Start{})
	for _, s := range []*esdb.Subscription{quietly, busily} {
		equal(t, "start", kinds(t, s, 1), []string{"caught up"})
	}
	appendEvents(t, absent, "other", esdb.Any{}, event("before"))
	for end := time.Now().Add(*idle); time.Now().Before(end); time.Sleep(time.Second) {
		appendEvents(t, busy, "other", esdb.Any{}, event("while the others wait"))
	}
	appendEvents(t, absent, "s", esdb.Any{}, event("x"))
	appendEvents(t, quiet, "s", esdb.Any{}, event("y"))
	for _, s := range []*esdb.Subscription{quietly, busily} {
		equal(t, "after the pause", kinds(t, s, 2), []string{"s@0", "s@1"})
	}
}
