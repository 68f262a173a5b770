package node_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"

	"netrom.pl/portal/infra/node"
)

// The long variants: go test ./infra/node -run TestPowerCut -cuts 100000 -ghosts 10000 -timeout 12h
var (
	cuts   = flag.Int("cuts", 200, "power cuts of TestPowerCut")
	ghosts = flag.Int("ghosts", 100, "power cuts of TestPowerCutDuringASync")
	seed   = flag.Uint64("seed", 0, "seed of the random tests; 0: a new one, which is printed")
)

// random gives a test its source of chance and prints its seed.
func random(t testing.TB) *rand.Rand {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("to repeat: -seed %d", s)
	return rand.New(rand.NewPCG(s, s))
}

// survive keeps the test process alive when a node's log ends.
func survive(error) {}

// slowDisk makes every sync take a random time, so that unsynced data exists at any moment.
func slowDisk(fs vfs.FS, mean time.Duration) vfs.FS {
	return beforeSync(fs, func() { time.Sleep(time.Duration(rand.ExpFloat64() * float64(mean))) })
}

// story is what happened as seen from outside the node.
type story struct {
	mu    sync.Mutex
	acked map[string]uint64 // event id -> position answered
	seen  map[string]uint64 // event id -> position shown to a reader
}

func (s *story) note(m map[string]uint64, id string, position uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m[id] = position
}

// snapshot is what had been acknowledged and shown at this moment.
func (s *story) snapshot() (acked, seen map[string]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	acked, seen = make(map[string]uint64), make(map[string]uint64)
	for id, p := range s.acked {
		acked[id] = p
	}
	for id, p := range s.seen {
		seen[id] = p
	}
	return acked, seen
}

// batchOf is how many events each append of the crash tests has: they must be there all or not at all.
const batchOf = 3

// writeUntil appends batches to one stream with exact revisions until the node stops answering.
func (s *story) writeUntil(ctx context.Context, c streams.StreamsClient, stream string) {
	for i := 0; ctx.Err() == nil; i++ {
		expected := "none"
		if i > 0 {
			expected = fmt.Sprint(i*batchOf - 1)
		}
		var ids []string
		var messages []*streams.AppendReq_ProposedMessage
		for range batchOf {
			ids = append(ids, uuid.NewString())
			messages = append(messages, message(ids[len(ids)-1], "Written", strings.Repeat(`"x"`, 50)))
		}
		r, _, err := bareAppend(c, expecting(stream, expected), messages...)
		if err != nil || r.GetSuccess() == nil {
			return
		}
		last := r.GetSuccess().GetPosition().GetCommitPosition()
		for j, id := range ids {
			s.note(s.acked, id, last-batchOf+1+uint64(j))
		}
	}
}

// follow notes everything a subscriber to $all is shown.
func (s *story) follow(ctx context.Context, c streams.StreamsClient) {
	sub, err := c.Read(ctx, &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}},
		CountOption:  &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}},
		FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:   &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
	}})
	s.noteAll(sub, err)
}

// lookUntil reads the last events of $all again and again.
func (s *story) lookUntil(ctx context.Context, c streams.StreamsClient) {
	for ctx.Err() == nil {
		s.noteAll(c.Read(ctx, &streams.ReadReq{Options: &streams.ReadReq_Options{
			ReadDirection: streams.ReadReq_Options_Backwards,
			StreamOption:  &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_End{End: &shared.Empty{}}}},
			CountOption:   &streams.ReadReq_Options_Count{Count: 20},
			FilterOption:  &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
			UuidOption:    &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
		}}))
	}
}

// noteAll notes the events of a read until it ends.
func (s *story) noteAll(read streams.Streams_ReadClient, err error) {
	for err == nil {
		var r *streams.ReadResp
		if r, err = read.Recv(); err == nil && r.GetEvent() != nil {
			e := r.GetEvent().GetEvent()
			s.note(s.seen, e.GetId().GetString_(), e.GetCommitPosition())
		}
	}
}

// cuttable is a disk that can lose its power.
type cuttable struct {
	disk     *vfs.MemFS
	node     vfs.FS // what a node sees of it
	untilCut func() // returns at the moment of the cut
	afterCut func() // lets the node go on, so that it can end
}

// TestPowerCut cuts the power of a node at random moments while it is written to and read from, keeping a random part
// of what was not synced. What was acknowledged or shown before the cut must be there afterwards, at the same position;
// every append must be there as a whole or not at all.
func TestPowerCut(t *testing.T) {
	survivesCuts(t, *cuts, func(chance *rand.Rand) cuttable {
		disk := vfs.NewCrashableMem()
		return cuttable{disk, slowDisk(disk, 300*time.Microsecond), func() {
			time.Sleep(time.Duration(chance.IntN(12_000)+500) * time.Microsecond)
		}, func() {}}
	})
}

// TestPowerCutDuringASync lets no sync end any more from a random moment on, and cuts the power a little later, when
// whoever is shown what is not on disk has seen it.
func TestPowerCutDuringASync(t *testing.T) {
	survivesCuts(t, *ghosts, func(chance *rand.Rand) cuttable {
		disk := vfs.NewCrashableMem()
		g := newGate()
		return cuttable{disk, g.disk(disk), func() {
			time.Sleep(time.Duration(chance.IntN(4_000)+1_000) * time.Microsecond)
			g.shut()
			time.Sleep(5 * time.Millisecond)
		}, g.open}
	})
}

