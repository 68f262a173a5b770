package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
)

const (
	flushEvery     = 250 * time.Millisecond // default of Options.FlushEvery
	takeOverEvery  = 250 * time.Millisecond // between two tries to become the owner of a view that somebody else owns
	retryFirst     = 20 * time.Millisecond  // wait after the first passing trouble, doubled each time
	retryLast      = 3 * time.Second        // longest wait after a passing trouble
	pauseShare     = 5                      // a small page is followed by a pause so many times as long as it took: under load more records share a transaction
	pauseMax       = 20 * time.Millisecond  // the longest such pause
	pageLarge      = 100                    // records; a page of so many is followed at once by the next
	pageTimeMax    = 5 * time.Minute        // for the transaction of one page
	farewellMax    = 2 * time.Second        // for the last checkpoint when the context has ended
	recordTriesMax = 3                      // for a record that the view cannot digest
	followTriesMax = 8                      // for a log that hands over nothing but an error, although it outlives passing troubles by itself
)

// checkpoint is how far a view has come: the position, and which event was there.
type checkpoint struct {
	Position domain.Position
	Event    string
	Stream   string
	Revision domain.Revision
	Owner    int64
}

func (c checkpoint) after(record domain.Record) checkpoint {
	return checkpoint{Position: record.Position, Event: record.ID, Stream: record.Stream, Revision: record.Revision, Owner: c.Owner}
}

// Run keeps a view up to date until the context ends, and then returns nil. Of all that run the same view on the same
// database one owns it, the others wait for their turn. Lost connections and restarts of Postgres are outlived.
// A record that the view cannot digest ends Run with a StoppedError, and so does a log that is not the one that the
// view has seen so far; rows and checkpoint then show the state before that record.
// One connection of db is in use as long as the view is owned; an owner that is frozen loses it, and so the view, after
// silenceMax.
func Run(ctx context.Context, db *sqlx.DB, log domain.Log, view View, o Options) error {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.FlushEvery == 0 {
		o.FlushEvery = flushEvery
	}
	wait, fruitless := retryFirst, 0
	for ctx.Err() == nil {
		owner := owner{db: db, log: log, view: view, Options: o}
		err := owner.run(ctx)
		var stopped *StoppedError
		if errors.As(err, &stopped) {
			return err
		}
		if owner.progress {
			wait, fruitless = retryFirst, 0
		}
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errFollow) {
			fruitless++
		}
		if fruitless == followTriesMax {
			return &StoppedError{View: view.Name, Position: owner.at.Position, Stream: owner.at.Stream, Cause: err}
		}
		o.Logger.WarnContext(ctx, "view interrupted", "view", view.Name, "position", uint64(owner.at.Position), "cause", kindOf(err), "retry_in", wait)
		sleep(ctx, wait)
		wait = min(2*wait, retryLast)
	}
	return nil
}

