package domain_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/domain/histories"
)

// book is what an auditor writes down while reading the log from its beginning, without the domain's states.
type book struct {
	submitted, declined, cancelled, returned map[domain.OrderID]bool
	due, money                               map[domain.OrderID]domain.Money
	lines                                    map[domain.OrderID][]domain.Line
	numbers                                  map[int]int                           // by year: the last one
	numberOf                                 map[domain.OrderID]domain.OrderNumber // by order
	distributor                              map[domain.CustomerID]domain.CustomerID
	issued                                   map[string]bool // order and line
	invoices                                 map[string]domain.InvoiceRecorded
}

// auditor holds what happens in a market against what it has written down.
type auditor struct {
	*histories.Market
	book book
	seen int // events that were judged
}

func newAuditor(t *rapid.T) *auditor {
	return &auditor{Market: histories.New(t),
		book: book{submitted: map[domain.OrderID]bool{}, declined: map[domain.OrderID]bool{}, cancelled: map[domain.OrderID]bool{}, returned: map[domain.OrderID]bool{},
			due: map[domain.OrderID]domain.Money{}, money: map[domain.OrderID]domain.Money{}, lines: map[domain.OrderID][]domain.Line{}, numbers: map[int]int{},
			numberOf: map[domain.OrderID]domain.OrderNumber{}, distributor: map[domain.CustomerID]domain.CustomerID{}, issued: map[string]bool{},
			invoices: map[string]domain.InvoiceRecorded{}}}
}

