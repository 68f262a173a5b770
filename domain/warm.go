package domain

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
)

// Warm is a Log that remembers the states of recently used streams, so that [Execute] need not read them again.
// The expected revision keeps it honest: a decision on a state that has grown old is refused by the log, and a
// refusal or a "nothing to do" is only believed after reading what is new. Commands on one stream wait for each other.
type Warm struct {
	Log
	mu      sync.Mutex
	streams map[string]*list.Element
	recent  *list.List // of *warmStream, most recently used first
	max     int
}

type warmStream struct {
	name     string
	turn     sync.Mutex // held while a command on this stream runs
	users    int        // commands that hold or await the turn; guarded by Warm.mu
	state    any        // nil when cold
	revision Revision
}

// KeepWarm wraps a log; streamsMax bounds how many states are remembered.
func KeepWarm(log Log, streamsMax int) *Warm {
	return &Warm{Log: log, streams: map[string]*list.Element{}, recent: list.New(), max: streamsMax}
}

func (w *Warm) enter(name string) *warmStream {
	w.mu.Lock()
	element, ok := w.streams[name]
	if ok {
		w.recent.MoveToFront(element)
	} else {
		element = w.recent.PushFront(&warmStream{name: name})
		w.streams[name] = element
	}
	stream := element.Value.(*warmStream)
	stream.users++
	w.forgetOldest() // but not this one, even when all the others are busy
	w.mu.Unlock()
	stream.turn.Lock()
	return stream
}

func (w *Warm) leave(stream *warmStream) {
	stream.turn.Unlock()
	w.mu.Lock()
	stream.users--
	w.mu.Unlock()
}

func (w *Warm) forgetOldest() {
	for element := w.recent.Back(); element != nil && w.recent.Len() > w.max; {
		older := element.Prev()
		if stream := element.Value.(*warmStream); stream.users == 0 {
			w.recent.Remove(element)
			delete(w.streams, stream.name)
		}
		element = older
	}
}

// Forget drops every state, so that nothing of what was erased in the log stays in memory. States of commands that run in
// this moment stay until the next time.
func (w *Warm) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, element := range w.streams {
		if element.Value.(*warmStream).users == 0 {
			w.recent.Remove(element)
			delete(w.streams, name)
		}
	}
}

func executeWarm[S any, P State[S]](ctx context.Context, w *Warm, by Cause, command Command[S]) (Outcome, error) {
	stream := w.enter(command.Stream())
	defer w.leave(stream)
	state, warm := stream.state.(*S)
	if !warm {
		state, stream.revision = new(S), NoStream
	}
	for try := range conflictsMax {
		stream.state = nil // until state and revision belong together again
		fresh := !warm || try > 0
		if fresh {
			if err := catchUp[S, P](ctx, w.Log, stream, state); err != nil {
				return Outcome{}, err
			}
		}
		outcome, err := decide(ctx, w.Log, by, command, *state, stream.revision)
		for _, event := range outcome.Events {
			P(state).Evolve(event)
			stream.revision++
		}
		stream.state = state
		if outcome.Events != nil || fresh && !errors.Is(err, ErrConflict) {
			return outcome, err
		}
	}
	return Outcome{}, fmt.Errorf("append to %s: %w, %d times in a row", stream.name, ErrConflict, conflictsMax)
}

// catchUp brings a remembered state to the end of its stream.
func catchUp[S any, P State[S]](ctx context.Context, log Log, stream *warmStream, state *S) error {
	for record, err := range log.Read(ctx, stream.name, stream.revision+1) {
		if err != nil {
			return fmt.Errorf("load %s: %w", stream.name, err)
		}
		P(state).Evolve(record.Event)
		stream.revision = record.Revision
	}
	return nil
}
