package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/witness"
)

// evidence shows auditors the bytes of events, proves them, and tells how the witness fares. Safe for concurrent use.
type evidence struct {
	prover *witness.Prover

	mu        sync.Mutex
	witnessed handlers.Witnessed
}

var _ handlers.Evidence = (*evidence)(nil)

func newEvidence(base *foundation.Foundation) *evidence {
	return &evidence{prover: base.Prover()}
}

// Stored is [handlers.Evidence].
func (e *evidence) Stored(ctx context.Context, at domain.Position) (handlers.StoredEvent, bool, error) {
	event, ok, err := e.prover.Event(ctx, at)
	if err != nil || !ok {
		return handlers.StoredEvent{}, false, err
	}
	leaf, err := event.Leaf()
	return handlers.StoredEvent{CreatedAt: event.CreatedAt, Data: event.Data, Metadata: event.Metadata, Leaf: leaf.String()}, true, err
}

// Prove is [handlers.Evidence].
func (e *evidence) Prove(ctx context.Context, at domain.Position) (handlers.Proof, error) {
	proven, err := e.prover.Prove(ctx, at)
	switch {
	case errors.Is(err, witness.ErrNotCovered):
		return handlers.Proof{}, handlers.ErrNotSigned
	case errors.Is(err, witness.ErrAltered):
		return handlers.Proof{}, handlers.ErrAltered
	case err != nil:
		return handlers.Proof{}, err
	}
	c := proven.Checkpoint
	return handlers.Proof{Index: proven.Index, Size: c.Size, Root: c.Root.String(), Checkpoint: string(c.Note), File: proven.Proof}, nil
}

// Newest is [handlers.Evidence].
func (e *evidence) Newest(oldSize int64) (handlers.Checkpoint, error) {
	c, err := e.prover.Newest()
	if errors.Is(err, witness.ErrNotCovered) {
		return handlers.Checkpoint{}, handlers.ErrNotSigned
	}
	if err != nil {
		return handlers.Checkpoint{}, err
	}
	continuation, err := e.prover.Continue(c, oldSize)
	return handlers.Checkpoint{Size: c.Size, Note: c.Note, Continuation: continuation.Text()}, err
}

// Bundle is [handlers.Bundler].
func (e *evidence) Bundle(ctx context.Context, order domain.OrderNumber, gather func(domain.Position) ([]domain.Record, error)) ([]byte, error) {
	c, err := e.prover.Newest()
	if errors.Is(err, witness.ErrNotCovered) {
		return nil, handlers.ErrNotSigned
	}
	if err != nil {
		return nil, err
	}
	b, _, err := e.prover.Bundle(ctx, c, witness.Question{Order: order.String()}, gather)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	err = b.Write(&file)
	return file.Bytes(), err
}

// Witnessed is [handlers.Evidence].
func (e *evidence) Witnessed() handlers.Witnessed {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.witnessed
}

func (e *evidence) change(change func(*handlers.Witnessed)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.witnessed)
}

// keepWitness signs checkpoints of the log until the context ends. Whatever goes wrong with it is logged, shown to auditors and
// operators, and stops nothing else: evidence must not cost an order.
func (p *portal) keepWitness(ctx context.Context) {
	w, err := witness.Open(witness.Options{
		Dir: filepath.Join(p.base.Dir, foundation.WitnessFolder), Log: p.base.Stored(), Export: p.checkpoints, Now: p.now, Logger: p.logger, Told: p.hearWitness,
	})
	if err == nil {
		err = w.Run(ctx)
	}
	if err != nil {
		p.logger.Error("NO MORE CHECKPOINTS of the event log are signed until the portal is started again", "error", err)
		p.evidence.change(func(w *handlers.Witnessed) { w.Trouble, w.Ended = err.Error(), true })
	}
}

// hearWitness keeps how the last try to sign has ended.
func (p *portal) hearWitness(signed witness.Checkpoint, err error) {
	p.evidence.change(func(w *handlers.Witnessed) {
		if w.Size = signed.Size; err != nil {
			w.Trouble = err.Error()
			return
		}
		w.Trouble, w.At = "", p.now()
	})
}
