package projections

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// TestSearch finds customers, licences and orders by what people know of them, page by page.
func TestSearch(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.mustTick(alfa, Pick{Offer: "magazyn-single-new-3.0", Item: "i-1"})
	order := w.submit(alfa, "s-1")
	w.settle()
	customers := func(wanted Listing) (found []string) {
		rows, total, err := w.tables.AllCustomers(ctx, wanted)
		if err != nil || total < len(rows) {
			t.Errorf("%+v: %d rows of %d, %v", wanted, len(rows), total, err)
		}
		for _, row := range rows {
			found = append(found, string(row.ID))
		}
		return found
	}
	check(t, "everybody", customers(Listing{}), "c-alfa", "c-beta", "c-delta")
	check(t, "the second page of one", customers(Listing{Offset: 1, Limit: 1}), "c-beta")
	check(t, "by name in any case", customers(Listing{Search: "bEtA SP"}), "c-beta")
	check(t, "by address", customers(Listing{Search: "Delta@"}), "c-delta")
	check(t, "by identity", customers(Listing{Search: "c-alfa"}), "c-alfa")
	check(t, "no patterns", customers(Listing{Search: "%"}))
	licences := whole(w.tables.AllLicences(ctx, Listing{Search: "c-alfa"}))
	if len(licences) < 2 || slices.ContainsFunc(licences, func(l LicenceRow) bool { return l.Customer != alfa }) {
		t.Errorf("licences of alfa: %+v", licences)
	}
	for _, licence := range licences {
		if found := whole(w.tables.AllLicences(ctx, Listing{Search: licence.Serial})); len(found) != 1 || found[0] != licence {
			t.Errorf("by serial number %s: %+v", licence.Serial, found)
		}
	}
	for _, text := range []string{"2026/000001", "zam 2026", "ALFA", string(order), "c-alfa"} {
		if found := whole(w.tables.AllOrders(ctx, Listing{Search: text})); len(found) != 1 || found[0].Order != order || found[0].BuyerName == "" {
			t.Errorf("orders by %q: %+v", text, found)
		}
	}
	for _, none := range []Listing{{Search: "beta"}, {Search: "nobody"}, {Only: "open", Search: "ALFA beta"}} {
		if found := whole(w.tables.AllOrders(ctx, none)); len(found) != 0 {
			t.Errorf("%+v: %+v", none, found)
		}
	}
	if row, ok := must2(w.tables.AnyOrder(ctx, order)); !ok || row.Buyer != alfa || len(row.Lines) != 1 {
		t.Errorf("order: %+v", row)
	}
	var distributors []string
	for _, row := range must(w.tables.Distributors(ctx)) {
		distributors = append(distributors, string(row.ID))
	}
	check(t, "distributors", distributors, "c-delta")
	catalogue := must(w.tables.Catalogue(ctx))
	if len(catalogue) != 2 || catalogue[0].Name != "Faktury" || len(catalogue[1].PriceList()) != 3 {
		t.Errorf("catalogue: %+v", catalogue)
	}
}

// TestMonths sums up by Polish days, and leaves cancelled orders out.
func TestMonths(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	for i, at := range []time.Time{
		time.Date(2026, 3, 31, 21, 30, 0, 0, time.UTC), // still March in Poland
		time.Date(2026, 3, 31, 22, 0, 0, 0, time.UTC),  // April
		time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC),
	} {
		buyer := []domain.CustomerID{alfa, beta, delta}[i]
		w.now = at
		w.mustTick(buyer, Pick{Offer: "magazyn-single-new-3.0", Item: "i-1"})
		order := w.submit(buyer, "s-1")
		switch i {
		case 0:
			do[domain.Order](w, domain.RecordPayment{Order: order, Transfer: "t-1", Amount: 1000, ValueOn: "2026-04-30"})
			do[domain.Order](w, domain.RecordPayment{Order: order, Transfer: "t-2", Amount: 500, ValueOn: "2026-05-01"})
		case 2:
			do[domain.Order](w, domain.CancelOrder{Order: order})
		}
	}
	w.settle()
	gross := whole(w.tables.AllOrders(ctx, Listing{Search: "ALFA"}))[0].Total.Gross
	want := []MonthRow{
		{Month: "2026-03", Orders: 1, Gross: gross, Open: gross},
		{Month: "2026-04", Orders: 1, Gross: gross, Payments: 1, Received: 1000, Open: 2*gross - 1000},
		{Month: "2026-05", Payments: 1, Received: 500, Open: 2*gross - 1500},
	}
	if got := must(w.tables.Months(ctx)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestProgress tells that every view is at the end once all is settled.
func TestProgress(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.settle()
	progress := must(w.tables.Progress(ctx))
	for _, view := range All() {
		if progress[view.Name] != w.head() {
			t.Errorf("%s is at %d, the log ends at %d", view.Name, progress[view.Name], w.head())
		}
	}
}

// TestSkippedTasks takes what was skipped off the list and puts it back on.
func TestSkippedTasks(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.mustTick(alfa, Pick{Offer: "l-alfa-2:magazyn-single-2.0-3.0", Item: "i-1"})
	order := w.submit(alfa, "s-1")
	do[domain.Order](w, domain.SkipTask{Order: order, Task: "confirmation", Reason: "told"})
	check(t, "skipped", w.board())
	do[domain.Order](w, domain.RetryTask{Order: order, Task: "confirmation", At: w.now})
	check(t, "taken back", w.board(), "confirmation confirmation")
	at := w.now
	do[domain.Order](w, domain.RecordFailure{Order: order, Task: "confirmation", Reason: "no", At: at})
	do[domain.Order](w, domain.RetryTask{Order: order, Task: "confirmation", At: at.Add(time.Second)})
	w.settle()
	if row := must(w.tables.Tasks(ctx, w.now.Add(time.Hour)))[0]; !row.DueAt.Equal(at.Add(time.Second).Truncate(time.Microsecond)) || row.Task.Failure.Attempt != 1 {
		t.Errorf("hurried: %+v at %v", row, at)
	}
	do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: "user-1", Link: 1})
	do[domain.Customer](w, domain.SkipLoginLetter{Customer: alfa, Account: "user-1", Link: 1, Reason: "told"})
	check(t, "no login letter", w.board(), "confirmation confirmation")
}
