package node_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"

	"netrom.pl/portal/infra/node"
)

// A failing disk ends the process, so the process with the failing disk is a child: this test program again, told by
// these variables what to do instead of testing.
const (
	workDir  = "NODE_TEST_WORK_DIR"  // where the log of the child is
	workFail = "NODE_TEST_WORK_FAIL" // which of its changing disk operations fails, from 1
	workWAL  = "NODE_TEST_WORK_WAL"  // of a log in memory: "write" or "sync" and the first one that fails, as all do after it
)

// How a child ends.
const (
	exitDone      = 0  // all went well
	exitUntouched = 10 // all went well, and there was no operation of that number
	exitRefused   = 11 // the start or an append was refused
	exitLost      = 12 // something acknowledged is missing
)

var errDisk = errors.New("the disk says no")

// TestEveryDiskOperationFails lets the first disk operation of a workload fail, then the second, and so on until the
// workload runs through: opening, appending, filling write buffers, closing. Whatever fails, what was acknowledged is
// there when a node is started on the folder again, and what is there is intact.
func TestEveryDiskOperationFails(t *testing.T) {
	outcomes := make(map[string]int)
	root := t.TempDir()
	for n := 1; outcomes["untouched"] == 0 && !t.Failed(); n += abreast {
		results := make([]string, abreast)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() { results[i] = failOperation(t, filepath.Join(root, fmt.Sprint(n+i)), n+i) })
		}
		wg.Wait()
		for _, outcome := range results {
			outcomes[outcome]++
		}
	}
	t.Logf("operations that failed one at a time, by outcome: %v; nothing acknowledged was missing", outcomes)
	if outcomes["process ended"] == 0 || outcomes["refused"] == 0 {
		t.Errorf("outcomes are %v: the sweep did not reach both the start and the log", outcomes)
	}
}

// abreast is how many children work at a time; they mostly wait for the disk.
const abreast = 4

// failOperation lets one operation fail, compares what is left with what was acknowledged, and names the outcome.
func failOperation(t *testing.T, dir string, n int) (outcome string) {
	acked, outcome, err := runChild(dir, n)
	if err != nil {
		t.Errorf("operation %d failed: %v", n, err)
	}
	if len(acked) == 0 {
		return outcome
	}
	if _, err := node.Check(dir); err != nil {
		t.Errorf("operation %d failed: %v", n, err)
		return outcome
	}
	events, err := positions(dir)
	if err != nil {
		t.Errorf("operation %d failed: %v", n, err)
	}
	for id, position := range acked {
		if events[id] != position {
			t.Errorf("operation %d failed: event %s was acknowledged at position %d and is now at %d (0: lost)", n, id, position, events[id])
		}
	}
	return outcome
}

// positions starts a node on a folder and tells where every event is.
func positions(dir string) (map[string]uint64, error) {
	n, err := node.Start(context.Background(), node.Options{Dir: dir, MemtableBytes: 1 << 20})
	if err != nil {
		return nil, err
	}
	defer n.Stop()
	c, err := dialBare(n)
	if err != nil {
		return nil, err
	}
	answers, _, err := bareRead(c, &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}},
		CountOption:  &streams.ReadReq_Options_Count{Count: 1 << 40},
		FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:   &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
	})
	events := make(map[string]uint64)
	for _, a := range answers {
		events[a.GetEvent().GetEvent().GetId().GetString_()] = a.GetEvent().GetCommitPosition()
	}
	return events, err
}

// runChild works on a failing disk in another process and returns what that acknowledged.
func runChild(dir string, n int) (acked map[string]uint64, outcome string, err error) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), workDir+"="+dir, fmt.Sprintf("%s=%d", workFail, n))
	var said, complaint strings.Builder
	child.Stdout, child.Stderr = &said, &complaint
	if err := child.Start(); err != nil {
		return nil, "", err
	}
	child.Wait() // its exit code follows
	acked = make(map[string]uint64)
	for line := range strings.Lines(said.String()) {
		id, position, _ := strings.Cut(strings.TrimSpace(line), " ")
		if acked[id], err = strconv.ParseUint(position, 10, 64); err != nil {
			return nil, "", fmt.Errorf("the child said %q: %w", line, err)
		}
	}
	switch code := child.ProcessState.ExitCode(); code {
	case exitDone:
		return acked, "coped", nil
	case exitUntouched:
		return acked, "untouched", nil
	case exitRefused:
		return acked, "refused", nil
	default:
		if !strings.Contains(complaint.String(), errDisk.Error()) {
			err = fmt.Errorf("the process ended with code %d and without naming the cause:\n%s", code, complaint.String())
		}
		return acked, "process ended", err
	}
}

