package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// A pledge is how damage to the end of the write-ahead log is told from a torn end. After a power cut the newest log
// may end in half a record, so Pebble takes whatever it cannot read there for the end, goes on from the record before,
// and deletes the file: a flipped bit would silently take all acknowledged events behind it along. The offsets that
// Pebble itself notes in the log do not prevent that: they are looked for only in later blocks of 32 KiB than the damaged
// one, and do not count the bytes of blocks that were filled in one go. The list of tables is read as leniently.
//
// Therefore every batch carries, for the write-ahead log alone, the position that was durable before it, and a batch
// without events does once appends have paused, and when the store closes. A start first looks for pledges, behind
// damage too, and refuses a log of which less can be read than was pledged.
// What no later pledge covers is not protected: the appends of the last quietBeforePledge before a crash.
// Source: Pebble v2.1.7, open.go, replayWAL; record/record.go, readAheadForCorruption; record/log_writer.go, flushLoop;
// version_set.go, load.
type pledge struct {
	durable uint64 // everything up to here was on disk
	first   uint64 // position of the first event of the batch; 0: it has none
}

const (
	pledgeBytes = 16
	// pledgedBatchBytes is how long a batch is that has nothing but a pledge: header, kind, length, pledge.
	pledgedBatchBytes = batchrepr.HeaderLen + 2 + pledgeBytes
	// quietBeforePledge is how long nothing must become durable before a pledge of its own is worth a sync.
	quietBeforePledge = 100 * time.Millisecond
)

func (p pledge) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, pledgeBytes), p.durable), p.first)
}

// parsePledge reads the pledge at the beginning of a batch; false if it carries none, or not all of it is there.
// It does not use Pebble's reader of batches, which reads behind the end of half a batch.
// Source: Pebble v2.1.7, batch.go, Batch; batchrepr/reader.go, DecodeStr.
func parsePledge(batch []byte) (pledge, bool) {
	if len(batch) < pledgedBatchBytes || batch[batchrepr.HeaderLen] != byte(pebble.InternalKeyKindLogData) || batch[batchrepr.HeaderLen+1] != pledgeBytes {
		return pledge{}, false
	}
	data := batch[batchrepr.HeaderLen+2 : pledgedBatchBytes]
	return pledge{binary.BigEndian.Uint64(data), binary.BigEndian.Uint64(data[8:])}, true
}

// add makes p the sum of two pledges: all that was durable, from the first event that is only in the write-ahead log.
func (p *pledge) add(q pledge) {
	p.durable = max(p.durable, q.durable)
	if q.first > 0 && (p.first == 0 || q.first < p.first) {
		p.first = q.first
	}
}

// verify makes sure that a view shows what was pledged: the last position, and none missing before it.
func (p pledge) verify(v view) error {
	last, err := v.last()
	if err != nil {
		return err
	}
	if last < p.durable {
		return fmt.Errorf("events up to position %d were acknowledged, but only those up to %d can be read: "+
			"the write-ahead log or the list of tables is damaged; nothing was changed; restore the log from a backup", p.durable, last)
	}
	if p.first == 0 || p.first > last {
		return nil
	}
	log, err := v.log(p.first)
	if err != nil {
		return err
	}
	defer log.Close()
	if err = p.verifyDense(log.First, log.Next, log, p.first, 1); errors.As(err, new(*DamageError)) {
		// A damaged table keeps nobody from reading beside the damage; who reads there is told. What the write-ahead
		// log has added is behind it.
		err = p.verifyDense(log.Last, log.Prev, log, last, ^uint64(0))
	}
	if errors.As(err, new(*DamageError)) {
		return nil
	}
	return err
}

// verifyDense makes sure that no position is missing on the way of an iterator.
func (p pledge) verifyDense(begin, next func() bool, log *pebble.Iterator, expected, step uint64) error {
	for ok := begin(); ok; ok = next() {
		if position := binary.BigEndian.Uint64(log.Key()[1:]); position != expected {
			return &CorruptError{expected, "it is missing: the write-ahead log is damaged"}
		}
		expected += step
	}
	if err := log.Error(); err != nil {
		return fmt.Errorf("read the log at position %d: %w", expected, damaged(err))
	}
	return nil
}

// verifyPledges refuses, before anything is changed, a log of which less can be read than was pledged.
func (s *store) verifyPledges(o storeOptions) error {
	p, err := readPledges(o.dir, o.fs)
	if err != nil || p == (pledge{}) {
		return err
	}
	options := o.pebbleOptions()
	options.ReadOnly, options.Lock, options.Logger = true, s.lock, pebbleLogger{s}
	options.EventListener = &pebble.EventListener{DataCorruption: s.corrupt}
	db, err := openPebble(o.dir, options)
	options.Cache.Unref()
	if err != nil {
		return err
	}
	return errors.Join(p.verify(view{db, math.MaxUint64}), db.Close())
}

