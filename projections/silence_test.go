package projections

import (
	"testing"
	"time"
)

// TestAFrozenOwnerLosesItsView lets one owner fall silent, as a stopped process does, and another one wait.
func TestAFrozenOwnerLosesItsView(t *testing.T) {
	w := stand(t)
	view := w.counting()
	frozen, err := lock(ctx, w.db, view.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.close()
	first := owner{db: w.db, log: w.log, view: view, session: frozen}
	if err := first.takeOver(ctx); err != nil {
		t.Fatal(err)
	}
	w.open()
	began := time.Now()
	stop := w.start(w.db, w.log, view)
	w.settleAt(w.db, view.Name)
	if waited := time.Since(began); waited < silenceMax-beatEvery || waited > 2*silenceMax {
		t.Errorf("taken over after %s", waited)
	}
	if first.alive() {
		t.Error("the frozen owner does not learn that it has lost the view")
	}
	settled := time.Now().Add(beatEvery / 2) // the last checkpoint is written by then
	for deadline := time.Now().Add(silenceMax); !w.spoke(settled); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("an owner with nothing to write keeps silent")
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	w.checkCounted()
}

// spoke tells whether an owner has used its connection since a moment.
func (w *world) spoke(since time.Time) (yes bool) {
	w.t.Helper()
	const query = `select exists (select from pg_stat_activity join pg_locks using (pid)
		where locktype = 'advisory' and datname = current_database() and pid <> pg_backend_pid() and query_start > $1)`
	if err := w.db.Get(&yes, query, since); err != nil {
		w.t.Fatal(err)
	}
	return yes
}
