package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The long variant: go test ./cmd/esnode -run TestEverySystemCallFails -syscalls 100 -v -timeout 3h
var syscalls = flag.Int("syscalls", 0, "how many calls of each kind on one thread TestEverySystemCallFails lets fail; 0: it does not run")

// fileCalls are the system calls that change files, as the node makes them while it opens, appends, writes tables and closes.
var fileCalls = []string{"openat", "mkdirat", "fchmodat", "write", "pwrite64", "fsync", "fdatasync", "sync_file_range",
	"fallocate", "ftruncate", "rename", "renameat", "linkat", "unlink", "unlinkat", "close"}

// TestEverySystemCallFails lets strace fail the first call of each kind, then the second, and so on: with an input/output
// error, with a full disk, interrupted by a signal, and killed on the spot. Then the log must be intact, hold what
// was acknowledged, and a node must start on it and go on, without any help.
// A count is one of a thread, and the node's work moves between threads: two runs may hit different places.
func TestEverySystemCallFails(t *testing.T) {
	if *syscalls == 0 {
		t.Skip("it takes minutes and needs strace; to run it: go test ./cmd/esnode -run TestEverySystemCallFails -syscalls 100 -v -timeout 3h")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatalf("%v; install it: apt-get install -y strace", err)
	}
	most := countCalls(t)
	runs, ended, acked := 0, 0, 0
	for _, name := range fileCalls {
		for _, fault := range []string{"error=EIO", "error=ENOSPC", "error=EINTR", "signal=SIGKILL"} {
			for n := 1; n <= min(most[name], *syscalls); n++ {
				events, died := failCall(t, name, fmt.Sprintf("%s:when=%d", fault, n))
				runs, acked = runs+1, acked+events
				if died {
					ended++
				}
			}
		}
		t.Logf("%-15s up to %3d of a thread failed in 4 ways", name, min(most[name], *syscalls))
	}
	t.Logf("%d runs, the process ended in %d, %d events acknowledged, 0 lost, 0 repairs by hand", runs, ended, acked)
	if ended == 0 {
		t.Error("no fault ever ended the process: nothing was tested")
	}
}

// countCalls runs the workload untouched and tells how many calls of each kind the busiest thread makes.
func countCalls(t *testing.T) map[string]int {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	p, err := launchAs(t, exec.Command("strace", "-D", "-f", "-qq", "-o", trace, "-e", "trace="+strings.Join(fileCalls, ","), os.Args[0]),
		"-data", filepath.Join(t.TempDir(), "log"), "-listen", "127.0.0.1:0", "-memtable", "1")
	if err != nil {
		t.Fatalf("strace cannot run the node: %v\n%s", err, p.stderr)
	}
	work(t, p, &writer{stream: "s", size: 200_000})
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := regexp.MustCompile(`^(\d+) +([a-z0-9_]+)\(`)
	calls, most := make(map[string]int), make(map[string]int)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := line.FindStringSubmatch(lines.Text()); m != nil {
			calls[m[1]+m[2]]++
			most[m[2]] = max(most[m[2]], calls[m[1]+m[2]])
		}
	}
	if most["fdatasync"]+most["fsync"] == 0 {
		t.Fatalf("strace saw no sync: %v", most)
	}
	return most
}

// failCall runs the workload with a fault in it and then looks at what is left.
func failCall(t *testing.T, name, fault string) (acked int, died bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	w := &writer{stream: "s", size: 200_000}
	p, err := launchAs(t, exec.Command("strace", "-D", "-f", "-qq", "-o", os.DevNull, "-e", "trace="+name, "-e", "inject="+name+":"+fault, os.Args[0]),
		"-data", dir, "-listen", "127.0.0.1:0", "-memtable", "1")
	if err == nil {
		died = work(t, p, w)
	} else {
		died = true
	}
	if len(w.acked) > 0 {
		checkLog(t, dir)
	}
	again, err := tryLaunch(t, "-data", dir, "-listen", "127.0.0.1:0", "-memtable", "1")
	if err != nil {
		t.Fatalf("%s %s: the node does not start again: %s\nbefore: %s", name, fault, again.stderr, p.stderr)
	}
	c := again.client(t)
	defer c.Close()
	if !w.writeOnce(t, c) {
		t.Errorf("%s %s: the node does not go on: %s", name, fault, again.stderr)
	}
	w.compare(t, c)
	again.end(t)
	checkLog(t, dir)
	if t.Failed() {
		t.Fatalf("%s %s: before, the node said %s", name, fault, p.stderr)
	}
	return len(w.acked), died
}

// work appends enough for tables to be written, then stops the node; it tells whether the node ended by itself or badly.
func work(t *testing.T, p *program, w *writer) (died bool) {
	t.Helper()
	c := p.client(t)
	defer c.Close()
	for range 6 {
		if !w.writeOnce(t, c) {
			break
		}
	}
	p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	ended := make(chan error, 1)
	go func() { ended <- p.command.Wait() }()
	select {
	case err := <-ended:
		return err != nil
	case <-time.After(time.Minute):
		t.Fatalf("the node does not end; it said %s", p.stderr)
		return true
	}
}
