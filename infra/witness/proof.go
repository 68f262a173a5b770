package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/mod/sumdb/tlog"

	"netrom.pl/portal/domain"
)

// ProofBytesMax is the largest proof file: an event's data and metadata, in base64, and the hashes.
const ProofBytesMax = 32 << 20

// proofHeader begins a proof. Source: C2SP, tlog-proof.
const proofHeader = "c2sp.org/tlog-proof@v1"

// Proof shows that an event stood in the log when a checkpoint was signed.
type Proof struct {
	Index      int64 // of the event, from 0
	Entry      Entry
	Data       []byte // the event's, as stored
	Metadata   []byte
	Checkpoint Checkpoint
}

// Prove writes the proof that an event is the one with an index in a checkpoint's tree, of which the folder has the tiles. The extra
// data are the entry, with a length of 16 bits before it, the event's data and its metadata. Source: C2SP, tlog-proof.
func Prove(f *Folder, c Checkpoint, index int64, event Event) ([]byte, error) {
	entry, err := event.AppendEntry(nil)
	if err != nil {
		return nil, err
	}
	path, err := tlog.ProveRecord(c.Size, index, f.hashes(c.Tree()))
	if err != nil {
		return nil, fmt.Errorf("prove event %d: %w", index, err)
	}
	if tlog.CheckRecord(path, c.Size, c.Root, index, leafHash(entry)) != nil {
		return nil, fmt.Errorf("prove event %d: the event at position %d is %w; run audit verify to see what has changed", index, event.Position, ErrAltered)
	}
	extra := append([]byte{byte(len(entry) >> 8), byte(len(entry))}, entry...)
	extra = append(append(extra, event.Data...), event.Metadata...)
	var proof bytes.Buffer
	fmt.Fprintf(&proof, "%s\nextra %s\nindex %d\n", proofHeader, base64.StdEncoding.EncodeToString(extra), index)
	for _, hash := range path {
		fmt.Fprintf(&proof, "%s\n", hash)
	}
	fmt.Fprintf(&proof, "\n%s", c.Note)
	return proof.Bytes(), nil
}

// CheckProof verifies a proof with nothing but the keys.
func CheckProof(text []byte, keys Keys) (Proof, error) {
	head, signed, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 3 || lines[0] != proofHeader {
		return Proof{}, fmt.Errorf("this is no proof: it does not begin with %s, or is cut off", proofHeader)
	}
	extra, extraOK := strings.CutPrefix(lines[1], "extra ")
	number, indexOK := strings.CutPrefix(lines[2], "index ")
	index, err := strconv.ParseInt(number, 10, 64)
	if !extraOK || !indexOK || err != nil || strconv.FormatInt(index, 10) != number {
		return Proof{}, errors.New("the proof does not say which event it is about")
	}
	p := Proof{Index: index}
	leaf, err := p.readExtra(extra)
	if err != nil {
		return Proof{}, err
	}
	if p.Checkpoint, err = keys.Open([]byte(signed)); err != nil {
		return Proof{}, err
	}
	var path tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return Proof{}, fmt.Errorf("%.60q is no hash", line)
		}
		path = append(path, hash)
	}
	if err := tlog.CheckRecord(path, p.Checkpoint.Size, p.Checkpoint.Root, index, leaf); err != nil {
		return Proof{}, errors.New("the event is not in the signed tree: event, place or proof was changed")
	}
	return p, nil
}

// readExtra reads entry, data and metadata, makes sure that they belong together, and answers the leaf.
func (p *Proof) readExtra(text string) (leaf tlog.Hash, err error) {
	extra, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return leaf, fmt.Errorf("the event in the proof cannot be read: %w", err)
	}
	s := cryptobyte.String(extra)
	var entry cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&entry) {
		return leaf, errors.New("the event in the proof is cut off")
	}
	if p.Entry, err = ParseEntry(entry); err != nil {
		return leaf, err
	}
	if !s.ReadBytes(&p.Data, int(p.Entry.Data.Bytes)) || !s.ReadBytes(&p.Metadata, int(p.Entry.Metadata.Bytes)) || !s.Empty() ||
		sha256.Sum256(p.Data) != p.Entry.Data.SHA256 || sha256.Sum256(p.Metadata) != p.Entry.Metadata.SHA256 {
		return leaf, errors.New("data and metadata in the proof are not those of its event: they were changed")
	}
	return leafHash(entry), nil
}

// ErrAltered says that a tree has another event in an event's place.
var ErrAltered = errors.New("not the one that was signed")

// ErrNotCovered says that no event before the checkpoint is the one that was looked for.
var ErrNotCovered = errors.New("the checkpoint covers no such event")

// FindPosition answers the index of the event at a position, among those before a checkpoint.
func (f *Folder) FindPosition(c Checkpoint, at domain.Position) (int64, error) {
	low, high := int64(0), c.Size
	for low < high {
		middle := (low + high) / 2
		entry, err := f.entry(middle, c.Size)
		if err != nil {
			return 0, err
		}
		switch {
		case entry.Position == at:
			return middle, nil
		case entry.Position < at:
			low = middle + 1
		default:
			high = middle
		}
	}
	return 0, ErrNotCovered
}

// FindID answers index and position of the event with an id, among those before a checkpoint.
func (f *Folder) FindID(c Checkpoint, id [16]byte) (int64, domain.Position, error) {
	index := int64(0)
	for raw, err := range f.entries(0, c.Size) {
		if err != nil {
			return 0, 0, err
		}
		entry, err := ParseEntry(raw)
		if err != nil {
			return 0, 0, err
		}
		if entry.ID == id {
			return index, entry.Position, nil
		}
		index++
	}
	return 0, 0, ErrNotCovered
}

// Last is the last event before a checkpoint.
func (f *Folder) Last(c Checkpoint) (Entry, error) { return f.entry(c.Size-1, c.Size) }

// entry reads one entry of a tree.
func (f *Folder) entry(index, size int64) (Entry, error) {
	for raw, err := range f.entries(index, min(size, (index/tileWidth+1)*tileWidth)) {
		if err != nil {
			return Entry{}, err
		}
		return ParseEntry(raw)
	}
	return Entry{}, ErrNotCovered
}
