package handlers

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/witness"
)

// openWitness lets a witness look at the world's log; w.witness signs when it catches up.
func (w *world) openWitness(store *eventstore.Store) *evidence {
	w.t.Helper()
	dir, log := w.t.TempDir(), storedLog{store}
	opened, err := witness.Open(witness.Options{Dir: dir, Log: log, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.witness, w.signs = opened, dir
	return &evidence{prover: witness.NewProver(dir, log)}
}

// sign makes the witness sign everything that is in the log.
func (w *world) sign() {
	w.t.Helper()
	if err := w.witness.CatchUp(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// storedLog is [witness.Log].
type storedLog struct{ store *eventstore.Store }

func (s storedLog) Events(ctx context.Context, after domain.Position) iter.Seq2[witness.Event, error] {
	return func(yield func(witness.Event, error) bool) {
		for event, err := range s.store.Stored(ctx, after) {
			if !yield(witness.Event(event), err) {
				return
			}
		}
	}
}

func (s storedLog) At(ctx context.Context, at domain.Position) (witness.Event, bool, error) {
	event, err := s.store.StoredAt(ctx, at)
	if errors.Is(err, eventstore.ErrNoEvent) {
		return witness.Event{}, false, nil
	}
	return witness.Event(event), err == nil, err
}

// evidence is [Evidence] over a real witness.
type evidence struct {
	prover    *witness.Prover
	witnessed Witnessed
}

func (e *evidence) Stored(ctx context.Context, at domain.Position) (StoredEvent, bool, error) {
	event, ok, err := e.prover.Event(ctx, at)
	if err != nil || !ok {
		return StoredEvent{}, false, err
	}
	leaf, err := event.Leaf()
	return StoredEvent{CreatedAt: event.CreatedAt, Data: event.Data, Metadata: event.Metadata, Leaf: leaf.String()}, true, err
}

func (e *evidence) Prove(ctx context.Context, at domain.Position) (Proof, error) {
	p, err := e.prover.Prove(ctx, at)
	switch {
	case errors.Is(err, witness.ErrNotCovered):
		return Proof{}, ErrNotSigned
	case errors.Is(err, witness.ErrAltered):
		return Proof{}, ErrAltered
	}
	return Proof{Index: p.Index, Size: p.Checkpoint.Size, Root: p.Checkpoint.Root.String(), Checkpoint: string(p.Checkpoint.Note), File: p.Proof}, err
}

func (e *evidence) Newest(oldSize int64) (Checkpoint, error) {
	c, err := e.prover.Newest()
	if errors.Is(err, witness.ErrNotCovered) {
		return Checkpoint{}, ErrNotSigned
	}
	if err != nil {
		return Checkpoint{}, err
	}
	continuation, err := e.prover.Continue(c, oldSize)
	return Checkpoint{Size: c.Size, Note: c.Note, Continuation: continuation.Text()}, err
}

// bundle is a [Bundler].
func (e *evidence) bundle(ctx context.Context, order domain.OrderNumber, gather func(domain.Position) ([]domain.Record, error)) ([]byte, error) {
	c, err := e.prover.Newest()
	if errors.Is(err, witness.ErrNotCovered) {
		return nil, ErrNotSigned
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

func (e *evidence) Witnessed() Witnessed { return e.witnessed }
