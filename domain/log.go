// Package domain is what the business knows: commands decide, events say what happened, states fold events.
// It is pure: no clock, no randomness, no network; times, identities and prices come in as fields.
package domain

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"
)

// Event is a fact that is kept for ever: one of the structs listed in [Kinds].
type Event any

// Position is the place of an event in the order of the whole log; 0 lies before the first event.
type Position uint64

// Revision is the number of an event in its stream, from 0. As an expectation it names the last event that the
// writer knows; [NoStream] means that the stream has none.
type Revision int64

// NoStream expects a stream without events.
const NoStream Revision = -1

// Metadata says of an event who wanted it, why it is there and when.
type Metadata struct {
	Actor       string    // account that acted, or "system:" and the part that did; never a person's name
	OnBehalfOf  string    // customer for whom it acted; empty when it acted for itself
	Correlation string    // the request or run that everything goes back to
	Causation   string    // the event or command that directly led here
	Schema      int       // version of the event's shape, see [Kinds]
	At          time.Time // the moment as the portal's clock saw it, UTC; never used for ordering
}

// Proposed is an event on its way into the log. ID is a UUID as text.
type Proposed struct {
	ID       string
	Event    Event
	Metadata Metadata
}

// Record is an event as the log keeps it.
type Record struct {
	Proposed
	Type     string
	Stream   string
	Revision Revision
	Position Position
}

// ErrConflict says that the stream has moved on since it was read.
var ErrConflict = errors.New("another writer was first")

// Log is the only memory of the business.
//
// Append writes all events or none, durably, if the stream's last revision is expected; otherwise it answers
// ErrConflict. Appending the same ids at the same expectation again is harmless and answers the same position.
// Read yields one stream from a revision on. History yields every business event after a position, in order, up to
// the end that the log has when it is called. Follow hands over the same events in pages as they arrive, never waiting to fill a
// page, and goes on until the context ends or see returns an error, which it returns; it survives restarts of the log.
type Log interface {
	Append(ctx context.Context, stream string, expected Revision, events []Proposed) (Position, error)
	Read(ctx context.Context, stream string, from Revision) iter.Seq2[Record, error]
	History(ctx context.Context, after Position) iter.Seq2[Record, error]
	Follow(ctx context.Context, after Position, see func(page []Record) error) error
}

// State is what events add up to. Evolve contains no rules and ignores events that it does not know; the zero value
// is the state of a stream without events.
type State[S any] interface {
	*S
	Evolve(Event)
}

// Command is a wish addressed to one stream. Decide is pure and answers the events that fulfil it, no events when
// there is nothing left to do (so that asking twice is harmless), or a [Refusal].
type Command[S any] interface {
	Stream() string
	Decide(S) ([]Event, error)
}

// Cause is who asks, why and when. The ids of the resulting events derive from Command, so one Command identity
// must not be used for two different wishes to the same stream.
type Cause struct {
	Command     string
	Actor       string
	OnBehalfOf  string
	Correlation string
	Causation   string
	At          time.Time
}

// Loaded is a state with the revision that it reflects and the last record that led to it (zero if none).
type Loaded[S any] struct {
	State    S
	Revision Revision
	Last     Record
}

// Load folds a stream. A stream without events gives the zero state and NoStream.
func Load[S any, P State[S]](ctx context.Context, log Log, stream string) (Loaded[S], error) {
	loaded := Loaded[S]{Revision: NoStream}
	for record, err := range log.Read(ctx, stream, 0) {
		if err != nil {
			return loaded, fmt.Errorf("load %s: %w", stream, err)
		}
		P(&loaded.State).Evolve(record.Event)
		loaded.Revision, loaded.Last = record.Revision, record
	}
	return loaded, nil
}

// Outcome is what a command did: Position is that of its last event, 0 if it changed nothing.
type Outcome struct {
	Position Position
	Events   []Event
}

// conflictsMax bounds how often a decision is taken again because another writer was first. Each time somebody else got
// what he wanted, so this is how many may push in front of one: portals that count up the same register of numbers.
const conflictsMax = 100

// Execute reads, evolves, decides and appends with the exact revision that it decided on. When another writer was
// first it decides again on what is there now. A Refusal comes back as it is; every other error means that something broke.
func Execute[S any, P State[S]](ctx context.Context, log Log, by Cause, command Command[S]) (Outcome, error) {
	stream := command.Stream()
	if warm, ok := log.(*Warm); ok {
		return executeWarm[S, P](ctx, warm, by, command)
	}
	for range conflictsMax {
		loaded, err := Load[S, P](ctx, log, stream)
		if err != nil {
			return Outcome{}, err
		}
		outcome, err := decide(ctx, log, by, command, loaded.State, loaded.Revision)
		if !errors.Is(err, ErrConflict) {
			return outcome, err
		}
	}
	return Outcome{}, fmt.Errorf("append to %s: %w, %d times in a row", stream, ErrConflict, conflictsMax)
}

func decide[S any](ctx context.Context, log Log, by Cause, command Command[S], state S, revision Revision) (Outcome, error) {
	events, err := command.Decide(state)
	if err != nil || len(events) == 0 {
		return Outcome{}, err
	}
	position, err := log.Append(ctx, command.Stream(), revision, propose(by, command.Stream(), events))
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Position: position, Events: events}, nil
}

func propose(by Cause, stream string, events []Event) []Proposed {
	proposed := make([]Proposed, len(events))
	for i, event := range events {
		proposed[i] = Proposed{
			ID:    NameID(by.Command, stream, strconv.Itoa(i)),
			Event: event,
			Metadata: Metadata{
				Actor: by.Actor, OnBehalfOf: by.OnBehalfOf, Correlation: by.Correlation, Causation: by.Causation,
				Schema: SchemaOf(event), At: by.At.UTC(),
			},
		}
	}
	return proposed
}

// namespace separates our name-based identities from everybody else's.
const namespace = "netrom.pl/portal"

// NameID is the identity that always belongs to these names: a version 5 UUID as text.
// Source: RFC 9562, section 5.5.
func NameID(names ...string) string {
	text := append(make([]byte, 0, 256), namespace...)
	for _, name := range names {
		text = append(append(strconv.AppendInt(text, int64(len(name)), 10), ':'), name...)
	}
	u := sha1.Sum(text)
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	id := make([]byte, 0, len("00000000-0000-0000-0000-000000000000"))
	for i, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:16]} {
		if i > 0 {
			id = append(id, '-')
		}
		id = hex.AppendEncode(id, part)
	}
	return string(id)
}
