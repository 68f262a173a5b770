package projections

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
)

// partNames lists what the rows of a schema are called.
func partNames(t testing.TB, db *sqlx.DB, view View, rows rowsOf) (names []string) {
	t.Helper()
	var ids []string
	if err := db.Select(&ids, `select distinct `+rows.id+` as id from `+rows.table+` order by id`); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		at := slices.IndexFunc(view.parts, func(p part) bool {
			return slices.Contains(p.rows, rows) && (!p.whole || strings.HasPrefix(id, p.kind+"-"))
		})
		if at < 0 {
			t.Errorf("row %s of table %s is in no part of view %s: say in View.parts from which streams it follows", id, rows.table, view.Name)
			continue
		}
		names = append(names, view.nameOf(view.parts[at], id))
	}
	return names
}

// refolding opens a refolder until the test ends.
func (w *world) refolding() *refolder {
	w.t.Helper()
	r := must(openRefolder(ctx, w.db, w.log, All()...))
	w.t.Cleanup(r.close)
	return r
}

// Every row of every table follows from the few streams that its part reads, whatever people did.
func TestEveryRowFollowsFromItsPart(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.chapter(1)
	w.inspect()
	w.now = w.now.Add(-36 * time.Hour) // a clock that was set back
	w.chapter(2)
	do[domain.CheckpointLetters](w, domain.OweCheckpointLetter{On: "2026-03-02", Size: 7, Note: "signed"})
	p := people{world: w, random: rand.New(rand.NewSource(7)), did: map[string]int{}}
	for range 200 {
		p.act()
	}
	w.settle()
	r := w.refolding()
	for _, view := range All() {
		tables := map[string]int{}
		for _, p := range view.parts {
			for _, rows := range p.rows {
				for _, name := range partNames(t, w.db, view, rows) {
					if found := must(r.check(ctx, view, name)); len(found) > 0 {
						t.Errorf("%s of view %s: %v; log %q, view %q", name, view.Name, found[0], found[0].Says, found[0].Shows)
					}
					tables[rows.table]++
				}
			}
		}
		for _, table := range view.Tables {
			if tables[table] == 0 {
				t.Errorf("no row of table %s was looked at", table)
			}
		}
	}
}

// Whatever is wrong in a row of any table is named by view, row, table and column, with what the log says, and one repair mends it.
func TestDriftIsNamedAndRepaired(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.chapter(1)
	w.inspect()
	if err := w.want(alfa, alfa, "l-alfa-2", "magazyn-single-2.0-3.0", 0); err != nil {
		t.Fatal(err)
	}
	w.settle()
	r := w.refolding()
	for _, view := range All() {
		for _, p := range view.parts {
			for _, rows := range p.rows {
				w.drift(r, view, p, rows)
			}
		}
	}
	if found := must(Repair(ctx, w.db, w.log, customers, domain.CustomerStream(alfa))); len(found) > 0 {
		t.Errorf("what is right is repaired: %v", found)
	}
	w.chapter(2) // whoever ran the views goes on; the end of the test compares them with a rebuild
}

// drift plants what can be wrong in one row of a table.
func (w *world) drift(r *refolder, view View, p part, rows rowsOf) {
	w.t.Helper()
	at := slices.IndexFunc(partNames(w.t, w.db, view, rows), func(name string) bool { return strings.HasPrefix(name, p.kind+"-") })
	if at < 0 {
		return // a kind of streams that owes nothing; that every table has rows is looked at elsewhere
	}
	name := partNames(w.t, w.db, view, rows)[at]
	where := strings.ReplaceAll(strings.ReplaceAll(rows.where, "$1", `'`+p.id(name)+`'`), "any($2)", `'`+name[strings.Index(name, "/")+1:]+`'`)
	column := w.plainColumn(rows.table)
	w.mends(r, view, name, Difference{Table: rows.table}, `delete from `+rows.table+` where `+where)
	if column != "" {
		change := fmt.Sprintf(`update %s set %s = (%s::text || '1')::%s where %s`, rows.table, column, column, w.typeOf(rows.table, column), where)
		w.mends(r, view, name, Difference{Table: rows.table, Column: column}, change)
	}
	identity := strings.Fields(rows.where)[0]
	if w.typeOf(rows.table, identity) != "text" {
		return
	}
	forged := p.kind + "-forged"
	rename := fmt.Sprintf(`update %s set %s = '%s' where %s`, rows.table, identity, p.id(forged), where)
	before := w.dump()
	w.db.MustExec(rename)
	w.mustFind(r, view, forged, Difference{Table: rows.table, Extra: true})
	w.mustFind(r, view, name, Difference{Table: rows.table})
	w.repair(view, forged)
	w.repair(view, name)
	w.mustEqual(before, name)
	w.db.MustExec(rename)
	w.repair(view, name) // although another one has the place of its row
	w.repair(view, forged)
	w.mustEqual(before, name)
}

