package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// How often a waiting process asks for the lock, how often its holder makes sure that it still has it, and after how
// long the server takes it from a holder that does not.
const (
	askLockEvery   = time.Second
	checkLockEvery = 2 * time.Second
	lockLife       = 3 * checkLockEvery
)

// Alone runs work in one process at a time among all that use the same database and name. The others wait. The holder's
// context ends when the connection that carries the lock is lost; work should then return soon, and Alone waits for
// the lock again. A holder that is frozen, not ended, loses that connection after lockLife. Alone returns work's own error, or nil when ctx has ended. Two holders can overlap for as long as
// work takes to notice, so what work does must bear being done twice.
func Alone(ctx context.Context, db *sqlx.DB, name string, work func(context.Context) error) error {
	for ctx.Err() == nil {
		err := aloneOnce(ctx, db, name, work)
		if ctx.Err() == nil && !errors.Is(err, errLockAway) {
			return err
		}
		_ = pause(ctx, askLockEvery)
	}
	return nil
}

// errLockAway says that the lock is held elsewhere, or was lost, or that the server cannot be asked.
var errLockAway = errors.New("the lock is not ours")

func aloneOnce(ctx context.Context, db *sqlx.DB, name string, work func(context.Context) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return errLockAway
	}
	defer conn.Close()
	key := lockNumber(name)
	if err := lock(ctx, conn, key); err != nil {
		return err
	}
	defer unlock(context.WithoutCancel(ctx), conn, key)
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- work(working) }()
	for check := time.Tick(checkLockEvery); ; {
		select {
		case err := <-done:
			if errors.Is(context.Cause(working), errLockAway) {
				return errLockAway
			}
			return err
		case <-check:
			if err := conn.PingContext(ctx); err != nil {
				cancel(errLockAway)
			}
		}
	}
}

// lock takes the lock, with a connection that the server ends when it is silent for too long.
func lock(ctx context.Context, conn *sql.Conn, key int64) error {
	var got bool
	if err := conn.QueryRowContext(ctx, `select pg_try_advisory_lock($1)`, key).Scan(&got); err != nil || !got {
		return errLockAway
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf(`set idle_session_timeout = %d`, lockLife.Milliseconds()))
	var refused *pq.Error
	if errors.As(err, &refused) && refused.Code.Name() == "undefined_object" {
		unlock(context.WithoutCancel(ctx), conn, key)
		return fmt.Errorf("limit how long a frozen portal holds its lock: %w (PostgreSQL 14 or newer is needed)", err)
	}
	if err != nil {
		return errLockAway
	}
	return nil
}

// unlock gives the lock back; a connection that cannot even do that takes the lock with it when it closes.
func unlock(ctx context.Context, conn *sql.Conn, key int64) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	_, _ = conn.ExecContext(ctx, `select pg_advisory_unlock($1)`, key)
	_, _ = conn.ExecContext(ctx, `reset idle_session_timeout`)
}

func lockNumber(name string) int64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "alone:%s", name)
	return int64(h.Sum64())
}
