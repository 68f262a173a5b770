package witness

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is a tree of which only the right edge is kept: enough to add leaves and to compute the root. It is a
// [tlog.HashReader] for these two purposes. The zero value is the empty tree.
type frontier struct {
	size int64
	last [64]tlog.Hash // by level: the newest complete subtree
}

// add appends a leaf and answers the hashes that are complete now, in the order in which tlog stores them.
func (f *frontier) add(leaf tlog.Hash) ([]tlog.Hash, error) {
	hashes, err := tlog.StoredHashesForRecordHash(f.size, leaf, f)
	if err != nil {
		return nil, err
	}
	copy(f.last[:], hashes)
	f.size++
	return hashes, nil
}

func (f *frontier) root() (tlog.Hash, error) { return tlog.TreeHash(f.size, f) }

// ReadHashes is [tlog.HashReader]; what is asked for is always the newest subtree of its level.
func (f *frontier) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, _ := tlog.SplitStoredHashIndex(index)
		hashes[i] = f.last[level]
	}
	return hashes, nil
}

// frontierOf is the right edge of a tree of which a reader has all hashes.
func frontierOf(size int64, from tlog.HashReader) (frontier, error) {
	f := frontier{size: size}
	var indexes []int64
	for level := range bits.Len64(uint64(size)) {
		if size>>level&1 == 1 {
			indexes = append(indexes, tlog.StoredHashIndex(level, size>>level-1))
		}
	}
	hashes, err := from.ReadHashes(indexes)
	if err != nil {
		return frontier{}, err
	}
	for i, index := range indexes {
		level, _ := tlog.SplitStoredHashIndex(index)
		f.last[level] = hashes[i]
	}
	return f, nil
}
