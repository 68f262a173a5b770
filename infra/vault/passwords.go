package vault

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"
)

// Lengths of a password. The upper ones only keep the work bounded.
const (
	passwordMinCharacters = 10
	passwordMaxCharacters = 200
	passwordLimitBytes    = 4 * passwordMaxCharacters
)

// hashingLimit is how many passwords are hashed at the same time: each takes
// 19 MiB of memory and a processor, and strangers can ask for it.
const hashingLimit = 2

// ErrPassword means that a new password was refused for its length or because it
// contains control characters.
var ErrPassword = fmt.Errorf("a password has %d to %d characters", passwordMinCharacters, passwordMaxCharacters)

// derivation computes a key from a password; [argon2id] is the one in use.
type derivation func(password, salt []byte, cost cost, keyBytes int) []byte

// argon2id gives the memory that it needed back to the system at once: it is more than everything else that a portal keeps
// alive, and the collector would take that for its measure.
func argon2id(password, salt []byte, c cost, keyBytes int) []byte {
	defer debug.FreeOSMemory()
	return argon2.IDKey(password, salt, c.passes, c.memoryKiB, c.lanes, uint32(keyBytes))
}

// cost is what one guess at a password costs.
type cost struct {
	memoryKiB uint32
	passes    uint32
	lanes     uint8
}

// currentCost is the smallest that OWASP recommends. A password with another
// cost is hashed anew at its next login.
// Source: OWASP Password Storage Cheat Sheet, Argon2id.
var currentCost = cost{memoryKiB: 19 << 10, passes: 2, lanes: 1}

const (
	saltBytes         = 16
	passwordHashBytes = 32
)

// preparePassword checks a new password and brings it into the one form in which
// it is hashed, since the same letters can be typed as different bytes.
// Source: RFC 8265, section 4.2 (OpaqueString).
func preparePassword(password string) ([]byte, error) {
	if len(password) > passwordLimitBytes || !utf8.ValidString(password) {
		return nil, ErrPassword
	}
	prepared, err := precis.OpaqueString.String(password)
	if err != nil {
		return nil, ErrPassword
	}
	if n := utf8.RuneCountInString(prepared); n < passwordMinCharacters || n > passwordMaxCharacters {
		return nil, ErrPassword
	}
	return []byte(prepared), nil
}

// hash returns a new password's hash in PHC format. It waits for its turn.
func (v *Vault) hash(ctx context.Context, password string) (string, error) {
	prepared, err := preparePassword(password)
	if err != nil {
		return "", err
	}
	salt, err := v.random(saltBytes)
	if err != nil {
		return "", err
	}
	key, err := v.turn(ctx, prepared, salt, currentCost, passwordHashBytes)
	if err != nil {
		return "", err
	}
	return formatHash(currentCost, salt, key), nil
}

// verify says whether a password is the one that was hashed. What cannot be a
// password costs the same work as a wrong one.
func (v *Vault) verify(ctx context.Context, password, hash string) (bool, error) {
	c, salt, want, err := parseHash(hash)
	if err != nil {
		return false, err
	}
	prepared, invalid := preparePassword(password)
	got, err := v.turn(ctx, prepared, salt, c, len(want))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && invalid == nil, nil
}

// turn derives the key once fewer than hashingLimit others are being derived.
func (v *Vault) turn(ctx context.Context, password, salt []byte, c cost, keyBytes int) ([]byte, error) {
	select {
	case v.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	defer func() { <-v.hashing }()
	return v.derive(password, salt, c, keyBytes), nil
}

// dummyHash is verified in place of the hash of an account that does not exist.
func (v *Vault) dummyHash() (string, error) {
	b, err := v.random(saltBytes + passwordHashBytes)
	if err != nil {
		return "", err
	}
	return formatHash(currentCost, b[:saltBytes], b[saltBytes:]), nil
}

// formatHash writes, and parseHash reads, the PHC string format:
// $argon2id$v=19$m=19456,t=2,p=1$salt$hash
func formatHash(c cost, salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memoryKiB, c.passes, c.lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

func parseHash(hash string) (c cost, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost{}, nil, nil, errors.New("read password hash: not Argon2id version 19 in PHC format")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memoryKiB, &c.passes, &c.lanes); err != nil {
		return cost{}, nil, nil, fmt.Errorf("read cost of password hash: %w", err)
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	key, keyErr := base64.RawStdEncoding.DecodeString(parts[5])
	if err := errors.Join(saltErr, keyErr); err != nil {
		return cost{}, nil, nil, fmt.Errorf("read password hash: %w", err)
	}
	if c.passes == 0 || c.lanes == 0 || len(salt) == 0 || len(key) < 16 {
		return cost{}, nil, nil, errors.New("read password hash: cost, salt or key too small")
	}
	return c, salt, key, nil
}
