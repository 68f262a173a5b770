package handlers

import (
	"slices"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// told lets the process manager react to everything that the order's stream says by now.
func (o *office) told() {
	o.t.Helper()
	var newest domain.Record
	for record, err := range o.Log.Read(o.t.Context(), domain.OrderStream(orderID), 0) {
		if err != nil {
			o.t.Fatal(err)
		}
		newest = record
	}
	if err := o.React(o.t.Context(), newest); err != nil {
		o.t.Fatal(err)
	}
}

// TestAWishIsDoneAtOnce retries what failed before its time has come, and leaves alone what was skipped until it is taken back.
func TestAWishIsDoneAtOnce(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.fail = func(Letter) error { return bounced{permanent: true} }
	o.told()
	o.fail = nil
	o.work()
	if len(o.subjects()) != 0 {
		t.Fatalf("a letter left before its next try: %q", o.subjects())
	}
	perform(o, domain.RetryTask{Order: orderID, Task: "confirmation", At: o.clock})
	o.told()
	if len(o.subjects()) != 1 || !o.state().Confirmed {
		t.Fatalf("after the wish %q left", o.subjects())
	}
	o.pay(order.Total.Gross)
	perform(o, domain.SkipTask{Order: orderID, Task: "activation-1", Reason: "handed over"})
	o.work()
	files := func() (sent []int) {
		for line, file := range o.state().Files {
			if file.Sent > 0 {
				sent = append(sent, line)
			}
		}
		slices.Sort(sent)
		return sent
	}
	if got := files(); !slices.Equal(got, []int{2}) {
		t.Errorf("files of lines %v left, want that of 2", got)
	}
	perform(o, domain.RetryTask{Order: orderID, Task: "activation-1", At: o.clock})
	o.told()
	if got := files(); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("files of lines %v left after the skip was taken back: %s", got, strings.Join(o.subjects(), "; "))
	}
}
