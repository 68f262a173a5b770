package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
)

// dataFolder is a place for a server. Not t.TempDir, which is two folders deep
// and closed, so that the user postgres could not enter when root runs the test.
func dataFolder(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a postgres server: left out by -short")
	}
	dir, err := os.MkdirTemp("/tmp", "portal-postgres-server-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "postgres")
}

func mustStart(t *testing.T, dir string) (*Server, *sqlx.DB) {
	t.Helper()
	server, err := Start(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	db, err := Open(context.Background(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return server, db
}

// write gives the server something to keep, wantKept sees whether it did.
func write(t *testing.T, db *sqlx.DB) {
	t.Helper()
	db.MustExec(`drop table if exists kept`)
	db.MustExec(`create table kept as select 1 as x`)
}

func wantKept(t *testing.T, db *sqlx.DB) {
	t.Helper()
	var rows int
	if err := db.Get(&rows, `select count(*) from kept`); err != nil {
		t.Fatal(err)
	}
	if rows != 1 {
		t.Errorf("the server kept %d rows, want 1", rows)
	}
	db.MustExec(`drop table kept`)
}

func await(t *testing.T, what string, happened func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !happened() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s in vain: %s", what)
		}
		time.Sleep(pollPause)
	}
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// TestServer tells the life of one data folder, so that it is created only once.
func TestServer(t *testing.T) {
	dir := dataFolder(t)
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, dir string)
	}{
		{"stops and starts again", serverStopsAndStartsAgain},
		{"is killed", serverIsKilled},
		{"loses its supervisor", serverLosesItsSupervisor},
		{"dies with its owner", serverDiesWithItsOwner},
		{"folder in use is refused", folderInUseIsRefused},
		{"folder in use by another process", folderInUseByAnotherProcess},
		{"stale process id of a live process", staleProcessIDOfALiveProcess},
		{"empty process id", emptyProcessID},
		{"is private and durable", serverIsPrivateAndDurable},
		{"cannot start and says why", serverThatCannotStartSaysWhy}, // leaves it broken
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, dir) })
	}
}

func serverStopsAndStartsAgain(t *testing.T, dir string) {
	server, db := mustStart(t, dir)
	write(t, db)
	// An open transaction must not keep the server from stopping.
	if _, err := db.Exec(`begin; insert into kept values (2)`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	<-server.Done()
	if !gone(server.process.pid) {
		t.Error("the server's process outlives Stop")
	}

	fastest := time.Hour // of three, since the machine may be busy with other things
	for range 3 {
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		server, db = mustStart(t, dir)
		fastest = min(fastest, time.Since(began))
	}
	if fastest > 1500*time.Millisecond {
		t.Errorf("starting again took %s, want at most 1.5 s", fastest)
	}
	wantKept(t, db)
}

func serverIsPrivateAndDurable(t *testing.T, dir string) {
	server, db := mustStart(t, dir)
	for name, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on",
		"listen_addresses": "", "server_encoding": "UTF8", "lc_collate": "C", "TimeZone": "UTC",
		"shared_buffers": "16MB", "max_connections": "60",
	} {
		var got string
		if err := db.Get(&got, `select current_setting($1)`, name); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("setting %s is %q, want %q", name, got, want)
		}
	}
	for _, path := range []string{dir, server.folder.data(), server.socket} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, want 0700", path, info.Mode().Perm())
		}
	}
	var uid uint32
	if info, err := os.Stat(filepath.Join(server.folder.data(), "postmaster.pid")); err != nil {
		t.Fatal(err)
	} else if uid = info.Sys().(*syscall.Stat_t).Uid; uid == 0 {
		t.Error("the server runs as root")
	}

	// A setting that makes commits forgetful is found at the next start.
	db.MustExec(`alter database portal set synchronous_commit = off`)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if again, err := Start(context.Background(), dir); err == nil {
		again.Stop()
		t.Error("a server started that may forget what it confirmed")
	} else if !strings.Contains(err.Error(), "setting synchronous_commit of postgres is off, but must be on") {
		t.Error(err)
	}
	if matches, err := filepath.Glob(filepath.Join(dir, "data", "postmaster.pid")); err != nil || len(matches) > 0 {
		t.Errorf("the refused server still runs: %v %v", matches, err)
	}
}

func serverIsKilled(t *testing.T, dir string) {
	server, db := mustStart(t, dir)
	write(t, db)
	if err := syscall.Kill(server.process.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-server.Done()
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	_, db = mustStart(t, dir)
	wantKept(t, db)
}

// Supervisor, watcher and portal may all be killed while the server is not: it
// must be found and stopped by the next start.
func serverLosesItsSupervisor(t *testing.T, dir string) {
	server, db := mustStart(t, dir)
	write(t, db)
	group, err := syscall.Getpgid(server.process.pid)
	if err != nil {
		t.Fatal(err)
	}
	// The supervisor leads a group of its own with the watcher and the server.
	out, err := exec.Command("ps", "-A", "-o", "pid=,pgid=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var killed int
	for line := range strings.Lines(string(out)) {
		var pid, pgid int
		if _, err := fmt.Sscan(line, &pid, &pgid); err != nil {
			t.Fatal(err)
		}
		if pgid == group && pid != server.process.pid {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			killed++
		}
	}
	if killed != 2 {
		t.Fatalf("killed %d processes, want supervisor and watcher", killed)
	}
	server.folder.close() // as the death of the portal does
	_, db = mustStart(t, dir)
	wantKept(t, db)
	if running, err := serves(context.Background(), server.process.pid, server.folder.data()); err != nil || running {
		t.Errorf("the former server still runs (error: %v)", err)
	}
}

func folderInUseIsRefused(t *testing.T, dir string) {
	server, db := mustStart(t, dir)
	write(t, db)
	second, err := Start(context.Background(), dir)
	if err == nil {
		second.Stop()
		t.Fatal("two servers on one folder")
	}
	for _, want := range []string{"is in use by process", fmt.Sprint(os.Getpid()), "stop that one first"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not say %q", err, want)
		}
	}
	wantKept(t, db)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
}

// After a reboot the process id in a stale file may belong to any process, even
// to another server of the same user.
func staleProcessIDOfALiveProcess(t *testing.T, dir string) {
	server, db := mustStart(t, dir)
	write(t, db)
	if err := syscall.Kill(server.process.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-server.Done()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	other, err := start(context.Background(), dataFolder(t), true)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Stop()
	for _, path := range []string{filepath.Join(dir, "data", "postmaster.pid"), filepath.Join(dir, "run", socketName+".lock")} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content = []byte(strings.Replace(string(content), fmt.Sprint(server.process.pid), fmt.Sprint(other.process.pid), 1))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, db = mustStart(t, dir)
	wantKept(t, db)
	select {
	case <-other.Done():
		t.Error("the other server was stopped")
	default:
	}
}

func emptyProcessID(t *testing.T, dir string) {
	server, db := mustStart(t, dir)
	write(t, db)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	// As after a power cut between creating the file and writing it.
	path := filepath.Join(dir, "data", "postmaster.pid")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, db = mustStart(t, dir)
	wantKept(t, db)
}

func serverThatCannotStartSaysWhy(t *testing.T, dir string) {
	file, err := os.OpenFile(filepath.Join(dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, "no_such_setting = 1\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Start(context.Background(), dir)
	if err == nil || !strings.Contains(err.Error(), `unrecognized configuration parameter "no_such_setting"`) {
		t.Errorf("Start says %v, want what the server's log says", err)
	}
}
