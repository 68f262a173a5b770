package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	pauseMin    = 10 * time.Millisecond // before the second try; doubles with every further one
	pauseMax    = time.Second
	doubtfulMax = 5 // tries in a row that end with an error which may or may not pass
)

// verdict says what an error means for trying again.
type verdict int

const (
	final    verdict = iota // the server understood and said no
	passing                 // the server is away or busy; what it did last is unknown
	doubtful                // the connection broke at an odd place, or the server has a fault
)

// unreadable marks an event that cannot be read, however often it is tried.
type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

// keysAway marks that the keys could not be asked, which passes.
type keysAway struct{ error }

func (k keysAway) Unwrap() error { return k.error }

func judge(err error) verdict {
	var client *esdb.Error
	switch {
	case errors.As(err, new(keysAway)), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errLost):
		return passing
	case errors.As(err, new(unreadable)):
		return final
	}
	if errors.As(err, &client) {
		switch client.Code() {
		case esdb.ErrorCodeConnectionClosed, esdb.ErrorCodeDeadlineExceeded, esdb.ErrorCodeNotLeader,
			esdb.ErrorAborted, esdb.ErrorUnavailable:
			return passing
		case esdb.ErrorCodeUnknown:
		default:
			return final
		}
	}
	s, ok := status.FromError(err)
	if !ok {
		return doubtful
	}
	switch s.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
		return passing
	case codes.InvalidArgument, codes.FailedPrecondition, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
		codes.Unauthenticated, codes.Unimplemented, codes.OutOfRange, codes.DataLoss:
		return final
	}
	return doubtful
}

// tries counts the failures of one piece of work and paces it.
type tries struct {
	store    *Store
	what     string
	failed   int // in a row
	doubtful int // in a row
}

// again waits and answers nil if the work may be tried once more after err; otherwise it answers what to tell the caller.
func (t *tries) again(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return t.gaveUp(ctx, err)
	}
	if errors.Is(err, errClosed) {
		return fmt.Errorf("%s: %w", t.what, err)
	}
	t.failed++
	switch judge(err) {
	case final:
		return fmt.Errorf("%s: %w", t.what, err)
	case doubtful:
		if t.doubtful++; t.doubtful >= doubtfulMax {
			return fmt.Errorf("%s: failed %d times: %w", t.what, t.doubtful, err)
		}
	}
	pause := min(pauseMin<<min(t.failed-1, 10), pauseMax)
	if t.failed&(t.failed-1) == 0 { // the 1st, 2nd, 4th, 8th time: a long outage must not fill the disk
		t.store.logger.Warn("event log: trying again", "work", t.what, "failed", t.failed, "pause", pause, "error", err)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return t.gaveUp(ctx, err)
	}
}

// gaveUp says that the context's end came before success, and what stood in the way if anything did.
func (t *tries) gaveUp(ctx context.Context, last error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(last, cause):
		return fmt.Errorf("%s: %w", t.what, last)
	case t.failed == 0:
		return fmt.Errorf("%s: %w", t.what, cause)
	}
	return fmt.Errorf("%s: %w after %d failed tries, of which the last: %v", t.what, cause, t.failed, last)
}

// progress forgets earlier failures.
func (t *tries) progress() { t.failed, t.doubtful = 0, 0 }
