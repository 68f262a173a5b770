package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startLimit   = 2 * time.Minute  // includes recovery after a crash
	stopLimit    = 30 * time.Second // of the fast shutdown, then of the immediate one
	databaseName = "portal"
)

// Server is a Postgres server of the portal's own, for use on one machine
// without any other. It listens on a Unix socket in a private folder and on no
// network, and ends with the process that started it.
type Server struct {
	folder  *folder
	socket  string // folder of the socket
	process *process
	stop    sync.Once
	stopErr error
}

// Start runs a server whose data lives in dir, which is created if need be, and
// returns once it answers. A crash of the portal, of the server or of the very
// first start needs no repair: the next Start waits for a server that is still
// stopping and clears what was left. A dir in use by a live process is refused.
//
// When the portal runs as root, the server runs as the user postgres (or nobody)
// and dir is given to that user; the folder above dir is opened for passing
// through if it belongs to root.
func Start(ctx context.Context, dir string) (*Server, error) {
	return start(ctx, dir, false)
}

// start is [Start]; the folder of a temporary server is removed when it ends.
func start(ctx context.Context, dir string, temporary bool) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	f, err := openFolder(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("start postgres in %s: %w", dir, err)
	}
	s, err := f.start(ctx, temporary)
	if err != nil {
		f.close()
		return nil, fmt.Errorf("start postgres in %s: %w", dir, err)
	}
	return s, nil
}

