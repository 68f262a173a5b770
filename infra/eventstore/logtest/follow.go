package logtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
)

// Follower collects what Follow hands over, until it is stopped.
type Follower struct {
	mu      sync.Mutex
	records []domain.Record
	grown   chan struct{} // closed and replaced when records arrive
	cancel  context.CancelFunc
	done    chan error
}

// Follow starts a follower. It fails the test when records come out of order, twice, or
// from the server's own streams.
func Follow(t *testing.T, log domain.Log, after domain.Position) *Follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &Follower{grown: make(chan struct{}), cancel: cancel, done: make(chan error, 1)}
	go func() {
		last := after
		f.done <- log.Follow(ctx, after, func(page []domain.Record) error {
			if len(page) == 0 {
				t.Error("Follow handed over an empty page")
			}
			for _, record := range page {
				if record.Position <= last || record.Stream[0] == '$' {
					t.Errorf("position %d, in %s, came after %d", record.Position, record.Stream, last)
				}
				last = record.Position
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.records = append(f.records, page...)
			close(f.grown)
			f.grown = make(chan struct{})
			return nil
		})
	}()
	t.Cleanup(cancel)
	return f
}

// Await waits until n records of a stream have arrived and answers them.
func (f *Follower) Await(t *testing.T, stream string, n int) []domain.Record {
	t.Helper()
	deadline := time.After(patience)
	for {
		f.mu.Lock()
		records, grown := of(f.records, stream), f.grown
		f.mu.Unlock()
		if len(records) >= n {
			return records
		}
		select {
		case <-grown:
		case err := <-f.done:
			t.Fatalf("Follow ended after %d of %d records: %v", len(records), n, err)
		case <-deadline:
			t.Fatalf("%d of %d records arrived in %v", len(records), n, patience)
		}
	}
}

// Stop ends the follower's context and waits for Follow to return.
func (f *Follower) Stop(t *testing.T) {
	t.Helper()
	f.cancel()
	select {
	case err := <-f.done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Follow ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Follow did not end with its context")
	}
}

func followStays(t *testing.T, ctx context.Context, log domain.Log) {
	start := mustAppend(t, ctx, log, Stream("order"), domain.NoStream, Propose(Numbered(1)...))
	stream := Stream("order")
	old := Propose(Numbered(1100)...)
	mustAppend(t, ctx, log, stream, domain.NoStream, old)
	follower := Follow(t, log, start)
	follower.Await(t, stream, len(old))
	for i := range 50 { // one at a time: nothing waits for a page to fill
		live := Propose(Numbered(1)...)
		mustAppend(t, ctx, log, stream, domain.Revision(len(old)-1), live)
		old = append(old, live...)
		if i%10 == 0 {
			follower.Await(t, stream, len(old))
		}
	}
	records := follower.Await(t, stream, len(old))
	follower.Stop(t)
	if !slices.Equal(Ids(records), idsOf(old)) {
		t.Errorf("%d records in another order than the %d appended", len(records), len(old))
	}
	again := Follow(t, log, records[1000].Position)
	rest := again.Await(t, stream, len(old)-1001)
	again.Stop(t)
	if !slices.Equal(Ids(rest), idsOf(old[1001:])) {
		t.Errorf("after position %d came %d records, first revision %d", records[1000].Position, len(rest), rest[0].Revision)
	}
}

func followStops(t *testing.T, ctx context.Context, log domain.Log) {
	start := mustAppend(t, ctx, log, Stream("order"), domain.NoStream, Propose(Numbered(1)...))
	mustAppend(t, ctx, log, Stream("order"), domain.NoStream, Propose(Numbered(5)...))
	enough := errors.New("enough")
	pages := 0
	err := log.Follow(ctx, start, func([]domain.Record) error { pages++; return enough })
	if err != enough || pages != 1 {
		t.Errorf("Follow answered %v after %d pages", err, pages)
	}
}

