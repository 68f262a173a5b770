package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

const (
	refoldRowsMax = 20  // differing rows of a table that are named of one part
	valueMax      = 160 // runes of a value that are shown
)

// Finding is a difference between a live table and the log, with what both say.
type Finding struct {
	View string
	Row  string // the part of the view, as [Repair] wants it
	Difference
	// Says is what follows from the log and Shows what the view has, around the place where they begin to differ; both are empty for whole
	// rows. They may be personal: for operators' eyes, and for no log file.
	Says, Shows string
}

// refolder folds parts of views anew, in tables that only its own connection sees, and compares them with the live ones. It can write
// the live tables in [refolder.repair] alone: otherwise its transactions are read-only, which lets them write temporary tables.
// Not for use by several goroutines at once.
type refolder struct {
	log     domain.Log
	session *Session
	live    string // schema of the live tables
}

// openRefolder makes a temporary table like each of some views' tables.
func openRefolder(ctx context.Context, db *sqlx.DB, log domain.Log, views ...View) (*refolder, error) {
	session, err := openSession(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("open tables to fold in: %w", err)
	}
	r := &refolder{log: log, session: session}
	if err := r.prepare(ctx, views); err != nil {
		session.close()
		return nil, fmt.Errorf("open tables to fold in: %w", err)
	}
	return r, nil
}

func (r *refolder) prepare(ctx context.Context, views []View) error {
	if err := r.session.conn.GetContext(ctx, &r.live, `select current_schema()`); err != nil {
		return err
	}
	for _, view := range views {
		for _, table := range view.Tables {
			if _, err := r.session.conn.ExecContext(ctx, `create temporary table `+pq.QuoteIdentifier(table)+` (like `+relation(r.live, table)+` including all)`); err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
		}
	}
	// From here on the views' own statements cannot reach the live tables, whatever happens to the temporary ones.
	_, err := r.session.conn.ExecContext(ctx, `set search_path = pg_temp; set timezone = 'UTC'; set datestyle = 'ISO, YMD'`)
	return err
}

func (r *refolder) close() { r.session.close() }

