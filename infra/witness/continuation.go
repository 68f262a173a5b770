package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// ContinuationBytesMax is the largest text of a continuation: a checkpoint and the hashes before it.
const ContinuationBytesMax = checkpointBytesMax + 8<<10

// proofHashesMax is how many hashes a consistency proof has at most. Source: C2SP, tlog-witness, section "add-checkpoint".
const proofHashesMax = 63

// Continuation is a log's newest checkpoint with the proof that its tree begins with an older one.
type Continuation struct {
	OldSize int64          // events of the older tree; 0: none, and no proof
	Proof   tlog.TreeProof // empty too when the newest checkpoint has fewer events: there is nothing to prove
	Note    []byte         // the newest checkpoint, signed
}

// Text writes it as a log tells it to a witness. Source: C2SP, tlog-witness, section "add-checkpoint".
func (c Continuation) Text() []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "old %d\n", c.OldSize)
	for _, hash := range c.Proof {
		fmt.Fprintf(&text, "%s\n", hash)
	}
	fmt.Fprintf(&text, "\n%s", c.Note)
	return text.Bytes()
}

// ParseContinuation reads what Text writes; nothing is verified.
func ParseContinuation(text []byte) (Continuation, error) {
	head, signed, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	number, old := strings.CutPrefix(lines[0], "old ")
	size, err := strconv.ParseInt(number, 10, 64)
	if !ok || !old || err != nil || size < 0 || strconv.FormatInt(size, 10) != number || len(lines) > 1+proofHashesMax {
		return Continuation{}, errors.New("this is no checkpoint with a proof: it does not begin with old, a size and hashes")
	}
	c := Continuation{OldSize: size, Note: []byte(signed)}
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil || hash.String() != line {
			return Continuation{}, fmt.Errorf("%.60q is no hash", line)
		}
		c.Proof = append(c.Proof, hash)
	}
	return c, nil
}

// Newest answers the newest checkpoint of a witness's folder; ErrNotCovered when none was signed that is worth anything.
func (p *Prover) Newest() (Checkpoint, error) {
	keys, err := LoadKeys(filepath.Join(p.folder.Dir, KeysFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, ErrNotCovered
	}
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := p.folder.readCheckpoint(keys)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrRevoked) {
		return Checkpoint{}, ErrNotCovered
	}
	return c, err
}

// Continue proves that a checkpoint of the folder continues the tree of so many events.
func (p *Prover) Continue(c Checkpoint, oldSize int64) (Continuation, error) {
	continuation := Continuation{OldSize: oldSize, Note: c.Note}
	if oldSize < 1 || oldSize > c.Size {
		return continuation, nil
	}
	var err error
	if continuation.Proof, err = tlog.ProveTree(c.Size, oldSize, p.folder.hashes(c.Tree())); err != nil {
		return continuation, fmt.Errorf("prove that %d events continue %d: %w", c.Size, oldSize, err)
	}
	return continuation, nil
}
