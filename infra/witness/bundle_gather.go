package witness

import (
	"context"
	"fmt"
	"path/filepath"

	"netrom.pl/portal/domain"
)

// Gather finds the records that a bundle is about, in the order of the log. None may stand behind the last position, so that what is
// logged later changes nothing.
type Gather func(last domain.Position) ([]domain.Record, error)

// Bundle proves what gather finds against a checkpoint, and answers those records, too. It may find nothing; such a bundle cannot be read again.
func (p *Prover) Bundle(ctx context.Context, c Checkpoint, question Question, gather Gather) (*Bundle, []domain.Record, error) {
	keys, err := LoadKeys(filepath.Join(p.folder.Dir, KeysFile))
	if err != nil {
		return nil, nil, err
	}
	last, err := p.folder.Last(c)
	if err != nil {
		return nil, nil, fmt.Errorf("find the last event before the checkpoint: %w", err)
	}
	records, err := gather(last.Position)
	if err != nil {
		return nil, nil, err
	}
	b := &Bundle{Question: question, Checkpoint: c}
	for _, record := range records {
		index, err := p.folder.FindPosition(c, record.Position)
		if err != nil {
			return nil, nil, fmt.Errorf("find the event at position %d: %w", record.Position, err)
		}
		event, ok, err := p.log.At(ctx, record.Position)
		if err != nil {
			return nil, nil, fmt.Errorf("read the event at position %d: %w", record.Position, err)
		}
		if !ok {
			return nil, nil, fmt.Errorf("the log has no event at position %d any more; run audit verify to see what has changed", record.Position)
		}
		if err := b.Add(p.folder, keys, index, event); err != nil {
			return nil, nil, err
		}
	}
	return b, records, nil
}
