package witness

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/mod/sumdb/tlog"
)

// Shape of a tile. Source: C2SP, tlog-tiles, section "Merkle Tree".
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// entriesLevel is the "level" of entry bundles in a tlog.Tile.
const entriesLevel = -1

// Names in a folder.
const (
	TilesFolder    = "tile"
	CheckpointFile = "checkpoint" // the newest one
)

// Limits of what is read from a folder.
const (
	checkpointBytesMax = 64 << 10
	bundleBytesMax     = tileWidth * (2 + EntryBytesMax)
)

// Folder is a tiled log on disk: tiles of hashes, bundles of entries and the newest signed checkpoint. Files appear whole
// or not at all. Source: C2SP, tlog-tiles.
type Folder struct {
	Dir   string
	tiles string // where tiles are: TilesFolder; another name while a damaged tree is built again
	disk  disk
}

// OpenFolder answers the folder, which need not exist yet.
func OpenFolder(dir string) *Folder { return &Folder{Dir: dir, tiles: TilesFolder, disk: durable{}} }

// disk is where files are. write makes a file appear whole or not at all, with the folders above it.
type disk interface {
	read(path string, limit int64) ([]byte, error)
	write(path string, content []byte, mode fs.FileMode) error
	removeAll(path string) error
}

// durable is the disk of the machine; what it has written survives a power cut.
type durable struct{}

func (durable) read(path string, limit int64) ([]byte, error) { return readAtMost(path, limit) }

func (durable) write(path string, content []byte, mode fs.FileMode) error {
	return writeDurably(path, content, mode)
}

func (durable) removeAll(path string) error { return os.RemoveAll(path) }

// path is where a tile is. Source: C2SP, tlog-tiles.
func (f *Folder) path(t tlog.Tile) string {
	name := strings.TrimPrefix(t.Path(), "tile/"+strconv.Itoa(t.H)+"/")
	if rest, ok := strings.CutPrefix(name, "data/"); ok {
		name = "entries/" + rest
	}
	return filepath.Join(f.Dir, f.tiles, filepath.FromSlash(name))
}

func full(t tlog.Tile) tlog.Tile { t.W = tileWidth; return t }

// read reads a tile of at least the wanted width: the full one, or a partial one until there is a full one.
func (f *Folder) read(t tlog.Tile, limit int64) ([]byte, error) {
	content, err := f.disk.read(f.path(full(t)), limit)
	if !errors.Is(err, fs.ErrNotExist) || t.W == tileWidth {
		return content, err
	}
	if content, err = f.disk.read(f.path(t), limit); !errors.Is(err, fs.ErrNotExist) {
		return content, err
	}
	// The full one may have come in the meantime, and the partial ones gone.
	if later, laterErr := f.disk.read(f.path(full(t)), limit); laterErr == nil {
		return later, nil
	}
	return nil, err
}

// write makes a tile durable. A full one takes the place of all partial ones.
func (f *Folder) write(t tlog.Tile, content []byte) error {
	if err := f.disk.write(f.path(t), content, 0o644); err != nil {
		return fmt.Errorf("write tile: %w", err)
	}
	if t.W == tileWidth {
		if err := f.disk.removeAll(f.path(t) + ".p"); err != nil {
			return fmt.Errorf("remove partial tiles: %w", err)
		}
	}
	return nil
}

// hashes reads the hashes of a tree; every one is proven to belong to it.
func (f *Folder) hashes(tree tlog.Tree) tlog.HashReader {
	return tlog.TileHashReader(tree, tileReader{f})
}

// tileReader is [tlog.TileReader].
type tileReader struct{ folder *Folder }

func (tileReader) Height() int { return tileHeight }

func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		content, err := r.folder.read(t, tileWidth*tlog.HashSize)
		if err != nil {
			return nil, fmt.Errorf("read tile: %w", err)
		}
		if len(content) < t.W*tlog.HashSize {
			return nil, fmt.Errorf("tile %s is cut off", r.folder.path(t))
		}
		data[i] = content[:t.W*tlog.HashSize]
	}
	return data, nil
}

// bundle reads the first entries of a bundle as they are stored, and where each of them ends.
func (f *Folder) bundle(n int64, width int) (content []byte, ends []int, err error) {
	t := tlog.Tile{H: tileHeight, L: entriesLevel, N: n, W: width}
	if content, err = f.read(t, bundleBytesMax); err != nil {
		return nil, nil, fmt.Errorf("read entries: %w", err)
	}
	s := cryptobyte.String(content)
	for range width {
		var entry cryptobyte.String
		if !s.ReadUint16LengthPrefixed(&entry) {
			return nil, nil, fmt.Errorf("the bundle of entries %s is cut off", f.path(t))
		}
		ends = append(ends, len(content)-len(s))
	}
	return content[:ends[width-1]], ends, nil
}

// entries yields the entries from one index up to another, as stored; nobody has proven yet that they belong to a tree.
func (f *Folder) entries(from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for n := from / tileWidth; n*tileWidth < to; n++ {
			content, ends, err := f.bundle(n, int(min(tileWidth, to-n*tileWidth)))
			if err != nil {
				yield(nil, err)
				return
			}
			start := 0
			for i, end := range ends {
				entry := content[start+2 : end]
				if start = end; n*tileWidth+int64(i) < from {
					continue
				}
				if !yield(entry, nil) {
					return
				}
			}
		}
	}
}

// readCheckpoint reads the newest checkpoint; fs.ErrNotExist when there is none.
func (f *Folder) readCheckpoint(keys Keys) (Checkpoint, error) {
	return LoadCheckpoint(filepath.Join(f.Dir, CheckpointFile), keys)
}

func readAtMost(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return content, err
}

// writeDurably makes a file appear whole or not at all, with its folders, on disk before it returns.
func writeDurably(path string, content []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	if err := makeDurably(dir); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := file.Chmod(mode); err != nil {
		return err
	}
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// makeDurably makes a folder and those above it.
func makeDurably(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := makeDurably(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
