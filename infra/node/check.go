package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// CheckReport is what Check found in an intact log.
type CheckReport struct {
	Events       uint64
	Streams      uint64
	LastPosition uint64
}

// Check reads a whole log that no node is using and verifies every record and index: checksums, positions without a
// gap, revisions without a gap in every stream, times that never go back, and that each index entry names its event
// and each event is named. The error names the first bad place.
func Check(dir string) (CheckReport, error) {
	if _, err := os.Stat(dir + "/" + lockFile); err != nil {
		return CheckReport{}, fmt.Errorf("check the log in %q: the folder holds no log; name the folder a node was started with", dir)
	}
	return checkFolder(dir, vfs.Default)
}

func checkFolder(dir string, fs vfs.FS) (CheckReport, error) {
	s, err := openStore(storeOptions{dir: dir, fs: fs, cacheBytes: DefaultCacheBytes,
		memtableBytes: DefaultMemtableBytes, readOnly: true, log: slog.New(slog.DiscardHandler), fatal: die})
	if err != nil {
		return CheckReport{}, err
	}
	report, err := s.check()
	if err = errors.Join(err, s.close()); err != nil {
		return report, fmt.Errorf("check the log in %q: %w", dir, err)
	}
	return report, nil
}

// check verifies the log. Every event must be in the index of its stream, every index entry must name an event that
// says the same, and the counts must agree: then the two are equal.
func (s *store) check() (CheckReport, error) {
	c := checker{view: s.latest()}
	for _, step := range []func() error{c.checkLog, c.checkStreams, c.checkIDs} {
		if err := step(); err != nil {
			return c.report, err
		}
	}
	return c.report, nil
}

type checker struct {
	view   view
	report CheckReport
}

// checkLog reads all records in order of position.
func (c *checker) checkLog() error {
	created := int64(math.MinInt64)
	return c.each(prefixLog, func(key, value []byte) error {
		if len(key) != 9 {
			return fmt.Errorf("key %x of the log has %d bytes, want 9", key, len(key))
		}
		position := binary.BigEndian.Uint64(key[1:])
		if expected := c.report.LastPosition + 1; position != expected {
			return &CorruptError{expected, fmt.Sprintf("it is missing, the next record is at position %d", position)}
		}
		r, err := parseStored(position, value)
		if err != nil {
			return err
		}
		if r.created < created {
			return &CorruptError{position, "it is older than the record before it"}
		}
		created, c.report.LastPosition = r.created, position
		c.report.Events++
		_, found, err := c.view.revisionOf(string(r.stream), r.id)
		if err != nil {
			return fmt.Errorf("position %d: %w", position, err)
		}
		if !found {
			return &CorruptError{position, fmt.Sprintf("its event id %s is not indexed", r.id)}
		}
		return nil
	})
}

// checkStreams reads the index of all streams, and each record it names.
func (c *checker) checkStreams() error {
	var current string
	var last head
	entries := uint64(0)
	err := c.each(prefixStream, func(key, value []byte) error {
		stream, revision, err := parseStreamKey(key)
		if err != nil {
			return err
		}
		if len(value) != 8 {
			return fmt.Errorf("index entry of revision %d of stream %q has %d bytes, want 8", revision, stream, len(value))
		}
		e := head{revision, binary.BigEndian.Uint64(value)}
		if entries == 0 || stream != current {
			current, last = stream, head{revision: noStream}
			c.report.Streams++
		}
		if e.revision != last.revision+1 && e.revision != deleted {
			return fmt.Errorf("stream %q: revision %d is missing, the next one is %d", stream, last.revision+1, e.revision)
		}
		if e.position <= last.position {
			return fmt.Errorf("stream %q: revision %d is at position %d, the one before at %d", stream, e.revision, e.position, last.position)
		}
		last = e
		entries++
		return c.checkNamed(stream, e)
	})
	if err == nil && entries != c.report.Events {
		err = fmt.Errorf("the log holds %d events, the stream index names %d", c.report.Events, entries)
	}
	return err
}

// checkNamed makes sure that the record an index entry names is that event.
func (c *checker) checkNamed(stream string, e head) error {
	r, err := c.view.record(e.position)
	if err != nil {
		return err
	}
	if string(r.stream) != stream || r.revision != e.revision {
		return &CorruptError{e.position, fmt.Sprintf("it is revision %d of stream %q, the index says revision %d of stream %q",
			r.revision, r.stream, e.revision, stream)}
	}
	return nil
}

// checkIDs reads the index of event ids, and each record it names.
func (c *checker) checkIDs() error {
	return c.each(prefixEventID, func(key, value []byte) error {
		stream, id, err := parseEventIDKey(key)
		if err != nil {
			return err
		}
		if len(value) != 8 {
			return fmt.Errorf("index entry of event id %s of stream %q has %d bytes, want 8", id, stream, len(value))
		}
		revision := int64(binary.BigEndian.Uint64(value))
		position, found, err := c.view.position(stream, revision)
		if err != nil || !found {
			return errors.Join(err, fmt.Errorf("event id %s of stream %q names revision %d, which is missing", id, stream, revision))
		}
		r, err := c.view.record(position)
		if err == nil && r.id != id {
			err = &CorruptError{position, fmt.Sprintf("its event id is %s, the index says %s", r.id, id)}
		}
		return err
	})
}

// each visits all keys of one kind in order.
func (c *checker) each(prefix byte, visit func(key, value []byte) error) (err error) {
	it, err := c.view.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return fmt.Errorf("read the keys that begin with %c: %w", prefix, err)
	}
	var last []byte
	for ok := it.First(); ok; ok = it.Next() {
		if err := visit(it.Key(), it.Value()); err != nil {
			return errors.Join(err, it.Close())
		}
		last = append(last[:0], it.Key()...)
	}
	if err := it.Close(); err != nil { // it repeats what ended the loop
		return fmt.Errorf("read on after %s: %w", placeOf(last), damaged(err))
	}
	return nil
}

// placeOf names a key in the words of an operator.
func placeOf(key []byte) string {
	if len(key) == 9 && key[0] == prefixLog {
		return fmt.Sprintf("position %d", binary.BigEndian.Uint64(key[1:]))
	}
	if stream, revision, err := parseStreamKey(key); err == nil && key[0] == prefixStream {
		return fmt.Sprintf("revision %d of stream %q in the index", revision, stream)
	}
	if stream, id, err := parseEventIDKey(key); err == nil {
		return fmt.Sprintf("event id %s of stream %q in the index", id, stream)
	}
	return "the beginning"
}
