package projections

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
)

// counting is a view with nothing but effects that must happen once: it counts records.
func (w *world) counting() View {
	w.t.Helper()
	if _, err := w.db.Exec(`create table if not exists counted (stream text primary key, n bigint not null)`); err != nil {
		w.t.Fatal(err)
	}
	return View{Name: "counting", Tables: []string{"counted"}, Concerns: func(domain.Event) bool { return true },
		See: func(ctx context.Context, s *Session, page []domain.Record) error {
			for _, record := range page {
				_, err := s.change(ctx, `insert into counted as c values ($1, 1) on conflict (stream) do update set n = c.n + 1`, record.Stream)
				if err != nil {
					return err
				}
			}
			return nil
		}}
}

// checkCounted compares the count with the log.
func (w *world) checkCounted() {
	w.t.Helper()
	want := map[string]int{}
	for record := range w.log.History(ctx, 0) {
		want[record.Stream]++
	}
	var rows []struct {
		Stream string
		N      int
	}
	if err := w.db.Select(&rows, `select stream, n from counted`); err != nil {
		w.t.Fatal(err)
	}
	if len(rows) != len(want) {
		w.t.Errorf("%d streams counted, the log has %d", len(rows), len(want))
	}
	for _, row := range rows {
		if row.N != want[row.Stream] {
			w.t.Errorf("stream %s counted %d, the log has %d", row.Stream, row.N, want[row.Stream])
		}
	}
}

func (w *world) settleAt(db *sqlx.DB, views ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := Settle(ctx, db, w.head(), views...); err != nil {
		w.t.Fatalf("settle %v at %d: %v", views, w.head(), err)
	}
}

// start runs a view on a database until stop, which answers how it ended.
func (w *world) start(db *sqlx.DB, log domain.Log, view View) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, db, log, view, Options{}) }()
	return sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
}

// The connection breaks before and after each step of a page's transaction: every effect happens once.
func TestBrokenAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, view := range append(All(), View{Name: "counting"}) {
		t.Run(view.Name, func(t *testing.T) {
			t.Parallel()
			w := stand(t)
			if view.Name == "counting" {
				view = w.counting()
			}
			var f faults
			db := openFaulty(t, w.url+w.searchPath("views"), &f)
			stop := w.start(db, w.log, view)
			w.open()
			chapters, broken := 0, 0
			for _, after := range []bool{false, true} {
				for n, spared := 1, false; !spared; n++ {
					w.settleAt(db, view.Name)
					let := w.memory.hold()
					if view.Name == "counting" {
						w.grant(domain.LicenceID(fmt.Sprintf("l-%t-%d", after, n)), alfa, "2.0")
					} else {
						w.chapter(chapters)
					}
					chapters++
					f.arm(n, after)
					let()
					w.settleAt(db, view.Name)
					if spared = f.spared(); !spared {
						broken++
					}
				}
			}
			if broken < 8 {
				t.Errorf("only %d steps were broken", broken)
			}
			if err := stop(); err != nil {
				t.Errorf("run: %v", err)
			}
			if view.Name == "counting" {
				w.checkCounted()
				return
			}
			w.sameAsRebuilt(view)
		})
	}
}

func (w *world) searchPath(schema string) string {
	if strings.Contains(w.url, "?") {
		return "&search_path=" + schema
	}
	return "?search_path=" + schema
}

// sameAsRebuilt compares the tables of one view that ran alone.
func (w *world) sameAsRebuilt(view View) {
	w.t.Helper()
	again := w.schema("again")
	if err := Rebuild(ctx, again, w.log, "again"); err != nil {
		w.t.Fatal(err)
	}
	live, rebuilt := must(Dump(ctx, w.db)), must(Dump(ctx, again))
	for _, table := range view.Tables {
		if live[table] != rebuilt[table] {
			w.t.Errorf("table %s differs after a rebuild:\nlive:    %v\nrebuilt: %v", table, lines(w.t, w.db, table), lines(w.t, again, table))
		}
		if len(lines(w.t, again, table)) == 0 {
			w.t.Errorf("table %s is empty: nothing was compared", table)
		}
	}
}

