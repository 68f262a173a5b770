package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// deleted is the revision of the event that ends a stream for ever, and the $tb of a soft-deleted stream.
// Source: EventStore, src/EventStore.Core/Data/EventNumber.cs.
const deleted = math.MaxInt64

// streamMetadata is what the node obeys of a stream's $metadata. The zero value limits nothing.
type streamMetadata struct {
	maxCount       int64         // 0: all
	maxAge         time.Duration // 0: for ever
	truncateBefore int64         // first readable revision; deleted: the whole stream is gone until it is written again
}

func (m streamMetadata) softDeleted() bool { return m.truncateBefore == deleted }

// first is the lowest readable revision of a stream whose last revision is given.
func (m streamMetadata) first(last int64) int64 {
	first := m.truncateBefore
	if m.maxCount > 0 {
		first = max(first, last-m.maxCount+1)
	}
	return max(first, 0)
}

// expired tells whether an event written at a moment is too old to be read.
func (m streamMetadata) expired(created int64, now time.Time) bool {
	return m.maxAge > 0 && created < ticks(now.Add(-m.maxAge))
}

// metastream names the stream that holds the metadata of another.
func metastream(stream string) string { return "$$" + stream }

// originalStream is the stream a metastream describes; ok is false for any other name.
func originalStream(stream string) (original string, ok bool) { return strings.CutPrefix(stream, "$$") }

func isMetastream(stream string) bool { return strings.HasPrefix(stream, "$$") }

// parseMetadata reads the newest event of a metastream. Anything malformed makes the whole metadata count as empty,
// as the original does, so a client's mistake cannot hide half a stream.
// Source: EventStore, src/EventStore.Core/Data/StreamMetadata.cs.
func parseMetadata(r record) streamMetadata {
	if !r.json {
		return streamMetadata{}
	}
	fields, err := parseObject(r.data)
	if err != nil {
		return streamMetadata{}
	}
	var m streamMetadata
	for _, f := range fields {
		var err error
		switch f.key {
		case "$maxCount":
			m.maxCount, err = f.integer()
		case "$maxAge":
			var seconds int64
			seconds, err = f.integer()
			m.maxAge = time.Duration(max(min(seconds, math.MaxInt64/int64(time.Second)), 0)) * time.Second
		case "$tb":
			m.truncateBefore, err = f.integer()
		case "$cacheControl":
			_, err = f.integer()
		case "$tmp":
			err = f.decode(new(bool))
		case "$acl":
			err = checkACL(f.value)
		}
		if err != nil {
			return streamMetadata{}
		}
	}
	m.maxCount, m.truncateBefore = max(m.maxCount, 0), max(m.truncateBefore, 0)
	return m
}

// checkACL accepts an object whose known entries are a role or a list of roles.
func checkACL(value json.RawMessage) error {
	fields, err := parseObject(value)
	if err != nil {
		return err
	}
	for _, f := range fields {
		switch f.key {
		case "$r", "$w", "$d", "$mr", "$mw":
			if f.decode(new(string)) == nil {
				continue
			}
			var roles []*string
			if err := f.decode(&roles); err != nil || slices.Contains(roles, nil) {
				return fmt.Errorf("metadata entry %s is %s, want a role or a list of roles", f.key, f.value)
			}
		}
	}
	return nil
}

// withTruncateBefore returns a metadata document with $tb replaced; all else, and the order, stay as they are.
func withTruncateBefore(document []byte, revision int64) ([]byte, error) {
	fields, err := parseObject(document)
	if err != nil {
		return nil, err
	}
	value := json.RawMessage(strconv.FormatInt(revision, 10))
	found := false
	for i := range fields {
		if fields[i].key == "$tb" {
			fields[i].value, found = value, true
		}
	}
	if !found {
		fields = append(fields, field{"$tb", value})
	}
	out := []byte{'{'}
	for i, f := range fields {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := json.Marshal(f.key)
		if err != nil {
			return nil, fmt.Errorf("write metadata key %q: %w", f.key, err)
		}
		out = append(append(append(out, key...), ':'), f.value...)
	}
	return append(out, '}'), nil
}

// field is one entry of a JSON object, in the order of the text.
type field struct {
	key   string
	value json.RawMessage
}

func (f field) integer() (n int64, err error) { return n, f.decode(&n) }

// decode is json.Unmarshal, but null is no value of any type.
func (f field) decode(v any) error {
	if err := json.Unmarshal(f.value, v); err != nil || bytes.Equal(f.value, []byte("null")) {
		return fmt.Errorf("metadata entry %s is %s, want %s", f.key, f.value, reflect.TypeOf(v).Elem())
	}
	return nil
}

func parseObject(document []byte) ([]field, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	start, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("read JSON object: %w", err)
	}
	if start != json.Delim('{') {
		return nil, fmt.Errorf("read JSON object: it starts with %v", start)
	}
	var fields []field
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("read JSON object: %w", err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("read JSON object: %w", err)
		}
		fields = append(fields, field{key.(string), value})
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("read JSON object: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("read JSON object: more text follows it")
	}
	return fields, nil
}
