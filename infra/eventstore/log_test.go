package eventstore_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/eventstore/logtest"
	"netrom.pl/portal/infra/node"
)

func openStore(t testing.TB, url string) *eventstore.Store {
	t.Helper()
	store, err := eventstore.Open(eventstore.Options{URL: url, Keys: logtest.Keys{}, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// server is a node that can be stopped and started again at the same address with the same log.
type server struct {
	options node.Options
	node    *node.Node
}

func startServer(t testing.TB, listen string) *server {
	t.Helper()
	s := &server{options: node.Options{Dir: filepath.Join(t.TempDir(), "log"), Listen: listen}}
	s.start(t)
	s.options.Listen = s.node.Addr()
	t.Cleanup(func() { s.node.Stop() })
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	n, err := node.Start(context.Background(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	s.node = n
}

func (s *server) stop(t testing.TB) {
	t.Helper()
	if err := s.node.Stop(); err != nil {
		t.Fatal(err)
	}
}

// url is where the server is reached, in the form of Options.URL.
func (s *server) url() string {
	if s.options.Listen[0] == 'u' {
		return s.options.Listen
	}
	return s.node.ConnectionString()
}

// socket is a path short enough for a Unix socket.
func socket(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return "unix:" + filepath.Join(dir, "s")
}

// everyServer are the kinds of servers that a store must get along with. Set EVENTSTORE_TEST_URL, for example
// esdb://localhost:2113?tls=false, to include a real EventStoreDB; the tests write streams of their own into it.
func everyServer(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("unix", func(t *testing.T) { test(t, startServer(t, socket(t)).url()) })
	t.Run("tcp", func(t *testing.T) { test(t, startServer(t, "127.0.0.1:0").url()) })
	if url := os.Getenv("EVENTSTORE_TEST_URL"); url != "" {
		t.Run("real", func(t *testing.T) { test(t, url) })
	}
}

func TestLog(t *testing.T) {
	everyServer(t, func(t *testing.T, url string) {
		logtest.Run(t, func(t *testing.T) domain.Log { return openStore(t, url) })
	})
}

func ctxFor(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}
