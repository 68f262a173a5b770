package node

import (
	"encoding/binary"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// eventID is the UUID of an event, in the byte order of its text form.
type eventID [16]byte

func (id eventID) String() string { return uuid.UUID(id).String() }

// uuidOf reads a UUID in either form; both forms of a UUID are the same id.
func uuidOf(m *shared.UUID) (eventID, error) {
	var id eventID
	switch v := m.GetValue().(type) {
	case *shared.UUID_Structured_:
		binary.BigEndian.PutUint64(id[:8], uint64(v.Structured.GetMostSignificantBits()))
		binary.BigEndian.PutUint64(id[8:], uint64(v.Structured.GetLeastSignificantBits()))
	case *shared.UUID_String_:
		parsed, err := uuid.Parse(v.String_)
		if err != nil {
			return eventID{}, unknown("id %q is not a UUID", v.String_)
		}
		id = eventID(parsed)
	default:
		return eventID{}, unknown("an id is missing")
	}
	return id, nil
}

// structuredUUID is the form of a UUID as two big-endian halves.
func structuredUUID(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

// parseUUID reads a stored UUID message, which is always structured.
func parseUUID(message []byte) (id eventID, err error) {
	err = eachField(message, func(n protowire.Number, v []byte, _ uint64) error {
		if n != uuidStructured {
			return fmt.Errorf("its id is not structured")
		}
		return eachField(v, func(n protowire.Number, _ []byte, x uint64) error {
			if n == 1 {
				binary.BigEndian.PutUint64(id[:8], x)
			} else {
				binary.BigEndian.PutUint64(id[8:], x)
			}
			return nil
		})
	})
	return id, err
}
