package node

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of ReadResp, ReadEvent, RecordedEvent, UUID and StreamIdentifier.
// Source: EventStore-Client-Go v4.2.0, protos/streams.proto and protos/shared.proto.
const (
	respEvent         = 1
	respConfirmation  = 2
	respCheckpoint    = 3
	respNotFound      = 4
	respFirstRevision = 5
	respLastRevision  = 6
	respCaughtUp      = 8

	readEventEvent  = 1
	readEventLink   = 2
	readEventCommit = 3

	recordedID       = 1
	recordedStream   = 2
	recordedRevision = 3
	recordedPrepare  = 4
	recordedCommit   = 5
	recordedMetadata = 6
	recordedCustom   = 7
	recordedData     = 8

	uuidStructured = 1
	uuidString     = 2
	streamName     = 3
)

// Values of the content-type entry of an event. Anything that is not JSON is read back as octets.
const (
	contentJSON   = "application/json"
	contentOctets = "application/octet-stream"
)

// Types of the events that the node itself writes or gives a meaning to.
const (
	typeMetadata      = "$metadata"
	typeStreamDeleted = "$streamDeleted"
	typeLink          = "$>"
)

// proposed is an event that somebody wants appended.
type proposed struct {
	id     eventID
	kind   string
	json   bool
	custom []byte
	data   []byte
}

// record is one stored event, decoded as far as the node needs. Its slices share the memory of the body.
type record struct {
	body     []byte // the ReadResp message as it is sent, with a structured id
	event    []byte // the RecordedEvent message inside the body
	rest     []byte // the event without its id field
	id       eventID
	stream   []byte
	revision int64
	position uint64
	kind     []byte
	created  int64 // 100 ns ticks since 1970
	json     bool
	data     []byte
}

// ticks turns a moment into 100 ns ticks since 1970, the unit of the created entry.
// Source: EventStore, src/EventStore.Common/Utils/EpochExtensions.cs.
func ticks(t time.Time) int64 { return t.UnixNano() / 100 }

// checksumTable is for CRC-32C, which processors compute in hardware.
var checksumTable = crc32.MakeTable(crc32.Castagnoli)

// checksum covers the position and the body, so that an intact record in the wrong place is found too: it is the CRC-32C
// of the position as eight big-endian bytes and the body. The position goes through the table by hand, because an
// array for it would be an allocation.
func checksum(position uint64, body []byte) uint32 {
	crc := ^uint32(0)
	for shift := 56; shift >= 0; shift -= 8 {
		crc = checksumTable[byte(crc)^byte(position>>shift)] ^ crc>>8
	}
	return crc32.Update(^crc, checksumTable, body)
}

const checksumBytes = 4

// appendStored appends the stored form of a record: checksum, then the ReadResp message exactly as readers get it.
func appendStored(dst []byte, e proposed, stream string, revision int64, position uint64, created int64) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = appendBody(dst, e, stream, revision, position, created)
	binary.BigEndian.PutUint32(dst[start:], checksum(position, dst[start+checksumBytes:]))
	return dst
}

func appendBody(dst []byte, e proposed, stream string, revision int64, position uint64, created int64) []byte {
	most, least := binary.BigEndian.Uint64(e.id[:8]), binary.BigEndian.Uint64(e.id[8:])
	contentType := contentOctets
	if e.json {
		contentType = contentJSON
	}
	var buf [20]byte
	moment := strconv.AppendInt(buf[:0], created, 10)

	structured := 2 + protowire.SizeVarint(most) + protowire.SizeVarint(least)
	id := 1 + protowire.SizeBytes(structured)
	name := 1 + protowire.SizeBytes(len(stream))
	size := 1 + protowire.SizeBytes(id) + 1 + protowire.SizeBytes(name) +
		1 + protowire.SizeVarint(uint64(revision)) + 2*(1+protowire.SizeVarint(position)) +
		sizeEntry("type", len(e.kind)) + sizeEntry("created", len(moment)) + sizeEntry("content-type", len(contentType))
	if len(e.custom) > 0 {
		size += 1 + protowire.SizeBytes(len(e.custom))
	}
	if len(e.data) > 0 {
		size += 1 + protowire.SizeBytes(len(e.data))
	}
	outer := 1 + protowire.SizeBytes(size) + 1 + protowire.SizeVarint(position)

	dst = appendLength(dst, respEvent, outer)
	dst = appendLength(dst, readEventEvent, size)
	dst = appendLength(dst, recordedID, id)
	dst = appendLength(dst, uuidStructured, structured)
	dst = appendVarint(dst, 1, most)
	dst = appendVarint(dst, 2, least)
	dst = appendLength(dst, recordedStream, name)
	dst = appendString(dst, streamName, stream)
	dst = appendVarint(dst, recordedRevision, uint64(revision))
	dst = appendVarint(dst, recordedPrepare, position)
	dst = appendVarint(dst, recordedCommit, position)
	dst = appendEntry(dst, "type", e.kind)
	dst = appendEntry(dst, "created", string(moment))
	dst = appendEntry(dst, "content-type", contentType)
	if len(e.custom) > 0 {
		dst = append(appendLength(dst, recordedCustom, len(e.custom)), e.custom...)
	}
	if len(e.data) > 0 {
		dst = append(appendLength(dst, recordedData, len(e.data)), e.data...)
	}
	return appendVarint(dst, readEventCommit, position)
}

func appendLength(dst []byte, field protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.BytesType), uint64(size))
}

func appendVarint(dst []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.VarintType), v)
}

func appendString(dst []byte, field protowire.Number, s string) []byte {
	return append(appendLength(dst, field, len(s)), s...)
}

