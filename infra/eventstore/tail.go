package eventstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"netrom.pl/portal/domain"
)

// tail is one subscription that all followers near the end of the log share, so that an event crosses the wire and is
// decoded once, however many views want it. It remembers the newest records and waits for nobody: a follower that was
// too slow, or begins further back, follows for itself until it has caught up with what the tail remembers.
type tail struct {
	mu   sync.Mutex
	turn *turn // nil while nobody follows
}

// tailMax is how many records the tail remembers at least, once so many have come.
const tailMax = 2 * PageMax

// turn is the tail from its first follower to its last, or until its subscription fails for good.
type turn struct {
	followers int // guarded by tail.mu
	stop      context.CancelFunc
	done      chan struct{}

	mu      sync.Mutex
	after   domain.Position // every record after it that has come is in records
	records []domain.Record // ascending; handed out in pieces, so never overwritten
	changed chan struct{}   // closed at the next change
	err     error           // why no more records will come
}

// errBehind says that the tail no longer remembers what a follower wants next.
var errBehind = errors.New("behind the tail")

// turnOver is why the tail ended; trying again has been done already.
type turnOver struct{ error }

// join admits a follower that has seen everything up to a position, if the tail can go on from there. Where nobody
// follows, the first who has come to the end of the log begins a turn: the tail is for news, not for history.
func (s *Store) join(after domain.Position, live bool) (*turn, bool) {
	s.tail.mu.Lock()
	defer s.tail.mu.Unlock()
	if !s.tail.admits(after, live) {
		return nil, false
	}
	t := s.tail.turn
	if t == nil || t.ended() {
		ctx, stop := s.open(context.Background())
		t = &turn{stop: stop, done: make(chan struct{}), after: after, changed: make(chan struct{})}
		s.tail.turn = t
		go t.run(ctx, s)
	}
	t.followers++
	return t, true
}

// mayJoin tells whether join would admit a follower now.
func (s *Store) mayJoin(after domain.Position, live bool) bool {
	s.tail.mu.Lock()
	defer s.tail.mu.Unlock()
	return s.tail.admits(after, live)
}

func (t *tail) admits(after domain.Position, live bool) bool {
	if t.turn == nil || t.turn.ended() {
		return live
	}
	return t.turn.covers(after)
}

// part lets a follower go; the last one ends the turn and waits until its subscription is given back.
func (s *Store) part(t *turn) {
	s.tail.mu.Lock()
	t.followers--
	last := t.followers == 0
	if last && s.tail.turn == t {
		s.tail.turn = nil
	}
	s.tail.mu.Unlock()
	if last {
		t.stop()
		<-t.done
	}
}

func (t *turn) run(ctx context.Context, s *Store) {
	defer close(t.done)
	at := t.after
	tries := tries{store: s, what: fmt.Sprintf("follow the log after %d", at)}
	for {
		err := s.followOnce(ctx, &at, &tries, t.add, func(bool) bool { return false })
		if err := tries.again(ctx, err); err != nil {
			t.mu.Lock()
			t.err = turnOver{err}
			close(t.changed)
			t.mu.Unlock()
			return
		}
	}
}

// add takes what the subscription brings. It never refuses.
func (t *turn) add(page []domain.Record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if forget := len(t.records) - tailMax; forget >= tailMax {
		t.after = t.records[forget-1].Position
		t.records = slices.Clone(t.records[forget:])
	}
	t.records = append(t.records, page...)
	close(t.changed)
	t.changed = make(chan struct{})
	return nil
}

func (t *turn) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err != nil
}

func (t *turn) covers(after domain.Position) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return after >= t.after
}

// hand gives a follower everything after its position, and goes on as it comes; after moves with what was handed over.
// It returns see's error, the reason why the tail ended, errBehind, or the context's cause.
func (t *turn) hand(ctx context.Context, after *domain.Position, see func([]domain.Record) error) error {
	for {
		page, changed, err := t.next(*after)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			if err := see(page); err != nil {
				return stoppedBySee{err}
			}
			*after = page[len(page)-1].Position
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// next is the page that follows a position, or what to wait for.
func (t *turn) next(after domain.Position) (page []domain.Record, changed <-chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if after < t.after {
		return nil, nil, errBehind
	}
	first := sort.Search(len(t.records), func(i int) bool { return t.records[i].Position > after })
	if first == len(t.records) {
		return nil, t.changed, t.err
	}
	last := min(first+PageMax, len(t.records))
	return t.records[first:last:last], nil, nil
}
