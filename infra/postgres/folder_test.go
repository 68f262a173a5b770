package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A portal killed while it starts a program leaves the lock with that program
// until it has begun to run.
func TestLockOfAKilledHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := lockFile(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lock.Truncate(0), writeAt(lock, fmt.Sprintln(ended.Process.Pid))); err != nil {
		t.Fatal(err)
	}
	begun := exec.Command("sleep", "0.3")
	begun.ExtraFiles = []*os.File{lock}
	if err := begun.Start(); err != nil {
		t.Fatal(err)
	}
	lock.Close()
	again, err := lockFile(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if err := begun.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestDeepFolderGetsAShortSocket(t *testing.T) {
	dir := filepath.Join(dataFolder(t), strings.Repeat("deep/", 20)+"postgres")
	// Every folder on the way is made by root for itself: open them to others.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for path := filepath.Dir(dir); path != "/tmp"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	server, db := mustStart(t, dir)
	write(t, db)
	if filepath.Dir(server.socket) != "/tmp" {
		t.Errorf("the socket is in %s, want a short folder", server.socket)
	}
	db.Close()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(server.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of the socket is still there: %v", err)
	}
}

func TestMissingBinariesAreNamed(t *testing.T) {
	dir := dataFolder(t)
	t.Setenv("PGBIN", t.TempDir())
	_, err := Start(context.Background(), dir)
	want := "sudo apt-get install -y postgresql"
	if runtime.GOOS == "darwin" {
		want = "brew install postgresql@15"
	}
	if err == nil || !strings.Contains(err.Error(), "type: "+want) || !strings.Contains(err.Error(), "PGBIN=") {
		t.Errorf("Start says %v, want it to say: %s", err, want)
	}
}

func TestDataOfAnotherVersionIsRefused(t *testing.T) {
	dir := dataFolder(t)
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(context.Background(), dir)
	if err == nil || !strings.Contains(err.Error(), "the data was written by version 9, but found were") {
		t.Errorf("Start says %v", err)
	}
}

func TestClosedFoldersAboveAreNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("about root: an ordinary user runs the server itself, nobody else has to enter")
	}
	dir := dataFolder(t)
	closed := filepath.Dir(dir) // 0700 and root's, but not directly above what follows
	if err := os.Mkdir(filepath.Join(closed, "portal"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(context.Background(), filepath.Join(closed, "portal", "postgres"))
	if err == nil || !strings.Contains(err.Error(), "type: chmod o+x "+closed+" ") {
		t.Errorf("Start says %v, want it to name %s", err, closed)
	}
	if info, err := os.Stat(closed); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("a folder further up was touched: %v %v", info.Mode(), err)
	}
}
