package witness

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Names in the witness's folder.
const (
	KeyFile  = "signing-key" // private, mode 0600
	KeysFile = "keys"        // public: what auditors need
)

// Limits of a key list.
const (
	KeysMax      = 100
	keysBytesMax = 64 << 10
)

// originPrefix begins the name of every log; a random part makes it unique.
const originPrefix = "netrom.pl/portal/"

// State says what a key's signature is worth.
type State string

// States of a key. A retired key signs nothing new, but what it signed stays good; what a revoked key signed does not.
const (
	Active  State = "active"
	Retired State = "retired"
	Revoked State = "revoked"
)

// PublicKey is a line of the key list: "STATE NAME+HASH+KEY".
type PublicKey struct {
	State    State
	Text     string // as in the list. Source: C2SP, signed-note, section "Verifier keys"
	verifier note.Verifier
}

// Keys are the public keys of one log, oldest first. Whoever relies on them must have got them in a way that nobody else
// could write to.
type Keys []PublicKey

// ParseKeys reads a key list. Empty lines and lines that begin with # mean nothing.
func ParseKeys(text []byte) (Keys, error) {
	var keys Keys
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		state, public, _ := strings.Cut(line, " ")
		if s := State(state); s != Active && s != Retired && s != Revoked {
			return nil, fmt.Errorf("read key list: line %d begins with %.20q: write %s, %s or %s", i+1, state, Active, Retired, Revoked)
		}
		verifier, err := note.NewVerifier(public)
		if err != nil {
			return nil, fmt.Errorf("read key list: line %d: %w", i+1, err)
		}
		for _, other := range keys {
			if other.Text == public || other.verifier.Name() != verifier.Name() {
				return nil, fmt.Errorf("read key list: line %d: every key stands in the list once, and all are of the same log", i+1)
			}
		}
		if keys = append(keys, PublicKey{State(state), public, verifier}); len(keys) > KeysMax {
			return nil, fmt.Errorf("read key list: more than %d keys", KeysMax)
		}
	}
	return keys, nil
}

// LoadKeys reads a key list from a file.
func LoadKeys(path string) (Keys, error) {
	text, err := readAtMost(path, keysBytesMax)
	if err != nil {
		return nil, fmt.Errorf("load key list: %w", err)
	}
	keys, err := ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	return keys, nil
}

// Text writes the key list as ParseKeys reads it.
func (k Keys) Text() []byte {
	var text bytes.Buffer
	text.WriteString("# Keys that sign the checkpoints of the event log: active, retired (old checkpoints stay good) or revoked (they do not).\n")
	for _, key := range k {
		fmt.Fprintf(&text, "%s %s\n", key.State, key.Text)
	}
	return text.Bytes()
}

func (k Keys) verifiers(want func(State) bool) note.Verifiers {
	var list []note.Verifier
	for _, key := range k {
		if want(key.State) {
			list = append(list, key.verifier)
		}
	}
	return note.VerifierList(list...)
}

// Key signs checkpoints. It prints as its public half.
type Key struct {
	signer note.Signer
	public string
}

// Origin names the log whose checkpoints the key signs.
func (k Key) Origin() string { return k.signer.Name() }

// String is the public half.
func (k Key) String() string { return k.public }

// GoString is the public half.
func (k Key) GoString() string { return k.public }

// id names the key as a checkpoint's Key does.
func (k Key) id() string { return fmt.Sprintf("%s+%08x", k.signer.Name(), k.signer.KeyHash()) }

func (k Key) sign(c Checkpoint) (Checkpoint, error) {
	signed, err := note.Sign(&note.Note{Text: c.text()}, k.signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("sign checkpoint: %w", err)
	}
	c.Key, c.Note = k.id(), signed
	return c, nil
}

// ErrKeyMissing says that there is no private key for the list.
var ErrKeyMissing = errors.New("the signing key is missing: put it back from its backup, or let two operators make a new one with portal key")

