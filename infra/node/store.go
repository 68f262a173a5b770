package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatVersion names the layout of keys.go and record.go. A folder of another version is refused.
const formatVersion = "netrom.pl/portal/infra/node 1"

// bloomBitsPerKey lets look-ups of unknown event ids answer without reading a block, 99 times in 100, in all levels but
// the last: its filters would be larger than the block cache.
const bloomBitsPerKey = 10

// tableBlockBytes is how much of a table is read, verified and unpacked at once: some fifty events. Reading a log from
// its beginning takes half the processor time that it takes with Pebble's default of 4 KiB.
const tableBlockBytes = 32 << 10

// usualMemtables is how many write buffers are in memory most of the time: one that is filled and one that is flushed.
const usualMemtables = 2

// errStopping is what a call gets that comes, or is still waiting, when the node stops.
var errStopping = errors.New("the node is stopping")

// storeOptions is what a store needs to know.
type storeOptions struct {
	dir           string
	fs            vfs.FS
	cacheBytes    int64
	memtableBytes uint64
	readOnly      bool // for looking at a log that must not change
	now           func() time.Time
	log           *slog.Logger
	// fatal is told once that the log can no longer be written. It should end the process. If it returns, the
	// store stays as it is: nothing more is acknowledged, and Pebble does not go on.
	fatal func(error)
}

// store is the log on disk. It is safe for concurrent use.
//
// Appends are ordered by mu: check, give positions, hand the batch to Pebble. Waiting for the disk happens outside
// it, so one sync serves all who came meanwhile. Pebble shows a batch to readers before it is synced; therefore
// everybody reads through a view that ends at the watermark.
type store struct {
	db       *pebble.DB
	lock     *pebble.Lock
	readOnly bool
	now      func() time.Time
	log      *slog.Logger
	durable  watermark

	sending   atomic.Int64 // bytes of pages on their way to readers
	receiving budget       // bytes of appends that are not complete
	unsettled budget       // calls that wait for the disk

	failure  sync.Once
	fatal    func(error)
	stopping chan struct{} // closed when waiting makes no sense any more
	stopOnce sync.Once

	life   sync.RWMutex // held for reading while Pebble is in use
	closed bool

	mu      sync.Mutex
	applied uint64 // last position handed to Pebble
	created int64  // ticks of the last append; never goes back, even if the clock does
	cache   streamCache
}

// openStore opens or creates a log. Two stores never share a folder.
func openStore(o storeOptions) (*store, error) {
	s := &store{readOnly: o.readOnly, now: o.now, log: o.log, fatal: o.fatal, stopping: make(chan struct{}), cache: newStreamCache()}
	lock, err := pebble.LockDirectory(o.dir, o.fs)
	if err != nil {
		return nil, fmt.Errorf("lock the log in %q: %w; stop the node that uses this folder, or choose another folder", o.dir, err)
	}
	s.lock = lock
	if err := s.verifyPledges(o); err != nil {
		return nil, errors.Join(failToOpen(o.dir, err), lock.Close())
	}
	disk := &watchedDisk{FS: o.fs, fail: s.fail}
	options := o.pebbleOptions()
	options.FS, options.Lock, options.Logger = disk, lock, pebbleLogger{s}
	options.EventListener = &pebble.EventListener{DataCorruption: s.corrupt, BackgroundError: s.background}
	s.db, err = openPebble(o.dir, options)
	options.Cache.Unref()
	if err != nil {
		return nil, errors.Join(failToOpen(o.dir, err), lock.Close())
	}
	disk.opened.Store(true)
	if err := s.resume(); err != nil {
		return nil, errors.Join(failToOpen(o.dir, err), s.close())
	}
	if !s.readOnly {
		go s.pledgeWhenQuiet()
	}
	return s, nil
}

func (o storeOptions) pebbleOptions() *pebble.Options {
	options := &pebble.Options{
		FS: o.fs,
		// Pebble takes the memory of its write buffers away from the block cache.
		Cache:              pebble.NewCache(o.cacheBytes + usualMemtables*int64(o.memtableBytes)),
		MemTableSize:       o.memtableBytes,
		FormatMajorVersion: pebble.FormatNewest,
		ReadOnly:           o.readOnly,
		WALMinSyncInterval: letOthersWrite,
	}
	options.Levels[0].BlockSize = tableBlockBytes
	options.Levels[0].FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
	return options
}

