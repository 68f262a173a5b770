package domain

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

// onItsWay is a log in which Alfa has just submitted o-1: a new program, the update of l-alfa and the step of l-alfa-3
// to many stations. lostTo, if any, is another order that holds l-alfa already.
func onItsWay(t *testing.T, lostTo OrderID) *memory {
	t.Helper()
	log := &memory{}
	for _, licence := range []Licence{alfaOld, alfaNew} {
		must(t, log, "grant", GrantLicence{Licence: licence.ID, Customer: "alfa", Program: magazyn, Edition: licence.Edition, Version: licence.Version, Stations: 1})
	}
	must(t, log, "add", AddToCart{Buyer: alfa, Wishes: []Wish{wishNew, wishUpdate, wishToMulti}})
	must(t, log, "submit", SubmitOrder{Buyer: alfa, Order: "o-1", On: "2026-12-31", Wishes: byItem(wishNew, wishUpdate, wishToMulti)})
	if lostTo != "" {
		must(t, log, "rival", OrderLicence{Order: lostTo, Line: linesOf(t, lostTo, alfa, wishUpdate)[0]})
	}
	log.appends, log.steps = 0, 0
	return log
}

func placing(log Log, command string) (Outcome, error) {
	return Place(context.Background(), log, by(command), "alfa", "o-1", terms)
}

// finish does on a log that works again what the process manager does: it places o-1 unless that was placed or returned.
func finish(t *testing.T, log *memory, command string) {
	t.Helper()
	log.before, log.outage = nil, nil
	if len(eventsOf[OrderSubmitted](log))+len(eventsOf[CartReturned](log)) > 0 {
		return
	}
	if _, err := placing(log, command); err != nil && !errors.Is(err, Refusal{Code: CartChanged}) {
		t.Fatalf("finishing gave %v", err)
	}
}

// checkPlaced sees to it that o-1 is exactly one order that holds each of its licences, or is cancelled and holds none,
// or that its cart is back, there is no order and nothing is held.
func checkPlaced(t *testing.T, log *memory) (ordered bool) {
	t.Helper()
	orders, returns := eventsOf[OrderSubmitted](log), eventsOf[CartReturned](log)
	if len(orders)+len(returns) != 1 {
		t.Errorf("%d orders and %d returned carts", len(orders), len(returns))
	}
	for i, e := range eventsOf[OrderNumberAssigned](log) {
		if e.Number != (OrderNumber{2026, i + 1}) || i > 0 {
			t.Errorf("number %d is %+v", i+1, e)
		}
	}
	if len(orders) == 1 && (orders[0].Number != OrderNumber{2026, 1} || orders[0].DueOn != "2027-01-14") {
		t.Errorf("order is %+v", orders[0])
	}
	holds := len(orders) == 1 && len(eventsOf[OrderCancelled](log)) == 0
	cart, err := Load[Cart](context.Background(), log, "cart-alfa")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range cart.State.Orders["o-1"].Lines {
		licence, err := Load[Licence](context.Background(), log, LicenceStream(line.Licence))
		if err != nil {
			t.Fatal(err)
		}
		if held := licence.State.Pending != nil && licence.State.Pending.Order == "o-1"; held != holds {
			t.Errorf("line %d: held is %t, want %t", line.Line, held, holds)
		}
	}
	return len(orders) == 1
}

func TestPlace(t *testing.T) {
	log := onItsWay(t, "")
	outcome, err := placing(log, "place")
	if err != nil || !checkPlaced(t, log) || len(outcome.Events) != 1 || outcome.Position != log.records[len(log.records)-1].Position {
		t.Fatalf("outcome is %+v, %v", outcome, err)
	}
	must(t, log, "confirm", RecordLetter{Order: "o-1", Kind: ConfirmTask})
	size := len(log.records)
	again, err := placing(log, "again")
	if err != nil || again.Events != nil || again.Position == 0 || len(log.records) != size {
		t.Errorf("placed again: %+v, %v", again, err)
	}
}

func TestPlaceWithoutSubmission(t *testing.T) {
	if outcome, err := placing(&memory{}, "place"); !errors.Is(err, Refusal{Code: CartChanged}) || outcome.Position != 0 {
		t.Errorf("gave %+v, %v", outcome, err)
	}
}

// A licence that was ordered elsewhere at the same moment: the cart comes back with the reason, nothing is held.
func TestPlaceGivesTheCartBack(t *testing.T) {
	log := onItsWay(t, "o-9")
	for _, command := range []string{"submit", "again"} { // the request that submitted places as well, under its own identity
		if outcome, err := placing(log, command); !errors.Is(err, Refusal{Code: CartChanged}) || outcome.Position != 0 {
			t.Fatalf("gave %+v, %v", outcome, err)
		}
		if checkPlaced(t, log) || len(eventsOf[OrderNumberAssigned](log)) != 0 {
			t.Error("there is an order")
		}
	}
	cart, err := Load[Cart](context.Background(), log, "cart-alfa")
	if err != nil || len(cart.State.Items) != 2 || len(cart.State.Notices) != 1 || cart.State.Notices[0].Reason.Facts["order"] != "o-9" {
		t.Errorf("cart is %+v, %v", cart.State, err)
	}
	wishes := byItem(wishNew, wishToMulti)
	must(t, log, "submit-again", SubmitOrder{Buyer: alfa, Order: "o-2", On: "2027-01-01", Wishes: wishes})
	if _, err := Place(context.Background(), log, by("place-again"), "alfa", "o-2", terms); err != nil {
		t.Errorf("what came back cannot be ordered: %v", err)
	}
}

