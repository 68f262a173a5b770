package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

const (
	clientIdleMax = time.Minute // an idle client is closed after this time
	dialsMax      = 8           // attempts to connect at the same time
)

// errClosed answers calls on a store after, or cut off by, Close.
var errClosed = errors.New("the event log was closed")

// clients lends connected clients, each to one call at a time.
//
// One call at a time is what makes the official client safe across restarts of the server: the goroutine behind a
// client ends for good when a discovery fails, whoever waits for it then waits for ever, and Close panics under
// callers in flight. A client that nobody shares is connected before it is lent, and thrown away after its first
// doubtful error, so that it never discovers with anybody waiting and is never closed in use.
// Source: EventStore-Client-Go v4.2.0, esdb/impl.go (connectionStateMachine, handleError, close).
type clients struct {
	config  esdb.Configuration
	address string        // for messages, without credentials
	dials   chan struct{} // holds a token for each attempt to connect

	mu     sync.Mutex
	closed bool
	idle   []idleClient // the last one was used most recently
	lent   sync.WaitGroup
}

type idleClient struct {
	*esdb.Client
	since time.Time
}

func newClients(config esdb.Configuration, address string) *clients {
	return &clients{config: config, address: address, dials: make(chan struct{}, dialsMax)}
}

// take lends a connected client; it must be given back. The error tells why there is none.
func (c *clients) take(ctx context.Context) (*esdb.Client, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, errClosed
	}
	c.lent.Add(1)
	c.closeIdle(clientIdleMax)
	if last := len(c.idle) - 1; last >= 0 {
		client := c.idle[last].Client
		c.idle = c.idle[:last]
		c.mu.Unlock()
		return client, nil
	}
	c.mu.Unlock()
	return c.dial(ctx)
}

// giveBack ends a loan. A client that is not sound is closed.
func (c *clients) giveBack(client *esdb.Client, sound bool) {
	defer c.lent.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	if client == nil {
		return
	}
	if !sound || c.closed {
		client.Close()
		return
	}
	c.idle = append(c.idle, idleClient{client, time.Now()})
	c.closeIdle(clientIdleMax)
}

// closeIdle closes clients that have been idle longer; the caller holds mu.
func (c *clients) closeIdle(longer time.Duration) {
	old := 0
	for old < len(c.idle) && time.Since(c.idle[old].since) >= longer {
		c.idle[old].Close()
		old++
	}
	c.idle = append(c.idle[:0], c.idle[old:]...)
}

// dial connects a client. Discovery does not watch contexts, so it runs beside: when ctx ends first, the client goes
// to the idle ones as soon as it is there.
func (c *clients) dial(ctx context.Context) (*esdb.Client, error) {
	select {
	case c.dials <- struct{}{}:
	case <-ctx.Done():
		c.giveBack(nil, false)
		return nil, c.unreachable(context.Cause(ctx))
	}
	type dialled struct {
		client *esdb.Client
		err    error
	}
	done := make(chan dialled)
	go func() {
		client, err := discover(c.config)
		<-c.dials
		select {
		case done <- dialled{client, err}:
		case <-ctx.Done():
			c.giveBack(client, true)
		}
	}()
	select {
	case d := <-done:
		if d.err != nil {
			c.giveBack(nil, false)
			return nil, c.unreachable(d.err)
		}
		return d.client, nil
	case <-ctx.Done():
		return nil, c.unreachable(context.Cause(ctx))
	}
}

func (c *clients) unreachable(err error) error {
	return fmt.Errorf("reach the event log at %s: %w; start it there, or set EVENTSTORE_URL to where it runs", c.address, err)
}

// discover makes a client and has it connect, which it would otherwise do at its first use.
func discover(config esdb.Configuration) (*esdb.Client, error) {
	client, err := esdb.NewClient(&config)
	if err != nil {
		return nil, err
	}
	if _, err := client.GetServerVersion(); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// close waits until every client is back and closes them all.
func (c *clients) close() {
	c.mu.Lock()
	c.closed = true
	c.closeIdle(0)
	c.mu.Unlock()
	c.lent.Wait()
}

// socketPrefix starts the address of a server on a Unix socket, for which EventStoreDB has no URL.
const socketPrefix = "unix:"

// configure reads the address. The returned text names the server without credentials.
func configure(address string, logger *slog.Logger) (esdb.Configuration, string, error) {
	config, shown := &esdb.Configuration{Address: address, DisableTLS: true, GossipTimeout: 5,
		KeepAliveInterval: 10 * time.Second, KeepAliveTimeout: 10 * time.Second}, address
	if !strings.HasPrefix(address, socketPrefix) {
		parsed, err := esdb.ParseConnectionString(address)
		if err != nil {
			var syntax *url.Error // quotes the address, and with it the password
			if errors.As(err, &syntax) {
				err = syntax.Err
			}
			return esdb.Configuration{}, "", fmt.Errorf(
				"read the event log's address: %w; write esdb://host:2113?tls=false or unix:/path/to/socket into EVENTSTORE_URL", err)
		}
		config, shown = parsed, redact(address)
	}
	// The store tries again by itself, on a new client.
	config.MaxDiscoverAttempts, config.DiscoveryInterval = 1, 1
	config.Logger = func(level esdb.LogLevel, format string, args ...any) {
		logger.Debug("event log client: "+fmt.Sprintf(format, args...), "level", level)
	}
	return *config, shown, nil
}

func redact(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
}