func (f *folder) start(ctx context.Context, temporary bool) (*Server, error) {
	major, err := f.major()
	if err != nil {
		return nil, err
	}
	programs, err := findBinaries(ctx, major)
	if err != nil {
		return nil, err
	}
	log, err := f.openLog()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if major == 0 {
		if err := f.initialise(ctx, programs, log, temporary); err != nil {
			return nil, err
		}
	}
	s := &Server{folder: f}
	for {
		if err := f.settleFormer(ctx); err != nil {
			return nil, err
		}
		err = s.launch(ctx, programs, log, temporary)
		if !errors.Is(err, errFormer) {
			break
		}
		if err := pause(ctx, 10*pollPause); err != nil {
			return nil, fmt.Errorf("wait for the server of a former run to stop: %w", err)
		}
	}
	if err != nil {
		return nil, err
	}
	err = s.createDatabase(ctx)
	if err == nil && !temporary {
		err = s.check(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

// errFormer means that a former server was still in the folder.
var errFormer = errors.New("a former server still uses the data")

// meetsFormer says whether a server ended because of a former one: its portal
// may have been killed before that server had written anything we could wait for.
// Source: PostgreSQL, src/backend/utils/init/miscinit.c and port/sysv_shmem.c.
func meetsFormer(said string) bool {
	return strings.Contains(said, `lock file "postmaster.pid" already exists`) ||
		strings.Contains(said, `lock file "postmaster.pid" is empty`) ||
		strings.Contains(said, "pre-existing shared memory block")
}

// launch starts the server and waits until it accepts connections.
func (s *Server) launch(ctx context.Context, programs binaries, log *os.File, temporary bool) error {
	var err error
	if s.socket, err = s.folder.socketFolder(); err != nil {
		return err
	}
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("find end of log: %w", err)
	}
	leftover := ""
	if temporary {
		leftover = s.folder.path
	} else if filepath.Dir(s.socket) != s.folder.path {
		leftover = s.socket
	}
	command := append([]string{filepath.Join(programs.folder, "postgres"), "-D", s.folder.data()}, s.settings(temporary)...)
	if s.process, err = supervise(s.folder.owner, log, leftover, command...); err != nil {
		return err
	}
	for {
		server, exists, err := readPostmaster(s.folder.data())
		if err == nil && exists && server.pid == s.process.pid && server.ready {
			return nil
		}
		select {
		case <-s.process.exited:
			said := logTail(log, from)
			s.process.pipe.Close()
			if meetsFormer(said) {
				return errFormer
			}
			return fmt.Errorf("postgres ended at once: %w: %s", s.process.err, said)
		default:
		}
		if pauseErr := pause(ctx, pollPause); pauseErr != nil {
			return errors.Join(fmt.Errorf("wait for postgres to answer: %w: %s", pauseErr, logTail(log, from)), err, s.end())
		}
	}
}

// settings are given on the command line, where no file can overrule them. The
// server shares its machine with the portal, so it takes little memory.
func (s *Server) settings(temporary bool) []string {
	connections, fsync := "60", "on" // some portals and tools with a pool of 16 each
	if temporary {
		connections, fsync = "300", "off" // the parallel tests of a large machine; nothing to lose
	}
	var arguments []string
	for _, setting := range []string{
		"listen_addresses=",
		"port=5432", // part of the socket's name
		"unix_socket_directories=" + s.socket,
		"unix_socket_permissions=0700",
		"max_connections=" + connections,
		"shared_buffers=16MB",
		"max_wal_size=256MB", // bounds disk use and recovery time
		"fsync=" + fsync, "full_page_writes=on", "synchronous_commit=on",
		"jit=off",
		"logging_collector=off", "log_destination=stderr", "log_timezone=UTC", "timezone=UTC",
	} {
		arguments = append(arguments, "-c", setting)
	}
	return arguments
}

// durability are the settings on which every promise about stored data rests.
// A database or role can overrule some of them, so they are read back.
var durability = map[string]string{
	"data_checksums": "on", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "server_encoding": "UTF8",
}

// createDatabase creates the portal's database at the first start.
func (s *Server) createDatabase(ctx context.Context) error {
	db, err := Open(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	var exists bool
	if err := db.GetContext(ctx, &exists, `select exists (select from pg_database where datname = $1)`, databaseName); err != nil {
		return fmt.Errorf("look for database: %w", err)
	}
	if exists {
		return nil
	}
	if _, err := db.ExecContext(ctx, `create database `+databaseName); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// check makes sure that the server keeps what it confirms.
func (s *Server) check(ctx context.Context) error {
	db, err := Open(ctx, s.URL())
	if err != nil {
		return err
	}
	defer db.Close()
	for name, want := range durability {
		var got string
		if err := db.GetContext(ctx, &got, `select current_setting($1)`, name); err != nil {
			return fmt.Errorf("read setting %s: %w", name, err)
		}
		if got != want {
			return fmt.Errorf("setting %s of postgres is %s, but must be %s: remove what overrules it (alter database, alter role)", name, got, want)
		}
	}
	return nil
}

// URL is the address of the portal's database, for [Open]. It holds no secret:
// the server trusts everyone who can enter the private folder of its socket.
func (s *Server) URL() string { return s.url(databaseName) }

func (s *Server) url(database string) string {
	query := url.Values{"host": {s.socket}, "port": {"5432"}, "sslmode": {"disable"}}
	address := url.URL{Scheme: "postgres", User: url.User(databaseName), Path: "/" + database, RawQuery: query.Encode()}
	return address.String()
}

// Done is closed when the server has ended, by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.process.exited }

// Stop ends the server: open transactions are rolled back, what was confirmed
// is kept. Afterwards the folder is free. Safe to call again, and after the
// server has ended by itself.
func (s *Server) Stop() error {
	s.stop.Do(func() {
		s.stopErr = s.end()
		s.folder.close()
	})
	return s.stopErr
}

// end asks with growing force: fast shutdown, then immediate shutdown, which
// only means that the next start replays the write-ahead log, then SIGKILL.
func (s *Server) end() error {
	s.process.pipe.Close()
	var forced error
	for _, force := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		select {
		case <-s.process.exited:
			return forced
		case <-time.After(stopLimit):
			forced = fmt.Errorf("stop postgres: it did not stop within %s and was sent signal %d", stopLimit, force)
			if err := syscall.Kill(s.process.pid, force); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stop postgres (process %d): %w", s.process.pid, err)
			}
		}
	}
	<-s.process.exited
	return forced
}
