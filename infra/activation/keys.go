package activation

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
)

// KeyID names a key: the first 8 bytes of the SHA-256 of its public half, hexadecimal.
type KeyID string

// keyIDOf computes the name of a public key.
func keyIDOf(public ed25519.PublicKey) KeyID {
	sum := sha256.Sum256(public)
	return KeyID(hex.EncodeToString(sum[:8]))
}

// Key is a private signing key. The zero value is no key. It prints as its id, so that it cannot slip into a log line.
type Key struct{ private ed25519.PrivateKey }

// GenerateKey makes a new key of 32 bytes from random, which must be a source fit for keys such as crypto/rand.Reader.
func GenerateKey(random io.Reader) (Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Key{}, fmt.Errorf("generate activation key: %w", err)
	}
	return Key{ed25519.NewKeyFromSeed(seed)}, nil
}

// ID names the key; no key has the id of nothing, the empty text.
func (k Key) ID() KeyID { return k.Public().ID }

// Public is the key's entry for a key list: active, for all products. The entry of no key is refused by every list.
func (k Key) Public() PublicKey {
	if k.private == nil {
		return PublicKey{}
	}
	public := k.private.Public().(ed25519.PublicKey)
	return PublicKey{ID: keyIDOf(public), Public: public, State: Active}
}

// String names the key and keeps its secret.
func (k Key) String() string { return "activation key " + string(k.ID()) }

// GoString names the key and keeps its secret.
func (k Key) GoString() string { return k.String() }

// pemType is the kind of block a private key is kept in.
const pemType = "NETROM ACTIVATION SIGNING KEY"

// keyText writes the private key as it is kept in its file: a PEM block around the 32 bytes of the seed, which every Ed25519
// implementation can read.
func (k Key) keyText() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Headers: map[string]string{"Key-Id": string(k.ID())}, Bytes: k.private.Seed()})
}

// parseKey reads what keyText writes.
func parseKey(text []byte) (Key, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemType || len(block.Bytes) != ed25519.SeedSize || len(bytes.TrimSpace(rest)) > 0 {
		return Key{}, fmt.Errorf("not a PEM block %q of %d bytes: put back the key file from its backup", pemType, ed25519.SeedSize)
	}
	key := Key{ed25519.NewKeyFromSeed(block.Bytes)}
	if id := block.Headers["Key-Id"]; id != string(key.ID()) {
		return Key{}, fmt.Errorf("the key is not the one its Key-Id names (%.20q): put back the key file from its backup", id)
	}
	return key, nil
}

// State says what a key's signature is worth.
type State string

// States of a key. A retired key signs nothing new, but the files it signed stay good; those of a revoked key do not.
const (
	Active  State = "active"
	Retired State = "retired"
	Revoked State = "revoked"
)

// PublicKey is an entry of a key list.
type PublicKey struct {
	ID       KeyID             `json:"id"`
	Public   ed25519.PublicKey `json:"ed25519"` // 32 bytes, base64; the list, never a file, says which algorithm applies
	State    State             `json:"state"`
	Products []string          `json:"products,omitempty"` // codes of the products it may sign for; none listed means all
}

func (k PublicKey) covers(product string) bool {
	return len(k.Products) == 0 || slices.Contains(k.Products, product)
}

// Keys is a key list: which public keys vouch for files. It holds no secret; whoever relies on it must have got it from
// the vendor in a way that nobody else could write to.
type Keys []PublicKey

// Limits of a key list.
const (
	KeysMax        = 100
	KeyListSizeMax = 64 << 10 // bytes
	productsMax    = 200
)

// keyList is the file around the keys.
type keyList struct {
	Version int  `json:"v"`
	Keys    Keys `json:"keys"`
}

// ParseKeys reads a key list as Text writes it, and refuses one with an entry that contradicts itself.
func ParseKeys(text []byte) (Keys, error) {
	if len(text) > KeyListSizeMax {
		return nil, fmt.Errorf("read key list: larger than %d bytes", KeyListSizeMax)
	}
	var list keyList
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("read key list: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read key list: there is more behind it")
	}
	if list.Version != 1 {
		return nil, fmt.Errorf("read key list: version %d is not known here: use a newer program", list.Version)
	}
	if err := list.Keys.check(); err != nil {
		return nil, fmt.Errorf("read key list: %w", err)
	}
	return list.Keys, nil
}

// Text writes the key list as the file that programs and auditors get. Equal lists give equal bytes.
func (keys Keys) Text() ([]byte, error) {
	if err := keys.check(); err != nil {
		return nil, fmt.Errorf("write key list: %w", err)
	}
	text, err := json.MarshalIndent(keyList{Version: 1, Keys: keys}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write key list: %w", err)
	}
	return append(text, '\n'), nil
}

func (keys Keys) check() error {
	if len(keys) > KeysMax {
		return fmt.Errorf("more than %d keys", KeysMax)
	}
	seen := map[KeyID]bool{}
	for _, key := range keys {
		switch {
		case len(key.Public) != ed25519.PublicKeySize || key.ID != keyIDOf(key.Public):
			return fmt.Errorf("the id %.20q does not belong to its key", key.ID)
		case seen[key.ID]:
			return fmt.Errorf("key %s is listed twice", key.ID)
		case key.State != Active && key.State != Retired && key.State != Revoked:
			return fmt.Errorf("key %s has the state %.20q: write %s, %s or %s", key.ID, key.State, Active, Retired, Revoked)
		case len(key.Products) > productsMax:
			return fmt.Errorf("key %s names more than %d products", key.ID, productsMax)
		}
		seen[key.ID] = true
	}
	return nil
}

// vouching finds a key whose signature is worth something.
func (keys Keys) vouching(id KeyID) (PublicKey, error) {
	for _, key := range keys {
		if key.ID == id && key.State == Revoked {
			return PublicKey{}, fmt.Errorf("%w (key %s)", RevokedKey, id)
		}
		if key.ID == id {
			return key, nil
		}
	}
	return PublicKey{}, fmt.Errorf("%w (key %.20q)", UnknownKey, id)
}
