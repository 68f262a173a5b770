package node_test

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/infra/node"
)

// The long variant: go test ./infra/node -run TestFlippedBits -flips 10000
var flips = flag.Int("flips", 60, "bits that TestFlippedBits flips, one at a time")

// TestFlippedBits flips one bit of the files of a log, at a random place, and checks the log. The check must find it,
// unless it makes no difference: then every event is still there.
func TestFlippedBits(t *testing.T) {
	chance := random(t)
	dir := filepath.Join(t.TempDir(), "log")
	n := start(t, node.Options{Dir: dir, MemtableBytes: 1 << 20})
	c := dial(t, n)
	for i := range 40 {
		e := event("x")
		e.Metadata = []byte(`"` + strings.Repeat("m", 40_000) + `"`)
		appendEvents(t, c, []string{"a", "b", "c"}[i%3], esdb.Any{}, e, event("y"))
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	whole, err := node.Check(dir)
	if err != nil {
		t.Fatalf("check before any damage: %v", err)
	}
	files := contents(t, dir)
	var names []string
	for name, content := range files {
		if len(content) > 0 {
			names = append(names, name)
		}
	}
	found := 0
	for range *flips {
		name := names[chance.IntN(len(names))]
		damaged := append([]byte(nil), files[name]...)
		place := chance.IntN(len(damaged))
		damaged[place] ^= 1 << chance.IntN(8)
		copied := filepath.Join(t.TempDir(), "log")
		restore(t, copied, files, name, damaged)
		report, err := node.Check(copied)
		switch {
		case err != nil:
			found++
		case report != whole:
			t.Errorf("a bit flipped at byte %d of %s: %+v is left of %+v, and nothing was found", place, name, report, whole)
		}
		if err := os.RemoveAll(copied); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d bits flipped, %d found, the others made no difference", *flips, found)
	if found == 0 {
		t.Error("nothing was ever found")
	}
}

// contents reads the files of a folder.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func restore(t *testing.T, dir string, files map[string][]byte, damaged string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range files {
		if name == damaged {
			c = content
		}
		if err := os.WriteFile(filepath.Join(dir, name), c, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCorruptRecordIsNotServed damages a record where only its own checksum can tell, and reads it: the reader gets an
// error that names the position, and the events before it.
func TestCorruptRecordIsNotServed(t *testing.T) {
	n := start(t, node.Options{})
	c := dial(t, n)
	appendEvents(t, c, "s", esdb.NoStream{}, event("0"), event("1"))
	position := appendEvents(t, c, "s", esdb.Revision(1), event("2")).CommitPosition
	n.Damage(t, position)
	events, err := readAllOf(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}})
	if err == nil || err == io.EOF || !strings.Contains(err.Error(), "record at position") || len(events) > 2 {
		t.Errorf("read %d events and got %v", len(events), err)
	}
	all, err := c.ReadAll(context.Background(), esdb.ReadAllOptions{From: esdb.Start{}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	for err == nil {
		_, err = all.Recv()
	}
	if !strings.Contains(err.Error(), "record at position") {
		t.Errorf("reading all ended with %v", err)
	}
}
