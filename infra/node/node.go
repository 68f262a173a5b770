package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Defaults of Options.
const (
	DefaultListen        = "127.0.0.1:0"
	DefaultCacheBytes    = 16 << 20
	DefaultMemtableBytes = 8 << 20
)

// Timing of connections. Clients ping every 10 s, also without a call; a server that does not allow this loses every
// idle subscription after half a minute. Source: grpc-go, keepalive.EnforcementPolicy; EventStore, ClusterVNodeOptions.cs.
const (
	minClientPing = time.Second
	pingEvery     = 10 * time.Second
	pingTimeout   = 10 * time.Second
	stopTimeout   = 5 * time.Second
)

// Limits of what a caller may send.
const (
	maxMessageBytes       = 17 << 20
	maxConcurrentStreams  = 4_096 // calls at a time on one connection
	streamWorkers         = 64
	httpTimeout           = 5 * time.Second // to send a request, to take the answer, to send the next one
	callWindowBytes       = 256 << 10       // how much one call, and all of a connection, may send ahead; fixed windows
	connectionWindowBytes = 1 << 20         // need no pings that measure the line
	maxHTTPHeaderBytes    = 16 << 10
	maxMetadataBytes      = 64 << 10
	minMemtableBytes      = 1 << 20
	maxMemtableBytes      = 1 << 30
	folderMode            = 0o700
	lockFile              = "LOCK"
	inMemoryFolder        = "memory"
	connectionStringPlain = "esdb://%s?tls=false"
	connectionStringTLS   = "esdb://%s?tls=true"
)

// Options say where a node keeps its log and where it listens. The zero value is a node in memory on a free port.
type Options struct {
	// Dir is the folder of the log, made with mode 0700 if it is missing. Empty: the log is in memory and ends
	// with the node.
	Dir string
	// Listen is "host:port" or "unix:/path/to/socket". Empty: DefaultListen, a free port of the loopback.
	Listen string
	// Advertise is the "host:port" that clients are told to dial. Empty: the address listened on, which must then
	// be a single one.
	Advertise string
	// TLS makes the node secure: clients need TLS and a name and password of Users. Nil: plain text, no passwords.
	TLS *tls.Config
	// Users are the names and passwords of a secure node. Nil: DefaultUsers, with a warning in the log; empty: an
	// error. There are no access lists: whoever is known may do everything.
	Users map[string]string
	// CacheBytes is the size of the block cache, which may also use what the write buffers leave. 0: DefaultCacheBytes.
	CacheBytes int64
	// MemtableBytes is the size of one of up to three write buffers. 0: DefaultMemtableBytes.
	MemtableBytes int64
	// Now is the clock that stamps events. Nil: time.Now.
	Now func() time.Time
	// Log gets what an operator should know. Nil: nobody does.
	Log *slog.Logger

	limits limits      // tests lower them; zero: defaultLimits
	fs     vfs.FS      // tests put a crashable or failing disk here; nil: as Dir says
	fatal  func(error) // tests survive the end of the log; nil: the process ends
}

// Node is a running event store. Its methods are safe for concurrent use.
type Node struct {
	store    *store
	splitter *splitter
	grpc     *grpc.Server
	http     *http.Server
	addr     string
	secure   bool

	stopOnce sync.Once
	stopErr  error
	done     chan struct{}
	err      error // set before done is closed
}

