package domain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// book is what an auditor writes down while reading the log from its beginning, without the domain's states.
type book struct {
	submitted, declined, cancelled, returned map[OrderID]bool
	due, money                               map[OrderID]Money
	lines                                    map[OrderID][]Line
	numbers                                  map[int]int             // by year: the last one
	numberOf                                 map[OrderID]OrderNumber // by order
	distributor                              map[CustomerID]CustomerID
	issued                                   map[string]bool // order and line
	invoices                                 map[string]InvoiceRecorded
}

// judge reads what is new in the log as an auditor does, and then looks at the states.
func (m *market) judge() {
	changed := map[string]bool{}
	for _, record := range m.log.records[m.seen:] {
		changed[record.Stream] = true
		m.judgeOrder(record.Event)
		m.judgeMoney(record.Event)
	}
	m.seen = len(m.log.records)
	for stream := range changed {
		m.judgeState(stream)
	}
	m.judgeTransfers()
	holders := map[LicenceID]OrderID{}
	for order := range m.book.submitted {
		state := known[Order](m, OrderStream(order))
		if state.over() || state.LicencesPaid {
			continue
		}
		for _, line := range state.Lines {
			licence := known[Licence](m, LicenceStream(line.Licence))
			if state.Uncover || slices.Contains(licence.Owing, order) {
				continue // it was paid and is not any more
			}
			held := licence.Pending != nil && licence.Pending.Order == order
			if other, taken := holders[line.Licence]; taken || !held && !state.Paid() {
				m.Fatalf("open order %s does not hold %s, %q has it: %+v", order, line.Licence, other, licence)
			}
			holders[line.Licence] = order
		}
	}
}

// judgeOrder: one order for each submission or the cart back, numbers without gaps, amounts that add up, R8.
func (m *market) judgeOrder(event Event) {
	b := &m.book
	switch e := event.(type) {
	case DistributorAssigned:
		b.distributor[e.Customer] = e.Distributor
	case DistributorRemoved:
		delete(b.distributor, e.Customer)
	case CartSubmitted:
		b.lines[e.Order] = e.Lines
		for _, line := range e.Lines {
			own := line.Client == e.Buyer && (b.distributor[e.Buyer] == "" || line.From == "")
			if !own && b.distributor[line.Client] != e.Buyer {
				m.Fatalf("%s orders for %s, whose distributor is %q: %+v", e.Buyer, line.Client, b.distributor[line.Client], line)
			}
		}
	case OrderNumberAssigned:
		if b.numbers[e.Number.Year]++; e.Number.Sequence != b.numbers[e.Number.Year] || b.numberOf[e.Order] != (OrderNumber{}) {
			m.Fatalf("number %s after %d for %s", e.Number, b.numbers[e.Number.Year]-1, e.Order)
		}
		b.numberOf[e.Order] = e.Number
	case OrderSubmitted:
		var total Amounts
		for _, line := range e.Lines {
			total = total.Plus(AmountsOf(line.UnitNet*Money(line.Stations), line.VATRate))
		}
		if b.submitted[e.Order] || b.declined[e.Order] || b.numberOf[e.Order] != e.Number || e.Total != total || !slices.Equal(e.Lines, b.lines[e.Order]) {
			m.Fatalf("order %+v comes to %+v", e, total)
		}
		b.submitted[e.Order], b.due[e.Order] = true, total.Gross
	case OrderDeclined:
		if b.submitted[e.Order] || b.declined[e.Order] || b.numberOf[e.Order] != (OrderNumber{}) {
			m.Fatalf("declined %+v", e)
		}
		b.declined[e.Order] = true
	case CartReturned:
		if !b.declined[e.Order] || b.returned[e.Order] {
			m.Fatalf("returned %+v", e)
		}
		b.returned[e.Order] = true
	}
}

