// Package witness makes tampering with the event log evident. It follows the log with a Merkle tree over every business event,
// keeps the tree as a tiled log on disk, signs checkpoints of it, and copies both to where the portal's machine is not trusted.
// Whoever holds a checkpoint can tell later whether an event before it was altered, removed, slipped in or moved.
//
// Tree, checkpoints and proofs are the field's own: RFC 6962 hashes, and C2SP signed-note, tlog-checkpoint, tlog-tiles and
// tlog-proof, computed by golang.org/x/mod/sumdb. Only the entry, what a leaf says of an event, is ours: see [Event.AppendEntry].
package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"netrom.pl/portal/domain"
)

// Log is where the events are. Events yields every business event after a position, in order, up to the end that the log has
// when it is called. At answers the event at a position; ok is false when there is none.
type Log interface {
	Events(ctx context.Context, after domain.Position) iter.Seq2[Event, error]
	At(ctx context.Context, position domain.Position) (event Event, ok bool, err error)
}

// How often a checkpoint is signed while events arrive: after Every at the latest, and for each EventsMax of them when there
// are many.
const (
	Every     = 10 * time.Second
	EventsMax = 8192
)

// lastWord is how long the witness may take, when it is told to end, to sign what has come since the last checkpoint.
const lastWord = 3 * time.Second

// Options of a witness.
type Options struct {
	Dir       string // tree, keys and newest checkpoint; made with mode 0700
	Log       Log
	Export    string           // folder to which tree and checkpoints are copied; empty: they stay here
	Every     time.Duration    // 0: Every
	EventsMax int              // 0: EventsMax
	Now       func() time.Time // for the names of daily checkpoints
	Logger    *slog.Logger
	// Told learns how each try to catch up ended: the newest signed checkpoint, and the error if there was one. nil: nobody asks.
	Told func(signed Checkpoint, err error)
}

// Witness signs the checkpoints of one log. It is for one goroutine.
type Witness struct {
	options Options
	folder  *Folder
	key     Key
	keys    Keys
	tree    *tree // nil: not loaded
	signed  Checkpoint
	at      domain.Position // of the last event in the tree
}

// ErrContradiction says that the log is not the one of which a checkpoint was signed: it was altered, or an older state was
// restored. The witness does not sign then, whoever is right.
var ErrContradiction = errors.New("the log contradicts a checkpoint that was signed; run audit verify to see where")

// Open loads or makes the key. What is wrong with the tree comes to light with the first CatchUp.
func Open(o Options) (*Witness, error) {
	if o.Every == 0 {
		o.Every = Every
	}
	if o.EventsMax == 0 {
		o.EventsMax = EventsMax
	}
	key, keys, err := LoadOrCreateKey(o.Dir)
	if err != nil {
		return nil, err
	}
	return &Witness{options: o, folder: OpenFolder(o.Dir), key: key, keys: keys}, nil
}

// Run catches up with the log again and again until the context ends, and then once more. It returns nil then, or
// ErrContradiction at once; all other failures are logged, the 1st, 2nd, 4th, 8th in a row, and tried again.
func (w *Witness) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.options.Every)
	defer ticker.Stop()
	for failed := 0; ; {
		err := w.CatchUp(ctx)
		if w.options.Told != nil && ctx.Err() == nil {
			w.options.Told(w.signed, err)
		}
		switch {
		case errors.Is(err, ErrContradiction):
			return err
		case err == nil:
			failed = 0
		case ctx.Err() == nil:
			if failed++; failed&(failed-1) == 0 {
				w.options.Logger.Error("no checkpoint of the event log could be signed or copied; it will be tried again", "failed", failed, "error", err)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return w.sayLastWord(ctx)
		}
	}
}

// sayLastWord signs what has come since the last checkpoint, although the context has ended.
func (w *Witness) sayLastWord(ctx context.Context) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	err := w.CatchUp(last)
	if err != nil && !errors.Is(err, ErrContradiction) {
		w.options.Logger.Warn("the newest events are not in a checkpoint yet; the next start signs them", "error", err)
		return nil
	}
	return err
}

// CatchUp takes in what the log has, signs a checkpoint if anything is new, and copies what is not copied yet. Twice is harmless.
func (w *Witness) CatchUp(ctx context.Context) (err error) {
	if err := w.lookAtKey(); err != nil {
		return err
	}
	if w.tree == nil {
		if err := w.load(ctx); err != nil {
			return fmt.Errorf("load the tree of the event log: %w", err)
		}
	}
	err = w.follow(ctx)
	if err != nil {
		w.tree = nil // it may be half stored
		return fmt.Errorf("follow the event log: %w", err)
	}
	return w.export()
}

