package node

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// view answers questions about the log as it was when its last position was the limit. Records never change, so
// a view holds no resources and stays right while others append.
type view struct {
	db    *pebble.DB
	limit uint64
}

// head is the last event of a stream. The zero value is not useful: a missing stream has revision noStream.
type head struct {
	revision int64
	position uint64
}

// head finds the last event of a stream; a tombstoned stream has revision deleted.
func (v view) head(stream string) (head, error) {
	it, err := v.index(stream)
	if err != nil {
		return head{}, err
	}
	defer it.Close()
	for ok := it.Last(); ok; ok = it.Prev() {
		h, err := indexEntry(it)
		if err != nil {
			return head{}, err
		}
		if h.position <= v.limit {
			return h, nil
		}
	}
	if err := it.Error(); err != nil {
		return head{}, fmt.Errorf("find the last event of a stream: %w", damaged(err))
	}
	return head{revision: noStream}, nil
}

// metadata reads what applies to a stream. A metastream keeps its last event only.
// Source: EventStore, src/EventStore.Core/Settings/ESConsts.cs, MetadataLength; ReaderIndex/ReadIndex.cs.
func (v view) metadata(stream string) (streamMetadata, error) {
	if isMetastream(stream) {
		return streamMetadata{maxCount: 1}, nil
	}
	r, found, err := v.metadataRecord(stream)
	if err != nil || !found {
		return streamMetadata{}, err
	}
	return parseMetadata(r), nil
}

// metadataRecord is the newest event of the metastream of a stream.
func (v view) metadataRecord(stream string) (r record, found bool, err error) {
	h, err := v.head(metastream(stream))
	if err != nil || h.revision == noStream {
		return record{}, false, err
	}
	r, err = v.record(h.position)
	return r, err == nil, err
}

// index iterates over the revisions of one stream. The caller closes it, and holds it only while reading a page.
func (v view) index(stream string) (*pebble.Iterator, error) {
	lower := streamKey(nil, stream, 0)
	it, err := v.db.NewIter(&pebble.IterOptions{
		LowerBound: lower,
		UpperBound: append(streamKey(nil, stream, deleted), 0),
	})
	if err != nil {
		return nil, fmt.Errorf("open the index of a stream: %w", damaged(err))
	}
	return it, nil
}

// indexEntry decodes the place an index iterator stands at.
func indexEntry(it *pebble.Iterator) (head, error) {
	key, value := it.Key(), it.Value()
	if len(value) != 8 {
		return head{}, fmt.Errorf("stream index entry %x has %d bytes, want 8; stop the node and restore the log from a backup", key, len(value))
	}
	return head{
		revision: int64(binary.BigEndian.Uint64(key[len(key)-8:])),
		position: binary.BigEndian.Uint64(value),
	}, nil
}

// position finds one revision of a stream.
func (v view) position(stream string, revision int64) (position uint64, found bool, err error) {
	value, closer, err := v.db.Get(streamKey(nil, stream, revision))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("find revision %d of a stream: %w", revision, damaged(err))
	}
	defer closer.Close()
	if len(value) != 8 {
		return 0, false, fmt.Errorf("index entry of revision %d has %d bytes, want 8; stop the node and restore the log from a backup", revision, len(value))
	}
	position = binary.BigEndian.Uint64(value)
	return position, position <= v.limit, nil
}

// record reads and verifies the record at a position that an index names.
func (v view) record(position uint64) (record, error) {
	value, closer, err := v.db.Get(logKey(nil, position))
	if errors.Is(err, pebble.ErrNotFound) {
		return record{}, &CorruptError{position, "an index names it but it is missing"}
	}
	if err != nil {
		return record{}, fmt.Errorf("read position %d: %w", position, damaged(err))
	}
	stored := append([]byte(nil), value...)
	if err := closer.Close(); err != nil {
		return record{}, fmt.Errorf("read position %d: %w", position, damaged(err))
	}
	return parseStored(position, stored)
}

// revisionOf finds the last revision of a stream that was written under an event id.
func (v view) revisionOf(stream string, id eventID) (revision int64, found bool, err error) {
	value, closer, err := v.db.Get(eventIDKey(nil, stream, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("look up event id %s: %w", id, damaged(err))
	}
	defer closer.Close()
	if len(value) != 8 {
		return 0, false, fmt.Errorf("index entry of event id %s has %d bytes, want 8; stop the node and restore the log from a backup", id, len(value))
	}
	return int64(binary.BigEndian.Uint64(value)), true, nil
}

// last is the highest position of the log up to the limit; 0 when the log is empty.
func (v view) last() (uint64, error) {
	it, err := v.log(0)
	if err != nil {
		return 0, err
	}
	defer it.Close()
	if it.Last() {
		return binary.BigEndian.Uint64(it.Key()[1:]), nil
	}
	if err := it.Error(); err != nil {
		return 0, fmt.Errorf("find the last position: %w", damaged(err))
	}
	return 0, nil
}

// log iterates over the records from a position up to the limit.
func (v view) log(from uint64) (*pebble.Iterator, error) {
	upper := []byte{prefixLog + 1}
	if v.limit < ^uint64(0) {
		upper = logKey(nil, v.limit+1)
	}
	it, err := v.db.NewIter(&pebble.IterOptions{LowerBound: logKey(nil, from), UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("open the log at position %d: %w", from, damaged(err))
	}
	return it, nil
}
