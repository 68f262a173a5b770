package postgres

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// roles are what the test program does when it is run as somebody's child. Each
// prints what the parent wants to know on one line and lives until it is killed
// or its standard input ends.
var roles = map[string]func() (string, error){
	"portal": func() (string, error) {
		server, err := Start(context.Background(), os.Getenv("PORTAL_TEST_FOLDER"))
		if err != nil {
			return "", err
		}
		return fmt.Sprint(server.process.pid, " ", server.URL()), nil
	},
	"test": func() (string, error) {
		address, err := freshServer()
		if err != nil {
			return "", err
		}
		return fmt.Sprint(freshStarted.process.pid, " ", address), nil
	},
}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv("PORTAL_TEST_ROLE")]
	if !ok {
		os.Exit(m.Run())
	}
	line, err := role()
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(line)
	io.Copy(io.Discard, os.Stdin)
}

// child is a running test program with a server of its own.
type child struct {
	*exec.Cmd
	server int // process id
	url    string
	stdin  io.Closer
}

// spawn runs this program again in a role, as owner (nil: as this user), and
// does not wait for its line.
func spawn(t *testing.T, role, dir string, owner *syscall.Credential) (*child, io.Reader) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if owner != nil {
		program = readable(t, program)
	}
	c := &child{Cmd: exec.Command(program)}
	c.Env = append(os.Environ(), "PORTAL_TEST_ROLE="+role, "PORTAL_TEST_FOLDER="+dir, "DATABASE_URL=")
	c.Stderr = os.Stderr
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.stdin, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c, out
}

// readable copies the test program to where every user can run it.
func readable(t *testing.T, program string) string {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "portal-postgres-program-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	copied := filepath.Join(dir, "postgres.test")
	if err := os.WriteFile(copied, content, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return copied
}

// run is spawn, and waits for the server.
func run(t *testing.T, role, dir string, owner *syscall.Credential) *child {
	t.Helper()
	c, out := spawn(t, role, dir, owner)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("read line of child: %q: %v", line, err)
	}
	if _, err := fmt.Sscan(line, &c.server, &c.url); err != nil {
		t.Fatalf("child says %q: %v", line, err)
	}
	return c
}

func (c *child) kill() {
	c.Process.Kill() // it may have ended
	c.Wait()
}

func serverDiesWithItsOwner(t *testing.T, dir string) {
	c := run(t, "portal", dir, nil)
	c.kill()
	await(t, "the server ends after its portal was killed", func() bool { return gone(c.server) })

	// And again, without waiting: the next portal must cope with a server that
	// is still stopping.
	c = run(t, "portal", dir, nil)
	db, err := Open(context.Background(), c.url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	write(t, db)
	c.kill()
	_, again := mustStart(t, dir)
	wantKept(t, again)
}

func folderInUseByAnotherProcess(t *testing.T, dir string) {
	c := run(t, "portal", dir, nil)
	server, err := Start(context.Background(), dir)
	if err == nil {
		server.Stop()
		t.Fatal("two portals on one folder")
	}
	if want := fmt.Sprintf("is in use by process %d:", c.Process.Pid); !strings.Contains(err.Error(), want) {
		t.Errorf("the error %q does not say %q", err, want)
	}
}

// A portal killed during its very first start leaves half a data folder, and a
// first server that may be anywhere between nothing and ready.
func TestFirstStartIsKilled(t *testing.T) {
	half := []struct {
		name, pattern string
	}{
		{"at the first file of initdb", "initdb-*/PG_VERSION"},
		{"when the data is complete", "data/PG_VERSION"},
		{"when the server has just begun", "data/postmaster.pid"},
	}
	for _, tt := range half {
		t.Run(tt.name, func(t *testing.T) {
			dir := dataFolder(t)
			c, _ := spawn(t, "portal", dir, nil)
			await(t, tt.pattern+" appears", func() bool {
				found, err := filepath.Glob(filepath.Join(dir, tt.pattern))
				return err == nil && len(found) > 0
			})
			c.kill()
			_, db := mustStart(t, dir)
			write(t, db)
			wantKept(t, db)
			if left, err := filepath.Glob(filepath.Join(dir, "initdb-*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestOrdinaryUserRunsItsOwnServer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("about root: every other test already runs as an ordinary user")
	}
	dir := dataFolder(t)
	owner, err := serverUser()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Dir(dir), int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	c := run(t, "portal", dir, owner)
	db, err := Open(context.Background(), c.url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	write(t, db)
	c.kill()
	await(t, "the server ends after its portal was killed", func() bool { return gone(c.server) })

	// Root can take over the folder, and leaves it to its owner.
	server, again := mustStart(t, dir)
	wantKept(t, again)
	if server.folder.owner.Uid != owner.Uid {
		t.Errorf("root runs the server as user %d, want the folder's owner %d", server.folder.owner.Uid, owner.Uid)
	}
}

func TestTestProcessesSideBySide(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a postgres server: left out by -short")
	}
	var folders []string
	ends := []func(c *child){
		(*child).kill,
		func(c *child) { c.stdin.Close(); c.Wait() }, // ends by itself, without stopping anything
	}
	var children []*child
	for range ends {
		c := run(t, "test", "", nil)
		db, err := Open(context.Background(), c.url)
		if err != nil {
			t.Fatal(err)
		}
		var data string
		err = db.Get(&data, `show data_directory`)
		db.Close()
		if err != nil {
			t.Fatal(err)
		}
		folders = append(folders, filepath.Dir(data))
		children = append(children, c)
	}
	if folders[0] == folders[1] {
		t.Errorf("two test processes share the folder %s", folders[0])
	}
	for i, end := range ends {
		end(children[i])
		await(t, "server and folder of a test process go with it", func() bool {
			_, err := os.Stat(folders[i])
			return os.IsNotExist(err) && gone(children[i].server)
		})
	}
}
