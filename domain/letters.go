package domain

// SentLetter is by what a letter that left can be recognised. It tells nothing of what the letter says, and to whom.
type SentLetter struct {
	MessageID string   `json:"message_id"`      // without angle brackets
	Digest    string   `json:"digest"`          // SHA-256 of the message as it was handed over, hexadecimal
	Files     []string `json:"files,omitempty"` // SHA-256 of what was attached, in the letter's order
}

// LetterOf is the letter of which an event says that it left; nil when it is about none, or does not tell.
func LetterOf(event Event) *SentLetter {
	switch e := event.(type) {
	case LetterSent:
		return e.Letter
	case BalanceLetterSent:
		return e.Letter
	case ActivationFileSent:
		return e.Letter
	case LoginLetterSent:
		return e.Letter
	}
	return nil
}
