package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

// argumentsOfChild makes this test program be esnode, with these arguments, one a line.
const argumentsOfChild = "ESNODE_TEST_ARGUMENTS"

// The long variant: go test ./cmd/esnode -run TestKill -kills 500
var kills = flag.Int("kills", 5, "how often TestKill kills the node")

func TestMain(m *testing.M) {
	if arguments, child := os.LookupEnv(argumentsOfChild); child {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := run(ctx, strings.Split(arguments, "\n"), os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// program is esnode in a process of its own.
type program struct {
	command *exec.Cmd
	address string
	stderr  *bytes.Buffer
}

func launch(t *testing.T, arguments ...string) *program {
	t.Helper()
	p, err := tryLaunch(t, arguments...)
	if err != nil {
		t.Fatalf("esnode %v printed no address: %v\n%s", arguments, err, p.stderr)
	}
	return p
}

// tryLaunch starts a program that may refuse to run; then it has ended and said why.
func tryLaunch(t *testing.T, arguments ...string) (*program, error) {
	t.Helper()
	return launchAs(t, exec.Command(os.Args[0]), arguments...)
}

// launchAs starts a program by a command that runs this test program.
func launchAs(t *testing.T, command *exec.Cmd, arguments ...string) (*program, error) {
	t.Helper()
	p := &program{command: command, stderr: new(bytes.Buffer)}
	p.command.Env = append(os.Environ(), argumentsOfChild+"="+strings.Join(arguments, "\n"))
	p.command.Stderr = p.stderr
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.command.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return p, errors.Join(err, p.command.Wait())
	}
	p.address = strings.TrimSpace(line)
	return p, nil
}

func (p *program) client(t *testing.T) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString("esdb://" + p.address + "?tls=false&defaultDeadline=60000")
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = func(esdb.LogLevel, string, ...any) {}
	c, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTermEndsIt(t *testing.T) {
	p := launch(t, "-mem", "-listen", "127.0.0.1:0")
	c := p.client(t)
	defer c.Close()
	s, err := c.SubscribeToAll(context.Background(), esdb.SubscribeToAllOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Errorf("it ended with %v and said %s", err, p.stderr)
	}
}

func TestComplaints(t *testing.T) {
	used := launch(t, "-data", filepath.Join(t.TempDir(), "log"), "-listen", "127.0.0.1:0")
	folder := strings.Split(used.command.Env[len(used.command.Env)-1], "\n")[1]
	somebodys := t.TempDir()
	if err := os.WriteFile(filepath.Join(somebodys, "letter"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	nobody := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(nobody, []byte("# later\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		arguments string
		code      int
		want      string
	}{
		{"-mem -wrong", exitUsage, "flag provided but not defined: -wrong"},
		{"-mem more", exitUsage, `"more" is more than it was asked for`},
		{"", exitUsage, "say either -data with the folder of the log, or -mem"},
		{"-mem -data x", exitUsage, "say either -data"},
		{"-mem -tls-cert x", exitUsage, "needs both -tls-cert and -tls-key"},
		{"-mem -tls-cert x -tls-key y", exitError, "load the certificate x"},
		{"-mem -users x", exitUsage, "-users is for a secure node"},
		{"-mem -tls-cert x -tls-key y -users " + nobody, exitError, "names nobody"},
		{"-mem -listen 0.0.0.0:0", exitUsage, "can be reached from other machines"},
		{"-mem -listen 0.0.0.0:0 -insecure", exitError, "clients cannot dial that"},
		{"-mem -listen " + used.address, exitError, "stop whatever uses it, or choose another address"},
		{"-mem -listen nowhere", exitError, `listen on "nowhere"`},
		{"-data " + folder, exitError, "stop the node that uses this folder"},
		{"-data " + somebodys, exitError, "the folder is not empty and holds no log"},
		{"check", exitUsage, "say which folder to check with -data"},
		{"check -data " + folder, exitError, "stop the node that uses this folder"},
		{"check -data " + somebodys, exitError, "holds no log"},
		{"check -data " + filepath.Join(somebodys, "missing"), exitError, "holds no log"},
		{"backup -data x", exitUsage, "say with -from and -data"},
		{"backup -from 127.0.0.1:1 -data " + filepath.Join(t.TempDir(), "copy"), exitError, "connection refused"},
		{"backup -from " + used.address + " -data " + somebodys, exitError, "the folder is not empty and holds no log"},
	} {
		t.Run(row.arguments, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), strings.Fields(row.arguments), nil, &stdout, &stderr)
			if code != row.code || !strings.Contains(stderr.String(), row.want) {
				t.Errorf("it ended with %d and said %q, want %d and %q", code, stderr.String(), row.code, row.want)
			}
		})
	}
	var stdout bytes.Buffer
	if code := run(context.Background(), []string{"-help"}, nil, &stdout, io.Discard); code != exitOK || !strings.Contains(stdout.String(), "-data") {
		t.Errorf("-help ended with %d and printed %q", code, stdout.String())
	}
}

// TestSecureWithoutUsers starts a secure node as one does for a first look: the well-known user comes in, and the
// operator is warned.
func TestSecureWithoutUsers(t *testing.T) {
	borrowed := httptest.NewTLSServer(nil)
	defer borrowed.Close()
	key, err := x509.MarshalPKCS8PrivateKey(borrowed.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(t.TempDir(), "node.crt"), filepath.Join(t.TempDir(), "node.key")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: borrowed.Certificate().Raw}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := launch(t, "-mem", "-listen", "127.0.0.1:0", "-tls-cert", certFile, "-tls-key", keyFile)
	config, err := esdb.ParseConnectionString("esdb://admin:changeit@" + p.address + "?tlsCAFile=" + certFile)
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = func(esdb.LogLevel, string, ...any) {}
	c, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := esdb.EventData{EventID: uuid.New(), EventType: "T", ContentType: esdb.ContentTypeBinary}
	if _, err := c.AppendToStream(context.Background(), "s", esdb.AppendToStreamOptions{}, e); err != nil {
		t.Errorf("append: %v", err)
	}
	if err := errors.Join(p.command.Process.Signal(syscall.SIGTERM), p.command.Wait()); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(p.stderr.String(), "default users") {
		t.Errorf("nothing warned of the default users: %s", p.stderr)
	}
}

func TestBackupOfARunningNode(t *testing.T) {
	p := launch(t, "-mem", "-listen", "127.0.0.1:0")
	c := p.client(t)
	defer c.Close()
	w := &writer{stream: "s"}
	for range 50 {
		w.writeOnce(t, c)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"backup", "-from", p.address, "-data", copied}, nil, &stdout, &stderr); code != exitOK {
		t.Fatalf("backup ended with %d: %s", code, stderr.String())
	}
	if !strings.HasPrefix(stdout.String(), "108 events in 8 streams") {
		t.Errorf("backup said %q", stdout.String())
	}
	restored := launch(t, "-data", copied, "-listen", "127.0.0.1:0").client(t)
	defer restored.Close()
	w.compare(t, restored)
}

// TestKill kills the node with SIGKILL again and again while eight writers append. What was acknowledged must be there
// after each start; what was not must be there once or not at all, and the repeated append must find out which.
func TestKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	var writers []*writer
	for i := range 8 {
		writers = append(writers, &writer{stream: fmt.Sprintf("writer-%d", i)})
	}
	for range *kills {
		p := launch(t, "-data", dir, "-listen", "127.0.0.1:0")
		var wg sync.WaitGroup
		for _, w := range writers {
			wg.Go(func() { w.write(t, p) })
		}
		time.Sleep(time.Duration(50+rand.IntN(200)) * time.Millisecond)
		if err := p.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.command.Wait() // it was killed
		wg.Wait()
		checkLog(t, dir)
	}
	p := launch(t, "-data", dir, "-listen", "127.0.0.1:0")
	c := p.client(t)
	defer c.Close()
	total := 0
	for _, w := range writers {
		w.compare(t, c)
		total += len(w.acked)
	}
	t.Logf("%d kills, %d appends acknowledged, none lost or doubled", *kills, total)
	if total < *kills {
		t.Errorf("only %d appends in %d rounds: nothing was tested", total, *kills)
	}
}