// letOthersWrite is asked after each sync how long the next one should wait: not at all, but whoever is about to write
// may do so first. Under load one sync then serves twice as many appends.
func letOthersWrite() time.Duration {
	runtime.Gosched()
	return 0
}

// openPebble opens the files. Pebble panics when a folder cannot be synced; here that is an error like any other.
func openPebble(dir string, options *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return pebble.Open(dir, options)
}

// resume finds out where the log ends. Everything it finds is durable: Pebble flushes what it replays while opening.
func (s *store) resume() error {
	if err := s.checkFormat(); err != nil {
		return err
	}
	v := view{s.db, math.MaxUint64}
	last, err := v.last()
	if err != nil || last == 0 {
		return err
	}
	r, err := v.record(last)
	if err != nil {
		return err
	}
	s.applied, s.created = last, r.created
	s.durable.advance(last)
	return nil
}

// checkFormat refuses a folder that another program or another version wrote, and signs a new one.
func (s *store) checkFormat() error {
	key := []byte{prefixFormat}
	found, closer, err := s.db.Get(key)
	if err == nil {
		defer closer.Close()
		if string(found) != formatVersion {
			return fmt.Errorf("its format is %q, this program reads %q; use the program that wrote it", found, formatVersion)
		}
		return nil
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("read its format: %w", err)
	}
	if s.readOnly {
		return errors.New("it holds no log; name the folder a node was started with")
	}
	if err := s.db.Set(key, []byte(formatVersion), pebble.Sync); err != nil {
		return fmt.Errorf("write its format: %w", err)
	}
	return nil
}

// enter keeps Pebble open until leave; errStopping once the store is closed.
func (s *store) enter() error {
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return errStopping
	}
	return nil
}

func (s *store) leave() { s.life.RUnlock() }

// stop makes everybody who waits for the log give up. It is safe to call twice.
func (s *store) stop() { s.stopOnce.Do(func() { close(s.stopping) }) }

// close waits for appends and pages in progress and closes the files. The second call does nothing.
func (s *store) close() error {
	s.stop()
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var flushErr error
	if !s.readOnly {
		// Tables have checksums throughout, and the pledge tells if one is missing at the next start.
		flushErr = errors.Join(s.db.Flush(), s.db.LogData(pledge{durable: s.durable.load()}.encode(), pebble.Sync))
	}
	if err := errors.Join(flushErr, s.db.Close(), s.lock.Close()); err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	return nil
}

// fail is called when a write or sync of the log went wrong. What is on disk is then unknown, a repeated sync could
// lie, and only a new start finds out: so the process has to end.
func (s *store) fail(err error) {
	s.failure.Do(func() {
		s.stop()
		s.fatal(failToWrite(err))
	})
}

// view shows the durable part of the log.
func (s *store) view() view { return view{s.db, s.durable.load()} }

// settle returns once everything an answer was computed from is on disk. Every answer of append and remove must be
// settled exactly once, whether or not anybody is still waiting for it.
func (s *store) settle(ctx context.Context, a answer) error {
	defer s.leave()
	if a.batch == nil {
		return s.durable.wait(ctx, s.stopping, a.through)
	}
	if err := a.batch.SyncWait(); err != nil {
		s.fail(err)
		return errStopping
	}
	s.durable.advance(a.through)
	if err := a.batch.Close(); err != nil {
		s.log.Warn("release a batch", "error", err)
	}
	return nil
}

// corrupt tells the operator which file is damaged. Whoever needed what was in it gets an error; what can still be
// read is still served.
func (s *store) corrupt(i pebble.DataCorruptionInfo) {
	s.log.Error("a file of the log is corrupt; stop the node and restore the log from a backup", "file", i.Path, "error", i.Details.Error())
}

// pebbleLogger passes on what Pebble complains about and turns its fatal errors into a stop.
type pebbleLogger struct{ s *store }

func (pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.s.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf never returns, since Pebble relies on that to keep an unsynced batch unacknowledged.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.s.fail(fmt.Errorf(format, args...))
	select {}
}
