package eventstore_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a store and its server, to lose answers and cut connections.
type proxy struct {
	listener net.Listener
	target   string
	deaf     atomic.Bool // what the server says gets lost

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	go p.serve()
	t.Cleanup(func() { listener.Close(); p.cut() })
	return p
}

func (p *proxy) url() string { return "esdb://" + p.listener.Addr().String() + "?tls=false" }

func (p *proxy) serve() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.target)
		if err != nil {
			near.Close()
			continue
		}
		p.mu.Lock()
		p.conns[near], p.conns[far] = true, true
		p.mu.Unlock()
		go p.carry(far, near, nil)
		go p.carry(near, far, &p.deaf)
	}
}

// carry copies until one side is closed; what comes while lose is set is lost.
func (p *proxy) carry(to, from net.Conn, lose *atomic.Bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err == nil && (lose == nil || !lose.Load()) {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

// cut breaks every connection; new ones are served as before.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
		delete(p.conns, conn)
	}
}
