package eventstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/domain"
)

// codec translates between events and what the server keeps: type name, JSON data and JSON metadata.
type codec struct {
	registry
	sealer
}

// metadata is domain.Metadata as stored. The first two names are the ones that EventStoreDB's own projections look for.
type metadata struct {
	Correlation string    `json:"$correlationId,omitempty"`
	Causation   string    `json:"$causationId,omitempty"`
	Actor       string    `json:"actor,omitempty"`
	OnBehalfOf  string    `json:"onBehalfOf,omitempty"`
	Schema      int       `json:"schema"`
	At          time.Time `json:"at"`
}

var plainMetadata = plainReaderOf(reflect.TypeFor[metadata]())

// encode refuses an event that could not be read back. The bytes differ from call to call when fields are sealed.
func (c *codec) encode(ctx context.Context, p domain.Proposed) (esdb.EventData, error) {
	var none esdb.EventData
	id, err := uuid.Parse(p.ID)
	if err != nil || id == uuid.Nil {
		return none, fmt.Errorf("encode %T: its id is not a UUID", p.Event)
	}
	of, ok := c.byType[reflect.TypeOf(p.Event)]
	if !ok {
		return none, fmt.Errorf("encode %T: it is not listed in domain.Kinds", p.Event)
	}
	schema := cmp.Or(p.Metadata.Schema, of.Schema)
	if !of.reads(schema) {
		return none, fmt.Errorf("encode %s: schema %d is wanted, 1 to %d are known", of.Name, schema, of.Schema)
	}
	event := reflect.New(of.Type).Elem()
	event.Set(reflect.ValueOf(p.Event))
	if err := c.seal(ctx, of, schema, id.String(), event); err != nil {
		return none, fmt.Errorf("encode %s: %w", of.Name, err)
	}
	data, err := json.Marshal(event.Interface())
	if err != nil {
		return none, fmt.Errorf("encode %s: %w", of.Name, err)
	}
	m := p.Metadata
	m.Schema = schema
	about, err := json.Marshal(storedMetadata(m))
	if err != nil {
		return none, fmt.Errorf("encode %s: metadata: %w", of.Name, err)
	}
	return esdb.EventData{EventID: id, EventType: of.Name, ContentType: esdb.ContentTypeJson, Data: data, Metadata: about}, nil
}

var errNoPositions = errors.New("the server does not tell positions; EventStoreDB 22.6 or newer is needed")

// decode never skips: an event that this program does not understand stops whoever reads it.
func (c *codec) decode(ctx context.Context, e *esdb.RecordedEvent) (domain.Record, error) {
	var about metadata
	fail := func(err error) (domain.Record, error) {
		return domain.Record{}, unreadable{fmt.Errorf("decode %s, schema %d, at revision %d of %s, position %d: %w",
			e.EventType, about.Schema, e.EventNumber, e.StreamID, e.Position.Commit, err)}
	}
	if !readPlain(plainMetadata, e.UserMetadata, reflect.ValueOf(&about)) {
		about = metadata{}
		if err := json.Unmarshal(e.UserMetadata, &about); err != nil {
			return fail(fmt.Errorf("metadata: %w", err))
		}
	}
	of, ok := c.byName[e.EventType]
	switch {
	case !ok:
		return fail(fmt.Errorf("this program does not know the type; a newer one wrote it, or a stranger"))
	case !of.reads(about.Schema):
		return fail(fmt.Errorf("this program reads schemas 1 to %d; run the version that wrote it, or a newer one", of.Schema))
	case e.Position.Commit == math.MaxUint64:
		return fail(errNoPositions)
	}
	event := reflect.New(of.Type)
	if !readPlain(of.plain, e.Data, event) {
		event = reflect.New(of.Type)
		from := json.NewDecoder(bytes.NewReader(e.Data))
		from.DisallowUnknownFields()
		if err := from.Decode(event.Interface()); err != nil {
			return fail(err)
		}
	}
	id := e.EventID.String()
	if err := c.open(ctx, of, about.Schema, id, event.Elem()); err != nil {
		return fail(err)
	}
	return domain.Record{
		Proposed: domain.Proposed{ID: id, Event: event.Elem().Interface(), Metadata: domain.Metadata{
			Actor: about.Actor, OnBehalfOf: about.OnBehalfOf, Correlation: about.Correlation, Causation: about.Causation,
			Schema: about.Schema, At: about.At.UTC(),
		}},
		Type: of.Name, Stream: e.StreamID, Revision: domain.Revision(e.EventNumber), Position: domain.Position(e.Position.Commit),
	}, nil
}