// lookAtKey takes over the key and the list as they are now: two operators may have changed them meanwhile.
func (w *Witness) lookAtKey() error {
	key, keys, err := LoadOrCreateKey(w.options.Dir)
	if err != nil {
		return err
	}
	if key.public != w.key.public || !bytes.Equal(keys.Text(), w.keys.Text()) {
		w.key, w.keys, w.tree = key, keys, nil
	}
	return nil
}

// load finds where the tree was left. Tiles that do not add up to the checkpoint are built again from the log.
func (w *Witness) load(ctx context.Context) error {
	signed, err := w.folder.readCheckpoint(w.keys)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrRevoked):
		w.signed, w.at = Checkpoint{}, 0
		w.tree, err = w.folder.rebuild()
		return err
	case err != nil:
		return err
	}
	t, damage := loadTree(w.folder, signed.Tree())
	if damage != nil {
		w.options.Logger.Error("the stored tree of the event log is damaged; it is built again from the log", "error", damage)
		w.at = 0
		if t, err = w.folder.rebuild(); err != nil {
			return err
		}
	} else if w.at, err = w.recognise(ctx, signed); err != nil {
		return err
	}
	w.tree, w.signed = t, signed
	return nil
}

// recognise makes sure that the log still has the last event of a checkpoint, and answers its position.
func (w *Witness) recognise(ctx context.Context, signed Checkpoint) (domain.Position, error) {
	for stored, err := range w.folder.entries(signed.Size-1, signed.Size) {
		if err != nil {
			return 0, err
		}
		entry, err := ParseEntry(stored)
		if err != nil {
			return 0, err
		}
		event, ok, err := w.options.Log.At(ctx, entry.Position)
		if err != nil {
			return 0, err
		}
		if now, err := event.AppendEntry(nil); !ok || err != nil || !bytes.Equal(now, stored) {
			return 0, fmt.Errorf("%w: its last event, at %s, is not in the log", ErrContradiction, entry)
		}
		return entry.Position, nil
	}
	return 0, fmt.Errorf("the entry of event %d is missing", signed.Size-1)
}

// follow adds what is new to the tree and signs.
func (w *Witness) follow(ctx context.Context) error {
	var entry []byte
	fresh := 0
	for event, err := range w.options.Log.Events(ctx, w.at) {
		if err != nil {
			return err
		}
		if entry, err = event.AppendEntry(entry[:0]); err != nil {
			return err
		}
		if err := w.tree.add(entry); err != nil {
			return err
		}
		w.at = event.Position
		if fresh++; fresh%w.options.EventsMax > 0 {
			continue
		}
		if w.tree.size() < w.signed.Size { // still building again
			err = w.tree.store()
		} else {
			err = w.sign()
		}
		if err != nil {
			return err
		}
	}
	if w.tree.size() == w.signed.Size && w.signed.Key == w.key.id() && w.tree.folder == w.folder || w.tree.size() == 0 && w.signed.Size == 0 {
		return nil
	}
	return w.sign()
}

// sign signs what the tree has, unless that contradicts an earlier checkpoint, here or where they are copied to.
func (w *Witness) sign() error {
	root, err := w.tree.root()
	if err != nil {
		return err
	}
	next := Checkpoint{Origin: w.key.Origin(), Size: w.tree.size(), Root: root}
	if err := w.extends(next, w.signed); err != nil {
		return err
	}
	if copied, ok := w.copied(); ok {
		if err := w.extends(next, copied); err != nil {
			return err
		}
	}
	if err := w.tree.store(); err != nil {
		return err
	}
	if err := w.folder.adopt(w.tree); err != nil {
		return err
	}
	if next, err = w.key.sign(next); err != nil {
		return err
	}
	if err := w.folder.disk.write(filepath.Join(w.folder.Dir, CheckpointFile), next.Note, 0o644); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	w.signed = next
	return nil
}

// extends proves that the tree in memory, which next describes, begins with the tree of an older checkpoint.
func (w *Witness) extends(next, older Checkpoint) error {
	if older.Size == 0 {
		return nil
	}
	if older.Size > next.Size {
		return fmt.Errorf("%w: it has %d events, and a checkpoint of %d was signed", ErrContradiction, next.Size, older.Size)
	}
	proof, err := tlog.ProveTree(next.Size, older.Size, w.tree)
	if err != nil {
		return err
	}
	if tlog.CheckTree(proof, next.Size, next.Root, older.Size, older.Root) != nil {
		return fmt.Errorf("%w: its first %d events are not those of which a checkpoint was signed", ErrContradiction, older.Size)
	}
	return nil
}