// judge reads what is new in the log as an auditor does, and then looks at the states.
func (m *auditor) judge() {
	changed := map[string]bool{}
	for _, record := range m.Log.Records[m.seen:] {
		changed[record.Stream] = true
		m.judgeOrder(record.Event)
		m.judgeMoney(record.Event)
	}
	m.seen = len(m.Log.Records)
	for stream := range changed {
		m.judgeState(stream)
	}
	m.judgeTransfers()
	holders := map[domain.LicenceID]domain.OrderID{}
	for order := range m.book.submitted {
		state := histories.Known[domain.Order](m.Market, domain.OrderStream(order))
		if (state.Cancelled || state.Lapsed) || state.LicencesPaid {
			continue
		}
		for _, line := range state.Lines {
			licence := histories.Known[domain.Licence](m.Market, domain.LicenceStream(line.Licence))
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
func (m *auditor) judgeOrder(event domain.Event) {
	b := &m.book
	switch e := event.(type) {
	case domain.DistributorAssigned:
		b.distributor[e.Customer] = e.Distributor
	case domain.DistributorRemoved:
		delete(b.distributor, e.Customer)
	case domain.CartSubmitted:
		b.lines[e.Order] = e.Lines
		for _, line := range e.Lines {
			own := line.Client == e.Buyer && (b.distributor[e.Buyer] == "" || line.From == "")
			if !own && b.distributor[line.Client] != e.Buyer {
				m.Fatalf("%s orders for %s, whose distributor is %q: %+v", e.Buyer, line.Client, b.distributor[line.Client], line)
			}
		}
	case domain.OrderNumberAssigned:
		if b.numbers[e.Number.Year]++; e.Number.Sequence != b.numbers[e.Number.Year] || b.numberOf[e.Order] != (domain.OrderNumber{}) {
			m.Fatalf("number %s after %d for %s", e.Number, b.numbers[e.Number.Year]-1, e.Order)
		}
		b.numberOf[e.Order] = e.Number
	case domain.OrderSubmitted:
		var total domain.Amounts
		for _, line := range e.Lines {
			total = total.Plus(domain.AmountsOf(line.UnitNet*domain.Money(line.Stations), line.VATRate))
		}
		if b.submitted[e.Order] || b.declined[e.Order] || b.numberOf[e.Order] != e.Number || e.Total != total || !slices.Equal(e.Lines, b.lines[e.Order]) {
			m.Fatalf("order %+v comes to %+v", e, total)
		}
		b.submitted[e.Order], b.due[e.Order] = true, total.Gross
	case domain.OrderDeclined:
		if b.submitted[e.Order] || b.declined[e.Order] || b.numberOf[e.Order] != (domain.OrderNumber{}) {
			m.Fatalf("declined %+v", e)
		}
		b.declined[e.Order] = true
	case domain.CartReturned:
		if !b.declined[e.Order] || b.returned[e.Order] {
			m.Fatalf("returned %+v", e)
		}
		b.returned[e.Order] = true
	}
}

// judgeMoney: nothing is delivered or called paid before the money of its order covers the gross amount. Source: R13, R14.
func (m *auditor) judgeMoney(event domain.Event) {
	b := &m.book
	covered := func(order domain.OrderID) bool {
		return b.submitted[order] && !b.cancelled[order] && b.money[order] >= b.due[order]
	}
	switch e := event.(type) {
	case domain.PaymentReceived:
		b.money[e.Order] += e.Amount
	case domain.PaymentTakenBack:
		b.money[e.Order] -= e.Amount
	case domain.UnderpaymentWaived:
		if e.Amount <= 0 || e.Amount > histories.Terms.Tolerance || b.money[e.Order]+e.Amount != b.due[e.Order] {
			m.Fatalf("waived %s of %s with %s", e.Amount, b.due[e.Order], b.money[e.Order])
		}
		b.due[e.Order] -= e.Amount
	case domain.OrderCancelled:
		if b.money[e.Order] > 0 || b.cancelled[e.Order] {
			m.Fatalf("cancelled %s with %s", e.Order, b.money[e.Order])
		}
		b.cancelled[e.Order] = true
	case domain.OrderExpired:
		if covered(e.Order) || b.cancelled[e.Order] {
			m.Fatalf("%s expired with %s of %s", e.Order, b.money[e.Order], b.due[e.Order])
		}
	case domain.OrderLapsed:
		if covered(e.Order) || b.cancelled[e.Order] {
			m.Fatalf("%s lapsed with %s of %s", e.Order, b.money[e.Order], b.due[e.Order])
		}
		b.cancelled[e.Order] = true
	case domain.LicencePaid:
		if !covered(e.Order) {
			m.Fatalf("licence %s counts as paid by %s", e.Licence, e.Order)
		}
	case domain.ActivationFileIssued:
		line := fmt.Sprint(e.Order, e.Line)
		if !covered(e.Order) || b.issued[line] {
			m.Fatalf("activation file issued for line %s, %s of %s paid", line, b.money[e.Order], b.due[e.Order])
		}
		b.issued[line] = true
	case domain.InvoiceRecorded:
		if known, taken := b.invoices[e.Invoice]; taken && known != e || !b.submitted[e.Order] {
			m.Fatalf("invoice %+v after %+v", e, known)
		}
		b.invoices[e.Invoice] = e
	case domain.ActivationFileSent:
		if !b.issued[fmt.Sprint(e.Order, e.Line)] {
			m.Fatalf("sent %+v, which was never issued", e)
		}
	}
}

// judgeState looks at the state of one stream, and at what becomes of it when a read model keeps it as JSON.
func (m *auditor) judgeState(stream string) {
	switch kind, _, _ := strings.Cut(stream, "-"); kind {
	case "program":
		keeps[domain.Program](m, stream)
	case "customer":
		keeps[domain.Customer](m, stream)
	case "licence":
		licence := keeps[domain.Licence](m, stream)
		if pending := licence.Pending; pending != nil && (m.book.returned[pending.Order] || histories.Known[domain.Order](m.Market, domain.OrderStream(pending.Order)).Released) {
			m.Fatalf("licence is held by an order that is over: %+v", licence)
		}
	case "cart":
		licences, items := map[domain.LicenceID]bool{}, map[domain.ItemID]bool{}
		for _, item := range keeps[domain.Cart](m, stream).Items {
			if licences[item.Licence] && item.Licence != "" || items[item.ID] {
				m.Fatalf("cart has two of %+v", item)
			}
			licences[item.Licence], items[item.ID] = true, true
		}
	case "order":
		order := keeps[domain.Order](m, stream)
		for task := range order.Failures {
			if !slices.ContainsFunc(order.Owed(), func(t domain.Task) bool { return t.ID == task }) {
				m.Fatalf("failure of %s, which is not owed: %+v", task, order)
			}
		}
	}
}

// judgeTransfers holds every grosz that came in against where it is: transfers say it, and orders say the same as soon as they know.
func (m *auditor) judgeTransfers() {
	var in, out, held domain.Money
	onOrders := map[domain.OrderID]domain.Money{}
	for stream := range m.Log.Streams() {
		if !strings.HasPrefix(stream, domain.TransferStream("")) {
			continue
		}
		transfer := keeps[domain.Transfer](m, stream)
		b := transfer.Buckets()
		paidOut := domain.Money(0)
		for _, refund := range transfer.Refunds {
			if refund.State == domain.RefundPaidOut {
				paidOut += refund.Amount
			}
		}
		if b.Orders < 0 || b.Credit < 0 || b.Refunds < 0 || b.Reversed < 0 || b.Reversed > b.Received || b.Unmatched < -paidOut {
			m.Fatalf("%s has its money in %+v", stream, b)
		}
		in, out, held = in+b.Received, out+b.Reversed+paidOut, held+b.Orders+b.Credit+(b.Refunds-paidOut)+b.Unmatched
		for _, booking := range transfer.Bookings {
			if transfer.OnOrder(booking.Order) < 0 {
				m.Fatalf("%s has taken more from %s than it gave: %+v", stream, booking.Order, transfer.Bookings)
			}
			order := histories.Known[domain.Order](m.Market, domain.OrderStream(booking.Order))
			if order.HasBooking(transfer.Transfer, booking.Booking) {
				onOrders[booking.Order] += booking.Amount
			}
		}
		for _, proposed := range transfer.Proposals {
			confirmed := slices.ContainsFunc(m.Log.Stream(stream), func(r domain.Record) bool {
				e, ok := r.Event.(domain.TransferMatched)
				return ok && e.Proposal == proposed.Proposal && (e.Confirmer == "" || e.Confirmer == proposed.Proposer)
			})
			if confirmed {
				m.Fatalf("%s: one person has proposed and confirmed", stream)
			}
		}
	}
	if in != out+held {
		m.Fatalf("%s came in, %s went out, %s is here", in, out, held)
	}
	for id := range m.Orders {
		if order := histories.Known[domain.Order](m.Market, domain.OrderStream(id)); order.PaidAmount() != onOrders[id] || order.PaidAmount() < 0 {
			m.Fatalf("order %s has %s, its transfers say %s", id, order.PaidAmount(), onOrders[id])
		}
	}
}

// keeps folds a stream twice, once in memory and once through JSON.
func keeps[S any, P domain.State[S]](m *auditor, stream string) S {
	var folded, kept S
	for _, record := range m.Log.Stream(stream) {
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
const stepsMax = 150

// The rules hold whatever is wished for, in whatever order, and wherever a hand is stopped in the middle. A longer run:
// go test ./domain -run RulesHold -histories 10000
func TestRulesHold(t *testing.T) {
	histories.Check(t, func(t *rapid.T) {
		m := newAuditor(t)
		for range m.Number("steps", 1, stepsMax) {
			if m.Number("trade", 0, 2) == 0 {
				m.Trade()
			} else {
				m.Act()
			}
			m.judge()
		}
		for _, order := range slices.Sorted(maps.Keys(m.Orders)) { // in the end every submission is settled
			for range 2 {
				m.Place(order)
			}
			m.Release(order)
			m.Finish(order)
			m.judge()
			if m.book.submitted[order] == m.book.returned[order] {
				m.Fatalf("submission %s: ordered %t, returned %t", order, m.book.submitted[order], m.book.returned[order])
			}
		}
	})
}
