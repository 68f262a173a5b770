package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Trailers by which clients recognise errors. They index stream-name blindly when the exception is stream-deleted.
// Source: EventStore, src/EventStore.Core/Services/Transport/Grpc/Constants.cs.
const (
	trailerException       = "exception"
	trailerStreamName      = "stream-name"
	trailerGroupName       = "group-name"
	trailerReason          = "reason"
	trailerExpectedVersion = "expected-version"
	trailerActualVersion   = "actual-version"
	trailerMaxAppendSize   = "maximum-append-size"
	trailerRequired        = "required-metadata-properties"

	exceptionStreamDeleted   = "stream-deleted"
	exceptionWrongVersion    = "wrong-expected-version"
	exceptionAppendSize      = "maximum-append-size-exceeded"
	exceptionMissingProperty = "missing-required-metadata-property"
	exceptionAccessDenied    = "access-denied"
	exceptionGroupExists     = "persistent-subscription-exists"
	exceptionGroupFailed     = "persistent-subscription-failed"
)

// failure is an answer that says no: a gRPC status and the trailers that go with it.
type failure struct {
	code     codes.Code
	message  string
	trailers []string // key, value, key, value ...
}

func (f *failure) Error() string { return f.message }

// GRPCStatus lets gRPC send the failure as what it is.
func (f *failure) GRPCStatus() *status.Status { return status.New(f.code, f.message) }

// metadata returns the trailers, or nil.
func (f *failure) metadata() metadata.MD {
	md := metadata.MD{}
	for i := 0; i+1 < len(f.trailers); i += 2 {
		md.Set(f.trailers[i], headerValue(f.trailers[i+1]))
	}
	return md
}

func errStreamDeleted(stream string) error {
	return &failure{codes.FailedPrecondition, fmt.Sprintf("Event stream '%s' is deleted.", stream),
		[]string{trailerException, exceptionStreamDeleted, trailerStreamName, stream}}
}

func errWrongVersion(stream string, expected, actual int64) error {
	e, a := strconv.FormatInt(expected, 10), strconv.FormatInt(actual, 10)
	return &failure{codes.FailedPrecondition,
		fmt.Sprintf("Delete failed due to WrongExpectedVersion. Stream: %s, Expected version: %s, Actual version: %s", stream, e, a),
		[]string{trailerException, exceptionWrongVersion, trailerStreamName, stream, trailerExpectedVersion, e, trailerActualVersion, a}}
}

func errAppendSize(limit int) error {
	n := strconv.Itoa(limit)
	return &failure{codes.InvalidArgument, fmt.Sprintf("Maximum Append Size of %s Exceeded.", n),
		[]string{trailerException, exceptionAppendSize, trailerMaxAppendSize, n}}
}

func errMissingProperty(name string) error {
	return &failure{codes.InvalidArgument, fmt.Sprintf("Required Metadata Property '%s' is missing", name),
		[]string{trailerException, exceptionMissingProperty, trailerRequired, "type,content-type"}}
}

func errAccessDenied() error {
	return &failure{codes.PermissionDenied, "Access Denied", []string{trailerException, exceptionAccessDenied}}
}

func errGroup(code codes.Code, exception, stream, group, reason string) error {
	f := &failure{code, fmt.Sprintf("Subscription group %s on stream %s: %s.", group, stream, reason),
		[]string{trailerException, exception, trailerStreamName, stream, trailerGroupName, group}}
	if exception == exceptionGroupFailed {
		f.trailers = append(f.trailers, trailerReason, reason)
	}
	return f
}

func invalidArgument(format string, args ...any) error {
	return &failure{code: codes.InvalidArgument, message: fmt.Sprintf(format, args...)}
}

// unknown is how the original reports what its handlers did not expect.
func unknown(format string, args ...any) error {
	return &failure{code: codes.Unknown, message: fmt.Sprintf(format, args...)}
}

// asFailure turns whatever went wrong inside into an answer. Clients rediscover their server after UNAVAILABLE, so
// only a stopping node says that.
func asFailure(err error) error {
	var f *failure
	var corrupt *CorruptError
	var damage *DamageError
	switch {
	case err == nil || errors.As(err, &f):
		return err
	case errors.Is(err, errStopping):
		return &failure{code: codes.Unavailable, message: "Server Is Not Ready"}
	case errors.Is(err, context.Canceled):
		return &failure{code: codes.Canceled, message: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{code: codes.DeadlineExceeded, message: err.Error()}
	case errors.As(err, &corrupt) || errors.As(err, &damage) || pebble.IsCorruptionError(err):
		return &failure{code: codes.DataLoss, message: err.Error()}
	}
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	return &failure{code: codes.Internal, message: err.Error()}
}

// DamageError says that a file of the log cannot be read. What is in other files, and elsewhere in this one, can.
type DamageError struct {
	File   string
	Reason error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("the file %s is damaged (%v); stop the node and restore the log from a backup", e.File, e.Reason)
}

func (e *DamageError) Unwrap() error { return e.Reason }

// damaged names the file when Pebble says that one is damaged. Other errors stay as they are.
func damaged(err error) error {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		return &DamageError{info.Path, info.Details}
	}
	return err
}

// headerValue makes a text legal in an HTTP/2 header: bytes that are not printable ASCII are percent-encoded.
func headerValue(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
