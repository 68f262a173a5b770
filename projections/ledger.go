package projections

import (
	"time"

	"netrom.pl/portal/domain"
)

// Ledger is the order history as the log tells it: a pure fold without tables. The zero value is an empty ledger; feed
// it with every record in the order of the log.
type Ledger struct {
	Until     domain.Position // of the last record seen
	orders    map[domain.OrderID]*History
	sequence  []*History
	transfers map[domain.TransferID]domain.Transfer
}

// History is one order with everything that happened to it.
type History struct {
	domain.Order
	Entries []Entry
}

// Entry is one event of an order as accounting reads it.
type Entry struct {
	Position domain.Position
	At       time.Time
	Type     string       // of the event
	Actor    string       // who did it
	Amount   domain.Money // gross of the order, or of the payment; 0 for events that move no money
	Line     int          // of the order; 0 when the event concerns the whole
}

// See takes the next record.
func (l *Ledger) See(record domain.Record) {
	l.Until = record.Position
	entry := Entry{Position: record.Position, At: record.Metadata.At, Type: record.Type, Actor: record.Metadata.Actor}
	switch e := record.Event.(type) {
	case domain.OrderSubmitted:
		if l.orders == nil {
			l.orders = map[domain.OrderID]*History{}
		}
		history := &History{}
		l.orders[e.Order], l.sequence = history, append(l.sequence, history)
		entry.Amount = e.Total.Gross
		l.enter(e.Order, e, entry)
	case domain.OrderCancelled:
		l.enter(e.Order, e, entry)
	case domain.LicencesReleased:
		l.enter(e.Order, e, entry)
	case domain.PaymentReceived:
		entry.Amount = e.Amount
		l.enter(e.Order, e, entry)
	case domain.LetterSent:
		l.enter(e.Order, e, entry)
	case domain.LicencesMarkedPaid:
		l.enter(e.Order, e, entry)
	case domain.ActivationFileIssued:
		entry.Line = e.Line
		l.enter(e.Order, e, entry)
	case domain.ActivationFileSent:
		entry.Line = e.Line
		l.enter(e.Order, e, entry)
	case domain.ActivationFileResendRequested:
		entry.Line = e.Line
		l.enter(e.Order, e, entry)
	case domain.TaskFailed:
		l.enter(e.Order, e, entry)
	case domain.TransferReceived:
		l.transfer(e.Transfer, e)
	case domain.TransferMatched:
		l.transfer(e.Transfer, e)
	}
}

func (l *Ledger) enter(order domain.OrderID, event domain.Event, entry Entry) {
	if history := l.orders[order]; history != nil {
		history.Evolve(event)
		history.Entries = append(history.Entries, entry)
	}
}

func (l *Ledger) transfer(id domain.TransferID, event domain.Event) {
	if l.transfers == nil {
		l.transfers = map[domain.TransferID]domain.Transfer{}
	}
	transfer := l.transfers[id]
	transfer.Evolve(event)
	l.transfers[id] = transfer
}

// Orders are the histories in the order in which the orders were submitted.
func (l *Ledger) Orders() []*History { return l.sequence }

// Totals of the whole ledger, to be compared with [Tables.Totals].
func (l *Ledger) Totals() Totals {
	var t Totals
	for _, order := range l.sequence {
		t.Orders++
		t.Received += order.PaidAmount()
		if order.Cancelled {
			t.Cancelled++
			continue
		}
		t.Gross += order.Total.Gross
		if order.Paid() {
			t.Paid++
		}
		if order.Status() == domain.Fulfilled {
			t.Fulfilled++
		}
	}
	for _, transfer := range l.transfers {
		t.Transfers++
		t.Incoming += transfer.Amount
		if transfer.Match != nil {
			t.Matched++
		}
	}
	return t
}
