package projections

import (
	"context"
	"fmt"

	"netrom.pl/portal/domain"
)

// Progress tells how far each view has come: what this process knows of the views that it runs, and the checkpoints of the others.
func (t *Tables) Progress(ctx context.Context) (map[string]domain.Position, error) {
	var stored []struct {
		View     string
		Position int64
	}
	if err := t.checkpoints.SelectContext(ctx, &stored); err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	progress := map[string]domain.Position{}
	for _, view := range All() {
		progress[view.Name] = 0 // has not begun yet
	}
	for _, row := range stored {
		progress[row.View] = domain.Position(row.Position)
	}
	hereMu.Lock()
	defer hereMu.Unlock()
	if marks := here[t.db]; marks != nil {
		for view, at := range marks.at {
			progress[view] = max(progress[view], at)
		}
	}
	return progress, nil
}
