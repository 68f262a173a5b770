package witness

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// cosignatureAlgorithm is the type of a key that signs cosignatures. Source: C2SP, signed-note, section "Signature types".
const cosignatureAlgorithm = 0x04

// cosignerPrefix begins the name of a cosigner that was given none; a random part makes it unique.
const cosignerPrefix = "netrom.pl/witness/"

// cosignatureBytes is a cosignature: a moment and an Ed25519 signature.
const cosignatureBytes = 8 + ed25519.SignatureSize

// cosigned is what a cosigner signs: the checkpoint's text, and when it was seen. Source: C2SP, tlog-cosignature.
func cosigned(text []byte, unix uint64) []byte {
	return append([]byte("cosignature/v1\ntime "+strconv.FormatUint(unix, 10)+"\n"), text...)
}

// cosignatureKeyHash names a key of a cosigner. Source: C2SP, signed-note, section "Signatures".
func cosignatureKeyHash(name string, public ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n\x04"), public...))
	return binary.BigEndian.Uint32(sum[:])
}

// CosignerKey is the public key of a cosigner. The zero value verifies nothing.
type CosignerKey struct {
	name   string
	public ed25519.PublicKey
}

var _ note.Verifier = CosignerKey{}

// ParseCosignerKey reads "NAME+HASH+KEY". Source: C2SP, signed-note, section "Verifier keys".
func ParseCosignerKey(text string) (CosignerKey, error) {
	name, hash, key, err := parseCosignature(text, ed25519.PublicKeySize)
	if err != nil {
		return CosignerKey{}, fmt.Errorf("read witness key %.60q: %w; audit cosign prints it", text, err)
	}
	parsed := CosignerKey{name, key}
	if hash != parsed.KeyHash() {
		return CosignerKey{}, fmt.Errorf("read witness key %.60q: its hash does not belong to it: it was not copied as a whole", text)
	}
	return parsed, nil
}

// parseCosignature takes a key, public or private, apart. What stands after the second + is base64 and may contain one.
func parseCosignature(text string, size int) (name string, hash uint32, key []byte, err error) {
	fields := strings.SplitN(text, "+", 3)
	if len(fields) != 3 || fields[0] == "" || strings.ContainsAny(fields[0], " \t\n") {
		return "", 0, nil, errors.New("it is not of the form NAME+HASH+KEY")
	}
	sum, hashErr := hex.DecodeString(fields[1])
	key, keyErr := base64.StdEncoding.DecodeString(fields[2])
	if hashErr != nil || len(sum) != 4 || keyErr != nil || len(key) != 1+size {
		return "", 0, nil, errors.New("it is not of the form NAME+HASH+KEY")
	}
	if key[0] != cosignatureAlgorithm {
		return "", 0, nil, errors.New("it is no key of a witness but of another kind, perhaps of the log itself")
	}
	return fields[0], binary.BigEndian.Uint32(sum), key[1:], nil
}

// Name is [note.Verifier].
func (k CosignerKey) Name() string { return k.name }

// KeyHash is [note.Verifier].
func (k CosignerKey) KeyHash() uint32 { return cosignatureKeyHash(k.name, k.public) }

// Verify is [note.Verifier].
func (k CosignerKey) Verify(text, signature []byte) bool {
	return len(signature) == cosignatureBytes && len(k.public) == ed25519.PublicKeySize &&
		ed25519.Verify(k.public, cosigned(text, binary.BigEndian.Uint64(signature)), signature[8:])
}

// String is the key as ParseCosignerKey reads it.
func (k CosignerKey) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{cosignatureAlgorithm}, k.public...)))
}

// ErrNotCosigned says that a checkpoint does not have the cosignature that was asked for.
var ErrNotCosigned = errors.New("the witness has not cosigned it")

// CosignedAt is when the witness said that the checkpoint continues all that it had seen before; ErrNotCosigned when it did not.
func (k CosignerKey) CosignedAt(c Checkpoint) (time.Time, error) {
	opened, err := note.Open(c.Note, note.VerifierList(k))
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		return time.Time{}, ErrNotCosigned
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrNotCosigned, err)
	}
	signature, err := base64.StdEncoding.DecodeString(opened.Sigs[0].Base64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read cosignature: %w", err)
	}
	const keyHashBytes = 4
	return time.Unix(int64(binary.BigEndian.Uint64(signature[keyHashBytes:])), 0).UTC(), nil
}

// cosigningKey is the private key of a cosigner. It prints as its public half.
type cosigningKey struct {
	CosignerKey
	private ed25519.PrivateKey
}

// GoString is the public half.
func (k cosigningKey) GoString() string { return k.String() }

// at is the key at a moment.
func (k cosigningKey) at(moment time.Time) note.Signer {
	return signingMoment{k, uint64(moment.Unix())}
}

// signingMoment is [note.Signer].
type signingMoment struct {
	cosigningKey
	unix uint64
}

func (s signingMoment) Sign(text []byte) ([]byte, error) {
	return append(binary.BigEndian.AppendUint64(nil, s.unix), ed25519.Sign(s.private, cosigned(text, s.unix))...), nil
}

// privatePrefix begins the text of a private key. Source: golang.org/x/mod/sumdb/note, "Signing Notes".
const privatePrefix = "PRIVATE+KEY+"

// loadOrCreateCosigningKey reads the key of a folder, or makes one with a name of its own.
func loadOrCreateCosigningKey(dir string) (cosigningKey, error) {
	path := filepath.Join(dir, KeyFile)
	text, err := readPrivately(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = newCosigningKey(); err == nil {
			err = writeDurably(path, []byte(text+"\n"), 0o600)
		}
		if err != nil {
			return cosigningKey{}, fmt.Errorf("create witness key: %w", err)
		}
	}
	if err != nil {
		return cosigningKey{}, fmt.Errorf("load witness key: %w", err)
	}
	private, ok := strings.CutPrefix(text, privatePrefix)
	name, hash, seed, err := parseCosignature(private, ed25519.SeedSize)
	if !ok || err != nil {
		return cosigningKey{}, fmt.Errorf("load witness key: %s holds no key: put it back from its backup", path)
	}
	key := ed25519.NewKeyFromSeed(seed)
	loaded := cosigningKey{CosignerKey{name, key.Public().(ed25519.PublicKey)}, key}
	if hash != loaded.KeyHash() {
		return cosigningKey{}, fmt.Errorf("load witness key: %s is damaged: put it back from its backup", path)
	}
	return loaded, nil
}

func newCosigningKey() (string, error) {
	random := make([]byte, 4+ed25519.SeedSize)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	name, seed := cosignerPrefix+hex.EncodeToString(random[:4]), random[4:]
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	return fmt.Sprintf("%s%s+%08x+%s", privatePrefix, name, cosignatureKeyHash(name, public),
		base64.StdEncoding.EncodeToString(append([]byte{cosignatureAlgorithm}, seed...))), nil
}
