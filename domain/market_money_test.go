package domain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// transfersMax is how many transfers come into a market, so that the same one is met often.
const transfersMax = 40

// desk are the two accountants of the market.
var desk = []string{"ania", "bartek"}

func (m *market) transfer() TransferID {
	return TransferID(fmt.Sprint("t-", m.number("transfer", 1, transfersMax)))
}

// pay lets money come in for an order, and perhaps for a second one, as an import does: matched on what the log says at that moment. The orders
// may learn of it later, and another transfer may be matched meanwhile.
func (m *market) pay(order Order, amount Money) {
	if !order.Exists() || amount <= 0 {
		return
	}
	received := TransferReceived{Transfer: m.transfer(), Statement: "s-1", Account: order.Bank.Account, Amount: amount, ValueOn: "2026-03-12",
		Title: order.Number.Reference(), PayerAccount: "account of " + string(order.Buyer)}
	if known := known[Transfer](m, TransferStream(received.Transfer)); known.Transfer != "" {
		received = known.TransferReceived // an overlapping statement
	} else if m.number("second order", 0, 3) == 0 {
		received.Title += " " + m.someOrder().Number.Reference()
	}
	finding := m.matcher().Match(received)
	receive := ReceiveTransfer{TransferReceived: received, Matches: finding.Matches(received)}
	if finding.Credit != nil {
		receive.Credits = []TransferCredited{*finding.Credit}
	}
	if m.number("no reference", 0, 9) == 0 {
		receive.Matches, receive.Credits = nil, nil
	}
	do(m, receive)
	if m.number("late", 0, 3) > 0 {
		m.tell(received.Transfer)
	}
}

func (m *market) someOrder() Order {
	ids := slices.Sorted(maps.Keys(m.orders))
	return known[Order](m, OrderStream(pick(m, "order", ids)))
}

func (m *market) matcher() Matcher {
	return Matcher{Order: func(number OrderNumber) (Payable, bool) {
		for id := range m.orders {
			if order := known[Order](m, OrderStream(id)); order.Exists() && order.Number == number {
				return order.Payable(), true
			}
		}
		return Payable{}, false
	}}
}

// tell orders what a transfer has given them and taken back.
func (m *market) tell(id TransferID) {
	for _, b := range known[Transfer](m, TransferStream(id)).Bookings {
		if b.Amount > 0 {
			do(m, RecordPayment{Order: b.Order, Transfer: id, Amount: b.Amount, ValueOn: b.ValueOn, Booking: b.Booking})
		} else {
			do(m, TakePaymentBack{PaymentTakenBack{Order: b.Order, Transfer: id, Amount: -b.Amount, ValueOn: b.ValueOn, Booking: b.Booking, Why: b.Why}})
		}
	}
}

// giveBack does what an order with a surplus owes, perhaps not to its end.
func (m *market) giveBack(order Order) {
	for _, give := range order.Returns("2026-04-01") {
		m.once(give)
		if m.number("late", 0, 3) > 0 {
			m.tell(give.Transfer)
		}
	}
}

// once performs a command that rests on what its asker saw, so that the same wish again may be refused.
func (m *market) once(command Command[Transfer]) {
	m.commands++
	_, err := Execute[Transfer](context.Background(), m.log, by(fmt.Sprint("once ", m.commands)), command)
	if no := (Refusal{}); err != nil && !errors.As(err, &no) {
		m.Fatalf("%T: %v", command, err)
	}
}

// act on money: the bank takes back, people match, refund and use credits.
func (m *market) moveMoney() {
	id := m.transfer()
	transfer := known[Transfer](m, TransferStream(id))
	if transfer.Transfer == "" || len(m.orders) == 0 {
		return
	}
	order, who, left := m.someOrder(), pick(m, "who", desk), transfer.Buckets().Unmatched
	switch m.number("money", 0, 9) {
	case 0:
		amount := pick(m, "amount", []Money{transfer.Amount, transfer.Amount, transfer.Amount / 2})
		do(m, ReverseTransfer{TransferReversed{Transfer: id, Reversal: TransferID(fmt.Sprint("r-", m.number("reversal", 1, transfersMax))), Amount: amount, ValueOn: "2026-04-02"}})
	case 1, 2:
		open := map[OrderID]Payable{order.Order: order.Payable()}
		part := MatchPart{Order: order.Order, Number: order.Number, Amount: min(left, order.Open())}
		m.once(MatchByHand{Transfer: id, Parts: []MatchPart{part}, Open: open, Reason: "as he says", Account: who, Limit: 400_00, Seen: left})
	case 3, 4:
		open := map[OrderID]Payable{}
		for _, proposed := range transfer.Proposals {
			for _, part := range proposed.Parts {
				open[part.Order] = known[Order](m, OrderStream(part.Order)).Payable()
			}
		}
		if m.number("no", 0, 3) == 0 {
			do(m, RejectMatch{Transfer: id, Proposal: transfer.Proposal, Reason: "no", Account: who})
		} else {
			do(m, ConfirmMatch{Transfer: id, Proposal: transfer.Proposal, Open: open, Account: who})
		}
	case 5:
		var from CustomerID
		for _, customer := range slices.Sorted(maps.Keys(transfer.Credits)) {
			from, left = customer, transfer.Credits[customer]
		}
		m.once(ProposeRefund{Transfer: id, Amount: left, Credit: from, Reason: "he asks", Account: who, Seen: left})
	case 6:
		do(m, DecideRefund{Transfer: id, Refund: len(transfer.Refunds), Yes: m.number("no", 0, 3) > 0, Reason: "no", Account: who})
	case 7:
		do(m, PayRefund{RefundPaid: RefundPaid{Transfer: id, Refund: len(transfer.Refunds), PaidOn: "2026-04-03"}})
	case 8:
		m.once(UseCredit{Transfer: id, Order: order, On: "2026-04-04"})
	default:
	}
	m.tell(id)
}

// judgeTransfers holds every grosz that came in against where it is: transfers say it, and orders say the same as soon as they know.
func (m *market) judgeTransfers() {
	var in, out, held Money
	onOrders := map[OrderID]Money{}
	for stream := range m.log.streams {
		if !strings.HasPrefix(stream, TransferStream("")) {
			continue
		}
		transfer := keeps[Transfer](m, stream)
		b := transfer.Buckets()
		paidOut := Money(0)
		for _, refund := range transfer.Refunds {
			if refund.State == RefundPaidOut {
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
			order := known[Order](m, OrderStream(booking.Order))
			if order.HasBooking(transfer.Transfer, booking.Booking) {
				onOrders[booking.Order] += booking.Amount
			}
		}
		for _, proposed := range transfer.Proposals {
			confirmed := slices.ContainsFunc(m.log.streams[stream], func(r Record) bool {
				e, ok := r.Event.(TransferMatched)
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
	for id := range m.orders {
		if order := known[Order](m, OrderStream(id)); order.PaidAmount() != onOrders[id] || order.PaidAmount() < 0 {
			m.Fatalf("order %s has %s, its transfers say %s", id, order.PaidAmount(), onOrders[id])
		}
	}
}
