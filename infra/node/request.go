package node

import (
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// readRequest is a Read call, checked.
type readRequest struct {
	stream       string // empty: $all
	revision     int64  // of a stream
	position     uint64 // of $all
	fromStart    bool
	fromEnd      bool
	backwards    bool
	subscription bool
	count        uint64
	filter       *filter
	resolveLinks bool
	stringIDs    bool
	// compatibility 1 and above asks for the stream's first and last revision; older clients panic on them.
	compatibility uint32
}

// parseRead accepts the combinations the original accepts and says the same about all others.
// Source: EventStore, src/EventStore.Core/Services/Transport/Grpc/Streams.Read.cs.
func parseRead(o *streams.ReadReq_Options) (readRequest, error) {
	q := readRequest{
		backwards:     o.GetReadDirection() == streams.ReadReq_Options_Backwards,
		resolveLinks:  o.GetResolveLinks(),
		stringIDs:     o.GetUuidOption().GetString_() != nil,
		compatibility: o.GetControlOption().GetCompatibility(),
	}
	if d := o.GetReadDirection(); d != streams.ReadReq_Options_Forwards && d != streams.ReadReq_Options_Backwards {
		return readRequest{}, invalidArgument("'%d' is not a valid ReadDirection.", d)
	}
	if err := q.parseCount(o); err != nil {
		return readRequest{}, err
	}
	if err := q.parsePlace(o); err != nil {
		return readRequest{}, err
	}
	switch f := o.GetFilterOption().(type) {
	case *streams.ReadReq_Options_NoFilter:
		return q, nil
	case *streams.ReadReq_Options_Filter:
		if q.stream != "" {
			return readRequest{}, errCombination()
		}
		var err error
		if q.filter, err = parseFilter(f.Filter); err != nil {
			return readRequest{}, err
		}
		if q.subscription && q.filter.interval == 0 {
			return readRequest{}, unknown("the window and the checkpoint interval multiplier of a filter must be above zero")
		}
		return q, nil
	}
	return readRequest{}, errCombination()
}

func errCombination() error {
	return invalidArgument("The combination of (stream option, read direction, count option, filter option) is invalid.")
}

func (q *readRequest) parseCount(o *streams.ReadReq_Options) error {
	switch c := o.GetCountOption().(type) {
	case *streams.ReadReq_Options_Count:
		q.count = c.Count
		if q.count == 0 {
			return unknown("a read of 0 events is not possible; ask for at least 1")
		}
	case *streams.ReadReq_Options_Subscription:
		q.subscription = true
		if q.backwards {
			return errCombination()
		}
	default:
		return errCombination()
	}
	return nil
}

func (q *readRequest) parsePlace(o *streams.ReadReq_Options) error {
	switch place := o.GetStreamOption().(type) {
	case *streams.ReadReq_Options_Stream:
		stream, err := streamOf(place.Stream.GetStreamIdentifier())
		if err != nil {
			return err
		}
		q.stream = stream
		return q.parseRevision(place.Stream)
	case *streams.ReadReq_Options_All:
		return q.parsePosition(place.All)
	}
	return errCombination()
}

func (q *readRequest) parseRevision(o *streams.ReadReq_Options_StreamOptions) error {
	switch r := o.GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Start:
		q.fromStart = true
	case *streams.ReadReq_Options_StreamOptions_End:
		q.fromEnd = true
	case *streams.ReadReq_Options_StreamOptions_Revision:
		switch {
		case r.Revision == math.MaxUint64:
			q.fromEnd = true
		case r.Revision > math.MaxInt64:
			return unknown("'%d' is not a valid stream revision", r.Revision)
		}
		q.revision = int64(r.Revision)
	default:
		return invalidArgument("'None' is not a valid RevisionOptionOneofCase.")
	}
	if q.fromEnd && !q.backwards && !q.subscription {
		return unknown("Unexpected ReadStreamResult: Error")
	}
	return nil
}

func (q *readRequest) parsePosition(o *streams.ReadReq_Options_AllOptions) error {
	switch p := o.GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Start:
		q.fromStart = true
	case *streams.ReadReq_Options_AllOptions_End:
		q.fromEnd = true
	case *streams.ReadReq_Options_AllOptions_Position:
		commit, prepare := p.Position.GetCommitPosition(), p.Position.GetPreparePosition()
		switch {
		case commit == math.MaxUint64 && prepare == math.MaxUint64:
			q.fromEnd = true
		case commit > math.MaxInt64 || prepare > math.MaxInt64 || commit < prepare:
			return unknown("the commit position %d and the prepare position %d do not belong together", commit, prepare)
		}
		q.position = commit
	default:
		return invalidArgument("'None' is not a valid AllOptionOneofCase.")
	}
	return nil
}