// The log breaks at each append in turn, before or after it was written; whoever finds the submission finishes it.
func TestPlaceAfterEveryCrash(t *testing.T) {
	for _, lostTo := range []OrderID{"", "o-9"} {
		for _, broken := range []outage{unreachable, unanswered} {
			for _, finisher := range []string{"place", "finish"} { // the same request again, or the process manager
				for crash := 1; ; crash++ {
					log := onItsWay(t, lostTo)
					log.outage = func(append int) outage {
						if append == crash {
							return broken
						}
						return working
					}
					_, err := placing(log, "place")
					if !errors.Is(err, errOutage) {
						if crash < 4 {
							t.Fatalf("append %d never came: %v", crash, err)
						}
						break
					}
					finish(t, log, finisher)
					if ordered := checkPlaced(t, log); ordered != (lostTo == "") {
						t.Errorf("lost to %q, crash at append %d: ordered is %t", lostTo, crash, ordered)
					}
				}
			}
		}
	}
}

// The order number and the due day are those of the day on which the cart was submitted, whenever the order is written down.
func TestPlaceInTheNextYear(t *testing.T) {
	log := onItsWay(t, "")
	log.outage = func(append int) outage {
		if append == 1 {
			return unreachable
		}
		return working
	}
	if _, err := placing(log, "place"); !errors.Is(err, errOutage) {
		t.Fatal(err)
	}
	log.outage = nil
	must(t, log, "add-again", AddToCart{Buyer: alfa, Wishes: []Wish{wishMulti}})
	must(t, log, "grant-multi", GrantLicence{Licence: alfaMulti.ID, Customer: "alfa", Program: magazyn, Edition: MultiStation, Version: "2.0", Stations: 7})
	must(t, log, "submit-again", SubmitOrder{Buyer: alfa, Order: "o-2", On: "2027-01-02", Wishes: byItem(wishMulti)})
	for _, order := range []OrderID{"o-2", "o-1"} {
		later := by("finish-" + string(order))
		later.At = time.Date(2027, 1, 2, 9, 0, 0, 0, time.UTC)
		if _, err := Place(context.Background(), log, later, "alfa", order, terms); err != nil {
			t.Fatal(err)
		}
	}
	orders := eventsOf[OrderSubmitted](log)
	if orders[0].Number != (OrderNumber{2027, 1}) || orders[0].DueOn != "2027-01-16" || orders[1].Number != (OrderNumber{2026, 1}) || orders[1].DueOn != "2027-01-14" {
		t.Errorf("orders are %+v", orders)
	}
}

// Two carts with the same two licences, ticked in opposite order: one becomes an order, the other comes back.
func TestPlaceRace(t *testing.T) {
	underDora := client(alfa, "dora")
	forDora := func(wish Wish) Wish {
		return wishWith(wish, func(w *Wish) { w.Item, w.Client = "d-"+w.Item, underDora })
	}
	for round := range 50 {
		log := &memory{}
		for _, licence := range []Licence{alfaOld, alfaNew} {
			must(t, log, "grant", GrantLicence{Licence: licence.ID, Customer: "alfa", Program: magazyn, Edition: licence.Edition, Version: licence.Version, Stations: 1})
		}
		carts := map[CustomerID][]Wish{"alfa": {wishNew, wishUpdate, wishToMulti}, "dora": {forDora(wishToMulti), forDora(wishUpdate), forDora(wishNew)}}
		buyers := map[CustomerID]Customer{"alfa": alfa, "dora": dora}
		for buyer, wishes := range carts {
			must(t, log, "add", AddToCart{Buyer: buyers[buyer], Wishes: wishes})
			must(t, log, "submit", SubmitOrder{Buyer: buyers[buyer], Order: "o-" + OrderID(buyer), On: "2026-03-10", Wishes: byItem(wishes...)})
		}
		log.before = func(int) { runtime.Gosched() }
		warm := KeepWarm(log, round%3) // also without room for all streams
		var wg sync.WaitGroup
		for buyer := range carts {
			for hand := range 2 { // the request and the process manager
				wg.Go(func() {
					for {
						_, err := Place(context.Background(), warm, by(fmt.Sprint(buyer, hand)), buyer, "o-"+OrderID(buyer), terms)
						if _, no := IsRefusal(err); err == nil || no {
							return
						}
						if !errors.Is(err, ErrConflict) {
							t.Error(err)
							return
						}
					}
				})
			}
		}
		wg.Wait()
		orders, returns := eventsOf[OrderSubmitted](log), eventsOf[CartReturned](log)
		if len(orders) != 1 || len(returns) != 1 || orders[0].Buyer == returns[0].Buyer {
			t.Fatalf("round %d: %d orders, %d carts back\n%s", round, len(orders), len(returns), story(log))
		}
		for _, line := range orders[0].Lines {
			licence, err := Load[Licence](context.Background(), log, LicenceStream(line.Licence))
			if err != nil || licence.State.Pending == nil || licence.State.Pending.Order != orders[0].Order {
				t.Fatalf("round %d: the order does not hold %s: %+v", round, line.Licence, licence.State)
			}
		}
	}
}