func appendMessage(dst []byte, field protowire.Number, message []byte) []byte {
	return append(appendLength(dst, field, len(message)), message...)
}

// sizeEntry is the size of one metadata map entry with its tag.
func sizeEntry(key string, value int) int {
	return 1 + protowire.SizeBytes(1+protowire.SizeBytes(len(key))+1+protowire.SizeBytes(value))
}

func appendEntry(dst []byte, key, value string) []byte {
	dst = appendLength(dst, recordedMetadata, 1+protowire.SizeBytes(len(key))+1+protowire.SizeBytes(len(value)))
	return appendString(appendString(dst, 1, key), 2, value)
}

// CorruptError says that a stored record is not what was written. The node never serves such a record.
type CorruptError struct {
	Position uint64 // where in the log
	Reason   string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("record at position %d is corrupt: %s; stop the node and restore the log from a backup", e.Position, e.Reason)
}

// parseStored verifies and decodes the stored form of the record at a position.
func parseStored(position uint64, stored []byte) (record, error) {
	if len(stored) < checksumBytes {
		return record{}, &CorruptError{position, fmt.Sprintf("only %d bytes are left of it", len(stored))}
	}
	body := stored[checksumBytes:]
	if got, want := checksum(position, body), binary.BigEndian.Uint32(stored); got != want {
		return record{}, &CorruptError{position, fmt.Sprintf("checksum is %08x, written was %08x", got, want)}
	}
	r, err := parseBody(body)
	if err == nil && r.position != position {
		err = fmt.Errorf("it names position %d", r.position)
	}
	if err != nil {
		return record{}, &CorruptError{position, err.Error()}
	}
	return r, nil
}

// parseBody decodes a ReadResp message that carries one unlinked event.
func parseBody(body []byte) (record, error) {
	r := record{body: body}
	err := eachField(body, func(n protowire.Number, v []byte, _ uint64) error {
		if n != respEvent {
			return nil
		}
		return eachField(v, func(n protowire.Number, v []byte, _ uint64) error {
			if n == readEventEvent {
				r.event = v
				return r.parseEvent(v)
			}
			return nil
		})
	})
	if err == nil && r.stream == nil {
		err = fmt.Errorf("it has no stream name")
	}
	return r, err
}

func (r *record) parseEvent(event []byte) error {
	return eachField(event, func(n protowire.Number, v []byte, x uint64) (err error) {
		switch n {
		case recordedID:
			r.rest = event[1+protowire.SizeBytes(len(v)):] // the id is always written first
			r.id, err = parseUUID(v)
		case recordedStream:
			err = eachField(v, func(n protowire.Number, v []byte, _ uint64) error {
				if n == streamName {
					r.stream = v
				}
				return nil
			})
		case recordedRevision:
			r.revision = int64(x)
		case recordedCommit:
			r.position = x
		case recordedMetadata:
			err = r.parseEntry(v)
		case recordedData:
			r.data = v
		}
		return err
	})
}

func (r *record) parseEntry(entry []byte) error {
	var key, value []byte
	err := eachField(entry, func(n protowire.Number, v []byte, _ uint64) error {
		if n == 1 {
			key = v
		} else {
			value = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch string(key) {
	case "type":
		r.kind = value
	case "created":
		r.created, err = strconv.ParseInt(string(value), 10, 64)
	case "content-type":
		r.json = bytes.Equal(value, []byte(contentJSON))
	}
	return err
}

// eachField walks a message. Length-delimited fields arrive in v, integers in x; other wire types are an error,
// because the messages of the log have none.
func eachField(message []byte, visit func(n protowire.Number, v []byte, x uint64) error) error {
	for len(message) > 0 {
		n, wire, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		var v []byte
		var x uint64
		switch wire {
		case protowire.BytesType:
			v, size = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			x, size = protowire.ConsumeVarint(message)
		default:
			return fmt.Errorf("field %d has wire type %d", n, wire)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err := visit(n, v, x); err != nil {
			return err
		}
		message = message[size:]
	}
	return nil
}

// appendEvent appends the RecordedEvent message in the id form the caller asked for.
func (r record) appendEvent(dst []byte, stringIDs bool) []byte {
	if !stringIDs {
		return append(dst, r.event...)
	}
	dst = appendMessage(dst, recordedID, appendString(nil, uuidString, r.id.String()))
	return append(dst, r.rest...)
}

// response is the ReadResp message for this record: the original event of a read, whose link may have been resolved.
// A resolved link carries the target as event (nil: the target is gone) and the record itself as link.
func (r record) response(stringIDs, resolved bool, target *record) []byte {
	if !resolved && !stringIDs {
		return r.body
	}
	var event []byte
	if resolved {
		if target != nil {
			event = appendMessage(event, readEventEvent, target.appendEvent(nil, stringIDs))
		}
		event = appendMessage(event, readEventLink, r.appendEvent(nil, stringIDs))
	} else {
		event = appendMessage(event, readEventEvent, r.appendEvent(nil, stringIDs))
	}
	event = appendVarint(event, readEventCommit, r.position)
	return appendMessage(make([]byte, 0, len(event)+8), respEvent, event)
}

// linkTarget reads "<revision>@<stream>"; ok is false when this record is no link or a malformed one.
func (r record) linkTarget() (stream string, revision int64, ok bool) {
	if string(r.kind) != typeLink {
		return "", 0, false
	}
	number, name, found := bytes.Cut(r.data, []byte("@"))
	revision, err := strconv.ParseInt(string(number), 10, 64)
	if !found || err != nil || revision < 0 || checkStreamName(name) != nil {
		return "", 0, false
	}
	return string(name), revision, true
}
