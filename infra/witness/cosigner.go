package witness

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Names in a cosigner's folder, beside KeyFile and CheckpointFile.
const (
	CosignerKeyFile = "key"      // public: what auditors need
	EvidenceFolder  = "evidence" // checkpoints that were refused, each with the one that it contradicts
	cosignerLock    = "lock"
)

// Why a cosigner refuses a checkpoint.
var (
	ErrRollback  = errors.New("ROLLBACK: the log has fewer events than were cosigned")
	ErrSplitView = errors.New("SPLIT VIEW: the log has another history than the one that was cosigned")
	ErrOtherLog  = errors.New("WRONG KEY: the checkpoint is not signed with a key that was named")
)

// Cosigner watches one log from elsewhere: it countersigns what continues all that it has seen before, and nothing else. Its
// folder is all that it remembers. Several processes may use the folder, one at a time.
type Cosigner struct {
	dir string
	key cosigningKey
}

// OpenCosigner opens or makes the folder of a cosigner, with a key of its own.
func OpenCosigner(dir string) (*Cosigner, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open witness: %w", err)
	}
	key, err := loadOrCreateCosigningKey(dir)
	if err != nil {
		return nil, err
	}
	if err := writeDurably(filepath.Join(dir, CosignerKeyFile), []byte(key.String()+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("open witness: write public key: %w", err)
	}
	return &Cosigner{dir, key}, nil
}

// Key is what others verify cosignatures with.
func (c *Cosigner) Key() CosignerKey { return c.key.CosignerKey }

// Advance asks the log for its newest checkpoint, with the proof that it continues the one that was cosigned last, and cosigns it.
// It answers the cosigned checkpoint, which CheckpointFile keeps. What is refused is kept in EvidenceFolder, and nothing else
// changes; the error then is ErrRollback, ErrSplitView or ErrOtherLog and names the files.
func (c *Cosigner) Advance(ctx context.Context, keys Keys, at time.Time, ask func(ctx context.Context, oldSize int64) ([]byte, error)) (Checkpoint, error) {
	lock, err := os.OpenFile(filepath.Join(c.dir, cosignerLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("lock witness: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return Checkpoint{}, fmt.Errorf("lock witness: another program is at work in %s: %w", c.dir, err)
	}
	seen, err := c.seen()
	if err != nil {
		return Checkpoint{}, err
	}
	text, err := ask(ctx, seen.Size)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("ask for the newest checkpoint: %w", err)
	}
	offered, err := ParseContinuation(text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the newest checkpoint: %w", err)
	}
	next, err := continues(offered, seen, keys)
	if err != nil {
		return Checkpoint{}, c.refuse(err, offered, seen)
	}
	return c.cosign(next, keys, at)
}

// seen is the checkpoint that was cosigned last; the zero value when there is none. Its cosignature is ours, and that is enough:
// the log may have changed its key since.
func (c *Cosigner) seen() (Checkpoint, error) {
	path := filepath.Join(c.dir, CheckpointFile)
	text, err := readAtMost(path, checkpointBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read what was cosigned: %w", err)
	}
	opened, err := note.Open(text, note.VerifierList(c.key))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read what was cosigned: %s is not what this witness wrote (%w): put it back from its backup", path, err)
	}
	seen, err := parseCheckpoint(opened.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read what was cosigned: %s: %w", path, err)
	}
	seen.Note = text
	return seen, nil
}

// continues answers the checkpoint that a log offers, if it continues the one that was seen.
func continues(offered Continuation, seen Checkpoint, keys Keys) (Checkpoint, error) {
	next, err := keys.Open(offered.Note)
	switch {
	case err != nil:
		return next, fmt.Errorf("%w: %w", ErrOtherLog, err)
	case seen.Size == 0:
		return next, nil
	case next.Origin != seen.Origin:
		return next, fmt.Errorf("%w: it is of the log %s, and this witness watches %s", ErrOtherLog, next.Origin, seen.Origin)
	case next.Size < seen.Size:
		return next, fmt.Errorf("%w: it has %d, and %d were cosigned", ErrRollback, next.Size, seen.Size)
	case next.Size == seen.Size && next.Root != seen.Root:
		return next, fmt.Errorf("%w: two checkpoints of %d events contradict each other", ErrSplitView, next.Size)
	case next.Size == seen.Size:
		return next, nil
	case offered.OldSize != seen.Size:
		return next, fmt.Errorf("%w: asked how its %d events continue %d, it answers for %d", ErrSplitView, next.Size, seen.Size, offered.OldSize)
	case tlog.CheckTree(offered.Proof, next.Size, next.Root, seen.Size, seen.Root) != nil:
		return next, fmt.Errorf("%w: it cannot prove that its %d events begin with the %d that were cosigned", ErrSplitView, next.Size, seen.Size)
	}
	return next, nil
}

// refuse keeps what was offered, and what it contradicts.
func (c *Cosigner) refuse(reason error, offered Continuation, seen Checkpoint) error {
	name := filepath.Join(c.dir, EvidenceFolder, hex.EncodeToString(leafOf(offered.Note)))
	files := map[string][]byte{name + ".offered": offered.Text()}
	kept := []string{name + ".offered"}
	if seen.Size > 0 {
		files[name+".cosigned"] = seen.Note
		kept = append(kept, name+".cosigned")
	}
	for path, content := range files {
		if err := writeDurably(path, content, 0o644); err != nil {
			return errors.Join(reason, fmt.Errorf("keep the evidence: %w", err))
		}
	}
	return fmt.Errorf("%w. Both sides are kept in %s", reason, strings.Join(kept, " and "))
}

// leafOf names evidence by its content, so that keeping the same twice is keeping it once.
func leafOf(content []byte) []byte {
	hash := tlog.RecordHash(content)
	return hash[:8]
}

// cosign adds our signature to those of the log's keys; signatures of strangers are left out.
func (c *Cosigner) cosign(next Checkpoint, keys Keys, at time.Time) (Checkpoint, error) {
	opened, err := note.Open(next.Note, keys.verifiers(func(s State) bool { return s != Revoked }))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("cosign: %w", err)
	}
	opened.UnverifiedSigs = nil
	if next.Note, err = note.Sign(opened, c.key.at(at)); err != nil {
		return Checkpoint{}, fmt.Errorf("cosign: %w", err)
	}
	if err := writeDurably(filepath.Join(c.dir, CheckpointFile), next.Note, 0o644); err != nil {
		return Checkpoint{}, fmt.Errorf("cosign: %w", err)
	}
	return next, nil
}