// survivesCuts cuts the power a number of times, each time of a new disk.
func survivesCuts(t *testing.T, cuts int, newDisk func(*rand.Rand) cuttable) {
	chance := random(t)
	appends, shown := 0, 0
	for cut := range cuts {
		acked, seen, after := cutPower(t, chance, newDisk(chance))
		appends, shown = appends+len(acked)/batchOf, shown+len(seen)
		events := afterCut(t, "log", after)
		for what, before := range map[string]map[string]uint64{"acknowledged": acked, "shown": seen} {
			for id, position := range before {
				if events[id] != position {
					t.Errorf("cut %d: event %s was %s at position %d, after the cut it is at %d (0: lost)", cut, id, what, position, events[id])
				}
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d cuts, %d appends acknowledged, %d events shown, 0 lost, 0 torn, 0 ghosts", cuts, appends, shown)
	if appends < cuts || shown < cuts {
		t.Errorf("the test saw %d appends and %d events in %d cuts: it tested nothing", appends, shown, cuts)
	}
}

// cutPower runs a node on a disk that is cut off, and returns what had happened before and what is left of the disk.
func cutPower(t *testing.T, chance *rand.Rand, d cuttable) (acked, seen map[string]uint64, after *vfs.MemFS) {
	t.Helper()
	n, err := node.Start(context.Background(), node.OnDisk(node.Options{Dir: "log", MemtableBytes: 1 << 20}, d.node, survive))
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := bare(t, n)
	s := &story{acked: make(map[string]uint64), seen: make(map[string]uint64)}
	var wg sync.WaitGroup
	for writer := range 4 {
		wg.Go(func() { s.writeUntil(ctx, c, fmt.Sprintf("writer-%d", writer)) })
	}
	wg.Go(func() { s.follow(ctx, c) })
	wg.Go(func() { s.lookUntil(ctx, c) })
	d.untilCut()
	acked, seen = s.snapshot()
	after = d.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: chance.IntN(101), RNG: rand.New(rand.NewPCG(chance.Uint64(), 1))})
	cancel()
	d.afterCut()
	if err := n.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	wg.Wait()
	return acked, seen, after
}

// afterCut checks what is left of a log, starts a node on it, and returns where every event is.
func afterCut(t *testing.T, dir string, disk vfs.FS) map[string]uint64 {
	t.Helper()
	if _, err := node.CheckOnDisk(dir, disk); err != nil {
		t.Errorf("check: %v", err)
	}
	n, err := node.Start(context.Background(), node.OnDisk(node.Options{Dir: dir, MemtableBytes: 1 << 20}, disk, survive))
	if err != nil {
		t.Fatalf("start again: %v", err)
	}
	defer n.Stop()
	c := dial(t, n)
	read, err := c.ReadAll(context.Background(), esdb.ReadAllOptions{From: esdb.Start{}}, 1<<40)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	defer read.Close()
	events := make(map[string]uint64)
	lengths := make(map[string]int)
	for {
		e, err := read.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		events[e.Event.EventID.String()] = e.Event.Position.Commit
		lengths[e.Event.StreamID]++
	}
	for stream, length := range lengths {
		if strings.HasPrefix(stream, "writer-") && length%batchOf != 0 {
			t.Errorf("stream %s has %d events: an append of %d is torn", stream, length, batchOf)
		}
	}
	last := uint64(len(events))
	if r := appendEvents(t, c, "after", esdb.NoStream{}, event("x")); r.CommitPosition != last+1 {
		t.Errorf("the log goes on at position %d after %d", r.CommitPosition, last)
	}
	return events
}

// TestNothingUnsyncedIsShown holds the disk back: while a sync lasts, neither readers nor subscribers nor the answers
// to others may show that anybody has written.
func TestNothingUnsyncedIsShown(t *testing.T) {
	var hold atomic.Bool
	release := make(chan struct{})
	letGo := sync.OnceFunc(func() { hold.Store(false); close(release) })
	held := make(chan struct{}, 64)
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if hold.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			held <- struct{}{}
			<-release
		}
		return nil
	}))
	n := start(t, node.OnDisk(node.Options{Dir: "log"}, disk, survive))
	t.Cleanup(letGo) // before the node is stopped
	c := bare(t, n)
	id := uuid.NewString()
	answers := make(chan string, 3)
	attempt := func(expected, id string) {
		r, _, err := bareAppend(c, expecting("s", expected), message(id, "T", "{}"))
		answers <- fmt.Sprintf("%v %v %v", r.GetSuccess() != nil, r.GetWrongExpectedVersion() != nil, err)
	}
	hold.Store(true)
	before := n.Durable()
	go attempt("none", id)
	<-held                               // the event is in Pebble and its sync has begun
	go attempt("none", id)               // the same append again
	go attempt("none", uuid.NewString()) // another writer, who comes second
	events, err := readAllOf(t, dial(t, n), "s", esdb.ReadStreamOptions{From: esdb.Start{}})
	var e *esdb.Error
	if !errors.As(err, &e) || e.Code() != esdb.ErrorCodeResourceNotFound {
		t.Errorf("a reader was shown %v, error %v", events, err)
	}
	select {
	case a := <-answers:
		t.Fatalf("an answer came while the sync lasted: %s", a)
	case <-time.After(50 * time.Millisecond): // long enough for a wrong answer to come
	}
	if n.Durable() != before {
		t.Errorf("durable position went from %d to %d while the sync lasted", before, n.Durable())
	}
	letGo()
	got := map[string]int{<-answers: 1}
	got[<-answers]++
	got[<-answers]++
	if got["true false <nil>"] != 2 || got["false true <nil>"] != 1 {
		t.Errorf("answers are %v, want two successes and one conflict", got)
	}
}