// Start opens the log and serves it. The context bounds the start alone; the node runs until Stop.
// If the log can later not be written any more, the whole process ends with exit code 1 after saying why: what is
// acknowledged is on disk, and nothing must be acknowledged that is not.
func Start(ctx context.Context, o Options) (*Node, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s, err := openStore(storeOptions{
		dir: o.Dir, fs: o.fs, cacheBytes: o.CacheBytes, memtableBytes: uint64(o.MemtableBytes),
		now: o.Now, log: o.Log, fatal: o.fatal,
	})
	if err != nil {
		return nil, err
	}
	s.receiving.total = int64(o.limits.receivingBytes)
	s.unsettled.total = maxUnsettled
	if err := s.seed(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	l, err := listen(o.Listen)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	addr, err := address(l, o.Advertise)
	if err != nil {
		return nil, errors.Join(err, l.Close(), s.close())
	}
	n := &Node{store: s, splitter: newSplitter(limitConnections(l, o.limits.connections), o.TLS), addr: addr, secure: o.TLS != nil, done: make(chan struct{})}
	n.grpc = n.newServer(o)
	n.http = &http.Server{
		Handler:        health(func() bool { return !n.stopping() }),
		ReadTimeout:    httpTimeout,
		WriteTimeout:   httpTimeout,
		MaxHeaderBytes: maxHTTPHeaderBytes,
		ErrorLog:       slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	go n.serve()
	return n, nil
}

// complete fills in defaults and refuses what cannot work.
func (o *Options) complete() error {
	if o.TLS != nil && o.Users != nil && len(o.Users) == 0 {
		return errors.New("start a secure node: it has no users; give at least one name and password")
	}
	if o.Listen == "" {
		o.Listen = DefaultListen
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	if o.MemtableBytes == 0 {
		o.MemtableBytes = DefaultMemtableBytes
	}
	if o.CacheBytes < 0 || o.MemtableBytes < minMemtableBytes || o.MemtableBytes > maxMemtableBytes {
		return fmt.Errorf("start a node with a cache of %d bytes and a memtable of %d bytes: the memtable must have %d to %d bytes",
			o.CacheBytes, o.MemtableBytes, minMemtableBytes, maxMemtableBytes)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.limits == (limits{}) {
		o.limits = defaultLimits
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.TLS != nil && o.Users == nil {
		o.Users = DefaultUsers()
		o.Log.Warn("the node has the default users, whose passwords everybody knows; give it users of its own before others can reach it")
	}
	if o.fatal == nil {
		o.fatal = die
	}
	switch {
	case o.fs != nil:
	case o.Dir == "":
		o.fs = vfs.NewMem()
	default:
		o.fs = vfs.Default
		return prepareFolder(o.Dir)
	}
	if o.Dir == "" {
		o.Dir = inMemoryFolder
	}
	if err := o.fs.MkdirAll(o.Dir, folderMode); err != nil {
		return fmt.Errorf("make the folder %q: %w", o.Dir, err)
	}
	return nil
}

// die ends the process because the log cannot be written.
func die(err error) {
	fmt.Fprintf(os.Stderr, "event store: %v\n", err)
	os.Exit(1)
}

// prepareFolder makes the folder of the log, for its owner alone. A folder with other things in it is refused: it is
// probably a mistake.
func prepareFolder(dir string) error {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return fmt.Errorf("make the folder %q: %w", dir, err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the folder %q: %w", dir, err)
	}
	defer f.Close()
	if _, err := f.Readdirnames(1); err == nil {
		if _, err := os.Stat(dir + "/" + lockFile); err != nil {
			return fmt.Errorf("open the log in %q: the folder is not empty and holds no log; choose an empty or a new folder", dir)
		}
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("look into the folder %q: %w", dir, err)
	}
	if err := os.Chmod(dir, folderMode); err != nil {
		return fmt.Errorf("protect the folder %q: %w", dir, err)
	}
	return nil
}

// newServer wires the gRPC services.
func (n *Node) newServer(o Options) *grpc.Server {
	server := grpc.NewServer(serverOptions(doors{users: o.Users, secure: n.secure, log: o.Log, calls: &budget{total: int64(o.limits.calls)}})...)
	services := attentive{server}
	streams.RegisterStreamsServer(services, &streamsServer{store: n.store})
	persistent.RegisterPersistentSubscriptionsServer(services, &groupsServer{store: n.store})
	serverfeatures.RegisterServerFeaturesServer(services, featuresServer{})
	gossip.RegisterGossipServer(services, &gossipServer{node: n, id: uuid.New()})
	return server
}

func serverOptions(doors doors) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxSendMsgSize(2 * maxMessageBytes), // a resolved link carries two records
		grpc.MaxConcurrentStreams(maxConcurrentStreams),
		grpc.MaxHeaderListSize(maxMetadataBytes),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.InitialWindowSize(callWindowBytes),
		grpc.InitialConnWindowSize(connectionWindowBytes),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minClientPing, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: pingTimeout}),
		grpc.StreamInterceptor(doors.stream),
	}
}

// serve runs until the listener ends; if it ends by itself, the node stops with an error.
func (n *Node) serve() {
	go n.grpc.Serve(n.splitter.grpc) // it ends when its branch does
	go n.http.Serve(n.splitter.http)
	if err := n.splitter.run(); err != nil {
		n.shutDown(err)
	}
}

func (n *Node) stopping() bool {
	select {
	case <-n.store.stopping:
		return true
	default:
		return false
	}
}

// Addr is what clients dial: "host:port" or "unix:/path".
func (n *Node) Addr() string { return n.addr }

// ConnectionString is the address in the form of the official clients. They have none for a socket file: set
// Configuration.Address to Addr instead. Name and password of a secure node are not in it.
func (n *Node) ConnectionString() string {
	if n.secure {
		return fmt.Sprintf(connectionStringTLS, n.addr)
	}
	return fmt.Sprintf(connectionStringPlain, n.addr)
}

// Stop ends subscriptions, lets appends finish, and closes the log. It returns when all is done; calling it again
// returns the same error.
func (n *Node) Stop() error {
	n.shutDown(nil)
	return n.stopErr
}

// Done is closed when the node has stopped, by Stop or by itself.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err tells why the node stopped by itself: nil while it runs and after Stop.
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.err
	default:
		return nil
	}
}

func (n *Node) shutDown(cause error) {
	n.stopOnce.Do(func() {
		n.store.stop()
		closeErr := n.splitter.Listener.Close()
		if errors.Is(closeErr, net.ErrClosed) {
			closeErr = nil
		}
		gone := make(chan struct{})
		go func() { n.grpc.GracefulStop(); close(gone) }()
		select {
		case <-gone:
		case <-time.After(stopTimeout):
			n.grpc.Stop()
		}
		n.stopErr = errors.Join(closeErr, n.http.Close(), n.store.close())
		n.err = cause
		close(n.done)
	})
	<-n.done
}

// address is what clients can dial.
func address(l net.Listener, advertised string) (string, error) {
	if advertised != "" {
		if _, _, err := hostPort(advertised); err != nil {
			return "", fmt.Errorf("advertise the address %q: %w; name it as host:port", advertised, err)
		}
		return advertised, nil
	}
	if l.Addr().Network() == "unix" {
		return unixPrefix + l.Addr().String(), nil
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return "", fmt.Errorf("listen on all addresses (%s): clients cannot dial that; name the address to advertise as well", tcp)
	}
	return l.Addr().String(), nil
}

// hostPort splits an address that can be dialled.
func hostPort(address string) (host string, port uint32, err error) {
	host, number, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err == nil && n == 0 {
		err = errors.New("port 0 is none that can be dialled")
	}
	return host, uint32(n), err
}