func sleep(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

// owner is one turn at owning a view: from the lock to the loss of the connection or the end of the context.
type owner struct {
	Options
	db      *sqlx.DB
	log     domain.Log
	view    View
	session *Session

	mu       sync.Mutex // held by whoever writes: the page that arrived, or the timer that flushes
	at       checkpoint // what the view shows
	durable  checkpoint // what the database knows of it; older only by records that do not concern the view
	progress bool       // something was seen
	flushing bool       // a timer is set
	broken   error      // of the timer
	over     bool       // the turn has ended, the session is not to be used any more
	cancel   context.CancelFunc
}

// errFollow marks errors that come from the log and not from the view.
var errFollow = errors.New("follow the log")

func (o *owner) run(ctx context.Context) error {
	session, err := lock(ctx, o.db, o.view.Name)
	if err != nil {
		return err
	}
	o.session = session
	defer session.close()
	if err := o.takeOver(ctx); err != nil {
		return err
	}
	mark(o.db, o.view.Name, o.at.Position, true)
	defer unmark(o.db, o.view.Name)
	following, cancel := context.WithCancel(ctx)
	defer cancel()
	o.cancel = cancel
	go o.beat(following)
	err = o.log.Follow(following, o.at.Position, func(page []domain.Record) error {
		began := time.Now()
		err := o.take(following, page)
		if len(page) < pageLarge {
			o.rest(following, time.Since(began))
		}
		return err
	})
	return o.leave(ctx, err)
}

// rest waits after a small page that took so long.
func (o *owner) rest(ctx context.Context, took time.Duration) {
	if o.view.Rest == 0 {
		sleep(ctx, min(pauseShare*took, pauseMax))
		return
	}
	select {
	case <-ctx.Done():
	case <-wanted(o.db, o.view.Name):
	case <-time.After(o.view.Rest):
	}
}

// errSeen wraps what take returns, so that Follow's own errors can be told from it.
type errSeen struct{ error }

func (e errSeen) Unwrap() error { return e.error }

// leave writes the last checkpoint and says why the turn has ended.
func (o *owner) leave(ctx context.Context, err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	var seen errSeen
	switch {
	case o.broken != nil:
		return o.broken
	case errors.As(err, &seen):
		return seen.error
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellMax)
	defer cancel()
	if flushErr := o.flush(last); flushErr != nil && ctx.Err() == nil {
		return flushErr
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", errFollow, err)
}

// lock waits until this connection owns the view. It asks again and again instead of waiting inside Postgres, where a
// waiting statement would keep the cleaning of all tables from making progress.
func lock(ctx context.Context, db *sqlx.DB, view string) (*Session, error) {
	for {
		session, err := openSession(ctx, db)
		if err != nil {
			return nil, err
		}
		var mine bool
		err = session.conn.GetContext(ctx, &mine, `select pg_try_advisory_lock(hashtextextended(current_schema() || '/' || $1, 0))`, view)
		switch {
		case err != nil:
			session.close()
			return nil, fmt.Errorf("lock view: %w", err)
		case mine:
			if err := session.limitSilence(ctx); err != nil {
				session.close()
				return nil, err
			}
			return session, nil
		}
		if err := session.conn.Close(); err != nil {
			return nil, fmt.Errorf("give connection back: %w", err)
		}
		sleep(ctx, takeOverEvery)
	}
}

// takeOver makes every earlier owner's writes impossible and reads where to go on.
func (o *owner) takeOver(ctx context.Context) error {
	err := o.session.conn.GetContext(ctx, &o.at, `
		insert into checkpoints as c (view, owner) values ($1, 1)
		on conflict (view) do update set owner = c.owner + 1
		returning position, event, stream, revision, owner`, o.view.Name)
	if err != nil {
		return fmt.Errorf("take over checkpoint: %w", err)
	}
	o.durable = o.at
	if o.at.Position == 0 {
		return nil
	}
	for record, err := range o.log.Read(ctx, o.at.Stream, o.at.Revision) {
		if err != nil {
			return fmt.Errorf("read the event at the checkpoint: %w", err)
		}
		if record.ID == o.at.Event && record.Position == o.at.Position {
			return nil
		}
		break
	}
	return &StoppedError{View: o.view.Name, Position: o.at.Position, Stream: o.at.Stream, Cause: ErrForeignLog}
}

// take shows the view what it has not seen yet of a page.
func (o *owner) take(ctx context.Context, page []domain.Record) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken != nil {
		return errSeen{o.broken}
	}
	var concerned []domain.Record
	at := o.at
	for _, record := range page {
		if record.Position <= at.Position {
			continue // handed over twice
		}
		at = at.after(record)
		if o.view.Concerns(record.Event) {
			concerned = append(concerned, record)
		}
	}
	if at == o.at {
		return nil
	}
	if len(concerned) == 0 {
		o.skip(at)
		return nil
	}
	err := o.show(ctx, concerned, at)
	if err != nil && !passing(err) {
		err = o.showSingly(ctx, concerned, at)
	}
	if err != nil {
		return errSeen{err}
	}
	return nil
}

// show is one transaction: the checkpoint and what the view writes.
func (o *owner) show(ctx context.Context, page []domain.Record, at checkpoint) error {
	ctx, cancel := context.WithTimeout(ctx, pageTimeMax)
	defer cancel()
	if err := o.session.see(ctx, o.view, page, func(ctx context.Context) error { return o.move(ctx, at) }); err != nil {
		return err
	}
	o.durable = at
	o.seen(at, true)
	return nil
}

// showSingly goes through a page that cannot be digested as a whole up to the record that is to blame.
func (o *owner) showSingly(ctx context.Context, page []domain.Record, last checkpoint) error {
	for i, record := range page {
		at := o.at.after(record)
		if i == len(page)-1 {
			at = last
		}
		var err error
		for try := range recordTriesMax {
			sleep(ctx, time.Duration(try)*retryFirst)
			if err = o.show(ctx, page[i:i+1], at); err == nil || passing(err) {
				break
			}
		}
		switch {
		case err == nil:
		case passing(err):
			return err
		default:
			stopped := &StoppedError{View: o.view.Name, Position: record.Position, Stream: record.Stream, Cause: err}
			o.Logger.ErrorContext(ctx, "view stopped", "view", o.view.Name, "position", uint64(record.Position), "stream", record.Stream,
				"type", record.Type, "cause", kindOf(err))
			return stopped
		}
	}
	return nil
}

// move writes the checkpoint: only forward, and only as long as nobody else has taken the view over.
func (o *owner) move(ctx context.Context, at checkpoint) error {
	moved, err := o.session.change(ctx, `
		update checkpoints set position = $2, event = $3, stream = $4, revision = $5
		where view = $1 and owner = $6 and position < $2`,
		o.view.Name, int64(at.Position), at.Event, at.Stream, int64(at.Revision), at.Owner)
	if err != nil {
		return fmt.Errorf("move checkpoint: %w", err)
	}
	if moved == 0 {
		return errTakenOver
	}
	return nil
}

func (o *owner) seen(at checkpoint, changed bool) {
	o.at, o.progress = at, true
	mark(o.db, o.view.Name, at.Position, changed)
}

// skip passes over records that do not concern the view; the database learns of it a little later.
func (o *owner) skip(at checkpoint) {
	o.seen(at, false)
	if o.flushing {
		return
	}
	o.flushing = true
	time.AfterFunc(o.FlushEvery, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.flushing = false
		if o.over {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), pageTimeMax)
		defer cancel()
		if o.broken = o.flush(ctx); o.broken != nil {
			o.cancel()
		}
	})
}

func (o *owner) flush(ctx context.Context) error {
	if o.durable == o.at {
		return nil
	}
	if err := o.move(ctx, o.at); err != nil {
		return err
	}
	o.durable = o.at
	return nil
}
