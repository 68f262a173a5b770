package node_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// make planted
var plant = flag.Bool("planted", false, "let TestPlantedBugs plant its bugs; without, it only looks whether they fit the code")

// plantedBudget is how long a test may take to notice a bug.
const plantedBudget = 90 * time.Second

// plantedBug is a mistake somebody could make, and the test that must notice it. In the file, old becomes new.
type plantedBug struct {
	name     string
	file     string
	old, new string
	test     string
	in       string // folder of the test's package; empty: this one
}

var plantedBugs = []plantedBug{
	{"acknowledged before the sync", "store.go",
		"if err := a.batch.SyncWait(); err != nil {",
		"go a.batch.SyncWait()\n\ts.durable.advance(a.through)\n\treturn nil\n\tif err := a.batch.SyncWait(); err != nil {",
		"TestPowerCut", ""},
	{"shown before the sync", "store.go",
		"func (s *store) view() view { return view{s.db, s.durable.load()} }",
		"func (s *store) view() view { s.mu.Lock(); defer s.mu.Unlock(); return view{s.db, s.applied} }",
		"TestPowerCutDuringASync", ""},
	{"a repeated append is answered before the first is on disk", "store.go",
		"return s.durable.wait(ctx, s.stopping, a.through)", "return nil",
		"TestNothingUnsyncedIsShown", ""},
	{"errors of syncs are ignored", "disk.go",
		"\t\td.fail(err)\n\t}\n\treturn err\n", "\t\treturn nil\n\t}\n\treturn err\n",
		"TestFailedWriteIsNeverAcknowledged", ""},
	{"errors of writes are ignored", "disk.go",
		"return n, f.disk.check(err)", "_, _ = n, err\n\treturn len(p), nil",
		"TestFailedWriteIsNeverAcknowledged", ""},
	{"an append is written in two halves", "append.go",
		"if a.position, err = d.add(stream, a.revision, e); err != nil {",
		"if i == 1 {\n\t\t\t\td.commit(&a)\n\t\t\t\ta.batch.SyncWait()\n\t\t\t\td.batch, d.changes = s.db.NewBatch(), nil\n\t\t\t}\n\t\t\t" +
			"if a.position, err = d.add(stream, a.revision, e); err != nil {",
		"TestPowerCut", ""},
	{"positions are given before it is the writer's turn", "append.go",
		"s.mu.Lock()\n\tdefer s.mu.Unlock()\n\th, err := s.history(stream)",
		"position := s.applied\n\ts.mu.Lock()\n\tdefer s.mu.Unlock()\n\ts.applied = position\n\th, err := s.history(stream)",
		"TestPositionsAreDense", ""},
	{"another writer comes between check and write", "append.go",
		"\tcase write:\n", "\tcase write:\n\t\ts.mu.Unlock()\n\t\tturn := make(chan struct{})\n\t\tgo close(turn)\n\t\t<-turn\n\t\ts.mu.Lock()\n",
		"TestLinearizable", ""},
	{"the last revision of a stream is not remembered", "append.go",
		"s.cache.learn(c)", "_ = c",
		"TestAgainstPlainMap", ""},
	{"event ids are not indexed", "append.go",
		"d.key = eventIDKey(d.key[:0], stream, e.id)", "return d.position, nil",
		"TestAgainstPlainMap", ""},
	{"the node's time goes back with the clock", "append.go",
		"max(s.created, ticks(s.now()))", "ticks(s.now())",
		"TestClockGoesBack", ""},
	{"a subscriber misses what comes while it catches up", "subscribe.go",
		"live = true\n\t\t\tif err := s.sendEndOfHistory(&next, v)",
		"live, next.from = true, s.store.durable.load()+1\n\t\t\tif err := s.sendEndOfHistory(&next, v)",
		"TestPositionsAreDense", ""},
	{"checksums of records are not compared", "record.go",
		"binary.BigEndian.Uint32(stored); got != want {", "binary.BigEndian.Uint32(stored); false && got != want {",
		"TestCorruptRecordIsNotServed", ""},
	{"damage passes for the end of the log", "pledge.go",
		"p.verify(view{db, math.MaxUint64})", "pledge{}.verify(view{db, math.MaxUint64})",
		"TestFlippedBitsAfterCrash", ""},
	{"a goroutine is left behind", "store.go",
		"go s.pledgeWhenQuiet()", "go s.pledgeWhenQuiet()\n\t\tgo func() { select {} }()",
		"TestHealth", ""},
	{"tables that do not fit are tried again for ever", "store.go",
		"BackgroundError: s.background", "BackgroundError: func(error) {}",
		"TestFullDisk", "../../cmd/esnode"},
}

// TestPlantedBugs tests the tests. With -planted it builds the package with one bug after the other, without touching
// the sources, and demands that the named test fails. Without, it demands that each bug still fits the code.
func TestPlantedBugs(t *testing.T) {
	for _, bug := range plantedBugs {
		t.Run(bug.name, func(t *testing.T) {
			source, err := os.ReadFile(bug.file)
			if err != nil {
				t.Fatal(err)
			}
			if found := bytes.Count(source, []byte(bug.old)); found != 1 {
				t.Fatalf("its place is %d times in %s, want once; make it fit the code as it is now:\n%s", found, bug.file, bug.old)
			}
			if !*plant {
				return
			}
			began, verdict := time.Now(), "MISSED"
			if bug.plant(t, bytes.Replace(source, []byte(bug.old), []byte(bug.new), 1)) {
				verdict = "caught"
			} else {
				t.Errorf("%s did not notice it", bug.test)
			}
			fmt.Printf("| %-58s | %-34s | %s | %3.0f s |\n", bug.name, bug.test, verdict, time.Since(began).Seconds())
		})
	}
}

// plant builds the tests with the source changed, runs the bug's test, and tells whether it failed.
func (bug plantedBug) plant(t *testing.T, source []byte) (caught bool) {
	t.Helper()
	dir := t.TempDir()
	original, err := filepath.Abs(bug.file)
	if err != nil {
		t.Fatal(err)
	}
	changed, overlay, program := filepath.Join(dir, bug.file), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "planted.test")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{changed: source, overlay: replace} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", program, cmp.Or(bug.in, ".")).CombinedOutput(); err != nil {
		t.Fatalf("it does not compile: %v\n%s", err, said)
	}
	test := exec.Command(program, "-test.run=^"+bug.test+"$", "-test.v", "-test.timeout="+plantedBudget.String())
	if bug.in == "" {
		test.Args = append(test.Args, "-rapid.nofailfile")
	}
	said, err := test.CombinedOutput()
	if !strings.Contains(string(said), "=== RUN   "+bug.test) {
		t.Fatalf("there is no test %s: %s", bug.test, said)
	}
	return err != nil
}
