package node_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Limits of what may be left when all tests have ended.
const (
	leakTimeout   = 10 * time.Second // for goroutines to end that were told to
	maxHeldMemory = 64 << 20         // bytes of the heap still in use
)

// TestMain runs the tests, or what a test wants done in a process of its own, and demands that the tests leave no
// goroutine, no open file, no connection and no memory behind.
func TestMain(m *testing.M) {
	if dir := os.Getenv(workDir); dir != "" {
		n, err := strconv.ParseInt(os.Getenv(workFail), 10, 64)
		if err != nil {
			panic(err)
		}
		os.Exit(workOnFailingDisk(dir, n))
	}
	if failing := os.Getenv(workWAL); failing != "" {
		os.Exit(workOnFailingWAL(failing))
	}
	if err := flag.Set("rapid.checks", "200"); err != nil { // unless the command line says otherwise
		panic(err)
	}
	goroutines := runtime.NumGoroutine()
	code := m.Run()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(code) // fuzzing has goroutines of its own
	}
	if leak := awaitEnd(goroutines); leak != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "after all tests:", leak)
		code = 1
	}
	os.Exit(code)
}

// awaitEnd waits until the process is as it was before the tests, and says what is left over.
func awaitEnd(goroutines int) string {
	deadline := time.Now().Add(leakTimeout)
	for {
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		var leak string
		switch files := openFiles(); {
		case runtime.NumGoroutine() > goroutines:
			leak = fmt.Sprintf("%d goroutines, before them %d", runtime.NumGoroutine(), goroutines)
		case len(files) > 0:
			leak = "open: " + strings.Join(files, ", ")
		case memory.HeapAlloc > maxHeldMemory:
			leak = fmt.Sprintf("%d MiB in use", memory.HeapAlloc>>20)
		default:
			return ""
		}
		if time.Now().After(deadline) {
			pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			return leak
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// openFiles lists the files of logs and the connections of this process.
func openFiles() (open []string) {
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		target, err := os.Readlink(name)
		if err == nil && (strings.HasPrefix(target, os.TempDir()) && !strings.Contains(target, "go-build") || strings.HasPrefix(target, "socket:")) {
			open = append(open, target)
		}
	}
	return open
}
