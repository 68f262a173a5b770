package witness

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed statement: so many events were in the log, and they hash to this root. The zero value says nothing.
type Checkpoint struct {
	Origin string // the log
	Size   int64  // events
	Root   tlog.Hash
	Key    string // the key whose signature was verified, name and hash
	Note   []byte // the whole signed note, to hand on
}

// text is what is signed. Source: C2SP, tlog-checkpoint.
func (c Checkpoint) text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

// Tree is what the checkpoint vouches for.
func (c Checkpoint) Tree() tlog.Tree { return tlog.Tree{N: c.Size, Hash: c.Root} }

// parseCheckpoint reads the text of a signed note. Lines after the third are extensions and mean nothing here.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || lines[0] == "" {
		return Checkpoint{}, errors.New("a checkpoint has an origin, a size and a root, each on a line of its own")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 1 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%.20q is not the size of a tree", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil || root.String() != lines[2] {
		return Checkpoint{}, fmt.Errorf("%.60q is not the root of a tree", lines[2])
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// Reasons why a checkpoint is worth nothing.
var (
	ErrRevoked    = errors.New("it is signed with a key that was revoked")
	ErrUnknownKey = errors.New("it is signed with no key on the list; after a rotation the list must have the new key")
)

// Open verifies a checkpoint. Signatures by others are ignored, as long as one of the log's own keys has signed that is not revoked.
// Source: C2SP, signed-note and tlog-checkpoint.
func (k Keys) Open(signed []byte) (Checkpoint, error) {
	opened, err := note.Open(signed, k.verifiers(func(s State) bool { return s != Revoked }))
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		if _, revoked := note.Open(signed, k.verifiers(func(s State) bool { return s == Revoked })); revoked == nil {
			return Checkpoint{}, fmt.Errorf("checkpoint: %w", ErrRevoked)
		}
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", ErrUnknownKey)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := parseCheckpoint(opened.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	if by := opened.Sigs[0]; by.Name == c.Origin {
		c.Key, c.Note = fmt.Sprintf("%s+%08x", by.Name, by.Hash), signed
		return c, nil
	}
	return Checkpoint{}, fmt.Errorf("checkpoint: it is of the log %.100q, and its key is for %s", c.Origin, opened.Sigs[0].Name)
}

// LoadCheckpoint reads and verifies a checkpoint file; fs.ErrNotExist when there is none.
func LoadCheckpoint(path string, keys Keys) (Checkpoint, error) {
	signed, err := readAtMost(path, checkpointBytesMax)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read checkpoint: %w", err)
	}
	c, err := keys.Open(signed)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}
