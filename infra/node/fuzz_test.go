package node

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/protobuf/proto"
)

// FuzzRecord reads arbitrary bytes as a stored record, and writes and reads arbitrary events.
// Longer: go test ./infra/node -run '^$' -fuzz FuzzRecord -fuzztime 10m
func FuzzRecord(f *testing.F) {
	e := proposed{id: eventID{1, 2}, kind: "T", json: true, custom: []byte("m"), data: []byte("{}")}
	f.Add(appendStored(nil, e, "s", 1, 7, 9), "s", "T", []byte("{}"), int64(1), uint64(7))
	f.Add([]byte{}, "", "", []byte{}, int64(-1), uint64(0))
	f.Fuzz(func(t *testing.T, stored []byte, stream, kind string, data []byte, revision int64, position uint64) {
		if r, err := parseStored(position, stored); err == nil {
			r.response(true, true, &r)
		}
		parseBody(stored)
		if checkStreamName([]byte(stream)) != nil || revision < 0 || strings.ToValidUTF8(kind, "") != kind {
			return
		}
		e := proposed{id: eventID{15: 1}, kind: kind, data: data}
		written := appendStored(nil, e, stream, revision, position, 42)
		r, err := parseStored(position, written)
		if err != nil {
			t.Fatalf("read back: %v", err)
		}
		if string(r.stream) != stream || string(r.kind) != kind || !bytes.Equal(r.data, data) || r.revision != revision || r.id != e.id || r.created != 42 {
			t.Fatalf("wrote %+v in %q, read %+v", e, stream, r)
		}
		for _, message := range [][]byte{r.response(false, false, nil), r.response(true, false, nil), r.response(true, true, &r)} {
			var decoded streams.ReadResp
			if err := proto.Unmarshal(message, &decoded); err != nil {
				t.Fatalf("decode a response: %v", err)
			}
			if got := decoded.GetEvent().GetEvent(); got.GetCommitPosition() != position || !bytes.Equal(got.GetData(), data) {
				t.Fatalf("the response holds %v", got)
			}
		}
		if name, revision, err := parseStreamKey(streamKey(nil, stream, r.revision)); err != nil || name != stream || revision != r.revision {
			t.Fatalf("key of %q gave %q, %d, %v", stream, name, revision, err)
		}
	})
}

// FuzzMetadata reads arbitrary metadata and rewrites it as an undeleted stream's.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{`{}`, `{"$tb":9223372036854775807,"a":[1,{"b":null}]}`, `{"$maxAge":9e99}`, `{"$acl":{"$r":["x"]}}`, `{"a":1}{`, `[`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		m := parseMetadata(record{json: true, data: document})
		if m.maxCount < 0 || m.maxAge < 0 || m.truncateBefore < 0 {
			t.Fatalf("%q gave %+v", document, m)
		}
		revived, err := withTruncateBefore(document, 5)
		if err != nil {
			return
		}
		if !json.Valid(revived) {
			t.Fatalf("%q became %q", document, revived)
		}
		if after := parseMetadata(record{json: true, data: revived}); m != (streamMetadata{}) && after.truncateBefore != 5 {
			t.Fatalf("%q became %q, which means %+v", document, revived, after)
		}
	})
}

// FuzzReadRequest checks arbitrary read requests: whatever comes is accepted or refused, and never a panic.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte{})
	seed, err := proto.Marshal(&streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{}},
		CountOption:  &streams.ReadReq_Options_Count{Count: 1},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, request []byte) {
		var o streams.ReadReq_Options
		if proto.Unmarshal(request, &o) != nil {
			return
		}
		q, err := parseRead(&o)
		if err == nil && (q.count == 0) != q.subscription {
			t.Fatalf("%v was accepted as %+v", &o, q)
		}
		if q.filter != nil {
			q.filter.matches(record{stream: []byte("s"), kind: []byte("T")})
		}
	})
}
