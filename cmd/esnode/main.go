// Command esnode runs the embedded event store alone, for programs in other processes and for tests, and checks a log.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"google.golang.org/grpc/credentials"

	"netrom.pl/portal/infra/node"
)

const usage = `esnode is an event store in one process that speaks EventStoreDB's protocol.

  esnode -data DIR [-listen HOST:PORT]     serve the log in DIR; the first line of output is the address to dial
  esnode -mem [-listen HOST:PORT]          serve a log in memory that ends with the program
  esnode check -data DIR                   read a whole log that nobody is using and verify it
  esnode backup -from HOST:PORT -data DIR  copy the log of a running node into DIR, or bring an older copy up to date;
                                           to restore, serve DIR

`

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// maxUsersBytes bounds the file of names and passwords.
const maxUsersBytes = 1 << 20

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: it returns the exit code when the context is done or the work is.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	command := serve
	if len(args) > 0 {
		switch args[0] {
		case "check":
			command, args = check, args[1:]
		case "backup":
			command, args = backup, args[1:]
		}
	}
	err := command(ctx, args, stdout, stderr)
	var wrong *usageError
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "esnode: %v\nRun esnode -help to see what it understands.\n", err)
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "esnode: %v\n", err)
		return exitError
	}
	return exitOK
}

// usageError says that the program was called in a way it does not understand.
type usageError struct{ reason string }

func (e *usageError) Error() string { return e.reason }

// settings are the flags of serve.
type settings struct {
	listen, advertise, data string
	mem, insecure           bool
	tlsCert, tlsKey, users  string
	cacheMiB, memtableMiB   int64
}

func parse(args []string, stdout io.Writer, flags *flag.FlagSet) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return err
	}
	if err != nil {
		return &usageError{err.Error()}
	}
	if flags.NArg() > 0 {
		return &usageError{fmt.Sprintf("%q is more than it was asked for", flags.Arg(0))}
	}
	return nil
}

// serve runs a node until the context is done or the node fails.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("esnode", flag.ContinueOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:2113", "`address` to listen on: host:port (port 0: any free one) or unix:/path")
	flags.StringVar(&s.advertise, "advertise", "", "`host:port` that clients are told to dial, if it is another one")
	flags.StringVar(&s.data, "data", "", "`folder` of the log, made if it is missing")
	flags.BoolVar(&s.mem, "mem", false, "keep the log in memory")
	flags.BoolVar(&s.insecure, "insecure", false, "allow plain text without passwords on an address that is not of this machine alone")
	flags.StringVar(&s.tlsCert, "tls-cert", "", "`file` with the certificate of a secure node (PEM)")
	flags.StringVar(&s.tlsKey, "tls-key", "", "`file` with the key of that certificate (PEM)")
	flags.StringVar(&s.users, "users", "", "`file` with a name:password on each line, for a secure node; nobody else may be able to read it. Without it: admin:changeit and ops:changeit")
	flags.Int64Var(&s.cacheMiB, "cache", node.DefaultCacheBytes>>20, "size of the block cache in `MiB`")
	flags.Int64Var(&s.memtableMiB, "memtable", node.DefaultMemtableBytes>>20, "size of one write buffer in `MiB`")
	if err := parse(args, stdout, flags); err != nil {
		return err
	}
	options, err := s.options(stderr)
	if err != nil {
		return err
	}
	n, err := node.Start(ctx, options)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, n.Addr()); err != nil {
		return errors.Join(fmt.Errorf("print the address: %w", err), n.Stop())
	}
	select {
	case <-ctx.Done():
	case <-n.Done():
	}
	return errors.Join(n.Stop(), n.Err())
}

