package node

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Limits of what is copied out of Pebble at once. No iterator is open while a page is being sent, so a slow reader
// costs one page of memory and nothing else.
const (
	pageRecords    = 512
	pageBytes      = 64 << 10 // gRPC takes as much before it blocks: one page is sent while the next is read
	pageConsidered = 4_096
	arenaBytes     = 16 << 10 // of a page with several records, to begin with
)

// page is a run of records and where the next one begins.
type page struct {
	records    []record // a record without body is a mark: all up to its position has been considered
	bytes      int
	room       int // bytes; a page holds at least one record, however large
	arena      []byte
	nextInLog  uint64 // $all: where to go on; backwards all below it
	nextInside int64  // stream: the revision to go on with
	done       bool   // nothing more is in the view
}

// full tells whether a page holds as many events as were asked for, or all that one page may.
func (p *page) full(most int) bool {
	return len(p.records) >= min(most, pageRecords) || p.bytes >= p.room
}

// copy takes a stored record over from Pebble and verifies it. It is part of the page once kept.
func (p *page) copy(position uint64, stored []byte) (record, error) {
	if cap(p.arena)-len(p.arena) < len(stored) {
		p.arena = make([]byte, 0, max(len(stored), p.grow()))
	}
	end := len(p.arena) + len(stored)
	own := p.arena[len(p.arena):end:end]
	copy(own, stored)
	return parseStored(position, own)
}

// grow is how much memory to take next, in bytes: for the first record no more than it needs, since what subscribers
// hear of is mostly one new event, and for the others more each time.
func (p *page) grow() int {
	if p.arena == nil {
		return 0
	}
	return max(min(2*cap(p.arena), p.room-p.bytes), arenaBytes)
}

// untilDamage gives out what was read before something unreadable; the next page then begins with the error.
func (p *page) untilDamage(err error) (page, error) {
	if err != nil && len(p.records) == 0 {
		return page{}, err
	}
	return *p, nil
}

func (p *page) keep(r record) {
	size := len(r.body) + checksumBytes
	p.arena = p.arena[:len(p.arena)+size]
	p.bytes += size
	if len(p.records) == 1 { // there are more; they will be about as large
		p.records = slices.Grow(p.records, min(p.room/size, pageRecords))
	}
	p.records = append(p.records, r)
}

// streamQuery asks for a page of one stream.
type streamQuery struct {
	stream    string
	from      int64 // first revision to look at
	backwards bool
	first     int64 // lowest readable revision
	metadata  streamMetadata
	now       time.Time
	most      int // events wanted
	room      int // bytes
}

// streamPage reads a run of one stream. Expired events are left out; since events of a stream never go back in
// time, a backward read ends at the first expired one.
func (v view) streamPage(q streamQuery) (page, error) {
	p := page{nextInside: q.from, room: q.room}
	if q.backwards && q.from < 0 {
		p.done = true
		return p, nil
	}
	return p.untilDamage(v.fillFromStream(&p, q))
}

func (v view) fillFromStream(p *page, q streamQuery) error {
	index, err := v.index(q.stream)
	if err != nil {
		return err
	}
	defer index.Close()
	log, err := v.log(0)
	if err != nil {
		return err
	}
	defer log.Close()

	step, ok := index.Next, false
	if q.backwards {
		step, ok = index.Prev, index.SeekLT(append(streamKey(nil, q.stream, q.from), 0))
	} else {
		ok = index.SeekGE(streamKey(nil, q.stream, max(q.from, q.first)))
	}
	for considered := 0; ok; ok, considered = step(), considered+1 {
		e, err := indexEntry(index)
		if err != nil {
			return err
		}
		if e.position > v.limit && q.backwards {
			continue
		}
		if e.position > v.limit || e.revision < q.first {
			break
		}
		p.nextInside = e.revision
		if considered >= pageConsidered || p.full(q.most) {
			return nil
		}
		r, err := p.fetch(log, q.stream, e)
		if err != nil {
			return err
		}
		expired := q.metadata.expired(r.created, q.now)
		if expired && q.backwards || e.revision == deleted {
			if !expired {
				p.keep(r)
			}
			break
		}
		if !expired {
			p.keep(r)
		}
		p.nextInside = e.revision + 1
		if q.backwards {
			p.nextInside = e.revision - 1
		}
	}
	if err := index.Error(); err != nil {
		return fmt.Errorf("read a stream: %w", damaged(err))
	}
	p.done = true
	return nil
}