// Pages that come twice, cut anew, or long after they were seen, change nothing.
func TestRepeatedPagesAreHarmless(t *testing.T) {
	t.Parallel()
	w := stand(t)
	w.memory.deliver = func() func([]domain.Record) [][]domain.Record {
		random := rand.New(rand.NewSource(7))
		var old [][]domain.Record
		return func(page []domain.Record) [][]domain.Record {
			cut := random.Intn(len(page) + 1)
			old = append(old, page)
			return [][]domain.Record{page[:cut], page[:cut], page, page[cut:], old[random.Intn(len(old))]}
		}
	}
	w.memory.pageMax = 9
	w.run(append(All(), w.counting())...)
	w.open()
	for n := range 3 {
		w.chapter(n)
	}
	w.rebuiltEqualsLive()
	w.settleAt(w.db, "counting")
	w.checkCounted()
}

// Postgres ends connections while histories are written: the views go on where they were.
func TestTerminatedBackends(t *testing.T) {
	t.Parallel()
	w := stand(t)
	w.run(append(All(), w.counting())...)
	w.open()
	w.settle()
	done := make(chan struct{})
	var killed atomic.Int64
	go func() {
		defer close(done)
		for range 15 {
			time.Sleep(20 * time.Millisecond)
			n, err := w.terminateOwners("")
			if err != nil {
				t.Error(err)
			}
			killed.Add(n)
		}
	}()
	for n := range 12 {
		w.chapter(n)
	}
	<-done
	w.chapter(12)
	w.rebuiltEqualsLive()
	w.settleAt(w.db, "counting")
	w.checkCounted()
	if killed.Load() < 20 {
		t.Errorf("only %d connections were ended", killed.Load())
	}
}

// terminateOwners ends the connections of those who own views, all or those that belong to one application.
func (w *world) terminateOwners(application string) (n int64, err error) {
	err = w.db.Get(&n, `
		select count(*) from (
			select pg_terminate_backend(a.pid) from pg_stat_activity a
			where a.datname = current_database() and ($1 = '' or a.application_name = $1)
				and exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory')
		) ended`, application)
	return n, err
}

// Two portals run the same view: one owns it, the other takes over when the owner's connection goes, and every record counts once.
func TestTwoOwners(t *testing.T) {
	t.Parallel()
	w := stand(t)
	view := w.counting()
	var stops []func() error
	for _, portal := range []string{"portal-a", "portal-b"} {
		db := must(sqlx.Connect("postgres", w.url+w.searchPath("views")+"&application_name="+portal))
		t.Cleanup(func() { db.Close() })
		stops = append(stops, w.start(db, w.log, view))
	}
	w.open()
	for round := range 5 {
		w.grant(domain.LicenceID(fmt.Sprintf("l-%d", round)), alfa, "2.0")
		w.settleAt(w.db, "counting")
		var owners int
		if err := w.db.Get(&owners, `select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`); err != nil || owners != 1 {
			t.Fatalf("round %d: %d owners, %v", round, owners, err)
		}
		w.grant(domain.LicenceID(fmt.Sprintf("l-again-%d", round)), alfa, "2.0")
		if _, err := w.terminateOwners(""); err != nil {
			t.Fatal(err)
		}
	}
	w.settleAt(w.db, "counting")
	if err := stops[0](); err != nil {
		t.Errorf("run: %v", err)
	}
	w.grant("l-last", alfa, "2.0")
	w.settleAt(w.db, "counting")
	if err := stops[1](); err != nil {
		t.Errorf("run: %v", err)
	}
	w.checkCounted()
	var epoch int
	if err := w.db.Get(&epoch, `select owner from checkpoints where view = 'counting'`); err != nil || epoch < 6 {
		t.Errorf("%d takeovers, %v", epoch, err)
	}
}

// An owner that slept through a takeover cannot write, even if it still has its connection and its lock.
func TestFence(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	view := w.counting()
	sleeper := owner{db: w.db, log: w.log, view: view, Options: Options{FlushEvery: flushEvery}}
	sleeper.session = must(lock(ctx, w.db, view.Name))
	defer sleeper.session.close()
	if err := sleeper.takeOver(ctx); err != nil {
		t.Fatal(err)
	}
	successor := owner{db: w.db, log: w.log, view: view, session: must(openSession(ctx, w.db))}
	defer successor.session.close()
	if err := successor.takeOver(ctx); err != nil {
		t.Fatal(err)
	}
	page, _ := w.memory.snapshot()
	if err := sleeper.take(ctx, page); !errors.Is(err, errTakenOver) {
		t.Errorf("the former owner writes: %v", err)
	}
	if rows := lines(t, w.db, "counted"); len(rows) != 0 {
		t.Errorf("it wrote %v", rows)
	}
	if err := successor.take(ctx, page); err != nil {
		t.Fatal(err)
	}
	w.checkCounted()
}

