package postgres

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// supervisor is the shell program between the portal and a server, so that the
// server ends with the portal however the portal ends. It holds the reading end
// of a pipe whose writing end only the portal has: end of file means that the
// portal has stopped the server or is gone, even by SIGKILL.
//
// A pipe rather than Linux's parent-death signal, because that one is bound to
// a thread and macOS has none. The interrupt (fast shutdown) is repeated, for
// it is ignored until the server has set up its handlers. A kill of the shell
// leaves the watcher, and a kill of both leaves the server to the next start.
const supervisor = `
trap '' INT TERM HUP PIPE
leftover=$1
shift
"$@" 3<&- >&2 &
server=$!
{
	read -r _ <&3
	while kill -INT "$server"; do sleep 0.1; done
} >/dev/null 2>&1 &
watcher=$!
exec 3<&-
echo "$server"
wait "$server"
status=$?
{ kill -KILL "$watcher"; wait "$watcher"; } >/dev/null 2>&1
test -z "$leftover" || rm -rf -- "$leftover"
exit "$status"
`

// process is a supervised program.
type process struct {
	pid    int           // of the program itself, not of its supervisor
	exited chan struct{} // closed once program and supervisor are gone
	err    error         // how it ended; to be read after exited
	pipe   *os.File      // closing it interrupts the program
}

// supervise starts a program as owner (nil: this user), in a session of its own
// so that Ctrl-C in the terminal reaches only the portal. Its output goes to
// log. The folder leftover, unless empty, is removed once the program has ended.
func supervise(owner *syscall.Credential, log *os.File, leftover string, program ...string) (*process, error) {
	reading, writing, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer reading.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", supervisor, "sh", leftover}, program...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"} // no PGDATA, PGPORT and the like
	cmd.Stderr = log
	cmd.ExtraFiles = []*os.File{reading}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: owner}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		writing.Close()
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		writing.Close()
		return nil, fmt.Errorf("start %s: %w", program[0], err)
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		writing.Close()
		return nil, fmt.Errorf("start %s: its supervisor ended early: %w", program[0], cmd.Wait())
	}
	p := &process{pid: pid, exited: make(chan struct{}), pipe: writing}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}
