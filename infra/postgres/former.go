package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// pollPause is the time between two looks at a file that the server writes.
	pollPause = 10 * time.Millisecond
	// emptyLimit is how long postmaster.pid may be empty: a server that creates
	// it fills it at once, unless the machine crashed in between.
	emptyLimit = 5 * time.Second
)

// postmaster is what a running server writes about itself into postmaster.pid.
// Source: PostgreSQL, src/include/utils/pidfile.h.
type postmaster struct {
	pid          int // 0: not written yet
	socketFolder string
	ready        bool // accepts connections
}

// readPostmaster reads the file in a data folder; exists is false when there is
// none, so no server, or none yet.
func readPostmaster(data string) (server postmaster, exists bool, err error) {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return postmaster{}, false, nil
	}
	if err != nil {
		return postmaster{}, false, fmt.Errorf("read process id of server: %w", err)
	}
	lines := strings.Split(string(content), "\n")
	if server.pid, err = strconv.Atoi(strings.TrimSpace(lines[0])); err != nil || server.pid <= 0 {
		return postmaster{}, true, nil
	}
	if len(lines) > 4 {
		server.socketFolder = lines[4]
	}
	server.ready = len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready"
	return server, true, nil
}

// settleFormer waits until the server of a former run has left the folder. It
// was told to stop when its portal died; it is told again in case that its
// supervisor died too. The caller holds the folder's lock, so no other portal
// needs that server.
func (f *folder) settleFormer(ctx context.Context) error {
	for began := time.Now(); ; {
		former, exists, err := readPostmaster(f.data())
		if err != nil || !exists {
			return err
		}
		if former.pid == 0 && time.Since(began) < emptyLimit {
			if err := pause(ctx, pollPause); err != nil {
				return fmt.Errorf("wait for the server of a former run: %w", err)
			}
			continue
		}
		running := false
		if former.pid != 0 {
			if running, err = serves(ctx, former.pid, f.data()); err != nil {
				return err
			}
		}
		if !running {
			// A crash left the file. Its process id may meanwhile belong to another
			// process of the same user, at which Postgres would refuse to start.
			if err := os.Remove(filepath.Join(f.data(), "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove stale process id: %w", err)
			}
			f.removeSocket(former.socketFolder)
			return nil
		}
		if err := syscall.Kill(former.pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop server of a former run (process %d): %w", former.pid, err)
		}
		if err := pause(ctx, 10*pollPause); err != nil {
			return fmt.Errorf("wait for the server of a former run (process %d) to stop: %w", former.pid, err)
		}
	}
}

// serves says whether a process is the server of a data folder. A server works
// inside its data folder, which Linux shows; elsewhere the command line tells.
func serves(ctx context.Context, pid int, data string) (bool, error) {
	if runtime.GOOS == "linux" {
		want, err := os.Stat(data)
		if err != nil {
			return false, fmt.Errorf("look at data: %w", err)
		}
		// An error means that the process is gone or is another user's.
		workplace, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
		return err == nil && os.SameFile(want, workplace), nil
	}
	out, err := exec.CommandContext(ctx, "ps", "-p", strconv.Itoa(pid), "-o", "command=").Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // ps exits with 1 when there is no such process
		return false, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return strings.Contains(string(out), " -D "+data+" "), nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
