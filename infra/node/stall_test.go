package node_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"netrom.pl/portal/infra/node"
)

// The long variant: go test ./infra/node -run TestStalledDisk -stall 30s
var stall = flag.Duration("stall", time.Second, "how long no sync ends in TestStalledDisk")

// gate holds back the syncs of a disk while it is shut.
type gate struct {
	mu      sync.Mutex
	passing chan struct{} // closed while the gate is open
}

func newGate() *gate {
	g := &gate{passing: make(chan struct{})}
	close(g.passing)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passing = make(chan struct{})
}

// open lets all go on who wait. The gate must be shut.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.passing)
}

// disk is a disk whose syncs pass the gate.
func (g *gate) disk(fs vfs.FS) vfs.FS {
	return beforeSync(fs, func() {
		g.mu.Lock()
		passing := g.passing
		g.mu.Unlock()
		<-passing
	})
}

// beforeSync is a disk that does something before each sync.
func beforeSync(fs vfs.FS, do func()) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if isSync(op.Kind) {
			do()
		}
		return nil
	}))
}

func isSync(k errorfs.OpKind) bool {
	return k == errorfs.OpFileSync || k == errorfs.OpFileSyncData || k == errorfs.OpFileSyncTo
}

// TestSlowDisk lets every sync take 50 to 500 ms: many callers share one, so all are answered in time, and after a
// power cut all is there.
func TestSlowDisk(t *testing.T) {
	const callers, each, deadline = 32, 3, 10 * time.Second
	disk := vfs.NewCrashableMem()
	var slow atomic.Bool
	n := start(t, node.OnDisk(node.Options{Dir: "log"}, beforeSync(disk, func() {
		if slow.Load() {
			time.Sleep(50*time.Millisecond + rand.N(450*time.Millisecond))
		}
	}), survive))
	t.Cleanup(func() { slow.Store(false) })
	slow.Store(true)
	c := dial(t, n)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range each {
				ctx, cancel := context.WithTimeout(context.Background(), deadline)
				_, err := c.AppendToStream(ctx, fmt.Sprint("s-", i), esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("x"))
				cancel()
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	events := afterCut(t, "log", disk.CrashClone(vfs.CrashCloneCfg{}))
	t.Logf("%d appends of %d callers answered within %v, none missing after a power cut", callers*each, callers, deadline)
	if got := n.Durable(); uint64(len(events)) < got || got < callers*each {
		t.Errorf("after the cut %d events are left of %d", len(events), got)
	}
}

// TestStalledDisk lets no sync end for a while. Callers hear of it when their time is up, no sooner and not much
// later; readers read on; what the callers that give up leave behind in the node is bounded; and when the disk goes on, an
// append that was repeated all the time is stored once.
func TestStalledDisk(t *testing.T) {
	const callers, slack = 32, 10 * time.Second // the machine may be busy with other things
	g := newGate()
	disk := vfs.NewCrashableMem()
	n := start(t, node.OnDisk(node.Options{Dir: "log"}, g.disk(disk), survive))
	c := dial(t, n)
	appendEvents(t, c, "before", esdb.Any{}, event("x"))
	idle := runtime.NumGoroutine()
	g.shut()
	reopen := sync.OnceFunc(g.open)
	t.Cleanup(reopen)
	var tries, ended, patience atomic.Int64 // patience of a caller in nanoseconds
	patience.Store(int64(100 * time.Millisecond))
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			mine := event("x")
			mine.Metadata = fmt.Appendf(nil, `"%020000d"`, i)
			for {
				wait := time.Duration(patience.Load())
				ctx, cancel := context.WithTimeout(context.Background(), wait)
				began := time.Now()
				_, err := c.AppendToStream(ctx, fmt.Sprint("s-", i), esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, mine)
				cancel()
				tries.Add(1)
				if took := time.Since(began); took > wait+slack {
					t.Errorf("caller %d wanted to wait %v and waited %v", i, wait, took)
				}
				if err == nil {
					ended.Add(1)
					return
				}
				// Somebody else, who does not come back.
				ctx, cancel = context.WithTimeout(context.Background(), wait)
				other := mine
				other.EventID = uuid.New()
				c.AppendToStream(ctx, "abandoned", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, other)
				cancel()
				time.Sleep(time.Millisecond) // a refusal comes at once
			}
		})
	}
	most := 0
	for began := time.Now(); time.Since(began) < *stall; time.Sleep(10 * time.Millisecond) {
		most = max(most, runtime.NumGoroutine()-idle)
		if events, err := readAllOf(t, c, "before", esdb.ReadStreamOptions{From: esdb.Start{}}); err != nil || len(events) != 1 {
			t.Fatalf("while the disk stood still a reader got %d events, error %v", len(events), err)
		}
	}
	if ended.Load() > 0 {
		t.Errorf("%d appends were acknowledged while the disk stood still", ended.Load())
	}
	patience.Store(int64(time.Minute))
	reopen()
	wg.Wait()
	t.Logf("%d tries of %d callers in %v, at most %d goroutines more than before", tries.Load(), callers, *stall, most)
	if tries.Load() < 2*callers {
		t.Errorf("%d tries: nobody ever gave up, nothing was tested", tries.Load())
	}
	if limit := node.MaxUnsettled + 20*callers; most > limit {
		t.Errorf("%d goroutines, want at most %d", most, limit)
	}
	for i := range callers {
		if events, err := readAllOf(t, c, fmt.Sprint("s-", i), esdb.ReadStreamOptions{From: esdb.Start{}}); err != nil || len(events) != 1 {
			t.Errorf("caller %d: %d events, error %v", i, len(events), err)
		}
	}
	afterCut(t, "log", disk.CrashClone(vfs.CrashCloneCfg{}))
}

// TestTooManyUnsettled lets more calls wait for the disk than may: the others are refused at once, a reader on the same
// connection is served, and when the disk goes on all that waited are answered.
func TestTooManyUnsettled(t *testing.T) {
	const tooMany = 50
	g := newGate()
	n := start(t, node.OnDisk(node.Options{Dir: "log"}, g.disk(vfs.NewMem()), survive))
	c := bare(t, n)
	g.shut()
	reopen := sync.OnceFunc(g.open)
	t.Cleanup(reopen)
	results := make(chan error, node.MaxUnsettled+tooMany)
	for range node.MaxUnsettled + tooMany {
		go func() {
			_, _, err := bareAppend(c, expecting("s", "any"), message(uuid.NewString(), "T", "{}"))
			results <- err
		}()
	}
	for range tooMany {
		if err := <-results; status.Code(err) != codes.ResourceExhausted {
			t.Fatalf("while the disk stood still an append ended with %v", err)
		}
	}
	if _, _, err := bareRead(c, readStreamOptions("s")); err != nil {
		t.Errorf("while the disk stood still a read ended with %v", err)
	}
	reopen()
	for range node.MaxUnsettled {
		if err := <-results; err != nil {
			t.Fatalf("an append that waited ended with %v", err)
		}
	}
}
