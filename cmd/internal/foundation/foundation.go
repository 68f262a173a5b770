// Package foundation is what every program stands on: the event log, Postgres and the vault of one data folder, whether
// a running portal has them open already or not.
package foundation

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/node"
	"netrom.pl/portal/infra/postgres"
	"netrom.pl/portal/infra/vault"
)

// Options say where the log and the read models are. Empty URLs mean: embedded in the data folder.
type Options struct {
	Dir           string
	EventStoreURL string // esdb://...
	DatabaseURL   string // postgres://...
	LogOnly       bool   // neither Postgres nor vault are needed; personal fields stay sealed
	Existing      bool   // the folder must be there already
	Logger        *slog.Logger
}

// FromEnvironment takes the URLs from EVENTSTORE_URL and DATABASE_URL.
func FromEnvironment(dir string, logger *slog.Logger) Options {
	return Options{Dir: dir, EventStoreURL: os.Getenv("EVENTSTORE_URL"), DatabaseURL: os.Getenv("DATABASE_URL"), Logger: logger}
}

// Foundation is the opened data folder.
type Foundation struct {
	Dir     string
	Log     *eventstore.Store
	DB      *sqlx.DB // nil with LogOnly
	Vault   *vault.Vault
	Owner   bool // this process holds the folder; otherwise it is a guest of the running portal
	where   places
	logger  *slog.Logger  // nil: slog.Default
	wait    time.Duration // guestPatience
	ended   <-chan struct{}
	closers []func() error
}

// places are where a running portal can be reached; kept in the data folder while it runs.
type places struct {
	PID      int    `json:"pid"`
	URL      string `json:"url"` // of the portal's pages
	Log      string `json:"log"`
	Database string `json:"database"`
}

const (
	lockFile     = "lock"
	placesFile   = "running.json"
	reachLimit   = 10 * time.Second // for the event log to answer
	lockSilence  = time.Second      // after which people are told what is waited for
	lockPatience = 15 * time.Second // for a program that has the folder open for a moment, or a portal that is just starting
)

// Open opens the folder, or joins the portal that has it open. Whoever opens it holds it alone until Close.
func Open(ctx context.Context, o Options) (*Foundation, error) {
	f := &Foundation{Dir: o.Dir, logger: o.Logger, wait: guestPatience}
	if err := f.open(ctx, o); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Foundation) open(ctx context.Context, o Options) error {
	if err := o.checkDatabaseURL(); err != nil {
		return err
	}
	if err := o.makeDir(); err != nil {
		return err
	}
	where, err := f.settle(ctx, o)
	if err != nil {
		return err
	}
	f.where = where
	var keys eventstore.Keys
	if !o.LogOnly {
		if f.DB, err = postgres.Open(ctx, where.Database); err != nil {
			return err
		}
		f.onClose(f.DB.Close)
		if f.Vault, err = vault.Open(ctx, f.DB, vault.Options{Now: time.Now, Rand: rand.Reader}); err != nil {
			return fmt.Errorf("open vault: %w", err)
		}
		keys = f.Vault
	}
	f.Log, err = eventstore.Open(eventstore.Options{URL: where.Log, Keys: keys, Rand: rand.Reader, Logger: o.Logger})
	if err != nil {
		return fmt.Errorf("open event log: %w", err)
	}
	f.onClose(f.Log.Close)
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	return f.Log.Ping(ctx)
}

// checkDatabaseURL refuses what is no URL before its text can reach a driver's error message: it may contain a password.
func (o Options) checkDatabaseURL() error {
	address, err := url.Parse(o.DatabaseURL)
	if o.DatabaseURL == "" || err == nil && (address.Scheme == "postgres" || address.Scheme == "postgresql") {
		return nil
	}
	return errDatabaseURL
}

var errDatabaseURL = errors.New("DATABASE_URL must have the form postgres://user:password@host/database; unset it to use the PostgreSQL of the data folder")

// makeDir makes the data folder, unless it must be there already.
func (o Options) makeDir() error {
	info, err := os.Stat(o.Dir)
	switch {
	case o.Existing && errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no data folder %s; name the portal's with -data", o.Dir)
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is a file and no data folder; name a folder with -data", o.Dir)
	case err == nil:
		return nil
	}
	// Others may pass through (the database server runs as another user), but what lies inside is closed to them.
	if err := os.MkdirAll(o.Dir, 0o711); err != nil {
		return fmt.Errorf("make data folder: %w; choose another folder with -data", err)
	}
	return nil
}

