package handlers

import "sync"

// turns let one at a time work on each stream. The zero value is ready; it remembers only streams that are in use.
type turns struct {
	mu      sync.Mutex
	streams map[string]*turn
}

type turn struct {
	sync.Mutex
	users int // who work on the stream or wait for it; guarded by turns.mu
}

// take waits until it is the caller's turn on a stream.
func (t *turns) take(stream string) (leave func()) {
	one := t.enter(stream)
	one.Lock()
	return func() { t.leave(stream, one) }
}

// try takes a turn on a stream that nobody works on; ok is false if somebody does.
func (t *turns) try(stream string) (leave func(), ok bool) {
	one := t.enter(stream)
	if !one.TryLock() {
		t.forget(stream, one)
		return nil, false
	}
	return func() { t.leave(stream, one) }, true
}

func (t *turns) enter(stream string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.streams[stream]
	if one == nil {
		if t.streams == nil {
			t.streams = map[string]*turn{}
		}
		one = &turn{}
		t.streams[stream] = one
	}
	one.users++
	return one
}

func (t *turns) leave(stream string, one *turn) {
	one.Unlock()
	t.forget(stream, one)
}

func (t *turns) forget(stream string, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(t.streams, stream)
	}
}