// intrusion is what somebody else does between two steps of placing o-1.
type intrusion struct {
	name string
	acts []func(*testing.T, *memory)
	// survives tells that the log may break afterwards as well. It may not where a hand takes a licence that its order
	// was refused and that became free after another hand had given everything back: if that hand dies at this very
	// moment, the licence stays held.
	survives bool
}

func intrusions() []intrusion {
	placeToo := func(t *testing.T, log *memory) {
		if _, err := placing(log, "meanwhile"); err != nil && !errors.Is(err, Refusal{Code: CartChanged}) {
			t.Fatal(err)
		}
	}
	cancel := func(t *testing.T, log *memory) {
		orders := eventsOf[OrderSubmitted](log)
		if len(orders) == 0 {
			return // declined: there is nothing to cancel
		}
		must(t, log, "cancel", CancelOrder{Order: "o-1"})
		for _, line := range orders[0].Lines {
			must(t, log, "release", WithdrawLicenceOrder{Order: "o-1", Licence: line.Licence})
		}
		must(t, log, "release", RecordRelease{Order: "o-1"})
	}
	take := func(wish Wish) func(*testing.T, *memory) {
		return func(t *testing.T, log *memory) {
			_, err := Execute(context.Background(), log, by("take"), OrderLicence{Order: "o-8", Line: linesOf(t, "o-8", alfa, wish)[0]})
			if _, late := IsRefusal(err); err != nil && !late {
				t.Fatal(err)
			}
		}
	}
	free := func(t *testing.T, log *memory) {
		must(t, log, "free", WithdrawLicenceOrder{Order: "o-9", Licence: "l-alfa"})
	}
	acts := func(acts ...func(*testing.T, *memory)) []func(*testing.T, *memory) { return acts }
	return []intrusion{
		{"another hand places it", acts(placeToo), true},
		{"another hand places it, the buyer cancels", acts(free, placeToo, cancel), true},
		{"somebody takes a licence", acts(take(wishUpdate)), true},
		{"somebody takes the last licence", acts(take(wishToMulti)), true},
		{"somebody takes a licence, another hand gives up", acts(take(wishToMulti), placeToo), true},
		{"another hand is done, somebody takes a licence", acts(placeToo, take(wishToMulti)), true},
		{"the lost licence is free", acts(free), true},
		{"the lost licence is free, another hand places it", acts(free, placeToo), true},
		{"the lost licence is free and taken by somebody", acts(free, take(wishUpdate)), true},
		{"another hand gives up, then the licence is free", acts(placeToo, free), false},
	}
}

// Somebody else acts at each step of placing in turn, and the log may break at each append as well.
func TestPlaceAmidOthers(t *testing.T) {
	for _, others := range intrusions() {
		for _, lostTo := range []OrderID{"", "o-9"} {
			t.Run(fmt.Sprintf("%s, lost to %q", others.name, lostTo), func(t *testing.T) {
				for at, came := 1, true; came; at++ {
					came = amidOthers(t, others, lostTo, at, 0)
					for crash := 1; crash <= 12 && came && others.survives; crash++ {
						amidOthers(t, others, lostTo, at, crash)
					}
				}
			})
		}
	}
}

// amidOthers places o-1, lets others act at one step and the log break at one append, and tells whether that step came.
func amidOthers(t *testing.T, others intrusion, lostTo OrderID, at, crash int) (came bool) {
	log := onItsWay(t, lostTo)
	breaks := func(append int) outage {
		if append == crash {
			return unreachable
		}
		return working
	}
	log.outage = breaks
	log.before = func(step int) {
		if step != at {
			return
		}
		appends := log.appends
		came, log.before, log.outage = true, nil, nil
		for _, act := range others.acts {
			act(t, log)
		}
		log.appends, log.outage = appends, breaks
	}
	if _, err := placing(log, "place"); err != nil && !errors.Is(err, errOutage) && !errors.Is(err, Refusal{Code: CartChanged}) {
		t.Error(err)
	}
	finish(t, log, "finish")
	checkPlaced(t, log)
	if t.Failed() {
		t.Fatalf("at step %d, with a crash at append %d:\n%s", at, crash, story(log))
	}
	return came
}

// story is the log as one can read it.
func story(log *memory) string {
	var text string
	for _, record := range log.records {
		text += fmt.Sprintf("%s %s %+v\n", record.Stream, record.Type, record.Event)
	}
	return text
}
