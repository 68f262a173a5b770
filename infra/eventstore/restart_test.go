package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/eventstore/logtest"
)

const patience = time.Minute

// await waits for a condition, and says which one did not come.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in %v", what, patience)
		}
	}
}

// failures counts the warnings with which a store says that it tries again.
type failures struct {
	slog.Handler
	count atomic.Int64
}

func (f *failures) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		f.count.Add(1)
	}
	return f.Handler.Handle(ctx, r)
}

func openCounting(t *testing.T, url string) (*eventstore.Store, *failures) {
	t.Helper()
	counted := &failures{Handler: slog.DiscardHandler}
	counted.Handler = slog.NewTextHandler(t.Output(), nil)
	store, err := eventstore.Open(eventstore.Options{URL: url, Keys: logtest.Keys{}, Logger: slog.New(counted)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store, counted
}

// Writers, readers and followers do not notice that the server was away, apart from the wait.
func TestServerRestarts(t *testing.T) {
	for _, listen := range []string{socket(t), "127.0.0.1:0"} {
		t.Run(listen[:4], func(t *testing.T) {
			ctx := ctxFor(t, 2*patience)
			server := startServer(t, listen)
			store, failed := openCounting(t, server.url())
			follower := logtest.Follow(t, store, 0)

			const writers, restarts = 8, 3
			var written [writers]atomic.Int64
			streams, proposed := make([]string, writers), make([][]domain.Proposed, writers)
			stop := make(chan struct{})
			var wait sync.WaitGroup
			for w := range writers {
				streams[w] = logtest.Stream("order")
				wait.Go(func() {
					for last := domain.NoStream; ; last++ {
						select {
						case <-stop:
							return
						default:
						}
						next := logtest.Propose(logtest.Numbered(1)...)
						if _, err := store.Append(ctx, streams[w], last, next); err != nil {
							t.Errorf("append %d of writer %d: %v", last+1, w, err)
							return
						}
						proposed[w] = append(proposed[w], next...)
						written[w].Add(1)
					}
				})
			}
			for range restarts {
				for w := range writers {
					before := written[w].Load()
					await(t, "more events of a writer", func() bool { return t.Failed() || written[w].Load() >= before+5 })
				}
				server.stop(t)
				before := failed.count.Load()
				await(t, "writers and follower noticing", func() bool { return failed.count.Load() >= before+writers+1 })
				server.start(t)
			}
			close(stop)
			wait.Wait()
			for w, stream := range streams {
				want := []string{}
				for _, p := range proposed[w] {
					want = append(want, p.ID)
				}
				if ids := logtest.Ids(logtest.Collect(t, store.Read(ctx, stream, 0))); !slices.Equal(ids, want) {
					t.Errorf("writer %d appended %d events, its stream has %d", w, len(want), len(ids))
				}
				if ids := logtest.Ids(follower.Await(t, stream, len(want))); !slices.Equal(ids, want) {
					t.Errorf("writer %d appended %d events, the follower saw %d", w, len(want), len(ids))
				}
			}
			follower.Stop(t)
		})
	}
}

// A restart in the middle of a long read goes unnoticed.
func TestReadGoesOnAfterACut(t *testing.T) {
	ctx := ctxFor(t, patience)
	server := startServer(t, "127.0.0.1:0")
	direct, proxy := openStore(t, server.url()), startProxy(t, server.options.Listen)
	through, failed := openCounting(t, proxy.url())
	stream := logtest.Stream("order")
	const batches, size = 20, 500
	for i := range batches {
		if _, err := direct.Append(ctx, stream, domain.Revision(i*size-1), logtest.Propose(logtest.Numbered(size)...)); err != nil {
			t.Fatal(err)
		}
	}
	for name, read := range map[string]func() (n int, err error){
		"Read": func() (n int, err error) {
			for record, err := range through.Read(ctx, stream, 0) {
				if err != nil || record.Revision != domain.Revision(n) {
					return n, fmt.Errorf("revision %d came as number %d: %w", record.Revision, n, err)
				}
				if n++; n%3000 == 0 {
					proxy.cut()
				}
			}
			return n, nil
		},
		"History": func() (n int, err error) {
			for record, err := range through.History(ctx, 0) {
				if err != nil || record.Revision != domain.Revision(n) {
					return n, fmt.Errorf("revision %d came as number %d: %w", record.Revision, n, err)
				}
				if n++; n%3000 == 0 {
					proxy.cut()
				}
			}
			return n, nil
		},
	} {
		before := failed.count.Load()
		if n, err := read(); n != batches*size || err != nil {
			t.Errorf("%s: %d of %d events: %v", name, n, batches*size, err)
		}
		if failed.count.Load() == before {
			t.Errorf("%s: no connection broke, so nothing was tested", name)
		}
	}
}

func TestFollowGoesOnAfterCuts(t *testing.T) {
	ctx := ctxFor(t, patience)
	server := startServer(t, "127.0.0.1:0")
	direct, proxy := openStore(t, server.url()), startProxy(t, server.options.Listen)
	through, failed := openCounting(t, proxy.url())
	follower := logtest.Follow(t, through, 0)
	stream := logtest.Stream("order")
	var want []string
	for i := range 200 {
		next := logtest.Propose(logtest.Numbered(3)...)
		if _, err := direct.Append(ctx, stream, domain.Revision(i*3-1), next); err != nil {
			t.Fatal(err)
		}
		for _, p := range next {
			want = append(want, p.ID)
		}
		if i%40 == 39 {
			follower.Await(t, stream, len(want)-10)
			proxy.cut()
		}
	}
	if ids := logtest.Ids(follower.Await(t, stream, len(want))); !slices.Equal(ids, want) {
		t.Errorf("%d events appended, %d followed", len(want), len(ids))
	}
	if failed.count.Load() == 0 {
		t.Error("no connection broke, so nothing was tested")
	}
	follower.Stop(t)
}

// The server writes, its answer gets lost, and others write before the store can ask again: still one success.
func TestLostAnswer(t *testing.T) {
	for name, othersFirst := range map[string]bool{"alone": false, "others write behind": true} {
		t.Run(name, func(t *testing.T) {
			ctx := ctxFor(t, patience)
			server := startServer(t, "127.0.0.1:0")
			direct, proxy := openStore(t, server.url()), startProxy(t, server.options.Listen)
			through, failed := openCounting(t, proxy.url())
			stream := logtest.Stream("customer")
			if err := through.Ping(ctx); err != nil { // so that only the append itself loses its answer
				t.Fatal(err)
			}
			proxy.deaf.Store(true)
			mine := logtest.Propose(domain.ActivationEmailCorrected{Customer: "k-1", Licence: "l-1", Email: "a@example.pl"})
			type answer struct {
				position domain.Position
				err      error
			}
			answered := make(chan answer)
			go func() {
				position, err := through.Append(ctx, stream, domain.NoStream, mine)
				answered <- answer{position, err}
			}()
			var written []domain.Record
			await(t, "the event in the log", func() bool {
				written = logtest.Collect(t, direct.Read(ctx, stream, 0))
				return len(written) == 1
			})
			if othersFirst {
				if _, err := direct.Append(ctx, stream, 0, logtest.Propose(logtest.Numbered(2)...)); err != nil {
					t.Fatal(err)
				}
			}
			proxy.deaf.Store(false)
			proxy.cut()
			if got := <-answered; got.err != nil || got.position != written[0].Position {
				t.Errorf("answered %d, %v; the event is at %d", got.position, got.err, written[0].Position)
			}
			if failed.count.Load() == 0 {
				t.Error("no answer was lost, so nothing was tested")
			}
			want := 1
			if othersFirst {
				want = 3
			}
			if n := len(logtest.Collect(t, direct.Read(ctx, stream, 0))); n != want {
				t.Errorf("the stream has %d events instead of %d", n, want)
			}
		})
	}
}

// The request gets lost before the server has it, and somebody else is first: a conflict.
func TestLostRequest(t *testing.T) {
	ctx := ctxFor(t, patience)
	server := startServer(t, "127.0.0.1:0")
	stream := logtest.Stream("order")
	store, failed := openCounting(t, server.url())
	if err := store.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	server.stop(t)
	answered := make(chan error)
	go func() {
		_, err := store.Append(ctx, stream, domain.NoStream, logtest.Propose(logtest.Numbered(1)...))
		answered <- err
	}()
	await(t, "a failed try", func() bool { return failed.count.Load() > 0 })
	elsewhere := *server
	elsewhere.options.Listen = "127.0.0.1:0"
	elsewhere.start(t)
	if _, err := openStore(t, elsewhere.url()).Append(ctx, stream, domain.NoStream, logtest.Propose(logtest.Numbered(1)...)); err != nil {
		t.Fatal(err)
	}
	elsewhere.stop(t)
	server.start(t)
	if err := <-answered; !errors.Is(err, domain.ErrConflict) {
		t.Errorf("answered %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, at := range map[string]struct{ url, names string }{
		"nothing there": {"esdb://portal:secret@127.0.0.1:1?tls=false", "esdb://127.0.0.1:1"},
		"no socket":     {"unix:/nowhere/socket", "unix:/nowhere/socket"},
		"silence":       {"esdb://" + silent.Addr().String() + "?tls=false&gossipTimeout=1", silent.Addr().String()},
	} {
		t.Run(name, func(t *testing.T) {
			store := openStore(t, at.url)
			for what, call := range map[string]func(context.Context) error{
				"Ping": store.Ping,
				"Append": func(ctx context.Context) error {
					_, err := store.Append(ctx, "order-1", 0, logtest.Propose(logtest.Numbered(1)...))
					return err
				},
				"Read": func(ctx context.Context) (err error) {
					for _, err = range store.Read(ctx, "order-1", 0) {
					}
					return err
				},
				"Follow": func(ctx context.Context) error {
					return store.Follow(ctx, 0, func([]domain.Record) error { return nil })
				},
			} {
				start := time.Now()
				err := call(ctxFor(t, 200*time.Millisecond))
				if err == nil || what != "Ping" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", what, err)
					continue
				}
				for _, part := range []string{"EVENTSTORE_URL", "start it", at.names} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%s: %v\nsays nothing about %s", what, err, part)
					}
				}
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("%s tells the password: %v", what, err)
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("%s took %v under a context of 200 ms", what, took)
				}
			}
		})
	}
}