func manyWriters(t *testing.T, ctx context.Context, log domain.Log) {
	stream := Stream("order")
	start := mustAppend(t, ctx, log, stream, domain.NoStream, Propose(Numbered(1)...))
	const writers, each = 32, 2
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for range each {
				mine := Propose(Numbered(2)...)
				for {
					loaded, err := domain.Load[count](ctx, log, stream)
					if err == nil {
						_, err = log.Append(ctx, stream, loaded.Revision, mine)
					}
					if err == nil {
						break
					}
					if !errors.Is(err, domain.ErrConflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wait.Wait()
	records := Collect(t, log.Read(ctx, stream, 1))
	ids := Ids(records)
	slices.Sort(ids)
	if len(records) != 2*writers*each || len(slices.Compact(ids)) != len(records) {
		t.Errorf("%d records of %d different events, %d were appended", len(records), len(slices.Compact(ids)), 2*writers*each)
	}
	if history := of(Collect(t, log.History(ctx, start)), stream); !slices.Equal(Ids(history), Ids(records)) {
		t.Error("the stream and the log have different orders")
	}
}

// count is a state that only knows how many events there are.
type count int

func (c *count) Evolve(domain.Event) { *c++ }

// contention has many callers ask for the same few versions through Execute; each version is released once.
func contention(t *testing.T, ctx context.Context, log domain.Log) {
	program := domain.ProgramID("p" + strings.ReplaceAll(uuid.NewString(), "-", "")[:20])
	by := func(command string) domain.Cause {
		return domain.Cause{Command: command, Actor: "system:test", At: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	}
	if _, err := domain.Execute(ctx, log, by(uuid.NewString()), domain.ListProgram{Program: program, Name: "Magazyn"}); err != nil {
		t.Fatal(err)
	}
	warm := domain.KeepWarm(log, 100)
	const callers, versions = 16, 5
	var wait sync.WaitGroup
	for caller := range callers {
		through := log
		if caller%2 == 0 {
			through = warm
		}
		wait.Go(func() {
			for v := range versions {
				for {
					_, err := domain.Execute(ctx, through, by(uuid.NewString()), domain.ReleaseVersion{
						Program: program, Version: domain.Version(fmt.Sprintf("%d.0", v+1)), Edition: domain.SingleStation})
					if err == nil {
						break
					}
					if !errors.Is(err, domain.ErrConflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wait.Wait()
	released := map[domain.Event]int{}
	for _, record := range Collect(t, log.Read(ctx, domain.ProgramStream(program), 1)) {
		released[record.Event]++
	}
	if len(released) != versions {
		t.Errorf("%d different versions were released, %d asked for: %v", len(released), versions, released)
	}
	for event, times := range released {
		if times != 1 {
			t.Errorf("%v was released %d times", event, times)
		}
	}
}

func endedContext(t *testing.T, ctx context.Context, log domain.Log) {
	stream := Stream("order")
	mustAppend(t, ctx, log, stream, domain.NoStream, Propose(Numbered(1)...))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	check := func(what string, err error) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s under an ended context: %v", what, err)
		}
	}
	_, err := log.Append(ended, stream, 0, Propose(Numbered(1)...))
	check("Append", err)
	for _, err = range log.Read(ended, stream, 0) {
		break
	}
	check("Read", err)
	for _, err = range log.History(ended, 0) {
		break
	}
	check("History", err)
	check("Follow", log.Follow(ended, 0, func([]domain.Record) error { return nil }))
	if n := len(Collect(t, log.Read(ctx, stream, 0))); n != 1 {
		t.Errorf("the stream has %d events", n)
	}
}

// endingContext ends contexts in the middle of things; what was not refused by then is there whole or not at all.
func endingContext(t *testing.T, ctx context.Context, log domain.Log) {
	stream := Stream("order")
	start := mustAppend(t, ctx, log, stream, domain.NoStream, Propose(Numbered(400)...))
	for name, records := range map[string]func(context.Context) error{
		"Read":    func(ctx context.Context) error { return drain(log.Read(ctx, stream, 0)) },
		"History": func(ctx context.Context) error { return drain(log.History(ctx, 0)) },
	} {
		reading, cancel := context.WithCancel(ctx)
		go cancel()
		if err := records(reading); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	follower := Follow(t, log, start) // at the head: waits
	follower.Stop(t)
	next := domain.Revision(399)
	for range 20 {
		writing, cancel := context.WithCancel(ctx)
		go cancel()
		_, err := log.Append(writing, stream, next, Propose(Numbered(2)...))
		cancel()
		loaded, lerr := domain.Load[count](ctx, log, stream)
		if lerr != nil {
			t.Fatal(lerr)
		}
		if n := loaded.Revision - next; n != 2 && (err == nil || n != 0) {
			t.Errorf("append answered %v and left %d of 2 events", err, n)
		}
		// An append under way may still arrive; the conflict check sorts it out, so go on from what is there.
		next = loaded.Revision
	}
}
