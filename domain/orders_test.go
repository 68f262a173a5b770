package domain

import (
	"slices"
	"testing"
	"time"
)

// R11-R13: the order is written down once, with what is to be paid, where and until when.
func TestPlaceOrder(t *testing.T) {
	place := PlaceOrder{Order: "o-1", Number: OrderNumber{2026, 1}, Buyer: "alfa", Lines: linesOf(t, "o-1", alfa, wishNew, wishUpdate), Terms: terms, On: "2026-03-10"}
	t.Run("once", func(t *testing.T) {
		s := given[Order](t).when(place).then(submitted(t))
		order := s.fold(s.past)
		if order.Status() != AwaitingPayment || order.Open() != order.Total.Gross || order.Paid() {
			t.Errorf("order is %s with %s open", order.Status(), order.Open())
		}
		other := place
		other.Number, other.Terms.PaymentDays = OrderNumber{2027, 9}, 30
		s.when(other).then()
	})
	t.Run("due over the end of a month and a year", func(t *testing.T) {
		for on, due := range map[Day]Day{"2026-12-31": "2027-01-14", "2028-02-20": "2028-03-05"} {
			place := place
			place.On = on
			s := given[Order](t).when(place).happened()
			if got := s.fold(s.past).DueOn; got != due {
				t.Errorf("ordered on %s it is due on %s", on, got)
			}
		}
	})
	t.Run("never without a day", func(t *testing.T) {
		place := place
		place.On = ""
		if events, err := place.Decide(Order{}); err == nil {
			t.Errorf("gave %+v", events)
		}
	})
}

// The order's stream has the last word: submitted or declined, never both.
func TestDeclineOrder(t *testing.T) {
	decline := DeclineOrder{Order: "o-1", Licence: "l-alfa", Reason: refuse(UpdateAlreadyOrdered, "order", "o-9")}
	place := PlaceOrder{Order: "o-1", Number: OrderNumber{2026, 1}, Buyer: "alfa", Terms: terms, On: "2026-03-10"}
	s := given[Order](t).when(decline).then(OrderDeclined(decline)).
		when(place).then().
		when(DeclineOrder{Order: "o-1", Licence: "l-beta"}).then().
		when(CancelOrder{Order: "o-1"}).refused(NotFound)
	if order := s.fold(s.past); order.Exists() || order.Declined.Licence != "l-alfa" || len(order.Owed()) != 0 {
		t.Errorf("order is %+v", order)
	}
	given[Order](t, submitted(t)).when(decline).then()
}

func TestAmountsOfAnOrderAreTheSumOfItsLines(t *testing.T) {
	order := submitted(t)
	var sum Amounts
	for _, line := range order.Lines {
		sum = sum.Plus(line.Amounts)
		if line.Amounts != line.item().Amounts() {
			t.Errorf("line %d: %+v", line.Line, line)
		}
	}
	if order.Total != sum || sum.Net+sum.VAT != sum.Gross {
		t.Errorf("total is %+v, lines come to %+v", order.Total, sum)
	}
}

func TestLineAndItemAreTheSamePosition(t *testing.T) {
	for _, wish := range []Wish{wishNew, wishUpdate, wishToMulti, wishMulti} {
		item := itemOf(t, alfa, wish)
		if got := lineOf("o-1", 3, item, "Magazyn").item(); got != item {
			t.Errorf("%+v came back as %+v", item, got)
		}
	}
}

func TestAssignOrderNumber(t *testing.T) {
	assigned := func(order OrderID, n int) OrderNumberAssigned {
		return OrderNumberAssigned{Order: order, Number: OrderNumber{2026, n}}
	}
	given[Numbers](t).
		when(AssignOrderNumber{Order: "o-1", Year: 2026}).then(assigned("o-1", 1)).
		when(AssignOrderNumber{Order: "o-2", Year: 2026}).then(assigned("o-2", 2)).
		when(AssignOrderNumber{Order: "o-1", Year: 2026}).then()
	for name, c := range map[string]struct {
		past []Event
		year int
	}{
		"a full year": {[]Event{assigned("o-1", OrderSequenceMax)}, 2026},
		"no year":     {nil, 0},
		"a far year":  {nil, 2100},
	} {
		t.Run(name, func(t *testing.T) { // such a number could be written, but never be read again
			if events, err := (AssignOrderNumber{Order: "o-2", Year: c.year}).Decide(fold[Numbers](c.past)); err == nil {
				t.Errorf("gave %+v", events)
			}
		})
	}
}