// writer appends to a stream of its own, two events at a time, and remembers what was acknowledged.
type writer struct {
	stream  string
	size    int // bytes of metadata in each event
	acked   []uuid.UUID
	unknown []uuid.UUID // the append whose answer was never heard
}

// write appends until the node does not answer any more. Its client is its own: of several calls on one client that lose the
// server together, one may wait for ever.
func (w *writer) write(t *testing.T, p *program) {
	c := p.client(t)
	defer c.Close()
	for w.writeOnce(t, c) {
	}
}

// writeOnce appends once, repeating the append whose answer was not heard; false when there was no answer again.
func (w *writer) writeOnce(t *testing.T, c *esdb.Client) bool {
	ids := w.unknown
	if ids == nil {
		ids = []uuid.UUID{uuid.New(), uuid.New()}
	}
	w.unknown = ids
	var expected esdb.ExpectedRevision = esdb.NoStream{}
	if n := len(w.acked); n > 0 {
		expected = esdb.Revision(uint64(n - 1))
	}
	var events []esdb.EventData
	for _, id := range ids {
		events = append(events, esdb.EventData{EventID: id, EventType: "T", ContentType: esdb.ContentTypeBinary, Data: id[:], Metadata: make([]byte, w.size)})
	}
	r, err := c.AppendToStream(context.Background(), w.stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
	var e *esdb.Error
	if errors.As(err, &e) && e.Code() == esdb.ErrorCodeWrongExpectedVersion {
		t.Errorf("%s: its only writer was not first: %v", w.stream, err)
	}
	if err != nil {
		return false
	}
	w.acked, w.unknown = append(w.acked, ids...), nil
	if r.NextExpectedVersion != uint64(len(w.acked)-1) {
		t.Errorf("%s: append answered revision %d, want %d", w.stream, r.NextExpectedVersion, len(w.acked)-1)
	}
	return true
}

func (w *writer) compare(t *testing.T, c *esdb.Client) {
	r, err := c.ReadStream(context.Background(), w.stream, esdb.ReadStreamOptions{}, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := w.acked
	for i := 0; ; i++ {
		e, err := r.Recv()
		if errors.Is(err, io.EOF) {
			if i != len(want) {
				t.Errorf("%s has %d events, want %d", w.stream, i, len(want))
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if i == len(w.acked) {
			want = append(want[:len(want):len(want)], w.unknown...) // it was stored; then all of it must be
		}
		if i >= len(want) || e.Event.EventID != want[i] {
			t.Fatalf("%s: event %d is %s, which nobody wrote there", w.stream, i, e.Event.EventID)
		}
	}
}

// end stops the node as its operator does.
func (p *program) end(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.command.Wait() // on a full disk it may not end well
}

// checkLog is esnode check.
func checkLog(t *testing.T, dir string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"check", "-data", dir}, nil, &stdout, &stderr); code != exitOK {
		t.Errorf("check ended with %d: %s", code, stderr.String())
	}
}
