package histories

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"netrom.pl/portal/domain"
)

// transfersMax is how many transfers come into a market, so that the same one is met often.
const transfersMax = 40

// desk are the two accountants of the market.
var desk = []string{"ania", "bartek"}

func (m *Market) transfer() domain.TransferID {
	return domain.TransferID(fmt.Sprint("t-", m.Number("transfer", 1, transfersMax)))
}

// Trade lets one thing happen that moves money: an order, its payment, what people and the bank do with it. At times it is anything else.
func (m *Market) Trade() {
	n := m.Number("trade", 0, 12)
	switch {
	case n < 3 || len(m.Orders) == 0:
		buyer := m.customer(pick(m, "buyer", m.customers))
		m.addToCart(buyer)
		if order, ok := m.submit(buyer); ok {
			m.Place(order)
		}
	case n < 5:
		m.payFor(m.someOrder())
	case n < 9:
		m.moveMoney()
	case n < 11:
		m.fulfil(m.someOrder().Order)
	default:
		m.Act()
	}
}

// payFor is mostly what is open, at times a little more or less.
func (m *Market) payFor(order domain.Order) {
	open := int(order.Open())
	amount := pick(m, "amount", []int{open, open, open, open, open - 1, open / 2, open + 1, 1})
	m.pay(order, domain.Money(amount))
}

// pay lets money come in for an order, and perhaps for a second one, as an import does: matched on what the log says at that moment. The orders
// may learn of it later, and another transfer may be matched meanwhile.
func (m *Market) pay(order domain.Order, amount domain.Money) {
	if !order.Exists() || amount <= 0 {
		return
	}
	received := domain.TransferReceived{Transfer: m.transfer(), Account: order.Bank.Account, Amount: amount, ValueOn: m.Today(), BookedOn: m.Today(),
		Title: order.Number.Reference(), PayerAccount: "account of " + string(order.Buyer)}
	if known := Known[domain.Transfer](m, domain.TransferStream(received.Transfer)); known.Transfer != "" {
		received = known.TransferReceived // an overlapping statement
	} else if m.Number("second order", 0, 3) == 0 {
		received.Title += " " + m.someOrder().Number.Reference()
	}
	received.Statement = m.imports([]domain.TransferReceived{received}, nil)
	if m.Number("crash", 0, 9) == 0 {
		m.bank.owed = append(m.bank.owed, func() { m.book(received) })
		return
	}
	m.book(received)
}

// book matches a transfer on what the log says now.
func (m *Market) book(received domain.TransferReceived) {
	finding := m.matcher().Match(received)
	receive := domain.ReceiveTransfer{TransferReceived: received, Matches: finding.Matches(received)}
	if finding.Credit != nil {
		receive.Credits = []domain.TransferCredited{*finding.Credit}
	}
	if m.Number("no reference", 0, 9) == 0 {
		receive.Matches, receive.Credits = nil, nil
	}
	do(m, receive)
	if !slices.Contains(m.bank.arrived, received.Transfer) {
		m.bank.arrived = append(m.bank.arrived, received.Transfer)
	}
	if m.Number("late", 0, 3) > 0 {
		m.tell(received.Transfer)
	}
}

func (m *Market) someOrder() domain.Order {
	ids := slices.Sorted(maps.Keys(m.Orders))
	return Known[domain.Order](m, domain.OrderStream(pick(m, "order", ids)))
}

func (m *Market) matcher() domain.Matcher {
	return domain.Matcher{Order: func(number domain.OrderNumber) (domain.Payable, bool) {
		for id := range m.Orders {
			if order := Known[domain.Order](m, domain.OrderStream(id)); order.Exists() && order.Number == number {
				return order.Payable(), true
			}
		}
		return domain.Payable{}, false
	}}
}

// tell orders what a transfer has given them and taken back.
func (m *Market) tell(id domain.TransferID) {
	for _, b := range Known[domain.Transfer](m, domain.TransferStream(id)).Bookings {
		if b.Amount > 0 {
			do(m, domain.RecordPayment{Order: b.Order, Transfer: id, Amount: b.Amount, ValueOn: b.ValueOn, Booking: b.Booking})
		} else {
			do(m, domain.TakePaymentBack{PaymentTakenBack: domain.PaymentTakenBack{Order: b.Order, Transfer: id, Amount: -b.Amount, ValueOn: b.ValueOn, Booking: b.Booking, Why: b.Why}})
		}
	}
}

// giveBack does what an order with a surplus owes, perhaps not to its end.
func (m *Market) giveBack(order domain.Order) {
	for _, give := range order.Returns(m.Today()) {
		once(m, give)
		if m.Number("late", 0, 3) > 0 {
			m.tell(give.Transfer)
		}
	}
}

// once performs a command that rests on what its asker saw, so that the same wish again may be refused.
func once[S any, P domain.State[S]](m *Market, command domain.Command[S]) {
	_, err := domain.Execute[S, P](context.Background(), m.Log, m.Cause(), command)
	if no := (domain.Refusal{}); err != nil && !errors.As(err, &no) {
		m.Fatalf("%T: %v", command, err)
	}
}

// act on money: the bank takes back, people match, refund and use credits.
func (m *Market) moveMoney() {
	if len(m.bank.arrived) == 0 {
		return
	}
	id := pick(m, "arrived", m.bank.arrived)
	transfer := Known[domain.Transfer](m, domain.TransferStream(id))
	if transfer.Transfer == "" || len(m.Orders) == 0 {
		return
	}
	order, who, left := m.someOrder(), pick(m, "who", desk), transfer.Buckets().Unmatched
	switch m.Number("money", 0, 9) {
	case 0:
		m.takeBack(transfer)
	case 1, 2:
		open := map[domain.OrderID]domain.Payable{order.Order: order.Payable()}
		part := domain.MatchPart{Order: order.Order, Number: order.Number, Amount: min(left, order.Open())}
		once(m, domain.MatchByHand{Transfer: id, Parts: []domain.MatchPart{part}, Open: open, Reason: "as he says", Account: who, Limit: 400_00, Seen: left})
	case 3, 4:
		open := map[domain.OrderID]domain.Payable{}
		for _, proposed := range transfer.Proposals {
			for _, part := range proposed.Parts {
				open[part.Order] = Known[domain.Order](m, domain.OrderStream(part.Order)).Payable()
			}
		}
		if m.Number("no", 0, 3) == 0 {
			do(m, domain.RejectMatch{Transfer: id, Proposal: transfer.Proposal, Reason: "no", Account: who})
		} else {
			do(m, domain.ConfirmMatch{Transfer: id, Proposal: transfer.Proposal, Open: open, Account: who})
		}
	case 5:
		var from domain.CustomerID
		for _, customer := range slices.Sorted(maps.Keys(transfer.Credits)) {
			from, left = customer, transfer.Credits[customer]
		}
		once(m, domain.ProposeRefund{Transfer: id, Amount: left, Credit: from, Reason: "he asks", Account: who, Seen: left})
	case 6:
		do(m, domain.DecideRefund{Transfer: id, Refund: len(transfer.Refunds), Yes: m.Number("no", 0, 3) > 0, Reason: "no", Account: who})
	case 7:
		do(m, domain.PayRefund{RefundPaid: domain.RefundPaid{Transfer: id, Refund: len(transfer.Refunds), PaidOn: m.Today()}})
	case 8:
		once(m, domain.UseCredit{Transfer: id, Order: order, On: m.Today()})
	default:
	}
	m.tell(id)
}
