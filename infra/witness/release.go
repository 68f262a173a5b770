package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
)

// Types of the events in the proof of a release. Source: docs/events.md.
const (
	paymentType = "PaymentReceived"
	issueType   = "ActivationFileIssued"
)

// Release shows that a payment stands in the log before an activation file that names it.
type Release struct {
	Payment Proof
	Issue   Proof // of the event that the file was issued
	File    ReleasedFile
}

// ReleasedFile is what the event of a file says of it, as far as it is not sealed. Source: docs/events.md.
type ReleasedFile struct {
	Order   string `json:"order"`
	Line    int    `json:"line"`
	Name    string `json:"name"`
	Digest  string `json:"digest"`  // SHA-256, hexadecimal
	Payment string `json:"payment"` // id of the event
}

// PaymentID is the id of the payment's event.
func (r Release) PaymentID() string { return uuid.UUID(r.Payment.Entry.ID).String() }

// CheckRelease verifies the proof of an activation file's release with nothing but the keys: the proof of the payment and that of
// the file's own event, one after the other and against one checkpoint. The file must be the one, byte for byte, whose digest that event has.
func CheckRelease(text, file []byte, keys Keys) (Release, error) {
	payment, issue, two := strings.Cut(string(text), "\n"+proofHeader+"\n")
	if !two {
		return Release{}, errors.New("this is no proof of a release: it does not hold two proofs, or is cut off")
	}
	var r Release
	var err error
	if r.Payment, err = CheckProof([]byte(payment+"\n"), keys); err != nil {
		return Release{}, fmt.Errorf("the payment: %w", err)
	}
	if r.Issue, err = CheckProof([]byte(proofHeader+"\n"+issue), keys); err != nil {
		return Release{}, fmt.Errorf("the file's event: %w", err)
	}
	if !bytes.Equal(r.Payment.Checkpoint.Note, r.Issue.Checkpoint.Note) {
		return Release{}, errors.New("payment and file are proven against different checkpoints")
	}
	if err := r.check(); err != nil {
		return Release{}, err
	}
	if digest := sha256.Sum256(file); r.File.Digest != hex.EncodeToString(digest[:]) {
		return Release{}, errors.New("the log has the digest of another file: the proof belongs to another one, or the file was changed by a byte, as mail programs do to line ends; download it again")
	}
	return r, nil
}

// check reads the file's event and holds what the two events say against each other.
func (r *Release) check() error {
	payment, issue := r.Payment.Entry, r.Issue.Entry
	if payment.Type != paymentType || issue.Type != issueType {
		return fmt.Errorf("it is about %.60q and %.60q, not about a payment and the file that it released", payment.Type, issue.Type)
	}
	if err := json.Unmarshal(r.Issue.Data, &r.File); err != nil {
		return fmt.Errorf("the file's event cannot be read: %w", err)
	}
	switch {
	case r.File.Payment != r.PaymentID() || payment.Stream != issue.Stream || payment.Stream != domain.OrderStream(domain.OrderID(r.File.Order)):
		return errors.New("the file names another payment than the proven one")
	case r.Payment.Index >= r.Issue.Index:
		return errors.New("the payment stands behind the file in the log: it did not release it")
	}
	return nil
}
