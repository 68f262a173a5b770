package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/infra/node"
)

const (
	benchSlice   = time.Second
	benchRepeats = 5
	benchEvents  = 10 // events per stream, each appended on its own
)

// BenchmarkDurableAppend compares the node with the limit of its parts, in slices of one run:
//
//	A  the official client against the same gRPC server without a store
//	P  the same keys straight into Pebble, each batch synced
//	N  the official client against the node
//	C = 1/(1/A + 1/P), what a node could reach that does one after the other
//
// It prints medians of N/C over the repeats. Rates alone mean little on a shared machine; ratios hold.
//
//	go test ./infra/node -run '^$' -bench DurableAppend -benchtime 1x
func BenchmarkDurableAppend(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			for range b.N {
				ratios(b, callers)
			}
		})
	}
}

func ratios(b *testing.B, callers int) {
	n := start(b, node.Options{Dir: b.TempDir() + "/node"})
	durable := appender(dial(b, n))
	address, stop, err := node.ServeInstantly()
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	instant := appender(dialAddress(b, address))
	bare, err := node.OpenBareStore(b.TempDir() + "/bare")
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	var position atomic.Uint64
	pebble := func(stream string, revision int64, e esdb.EventData) error {
		return bare.Write(stream, revision, position.Add(1), e.EventID, e.EventType, e.Metadata, e.Data)
	}
	rate(b, callers, durable, benchSlice/2) // connections and caches
	rate(b, callers, instant, benchSlice/2)
	var a, p, d, ratio []float64
	for range benchRepeats {
		a = append(a, rate(b, callers, instant, benchSlice))
		d = append(d, rate(b, callers, durable, benchSlice))
		p = append(p, rate(b, callers, pebble, benchSlice))
		last := len(a) - 1
		ratio = append(ratio, d[last]*(1/a[last]+1/p[last]))
	}
	b.ReportMetric(median(a), "A/s")
	b.ReportMetric(median(p), "P/s")
	b.ReportMetric(median(d), "N/s")
	b.ReportMetric(median(ratio), "N/C")
	b.ReportMetric(slices.Min(ratio), "N/C-lowest")
	b.ReportMetric(slices.Max(ratio), "N/C-highest")
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

type appendFunc func(stream string, revision int64, e esdb.EventData) error

func appender(c *esdb.Client) appendFunc {
	return func(stream string, revision int64, e esdb.EventData) error {
		var expected esdb.ExpectedRevision = esdb.NoStream{}
		if revision > 0 {
			expected = esdb.Revision(uint64(revision - 1))
		}
		_, err := c.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, e)
		return err
	}
}

// rate appends for a while and returns appends per second.
func rate(b *testing.B, callers int, write appendFunc, duration time.Duration) float64 {
	data := []byte(`{"text":"` + strings.Repeat("x", 389) + `"}`)
	metadata := []byte(`{"actor":"` + strings.Repeat("y", 78) + `"}`)
	var count atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range callers {
		wg.Go(func() {
			for time.Since(began) < duration {
				stream := "order-" + uuid.NewString()
				for revision := range int64(benchEvents) {
					e := esdb.EventData{EventID: uuid.New(), EventType: "ItemAddedToCart", ContentType: esdb.ContentTypeJson, Data: data, Metadata: metadata}
					if err := write(stream, revision, e); err != nil {
						b.Errorf("append: %v", err)
						return
					}
					count.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(count.Load()) / time.Since(began).Seconds()
}

// BenchmarkCatchUp is the official client reading a log from its beginning, in events a second.
func BenchmarkCatchUp(b *testing.B) {
	const events = 100_000
	c := dial(b, start(b, node.Options{Dir: b.TempDir() + "/node"}))
	for range events / 500 {
		appendEvents(b, c, "s", esdb.Any{}, eventsOf(500)...)
	}
	b.ResetTimer()
	for range b.N {
		s := subscribeStream(b, c, "s", esdb.Start{})
		for range events {
			next(b, s)
		}
		s.Close()
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
