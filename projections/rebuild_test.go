package projections

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// A rebuild works in the schema that it was told, and only when that is fresh.
func TestRebuildRefusesOtherSchemas(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	if err := Rebuild(ctx, w.db, w.log, "again"); err == nil || !strings.Contains(err.Error(), "search_path=again") {
		t.Errorf("into the schema of somebody else: %v", err)
	}
	if err := Rebuild(ctx, w.db, w.log, "views"); err != nil {
		t.Fatal(err)
	}
	if err := Rebuild(ctx, w.db, w.log, "views"); err == nil || !strings.Contains(err.Error(), "drop the schema") {
		t.Errorf("twice: %v", err)
	}
	for _, view := range All() {
		if at := w.checkpoint(view); at != w.head() {
			t.Errorf("view %s goes on after %d, the log ends at %d", view.Name, at, w.head())
		}
	}
	w.run(All()...)
	w.chapter(1)
	w.rebuiltEqualsLive()
}

// A record that cannot be digested ends a rebuild with the view that failed.
func TestRebuildStops(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	must(w.log.Append(ctx, "program-unlisted", domain.NoStream, []domain.Proposed{{ID: "00000000-0000-0000-0000-000000000001",
		Event: domain.VersionReleased{Program: "unlisted", Edition: domain.SingleStation, Version: "1"}}}))
	if err := Rebuild(ctx, w.db, w.log, "views"); err == nil {
		t.Error("rebuilt")
	}
	var stopped *StoppedError
	w = stand(t).open()
	twice := domain.ReversalReceived{Reversal: "r-1", Amount: 1, PayerName: "Jan Tajny"}
	for _, stream := range []string{"reversal-1", "reversal-2"} {
		must(w.log.Append(ctx, stream, domain.NoStream, []domain.Proposed{{ID: domain.NameID(stream), Event: twice}}))
	}
	if err := Rebuild(ctx, w.db, w.log, "views"); !errors.As(err, &stopped) || stopped.View != payments.Name || strings.Contains(err.Error(), "Tajny") {
		t.Errorf("rebuilt: %v", err)
	}
}

// One changed value in one row changes the digest of its table, and of no other.
func TestDumpSeesEveryTable(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	w.chapter(1)
	w.want(alfa, alfa, "l-alfa-2", "magazyn-single-2.0-3.0", 0)
	if err := Rebuild(ctx, w.db, w.log, "views"); err != nil {
		t.Fatal(err)
	}
	before := must(Dump(ctx, w.db))
	for _, view := range All() {
		for _, table := range view.Tables {
			if len(lines(t, w.db, table)) == 0 {
				t.Errorf("table %s is empty: nothing is compared", table)
			}
			var column string
			err := w.db.Get(&column, `select column_name from information_schema.columns
				where table_schema = 'views' and table_name = $1 and data_type in ('text', 'bigint') and is_generated = 'NEVER' order by ordinal_position desc limit 1`, table)
			if err != nil {
				t.Fatal(err)
			}
			w.db.MustExec(`update ` + table + ` set ` + column + ` = (` + column + `::text || '1')::` + w.typeOf(table, column))
			after := must(Dump(ctx, w.db))
			if different := Compare(before, after); !slices.Equal(different, []string{table}) {
				t.Errorf("%s of %s changed, the dump says %v", column, table, different)
			}
			before = after
		}
	}
}

func (w *world) typeOf(table, column string) string {
	w.t.Helper()
	var name string
	if err := w.db.Get(&name, `select data_type from information_schema.columns where table_schema = 'views' and table_name = $1 and column_name = $2`, table, column); err != nil {
		w.t.Fatal(err)
	}
	return name
}
