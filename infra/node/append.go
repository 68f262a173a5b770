package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// answer is the outcome of an append or a removal. It may be told to nobody before it is settled.
type answer struct {
	verdict  verdict
	revision int64         // write, repeated: of the last event; wrongVersion: the stream's last; noStream: none
	position uint64        // of the event with that revision; for an append of nothing, the end of the log
	through  uint64        // the answer holds once the log is durable up to here
	batch    *pebble.Batch // what was written; nil when nothing was
}

// append checks and stores events, all or none. The answer must be settled.
func (s *store) append(stream string, expected int64, events []proposed) (answer, error) {
	ids := make([]eventID, len(events))
	for i, e := range events {
		ids[i] = e.id
	}
	return s.change(stream, expected, ids, func(d *draft, h history) (answer, error) {
		if len(events) == 0 {
			return answer{revision: h.last, position: s.applied}, nil
		}
		var a answer
		for i, e := range events {
			a.revision = h.last + 1 + int64(i)
			var err error
			if a.position, err = d.add(stream, a.revision, e); err != nil {
				return answer{}, err
			}
		}
		return a, d.undelete(stream, h, events[len(events)-1])
	})
}

// remove ends a stream: softly, so that the next append begins it anew, or for ever. The answer must be settled.
// Source: EventStore, src/EventStore.Core/Services/Storage/StorageWriterService.cs.
func (s *store) remove(stream string, expected int64, forever bool) (answer, error) {
	e := proposed{id: eventID(uuid.New())}
	return s.change(stream, expected, []eventID{e.id}, func(d *draft, h history) (answer, error) {
		if forever {
			e.kind = typeStreamDeleted
			position, err := d.add(stream, deleted, e)
			return answer{revision: deleted, position: position}, err
		}
		if h.last == noStream && !h.hasMetadata {
			return answer{verdict: wrongVersion, revision: noStream}, nil
		}
		e.kind, e.json, e.data = typeMetadata, true, fmt.Appendf(nil, `{"$tb":%d}`, int64(deleted))
		position, err := d.addNext(metastream(stream), e)
		return answer{revision: h.last, position: position}, err
	})
}

// change runs the commit check and, if it allows, the write, as one step of the log.
func (s *store) change(stream string, expected int64, ids []eventID, apply func(*draft, history) (answer, error)) (answer, error) {
	if err := s.enter(); err != nil {
		return answer{}, err
	}
	a, err := s.changeInOrder(stream, expected, ids, apply)
	if err != nil {
		s.leave()
		return answer{}, err
	}
	return a, nil
}

func (s *store) changeInOrder(stream string, expected int64, ids []eventID, apply func(*draft, history) (answer, error)) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, err := s.history(stream)
	if err != nil {
		return answer{}, err
	}
	v, revision, err := decide(h, expected, ids)
	if err != nil {
		return answer{}, err
	}
	a := answer{verdict: v}
	switch v {
	case write:
		d, err := s.draft()
		if err != nil {
			return answer{}, err
		}
		if a, err = apply(d, h); err != nil {
			return answer{}, errors.Join(err, d.batch.Close())
		}
		if err := d.commit(&a); err != nil {
			return answer{}, err
		}
	case repeated:
		a.revision = revision
		if a.position, _, err = s.latest().position(stream, revision); err != nil {
			return answer{}, err
		}
	case wrongVersion:
		a.revision = h.last
	}
	a.through = s.applied
	return a, nil
}

// latest shows the log up to the last batch handed to Pebble, durable or not: only for deciding, under mu.
func (s *store) latest() view { return view{s.db, math.MaxUint64} }

// history collects what the commit check asks about a stream.
func (s *store) history(stream string) (history, error) {
	v := s.latest()
	h := history{
		revisionOf: func(id eventID) (int64, bool, error) { return v.revisionOf(stream, id) },
		idAt: func(revision int64) (eventID, error) {
			position, found, err := v.position(stream, revision)
			if err == nil && !found {
				err = fmt.Errorf("revision %d is missing from the index of its stream; stop the node and restore the log from a backup", revision)
			}
			if err != nil {
				return eventID{}, err
			}
			r, err := v.record(position)
			return r.id, err
		},
	}
	own, err := s.cache.head(v, stream)
	if err != nil {
		return history{}, err
	}
	h.last = own
	original, meta := originalStream(stream)
	if meta {
		if last, err := s.cache.head(v, original); err != nil {
			return history{}, err
		} else if last == deleted {
			h.last = deleted
		}
	} else {
		m, err := s.cache.metadata(v, stream)
		if err != nil {
			return history{}, err
		}
		h.softDeleted = m.softDeleted()
	}
	if h.last == noStream {
		last, err := s.cache.head(v, metastream(stream))
		if err != nil {
			return history{}, err
		}
		h.hasMetadata = last != noStream
	}
	return h, nil
}

