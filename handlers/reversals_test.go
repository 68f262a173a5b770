package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// TestALinkedReversalIsFinishedAfterACrash ends the portal at every append of a reversal linked by hand, before it and after it: once
// the link is in the log the process manager takes the money back, and nobody has to ask again.
func TestALinkedReversalIsFinishedAfterACrash(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Vendor.SecondPersonAbove = domain.MoneyMax })
	v, anna := w.browser("obcy"), w.browser("accounting-1")
	finisher := &Fulfilment{Log: w.log, Due: w.unfinished, Now: func() time.Time { return w.server.Now().Add(time.Hour) }, Logger: slog.New(slog.DiscardHandler)}
	for _, written := range []bool{false, true} {
		for appends := 1; ; appends++ {
			path, order := w.paidByHand(v, domain.TransferID(fmt.Sprintf("t-%t-%d", written, appends)))
			id := strings.TrimPrefix(path, "/transfers/")
			amount := bucketsOf(w, path).Orders
			do(w, domain.ReceiveReversal{ReversalReceived: domain.ReversalReceived{Reversal: domain.TransferID("r-" + id), Statement: "s-2",
				Account: terms.Bank.Account, Amount: amount, ValueOn: "2026-11-22", BookedOn: "2026-11-22"}})
			w.server.Log = &cutLog{Log: w.log, left: appends, written: written}
			answer := anna.post(path+"/reversals", "reversal", "r-"+id, "reason", "ten sam płatnik")
			w.server.Log = w.log
			if answer.StatusCode == http.StatusSeeOther {
				if appends <= 3 { // the link, the transfer, its order
					t.Fatalf("it took %d appends", appends-1)
				}
				break
			}
			linked := stateOf[domain.Reversal](w, domain.ReversalStream(domain.TransferID("r-"+id))).Match != nil
			if linked != (written || appends > 1) {
				t.Fatalf("cut at append %d, written %t: linked %t", appends, written, linked)
			}
			for range 2 { // after the reversal its booking on the order; twice is harmless
				w.settleAll()
				if _, err := finisher.WorkOff(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			want := domain.Buckets{Received: amount, Orders: amount}
			if linked {
				want = domain.Buckets{Received: amount, Reversed: amount}
			}
			if got := bucketsOf(w, path); got != want {
				t.Errorf("cut at append %d, written %t: the money is at %+v", appends, written, got)
			}
			if paid := stateOf[domain.Order](w, domain.OrderStream(order)).PaidAmount(); paid != want.Orders {
				t.Errorf("cut at append %d, written %t: the order has %s", appends, written, paid)
			}
			w.settleAll()
			if rows, err := w.unfinished(t.Context(), finisher.Now(), 100); err != nil || len(rows) != 0 {
				t.Errorf("cut at append %d, written %t: still owed: %+v, %v", appends, written, rows, err)
			}
		}
	}
}

// paidByHand arranges a transfer that pays an order of somebody.
func (w *world) paidByHand(v *visitor, id domain.TransferID) (path string, order domain.OrderID) {
	w.t.Helper()
	ordered, _ := v.orderOf(newMagazyn)
	placed := stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(strings.TrimPrefix(ordered, "/orders/"))))
	gross := placed.Total.Gross
	path = w.transferIn(id, gross, "za program")
	do(w, domain.MatchByHand{Transfer: id, Parts: []domain.MatchPart{{Order: placed.Order, Number: placed.Number, Amount: gross}},
		Open: map[domain.OrderID]domain.Payable{placed.Order: placed.Payable()}, Reason: "telefon", Account: "anna", Limit: domain.MoneyMax, Seen: gross})
	if err := bookTransfer(w.t.Context(), w.log, domain.Cause{Actor: "anna", At: w.server.Now()}, id); err != nil {
		w.t.Fatal(err)
	}
	return path, placed.Order
}

// unfinished is what requests that were cut off have left to the process manager.
func (w *world) unfinished(ctx context.Context, now time.Time, limit int) ([]projections.TaskRow, error) {
	rows, err := w.server.Tables.Due(ctx, now, limit)
	return slices.DeleteFunc(rows, func(r projections.TaskRow) bool { return !finishes(r.Task.Kind) }), err
}
