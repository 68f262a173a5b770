package node_test

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"netrom.pl/portal/infra/node"
)

// The long variants: go test ./infra/node -run TestFlippedBits -flips 10000
var flips = flag.Int("flips", 60, "bits that each of the TestFlippedBits flips, one at a time")

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

// TestFlippedBitsAfterCrash flips one bit of what a power cut has left, at a random place, and starts a node on it. It
// must refuse to start, or nothing that was acknowledged may be missing: damage must not pass for the end of the log.
func TestFlippedBitsAfterCrash(t *testing.T) {
	chance := random(t)
	flipped, refused := 0, 0
	for _, size := range []int{100, 3_000, 9_000} { // many records in a block, some, and few of which many cross into the next block
		left, last := crashed(t, size)
		var places []string // a file as often as it has pages
		for name, content := range left {
			for range (len(content) + 4_095) / 4_096 {
				places = append(places, name)
			}
		}
		sort.Strings(places)
		for range *flips / 3 {
			flipped++
			name := places[chance.IntN(len(places))]
			place, bit := chance.IntN(len(left[name])), byte(1)<<chance.IntN(8)
			n, err := node.Start(context.Background(), node.OnDisk(node.Options{Dir: "log"}, damaged(t, left, name, place, bit), survive))
			if err != nil {
				refused++
				continue
			}
			if got := n.Durable(); got != last {
				t.Errorf("bit %08b of byte %d of %s flipped: the log ends at %d, up to %d was acknowledged", bit, place, name, got, last)
			}
			if err := n.Stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
	}
	t.Logf("%d bits flipped, %d starts refused, nothing missing after the others", flipped, refused)
	if refused == 0 {
		t.Error("no start was refused: nothing was tested")
	}
}

// damaged is a disk in memory with the files of a log, one of them with a flipped bit.
func damaged(t *testing.T, files map[string][]byte, name string, place int, bit byte) vfs.FS {
	t.Helper()
	disk := vfs.NewMem()
	if err := disk.MkdirAll("log", 0o700); err != nil {
		t.Fatal(err)
	}
	for file, content := range files {
		if file == name {
			content = slices.Clone(content)
			content[place] ^= bit
		}
		f, err := disk.Create(disk.PathJoin("log", file), vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

// crashed is what a power cut leaves of a log whose last appends are some time ago, and its last position.
func crashed(t *testing.T, size int) (files map[string][]byte, last uint64) {
	disk := vfs.NewCrashableMem()
	n := start(t, node.OnDisk(node.Options{Dir: "log"}, disk, survive))
	c := dial(t, n)
	e := event("x")
	for i := range 40 {
		e.EventID, e.Metadata = uuid.New(), []byte(`"`+strings.Repeat("m", size)+`"`)
		appendEvents(t, c, []string{"a", "b", "c"}[i%3], esdb.Any{}, e)
	}
	last = n.Durable()
	var left *vfs.MemFS
	for pledged := uint64(0); pledged < last; {
		left = disk.CrashClone(vfs.CrashCloneCfg{})
		var err error
		if pledged, err = node.Pledged("log", left); err != nil {
			t.Fatal(err)
		}
	}
	names, err := left.List("log")
	if err != nil {
		t.Fatal(err)
	}
	files = make(map[string][]byte)
	for _, name := range names {
		f, err := left.Open(left.PathJoin("log", name))
		if err != nil {
			t.Fatal(err)
		}
		if files[name], err = io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return files, last
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
