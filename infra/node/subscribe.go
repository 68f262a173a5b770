package node

import (
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// A subscription is a loop: read a page, send it, and when there is no more, wait until the log has grown. It keeps
// no queue, so it neither overflows nor drops anything, however slowly the client reads. One that had more to send
// than a page was behind, and says that it has caught up each time it has.

// subscribeToLog sends $all from after a position, for ever.
func (s sender) subscribeToLog() error {
	q := s.request
	v := s.store.view()
	next := logQuery{from: q.position + 1, filter: q.filter, most: pageRecords}
	if q.fromEnd {
		next.from = v.limit + 1
	}
	if q.filter != nil {
		next.marks = &marks{interval: q.filter.interval}
	}
	if err := s.sendConfirmation(); err != nil {
		return err
	}
	for live := false; ; v = s.store.view() {
		next.room = s.store.pageRoom()
		var p page
		err := s.ask(v, func(v view) (err error) { p, err = v.logPage(next); return err })
		if err != nil {
			return err
		}
		if err := s.sendPage(v, p); err != nil {
			return err
		}
		next.from = p.nextInLog
		if !p.done {
			live = false
			continue
		}
		if !live {
			live = true
			if err := s.sendEndOfHistory(&next, v); err != nil {
				return err
			}
		}
		if err := s.await(v.limit); err != nil {
			return err
		}
	}
}

// sendEndOfHistory tells a subscription to $all that it is live; a filtered one also how far it has got.
func (s sender) sendEndOfHistory(next *logQuery, v view) error {
	if next.marks != nil && next.marks.since > 0 {
		next.marks.since = 0
		if err := s.sendCheckpoint(next.from - 1); err != nil {
			return err
		}
	}
	if v.limit == 0 {
		return s.sendCaughtUp(nil)
	}
	return s.sendCaughtUp(appendMessage(nil, 3, appendVarint(appendVarint(nil, 1, v.limit), 2, v.limit)))
}

// subscribeToStream sends one stream from after a revision, for ever. Truncation hides history, never live events.
func (s sender) subscribeToStream() error {
	q := s.request
	v := s.store.view()
	state, err := s.state(v)
	if err != nil {
		return err
	}
	next := streamQuery{stream: q.stream, from: q.revision + 1, most: pageRecords}
	switch {
	case q.fromStart:
		next.from = 0
	case q.fromEnd:
		next.from = state.last + 1
	case q.revision == deleted:
		next.from = deleted
	}
	if err := s.sendConfirmation(); err != nil {
		return err
	}
	for history, live := true, false; ; v = s.store.view() {
		if history {
			next.first, next.metadata, next.now = state.historyFrom(), state.metadata, s.store.now()
		}
		next.room = s.store.pageRoom()
		var p page
		err := s.ask(v, func(v view) (err error) { p, err = v.streamPage(next); return err })
		if err != nil {
			return err
		}
		if err := s.sendPage(v, p); err != nil {
			return err
		}
		if n := len(p.records); n > 0 && p.records[n-1].revision == deleted {
			return errStreamDeleted(q.stream)
		}
		next.from = p.nextInside
		if !p.done {
			live = false
			continue
		}
		if history {
			history = false
			next.first, next.metadata, next.now = 0, streamMetadata{}, time.Time{}
			next.from = max(next.from, state.historyFrom())
		}
		if !live {
			live = true
			if err := s.sendStreamCaughtUp(v); err != nil {
				return err
			}
		}
		if err := s.await(v.limit); err != nil {
			return err
		}
	}
}

// historyFrom is the first revision a new subscriber may see; everything so far is hidden while a stream is deleted.
func (s streamState) historyFrom() int64 {
	if s.metadata.softDeleted() {
		return s.last + 1
	}
	return s.first()
}

func (s sender) sendStreamCaughtUp(v view) error {
	var h head
	err := s.ask(v, func(v view) (err error) { h, err = v.head(s.request.stream); return err })
	if err != nil {
		return err
	}
	if h.revision == noStream {
		return s.sendCaughtUp(nil)
	}
	return s.sendCaughtUp(appendVarint(nil, 2, uint64(h.revision)))
}

// await returns when the log has grown beyond a position, and with an error when the call or the node ends.
func (s sender) await(position uint64) error {
	select {
	case <-s.store.durable.beyond(position):
		return nil
	case <-s.call.Context().Done():
		return s.call.Context().Err()
	case <-s.store.stopping:
		return errStopping
	}
}

func (s sender) sendConfirmation() error {
	message := appendString(nil, 1, uuid.NewString())
	return s.call.SendMsg(encoded(appendMessage(nil, respConfirmation, message)))
}

// sendCaughtUp says that history ends here. The place and the time are fields that servers of version 25 send; older
// clients ignore them. Source: KurrentDB-Client-Go v1.1.0, protos/kurrentdb/protocols/v1/streams.proto, CaughtUp.
func (s sender) sendCaughtUp(place []byte) error {
	now := s.store.now()
	moment := appendVarint(nil, 1, uint64(now.Unix()))
	moment = appendVarint(moment, 2, uint64(now.Nanosecond()))
	message := append(appendMessage(make([]byte, 0, 64), 1, moment), place...)
	return s.call.SendMsg(encoded(protowire.AppendBytes(protowire.AppendTag(nil, respCaughtUp, protowire.BytesType), message)))
}
