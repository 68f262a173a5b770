package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// Limits of one append, in bytes. maxAppendBytes counts data alone, as the original does; the other one counts
// everything a proposed event holds and keeps one append within the memory of a small machine.
// Source: EventStore, src/EventStore.Core/ClusterVNodeOptions.cs, MaxAppendSize; Data/Event.cs, SizeOnDisk.
const (
	maxAppendBytes      = 1_048_576
	maxAppendTotalBytes = 16 << 20
	proposedOverhead    = 128
)

// streamsServer is the gRPC service of the log.
type streamsServer struct {
	streams.UnimplementedStreamsServer
	store *store
}

// Append stores the events of one call, all or none, and answers when they are durable.
func (s *streamsServer) Append(call streams.Streams_AppendServer) error {
	first, err := call.Recv()
	if err != nil {
		return endOfRequest(err)
	}
	options := first.GetOptions()
	if options == nil {
		return unknown("the first message of an append must hold its options")
	}
	stream, err := streamOf(options.StreamIdentifier)
	if err != nil {
		return err
	}
	expected, err := expectedRevision(options)
	if err != nil {
		return err
	}
	events, size, err := receiveEvents(call, &s.store.receiving)
	defer s.store.receiving.give(size)
	if err != nil {
		return err
	}
	if !s.store.unsettled.take(1) {
		return errDiskTooSlow()
	}
	defer s.store.unsettled.give(1)
	a, err := s.store.append(stream, expected, events)
	if err != nil {
		return err
	}
	if err := s.store.settle(call.Context(), a); err != nil {
		return err
	}
	switch a.verdict {
	case streamDeleted:
		return errStreamDeleted(stream)
	case wrongVersion:
		return call.SendAndClose(&streams.AppendResp{Result: conflict(expected, a.revision)})
	}
	return call.SendAndClose(&streams.AppendResp{Result: success(a)})
}

// receiveEvents reads the proposed events of an append, enforcing the limits while they come in. The bytes it has
// taken from the room have to be given back, also after an error.
func receiveEvents(call streams.Streams_AppendServer, room *budget) (events []proposed, taken int, err error) {
	var size appendSize
	for {
		request, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return events, taken, nil
		}
		if err != nil {
			return nil, taken, err
		}
		message := request.GetProposedMessage()
		if message == nil {
			return nil, taken, unknown("an append carries its options once, then proposed messages only")
		}
		e, err := propose(message)
		if err != nil {
			return nil, taken, err
		}
		if err := size.add(e); err != nil {
			return nil, taken, err
		}
		if !room.take(size.total - taken) {
			return nil, taken, errReceivingTooMuch(room.total)
		}
		taken = size.total
		events = append(events, e)
	}
}

// endOfRequest names the mistake of a caller who ended the call without having said anything.
func endOfRequest(err error) error {
	if errors.Is(err, io.EOF) {
		return unknown("the call ended before its options came")
	}
	return err
}

// appendSize adds up one append.
type appendSize struct{ data, total int }

func (s *appendSize) add(e proposed) error {
	s.data += len(e.data)
	s.total += len(e.data) + len(e.custom) + len(e.kind) + proposedOverhead
	if s.data > maxAppendBytes {
		return errAppendSize(maxAppendBytes)
	}
	if s.total > maxAppendTotalBytes {
		return errAppendSize(maxAppendTotalBytes)
	}
	return nil
}

// proposedMessage is what Append and BatchAppend send for one event.
type proposedMessage interface {
	GetId() *shared.UUID
	GetMetadata() map[string]string
	GetCustomMetadata() []byte
	GetData() []byte
}

// propose reads a proposed event. Type and content type are required; other metadata entries are ignored.
// Source: EventStore, src/EventStore.Core/Services/Transport/Grpc/Streams.Append.cs.
func propose(m proposedMessage) (proposed, error) {
	kind, found := m.GetMetadata()["type"]
	if !found {
		return proposed{}, errMissingProperty("type")
	}
	contentType, found := m.GetMetadata()["content-type"]
	if !found {
		return proposed{}, errMissingProperty("content-type")
	}
	id, err := uuidOf(m.GetId())
	if err != nil {
		return proposed{}, err
	}
	if id == (eventID{}) {
		return proposed{}, unknown("the id of an event is empty")
	}
	if kind == "" {
		return proposed{}, unknown("the type of an event is empty")
	}
	return proposed{id: id, kind: kind, json: contentType == contentJSON, custom: m.GetCustomMetadata(), data: m.GetData()}, nil
}

// streamOf reads and checks a stream name.
func streamOf(id *shared.StreamIdentifier) (string, error) {
	name := id.GetStreamName()
	if err := checkStreamName(name); err != nil {
		return "", unknown("%v", err)
	}
	return string(name), nil
}

