package witness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is a growing tree: its older part is in a folder, the newest leaves are in memory until they are stored.
type tree struct {
	folder  *Folder
	edge    frontier
	stored  tlog.Tree            // what the folder has
	pending map[int64]tlog.Hash  // by stored hash index: what it does not have yet
	bundle  []byte               // entries from the last multiple of tileWidth on, as a bundle
	bundles map[tlog.Tile][]byte // full bundles that the folder does not have yet
}

func newTree(f *Folder) *tree {
	return &tree{folder: f, pending: map[int64]tlog.Hash{}, bundles: map[tlog.Tile][]byte{}}
}

// loadTree goes on with what a folder has of a tree. It fails when the folder's files do not add up to the tree.
func loadTree(f *Folder, of tlog.Tree) (*tree, error) {
	t := newTree(f)
	t.stored = of
	var err error
	if t.edge, err = frontierOf(of.N, f.hashes(of)); err != nil {
		return nil, err
	}
	first := of.N / tileWidth * tileWidth
	var leaves []tlog.Hash
	var indexes []int64
	for entry, err := range f.entries(first, of.N) {
		if err != nil {
			return nil, err
		}
		indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(len(leaves))))
		leaves = append(leaves, leafHash(entry))
		t.addToBundle(entry)
	}
	known, err := f.hashes(of).ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(leaves, known) {
		return nil, fmt.Errorf("the last stored entries are not those in the tree")
	}
	return t, nil
}

func (t *tree) size() int64 { return t.edge.size }

// root is the hash of the tree as it is in memory; the empty tree's is that of nothing.
func (t *tree) root() (tlog.Hash, error) { return t.edge.root() }

// add appends an entry.
func (t *tree) add(entry []byte) error {
	if err := t.addHash(leafHash(entry)); err != nil {
		return err
	}
	t.addToBundle(entry)
	if size := t.size(); size%tileWidth == 0 {
		t.bundles[tlog.Tile{H: tileHeight, L: entriesLevel, N: size/tileWidth - 1, W: tileWidth}] = t.bundle
		t.bundle = nil
	}
	return nil
}

func (t *tree) addHash(leaf tlog.Hash) error {
	index := tlog.StoredHashIndex(0, t.size())
	hashes, err := t.edge.add(leaf)
	for i, hash := range hashes {
		t.pending[index+int64(i)] = hash
	}
	return err
}

func (t *tree) addToBundle(entry []byte) {
	t.bundle = append(binary.BigEndian.AppendUint16(t.bundle, uint16(len(entry))), entry...)
}

// ReadHashes is [tlog.HashReader] for everything in the tree, stored or not.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	var older []int64
	for i, index := range indexes {
		hash, ok := t.pending[index]
		if hashes[i] = hash; !ok {
			older = append(older, index)
		}
	}
	if len(older) == 0 {
		return hashes, nil
	}
	found, err := t.folder.hashes(t.stored).ReadHashes(older)
	if err != nil {
		return nil, fmt.Errorf("read the stored tree: %w", err)
	}
	for i, index := range indexes {
		if _, ok := t.pending[index]; !ok {
			hashes[i], found = found[0], found[1:]
		}
	}
	return hashes, nil
}

// store writes what the folder does not have yet. After an error the tree must be loaded anew; the folder still has every
// tree for which there was a checkpoint.
func (t *tree) store() error {
	if t.size() == t.stored.N {
		return nil
	}
	root, err := t.root()
	if err != nil {
		return err
	}
	for tile, bundle := range t.bundles {
		if err := t.folder.write(tile, bundle); err != nil {
			return err
		}
	}
	if w := int(t.size() % tileWidth); w > 0 && len(t.bundle) > 0 {
		if err := t.folder.write(tlog.Tile{H: tileHeight, L: entriesLevel, N: t.size() / tileWidth, W: w}, t.bundle); err != nil {
			return err
		}
	}
	for _, tile := range tlog.NewTiles(tileHeight, t.stored.N, t.size()) {
		data, err := tlog.ReadTileData(tile, t)
		if err != nil {
			return err
		}
		if err := t.folder.write(tile, data); err != nil {
			return err
		}
	}
	t.stored = tlog.Tree{N: t.size(), Hash: root}
	clear(t.pending)
	clear(t.bundles)
	return nil
}

// Folders of tiles beside the one in use: a tree that is built again, and the damaged one that it has replaced.
const (
	rebuiltFolder = "tile.rebuilt"
	damagedFolder = "tile.damaged"
)

// rebuild begins an empty tree beside the one in use, which stays as it is until adopt.
func (f *Folder) rebuild() (*tree, error) {
	beside := *f
	beside.tiles = rebuiltFolder
	if err := os.RemoveAll(filepath.Join(f.Dir, rebuiltFolder)); err != nil {
		return nil, fmt.Errorf("clear the traces of a broken off rebuild: %w", err)
	}
	return newTree(&beside), nil
}

// adopt makes a stored tree the one in use; what was in use is kept beside it. For a tree that is in use it does nothing.
func (f *Folder) adopt(t *tree) error {
	if t.folder.tiles == f.tiles {
		return nil
	}
	damaged, used, rebuilt := filepath.Join(f.Dir, damagedFolder), filepath.Join(f.Dir, f.tiles), filepath.Join(f.Dir, t.folder.tiles)
	if err := os.RemoveAll(damaged); err != nil {
		return fmt.Errorf("replace the tree: %w", err)
	}
	if err := os.Rename(used, damaged); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace the tree: %w", err)
	}
	if err := os.Rename(rebuilt, used); err != nil {
		return fmt.Errorf("replace the tree: %w", err)
	}
	t.folder = f
	return syncDir(f.Dir)
}