// recordOverhead is about how many bytes a stored record has besides what its sizes depend on.
const recordOverhead = 160

// draft is a batch being written, always under mu.
type draft struct {
	s        *store
	batch    *pebble.Batch
	position uint64
	created  int64
	key      []byte
	value    []byte
	changes  []change
}

// change is what the stream cache learns once the batch is Pebble's.
type change struct {
	stream   string
	revision int64
	original string          // the stream that this metastream describes
	metadata *streamMetadata // what the event makes apply to it; nil: nothing, as for the metadata of a metastream
}

func (s *store) draft() (*draft, error) {
	d := &draft{s: s, batch: s.db.NewBatch(), position: s.applied, created: max(s.created, ticks(s.now()))}
	if err := d.batch.LogData(pledge{s.durable.load(), s.applied + 1}.encode(), nil); err != nil {
		return nil, fmt.Errorf("add a pledge: %w", err)
	}
	return d, nil
}

// addNext adds an event after the last one of a stream.
func (d *draft) addNext(stream string, e proposed) (position uint64, err error) {
	for i := len(d.changes) - 1; i >= 0; i-- {
		if d.changes[i].stream == stream {
			return d.add(stream, d.changes[i].revision+1, e)
		}
	}
	last, err := d.s.cache.head(d.s.latest(), stream)
	if err != nil {
		return 0, err
	}
	if last == deleted {
		return 0, errStreamDeleted(stream)
	}
	return d.add(stream, last+1, e)
}

// add gives an event its place and adds it to the batch: the record, its place in the stream, its id.
func (d *draft) add(stream string, revision int64, e proposed) (position uint64, err error) {
	d.position++
	d.value = slices.Grow(d.value[:0], len(e.data)+len(e.custom)+len(e.kind)+len(stream)+recordOverhead)
	d.value = appendStored(d.value, e, stream, revision, d.position, d.created)
	d.key = logKey(d.key[:0], d.position)
	if err := d.batch.Set(d.key, d.value, nil); err != nil {
		return 0, fmt.Errorf("add a record: %w", err)
	}
	c := change{stream: stream, revision: revision}
	if original, meta := originalStream(stream); meta && !isMetastream(original) {
		m := parseMetadata(record{json: e.json, data: e.data})
		c.original, c.metadata = original, &m
	}
	d.changes = append(d.changes, c)

	d.value = binary.BigEndian.AppendUint64(d.value[:0], d.position)
	d.key = streamKey(d.key[:0], stream, revision)
	if err := d.batch.Set(d.key, d.value, nil); err != nil {
		return 0, fmt.Errorf("add a stream index entry: %w", err)
	}
	d.value = binary.BigEndian.AppendUint64(d.value[:0], uint64(revision))
	d.key = eventIDKey(d.key[:0], stream, e.id)
	if err := d.batch.Set(d.key, d.value, nil); err != nil {
		return 0, fmt.Errorf("add an event id: %w", err)
	}
	return d.position, nil
}

// undelete follows an append with the metadata event that makes a soft-deleted stream readable from its new events on.
// Writing metadata of a soft-deleted stream revives it too, unless the document is not JSON.
// Source: EventStore, src/EventStore.Core/Services/Storage/StorageWriterService.cs, SoftUndeleteStream.
func (d *draft) undelete(stream string, h history, last proposed) error {
	v := d.s.latest()
	var document []byte
	next := h.last + 1
	if original, meta := originalStream(stream); meta {
		m, err := d.s.cache.metadata(v, original)
		if err != nil || !m.softDeleted() {
			return err
		}
		end, err := d.s.cache.head(v, original)
		if err != nil {
			return err
		}
		stream, document, next = original, last.data, end+1
	} else if h.softDeleted {
		r, found, err := v.metadataRecord(stream)
		if err != nil {
			return err
		}
		if found {
			document = r.data
		}
	} else {
		return nil
	}
	document, err := withTruncateBefore(document, next)
	if err != nil {
		return nil // a document that is not JSON revives nothing
	}
	_, err = d.addNext(metastream(stream), proposed{id: eventID(uuid.New()), kind: typeMetadata, json: true, data: document})
	return err
}

// commit hands the batch to Pebble. From here on it is in the log's order, and durable once the answer is settled.
func (d *draft) commit(a *answer) error {
	if len(d.changes) == 0 {
		return d.batch.Close()
	}
	s := d.s
	if err := s.db.ApplyNoSyncWait(d.batch, pebble.Sync); err != nil {
		s.fail(err)
		return errStopping
	}
	a.batch, s.applied, s.created = d.batch, d.position, d.created
	for _, c := range d.changes {
		s.cache.learn(c)
	}
	return nil
}
