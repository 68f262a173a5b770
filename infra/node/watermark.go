package node

import (
	"context"
	"sync"
	"sync/atomic"
)

// watermark is the last position known to be on disk. Nobody is shown, or answered from, anything above it.
// It is safe for concurrent use.
type watermark struct {
	position atomic.Uint64

	mu      sync.Mutex
	changed chan struct{} // closed at the next advance; nil while nobody waits
}

func (w *watermark) load() uint64 { return w.position.Load() }

// advance raises the watermark; a lower position changes nothing, for the log is synced in order.
func (w *watermark) advance(position uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if position <= w.position.Load() {
		return
	}
	w.position.Store(position)
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// beyond returns a channel that is closed once the watermark is above a position.
func (w *watermark) beyond(position uint64) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.position.Load() > position {
		return alreadyClosed
	}
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}

// wait returns once the watermark has reached a position, or when the context or the stopped channel ends first.
func (w *watermark) wait(ctx context.Context, stopped <-chan struct{}, position uint64) error {
	for w.load() < position {
		select {
		case <-w.beyond(position - 1):
		case <-ctx.Done():
			return ctx.Err()
		case <-stopped:
			return errStopping
		}
	}
	return nil
}

var alreadyClosed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
