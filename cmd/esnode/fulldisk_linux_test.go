package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The long variant: go test ./cmd/esnode -run TestFullDisk -fills 50 -v
var fills = flag.Int("fills", 1, "how many disks TestFullDisk fills")

const (
	inNamespace  = "ESNODE_TEST_NAMESPACE" // set in the process that may mount disks
	ballastBytes = 6 << 20                 // what the operator finds to delete
	fillTimeout  = time.Minute
	eventBytes   = 2_000
)

// TestFullDisk lets a node fill a disk until it stops, with a sentence that says so. After some space is freed the
// node starts again without any other help; what was acknowledged is there, and appends go on.
func TestFullDisk(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		runInNamespace(t)
		return
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		mayNotMount(t, err)
	}
	acked := 0
	for fill := range *fills {
		acked += fillDisk(t, fill)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d disks filled, %d events acknowledged, 0 lost, 0 doubled, 0 repairs by hand", *fills, acked)
}

// runInNamespace runs this test again in a process that may mount a disk of limited size, seen by nobody else.
func runInNamespace(t *testing.T) {
	t.Helper()
	again := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v", fmt.Sprintf("-fills=%d", *fills), "-test.timeout=12h")
	again.Env = append(os.Environ(), inNamespace+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	said, err := again.CombinedOutput()
	t.Logf("%s", said)
	switch {
	case again.ProcessState == nil:
		mayNotMount(t, err)
	case err != nil:
		t.Fatalf("the process with the small disk: %v", err)
	case strings.Contains(string(said), "--- SKIP"):
		t.Skip("see above")
	}
}

// mayNotMount ends a test that needs a small disk of its own where the system does not allow one. What a node does when a
// write fails is tested without a disk, too, in infra/node.
func mayNotMount(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.ENOSPC) { // ENOSPC: no namespaces allowed
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Skipf("NOT TESTED: this test mounts a small disk and may not (%v); run it as root, or allow user namespaces "+
		"(sysctl kernel.unprivileged_userns_clone=1), or start the container with --cap-add SYS_ADMIN", err)
}

// fillDisk fills one disk, frees some space, goes on, and returns how many events were acknowledged.
func fillDisk(t *testing.T, fill int) (acked int) {
	disk := t.TempDir()
	size := fmt.Sprintf("size=%dk", 14_000+rand.IntN(14_000))
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, size); err != nil {
		mayNotMount(t, err)
	}
	defer syscall.Unmount(disk, syscall.MNT_DETACH)
	ballast, dir := filepath.Join(disk, "ballast"), filepath.Join(disk, "log")
	if err := os.WriteFile(ballast, make([]byte, ballastBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	writers := make([]*writer, 8)
	for i := range writers {
		writers[i] = &writer{stream: fmt.Sprintf("writer-%d", i), size: rand.IntN(2 * eventBytes)}
	}
	memtable := fmt.Sprint(1 + fill%4)
	p := launch(t, "-data", dir, "-listen", "127.0.0.1:0", "-memtable", memtable)
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() { w.write(t, p) })
	}
	endsBecauseFull(t, p, fill)
	wg.Wait()
	checkLog(t, dir)
	for range 2 { // impatient restarts, before anything is freed: they may fail in the same words, and must not harm
		p, err := tryLaunch(t, "-data", dir, "-listen", "127.0.0.1:0", "-memtable", memtable)
		if err == nil {
			p.end(t)
		} else if !strings.Contains(p.stderr.String(), "the disk is full") {
			t.Errorf("disk %d: started on a full disk it said %s", fill, p.stderr)
		}
		checkLog(t, dir)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	p = launch(t, "-data", dir, "-listen", "127.0.0.1:0", "-memtable", memtable)
	c := p.client(t)
	defer c.Close()
	for _, w := range writers {
		if !w.writeOnce(t, c) {
			t.Errorf("disk %d: %s cannot go on; the node said %s", fill, w.stream, p.stderr)
		}
		w.compare(t, c)
		acked += len(w.acked)
	}
	p.end(t)
	checkLog(t, dir)
	return acked
}

// endsBecauseFull waits until the node ends, and demands that it says why.
func endsBecauseFull(t *testing.T, p *program, fill int) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- p.command.Wait() }()
	select {
	case <-ended:
	case <-time.After(fillTimeout):
		t.Fatalf("disk %d: the node still runs after %v and says %s", fill, fillTimeout, p.stderr)
	}
	if code := p.command.ProcessState.ExitCode(); code != exitError || !strings.Contains(p.stderr.String(), "the disk is full") {
		t.Errorf("disk %d: the node ended with %d and said %s", fill, code, p.stderr)
	}
}