// LoadOrCreateKey reads the signing key of a folder and the folder's list, on which it must be the active one. In a folder without
// a list it makes both. Twice is harmless. Other keys come by [ReplaceKey] alone.
func LoadOrCreateKey(dir string) (Key, Keys, error) {
	list := filepath.Join(dir, KeysFile)
	keys, err := LoadKeys(list)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Key{}, nil, err
	}
	path := filepath.Join(dir, KeyFile)
	key, err := loadKey(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(keys) > 0:
		return Key{}, nil, fmt.Errorf("load witness key: %s: %w", path, ErrKeyMissing)
	case errors.Is(err, fs.ErrNotExist):
		key, err = createKey(path, keys)
	}
	if err != nil {
		return Key{}, nil, err
	}
	if len(keys) == 0 {
		if keys, err = keys.add(key); err == nil {
			err = writeDurably(list, keys.Text(), 0o644)
		}
		return key, keys, err
	}
	if at := keys.find(key.public); at < 0 || keys[at].State != Active {
		return Key{}, nil, fmt.Errorf("the signing key in %s is not the active one on the list %s: put back what belongs together; keys change by portal key", path, list)
	}
	return key, keys, nil
}

// ReplaceKey retires or revokes a key of a folder's list, named by its id or its whole text, and answers the id of the active one. An
// active key gets a successor, and its private half is gone. After a crash the same call brings it to its end; twice is harmless.
func ReplaceKey(dir, name string, to State) (active string, err error) {
	list, path := filepath.Join(dir, KeysFile), filepath.Join(dir, KeyFile)
	keys, err := LoadKeys(list)
	if err != nil {
		return "", err
	}
	at := keys.find(name)
	if at < 0 {
		return "", fmt.Errorf("replace witness key: %.100q stands not in %s", name, list)
	}
	if keys[at].State == Active {
		key, err := loadKey(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && keys.find(key.public) >= 0 { // otherwise a crash has left its successor
			key, err = createKey(path, keys)
		}
		if err != nil {
			return "", err
		}
		if keys, err = keys.add(key); err != nil {
			return "", err
		}
	}
	if keys[at].State != Revoked {
		keys[at].State = to
	}
	if err := writeDurably(list, keys.Text(), 0o644); err != nil {
		return "", fmt.Errorf("write key list: %w", err)
	}
	for _, key := range keys {
		if key.State == Active {
			active = key.ID()
		}
	}
	return active, nil
}

// ID names the key as a checkpoint's Key does.
func (k PublicKey) ID() string {
	return fmt.Sprintf("%s+%08x", k.verifier.Name(), k.verifier.KeyHash())
}

// find answers the index of the key with an id or a text; -1 if there is none.
func (k Keys) find(name string) int {
	return slices.IndexFunc(k, func(key PublicKey) bool { return key.Text == name || key.ID() == name })
}

// add puts a new key on the list as an active one.
func (k Keys) add(key Key) (Keys, error) {
	return ParseKeys(append(k.Text(), []byte(string(Active)+" "+key.public+"\n")...))
}

func createKey(path string, keys Keys) (Key, error) {
	var origin string
	if len(keys) > 0 {
		origin = keys[0].verifier.Name()
	} else {
		unique := make([]byte, 4)
		if _, err := rand.Read(unique); err != nil {
			return Key{}, fmt.Errorf("name the log: %w", err)
		}
		origin = originPrefix + hex.EncodeToString(unique)
	}
	private, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return Key{}, fmt.Errorf("create witness key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return Key{}, fmt.Errorf("create witness key: %w", err)
	}
	if err := writeDurably(path, []byte(private+"\n"), 0o600); err != nil {
		return Key{}, fmt.Errorf("create witness key: %w", err)
	}
	return loadKey(path)
}

// readPrivately reads the file of a private key, without the blanks around it, unless others may read it, too.
func readPrivately(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return "", fmt.Errorf("others may read or write %s (mode %04o): run chmod 600 on it", path, info.Mode().Perm())
	}
	text, err := readAtMost(path, 4<<10)
	return strings.TrimSpace(string(text)), err
}

func loadKey(path string) (Key, error) {
	private, err := readPrivately(path)
	if err != nil {
		return Key{}, fmt.Errorf("load witness key: %w", err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return Key{}, fmt.Errorf("load witness key: %s holds no key (%w): put it back from its backup", path, err)
	}
	public, err := publicHalf(signer.Name(), private)
	if err != nil {
		return Key{}, fmt.Errorf("load witness key: %w", err)
	}
	return Key{signer, public}, nil
}

// publicHalf computes the verifier key of a valid private key, whose last field is the algorithm, one byte, and the seed.
func publicHalf(origin, private string) (string, error) {
	fields := strings.SplitN(private, "+", 5) // PRIVATE, KEY, name, hash and the rest, which is base64 and may contain a +
	seed, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return "", errors.New("its last field is no seed")
	}
	return note.NewEd25519VerifierKey(origin, ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey))
}
