package projections

import (
	"fmt"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

func TestFold(t *testing.T) {
	for text, want := range map[string]string{"": "", "Zażółć GĘŚLĄ jaźń": "zazolc gesla jazn", "ŁÓDŹ": "lodz", "Straße 5%_'": "straße 5%_'"} {
		if got := fold(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if len([]rune(accented)) != len(bare) {
		t.Error("the letters don't pair up")
	}
}

// fillViews writes a distributor with many clients straight into the tables: every tenth licence is unpaid, every
// second can be updated in two ways, of which one is impossible now.
func (w *world) fillViews(clients, licencesEach int) {
	w.t.Helper()
	for _, statement := range []string{
		`insert into customers select 'many', 'Ćma', '5260250274', 'x@example.com', 'pl', true, '', '{}'`,
		`insert into customers select 'client-' || n, 'Żółw ' || lpad(n::text, 5, '0'), '5260250274', 'x@example.com', 'pl', false, 'many', '{}'
			from generate_series(1, ` + fmt.Sprint(clients) + `) n`,
		`insert into entitlement_programs values ('lodz', 'Łódź', '{}'), ('ara', 'Ara', '{}')`,
		`insert into entitlements select 'l-' || c || '-' || n, 'S-' || c || '-' || n, 'client-' || c, case n % 2 when 0 then 'lodz' else 'ara' end, 'single', '1.0', 1,
			n % 10 <> 0, true, '', '', '', '{}' from generate_series(1, ` + fmt.Sprint(clients) + `) c, generate_series(1, ` + fmt.Sprint(licencesEach) + `) n`,
		`insert into updates select licence, place, program || '-single-1.0-' || place, 'single', '1.0', place || '.0', false, place * 100, 23,
			case place when 3 then '{"code": "licence-not-paid", "facts": {}}'::json end
			from entitlements, generate_series(2, 3) place where program = 'lodz' and customer like 'client-%'`,
		`analyze`,
	} {
		if _, err := w.db.ExecContext(ctx, statement); err != nil {
			w.t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestListings(t *testing.T) {
	t.Parallel()
	w := stand(t)
	w.tables = must(OpenTables(ctx, w.db))
	t.Cleanup(func() { w.tables.Close() })
	w.fillViews(3, 20)
	licences := func(l Listing) string {
		t.Helper()
		rows, total, err := w.tables.Entitlements(ctx, "many", l)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, row := range rows {
			ids = append(ids, string(row.Licence))
		}
		return fmt.Sprintf("%d of %d: %s", len(rows), total, strings.Join(ids, " "))
	}
	for _, test := range []struct {
		wanted Listing
		want   string
	}{
		{Listing{Limit: 3}, "3 of 60: l-1-1 l-1-11 l-1-13"},
		{Listing{Limit: 3, Offset: 58}, "2 of 60: l-3-6 l-3-8"},
		{Listing{Limit: 3, Offset: 60}, "0 of 0: "},
		{Listing{Limit: 2, Search: "  ŻOLW   lodz 00002 "}, "2 of 10: l-2-10 l-2-12"},
		{Listing{Search: "zolw s-3-20"}, "1 of 1: l-3-20"},
		{Listing{Search: "5260250274 s-3-20"}, "1 of 1: l-3-20"},
		{Listing{Search: "%"}, "0 of 0: "},
		{Listing{Search: "_"}, "0 of 0: "},
		{Listing{Search: `\`}, "0 of 0: "},
		{Listing{Search: `zolw%lodz`}, "0 of 0: "},
		{Listing{Search: `'; drop table customers --`}, "0 of 0: "},
		{Listing{Only: "unpaid"}, "6 of 6: l-1-10 l-1-20 l-2-10 l-2-20 l-3-10 l-3-20"},
		{Listing{Only: "updatable", Limit: 1}, "1 of 30: l-1-10"},
		{Listing{Only: "nonsense", Limit: 1}, "1 of 60: l-1-1"},
		{Listing{Sort: "program", Descending: true, Limit: 2}, "2 of 60: l-1-10 l-1-12"},
		{Listing{Sort: "serial", Descending: true, Limit: 2}, "2 of 60: l-3-9 l-3-8"},
		{Listing{Sort: "paid", Limit: 2}, "2 of 60: l-1-10 l-1-20"},
		{Listing{Sort: "nonsense", Descending: true, Limit: 1}, "1 of 60: l-1-1"},
	} {
		if got := licences(test.wanted); got != test.want {
			t.Errorf("%+v: %s, want %s", test.wanted, got, test.want)
		}
	}
	for _, test := range []struct {
		wanted Listing
		want   string
	}{
		{Listing{Limit: 1}, "l-1-10:lodz-single-1.0-2 of 60"},
		{Listing{Limit: 1, Only: "possible", Offset: 1}, "l-1-12:lodz-single-1.0-2 of 30"},
		{Listing{Limit: 1, Sort: "price", Descending: true}, "l-1-10:lodz-single-1.0-3 of 60"},
		{Listing{Limit: 1, Search: "3.0 zolw 3"}, "l-1-10:lodz-single-1.0-3 of 30"},
	} {
		rows, total, err := w.tables.Updates(ctx, "many", test.wanted)
		if err != nil || len(rows) != 1 || fmt.Sprintf("%s of %d", rows[0].ID, total) != test.want {
			t.Errorf("%+v: %+v of %d, %v; want %s", test.wanted, rows, total, err, test.want)
		}
	}
	clients := must(w.tables.Clients(ctx, "many", Listing{Search: "zolw", Limit: 2, Offset: 1}))
	if len(clients) != 2 || clients[0].ID != "client-2" {
		t.Errorf("clients are %+v", clients)
	}
	for _, text := range []string{"zolw 00002", "ŻÓŁW 00002 X@example.com", "client-2"} {
		if found := whole(w.tables.AllCustomers(ctx, Listing{Search: text})); len(found) != 1 || found[0].ID != "client-2" {
			t.Errorf("staff look for %q: %+v", text, found)
		}
	}
	if found := whole(w.tables.AllLicences(ctx, Listing{Search: "zolw ŁÓDŹ 00002", Only: "unpaid", Sort: "serial", Descending: true})); len(found) != 2 || found[0].Licence != "l-2-20" {
		t.Errorf("staff look for licences: %+v", found)
	}
	for _, stranger := range []domain.CustomerID{"", "client-1'"} {
		if rows, total, err := w.tables.Entitlements(ctx, stranger, Listing{Search: "a"}); len(rows) != 0 || total != 0 || err != nil {
			t.Errorf("%q sees %d rows of %d: %v", stranger, len(rows), total, err)
		}
	}
}
