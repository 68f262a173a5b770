package node_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/infra/node"
)

// Benchmarks compare the node with its parts and with what a team would use instead. The sides take turns in one run,
// and ratios are taken turn by turn, since rates alone mean little on a shared machine.
const (
	benchSlice   = time.Second
	benchRepeats = 5
	benchEvents  = 10 // events per stream, each appended on its own
)

// turn is one measurement of one side.
type turn struct {
	rate float64 // operations a second
	cpu  float64 // microseconds of processor time per operation, mostly of this process: what Postgres spends is not in it
}

// inTurns measures each side once to warm it up, then all of them one after the other, several times.
func inTurns(sides ...func() turn) [][]turn {
	for _, side := range sides {
		side()
	}
	turns := make([][]turn, len(sides))
	for range benchRepeats {
		for i, side := range sides {
			turns[i] = append(turns[i], side())
		}
	}
	return turns
}

// each calculates something from the turns that belong together.
func each(calculate func(i int) float64) []float64 {
	var values []float64
	for i := range benchRepeats {
		values = append(values, calculate(i))
	}
	return values
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// report prints the median of a ratio and its range.
func report(b *testing.B, name string, values []float64) {
	b.ReportMetric(median(values), name)
	b.ReportMetric(slices.Min(values), name+"-lowest")
	b.ReportMetric(slices.Max(values), name+"-highest")
}

// reportSide prints the medians of one side.
func reportSide(b *testing.B, name string, turns []turn) {
	b.ReportMetric(median(each(func(i int) float64 { return turns[i].rate })), name+"/s")
	b.ReportMetric(median(each(func(i int) float64 { return turns[i].cpu })), name+"-us")
}

// clock measures what happens between its start and stop.
type clock struct {
	began  time.Time
	before time.Duration
	spent  func() time.Duration // processor time so far
}

func startClock(spent func() time.Duration) clock { return clock{time.Now(), spent(), spent} }

func (c clock) stop(operations int64) turn {
	return turn{float64(operations) / time.Since(c.began).Seconds(),
		float64((c.spent() - c.before).Microseconds()) / float64(operations)}
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchEvent is an event of 400 bytes and 90 bytes of metadata.
func benchEvent() esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: "ItemAddedToCart", ContentType: esdb.ContentTypeJson, Data: benchData, Metadata: benchMetadata}
}

var (
	benchData     = []byte(`{"text":"` + strings.Repeat("x", 389) + `"}`)
	benchMetadata = []byte(`{"actor":"` + strings.Repeat("y", 78) + `"}`)
)

// appendFunc appends one event to a stream as the given revision.
type appendFunc func(stream string, revision int64, e esdb.EventData) error

// appending is a side on which callers append for a while, each to streams of its own.
func appending(b *testing.B, callers int, write appendFunc) func() turn {
	return appendingTo(b, callers, processorTime, write)
}

// appendingTo is appending where the processor time of somebody else counts.
func appendingTo(b *testing.B, callers int, spent func() time.Duration, write appendFunc) func() turn {
	return func() turn {
		var count atomic.Int64
		var wg sync.WaitGroup
		c := startClock(spent)
		for range callers {
			wg.Go(func() {
				for time.Since(c.began) < benchSlice {
					stream := "order-" + uuid.NewString()
					for revision := range int64(benchEvents) {
						if err := write(stream, revision, benchEvent()); err != nil {
							b.Errorf("append: %v", err)
							return
						}
						count.Add(1)
					}
				}
			})
		}
		wg.Wait()
		return c.stop(count.Load())
	}
}

func bareStore(b *testing.B) appendFunc {
	bare, err := node.OpenBareStore(b.TempDir() + "/bare")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { bare.Close() })
	var position atomic.Uint64
	return func(stream string, revision int64, e esdb.EventData) error {
		return bare.Write(stream, revision, position.Add(1), e.EventID, e.EventType, e.Metadata, e.Data)
	}
}

func instantServer(b *testing.B, messages [][]byte) (address string) {
	address, stop, err := node.ServeInstantly(messages)
	if err != nil {
		b.Fatal(fmt.Errorf("serve without a store: %w", err))
	}
	b.Cleanup(stop)
	return address
}
