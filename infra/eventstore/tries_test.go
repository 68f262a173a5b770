package eventstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestJudge(t *testing.T) {
	verdicts := map[error]verdict{
		io.EOF:                    doubtful,
		errors.New("odd"):         doubtful,
		keysAway{io.EOF}:          passing,
		unreadable{io.EOF}:        final,
		unreadable{keysAway{nil}}: passing,
	}
	for code, want := range map[codes.Code]verdict{
		codes.Unavailable: passing, codes.DeadlineExceeded: passing, codes.Aborted: passing,
		codes.Internal: doubtful, codes.Unknown: doubtful, codes.Canceled: doubtful, codes.ResourceExhausted: doubtful,
		codes.PermissionDenied: final, codes.Unauthenticated: final, codes.InvalidArgument: final, codes.DataLoss: final,
	} {
		verdicts[fmt.Errorf("subscription: %w", status.Error(code, "said the server"))] = want
	}
	for err, want := range verdicts {
		if got := judge(err); got != want {
			t.Errorf("%v is judged %d instead of %d", err, got, want)
		}
	}
}

// A fault that does not pass is told after a few tries; success in between starts the count anew.
func TestDoubtfulErrorsAreNotTriedForEver(t *testing.T) {
	s := &Store{logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	tries := tries{store: s, what: "work"}
	for range 3 * doubtfulMax {
		if err := tries.again(t.Context(), io.EOF); err != nil {
			t.Fatal(err)
		}
		tries.progress()
	}
	for n := 1; ; n++ {
		err := tries.again(t.Context(), io.EOF)
		if (err != nil) != (n == doubtfulMax) {
			t.Fatalf("failure %d: %v", n, err)
		}
		if err != nil {
			break
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	tries.failed = 3
	cancel()
	if err := tries.again(ended, io.EOF); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("at the end of the context: %v", err)
	}
}