func TestOpenRefusesAddresses(t *testing.T) {
	for _, url := range []string{"", "localhost:2113", "http://localhost:2113", "esdb://", "esdb://portal:secret@host:port", "esdb://portal:secret@ho st"} {
		store, err := eventstore.Open(eventstore.Options{URL: url})
		if err == nil {
			store.Close()
			t.Errorf("%q was accepted", url)
		} else if !strings.Contains(err.Error(), "EVENTSTORE_URL") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// Close ends what waits, and leaves nothing running behind.
func TestClose(t *testing.T) {
	ctx := ctxFor(t, patience)
	server := startServer(t, "127.0.0.1:0")
	store, err := eventstore.Open(eventstore.Options{URL: server.url(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	stream := logtest.Stream("order")
	if _, err := store.Append(ctx, stream, domain.NoStream, logtest.Propose(logtest.Numbered(1000)...)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 100)
	following := make(chan struct{}, 10)
	for range 5 {
		go func() {
			ended <- store.Follow(ctx, 0, func([]domain.Record) error {
				select {
				case following <- struct{}{}:
				default:
				}
				return nil
			})
		}()
		<-following
	}
	halfRead, goOn := make(chan struct{}), make(chan struct{})
	go func() {
		var last error
		for record, err := range store.Read(ctx, stream, 0) {
			if last = err; err == nil && record.Revision == 10 {
				close(halfRead)
				<-goOn
			}
		}
		ended <- last
	}()
	<-halfRead
	closed := make(chan struct{})
	go func() { store.Close(); close(closed) }()
	for range 5 {
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("Follow ended with %v", err)
		}
	}
	select {
	case <-closed:
		t.Error("Close did not wait for a read under way")
	case <-time.After(20 * time.Millisecond):
	}
	close(goOn)
	<-closed
	<-ended // all of the stream may have arrived before
	if err := store.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	for what, err := range map[string]error{
		"Ping":   store.Ping(ctx),
		"Follow": store.Follow(ctx, 0, func([]domain.Record) error { return nil }),
	} {
		if err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("%s of a closed store: %v", what, err)
		}
	}
	if _, err := store.Append(ctx, stream, 999, logtest.Propose(logtest.Numbered(1)...)); err == nil {
		t.Error("a closed store appends")
	}
	server.stop(t)
	await(t, "the end of every goroutine of the client", func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return !strings.Contains(string(stacks), "EventStore-Client-Go") && !strings.Contains(string(stacks), "eventstore.(*")
	})
}

func TestLimits(t *testing.T) {
	ctx := ctxFor(t, patience)
	store := openStore(t, startServer(t, socket(t)).url())
	big := func(n int) domain.Event {
		return domain.ProgramListed{Program: "p", Name: strings.Repeat("x", n)}
	}
	if _, err := store.Append(ctx, "program-full", domain.NoStream, logtest.Propose(big(eventstore.AppendBytesMax-100))); err != nil {
		t.Errorf("just below the limit: %v", err)
	}
	for name, attempt := range map[string]struct {
		stream   string
		expected domain.Revision
		events   []domain.Proposed
	}{
		"too many bytes":    {"program-big", domain.NoStream, logtest.Propose(big(eventstore.AppendBytesMax/2), big(eventstore.AppendBytesMax/2))},
		"too many events":   {"program-big", domain.NoStream, logtest.Propose(logtest.Numbered(eventstore.AppendEventsMax + 1)...)},
		"no events":         {"program-big", domain.NoStream, nil},
		"no stream":         {"", domain.NoStream, logtest.Propose(big(1))},
		"a system stream":   {"$program", domain.NoStream, logtest.Propose(big(1))},
		"a long name":       {strings.Repeat("x", eventstore.StreamNameBytesMax+1), domain.NoStream, logtest.Propose(big(1))},
		"no exact revision": {"program-big", -2, logtest.Propose(big(1))},
	} {
		if _, err := store.Append(ctx, attempt.stream, attempt.expected, attempt.events); err == nil || errors.Is(err, domain.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
