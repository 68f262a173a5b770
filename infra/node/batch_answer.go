package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// batchAnswer is what is to be said about a write: a refusal, or an answer that has to be settled first.
type batchAnswer struct {
	write  *batchWrite
	answer answer
	err    error
}

// response is what the client is told about a write.
func (b batchAnswer) response() (*streams.BatchAppendResp, error) {
	r := &streams.BatchAppendResp{CorrelationId: b.write.correlation, StreamIdentifier: b.write.identifier}
	switch {
	case b.err == nil && (b.answer.verdict == write || b.answer.verdict == repeated):
		r.Result = batchSuccess(b.answer)
	default:
		details, err := batchError(b)
		if err != nil {
			return nil, err
		}
		r.Result = &streams.BatchAppendResp_Error{Error: details}
	}
	return r, nil
}

func batchSuccess(a answer) *streams.BatchAppendResp_Success_ {
	s := &streams.BatchAppendResp_Success{PositionOption: &streams.BatchAppendResp_Success_Position{
		Position: &shared.AllStreamPosition{CommitPosition: a.position, PreparePosition: a.position},
	}}
	if a.revision == noStream {
		s.CurrentRevisionOption = &streams.BatchAppendResp_Success_NoStream{NoStream: &emptypb.Empty{}}
	} else {
		s.CurrentRevisionOption = &streams.BatchAppendResp_Success_CurrentRevision{CurrentRevision: uint64(a.revision)}
	}
	return &streams.BatchAppendResp_Success_{Success: s}
}

// batchError is the status of a refused write, its reason packed as a detail.
// Source: EventStore, src/EventStore.Core/Services/Transport/Grpc/Status.cs.
func batchError(b batchAnswer) (*status.Status, error) {
	code, message := codes.Unknown, "Unknown"
	var detail proto.Message = &shared.Unknown{}
	var f *failure
	switch {
	case b.err == nil && b.answer.verdict == streamDeleted:
		code, message = codes.NotFound, "StreamDeleted"
		detail = &shared.StreamDeleted{StreamIdentifier: b.write.identifier}
	case b.err == nil:
		code, message, detail = codes.AlreadyExists, "WrongExpectedVersion", batchConflict(b.write.expected, b.answer.revision)
	case errors.Is(b.err, context.DeadlineExceeded):
		code, message, detail = codes.DeadlineExceeded, "Timeout", &shared.Timeout{}
	case errors.As(b.err, &f) && len(f.trailers) > 1 && f.trailers[1] == exceptionAppendSize:
		code, message, detail = codes.InvalidArgument, f.message, &shared.MaximumAppendSizeExceeded{MaxAppendSize: maxAppendBytes}
	case errors.As(b.err, &f) && f.code == codes.PermissionDenied:
		code, message, detail = codes.PermissionDenied, "AccessDenied", &shared.AccessDenied{}
	case errors.As(b.err, &f):
		code, message, detail = codes.InvalidArgument, f.message, &shared.BadRequest{Message: f.message}
	default:
		message = b.err.Error()
	}
	packed, err := anypb.New(detail)
	if err != nil {
		return nil, fmt.Errorf("pack the reason of a refusal: %w", err)
	}
	return &status.Status{Code: int32(code), Message: message, Details: []*anypb.Any{packed}}, nil
}

func batchConflict(expected, current int64) *shared.WrongExpectedVersion {
	w := &shared.WrongExpectedVersion{}
	if current == noStream {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}}
	} else {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: uint64(current)}
	}
	switch expected {
	case anyRevision:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: &emptypb.Empty{}}
	case streamExists:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}}
	case noStream:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &emptypb.Empty{}}
	default:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: uint64(expected)}
	}
	return w
}
