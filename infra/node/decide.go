package node

import "math"

// Expected revisions that are not numbers.
// Source: EventStore, src/EventStore.Core/Services/Transport/Grpc/AnyStreamRevision.cs.
const (
	noStream     int64 = -1
	anyRevision  int64 = -2
	streamExists int64 = -4
)

// verdict is what the commit check says about an append.
type verdict int

const (
	write         verdict = iota // the events follow the last revision
	repeated                     // they are stored already; nothing is written
	wrongVersion                 // another writer was first
	streamDeleted                // the stream is tombstoned, or must exist and is soft-deleted
)

// history is what the commit check knows about a stream, soft-deleted and truncated events included.
type history struct {
	last        int64 // last revision; noStream: never written; deleted: tombstoned
	softDeleted bool
	hasMetadata bool // its metastream has an event

	revisionOf func(eventID) (revision int64, found bool, err error)
	idAt       func(revision int64) (eventID, error) // revision is at most last
}

// decide is the commit check: may these events be appended to a stream with this history?
// The revision belongs to the verdict repeated: the one of the last event of the list.
// Source: EventStore, src/EventStore.Core/Services/Storage/ReaderIndex/IndexWriter.cs, CheckCommit.
func decide(h history, expected int64, ids []eventID) (v verdict, revision int64, err error) {
	switch {
	case h.last == deleted:
		return streamDeleted, 0, nil
	case expected == streamExists && h.softDeleted:
		return streamDeleted, 0, nil
	case expected == streamExists && h.last == noStream && !h.hasMetadata:
		return wrongVersion, 0, nil
	case expected == anyRevision || expected == streamExists:
		return decideByID(h, ids)
	case expected > h.last:
		return wrongVersion, 0, nil
	case expected == h.last:
		return write, 0, nil
	}
	return decideByRevision(h, expected, ids)
}

// decideByID recognises a repeated append that named no revision: the first id decides what the others must be.
func decideByID(h history, ids []eventID) (verdict, int64, error) {
	last := int64(math.MinInt64)
	for i, id := range ids {
		revision, found, err := h.revisionOf(id)
		switch {
		case err != nil:
			return 0, 0, err
		case !found && i == 0:
			return write, 0, nil
		case !found:
			return wrongVersion, 0, nil
		}
		last = revision
	}
	if len(ids) == 0 {
		return write, 0, nil
	}
	return repeated, last, nil
}

// decideByRevision recognises a repeated append below the last revision: every id must be where it would have gone.
// A partial overlap is never completed.
func decideByRevision(h history, expected int64, ids []eventID) (verdict, int64, error) {
	if len(ids) == 0 {
		return wrongVersion, 0, nil
	}
	for i, id := range ids {
		revision := expected + 1 + int64(i)
		if revision > h.last {
			return wrongVersion, 0, nil
		}
		stored, err := h.idAt(revision)
		if err != nil {
			return 0, 0, err
		}
		if stored == id {
			continue
		}
		if i == 0 && expected == noStream && h.softDeleted {
			return write, 0, nil
		}
		return wrongVersion, 0, nil
	}
	return repeated, expected + int64(len(ids)), nil
}