// check compares one part of a view with the log, both as of the view's checkpoint: rows, checkpoint and comparison are of one
// moment, and records behind the checkpoint are not looked at, so that whatever happens meanwhile makes no difference.
func (r *refolder) check(ctx context.Context, view View, name string) ([]Finding, error) {
	var findings []Finding
	err := r.inside(ctx, `begin transaction isolation level repeatable read, read only`, `rollback`, func() error {
		folded, err := r.fold(ctx, view, name, ``)
		findings = folded.findings
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("compare %s of view %s with the log: %w", name, view.Name, err)
	}
	return findings, nil
}

// inside runs do in a transaction that begins with no states remembered.
func (r *refolder) inside(ctx context.Context, begin, end string, do func() error) error {
	clear(r.session.states)
	return r.session.inside(ctx, begin, end, do)
}

// folded is a part in the temporary tables.
type folded struct {
	rows     []rowsOf
	id       string
	among    []string
	findings []Finding // what is different in the live tables
}

// fold folds a part into the temporary tables and compares it with the live ones. lock ends the query for the checkpoint.
func (r *refolder) fold(ctx context.Context, view View, name, lock string) (folded, error) {
	p, err := view.partOf(name)
	if err != nil {
		return folded{}, err
	}
	from := sources{log: r.log, found: map[string][]domain.Record{}, before: r.before, around: r.around}
	err = r.session.conn.GetContext(ctx, &from.until, `select position from `+relation(r.live, "checkpoints")+` where view = $1`+lock, view.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return folded{}, nil // it has not begun yet
	}
	if err != nil {
		return folded{}, fmt.Errorf("read the checkpoint: %w", err)
	}
	if err := p.read(ctx, &from, name); err != nil {
		return folded{}, err
	}
	for page := range slices.Chunk(from.records(view.Concerns), rebuildPageMax) {
		if err := view.See(ctx, r.session, page); err != nil {
			return folded{}, err
		}
	}
	f := folded{rows: p.rows, id: p.id(name), among: from.among}
	for _, rows := range p.rows {
		live, args := rows.in(relation(r.live, rows.table), f)
		temporary, _ := rows.in(relation("pg_temp", rows.table), f)
		found, err := compareTable(ctx, r.session.conn, r.live, rows.table, live, temporary, refoldRowsMax, args...)
		if err != nil {
			return folded{}, fmt.Errorf("compare table %s: %w", rows.table, err)
		}
		for _, place := range found {
			finding := Finding{View: view.Name, Row: name, Difference: place.Difference}
			finding.Says, finding.Shows = excerpts(place.rebuilt, place.live)
			f.findings = append(f.findings, finding)
		}
	}
	return f, nil
}

// excerpts cuts two values that differ to what surrounds the first difference.
func excerpts(a, b string) (string, string) {
	x, y := []rune(a), []rune(b)
	same := 0
	for same < len(x) && same < len(y) && x[same] == y[same] {
		same++
	}
	return excerpt(x, same), excerpt(y, same)
}

func excerpt(value []rune, at int) string {
	first := max(0, at-valueMax/4)
	if len(value) <= valueMax {
		first = 0
	}
	last := min(len(value), first+valueMax)
	text := string(value[first:last])
	if first > 0 {
		text = "…" + text
	}
	if last < len(value) {
		text += "…"
	}
	return text
}

// in is the query for the rows of a part in a table, or in another one like it.
func (rows rowsOf) in(table string, f folded) (query string, args []any) {
	args = []any{f.id}
	if strings.Contains(rows.where, "$2") {
		args = append(args, pq.Array(f.among))
	}
	return `(select * from ` + table + ` where ` + rows.where + `)`, args
}

// before is the last event before a position that the live index has; a log can be read only behind an event that it has.
func (r *refolder) before(ctx context.Context, position domain.Position) (before domain.Position, err error) {
	err = r.session.conn.GetContext(ctx, &before, `select coalesce(max(position), 0) from `+relation(r.live, "events")+` where position < $1`, int64(position))
	if err != nil {
		return 0, fmt.Errorf("find the event before %d: %w", position, err)
	}
	return before, nil
}

// around are the positions of the first and the last event of an hour, of the first one after it and of the last one before it, as the
// live index has them.
func (r *refolder) around(ctx context.Context, hour string) ([]domain.Position, error) {
	var positions []domain.Position
	err := r.session.conn.SelectContext(ctx, &positions, `
		with e as (select position, at >= $1::timestamptz + interval '1 hour' as after, at < $1::timestamptz as before from `+relation(r.live, "events")+`)
		select position from (
			select min(position) from e where not after and not before union select max(position) from e where not after and not before
			union select min(position) from e where after union select max(position) from e where before) found (position)
		where position is not null`, hour)
	if err != nil {
		return nil, fmt.Errorf("find the events around an hour: %w", err)
	}
	return positions, nil
}

// Repair writes one part of a live view as the log says, in one transaction with the checkpoint that it belongs to, and answers what
// was different; safe to call again. name is [Finding.Row]. Whoever runs the view loses it and takes it over again at once, because
// it remembers rows. Views that run go on.
func Repair(ctx context.Context, db *sqlx.DB, log domain.Log, view View, name string) ([]Finding, error) {
	fail := func(err error) ([]Finding, error) {
		return nil, fmt.Errorf("repair %s of view %s: %w", name, view.Name, err)
	}
	r, err := openRefolder(ctx, db, log, view)
	if err != nil {
		return fail(err)
	}
	defer r.close()
	findings, err := r.repair(ctx, view, name)
	if err != nil {
		return fail(err)
	}
	if len(findings) == 0 {
		return nil, nil
	}
	if err := dismiss(ctx, db, view.Name); err != nil {
		return fail(err)
	}
	return findings, nil
}

// repair may be done once by a refolder: what it has folded stays in the temporary tables.
func (r *refolder) repair(ctx context.Context, view View, name string) (findings []Finding, err error) {
	err = r.inside(ctx, `begin`, `commit`, func() error {
		f, err := r.fold(ctx, view, name, ` for update`)
		if findings = f.findings; err != nil || len(findings) == 0 {
			return err
		}
		for _, rows := range f.rows {
			if err := r.replace(ctx, rows, f); err != nil {
				return fmt.Errorf("write rows of table %s: %w", rows.table, err)
			}
		}
		// What the view's owner remembers is worth nothing any more.
		_, err = r.session.conn.ExecContext(ctx, `update `+relation(r.live, "checkpoints")+` set owner = owner + 1 where view = $1`, view.Name)
		return err
	})
	return findings, err
}

// replace puts folded rows in the place of the live ones, and of those that have their keys wrongly.
func (r *refolder) replace(ctx context.Context, rows rowsOf, f folded) error {
	columns, err := columnsOf(ctx, r.session.conn, r.live, rows.table)
	if err != nil {
		return err
	}
	var written, keys []string
	for _, column := range columns {
		name := pq.QuoteIdentifier(column.Name)
		if column.Key {
			keys = append(keys, name)
		}
		if !column.Generated {
			written = append(written, name)
		}
	}
	list, key := strings.Join(written, ", "), "("+strings.Join(keys, ", ")+")"
	temporary, args := rows.in(relation("pg_temp", rows.table), f)
	if _, err := r.session.conn.ExecContext(ctx, `delete from `+relation(r.live, rows.table)+` where `+rows.where+
		` or `+key+` in (select `+strings.Join(keys, ", ")+` from `+temporary+` folded)`, args...); err != nil {
		return err
	}
	_, err = r.session.conn.ExecContext(ctx, `insert into `+relation(r.live, rows.table)+` (`+list+`) select `+list+` from `+temporary+` folded`, args...)
	return err
}
