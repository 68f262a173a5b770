package books

import (
	"context"
	"fmt"
	"slices"

	"netrom.pl/portal/domain"
)

// keptFolds is how many folds are kept: that of the whole log, and two more, for whoever leafs through a report as of another day.
const keptFolds = 3

// Kept prints reports from folds that it keeps and reads on when the log has grown, so that not every page folds the whole log anew. What it
// prints is what [Print] prints. It keeps what the books keep in memory, and the rows of journal and history, compressed, up to a limit; where
// they are more, it folds the log anew. Safe for concurrent use: one report is made at a time, others wait for their turn.
type Kept struct {
	source  Source
	turn    chan struct{} // one element while somebody folds or prints
	folds   []*fold       // the one that was used last is the first
	rowsMax int           // in bytes, of each report
}

// Keep begins with nothing; the first report folds the log.
func Keep(source Source) *Kept {
	return &Kept{source: source, turn: make(chan struct{}, 1), rowsMax: shelfBytesMax}
}

// Print prints a report as [Print] does. A printer that is a [Leaf] is spared rows that it does not show.
func (k *Kept) Print(ctx context.Context, name string, q Question, out Printer) (Seal, error) {
	if !slices.Contains(Reports, name) {
		return Seal{}, unknownReport(name)
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return Seal{}, fmt.Errorf("print %s: %w", name, ctx.Err())
	}
	f, err := k.fold(q, countsUpTo(name, q))
	if err != nil {
		return Seal{}, err
	}
	err = f.read(ctx, k.source)
	if f.broken {
		k.folds = slices.DeleteFunc(k.folds, func(other *fold) bool { return other == f })
	}
	if err != nil {
		return Seal{}, err
	}
	i := slices.IndexFunc(f.parts, func(p *part) bool { return p.name == name })
	rows := f.parts[i].out.Printer.(*shelf)
	if rows.full {
		return Print(ctx, k.source, name, q, out)
	}
	if err := rows.print(out); err != nil {
		return Seal{}, fmt.Errorf("print %s: %w", name, err)
	}
	return f.print(ctx, k.source, f.parts[i], out)
}

// fold finds the one of a question, or begins it; then the one that was not used for longest is given up, but not that of the whole log.
func (k *Kept) fold(q Question, until domain.Day) (*fold, error) {
	i := slices.IndexFunc(k.folds, func(f *fold) bool { return f.question == q && f.books.until == until })
	if i >= 0 {
		f := k.folds[i]
		k.folds = slices.Insert(slices.Delete(k.folds, i, i+1), 0, f)
		return f, nil
	}
	f := newFold(k.source, q, until)
	for _, name := range Reports {
		if countsUpTo(name, q) != until {
			continue
		}
		if _, err := f.add(name, &shelf{max: k.rowsMax}); err != nil {
			return nil, err
		}
	}
	if len(k.folds) >= keptFolds {
		oldest := len(k.folds) - 1
		if k.folds[oldest].question == (Question{}) {
			oldest--
		}
		k.folds = slices.Delete(k.folds, oldest, oldest+1)
	}
	k.folds = slices.Insert(k.folds, 0, f)
	return f, nil
}