// A record that cannot be digested stops its view with its place; what came before it is there, and other views go on.
func TestPoison(t *testing.T) {
	t.Parallel()
	secret := domain.ReversalReceived{Reversal: "r-twice", Statement: "s-1", Amount: 1, Title: "za program", PayerName: "Jan Tajny"}
	for name, poison := range map[string]struct {
		stream string
		event  domain.Event
		views  []View
	}{
		"postgres refuses it": {"reversal-again", secret, []View{payments}},
		"the domain panics":   {"program-unlisted", domain.VersionReleased{Program: "unlisted", Edition: domain.SingleStation, Version: "1"}, []View{programs, entitlements}},
	} {
		t.Run(name, func(t *testing.T) {
			w := stand(t).open()
			do[domain.Reversal](w, domain.ReceiveReversal{ReversalReceived: secret})
			ended := make(chan error, len(All()))
			running, cancel := context.WithCancel(ctx)
			defer cancel()
			for _, view := range All() {
				go func() { ended <- Run(running, w.db, w.log, view, Options{}) }()
			}
			w.settle()
			let := w.memory.hold()
			w.chapter(1)
			at := must(w.log.Append(ctx, poison.stream, domain.NoStream, []domain.Proposed{{ID: "00000000-0000-0000-0000-000000000001", Event: poison.event}}))
			w.chapter(2)
			let()
			stopped := map[string]bool{}
			for range poison.views {
				var stop *StoppedError
				select {
				case err := <-ended:
					if !errors.As(err, &stop) {
						t.Fatalf("ended with %v", err)
					}
				case <-time.After(20 * time.Second):
					t.Fatalf("of %d views only %v stopped", len(poison.views), stopped)
				}
				stopped[stop.View] = true
				if stop.Position != at || stop.Stream != poison.stream || strings.Contains(stop.Error(), "Tajny") {
					t.Errorf("stopped: %v, want position %d", stop, at)
				}
			}
			var others []string
			for _, view := range All() {
				if !stopped[view.Name] {
					others = append(others, view.Name)
				}
			}
			w.settleAt(w.db, others...)
			for _, view := range poison.views {
				w.resumes(view, at)
			}
			cancel()
			for range others {
				if err := <-ended; err != nil {
					t.Errorf("another view ended with %v", err)
				}
			}
		})
	}
}

// resumes checks that a stopped view shows everything before the poison, and goes on once it can digest it.
func (w *world) resumes(view View, poison domain.Position) {
	w.t.Helper()
	var at domain.Position
	if err := w.db.Get(&at, `select position from checkpoints where view = $1`, view.Name); err != nil || at >= poison {
		w.t.Errorf("view %s has its checkpoint at %d, the poison is at %d: %v", view.Name, at, poison, err)
	}
	cured := view
	cured.See = func(ctx context.Context, s *Session, page []domain.Record) error {
		var digestible []domain.Record
		for _, record := range page {
			if record.Position != poison {
				digestible = append(digestible, record)
			}
		}
		if len(digestible) == 0 {
			return nil
		}
		return view.See(ctx, s, digestible)
	}
	stop := w.start(w.db, w.log, cured)
	w.settleAt(w.db, view.Name)
	if err := stop(); err != nil {
		w.t.Errorf("view %s after its cure: %v", view.Name, err)
	}
}

// A log that can no longer be read stops the view too.
func TestUnreadableLog(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	w.memory.broken = errors.New("event type Unknown of schema 9 in stream order-1")
	err := Run(ctx, w.db, w.log, customers, Options{})
	var stopped *StoppedError
	if !errors.As(err, &stopped) || stopped.Position != w.head() || !strings.Contains(err.Error(), "Unknown of schema 9") {
		t.Errorf("run: %v", err)
	}
}

