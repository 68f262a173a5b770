package projections

import (
	"strings"
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
	Amount   domain.Money // gross of the order, or of the payment, negative when it is taken back; 0 for events that move no money
	Line     int          // of the order; 0 when the event concerns the whole
}

// See takes the next record.
func (l *Ledger) See(record domain.Record) {
	l.Until = record.Position
	if id, ok := strings.CutPrefix(record.Stream, domain.OrderStream("")); ok {
		l.seeOrder(domain.OrderID(id), record)
	}
	if id, ok := strings.CutPrefix(record.Stream, domain.TransferStream("")); ok {
		if l.transfers == nil {
			l.transfers = map[domain.TransferID]domain.Transfer{}
		}
		transfer := l.transfers[domain.TransferID(id)]
		transfer.Evolve(record.Event)
		l.transfers[domain.TransferID(id)] = transfer
	}
}

// seeOrder enters an event in the history of its order, which begins when the order is written down.
func (l *Ledger) seeOrder(id domain.OrderID, record domain.Record) {
	entry := Entry{Position: record.Position, At: record.Metadata.At, Type: record.Type, Actor: record.Metadata.Actor}
	switch e := record.Event.(type) {
	case domain.OrderSubmitted:
		if l.orders == nil {
			l.orders = map[domain.OrderID]*History{}
		}
		l.orders[id] = &History{}
		l.sequence = append(l.sequence, l.orders[id])
		entry.Amount = e.Total.Gross
	case domain.PaymentReceived:
		entry.Amount = e.Amount
	case domain.PaymentTakenBack:
		entry.Amount = -e.Amount
	case domain.ActivationFileIssued:
		entry.Line = e.Line
	case domain.ActivationFileSent:
		entry.Line = e.Line
	case domain.ActivationFileResendRequested:
		entry.Line = e.Line
	}
	if history := l.orders[id]; history != nil {
		history.Evolve(record.Event)
		history.Entries = append(history.Entries, entry)
	}
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
		if transfer.Buckets().Orders > 0 {
			t.Matched++
		}
	}
	return t
}