// options turns the flags into a node's options and refuses what would be unsafe or unclear.
func (s settings) options(stderr io.Writer) (node.Options, error) {
	o := node.Options{
		Dir: s.data, Listen: s.listen, Advertise: s.advertise,
		CacheBytes: s.cacheMiB << 20, MemtableBytes: s.memtableMiB << 20,
		Log: slog.New(slog.NewTextHandler(stderr, nil)),
	}
	switch {
	case s.mem == (s.data != ""):
		return o, &usageError{"say either -data with the folder of the log, or -mem for a log in memory"}
	case (s.tlsCert == "") != (s.tlsKey == ""):
		return o, &usageError{"a secure node needs both -tls-cert and -tls-key"}
	case s.tlsCert == "" && s.users != "":
		return o, &usageError{"-users is for a secure node; give -tls-cert and -tls-key as well"}
	case s.tlsCert == "" && !s.insecure && !local(s.listen):
		return o, &usageError{fmt.Sprintf("%s can be reached from other machines; give -tls-cert, -tls-key and -users, or say -insecure if everybody there may read and write the log", s.listen)}
	case s.tlsCert == "":
		return o, nil
	}
	if s.users != "" {
		var err error
		if o.Users, err = readUsers(s.users); err != nil {
			return o, err
		}
	}
	certificate, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
	if err != nil {
		return o, fmt.Errorf("load the certificate %s: %w", s.tlsCert, err)
	}
	o.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return o, nil
}

// local tells whether only programs on this machine can reach an address.
func local(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // the node will say what is wrong with it
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// readUsers reads name:password lines; empty lines and lines that begin with # are skipped.
func readUsers(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the users: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the users: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("read the users: others may read %s too; run chmod 600 on it", path)
	}
	users := make(map[string]string)
	lines := bufio.NewScanner(io.LimitReader(f, maxUsersBytes))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, password, found := strings.Cut(line, ":")
		if !found || name == "" || password == "" {
			return nil, fmt.Errorf("read the users: line %d of %s is not name:password", number, path)
		}
		users[name] = password
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the users: %w", err)
	}
	if len(users) == 0 {
		return nil, fmt.Errorf("read the users: %s names nobody; write at least one name:password line", path)
	}
	return users, nil
}

// check verifies a log and says how much it holds.
func check(_ context.Context, args []string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("esnode check", flag.ContinueOnError)
	data := flags.String("data", "", "`folder` of the log")
	if err := parse(args, stdout, flags); err != nil {
		return err
	}
	if *data == "" {
		return &usageError{"say which folder to check with -data"}
	}
	report, err := node.Check(*data)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%d events in %d streams up to position %d: all intact\n", report.Events, report.Streams, report.LastPosition)
	return err
}

// backup copies the log of a running node.
func backup(ctx context.Context, args []string, stdout, _ io.Writer) error {
	var o node.BackupOptions
	var authorities, users string
	flags := flag.NewFlagSet("esnode backup", flag.ContinueOnError)
	flags.StringVar(&o.Address, "from", "", "`address` of the node")
	flags.StringVar(&o.Dir, "data", "", "`folder` of the copy")
	flags.StringVar(&authorities, "tls-ca", "", "`file` with the certificates to trust (PEM), for a secure node")
	flags.StringVar(&users, "users", "", "`file` with one name:password, for a secure node")
	if err := parse(args, stdout, flags); err != nil {
		return err
	}
	if o.Address == "" || o.Dir == "" || (authorities == "") != (users == "") {
		return &usageError{"say with -from and -data which node to copy into which folder; a secure node needs -tls-ca and -users"}
	}
	if authorities != "" {
		var err error
		if o.TLS, err = credentials.NewClientTLSFromFile(authorities, ""); err != nil {
			return fmt.Errorf("load the certificates %s: %w", authorities, err)
		}
		known, err := readUsers(users)
		if err != nil {
			return err
		}
		for o.User, o.Password = range known {
			break
		}
	}
	report, err := node.Backup(ctx, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%d events in %d streams up to position %d: copied and intact\n", report.Events, report.Streams, report.LastPosition)
	return err
}
