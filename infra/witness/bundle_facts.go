package witness

import (
	"encoding/json"
	"slices"

	"github.com/google/uuid"
)

// BundleLetter is a letter of which an event in a bundle says that it left. What it says is not kept in the log.
type BundleLetter struct {
	Proof
	Kind   string
	Moment string // as the portal's clock saw it, RFC 3339
	Sent   *LetterDigest
}

// LetterDigest is by what a kept letter can be recognised; nil where it left before digests were recorded. Source: docs/events.md.
type LetterDigest struct {
	MessageID string   `json:"message_id"`
	Digest    string   `json:"digest"` // SHA-256 of the message, hexadecimal
	Files     []string `json:"files"`  // SHA-256 of what was attached
}

// letterKinds are the events that say that a letter left, and what kind it is where they do not say it. Source: docs/events.md.
var letterKinds = map[string]string{"LetterSent": "", "BalanceLetterSent": "balance", "ActivationFileSent": "activation-file", "LoginLetterSent": "login"}

// Letters are those of which the proven events tell, in the order of the log.
func (b *Bundle) Letters() []BundleLetter {
	var letters []BundleLetter
	for _, p := range b.Proofs {
		kind, ok := letterKinds[p.Entry.Type]
		if !ok {
			continue
		}
		said := struct {
			Kind   string        `json:"kind"`
			Letter *LetterDigest `json:"letter"`
		}{Kind: kind}
		_ = json.Unmarshal(p.Data, &said) // what cannot be read tells nothing
		letters = append(letters, BundleLetter{Proof: p, Kind: said.Kind, Moment: p.moment(), Sent: said.Letter})
	}
	return letters
}

// Releases are the activation files whose event stands in the bundle behind the payment that it names.
func (b *Bundle) Releases() []Release {
	var releases []Release
	for _, issue := range b.Proofs {
		if issue.Entry.Type != issueType {
			continue
		}
		var file ReleasedFile
		_ = json.Unmarshal(issue.Data, &file) // what cannot be read names no payment
		at := slices.IndexFunc(b.Proofs, func(p Proof) bool { return uuid.UUID(p.Entry.ID).String() == file.Payment })
		if at < 0 {
			continue
		}
		if r := (Release{Payment: b.Proofs[at], Issue: issue}); r.check() == nil {
			releases = append(releases, r)
		}
	}
	return releases
}
