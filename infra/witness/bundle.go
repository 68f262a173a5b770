package witness

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"netrom.pl/portal/domain"
)

// Limits of a bundle.
const (
	BundleEventsMax = 20_000
	BundleFilesMax  = 1_000
	BundleBytesMax  = 2 << 30 // of the whole file
	bundleFileMax   = 64 << 20
)

// Names in a bundle.
const (
	bundleHead       = "bundle.json"
	bundleCheckpoint = "checkpoint"
	bundleOpened     = "opened.jsonl"
	bundlePage       = "index.html"
	bundleReadme     = "README.txt"
	bundleEvents     = "events/"
	bundleFiles      = "files/"
)

// Formats of a bundle, as its head names them. What a format says never changes; bundles of all of them are read.
const (
	bundleV1 = "netrom.pl/portal/bundle@v1"
	bundleV2 = "netrom.pl/portal/bundle@v2" // its page tells the released files and the letters
)

// Question says which events a bundle is about. Empty fields do not matter.
type Question struct {
	Order    string `json:"order,omitempty"`    // number or identity
	Customer string `json:"customer,omitempty"` // identity
	From     string `json:"from,omitempty"`     // Polish day
	To       string `json:"to,omitempty"`       // Polish day, itself included
}

// File is something that an event speaks of: an activation file, a document.
type File struct {
	Name    string // without folders
	Content []byte
}

// Bundle is evidence to take away: events as they are stored, each with its proof, and the files of which those events hold the digest.
// Everything else in the file follows from that, so the same question at the same checkpoint gives the same bytes.
type Bundle struct {
	Question   Question
	Checkpoint Checkpoint
	Proofs     []Proof
	Files      []File
	// Opened has the events, one JSON text for each proof, with their personal fields in the clear. Nothing proves it. Nil: they stay sealed.
	Opened [][]byte

	format string   // empty: the newest
	proofs [][]byte // as they stand in the file
}

// Add proves the event with an index in the checkpoint's tree and puts it into the bundle. Events come in the order of the log.
func (b *Bundle) Add(f *Folder, keys Keys, index int64, event Event) error {
	if len(b.Proofs) == BundleEventsMax {
		return fmt.Errorf("more than %d events answer the question: ask for less, such as a shorter period", BundleEventsMax)
	}
	text, err := Prove(f, b.Checkpoint, index, event)
	if err != nil {
		return err
	}
	proof, err := CheckProof(text, keys)
	if err != nil {
		return fmt.Errorf("check the proof of event %d: %w", index, err)
	}
	b.Proofs, b.proofs = append(b.Proofs, proof), append(b.proofs, text)
	return nil
}

// head is the first file of a bundle.
type head struct {
	Format   string   `json:"format"`
	Question Question `json:"question"`
	Tree     int64    `json:"tree"` // events before the checkpoint
	Events   int      `json:"events"`
	Opened   bool     `json:"opened"`
}

// part is a file in a bundle.
type part struct {
	name    string
	content []byte
}

// parts are all files of the bundle in their order.
func (b *Bundle) parts() ([]part, error) {
	head, err := json.MarshalIndent(head{cmp.Or(b.format, bundleV2), b.Question, b.Checkpoint.Size, len(b.Proofs), b.Opened != nil}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the head: %w", err)
	}
	page, err := b.page()
	if err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	parts := []part{{bundleHead, append(head, '\n')}, {bundleReadme, []byte(b.readme())}, {bundlePage, page},
		{bundleCheckpoint, b.Checkpoint.Note}}
	if b.Opened != nil {
		parts = append(parts, part{bundleOpened, append(bytes.Join(b.Opened, []byte("\n")), '\n')})
	}
	for i, proof := range b.Proofs {
		parts = append(parts, part{proofName(proof.Entry.Position), b.proofs[i]})
	}
	for _, file := range b.Files {
		parts = append(parts, part{bundleFiles + file.Name, file.Content})
	}
	return parts, nil
}

func proofName(at domain.Position) string { return fmt.Sprintf("%s%012d.tlog-proof", bundleEvents, at) }

// bundledAt is the moment that every file of a bundle bears: the first that a ZIP can tell.
var bundledAt = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// Write writes the bundle as a ZIP file without compression, so that no version of a compressor changes its bytes.
func (b *Bundle) Write(w io.Writer) error {
	if err := b.checkFiles(); err != nil {
		return err
	}
	parts, err := b.parts()
	if err != nil {
		return err
	}
	archive := zip.NewWriter(w)
	for _, p := range parts {
		file, err := archive.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Store, Modified: bundledAt})
		if err != nil {
			return fmt.Errorf("write %s: %w", p.name, err)
		}
		if _, err := file.Write(p.content); err != nil {
			return fmt.Errorf("write %s: %w", p.name, err)
		}
	}
	return archive.Close()
}

