package vault

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"time"
)

// The parameters that every authenticator app understands without being told.
// Source: RFC 6238, section 4, and RFC 4226, section 4.
const (
	codeStep        = 30 * time.Second
	codeDigits      = 6
	codeModulus     = 1_000_000
	factorKeyBytes  = 20 // as long as the hash. Source: RFC 4226, requirement R6
	codeStepsBehind = 1  // steps around the current one whose codes count too. Source: RFC 6238, section 5.2
)

// stepAt is the number of the time step of a moment.
func stepAt(at time.Time) int64 { return at.Unix() / int64(codeStep/time.Second) }

// code is the one-time code of a time step. Source: RFC 4226, section 5.3.
func code(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", codeDigits, number%codeModulus)
}

// stepOf finds the time step around a moment whose code this is. It looks at
// all of them, so that the time it takes tells nothing.
func stepOf(key []byte, typed string, at time.Time) (step int64, ok bool) {
	now := stepAt(at)
	for candidate := now - codeStepsBehind; candidate <= now+codeStepsBehind; candidate++ {
		if subtle.ConstantTimeCompare([]byte(code(key, candidate)), []byte(typed)) == 1 {
			step, ok = candidate, true
		}
	}
	return step, ok
}
