package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	// socketPathLimitBytes is what macOS allows; Linux allows 107.
	socketPathLimitBytes = 103
	socketName           = ".s.PGSQL.5432"
	socketFolderPrefix   = "portal-postgres-socket-"
)

// folder is the place of one embedded server, held by one process at a time:
//
//	lock        held while a portal uses the folder; contains its process id
//	data        the server's data folder, complete or absent
//	initdb-*    a data folder in the making, or what is left of one
//	run         the folder of the Unix socket, unless its path is too long
//	server.log  what the server has to say
type folder struct {
	path  string              // absolute, without symbolic links
	owner *syscall.Credential // who runs the server; nil: this process's own user
	lock  *os.File
}

// openFolder creates the folder if need be, locks it, and makes sure that the
// user who will run the server can work in it.
func openFolder(ctx context.Context, path string) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find folder %s: %w", path, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("find folder: %w", err)
	}
	f := &folder{path: path}
	if f.lock, err = lockFile(ctx, filepath.Join(path, "lock")); err != nil {
		return nil, err
	}
	if err := f.hand(ctx); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// close lets the next process use the folder.
func (f *folder) close() { f.lock.Close() }

func (f *folder) data() string { return filepath.Join(f.path, "data") }

// lockFile takes the lock that the kernel releases when this process ends,
// however it ends. The file itself stays.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w (the folder must belong to the user who runs the portal)", err)
	}
	if err := takeLock(ctx, file); err != nil {
		file.Close()
		return nil, err
	}
	if err := errors.Join(file.Truncate(0), writeAt(file, fmt.Sprintf("%d\n", os.Getpid()))); err != nil {
		file.Close()
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return file, nil
}

// takeLock fails at once if the holder is alive. The lock of a killed holder may
// be held for a moment more by a process that it was just about to start.
func takeLock(ctx context.Context, file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", file.Name(), err)
		}
		text := make([]byte, 20)
		n, _ := file.ReadAt(text, 0) // the end of the file is no error here
		holder := string(bytes.TrimSpace(text[:n]))
		pid, err := strconv.Atoi(holder)
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return fmt.Errorf("folder %s is in use by process %s: stop that one first, or choose another folder", filepath.Dir(file.Name()), holder)
		}
		if err := pause(ctx, pollPause); err != nil {
			return fmt.Errorf("wait for what process %s has left to end: %w", holder, err)
		}
	}
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

// hand gives the folder to the user who will run the server. Postgres refuses
// to run as root, so root hands it to the user that Debian creates for it, or
// to nobody. A folder that already belongs to an ordinary user keeps its owner.
func (f *folder) hand(ctx context.Context) error {
	if os.Geteuid() != 0 {
		if err := os.Chmod(f.path, 0o700); err != nil {
			return fmt.Errorf("make folder private: %w (the folder must belong to the user who runs the portal)", err)
		}
		return nil
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("look at folder: %w", err)
	}
	owned := info.Sys().(*syscall.Stat_t)
	f.owner = &syscall.Credential{Uid: owned.Uid, Gid: owned.Gid}
	if owned.Uid == 0 {
		if f.owner, err = serverUser(); err != nil {
			return err
		}
		if err := f.give(f.path); err != nil {
			return err
		}
	}
	if err := os.Chmod(f.path, 0o700); err != nil {
		return fmt.Errorf("make folder private: %w", err)
	}
	return f.openWay(ctx)
}

// give makes a file or folder belong to the user who runs the server. Links are
// not followed, here and where root writes: that user could have put them there.
func (f *folder) give(path string) error {
	if f.owner == nil {
		return nil
	}
	if err := os.Lchown(path, int(f.owner.Uid), int(f.owner.Gid)); err != nil {
		return fmt.Errorf("give %s to user %d: %w", path, f.owner.Uid, err)
	}
	return nil
}

// serverUser is the ordinary user under whom root runs the server.
func serverUser() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("look up user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("postgres does not run as root, and there is neither a user postgres nor a user nobody: run the portal as an ordinary user")
}

// openWay makes sure that the server's user can reach the folder. Only the folder
// directly above is opened for passing through (a fresh temporary folder is
// closed to others), and only when it is ours; anything higher is not touched.
func (f *folder) openWay(ctx context.Context) error {
	if f.canEnter(ctx, f.path) {
		return nil
	}
	parent := filepath.Dir(f.path)
	info, err := os.Stat(parent)
	if err != nil {
		return fmt.Errorf("look at folder: %w", err)
	}
	if int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid() {
		if err := os.Chmod(parent, info.Mode()|0o001); err != nil {
			return fmt.Errorf("open %s for passing through: %w", parent, err)
		}
		if f.canEnter(ctx, f.path) {
			return nil
		}
	}
	closed := f.path
	for path := f.path; path != "/"; path = filepath.Dir(path) {
		if !f.canEnter(ctx, path) {
			closed = path
		}
	}
	return fmt.Errorf("user %d, who runs postgres because the portal runs as root, cannot enter %s: type: chmod o+x %s (or choose another folder)",
		f.owner.Uid, closed, closed)
}

// canEnter tries it as the user who runs the server, which counts in access
// lists, read-only mounts and everything else.
func (f *folder) canEnter(ctx context.Context, path string) bool {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `cd -- "$1"`, "sh", path)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: f.owner}
	return cmd.Run() == nil
}

// major is the version that wrote the data; 0 when there is no data yet.
func (f *folder) major() (int, error) {
	content, err := os.ReadFile(filepath.Join(f.data(), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read version of data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("read version of data in %s: %w", f.data(), err)
	}
	return major, nil
}

// socketFolder creates the private folder of the server's socket. Whoever can
// enter it is trusted by the server, so only its user (and root) can. The path
// of a socket is short by law of the kernel: a deep folder gets a temporary one.
func (f *folder) socketFolder() (string, error) {
	path := filepath.Join(f.path, "run")
	if len(filepath.Join(path, socketName)) > socketPathLimitBytes {
		short, err := os.MkdirTemp("/tmp", socketFolderPrefix)
		if err != nil {
			return "", fmt.Errorf("create folder of socket: %w", err)
		}
		return short, f.give(short)
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("create folder of socket: %w", err)
	}
	return path, f.give(path)
}

// removeSocket removes what a killed server left of its socket. Nothing else: the
// path comes from a file that the server's user can write.
func (f *folder) removeSocket(path string) {
	temporary := filepath.Dir(path) == "/tmp" && strings.HasPrefix(filepath.Base(path), socketFolderPrefix)
	if path != filepath.Join(f.path, "run") && !temporary {
		return
	}
	for _, name := range []string{socketName, socketName + ".lock", ""} {
		os.Remove(filepath.Join(path, name)) // what is not there need not go
	}
}