// workOnFailingDisk is the child: it prints what is acknowledged and returns its exit code.
func workOnFailingDisk(dir string, n int64) int {
	var operations atomic.Int64
	disk := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if changes(op.Kind) && operations.Add(1) == n {
			return errDisk
		}
		return nil
	}))
	e, err := node.Start(context.Background(), node.OnDisk(node.Options{Dir: dir, MemtableBytes: 1 << 20}, disk, nil))
	if err != nil {
		return exitRefused
	}
	c, err := dialBare(e)
	if err != nil || !fillBuffers(c) {
		return exitRefused
	}
	e.Stop()
	if operations.Load() < n {
		return exitUntouched
	}
	return exitDone
}

// fillBuffers appends until Pebble has written tables to the disk and goes on.
func fillBuffers(c streams.StreamsClient) bool {
	content := `"` + strings.Repeat("x", 200_000) + `"`
	for i := range 8 {
		id := uuid.NewString()
		r, _, err := bareAppend(c, expecting(fmt.Sprint("s-", i%3), "any"), message(id, "T", content))
		if err != nil || r.GetSuccess() == nil {
			return false
		}
		fmt.Println(id, r.GetSuccess().GetPosition().GetCommitPosition())
	}
	return true
}

// TestFailedWriteIsNeverAcknowledged lets writing or syncing the write-ahead log fail from a certain time on, and cuts
// the power: what was acknowledged must be there. A file system that failed a sync may forget what it was to write, so
// trying again is a lie.
func TestFailedWriteIsNeverAcknowledged(t *testing.T) {
	const places = 12
	for n := 1; n <= places; n++ {
		for _, operation := range []string{"write", "sync"} {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", workWAL, operation, n))
			said, err := child.CombinedOutput()
			if code := child.ProcessState.ExitCode(); code != exitDone {
				t.Fatalf("%s %d and all after it failed: the child ended with %d (%v) and said %s", operation, n, code, err, said)
			}
		}
	}
	t.Logf("writing failed in %d places, syncing in %d, nothing acknowledged was missing", places, places)
}

// workOnFailingWAL is the child of TestFailedWriteIsNeverAcknowledged. It prints what is wrong and returns its exit code.
func workOnFailingWAL(failing string) int {
	var operation string
	var n int64
	if _, err := fmt.Sscan(failing, &operation, &n); err != nil {
		panic(err)
	}
	var operations, started atomic.Int64
	disk := vfs.NewCrashableMem()
	failingDisk := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		fails := operation == "sync" && isSync(op.Kind) || operation == "write" && op.Kind == errorfs.OpFileWrite
		if fails && strings.HasSuffix(op.Path, ".log") && started.Load() == 1 && operations.Add(1) >= n {
			return errDisk
		}
		return nil
	}))
	ended := make(chan struct{})
	e, err := node.Start(context.Background(), node.OnDisk(node.Options{Dir: "log"}, failingDisk, func(error) {
		close(ended)
		select {} // nothing goes on after the end of a process
	}))
	if err != nil {
		return exitRefused
	}
	started.Store(1)
	c, err := dialBare(e)
	if err != nil {
		return exitRefused
	}
	s := &story{acked: make(map[string]uint64), seen: make(map[string]uint64)}
	for writer := range 4 {
		go s.writeUntil(context.Background(), c, fmt.Sprint("writer-", writer))
	}
	select {
	case <-ended:
	case <-time.After(2 * time.Second): // then the failure was not noticed, and what was acknowledged meanwhile is lost
	}
	time.Sleep(20 * time.Millisecond) // for an answer that should not come
	acked, _ := s.snapshot()
	left := disk.CrashClone(vfs.CrashCloneCfg{})
	again, err := node.Start(context.Background(), node.OnDisk(node.Options{Dir: "log"}, left, survive))
	if err != nil {
		fmt.Println("start again:", err)
		return exitLost
	}
	if end := again.Durable(); len(acked) > 0 && end < slices.Max(slices.Collect(maps.Values(acked))) {
		fmt.Printf("%d events were acknowledged, the log ends at %d\n", len(acked), end)
		return exitLost
	}
	return exitDone
}

// changes tells whether an operation writes to the disk.
func changes(k errorfs.OpKind) bool {
	switch k {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRename, errorfs.OpReuseForWrite, errorfs.OpMkdirAll,
		errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo,
		errorfs.OpFilePreallocate, errorfs.OpOpenDir:
		return true
	}
	return false
}