// A view that has seen more than the log contains refuses to go on, and says what to do.
func TestForeignLog(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	for name, view := range map[string]View{"concerned to the end": w.counting(), "concerned long ago": programs} {
		stop := w.start(w.db, w.log, view)
		w.settleAt(w.db, view.Name)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		other := stand(t).open().memory
		other.records[len(other.records)-1].ID = "another event"
		for what, log := range map[string]*memoryLog{"older copy": w.memory.forget(len(w.memory.records) - 1), "empty": newLog(), "another log": other} {
			err := Run(ctx, w.db, log, view, Options{})
			if !errors.Is(err, ErrForeignLog) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		stop = w.start(w.db, w.log, view)
		w.grant(domain.LicenceID("l-"+view.Name), alfa, "2.0")
		w.settleAt(w.db, view.Name)
		if err := stop(); err != nil {
			t.Errorf("%s, on its own log: %v", name, err)
		}
	}
}

// Records that do not concern a view cost it no transaction each, and still let Settle pass at once; the checkpoint
// follows a little later, for those who look from elsewhere.
func TestUnconcernedRecordsAreCheap(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	runFor := func(every time.Duration) (stop func()) {
		running, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- Run(running, w.db, w.log, programs, Options{FlushEvery: every}) }()
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("run: %v", err)
			}
		}
	}
	stop := runFor(time.Hour)
	w.settleAt(w.db, programs.Name)
	before := w.checkpoint(programs)
	for i := range 50 {
		do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: "user-1", Link: i + 1})
		w.settleAt(w.db, programs.Name)
	}
	if at := w.checkpoint(programs); at != before {
		t.Errorf("checkpoint moved from %d to %d for nothing", before, at)
	}
	stop()
	defer runFor(time.Millisecond)()
	w.settleAt(w.db, programs.Name)
	do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: "user-2", Link: 1})
	elsewhere := must(sqlx.Connect("postgres", w.url+w.searchPath("views")))
	defer elsewhere.Close()
	w.settleAt(elsewhere, programs.Name)
	if at := w.checkpoint(programs); at != w.head() {
		t.Errorf("checkpoint at %d, the log ends at %d", at, w.head())
	}
}

func (w *world) checkpoint(view View) domain.Position {
	w.t.Helper()
	var at domain.Position
	if err := w.db.Get(&at, `select position from checkpoints where view = $1`, view.Name); err != nil {
		w.t.Fatal(err)
	}
	return at
}

// The last lazy checkpoint is written when the view ends in an orderly way.
func TestCheckpointAtTheEnd(t *testing.T) {
	t.Parallel()
	w := stand(t)
	stop := w.start(w.db, w.log, customers)
	w.open()
	w.settleAt(w.db, customers.Name)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if at := w.checkpoint(customers); at != w.head() {
		t.Errorf("checkpoint at %d, the log ends at %d", at, w.head())
	}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	short := func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 20*time.Millisecond) }
	soon, cancel := short()
	defer cancel()
	if err := Settle(soon, w.db, 0, customers.Name); err != nil {
		t.Errorf("nothing to wait for: %v", err)
	}
	if err := Settle(soon, w.db, 7, customers.Name); !errors.Is(err, ErrNotYet) {
		t.Errorf("a view that does not run: %v", err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if err := Settle(ended, w.db, 7, customers.Name); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever asks goes away: %v", err)
	}
	w.run(customers, orders)
	w.settleAt(w.db, customers.Name, orders.Name)
	for what, db := range map[string]*sqlx.DB{"here": w.db, "elsewhere": must(sqlx.Connect("postgres", w.url+w.searchPath("views")))} {
		late, cancel := short()
		if err := Settle(late, db, w.head()+1, customers.Name, orders.Name); !errors.Is(err, ErrNotYet) {
			t.Errorf("%s, before it happened: %v", what, err)
		}
		cancel()
		settled := make(chan error, 1)
		next := w.head() + positionStep
		go func() {
			long, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			settled <- Settle(long, db, next, customers.Name, orders.Name)
		}()
		do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: "user-" + what, Link: 1})
		if err := <-settled; err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if db != w.db {
			db.Close()
		}
	}
}

// TestRest lets a view rest for as long as nobody waits for it: what comes meanwhile is one page.
func TestRest(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	view, pages := w.counting(), 0
	see := view.See
	view.See = func(ctx context.Context, s *Session, page []domain.Record) error {
		pages++
		return see(ctx, s, page)
	}
	view.Rest = time.Hour
	w.run(view)
	w.settleAt(w.db, view.Name)
	for round := range 3 {
		before := pages
		for i := range 20 {
			do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: fmt.Sprintf("user-%d-%d", round, i), Link: 1})
		}
		w.settleAt(w.db, view.Name)
		if pages > before+2 { // one of them may have begun before the last event came
			t.Errorf("20 events were %d pages", pages-before)
		}
	}
	w.checkCounted()
}

// TestRestEnds shows a view to another process when its rest is over.
func TestRestEnds(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	view := w.counting()
	view.Rest = 50 * time.Millisecond
	w.run(view)
	elsewhere := must(sqlx.Connect("postgres", w.url+w.searchPath("views")))
	defer elsewhere.Close()
	for i := range 3 {
		do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: fmt.Sprintf("user-%d", i), Link: 1})
		w.settleAt(elsewhere, view.Name)
	}
	w.checkCounted()
}