// pledgeWhenQuiet covers the last appends before a pause, until the store stops.
func (s *store) pledgeWhenQuiet() {
	for pledged := s.durable.load(); ; {
		if s.durable.wait(context.Background(), s.stopping, pledged+1) != nil {
			return
		}
		pledged = s.durable.load()
		select {
		case <-s.stopping:
			return
		case <-time.After(quietBeforePledge):
		}
		if s.durable.load() > pledged {
			continue // the batches that came meanwhile carry it
		}
		if err := s.pledge(); err != nil {
			return
		}
	}
}

// pledge writes what is durable into the write-ahead log.
func (s *store) pledge() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := s.db.LogData(pledge{durable: s.durable.load()}.encode(), pebble.Sync); err != nil {
		s.fail(err)
		return errStopping
	}
	return nil
}

// readPledges collects the pledges of all write-ahead logs of a folder, those behind damage included.
func readPledges(dir string, fs vfs.FS) (all pledge, err error) {
	logs, err := wal.Scan(wal.Dir{FS: fs, Dirname: dir})
	if err != nil {
		return pledge{}, fmt.Errorf("list the write-ahead logs in %q: %w", dir, err)
	}
	for _, log := range logs {
		for i := range log.NumSegments() {
			fs, path := log.SegmentLocation(i)
			if err := scanPledges(fs, path, uint32(log.Num), &all); err != nil {
				return pledge{}, err
			}
		}
	}
	return all, nil
}

// scanPledges adds up the pledges of one file.
func scanPledges(fs vfs.FS, path string, number uint32, all *pledge) (err error) {
	f, err := fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return fmt.Errorf("open the write-ahead log: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s := pledgeScanner{number: number, all: all}
	block := make([]byte, walBlockBytes)
	for {
		n, err := io.ReadFull(f, block)
		s.scan(block[:n])
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return fmt.Errorf("read the write-ahead log: %w", err)
		}
	}
}

// Layout of a write-ahead log: blocks, in them chunks that never cross a block, each with a header of checksum (4),
// length (2), kind (1), file number (4) and, from walSyncFull on, an offset (8).
// Source: Pebble v2.1.7, record/record.go.
const (
	walBlockBytes      = 32 << 10
	walHeaderBytes     = 11
	walSyncHeaderBytes = 19
	walFull            = 5
	walFirst           = 6
	walSyncFull        = 9
	walSyncFirst       = 10
	walSyncLast        = 12
	walCrcDelta        = 0xa282ead8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// pledgeScanner reads the blocks of a write-ahead log one after the other.
type pledgeScanner struct {
	number uint32
	all    *pledge
	begun  []byte // the beginning of a record that goes on in the next block; nil: none does
}

// scan finds the chunks of a block. Where there is none it tries the next byte, so that damage ends where it ends.
func (s *pledgeScanner) scan(block []byte) {
	begun := s.begun
	s.begun = nil
	for at := 0; at+walHeaderBytes <= len(block); {
		kind, payload, size := walChunk(block[at:], s.number)
		switch {
		case size == 0:
			at++
			continue
		case kind == walFull || kind == walFirst || kind == walSyncFull || kind == walSyncFirst:
			s.begin(payload, kind == walFirst || kind == walSyncFirst)
		case at == 0 && begun != nil:
			s.begin(append(begun, payload...), false)
		}
		at += size
	}
}

// begin takes the beginning of a record. One that is too short to hold a pledge may go on in the next block.
func (s *pledgeScanner) begin(record []byte, more bool) {
	if p, found := parsePledge(record); found {
		s.all.add(p)
	} else if more && len(record) < pledgedBatchBytes {
		s.begun = append([]byte{}, record...)
	}
}

// walChunk reads the chunk at the beginning of b; its size is 0 if there is none of this file.
func walChunk(b []byte, number uint32) (kind byte, payload []byte, size int) {
	kind = b[6]
	if kind < walFull || kind > walSyncLast || binary.LittleEndian.Uint32(b[7:]) != number {
		return 0, nil, 0
	}
	header := walHeaderBytes
	if kind >= walSyncFull {
		header = walSyncHeaderBytes
	}
	size = header + int(binary.LittleEndian.Uint16(b[4:]))
	if size > len(b) {
		return 0, nil, 0
	}
	sum := crc32.Checksum(b[6:size], castagnoli)
	if binary.LittleEndian.Uint32(b) != (sum>>15|sum<<17)+walCrcDelta {
		return 0, nil, 0
	}
	return kind, b[header:size], size
}
