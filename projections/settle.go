package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// watermarks tells how far the views have come that this process runs on one database. They may be ahead of the
// checkpoints in the database by records that do not concern the view.
type watermarks struct {
	at      map[string]domain.Position // by view
	changed map[string]uint64          // by view: the number of its last change, or of the beginning of its turn
	moved   chan struct{}              // closed at the next change; nil when nobody waits
	wanted  map[string]chan struct{}   // by view: has room for one word that somebody waits for it
}

// here holds the watermarks of this process by database handle, and changes counts the changes of all its views. Both
// are guarded by hereMu.
var (
	hereMu  sync.Mutex
	here    = map[*sqlx.DB]*watermarks{}
	changes uint64
)

// mark notes that a view of this process shows everything up to a position, and whether its tables may have changed.
func mark(db *sqlx.DB, view string, at domain.Position, changed bool) {
	hereMu.Lock()
	defer hereMu.Unlock()
	marks := here[db]
	if marks == nil {
		marks = &watermarks{at: map[string]domain.Position{}, changed: map[string]uint64{}, wanted: map[string]chan struct{}{}}
		here[db] = marks
	}
	marks.at[view] = at
	if changed {
		changes++
		marks.changed[view] = changes
	}
	if marks.wanted[view] == nil {
		marks.wanted[view] = make(chan struct{}, 1)
	}
	marks.wake()
}

// wanted hears of whoever waits for a view that this process runs. A word may be old: from somebody who has seen it meanwhile.
func wanted(db *sqlx.DB, view string) <-chan struct{} {
	hereMu.Lock()
	defer hereMu.Unlock()
	if marks := here[db]; marks != nil {
		return marks.wanted[view]
	}
	return nil
}

// edition numbers what some views show: as long as the number is the same, none of their tables has changed. It is not
// known when one of the views runs elsewhere.
func edition(db *sqlx.DB, views ...string) (number uint64, known bool) {
	hereMu.Lock()
	defer hereMu.Unlock()
	marks := here[db]
	if marks == nil {
		return 0, false
	}
	return marks.edition(views)
}

func (m *watermarks) edition(views []string) (number uint64, known bool) {
	for _, view := range views {
		if _, runs := m.at[view]; !runs {
			return 0, false
		}
		number = max(number, m.changed[view])
	}
	return number, true
}

// Moment is what some views showed when they were looked at. Two moments that are equal showed the same. The zero value
// is before everything.
type Moment struct {
	edition  uint64          // while the views run here
	position domain.Position // of their checkpoints, while one of them runs elsewhere
}

// awaitPoll is the wait between two looks at checkpoints that another process moves.
const awaitPoll = time.Second

// Await waits until the views may show something else than at a moment, wherever they run, and answers the moment that
// is now. It returns the context's error when that ends first.
func Await(ctx context.Context, db *sqlx.DB, since Moment, views ...string) (Moment, error) {
	for {
		now, moved, known := present(db, views)
		if !known {
			err := db.GetContext(ctx, &now.position, `select coalesce(max(position), 0) from checkpoints where view = any($1)`, pq.Array(views))
			if err != nil && ctx.Err() == nil {
				return since, fmt.Errorf("read checkpoints: %w", err)
			}
		}
		if now != since && ctx.Err() == nil {
			return now, nil
		}
		var poll <-chan time.Time
		if !known {
			poll = time.After(awaitPoll)
		}
		select {
		case <-ctx.Done():
			return since, ctx.Err()
		case <-moved:
		case <-poll:
		}
	}
}

// present is the moment as this process knows it, with a channel that closes when one of its views moves; not here when
// one of the views runs elsewhere.
func present(db *sqlx.DB, views []string) (now Moment, moved <-chan struct{}, known bool) {
	hereMu.Lock()
	defer hereMu.Unlock()
	marks := here[db]
	if marks == nil {
		return Moment{}, nil, false
	}
	if now.edition, known = marks.edition(views); !known {
		return Moment{}, nil, false
	}
	return now, marks.wait(), true
}

// unmark notes that this process does not run the view any more.
func unmark(db *sqlx.DB, view string) {
	hereMu.Lock()
	defer hereMu.Unlock()
	if marks := here[db]; marks != nil {
		delete(marks.at, view)
		marks.wake()
		if len(marks.at) == 0 {
			delete(here, db)
		}
	}
}

func (m *watermarks) wake() {
	if m.moved != nil {
		close(m.moved)
		m.moved = nil
	}
}

// behind splits the views that have not come to a position into those that run here, which are told that somebody waits, with a channel
// that closes when one of them moves, and the others.
func behind(db *sqlx.DB, at domain.Position, views []string) (local int, moved <-chan struct{}, elsewhere []string) {
	hereMu.Lock()
	defer hereMu.Unlock()
	marks := here[db]
	if marks == nil {
		return 0, nil, slices.Clone(views)
	}
	for _, view := range views {
		seen, ok := marks.at[view]
		if !ok {
			elsewhere = append(elsewhere, view)
		} else if seen < at {
			local++
			select {
			case marks.wanted[view] <- struct{}{}:
			default: // it has been told
			}
		}
	}
	return local, marks.wait(), elsewhere
}

// wait is a channel that closes when a view moves.
func (m *watermarks) wait() <-chan struct{} {
	if m.moved == nil {
		m.moved = make(chan struct{})
	}
	return m.moved
}

// settlePollFirst and settlePollLast are the shortest and the longest wait between two looks at checkpoints that
// another process moves.
const (
	settlePollFirst = 2 * time.Millisecond
	settlePollLast  = 50 * time.Millisecond
)

// Settle waits until the views show everything up to a position, wherever they run. It answers ErrNotYet when the
// context's deadline passes first: what was accepted stays accepted.
func Settle(ctx context.Context, db *sqlx.DB, at domain.Position, views ...string) error {
	if at == 0 {
		return nil
	}
	for wait := settlePollFirst; ; wait = min(2*wait, settlePollLast) {
		local, moved, elsewhere := behind(db, at, views)
		if len(elsewhere) > 0 {
			var err error
			if elsewhere, err = behindElsewhere(ctx, db, at, elsewhere); err != nil {
				return notYet(ctx, fmt.Errorf("read checkpoints: %w", err))
			}
		}
		if local == 0 && len(elsewhere) == 0 {
			return nil
		}
		var poll <-chan time.Time
		if len(elsewhere) > 0 {
			poll = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return notYet(ctx, ctx.Err())
		case <-moved:
		case <-poll:
		}
	}
}

func notYet(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrNotYet
	}
	return err
}

func behindElsewhere(ctx context.Context, db *sqlx.DB, at domain.Position, views []string) ([]string, error) {
	var there []string
	err := db.SelectContext(ctx, &there, `select view from checkpoints where view = any($1) and position >= $2`, pq.Array(views), int64(at))
	return slices.DeleteFunc(views, func(view string) bool { return slices.Contains(there, view) }), err
}