// checkFiles holds every file against the events that speak of it.
func (b *Bundle) checkFiles() error {
	names := map[string]bool{}
	for _, file := range b.Files {
		if file.Name == "" || file.Name == "." || file.Name == ".." || strings.ContainsAny(file.Name, `/\:`) || names[file.Name] {
			return fmt.Errorf("%.100q is no name of a file, or there are two of it", file.Name)
		}
		names[file.Name] = true
		if _, known := b.EventOf(file); !known {
			return fmt.Errorf("%s%.100s: none of the events holds the digest of this file: it is not the one that was issued, or was changed", bundleFiles, file.Name)
		}
	}
	return nil
}

// EventOf finds the first event in whose data the digest of a file stands, as a JSON string.
func (b *Bundle) EventOf(file File) (Proof, bool) {
	digest := sha256.Sum256(file.Content)
	quoted := []byte(`"` + hex.EncodeToString(digest[:]) + `"`)
	i := slices.IndexFunc(b.Proofs, func(p Proof) bool { return bytes.Contains(p.Data, quoted) })
	if i < 0 {
		return Proof{}, false
	}
	return b.Proofs[i], true
}

// ReadBundle verifies a bundle with nothing but the public keys: every event is hashed and proven to be in the tree of the one
// signed checkpoint, every file is one whose digest a proven event holds, and everything else is what follows from them.
func ReadBundle(r io.ReaderAt, size int64, keys Keys) (*Bundle, error) {
	if size > BundleBytesMax {
		return nil, fmt.Errorf("it is larger than %d bytes", int64(BundleBytesMax))
	}
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("this is no bundle, or it is cut off: %w", err)
	}
	b := &Bundle{}
	if len(archive.File) > BundleEventsMax+BundleFilesMax+10 {
		return nil, fmt.Errorf("it has %d files, more than a bundle can have", len(archive.File))
	}
	found := make([]part, 0, len(archive.File))
	for _, file := range archive.File {
		content, err := readPart(file)
		if err != nil {
			return nil, fmt.Errorf("%.100q: %w", file.Name, err)
		}
		found = append(found, part{file.Name, content})
		if err := b.take(file.Name, content, keys); err != nil {
			return nil, fmt.Errorf("%.100q: %w", file.Name, err)
		}
	}
	switch {
	case len(b.Proofs) == 0:
		return nil, errors.New("it holds no event")
	case b.Opened != nil && len(b.Opened) != len(b.Proofs):
		return nil, fmt.Errorf("%s has %d lines for %d events", bundleOpened, len(b.Opened), len(b.Proofs))
	}
	if err := b.checkFiles(); err != nil {
		return nil, err
	}
	parts, err := b.parts()
	if err != nil {
		return nil, err
	}
	return b, sameParts(found, parts)
}

// readPart reads one file of a bundle. What is compressed is refused before it can swell.
func readPart(file *zip.File) ([]byte, error) {
	if file.Method != zip.Store || file.UncompressedSize64 != file.CompressedSize64 || file.UncompressedSize64 > bundleFileMax {
		return nil, fmt.Errorf("it is compressed, or larger than %d bytes; no file of a bundle is", bundleFileMax)
	}
	content, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(content)
}

// take reads one file of a bundle, as far as something follows from it.
func (b *Bundle) take(name string, content []byte, keys Keys) (err error) {
	switch {
	case name == bundleHead:
		var h head
		if err := json.Unmarshal(content, &h); err != nil || h.Format != bundleV1 && h.Format != bundleV2 {
			return fmt.Errorf("it does not begin with the format %s or %s", bundleV1, bundleV2)
		}
		b.format, b.Question = h.Format, h.Question
	case name == bundleCheckpoint:
		b.Checkpoint, err = keys.Open(content)
		return err
	case name == bundleOpened:
		b.Opened = bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))
	case strings.HasPrefix(name, bundleEvents):
		proof, err := CheckProof(content, keys)
		if err != nil {
			return err
		}
		if !bytes.Equal(proof.Checkpoint.Note, b.Checkpoint.Note) {
			return errors.New("it is proven against another checkpoint than that of the bundle")
		}
		if last := len(b.Proofs) - 1; last >= 0 && b.Proofs[last].Index >= proof.Index {
			return errors.New("the events are not in the order of the log, or one stands there twice")
		}
		b.Proofs, b.proofs = append(b.Proofs, proof), append(b.proofs, content)
	case strings.HasPrefix(name, bundleFiles):
		b.Files = append(b.Files, File{Name: strings.TrimPrefix(name, bundleFiles), Content: content})
	}
	return nil
}

// sameParts names the first file that is not as it follows from the others.
func sameParts(found, expected []part) error {
	for i, p := range found {
		switch {
		case i >= len(expected) || p.name != expected[i].name:
			return fmt.Errorf("%.100q does not belong here: it was added, moved or renamed", p.name)
		case !bytes.Equal(p.content, expected[i].content):
			return fmt.Errorf("%.100q is not what follows from the proven events: it was changed", p.name)
		}
	}
	if len(found) < len(expected) {
		return fmt.Errorf("%.100q is missing", expected[len(found)].name)
	}
	return nil
}
