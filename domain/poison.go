package domain

import "strings"

// MessagePoisoned says that a consumer of the log could not digest an event and went on without it; somebody has to look.
type MessagePoisoned struct {
	Consumer string   `json:"consumer"`
	Event    string   `json:"event"` // its id
	Type     string   `json:"type"`
	Stream   string   `json:"stream"`
	Position Position `json:"position"`
	Reason   string   `json:"reason"` // without addresses or names
}

// ReasonMax is the length of a reason, in bytes; the rest is cut off.
const ReasonMax = 500

// Poisoned is what consumers have set aside in one queue, by consumer and event.
type Poisoned map[string]MessagePoisoned

func (e MessagePoisoned) key() string { return e.Consumer + "/" + e.Event }

// Evolve folds an event of a poison stream.
func (p *Poisoned) Evolve(event Event) {
	if e, ok := event.(MessagePoisoned); ok {
		if *p == nil {
			*p = Poisoned{}
		}
		(*p)[e.key()] = e
	}
}

// SetAside records that a consumer goes on without an event. Twice is harmless.
type SetAside struct {
	MessagePoisoned
	Queue string
}

// Stream of the poison queue.
func (c SetAside) Stream() string { return c.Queue }

// Decide records each event of a consumer once, with a reason of bounded length.
func (c SetAside) Decide(known Poisoned) ([]Event, error) {
	if _, ok := known[c.key()]; ok {
		return nil, nil
	}
	e := c.MessagePoisoned
	if len(e.Reason) > ReasonMax {
		e.Reason = e.Reason[:ReasonMax]
	}
	e.Reason = strings.ToValidUTF8(e.Reason, "")
	return []Event{e}, nil
}
