package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// walSegmentsMax bounds how many segments of the write-ahead log are used up to
// get rid of recycled ones: twice what max_wal_size allows.
const walSegmentsMax = 32

// ErrNotScrubbed means that the server did not let us get at its own files; what
// was deleted may still be found in the write-ahead log and the statistics.
var ErrNotScrubbed = errors.New("tables were rewritten, but statistics and write-ahead log may still hold deleted values, for which the role needs to be superuser: " +
	"as a superuser, run VACUUM FULL pg_statistic and CHECKPOINT, and wait until the write-ahead log has been removed")

// Scrub rewrites tables (schema.table), so that nothing of deleted and overwritten
// rows is left in them and their indexes, and then, as a superuser, the
// statistics, and gets rid of the write-ahead log so far, as far as no replica and
// no archive needs it. What the file system does with the blocks of removed files
// is not its concern. Tables are locked one after the other while they are
// rewritten. Safe to call again.
func Scrub(ctx context.Context, db *sqlx.DB, tables ...string) (err error) {
	conn, err := db.Connx(ctx) // settings and notices are the session's
	if err != nil {
		return fmt.Errorf("scrub database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	for _, table := range tables {
		name, err := quoted(ctx, conn, table)
		if err != nil {
			return fmt.Errorf("scrub table %s: %w", table, err)
		}
		if _, err := conn.ExecContext(ctx, `vacuum (full, analyze) `+name); err != nil {
			return fmt.Errorf("scrub table %s: %w", table, err)
		}
	}
	var superuser bool
	if err := conn.GetContext(ctx, &superuser, `select current_setting('is_superuser')::boolean`); err != nil {
		return fmt.Errorf("scrub database: %w", err)
	}
	if !superuser {
		return ErrNotScrubbed
	}
	if _, err := conn.ExecContext(ctx, `vacuum (full) pg_catalog.pg_statistic`); err != nil {
		return fmt.Errorf("scrub statistics: %w", err)
	}
	if err := scrubWAL(ctx, conn); err != nil {
		return fmt.Errorf("scrub write-ahead log: %w", err)
	}
	return nil
}

// quoted is a table's name as SQL needs it, if there is such a table.
func quoted(ctx context.Context, conn *sqlx.Conn, table string) (name string, err error) {
	err = conn.GetContext(ctx, &name, `select $1::regclass::text`, table)
	return name, err
}

// scrubWAL removes the segments of the write-ahead log whose contents no restart
// needs. Used segments are normally renamed and used again, with their old
// contents until then, so that is switched off, and those that wait to be used
// again are used up: the rest of a segment that is left early is zeros.
// Source: PostgreSQL, src/backend/access/transam/xlog.c (RemoveXlogFile, XLogWrite).
func scrubWAL(ctx context.Context, conn *sqlx.Conn) (err error) {
	if err := setting(ctx, conn, `alter system set wal_recycle = off`); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, setting(context.WithoutCancel(ctx), conn, `alter system reset wal_recycle`))
	}()
	for range walSegmentsMax {
		var waiting bool
		err := conn.GetContext(ctx, &waiting, `select exists (select from pg_ls_waldir()
			where name ~ '^[0-9A-F]{24}$' and name > pg_walfile_name(pg_current_wal_insert_lsn()))`)
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, `select pg_logical_emit_message(false, 'scrub', ''), pg_switch_wal()`); err != nil {
			return err
		}
		if !waiting {
			break
		}
	}
	_, err = conn.ExecContext(ctx, `checkpoint`)
	return err
}

// setting changes the server's configuration for all its processes.
func setting(ctx context.Context, conn *sqlx.Conn, statement string) error {
	if _, err := conn.ExecContext(ctx, statement); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, `select pg_reload_conf()`)
	return err
}