// settle becomes the owner of the folder and starts what is embedded, or finds where the owner can be reached.
func (f *Foundation) settle(ctx context.Context, o Options) (places, error) {
	var told bool
	for began := time.Now(); ; {
		lock, err := takeLock(filepath.Join(o.Dir, lockFile))
		if err != nil {
			return places{}, err
		}
		if lock != nil {
			f.Owner = true
			f.onClose(lock.Close)
			return f.start(ctx, o)
		}
		if where, ok := readPlaces(o.Dir); ok {
			return where, nil
		}
		waited := time.Since(began)
		if waited > lockSilence && !told {
			o.Logger.Warn("another program has the data folder open: waiting for it to end", "folder", o.Dir, "at_most", lockPatience)
			told = true
		}
		if waited > lockPatience {
			return places{}, fmt.Errorf("data folder %s is in use by another program; wait until it has ended, or choose another folder with -data", o.Dir)
		}
		select {
		case <-ctx.Done():
			return places{}, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// takeLock answers nil when another process holds the lock.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w; run this as the user to whom the folder belongs, or choose another folder with -data", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, file.Close()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock data folder: %w", err), file.Close())
	}
	return file, nil
}

func (f *Foundation) start(ctx context.Context, o Options) (places, error) {
	if err := os.Remove(filepath.Join(o.Dir, placesFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return places{}, fmt.Errorf("clear traces of the last run: %w", err)
	}
	where := places{PID: os.Getpid(), Log: o.EventStoreURL, Database: o.DatabaseURL}
	if where.Log == "" {
		log, err := node.Start(ctx, node.Options{Dir: filepath.Join(o.Dir, "log"), Listen: "unix:" + socketPath(o.Dir)})
		if err != nil {
			return where, fmt.Errorf("start event log: %w", err)
		}
		f.onClose(log.Stop)
		where.Log = log.Addr()
	}
	if where.Database == "" && !o.LogOnly {
		server, err := postgres.Start(ctx, filepath.Join(o.Dir, "postgres"))
		if err != nil {
			return where, err
		}
		f.onClose(server.Stop)
		f.ended = server.Done()
		where.Database = server.URL()
	}
	return where, nil
}

// socketPath is where the embedded log listens: in the data folder, unless that makes the path too long for a socket.
func socketPath(dir string) string {
	const pathMax = 100 // bytes; sockets end at 104 or 108
	absolute, err := filepath.Abs(filepath.Join(dir, "log.sock"))
	if err != nil || len(absolute) > pathMax {
		return filepath.Join(os.TempDir(), fmt.Sprintf("portal-%d-log.sock", os.Getpid()))
	}
	return absolute
}

// Invite lets other programs join for as long as this one has the folder open. Only a program that stays should invite;
// pages is the URL under which people reach it.
func (f *Foundation) Invite(pages string) error {
	f.where.URL = pages
	raw, err := json.Marshal(f.where)
	if err != nil {
		return fmt.Errorf("write down where the portal can be reached: %w", err)
	}
	path := filepath.Join(f.Dir, placesFile)
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return fmt.Errorf("write down where the portal can be reached: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write down where the portal can be reached: %w", err)
	}
	f.onClose(func() error { return os.Remove(path) })
	return nil
}

func readPlaces(dir string) (places, bool) {
	var where places
	raw, err := os.ReadFile(filepath.Join(dir, placesFile))
	if err != nil || json.Unmarshal(raw, &where) != nil {
		return where, false
	}
	return where, syscall.Kill(where.PID, 0) == nil // else a killed run left it behind
}

// DatabaseEnded is closed when the PostgreSQL of the data folder has ended; nil when another one is used.
func (f *Foundation) DatabaseEnded() <-chan struct{} { return f.ended }

func (f *Foundation) onClose(closer func() error) { f.closers = append(f.closers, closer) }

// Close gives everything back in reverse order. Closing twice is harmless.
func (f *Foundation) Close() error {
	var errs []error
	for len(f.closers) > 0 {
		last := len(f.closers) - 1
		errs = append(errs, f.closers[last]())
		f.closers = f.closers[:last]
	}
	return errors.Join(errs...)
}

// PortalURL is where the pages of the running portal are; empty when none runs.
func (f *Foundation) PortalURL() string { return f.where.URL }

// DatabaseURL is where the portal's Postgres is; it may contain a password.
func (f *Foundation) DatabaseURL() string { return f.where.Database }