// expectation is the oneof that Append, Delete and Tombstone share.
type expectation interface {
	GetRevision() uint64
	GetNoStream() *shared.Empty
	GetAny() *shared.Empty
	GetStreamExists() *shared.Empty
}

func expectedRevision(e expectation) (int64, error) {
	var numbered bool
	switch o := e.(type) {
	case *streams.AppendReq_Options:
		_, numbered = o.ExpectedStreamRevision.(*streams.AppendReq_Options_Revision)
	case *streams.DeleteReq_Options:
		_, numbered = o.ExpectedStreamRevision.(*streams.DeleteReq_Options_Revision)
	case *streams.TombstoneReq_Options:
		_, numbered = o.ExpectedStreamRevision.(*streams.TombstoneReq_Options_Revision)
	}
	switch {
	case numbered && e.GetRevision() > math.MaxInt64:
		return 0, invalidArgument("'%d' is not a valid StreamRevision.", e.GetRevision())
	case numbered:
		return int64(e.GetRevision()), nil
	case e.GetNoStream() != nil:
		return noStream, nil
	case e.GetAny() != nil:
		return anyRevision, nil
	case e.GetStreamExists() != nil:
		return streamExists, nil
	}
	return 0, invalidArgument("'%s' is not a valid ExpectedStreamRevisionOptionOneofCase.", "None")
}

// success says where the events of an append are.
func success(a answer) *streams.AppendResp_Success_ {
	s := &streams.AppendResp_Success{PositionOption: &streams.AppendResp_Success_Position{
		Position: &streams.AppendResp_Position{CommitPosition: a.position, PreparePosition: a.position},
	}}
	if a.revision == noStream {
		s.CurrentRevisionOption = &streams.AppendResp_Success_NoStream{NoStream: &shared.Empty{}}
	} else {
		s.CurrentRevisionOption = &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(a.revision)}
	}
	return &streams.AppendResp_Success_{Success: s}
}

// conflict says that another writer was first, in the present fields and in those of version 20.6.0.
func conflict(expected, current int64) *streams.AppendResp_WrongExpectedVersion_ {
	w := &streams.AppendResp_WrongExpectedVersion{}
	if current == noStream {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: &shared.Empty{}}
	} else {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(current)}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: uint64(current)}
	}
	old := &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: uint64(expected)}
	w.ExpectedRevisionOption_20_6_0 = old // no stream is MaxUint64 here
	switch expected {
	case anyRevision:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_Any_20_6_0{Any_20_6_0: &shared.Empty{}}
	case streamExists:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: &shared.Empty{}}
	case noStream:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
	default:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: uint64(expected)}
	}
	return &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: w}
}

// Delete ends a stream softly: it reads as missing, and the next append goes on after its last revision.
func (s *streamsServer) Delete(ctx context.Context, r *streams.DeleteReq) (*streams.DeleteResp, error) {
	a, err := s.remove(ctx, r.GetOptions().GetStreamIdentifier(), r.GetOptions(), false)
	if err != nil {
		return nil, err
	}
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{
		Position: &streams.DeleteResp_Position{CommitPosition: a.position, PreparePosition: a.position},
	}}, nil
}

// Tombstone ends a stream for ever.
func (s *streamsServer) Tombstone(ctx context.Context, r *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	a, err := s.remove(ctx, r.GetOptions().GetStreamIdentifier(), r.GetOptions(), true)
	if err != nil {
		return nil, err
	}
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{
		Position: &streams.TombstoneResp_Position{CommitPosition: a.position, PreparePosition: a.position},
	}}, nil
}

func (s *streamsServer) remove(ctx context.Context, id *shared.StreamIdentifier, e expectation, forever bool) (answer, error) {
	stream, err := streamOf(id)
	if err != nil {
		return answer{}, err
	}
	expected, err := expectedRevision(e)
	if err != nil {
		return answer{}, err
	}
	if !s.store.unsettled.take(1) {
		return answer{}, errDiskTooSlow()
	}
	defer s.store.unsettled.give(1)
	a, err := s.store.remove(stream, expected, forever)
	if err != nil {
		return answer{}, fmt.Errorf("remove a stream: %w", err)
	}
	if err := s.store.settle(ctx, a); err != nil {
		return answer{}, fmt.Errorf("remove a stream: %w", err)
	}
	switch a.verdict {
	case streamDeleted:
		return answer{}, errStreamDeleted(stream)
	case wrongVersion:
		return answer{}, errWrongVersion(stream, expected, a.revision)
	}
	return a, nil
}
