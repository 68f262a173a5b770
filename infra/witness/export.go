package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// dailyFolder has, of the folder that leaves the machine, the last checkpoint of each day (UTC), named by the day.
const dailyFolder = "daily"

// copied is the newest checkpoint where they are copied to, if there is one that is worth anything.
func (w *Witness) copied() (Checkpoint, bool) {
	if w.options.Export == "" {
		return Checkpoint{}, false
	}
	c, err := w.exportFolder().readCheckpoint(w.keys)
	return c, err == nil
}

func (w *Witness) exportFolder() *Folder {
	return &Folder{Dir: w.options.Export, tiles: TilesFolder, disk: w.folder.disk}
}

// export copies what was signed and is not copied yet. It never replaces a checkpoint that contradicts ours or is not of our log.
func (w *Witness) export() error {
	if w.options.Export == "" || w.signed.Size == 0 {
		return nil
	}
	to := w.exportFolder()
	copied, err := to.readCheckpoint(w.keys)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrRevoked):
		copied = Checkpoint{}
	case err != nil:
		return fmt.Errorf("copy checkpoints to %s: %w; if it belongs to another log, name another folder", w.options.Export, err)
	default:
		if err := w.extends(w.signed, copied); err != nil {
			return fmt.Errorf("copy checkpoints to %s: %w", w.options.Export, err)
		}
		list, err := to.disk.read(filepath.Join(to.Dir, KeysFile), keysBytesMax)
		if err == nil && bytes.Equal(list, w.keys.Text()) && copied.Size == w.signed.Size && copied.Key == w.signed.Key {
			return nil
		}
	}
	if err := w.copyTo(to, copied.Size); err != nil {
		return fmt.Errorf("copy checkpoints to %s: %w", w.options.Export, err)
	}
	return nil
}

// copyTo copies tiles and bundles that came after a size, then the keys, then the checkpoint.
func (w *Witness) copyTo(to *Folder, after int64) error {
	tiles := tlog.NewTiles(tileHeight, after, w.signed.Size)
	for _, t := range tiles {
		data, err := tileReader{w.folder}.ReadTiles([]tlog.Tile{t})
		if err != nil {
			return err
		}
		if err := to.write(t, data[0]); err != nil {
			return err
		}
		if t.L > 0 {
			continue
		}
		content, _, err := w.folder.bundle(t.N, t.W)
		if err != nil {
			return err
		}
		t.L = entriesLevel
		if err := to.write(t, content); err != nil {
			return err
		}
	}
	day := w.options.Now().UTC().Format("2006-01-02")
	for _, file := range []struct {
		name    string
		content []byte
	}{{KeysFile, w.keys.Text()}, {filepath.Join(dailyFolder, day), w.signed.Note}, {CheckpointFile, w.signed.Note}} {
		if err := to.disk.write(filepath.Join(to.Dir, file.name), file.content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