// judgeMoney: nothing is delivered or called paid before the money of its order covers the gross amount. Source: R13, R14.
func (m *market) judgeMoney(event Event) {
	b := &m.book
	covered := func(order OrderID) bool {
		return b.submitted[order] && !b.cancelled[order] && b.money[order] >= b.due[order]
	}
	switch e := event.(type) {
	case PaymentReceived:
		b.money[e.Order] += e.Amount
	case PaymentTakenBack:
		b.money[e.Order] -= e.Amount
	case UnderpaymentWaived:
		b.due[e.Order] -= e.Amount
	case OrderCancelled:
		if b.money[e.Order] > 0 || b.cancelled[e.Order] {
			m.Fatalf("cancelled %s with %s", e.Order, b.money[e.Order])
		}
		b.cancelled[e.Order] = true
	case OrderExpired:
		if covered(e.Order) || b.cancelled[e.Order] {
			m.Fatalf("%s expired with %s of %s", e.Order, b.money[e.Order], b.due[e.Order])
		}
	case OrderLapsed:
		if covered(e.Order) || b.cancelled[e.Order] {
			m.Fatalf("%s lapsed with %s of %s", e.Order, b.money[e.Order], b.due[e.Order])
		}
		b.cancelled[e.Order] = true
	case LicencePaid:
		if !covered(e.Order) {
			m.Fatalf("licence %s counts as paid by %s", e.Licence, e.Order)
		}
	case ActivationFileIssued:
		line := fmt.Sprint(e.Order, e.Line)
		if !covered(e.Order) || b.issued[line] {
			m.Fatalf("activation file issued for line %s, %s of %s paid", line, b.money[e.Order], b.due[e.Order])
		}
		b.issued[line] = true
	case InvoiceRecorded:
		if known, taken := b.invoices[e.Invoice]; taken && known != e || !b.submitted[e.Order] {
			m.Fatalf("invoice %+v after %+v", e, known)
		}
		b.invoices[e.Invoice] = e
	case ActivationFileSent:
		if !b.issued[fmt.Sprint(e.Order, e.Line)] {
			m.Fatalf("sent %+v, which was never issued", e)
		}
	}
}

// judgeState looks at the state of one stream, and at what becomes of it when a read model keeps it as JSON.
func (m *market) judgeState(stream string) {
	switch kind, _, _ := strings.Cut(stream, "-"); kind {
	case "program":
		keeps[Program](m, stream)
	case "customer":
		keeps[Customer](m, stream)
	case "licence":
		licence := keeps[Licence](m, stream)
		if pending := licence.Pending; pending != nil && (m.book.returned[pending.Order] || known[Order](m, OrderStream(pending.Order)).Released) {
			m.Fatalf("licence is held by an order that is over: %+v", licence)
		}
	case "cart":
		licences, items := map[LicenceID]bool{}, map[ItemID]bool{}
		for _, item := range keeps[Cart](m, stream).Items {
			if licences[item.Licence] && item.Licence != "" || items[item.ID] {
				m.Fatalf("cart has two of %+v", item)
			}
			licences[item.Licence], items[item.ID] = true, true
		}
	case "order":
		order := keeps[Order](m, stream)
		for task := range order.Failures {
			if !order.owes(task) {
				m.Fatalf("failure of %s, which is not owed: %+v", task, order)
			}
		}
	}
}

// keeps folds a stream twice, once in memory and once through JSON.
func keeps[S any, P State[S]](m *market, stream string) S {
	var folded, kept S
	for _, record := range m.log.streams[stream] {
		P(&folded).Evolve(record.Event)
		text, err := json.Marshal(kept)
		if err != nil {
			m.Fatal(err)
		}
		kept = *new(S)
		if err := json.Unmarshal(text, &kept); err != nil {
			m.Fatal(err)
		}
		P(&kept).Evolve(record.Event)
	}
	a, errA := json.Marshal(folded)
	b, errB := json.Marshal(kept)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		m.Fatalf("%s is\n%s %v\nthrough JSON\n%s %v", stream, a, errA, b, errB)
	}
	return folded
}

// stepsMax is how much happens in one world at most.
const stepsMax = 300

// The rules hold whatever is wished for, in whatever order, and wherever a hand is stopped in the middle.
func TestRulesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMarket(t)
		for range m.number("steps", 1, stepsMax) {
			m.act()
			m.judge()
		}
		for _, order := range slices.Sorted(maps.Keys(m.orders)) { // in the end every submission is settled
			for range 2 {
				m.place(order)
			}
			m.release(order)
			if _, err := Place(context.Background(), m.log, by("last-"+string(order)), m.orders[order], order, timedTerms); err != nil && !errors.Is(err, Refusal{Code: CartChanged}) {
				m.Fatal(err)
			}
			m.judge()
			if m.book.submitted[order] == m.book.returned[order] {
				m.Fatalf("submission %s: ordered %t, returned %t", order, m.book.submitted[order], m.book.returned[order])
			}
		}
	})
}
