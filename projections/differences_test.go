package projections

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Every table, row and column that is not as the log says is named, and nothing else.
func TestDifferencesAreNamed(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	w.chapter(1)
	w.want(alfa, alfa, "l-alfa-2", "magazyn-single-2.0-3.0", 0)
	again := w.schema("again")
	if err := Rebuild(ctx, w.db, w.log, "views"); err != nil {
		t.Fatal(err)
	}
	if err := Rebuild(ctx, again, w.log, "again"); err != nil {
		t.Fatal(err)
	}
	differ := func() (all []string) {
		for _, d := range must(Differences(ctx, w.db, "views", "again", 100)) {
			all = append(all, d.String())
		}
		return all
	}
	if got := differ(); len(got) > 0 {
		t.Fatalf("equal tables differ: %q", got)
	}
	w.db.MustExec(`update customers set email = 'thief@example.com', distributor = 'c-1' where id = 'c-alfa'`)
	w.db.MustExec(`delete from orders where id = (select min(id) from orders)`)
	w.db.MustExec(`insert into cart_items select buyer, 'forged' from cart_items limit 1`)
	w.db.MustExec(`update event_subjects set type = 0 where (subject, position) = (select subject, position from event_subjects limit 1)`)
	got := strings.Join(differ(), "\n")
	for _, want := range []string{
		"table customers, row (c-alfa): column distributor differs", "table customers, row (c-alfa): column email differs", ": is missing", "forged): the log knows nothing of it",
		": column type differs", // which the index of the key has, too, but the key has not
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not said:\n%s", want, got)
		}
	}
	if strings.Contains(got, "thief") || strings.Count(got, "\n") != 4 {
		t.Errorf("too much is said:\n%s", got)
	}
	w.db.MustExec(`update entitlements set serial = 'x'`)
	limited := must(Differences(ctx, w.db, "views", "again", 2))
	if rows := slices.DeleteFunc(limited, func(d Difference) bool { return d.Table != "entitlements" }); len(rows) != 2 {
		t.Errorf("%d rows of a table are listed where 2 are wanted", len(rows))
	}
	for _, view := range All() {
		for _, table := range view.Tables {
			var key int
			if err := w.db.Get(&key, fmt.Sprintf(`select count(*) from pg_index where indrelid = '%s'::regclass and indisprimary`, table)); err != nil || key != 1 {
				t.Errorf("table %s has %d primary keys, %v: its rows cannot be named", table, key, err)
			}
		}
	}
}
