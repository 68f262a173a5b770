package node

import (
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/metadata"
)

// Read sends events of a stream or of $all: as many as asked for, or, as a subscription, for ever.
func (s *streamsServer) Read(r *streams.ReadReq, call streams.Streams_ReadServer) error {
	q, err := parseRead(r.GetOptions())
	if err != nil {
		return err
	}
	send := sender{call: call, store: s.store, request: q}
	switch {
	case q.subscription && q.stream == "":
		return send.subscribeToLog()
	case q.subscription:
		return send.subscribeToStream()
	case q.stream == "":
		return send.log()
	}
	return send.stream()
}

// sender answers one Read call.
type sender struct {
	call    streams.Streams_ReadServer
	store   *store
	request readRequest
}

// ask runs a question on a view of the log while Pebble is certain to be open. Nothing is asked for a caller who is
// gone: a filter that matches nothing would otherwise search the whole log for nobody.
func (s sender) ask(v view, question func(view) error) error {
	if err := s.call.Context().Err(); err != nil {
		return err
	}
	if err := s.store.enter(); err != nil {
		return err
	}
	defer s.store.leave()
	return question(v)
}

// log answers a read of $all with what was durable when it began.
func (s sender) log() error {
	q := s.request
	v := s.store.view()
	header, _ := metadata.FromIncomingContext(s.call.Context())
	next := logQuery{from: q.position, backwards: q.backwards, filter: q.filter, hidden: len(header.Get(headerHidden)) > 0}
	if q.fromEnd {
		next.from = v.limit + 1
	}
	for remaining := q.count; remaining > 0; {
		next.most, next.room = atMost(remaining), s.store.pageRoom()
		var p page
		err := s.ask(v, func(v view) (err error) { p, err = v.logPage(next); return err })
		if err != nil {
			return err
		}
		if err := s.sendPage(v, p); err != nil || p.done {
			return err
		}
		remaining -= uint64(len(p.records))
		next.from = p.nextInLog
	}
	return nil
}

// atMost limits a count of events to what one page can hold.
func atMost(count uint64) int { return int(min(count, pageRecords)) }

// stream answers a read of one stream with what was durable when it began.
func (s sender) stream() error {
	q := s.request
	v := s.store.view()
	state, err := s.state(v)
	if err != nil {
		return err
	}
	if !state.exists() {
		return s.sendNotFound()
	}
	next := streamQuery{stream: q.stream, from: q.revision, backwards: q.backwards,
		first: state.first(), metadata: state.metadata, now: s.store.now()}
	if q.backwards && (q.fromEnd || next.from > state.last) {
		next.from = state.last
	}
	if err := s.sendFirstReadable(state); err != nil {
		return err
	}
	sent := uint64(0)
	for sent < q.count {
		next.most, next.room = atMost(q.count-sent), s.store.pageRoom()
		var p page
		err := s.ask(v, func(v view) (err error) { p, err = v.streamPage(next); return err })
		if err != nil {
			return err
		}
		if p.done && sent+uint64(len(p.records)) == 0 {
			if err := s.sendNextRevision(state); err != nil {
				return err
			}
		}
		if err := s.sendPage(v, p); err != nil {
			return err
		}
		if p.done {
			break
		}
		sent += uint64(len(p.records))
		next.from = p.nextInside
	}
	return s.sendLastRevision(state)
}

// streamState is what a reader must know of a stream before its events.
type streamState struct {
	last     int64
	metadata streamMetadata
}

func (s streamState) exists() bool { return s.last != noStream && !s.metadata.softDeleted() }

func (s streamState) first() int64 { return s.metadata.first(s.last) }

// state looks at a stream; a tombstoned one, or the metadata of one, is an error.
func (s sender) state(v view) (state streamState, err error) {
	stream := s.request.stream
	err = s.ask(v, func(v view) error {
		h, err := v.head(stream)
		if err != nil {
			return err
		}
		if original, meta := originalStream(stream); meta && h.revision != deleted {
			o, err := v.head(original)
			if err != nil {
				return err
			}
			if o.revision == deleted {
				return errStreamDeleted(stream)
			}
		}
		if h.revision == deleted {
			return errStreamDeleted(stream)
		}
		state.last = h.revision
		state.metadata, err = v.metadata(stream)
		return err
	})
	return state, err
}

// sendPage sends a page, resolving links where the caller wants that. Nothing but the page is held meanwhile.
func (s sender) sendPage(v view, p page) error {
	s.store.sending.Add(int64(p.bytes))
	defer s.store.sending.Add(-int64(p.bytes))
	for _, r := range p.records {
		if r.body == nil {
			if err := s.sendCheckpoint(r.position); err != nil {
				return err
			}
			continue
		}
		message := r.body
		stream, revision, link := "", int64(0), false
		if s.request.resolveLinks {
			stream, revision, link = r.linkTarget()
		}
		if link {
			var target *record
			err := s.ask(v, func(v view) (err error) { target, err = v.readable(stream, revision, s.store.now()); return err })
			if err != nil {
				return err
			}
			message = r.response(s.request.stringIDs, true, target)
		} else if s.request.stringIDs {
			message = r.response(true, false, nil)
		}
		if err := s.call.SendMsg(encoded(message)); err != nil {
			return err
		}
	}
	return nil
}

func (s sender) sendCheckpoint(position uint64) error {
	message := appendVarint(appendVarint(nil, 1, position), 2, position)
	return s.call.SendMsg(encoded(appendMessage(nil, respCheckpoint, message)))
}

// sendNotFound says that a stream has never been written or was deleted softly. It is no error.
func (s sender) sendNotFound() error {
	identifier := appendString(nil, streamName, s.request.stream)
	return s.call.SendMsg(encoded(appendMessage(nil, respNotFound, appendMessage(nil, 1, identifier))))
}

// firstPage is how many revisions an original looks at before it decides whether to tell where a stream begins.
// Source: EventStore, src/EventStore.Core/Services/Transport/Enumerators/Enumerator.cs, ReadBatchSize.
const firstPage = 32

// beginsBeyondFirstPage tells whether truncation hides all that an original would look at first.
func (s sender) beginsBeyondFirstPage(state streamState) bool {
	return state.first()-s.request.revision >= int64(min(s.request.count, firstPage))
}

// sendFirstReadable tells, before the events of a forward read, where the readable part of a stream begins that is
// truncated far beyond the revision asked for.
// Source: EventStore, src/EventStore.Core/Services/Transport/Enumerators/Enumerator.ReadStreamForwards.cs.
func (s sender) sendFirstReadable(state streamState) error {
	if s.request.backwards || !s.beginsBeyondFirstPage(state) {
		return nil
	}
	return s.sendFirstRevision(state.first())
}

// sendNextRevision tells, instead of the events of a forward read that has none, which revision the next one gets.
func (s sender) sendNextRevision(state streamState) error {
	if s.request.backwards || s.beginsBeyondFirstPage(state) || s.request.revision == state.last+1 {
		return nil
	}
	return s.sendFirstRevision(state.last + 1)
}

func (s sender) sendFirstRevision(revision int64) error {
	if s.request.compatibility < 1 {
		return nil
	}
	return s.call.SendMsg(encoded(appendVarint(nil, respFirstRevision, uint64(revision))))
}

func (s sender) sendLastRevision(state streamState) error {
	if s.request.compatibility < 1 || state.last == math.MaxInt64 {
		return nil
	}
	return s.call.SendMsg(encoded(appendVarint(nil, respLastRevision, uint64(state.last))))
}
