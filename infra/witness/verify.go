package witness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"netrom.pl/portal/domain"
)

// Named is a checkpoint with the name under which people know it.
type Named struct {
	Name string
	Checkpoint
}

// Report is what verifying found.
type Report struct {
	Events     int64       // in the log, as far as it was read
	Agreed     []Named     // checkpoints to which the log leads, smallest first
	Difference *Difference // the first thing that is wrong; nil when the log leads to all checkpoints
}

// Verify hashes every event of the log anew and compares with the checkpoints. When the log does not lead to one of them, it looks
// in copies of the tree for the first event that differs; copies are not trusted, but checked against the checkpoint.
func Verify(ctx context.Context, log Log, checkpoints []Named, copies []*Folder) (Report, error) {
	checkpoints = slices.SortedStableFunc(slices.Values(checkpoints), func(a, b Named) int { return cmp.Compare(a.Size, b.Size) })
	var report Report
	for i := 1; i < len(checkpoints); i++ {
		if a, b := checkpoints[i-1], checkpoints[i]; a.Size == b.Size && a.Root != b.Root {
			report.Difference = &Difference{Kind: SplitView, Checkpoint: b, Other: a, Index: a.Size}
			return report, nil
		}
	}
	var (
		edge   frontier
		entry  []byte
		agreed place
	)
	left := checkpoints
	for event, err := range log.Events(ctx, 0) {
		if err != nil {
			return report, err
		}
		if entry, err = event.AppendEntry(entry[:0]); err != nil {
			return report, err
		}
		if _, err := edge.add(leafHash(entry)); err != nil {
			return report, err
		}
		report.Events++
		for len(left) > 0 && left[0].Size == edge.size {
			root, err := edge.root()
			if err != nil {
				return report, err
			}
			if root != left[0].Root {
				report.Difference, err = locate(ctx, log, agreed, left, copies)
				return report, err
			}
			agreed = place{edge.size, event.Position}
			report.Agreed, left = append(report.Agreed, left[0]), left[1:]
		}
	}
	if len(left) == 0 {
		return report, nil
	}
	var err error
	report.Difference, err = locate(ctx, log, agreed, left, copies)
	return report, err
}

// place is how far the log is known to be right: so many events, of which the last is at a position.
type place struct {
	size     int64
	position domain.Position
}

// addsUp reads a folder's entries and makes sure that they are those of a tree. see is told of every leaf which hashes it
// completes, by level; nothing is proven until addsUp has returned.
func (f *Folder) addsUp(of tlog.Tree, see func(index int64, hashes []tlog.Hash) error) error {
	var edge frontier
	for entry, err := range f.entries(0, of.N) {
		if err != nil {
			return err
		}
		hashes, err := edge.add(leafHash(entry))
		if err != nil {
			return err
		}
		if err := see(edge.size-1, hashes); err != nil {
			return err
		}
	}
	if root, err := edge.root(); err != nil || root != of.Hash {
		return errors.Join(err, fmt.Errorf("the entries in %s are not those that the checkpoint vouches for", f.Dir))
	}
	return nil
}

// Check reads a whole folder and makes sure that its files add up to a tree: entries, leaves, and every level above them.
func (f *Folder) Check(of tlog.Tree) error {
	tiles := map[int][]byte{} // by level: the one that is being compared
	return f.addsUp(of, func(index int64, hashes []tlog.Hash) error {
		for level := 0; level < len(hashes); level += tileHeight {
			n := (index+1)>>level - 1
			t := tlog.Tile{H: tileHeight, L: level / tileHeight, N: n / tileWidth}
			t.W = int(min(tileWidth, of.N>>level-t.N*tileWidth))
			if n%tileWidth == 0 {
				data, err := tileReader{f}.ReadTiles([]tlog.Tile{t})
				if err != nil {
					return err
				}
				tiles[t.L] = data[0]
			}
			if stored := tiles[t.L][n%tileWidth*tlog.HashSize:][:tlog.HashSize]; !bytes.Equal(stored, hashes[level][:]) {
				return fmt.Errorf("hash %d of %s is not that of the entries below it", n%tileWidth, f.path(t))
			}
		}
		return nil
	})
}
