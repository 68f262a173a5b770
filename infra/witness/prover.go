package witness

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"netrom.pl/portal/domain"
)

// Prover answers for single events from the folder of a witness, which may be at work there. Safe for concurrent use.
type Prover struct {
	folder *Folder
	log    Log
}

// NewProver makes one; the folder need not exist yet.
func NewProver(dir string, log Log) *Prover { return &Prover{folder: OpenFolder(dir), log: log} }

// Evidence is an event that stands in a signed tree.
type Evidence struct {
	Event      Event
	Index      int64 // of its leaf
	Checkpoint Checkpoint
	Proof      []byte // as [Prove] writes it
}

// Prove proves the event at a position against the newest checkpoint; ErrNotCovered when that does not cover it yet, or none
// was signed.
func (p *Prover) Prove(ctx context.Context, at domain.Position) (Evidence, error) {
	c, err := p.Newest()
	if err != nil {
		return Evidence{}, err
	}
	index, err := p.folder.FindPosition(c, at)
	if err != nil {
		return Evidence{}, fmt.Errorf("find the event at position %d in the tree: %w", at, err)
	}
	event, ok, err := p.log.At(ctx, at)
	if err != nil {
		return Evidence{}, err
	}
	if !ok {
		return Evidence{}, fmt.Errorf("the log has no event at position %d any more, it is %w; run audit verify to see what has changed", at, ErrAltered)
	}
	proof, err := Prove(p.folder, c, index, event)
	return Evidence{Event: event, Index: index, Checkpoint: c, Proof: proof}, err
}

// Event reads the event at a position, signed or not; ok is false when there is none.
func (p *Prover) Event(ctx context.Context, at domain.Position) (Event, bool, error) {
	return p.log.At(ctx, at)
}

// Leaf is the hash with which the event stands in a tree. Source: RFC 6962, section 2.1.
func (e *Event) Leaf() (tlog.Hash, error) {
	entry, err := e.AppendEntry(nil)
	return leafHash(entry), err
}
