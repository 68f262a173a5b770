package eventstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/domain"
)

// Reread is what reading a stored event and writing it again has shown.
type Reread struct {
	Type   string
	Schema int
	Opened int // sealed fields that were opened, and sealed again to the same bytes
	Kept   int // sealed fields whose key is not there: destroyed, or the store was opened without keys
}

// ErrRewritten says that an event that was read would be written with other bytes.
var ErrRewritten = errors.New("it would be written again with other bytes")

// Reread proves that a stored event can be read by this program and written again byte for byte, with the nonces that its seals
// have. The error wraps ErrRewritten, or says why the event cannot be read.
func (s *Store) Reread(ctx context.Context, e StoredEvent) (Reread, error) {
	return s.codec.reread(ctx, &esdb.RecordedEvent{EventID: e.ID, EventType: e.Type, StreamID: e.Stream, EventNumber: uint64(e.Revision),
		Position: esdb.Position{Commit: uint64(e.Position)}, Data: e.Data, UserMetadata: e.Metadata})
}

func (c *codec) reread(ctx context.Context, e *esdb.RecordedEvent) (Reread, error) {
	found := Reread{Type: e.EventType}
	record, err := c.decode(ctx, e)
	if err != nil {
		return found, err
	}
	found.Schema = record.Metadata.Schema
	fail := func(err error) (Reread, error) {
		return found, fmt.Errorf("write %s, schema %d, at revision %d of %s, position %d: %w", e.EventType, found.Schema, e.EventNumber, e.StreamID, e.Position.Commit, err)
	}
	of := c.byName[e.EventType]
	event, stored := reflect.New(of.Type).Elem(), reflect.New(of.Type)
	event.Set(reflect.ValueOf(record.Event))
	if err := json.Unmarshal(e.Data, stored.Interface()); err != nil {
		return fail(err)
	}
	for _, field := range of.sealed {
		if sealed := stored.Elem().FieldByIndex(field.index); sealed.Len() > 0 && found.Schema >= field.since {
			if err := c.reseal(ctx, of, record.ID, field, event, sealed, &found); err != nil {
				return fail(err)
			}
		}
	}
	data, err := json.Marshal(event.Interface())
	if err != nil {
		return fail(err)
	}
	about, err := json.Marshal(storedMetadata(record.Metadata))
	switch {
	case err != nil:
		return fail(err)
	case !bytes.Equal(data, e.Data):
		return fail(fmt.Errorf("data: %w", ErrRewritten))
	case !bytes.Equal(about, e.UserMetadata):
		return fail(fmt.Errorf("metadata: %w", ErrRewritten))
	}
	return found, nil
}

// reseal puts the seal of a field back: made anew with the same nonce, or as it is stored if there is no key.
func (c *codec) reseal(ctx context.Context, of shape, id string, field sealedField, event, stored reflect.Value, found *Reread) error {
	value := event.FieldByIndex(field.index)
	var key []byte
	ok := false
	if c.keys != nil {
		var err error
		if key, ok, err = c.keys.Find(ctx, event.FieldByIndex(of.subject).String(), field.purpose); err != nil {
			return fmt.Errorf("seal field %s: find the key: %w", field.name, err)
		}
	}
	if !ok || hidden(value) { // the key may have been destroyed since the event was read
		value.Set(stored)
		found.Kept++
		return nil
	}
	nonce, err := nonceOf(plain(stored, field))
	if err != nil {
		return fmt.Errorf("seal field %s: %w", field.name, err)
	}
	text, err := sealer{rand: bytes.NewReader(nonce)}.sealText(key, id+"/"+field.name, plain(value, field))
	if err != nil {
		return fmt.Errorf("seal field %s: %w", field.name, err)
	}
	put(value, field, text)
	found.Opened++
	return nil
}

// hidden tells whether a field shows a placeholder.
func hidden(value reflect.Value) bool {
	return value.Len() == 0 || value.Kind() == reflect.String && (value.String() == Erased || value.String() == Sealed)
}

// nonceOf reads what stands before the sealed text. The text was opened, so it is long enough.
func nonceOf(sealed []byte) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimPrefix(sealed, []byte(sealPrefix))))
	if err != nil || len(raw) < nonceBytes {
		return nil, errSealBroken
	}
	return raw[:nonceBytes], nil
}

// storedMetadata is how metadata are written.
func storedMetadata(m domain.Metadata) metadata {
	return metadata{Correlation: m.Correlation, Causation: m.Causation, Actor: m.Actor, OnBehalfOf: m.OnBehalfOf, Schema: m.Schema, At: m.At.UTC()}
}
