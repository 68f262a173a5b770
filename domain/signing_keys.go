package domain

import "maps"

// KeyUse is what the keys of a list sign.
type KeyUse string

// The uses of signing keys.
const (
	CheckpointKeys KeyUse = "checkpoints" // of the log
	ActivationKeys KeyUse = "activation"  // files
)

// KeyChange is what may happen to a signing key.
type KeyChange string

// The changes. Both make a new key where the old one is in use.
const (
	RotateKey KeyChange = "rotate" // what the key signed stays good
	RevokeKey KeyChange = "revoke" // what the key signed is worth nothing any more
)

// KeyChangeProposed says that an operator wants a signing key to be changed; another one must agree.
type KeyChangeProposed struct {
	Use    KeyUse    `json:"use"`
	Change KeyChange `json:"change"`
	Key    string    `json:"key"` // id, as it stands on the public list
	By     string    `json:"by"`  // account
}

// KeyChangeWithdrawn takes a proposal back.
type KeyChangeWithdrawn struct {
	Use    KeyUse    `json:"use"`
	Change KeyChange `json:"change"`
	Key    string    `json:"key"`
	By     string    `json:"by"` // account
}

// KeyChangeConfirmed says that a second operator has agreed. From here on the change is owed.
type KeyChangeConfirmed struct {
	Use        KeyUse    `json:"use"`
	Change     KeyChange `json:"change"`
	Key        string    `json:"key"`
	ProposedBy string    `json:"proposed_by"` // account
	By         string    `json:"by"`          // account
}

// KeyChanged says that the key is changed, at the wish of two people.
type KeyChanged struct {
	Use         KeyUse    `json:"use"`
	Change      KeyChange `json:"change"`
	Key         string    `json:"key"`
	Active      string    `json:"active"` // id of the key that signs from here on
	ProposedBy  string    `json:"proposed_by"`
	ConfirmedBy string    `json:"confirmed_by"`
}

// PendingKeyChange is how far the change of a key has come. The zero value: nobody wants it.
type PendingKeyChange struct {
	Change      KeyChange `json:"change"`
	ProposedBy  string    `json:"proposed_by"`
	ConfirmedBy string    `json:"confirmed_by,omitempty"`
}

// SigningKeys are the changes of keys for one use that are on their way, by key.
type SigningKeys map[string]PendingKeyChange

// SigningKeysStream is where the changes of keys for one use are written down.
func SigningKeysStream(use KeyUse) string { return "keys-" + string(use) }

// Evolve folds an event of a stream of signing keys.
func (k *SigningKeys) Evolve(event Event) {
	change := func(key string, pending PendingKeyChange) {
		next := maps.Clone(*k)
		if next == nil {
			next = SigningKeys{}
		}
		if next[key] = pending; pending == (PendingKeyChange{}) {
			delete(next, key)
		}
		*k = next
	}
	switch e := event.(type) {
	case KeyChangeProposed:
		change(e.Key, PendingKeyChange{Change: e.Change, ProposedBy: e.By})
	case KeyChangeWithdrawn:
		change(e.Key, PendingKeyChange{})
	case KeyChangeConfirmed:
		change(e.Key, PendingKeyChange{Change: e.Change, ProposedBy: e.ProposedBy, ConfirmedBy: e.By})
	case KeyChanged:
		change(e.Key, PendingKeyChange{})
	}
}

// ProposeKeyChange is the first of two people's wish. The same wish again changes nothing.
type ProposeKeyChange struct{ KeyChangeProposed }

// Stream of the use's keys.
func (c ProposeKeyChange) Stream() string { return SigningKeysStream(c.Use) }

// Decide refuses while another change of the key waits for its second person.
func (c ProposeKeyChange) Decide(known SigningKeys) ([]Event, error) {
	pending := known[c.Key]
	switch {
	case c.Use != CheckpointKeys && c.Use != ActivationKeys:
		return nil, refuse(InvalidInput, "field", "use", "limit", "checkpoints, activation")
	case c.Change != RotateKey && c.Change != RevokeKey:
		return nil, refuse(InvalidInput, "field", "change", "limit", "rotate, revoke")
	case pending.Change == c.Change:
		return nil, nil
	case pending.Change != "":
		return nil, refuse(SecondPersonAwaited)
	}
	for field, text := range map[string]string{"key": c.Key, "by": c.By} {
		if err := checkText(field, text, IdentityMax); err != nil {
			return nil, err
		}
	}
	return []Event{c.KeyChangeProposed}, nil
}

// WithdrawKeyChange takes a proposal back before it is confirmed; whoever proposed it may, and everybody else. Twice is harmless.
type WithdrawKeyChange struct{ KeyChangeWithdrawn }

// Stream of the use's keys.
func (c WithdrawKeyChange) Stream() string { return SigningKeysStream(c.Use) }

// Decide refuses what two people have agreed on.
func (c WithdrawKeyChange) Decide(known SigningKeys) ([]Event, error) {
	switch pending := known[c.Key]; {
	case pending.Change != c.Change:
		return nil, nil
	case pending.ConfirmedBy != "":
		return nil, refuse(KeyChangeAgreed)
	}
	return []Event{c.KeyChangeWithdrawn}, nil
}

// ConfirmKeyChange is the second person's agreement. Twice is harmless.
type ConfirmKeyChange struct {
	Use    KeyUse
	Change KeyChange
	Key    string
	By     string // account
}

// Stream of the use's keys.
func (c ConfirmKeyChange) Stream() string { return SigningKeysStream(c.Use) }

// Decide refuses the person who has proposed it, and what nobody has proposed.
func (c ConfirmKeyChange) Decide(known SigningKeys) ([]Event, error) {
	switch pending := known[c.Key]; {
	case pending.Change != c.Change || c.Change == "":
		return nil, refuse(NotFound)
	case pending.ConfirmedBy != "":
		return nil, nil
	case pending.ProposedBy == c.By:
		return nil, refuse(SamePerson)
	default:
		if err := checkText("by", c.By, IdentityMax); err != nil {
			return nil, err
		}
		return []Event{KeyChangeConfirmed{Use: c.Use, Change: c.Change, Key: c.Key, ProposedBy: pending.ProposedBy, By: c.By}}, nil
	}
}

// RecordKeyChange certifies that a change on which two people have agreed is made. Twice is harmless.
type RecordKeyChange struct {
	Use    KeyUse
	Key    string
	Active string // id of the key that signs from here on
}

// Stream of the use's keys.
func (c RecordKeyChange) Stream() string { return SigningKeysStream(c.Use) }

// Decide certifies once, and nothing that two people have not agreed on.
func (c RecordKeyChange) Decide(known SigningKeys) ([]Event, error) {
	pending := known[c.Key]
	if pending.ConfirmedBy == "" {
		return nil, nil
	}
	return []Event{KeyChanged{Use: c.Use, Change: pending.Change, Key: c.Key, Active: c.Active, ProposedBy: pending.ProposedBy, ConfirmedBy: pending.ConfirmedBy}}, nil
}