func (w *world) repair(view View, name string) { must(Repair(ctx, w.db, w.log, view, name)) }

// plainColumn is a column that can be changed without breaking the table's rules; empty if there is none.
func (w *world) plainColumn(table string) (column string) {
	w.t.Helper()
	err := w.db.Get(&column, `
		select coalesce(min(c.column_name), '') from information_schema.columns c
		where c.table_schema = 'views' and c.table_name = $1 and c.is_generated = 'NEVER' and c.data_type in ('text', 'bigint') and not exists
			(select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey) where i.indrelid = $1::regclass and i.indisprimary and a.attname = c.column_name)`, table)
	if err != nil {
		w.t.Fatal(err)
	}
	return column
}

func (w *world) dump() map[string]string {
	w.t.Helper()
	return must(Dump(ctx, w.db))
}

func (w *world) mustEqual(before map[string]string, name string) {
	w.t.Helper()
	if differing := Compare(before, w.dump()); len(differing) > 0 {
		w.t.Errorf("after %s was repaired %v differ", name, differing)
	}
}

// mustFind wants a difference to be among those of a part.
func (w *world) mustFind(r *refolder, view View, name string, want Difference) {
	w.t.Helper()
	found := must(r.check(ctx, view, name))
	if !slices.ContainsFunc(found, func(f Finding) bool {
		return f.View == view.Name && f.Row == name && f.Table == want.Table && f.Column == want.Column && f.Extra == want.Extra && (f.Column == "" || f.Says != f.Shows)
	}) {
		w.t.Errorf("%s of view %s: %v is not found, but %v", name, view.Name, want, found)
	}
}

// mends does something to a row, and wants it to be found and repaired.
func (w *world) mends(r *refolder, view View, name string, want Difference, change string) {
	w.t.Helper()
	before := w.dump()
	w.db.MustExec(change)
	w.mustFind(r, view, name, want)
	if found := must(Repair(ctx, w.db, w.log, view, name)); len(found) == 0 {
		w.t.Errorf("nothing was repaired after %s", change)
	}
	w.mustEqual(before, name)
}

// Rows are called by streams, positions and days, and nothing else is taken for one.
func TestNamesOfRows(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.settle()
	r := w.refolding()
	for name, view := range map[string]View{"order": orders, "order-": orders, "x": orders, "cart-1": orders, "event-x": events, "event--1": events, "event-18446744073709551615": events, "hour-now": events, "event-7/order/'": events, "": tasks} {
		if _, err := r.check(ctx, view, name); !errors.Is(err, ErrNoPart) {
			t.Errorf("%q of view %s: %v", name, view.Name, err)
		}
		if _, err := Repair(ctx, w.db, w.log, view, name); !errors.Is(err, ErrNoPart) {
			t.Errorf("repair %q of view %s: %v", name, view.Name, err)
		}
	}
	for name, view := range map[string]View{"order-none": orders, "event-999999": events, "event-7/00000000-0000-0000-0000-000000000001": events, "hour-2020-01-01T00:00Z": events, "licence-'; drop": entitlements} {
		if found, err := r.check(ctx, view, name); err != nil || len(found) > 0 {
			t.Errorf("%q of view %s: %v %v", name, view.Name, found, err)
		}
	}
}

// A fold reaches the live tables only to repair them: a refolder without its own tables fails.
func TestFoldsDoNotReachLiveTables(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.settle()
	r := w.refolding()
	if _, err := r.session.conn.ExecContext(context.Background(), `drop table pg_temp.customers`); err != nil {
		t.Fatal(err)
	}
	before := w.dump()
	if found, err := r.check(ctx, customers, domain.CustomerStream(alfa)); err == nil {
		t.Errorf("found %v", found)
	}
	w.mustEqual(before, "nothing")
}

// Values are cut to where they differ.
func TestExcerpts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ą", 300)
	says, shows := excerpts(long+"tak"+long, long+"nie"+long)
	if len([]rune(says)) != valueMax+2 || !strings.Contains(says, "ątak") || !strings.Contains(shows, "ąnie") || !strings.HasPrefix(says, "…") || !strings.HasSuffix(says, "…") {
		t.Errorf("%q %q", says, shows)
	}
	if says, shows := excerpts("", "x"); says != "" || shows != "x" {
		t.Errorf("%q %q", says, shows)
	}
}
