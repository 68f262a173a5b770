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
// refusal or a "nothing to do" is only believed after a fresh read. Commands on one stream wait for each other.
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

func executeWarm[S any, P State[S]](ctx context.Context, w *Warm, by Cause, command Command[S]) (Outcome, error) {
	stream := w.enter(command.Stream())
	defer w.leave(stream)
	for range conflictsMax {
		remembered, warm := stream.state.(*S)
		if !warm {
			loaded, err := Load[S, P](ctx, w.Log, stream.name)
			if err != nil {
				return Outcome{}, err
			}
			remembered, stream.revision = &loaded.State, loaded.Revision
		}
		stream.state = nil // until the outcome is known
		outcome, err := decide(ctx, w.Log, by, command, *remembered, stream.revision)
		if err == nil && (outcome.Events != nil || !warm) {
			for _, event := range outcome.Events {
				P(remembered).Evolve(event)
			}
			stream.revision += Revision(len(outcome.Events))
			stream.state = remembered
			return outcome, nil
		}
		if !warm && !errors.Is(err, ErrConflict) {
			return Outcome{}, err
		}
	}
	return Outcome{}, fmt.Errorf("append to %s: %w, %d times in a row", stream.name, ErrConflict, conflictsMax)
}
