package eventstore_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore/logtest"
)

// BenchmarkAppend appends one event at a time, durably, each caller to a stream of its own.
// Run: go test -run xxx -bench . ./infra/eventstore
func BenchmarkAppend(b *testing.B) {
	store := openStore(b, startServer(b, socket(b)).url())
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			var wait sync.WaitGroup
			for range callers {
				wait.Go(func() {
					stream := logtest.Stream("order")
					for i := range (b.N + callers - 1) / callers {
						event := logtest.Propose(domain.OrderCancelled{Order: "o-1"})
						if _, err := store.Append(b.Context(), stream, domain.Revision(i-1), event); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wait.Wait()
		})
	}
}

// BenchmarkCatchUp reads a whole log in both ways.
func BenchmarkCatchUp(b *testing.B) {
	store := openStore(b, startServer(b, socket(b)).url())
	const events, batch = 50_000, 1000
	for i := 0; i < events; i += batch {
		if _, err := store.Append(b.Context(), "order-1", domain.Revision(i-1), logtest.Propose(logtest.Numbered(batch)...)); err != nil {
			b.Fatal(err)
		}
	}
	for name, read := range map[string]func(see func(n int) error) error{
		"history": func(see func(int) error) error {
			for _, err := range store.History(b.Context(), 0) {
				if err := errors.Join(err, see(1)); err != nil {
					return err
				}
			}
			return nil
		},
		"follow": func(see func(int) error) error {
			return store.Follow(b.Context(), 0, func(page []domain.Record) error { return see(len(page)) })
		},
	} {
		b.Run(name, func(b *testing.B) {
			all := errors.New("all")
			for range b.N {
				seen := 0
				err := read(func(n int) error {
					if seen += n; seen == events {
						return all
					}
					return nil
				})
				if !errors.Is(err, all) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
