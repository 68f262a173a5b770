package eventstore

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore/logtest"
)

var update = flag.Bool("update", false, "write the golden files of kinds that have none; existing ones never change")

// golden is an event as it lies in some log. Personal fields are sealed with [logtest.Keys] and the nonces of counting.
type golden struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Metadata json.RawMessage `json:"metadata"`
	Data     json.RawMessage `json:"data"`
}

// The promise to the past: every shape that was ever stored is read, and written again byte for byte. A kind that got a field which
// may be missing keeps its shape without it, and has the shape with it in Name.vN+field.json.
func TestGolden(t *testing.T) {
	known := map[string]bool{}
	for _, kind := range domain.Kinds {
		for schema := 1; schema <= kind.Schema; schema++ {
			path := filepath.Join("testdata", "events", fmt.Sprintf("%s.v%d", kind.Name, schema))
			with, err := filepath.Glob(path + "+*.json")
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range append(with, path+".json") {
				known[path] = true
				t.Run(filepath.Base(path), func(t *testing.T) { rereadFile(t, path, kind, schema) })
			}
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if !known[path] {
			t.Errorf("%s is of a kind that is not read any more, although logs have such events", path)
		}
	}
}

func rereadFile(t *testing.T, path string, kind domain.Kind, schema int) {
	file, err := os.ReadFile(path)
	if os.IsNotExist(err) && *update && schema == kind.Schema {
		file = writeGolden(t, path, kind)
	} else if err != nil {
		t.Fatalf("%v; a new shape of event gets its file by: go test ./infra/eventstore -run Golden -update", err)
	}
	var kept golden
	if err := json.Unmarshal(file, &kept); err != nil {
		t.Fatal(err)
	}
	reread(t, kept)
}

func reread(t *testing.T, kept golden) {
	data, about := compact(t, kept.Data), compact(t, kept.Metadata)
	id, err := uuid.Parse(kept.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := goldenCodec(t)
	record, err := c.decode(t.Context(), stored(esdb.EventData{EventID: id, EventType: kept.Type, Data: data, Metadata: about}))
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.encode(t.Context(), record.Proposed)
	if err != nil {
		t.Fatal(err)
	}
	if record.Type != kept.Type || !strings.Contains(string(about), fmt.Sprintf(`"schema":%d`, record.Metadata.Schema)) {
		t.Errorf("stored as %s with %s, read as %s of schema %d", kept.Type, about, record.Type, record.Metadata.Schema)
	}
	if !bytes.Equal(again.Data, data) {
		t.Errorf("stored  %s\nwritten %s", data, again.Data)
	}
	if !bytes.Equal(again.Metadata, about) {
		t.Errorf("stored  %s\nwritten %s", about, again.Metadata)
	}
}

func goldenCodec(t *testing.T) *codec {
	c, _ := testCodec(t)
	c.keys = logtest.Keys{}
	return c
}

func writeGolden(t *testing.T, path string, kind domain.Kind) []byte {
	data, err := goldenCodec(t).encode(t.Context(), testProposal(example(kind.Type, "").Interface()))
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.MarshalIndent(golden{testID, kind.Name, data.Metadata, data.Data}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file = append(file, '\n')
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func compact(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