// fetch reads the record an index entry names and makes sure it is the one meant.
func (p *page) fetch(log *pebble.Iterator, stream string, e head) (record, error) {
	key := logKey(make([]byte, 0, 9), e.position)
	if !log.SeekGE(key) || string(log.Key()) != string(key) {
		if err := log.Error(); err != nil {
			return record{}, fmt.Errorf("read position %d: %w", e.position, damaged(err))
		}
		return record{}, &CorruptError{e.position, "an index names it but it is missing"}
	}
	r, err := p.copy(e.position, log.Value())
	if err == nil && (string(r.stream) != stream || r.revision != e.revision) {
		err = &CorruptError{e.position, "the index of another event names it"}
	}
	return r, err
}

// logQuery asks for a page of $all.
type logQuery struct {
	from      uint64 // forwards the first position to look at; backwards all below it
	backwards bool
	filter    *filter // nil: all
	most      int     // events wanted
	room      int     // bytes
	marks     *marks  // nil: no marks
	hidden    bool    // show what $all hides
}

// marks counts considered events, so that a filtered subscription hears how far it has got.
type marks struct {
	interval uint64
	since    uint64
}

// logPage reads a run of $all. Positions are dense, so a record that is missing is noticed.
func (v view) logPage(q logQuery) (page, error) {
	p := page{nextInLog: q.from, room: q.room}
	if q.backwards && q.from <= 1 {
		p.done = true
		return p, nil
	}
	return p.untilDamage(v.fillFromLog(&p, q))
}

func (v view) fillFromLog(p *page, q logQuery) error {
	log, err := v.log(0)
	if err != nil {
		return err
	}
	defer log.Close()
	step, ok, expected := log.Next, false, max(q.from, 1)
	if q.backwards {
		step, ok, expected = log.Prev, log.SeekLT(logKey(nil, q.from)), min(q.from-1, v.limit)
	} else {
		ok = log.SeekGE(logKey(nil, expected))
	}
	for considered := 0; ok; ok, considered = step(), considered+1 {
		position := binary.BigEndian.Uint64(log.Key()[1:])
		if position != expected {
			return &CorruptError{expected, "it is missing"}
		}
		if considered >= pageConsidered || p.full(q.most) {
			return nil
		}
		r, err := p.copy(position, log.Value())
		if err != nil {
			return err
		}
		if q.filter == nil && (q.hidden || !hidden(r.stream)) || q.filter != nil && q.filter.matches(r) {
			p.keep(r)
		}
		if q.marks != nil {
			q.marks.consider(p, position)
		}
		p.nextInLog, expected = position, position-1
		if !q.backwards {
			p.nextInLog, expected = position+1, position+1
		}
	}
	if err := log.Error(); err != nil {
		return fmt.Errorf("read the log: %w", damaged(err))
	}
	if q.backwards && expected > 0 || !q.backwards && expected <= v.limit {
		return &CorruptError{expected, "it is missing"}
	}
	p.done = true
	return nil
}

func (m *marks) consider(p *page, position uint64) {
	if m.since++; m.since >= m.interval {
		m.since = 0
		p.records = append(p.records, record{position: position})
	}
}

// readable finds an event that a link names; nil when it is missing, truncated, expired or its stream deleted.
func (v view) readable(stream string, revision int64, now time.Time) (*record, error) {
	h, err := v.head(stream)
	if err != nil || h.revision == deleted || revision > h.revision {
		return nil, err
	}
	m, err := v.metadata(stream)
	if err != nil || m.softDeleted() || revision < m.first(h.revision) {
		return nil, err
	}
	position, found, err := v.position(stream, revision)
	if err != nil || !found {
		return nil, err
	}
	r, err := v.record(position)
	if err != nil || m.expired(r.created, now) {
		return nil, err
	}
	return &r, nil
}