func TestCancelOrder(t *testing.T) {
	cancel := CancelOrder{Order: "o-1"}
	t.Run("while nothing is paid", func(t *testing.T) {
		s := given[Order](t, submitted(t)).when(cancel).then(OrderCancelled{Order: "o-1"})
		if order := s.fold(s.past); order.Status() != CancelledStatus || order.Paid() {
			t.Errorf("order is %s", order.Status())
		}
	})
	t.Run("not after the first grosz", func(t *testing.T) {
		given[Order](t, submitted(t), paid("t-1", 1)).when(cancel).refused(OrderHasPayments)
		given[Order](t, submitted(t), paid("t-1", 859_76)).when(cancel).refused(OrderHasPayments)
	})
	t.Run("not before it is there", func(t *testing.T) {
		given[Order](t).when(cancel).refused(NotFound)
	})
	t.Run("releases its licences, once", func(t *testing.T) {
		released := LicencesReleased{Order: "o-1"}
		given[Order](t, submitted(t)).when(RecordRelease(released)).then().
			when(cancel).happened().when(RecordRelease(released)).then(released)
		given[Order](t).when(RecordRelease(released)).then()
	})
}

func TestRecordPayment(t *testing.T) {
	record := func(transfer TransferID, amount Money) RecordPayment { return recordOf(paid(transfer, amount)) }
	t.Run("in parts", func(t *testing.T) {
		s := given[Order](t, submitted(t)).when(record("t-1", 859_75)).then(paid("t-1", 859_75))
		if order := s.fold(s.past); order.Status() != PartlyPaid || order.Open() != 1 || order.Paid() {
			t.Errorf("one grosz short the order is %s", order.Status())
		}
		s.when(record("t-2", 1)).then(paid("t-2", 1))
		if order := s.fold(s.past); order.Status() != PaidStatus || order.Open() != 0 || order.PaidAmount() != 859_76 {
			t.Errorf("order is %s", order.Status())
		}
	})
	t.Run("a transfer counts once", func(t *testing.T) {
		given[Order](t, submitted(t), paid("t-1", 100)).when(record("t-1", 100)).then().when(record("t-2", 100)).then(paid("t-2", 100))
	})
	t.Run("too much stays on the order", func(t *testing.T) {
		s := given[Order](t, submitted(t), paid("t-1", 859_76)).when(record("t-2", 5)).then(paid("t-2", 5))
		if order := s.fold(s.past); order.Open() != -5 || !order.Paid() {
			t.Errorf("open is %s", order.Open())
		}
	})
	t.Run("money for a cancelled order is booked and only waits for its return", func(t *testing.T) {
		s := given[Order](t, submitted(t), OrderCancelled{Order: "o-1"}, LicencesReleased{Order: "o-1"}).
			when(record("t-1", 859_76)).then(paid("t-1", 859_76))
		if order := s.fold(s.past); order.Paid() || order.Status() != CancelledStatus || !slices.Equal(owed(s.past...), []string{"return"}) {
			t.Errorf("order is %s and owes %+v", order.Status(), order.Owed())
		}
	})
	t.Run("money that is none", func(t *testing.T) {
		given[Order](t, submitted(t)).when(record("t-1", 0)).refused(InvalidInput, "field", "amount", "limit", "0,01")
		given[Order](t, submitted(t)).when(record("t-1", -859_76)).refused(InvalidInput, "field", "amount", "limit", "0,01")
	})
	t.Run("for no order", func(t *testing.T) {
		given[Order](t).when(record("t-1", 100)).refused(NotFound)
	})
}

func TestOrderIdentity(t *testing.T) {
	if OrderIDOf("alfa", "s-1") != OrderIDOf("alfa", "s-1") {
		t.Error("the same submission gives two orders")
	}
	if OrderIDOf("alfa", "s-1") == OrderIDOf("beta", "s-1") || OrderIDOf("alfa", "s-1") == OrderIDOf("alfa", "s-2") || OrderIDOf("ab", "c") == OrderIDOf("a", "bc") {
		t.Error("two submissions give one order")
	}
}

func TestDay(t *testing.T) {
	for day, year := range map[Day]int{"": 0, "2026-12-31": 2026, "2026-13-01": 0, "31.12.2026": 0, "2026-02-29": 0, "2028-02-29": 2028} {
		if got := day.Year(); got != year {
			t.Errorf("%q is in %d", day, got)
		}
	}
}

func TestStatus(t *testing.T) {
	sent := func(line int) Event { return ActivationFileSent{Order: "o-1", Line: line, Copy: 1} }
	for want, past := range map[OrderStatus][]Event{
		AwaitingPayment: {submitted(t), LetterSent{Order: "o-1", Kind: ConfirmTask}},
		PartlyPaid:      {submitted(t), paid("t-1", 1)},
		PaidStatus:      {submitted(t), paid("t-1", 859_76), sent(1), ActivationFileSent{Order: "o-1", Line: 1, Copy: 2}},
		Fulfilled:       {submitted(t), paid("t-1", 859_76), sent(1), sent(2)},
		CancelledStatus: {submitted(t), OrderCancelled{"o-1"}, TaskFailed{Order: "o-1", Failure: Failure{NextAt: time.Now()}}},
	} {
		if order := fold[Order](past); order.Status() != want {
			t.Errorf("status is %s, want %s", order.Status(), want)
		}
	}
}
