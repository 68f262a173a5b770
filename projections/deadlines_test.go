package projections

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// A task with a day of its own waits for it, and is gone after its last one.
func TestTasksOfLaterDays(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.mustTick(alfa, Pick{Offer: "magazyn-single-new-3.0", Item: "i-1"})
	order := w.submit(alfa, "s-1")
	do[domain.Order](w, domain.RecordLetter{Order: order, Kind: domain.ConfirmTask})
	w.settle()
	due := w.order(order).DueOn
	at := func(days int) time.Time {
		day, err := time.ParseInLocation(time.DateOnly, string(due), domain.Poland)
		if err != nil {
			t.Fatal(err)
		}
		return day.AddDate(0, 0, days)
	}
	names := func(rows []TaskRow) string {
		var names []string
		for _, row := range rows {
			names = append(names, row.Task.ID)
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct {
		at       time.Time
		due      string
		upcoming string
	}{
		{at(-3).Add(-time.Microsecond), "", "reminder late-reminder expiry"},
		{at(-3), "reminder", "late-reminder expiry"},
		{at(1).Add(-time.Microsecond), "reminder", "late-reminder expiry"},
		{at(1), "", "late-reminder expiry"},
		{at(3), "late-reminder", "expiry"},
		{at(15), "expiry", ""},
		{at(365), "expiry", ""},
	} {
		owed, ready, upcoming := names(must(w.tables.Tasks(ctx, c.at))), names(must(w.tables.Due(ctx, c.at, 9))), names(must(w.tables.Upcoming(ctx, c.at, 9)))
		if owed != c.due || ready != c.due || upcoming != c.upcoming {
			t.Errorf("at %s owed are %q, due %q, upcoming %q; want %q and %q", c.at, owed, ready, upcoming, c.due, c.upcoming)
		}
	}
	if row := must(w.tables.Due(ctx, at(15), 9))[0]; !row.Since.Equal(at(15)) || !row.DueAt.Equal(at(15)) {
		t.Errorf("the expiry is owed since %s and due at %s", row.Since, row.DueAt)
	}
	do[domain.Order](w, domain.ExpireOrder{Order: order, On: domain.DayOf(at(15))})
	w.settle()
	if got, _ := must2(w.tables.Order(ctx, alfa, order)); got.Status != domain.ExpiredStatus || got.PayableUntil != domain.DayOf(at(45)) {
		t.Errorf("the order is %s, payable until %s", got.Status, got.PayableUntil)
	}
	if got := fmt.Sprint(names(must(w.tables.Due(ctx, at(15), 9))), "; ", names(must(w.tables.Upcoming(ctx, at(15), 9)))); got != "expiry-note; lapse" {
		t.Errorf("after the expiry owes %s", got)
	}
}
