package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestAloneLetsOneWorkAtATime(t *testing.T) {
	db := Fresh(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var inside, turns atomic.Int32
	done := make(chan error, 3)
	for range 3 {
		go func() {
			done <- Alone(ctx, db, "one", func(context.Context) error {
				if inside.Add(1) != 1 {
					t.Error("two at a time")
				}
				time.Sleep(20 * time.Millisecond)
				inside.Add(-1)
				turns.Add(1)
				return nil
			})
		}()
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if turns.Load() != 3 {
		t.Errorf("%d turns", turns.Load())
	}
}

func TestAloneStopsTheHolderWhoseConnectionIsLost(t *testing.T) {
	db := Fresh(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stop := errors.New("second turn")
	turns := 0
	err := Alone(ctx, db, "one", func(ctx context.Context) error {
		if turns++; turns == 2 {
			return stop
		}
		const kill = `select count(pg_terminate_backend(pid)) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()
			and database = (select oid from pg_database where datname = current_database())`
		var killed int
		if err := db.GetContext(ctx, &killed, kill); err != nil || killed != 1 {
			t.Errorf("killed %d: %v", killed, err)
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v after %d turns", err, turns)
	}
}

// TestAloneTakesOverFromAFrozenHolder holds the lock as a stopped process does: connected, and silent.
func TestAloneTakesOverFromAFrozenHolder(t *testing.T) {
	t.Parallel()
	db := Fresh(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	frozen, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	if err := lock(ctx, frozen, lockNumber("one")); err != nil {
		t.Fatal(err)
	}
	began, over := time.Now(), errors.New("taken over")
	if err := Alone(ctx, db, "one", func(context.Context) error { return over }); !errors.Is(err, over) {
		t.Fatal(err)
	}
	if waited := time.Since(began); waited < lockLife-checkLockEvery || waited > 2*lockLife {
		t.Errorf("taken over after %s", waited)
	}
	if err := frozen.PingContext(ctx); err == nil {
		t.Error("the frozen holder does not learn that it has lost the lock")
	}
}

// TestAloneKeepsTheLockOfAHolderThatIsOnlyBusy works for longer than a silent holder would keep the lock.
func TestAloneKeepsTheLockOfAHolderThatIsOnlyBusy(t *testing.T) {
	t.Parallel()
	db := Fresh(t)
	err := Alone(t.Context(), db, "one", func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockLife + checkLockEvery):
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	var left time.Duration
	if err := db.QueryRowContext(t.Context(), `select setting from pg_settings where name = 'idle_session_timeout'`).Scan(&left); err != nil || left != 0 {
		t.Errorf("the connection went back with idle_session_timeout %d: %v", left, err)
	}
}
