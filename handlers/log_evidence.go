package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"netrom.pl/portal/domain"
)

// Evidence is what the log's server and its witness have of the log, byte for byte.
type Evidence interface {
	// Stored reads the event at a position as it is stored; ok is false when there is none.
	Stored(ctx context.Context, at domain.Position) (event StoredEvent, ok bool, err error)
	// Prove answers ErrNotSigned as long as no checkpoint covers the event, ErrAltered when another one was signed in its place.
	Prove(ctx context.Context, at domain.Position) (Proof, error)
	// Newest answers the newest signed checkpoint with the proof that it continues the first so many events; ErrNotSigned when there is none.
	Newest(oldSize int64) (Checkpoint, error)
	Witnessed() Witnessed
}

// Why there is no proof of an event.
var (
	ErrNotSigned = errors.New("no checkpoint covers the event yet")
	ErrAltered   = errors.New("the event is not the one that was signed")
)

// proveTogether proves two events against one checkpoint, one proof behind the other. Another checkpoint may be signed in between: then once more.
func (s *Server) proveTogether(ctx context.Context, first, second domain.Position) ([]byte, error) {
	for {
		one, err := s.Evidence.Prove(ctx, first)
		if err != nil {
			return nil, fmt.Errorf("prove event %d: %w", first, err)
		}
		two, err := s.Evidence.Prove(ctx, second)
		if err != nil {
			return nil, fmt.Errorf("prove event %d: %w", second, err)
		}
		if one.Checkpoint == two.Checkpoint {
			return slices.Concat(one.File, two.File), nil
		}
	}
}

// StoredEvent is an event as its server keeps it: nothing is decoded, and personal fields stay sealed.
type StoredEvent struct {
	CreatedAt time.Time // the server's clock, UTC
	Data      []byte
	Metadata  []byte
	Leaf      string // hash in the tree, base64
}

// Checkpoint is a signed statement of what is in the log.
type Checkpoint struct {
	Size         int64
	Note         []byte // signed
	Continuation []byte // the note with the proof before it, as C2SP tlog-witness has it
}

// Proof is a file that shows that an event is in the log.
type Proof struct {
	Index      int64 // of the event's leaf, from 0
	Size       int64 // events before the checkpoint
	Root       string
	Checkpoint string // the signed note
	File       []byte // C2SP tlog-proof
}

// Witnessed is how the signing of checkpoints goes. The zero value: nothing was tried yet.
type Witnessed struct {
	Size    int64     // events before the newest checkpoint; 0: none was signed
	At      time.Time // of the last try that succeeded
	Trouble string    // of the last try; empty: none. For the vendor's people
	Ended   bool      // it will not be tried again until the portal is started anew
	Watched []Watched // logs of other portals, for which this one is the witness
}

// Watched is how this portal fares as the witness of another one.
type Watched struct {
	URL           string    // of the other portal
	Key           string    // public, with which this one cosigns
	Size          int64     // events that it has cosigned; 0: none since the start
	At            time.Time // of the last try that succeeded
	Trouble       string    // of the last try; empty: none. For the vendor's people
	Contradiction bool      // the other log is not what was cosigned; else it could not be asked
}
