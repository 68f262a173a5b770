package foundation

import (
	"context"
	"errors"
	"iter"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/witness"
)

// WitnessFolder is where tree, checkpoints and keys of the witness are, within the data folder.
const WitnessFolder = "witness"

// Stored is the event log byte for byte, for a witness.
func (f *Foundation) Stored() witness.Log { return stored{f.Log} }

// stored is [witness.Log].
type stored struct{ store *eventstore.Store }

func (s stored) Events(ctx context.Context, after domain.Position) iter.Seq2[witness.Event, error] {
	return func(yield func(witness.Event, error) bool) {
		for event, err := range s.store.Stored(ctx, after) {
			if !yield(witness.Event(event), err) {
				return
			}
		}
	}
}

func (s stored) At(ctx context.Context, position domain.Position) (witness.Event, bool, error) {
	event, err := s.store.StoredAt(ctx, position)
	if errors.Is(err, eventstore.ErrNoEvent) {
		return witness.Event{}, false, nil
	}
	return witness.Event(event), err == nil, err
}
