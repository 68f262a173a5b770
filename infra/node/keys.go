package node

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// The log is one ordered key space. Every key begins with one byte that says what it is:
//
//	f                                     format of the folder
//	l position                         -> checksum, ReadResp message of the event at that position
//	s len(stream) stream revision      -> position of that event
//	i len(stream) stream event-id      -> last revision in that stream written under that id
//	p stream::group                    -> definition of a persistent subscription group
//
// Numbers are big-endian so that key order is number order. Keys under l and s are never changed once
// written: a reader that knows how far the log is durable needs no snapshot.
const (
	prefixFormat  = 'f'
	prefixLog     = 'l'
	prefixStream  = 's'
	prefixEventID = 'i'
	prefixGroup   = 'p'
)

// maxStreamNameBytes bounds a stream name. EventStoreDB has no rule; this one keeps every key small.
const maxStreamNameBytes = 4096

func logKey(dst []byte, position uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefixLog), position)
}

// streamKey is the place of one revision in the index of a stream.
func streamKey(dst []byte, stream string, revision int64) []byte {
	return binary.BigEndian.AppendUint64(appendName(append(dst, prefixStream), stream), uint64(revision))
}

func eventIDKey(dst []byte, stream string, id eventID) []byte {
	return append(appendName(append(dst, prefixEventID), stream), id[:]...)
}

func groupKey(stream, group string) []byte {
	return append([]byte{prefixGroup}, stream+"::"+group...)
}

func appendName(dst []byte, stream string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(stream))), stream...)
}

// parseStreamKey is the inverse of streamKey.
func parseStreamKey(key []byte) (stream string, revision int64, err error) {
	stream, rest, err := parseName(key)
	if err == nil && len(rest) != 8 {
		err = fmt.Errorf("stream key %x has %d bytes after the name, want 8", key, len(rest))
	}
	if err != nil {
		return "", 0, err
	}
	return stream, int64(binary.BigEndian.Uint64(rest)), nil
}

// parseEventIDKey is the inverse of eventIDKey.
func parseEventIDKey(key []byte) (stream string, id eventID, err error) {
	stream, rest, err := parseName(key)
	if err == nil && len(rest) != len(id) {
		err = fmt.Errorf("event id key %x has %d bytes after the name, want %d", key, len(rest), len(id))
	}
	if err != nil {
		return "", id, err
	}
	return stream, eventID(rest), nil
}

func parseName(key []byte) (name string, rest []byte, err error) {
	if len(key) < 3 {
		return "", nil, fmt.Errorf("key %x is too short for a stream name", key)
	}
	size := int(binary.BigEndian.Uint16(key[1:3]))
	if len(key) < 3+size {
		return "", nil, fmt.Errorf("key %x is shorter than the stream name it announces", key)
	}
	return string(key[3 : 3+size]), key[3+size:], nil
}

// checkStreamName refuses names that no key can hold: empty, too long, or not UTF-8.
func checkStreamName(name []byte) error {
	switch {
	case len(name) == 0:
		return fmt.Errorf("stream name is empty")
	case len(name) > maxStreamNameBytes:
		return fmt.Errorf("stream name has %d bytes, at most %d are allowed", len(name), maxStreamNameBytes)
	case !utf8.Valid(name):
		return fmt.Errorf("stream name is not UTF-8")
	}
	return nil
}
