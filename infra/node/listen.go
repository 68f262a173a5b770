package node

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// unixPrefix marks an address that is a socket file. The official client takes it as it is.
const unixPrefix = "unix:"

// greetingTimeout bounds how long a new connection may take to say which protocol it speaks, TLS included.
const greetingTimeout = 10 * time.Second

// preface is how every HTTP/2 connection begins. Source: RFC 9113, section 3.4.
var preface = []byte("PRI ")

// listen opens "host:port" or "unix:/path". A socket file is readable and writable by its owner alone; one that a
// dead process left behind is replaced.
func listen(address string) (net.Listener, error) {
	path, unix := strings.CutPrefix(address, unixPrefix)
	if !unix {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listen on %q: %w; stop whatever uses it, or choose another address", address, err)
		}
		return l, nil
	}
	if err := removeStaleSocket(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the socket %q: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the socket %q: %w", path, err), l.Close())
	}
	return l, nil
}

func removeStaleSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the socket %q: %w", path, err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("listen on the socket %q: there is a file of that name that is no socket; choose another path", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		return errors.Join(fmt.Errorf("listen on the socket %q: a program is listening there already; stop it or choose another path", path), conn.Close())
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the socket %q that nobody listens on: %w", path, err)
	}
	return nil
}

// splitter hands each connection of one listener to gRPC or to the HTTP/1.1 server, by the protocol it speaks.
type splitter struct {
	net.Listener
	tls  *tls.Config // nil: plain text
	grpc *branch
	http *branch
}

func newSplitter(l net.Listener, config *tls.Config) *splitter {
	if config != nil {
		config = config.Clone()
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	return &splitter{Listener: l, tls: config, grpc: newBranch(l.Addr()), http: newBranch(l.Addr())}
}

// run accepts until the listener is closed, then returns nil; any other end is an error.
func (s *splitter) run() error {
	defer s.grpc.Close()
	defer s.http.Close()
	for {
		conn, err := s.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		var temporary interface{ Temporary() bool }
		if errors.As(err, &temporary) && temporary.Temporary() {
			time.Sleep(10 * time.Millisecond) // out of file descriptors, most likely; some will be closed
			continue
		}
		if err != nil {
			return fmt.Errorf("accept a connection: %w", err)
		}
		go s.dispatch(conn)
	}
}

func (s *splitter) dispatch(conn net.Conn) {
	if err := conn.SetDeadline(time.Now().Add(greetingTimeout)); err != nil {
		conn.Close()
		return
	}
	next, branch, err := s.recognise(conn)
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil || !branch.offer(next) {
		conn.Close() // whoever it was did not say what it wants, or came when the node was stopping
	}
}

func (s *splitter) recognise(conn net.Conn) (net.Conn, *branch, error) {
	if s.tls != nil {
		secure := tls.Server(conn, s.tls)
		if err := secure.Handshake(); err != nil {
			return nil, nil, fmt.Errorf("agree on TLS: %w", err)
		}
		if secure.ConnectionState().NegotiatedProtocol == "h2" {
			return secure, s.grpc, nil
		}
		return secure, s.http, nil
	}
	start := make([]byte, len(preface))
	if _, err := io.ReadFull(conn, start); err != nil {
		return nil, nil, fmt.Errorf("read the start of a connection: %w", err)
	}
	branch := s.http
	if bytes.Equal(start, preface) {
		branch = s.grpc
	}
	return &begun{Conn: conn, start: start}, branch, nil
}

// begun is a connection of which the first bytes have been read.
type begun struct {
	net.Conn
	start []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.start) > 0 {
		n := copy(p, b.start)
		b.start = b.start[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}

// branch is a listener that is fed by the splitter.
type branch struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newBranch(addr net.Addr) *branch {
	return &branch{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (b *branch) offer(conn net.Conn) bool {
	select {
	case b.conns <- conn:
		return true
	case <-b.closed:
		return false
	}
}

// Accept waits for the next connection.
func (b *branch) Accept() (net.Conn, error) {
	select {
	case conn := <-b.conns:
		return conn, nil
	case <-b.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. It is safe to call twice.
func (b *branch) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// Addr is the address of the listener behind.
func (b *branch) Addr() net.Addr { return b.addr }

// health answers /health/live: 204 while the node serves.
// Source: EventStore, src/EventStore.Core/ClusterVNodeStartup.cs.
func health(ready func() bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health/live", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
		case ready():
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	return mux
}
