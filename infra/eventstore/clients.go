package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

const (
	clientIdleMax = time.Minute            // an idle client is closed after this time
	dialsMax      = 8                      // attempts to connect at the same time
	shortCallsMax = 8                      // short calls on one client at the same time
	lostGrace     = 50 * time.Millisecond  // for a call's own answer after another on its client has lost the server
	patience      = 200 * time.Millisecond // from one look for a lost server to the next
)

// errClosed answers calls on a store after, or cut off by, Close.
var errClosed = errors.New("the event log was closed")

// clients lends connected clients, to one call at a time or to a few short ones.
//
// The official client needs care across restarts of the server: the goroutine behind a client ends for good when a
// discovery fails, whoever waits for it then waits for ever, and Close panics under callers in flight. So a client is
// connected before it is lent, nobody gets it any more after its first doubtful error, and it is closed when the last
// call has come back. A call that has a client for itself never waits for that goroutine. Calls that share one and lose
// the server together may: when another has just begun, it makes the goroutine look for the server, which it does
// patiently, so that they come back when the server does. Whoever asked is told before; see [short].
// Source: EventStore-Client-Go v4.2.0, esdb/impl.go (connectionStateMachine, handleError, close).
type clients struct {
	config  esdb.Configuration // looks for the server once
	address string             // for messages, without credentials
	dials   chan struct{}      // holds a token for each attempt to connect

	mu     sync.Mutex
	closed bool
	idle   []idleClient    // the last one was used most recently
	shared []*sharedClient // in use by short calls and good for more
	lent   sync.WaitGroup
}

// sharedClient is lent once, by the first of its calls, and given back by the last.
type sharedClient struct {
	*esdb.Client
	calls   int
	doubted chan struct{} // closed after the first doubtful error
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

// errLost says that another call on the same client has lost the server; what became of this one is unknown.
var errLost = errors.New("the connection was lost")

// short runs a call that ends soon, together with others on one connection, which saves both sides work. It waits no longer
// than the context, and only a moment once another call has lost the server.
func short[R any](ctx context.Context, c *clients, call func(*esdb.Client) (R, error)) (R, error) {
	var none R
	client, err := c.join(ctx)
	if err != nil {
		return none, err
	}
	type outcome struct {
		result R
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := call(client.Client)
		c.leave(client, sound(err) || errors.Is(ctx.Err(), context.Canceled)) // a caller who went says nothing about the server
		done <- outcome{result, err}
	}()
	var lost <-chan time.Time
	for doubted := client.doubted; ; {
		select {
		case o := <-done:
			return o.result, o.err
		case <-ctx.Done():
			return none, context.Cause(ctx)
		case <-doubted:
			doubted, lost = nil, time.After(lostGrace)
		case <-lost:
			return none, errLost
		}
	}
}

// join finds a client with room for one more short call.
func (c *clients) join(ctx context.Context) (*sharedClient, error) {
	c.mu.Lock()
	for _, client := range c.shared {
		if client.calls < shortCallsMax && !c.closed {
			client.calls++
			c.mu.Unlock()
			return client, nil
		}
	}
	c.mu.Unlock()
	own, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	client := &sharedClient{Client: own, calls: 1, doubted: make(chan struct{})}
	c.mu.Lock()
	c.shared = append(c.shared, client)
	c.mu.Unlock()
	return client, nil
}

// leave ends a short call.
func (c *clients) leave(client *sharedClient, sound bool) {
	c.mu.Lock()
	client.calls--
	if !sound && !client.isDoubted() {
		close(client.doubted)
	}
	doubted, over := client.isDoubted(), client.calls == 0
	if over || doubted {
		c.shared = slices.DeleteFunc(c.shared, func(other *sharedClient) bool { return other == client })
	}
	c.mu.Unlock()
	if over {
		c.giveBack(client.Client, !doubted)
	}
}

func (s *sharedClient) isDoubted() bool {
	select {
	case <-s.doubted:
		return true
	default:
		return false
	}
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
		client, err := connect(c.config)
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

// connect makes a client that is connected, and patient should it ever look for the server again. Whether the server is
// there at all is tried by one that is not.
func connect(config esdb.Configuration) (*esdb.Client, error) {
	probe, err := discover(config)
	if err != nil {
		return nil, err
	}
	probe.Close()
	config.MaxDiscoverAttempts, config.DiscoveryInterval = math.MaxInt32, int(patience.Milliseconds())
	return discover(config)
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

// close waits until every client is back, or no longer than a call may take, and closes them all.
func (c *clients) close() {
	c.mu.Lock()
	c.closed = true
	c.closeIdle(0)
	c.mu.Unlock()
	back := make(chan struct{})
	go func() { c.lent.Wait(); close(back) }()
	select {
	case <-back:
	case <-time.After(2 * appendMax):
	}
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
