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
