package projections

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"netrom.pl/portal/domain"
)

// Figures is what the log says of the money of every order, transfer and reversal, to be held against the tables row by row with
// [Figures.Compare]. Feed it with every record in the order of the log. It keeps some hundred bytes of each, and whole states only of those about
// which something is open; a late fact about another reads that one stream again. The zero value is not ready, see [NewFigures]. For one goroutine.
type Figures struct {
	log           Streams
	until         domain.Position // of the last record seen
	orders        map[string]orderFigures
	transfers     map[string]transferFigures
	reversals     map[string]reversalFigures
	openOrders    map[string]*domain.Order
	openTransfers map[string]*transferState
}

// Streams reads one stream of the log, and what follows a position: a part of [domain.Log].
type Streams interface {
	Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error]
	History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error]
}

// NewFigures knows nothing yet; settled streams are read again from the log.
func NewFigures(log Streams) *Figures {
	return &Figures{log: log, orders: map[string]orderFigures{}, transfers: map[string]transferFigures{}, reversals: map[string]reversalFigures{},
		openOrders: map[string]*domain.Order{}, openTransfers: map[string]*transferState{}}
}

// orderFigures are those of an order. Whoever reads a row of the table fills the same fields.
type orderFigures struct {
	Key          string
	Number       string
	Buyer        string
	Status       string
	PayableUntil string
	Gross        domain.Money
	Received     domain.Money
	Waived       domain.Money
	Paid         bool
}

func (f orderFigures) key() string { return f.Key }

func (f orderFigures) title() string { return f.Number + " (" + f.Key + ")" }

func (f orderFigures) cells() []cell {
	return []cell{{"number", f.Number}, {"buyer", f.Buyer}, {"status", f.Status}, {"payable until", f.PayableUntil}, {"gross", f.Gross.String()}, {"received", f.Received.String()},
		{"waived", f.Waived.String()}, {"open", (f.Gross - f.Received - f.Waived).String()}, {"paid", fmt.Sprint(f.Paid)}}
}

// transferFigures are those of a transfer. Shares says what each order and each credit has of it, in one text.
type transferFigures struct {
	Key       string
	Amount    domain.Money
	OnOrders  domain.Money
	Credit    domain.Money
	Refunds   domain.Money
	Reversed  domain.Money
	Unmatched domain.Money
	Waits     bool
	ValueOn   string
	Shares    string
}

func (f transferFigures) key() string { return f.Key }

func (f transferFigures) title() string { return f.Key }

func (f transferFigures) cells() []cell {
	return []cell{{"amount", f.Amount.String()}, {"on orders", f.OnOrders.String()}, {"credit", f.Credit.String()}, {"refunds", f.Refunds.String()}, {"reversed", f.Reversed.String()},
		{"unmatched", f.Unmatched.String()}, {"waits", fmt.Sprint(f.Waits)}, {"value on", f.ValueOn}, {"shares", f.Shares}}
}

// reversalFigures are those of what the bank took back. Transfer is empty as long as it is not known whose money it was.
type reversalFigures struct {
	Key      string
	Amount   domain.Money
	ValueOn  string
	Transfer string
}

func (f reversalFigures) key() string { return f.Key }

func (f reversalFigures) title() string { return f.Key }

func (f reversalFigures) cells() []cell {
	return []cell{{"amount", f.Amount.String()}, {"value on", f.ValueOn}, {"transfer", f.Transfer}}
}

// cell is one figure of a row as people read it.
type cell struct{ name, value string }

// See takes the next record.
func (f *Figures) See(ctx context.Context, record domain.Record) error {
	f.until = record.Position
	if err := f.seeOrder(ctx, record); err != nil {
		return err
	}
	return f.seeTransfer(ctx, record)
}

func (f *Figures) seeOrder(ctx context.Context, record domain.Record) error {
	id, ok := strings.CutPrefix(record.Stream, domain.OrderStream(""))
	if !ok || !orders.Concerns(record.Event) {
		return nil
	}
	state, open := f.openOrders[id]
	if _, settled := f.orders[id]; settled && !open && !movesMoney(record.Event) {
		return nil
	}
	if open {
		state.Evolve(withoutFile(record.Event))
	} else {
		state = &domain.Order{}
		if err := f.again(ctx, record, func(r domain.Record) { state.Evolve(withoutFile(r.Event)) }); err != nil {
			return err
		}
	}
	if !state.Exists() {
		return nil
	}
	status := state.Status()
	f.orders[id] = orderFigures{Key: id, Number: state.Number.String(), Buyer: string(state.Buyer), Status: string(status), PayableUntil: string(state.PayableUntil()),
		Gross: state.Total.Gross, Received: state.PaidAmount(), Waived: state.Waived, Paid: state.Paid()}
	if status == domain.Fulfilled || status == domain.CancelledStatus || status == domain.LapsedStatus {
		delete(f.openOrders, id)
	} else {
		f.openOrders[id] = state
	}
	return nil
}

// movesMoney tells the events that may change the figures of an order that was settled before.
func movesMoney(event domain.Event) bool {
	switch event.(type) {
	case domain.PaymentReceived, domain.PaymentTakenBack, domain.UnderpaymentWaived, domain.OrderCancelled, domain.OrderLapsed,
		domain.OrderExpired, domain.OrderRevived, domain.ActivationFileSent:
		return true
	}
	return false
}

// withoutFile leaves the file itself out of the event that issues it: files are large, and no figures.
func withoutFile(event domain.Event) domain.Event {
	if issued, ok := event.(domain.ActivationFileIssued); ok {
		issued.File = nil
		return issued
	}
	return event
}

// seeTransfer takes an event of a transfer, or of what the bank took back.
func (f *Figures) seeTransfer(ctx context.Context, record domain.Record) error {
	switch e := record.Event.(type) {
	case domain.ReversalReceived:
		f.reversals[string(e.Reversal)] = reversalFigures{Key: string(e.Reversal), Amount: e.Amount, ValueOn: string(e.ValueOn)}
	case domain.ReversalMatched:
		if known, ok := f.reversals[string(e.Reversal)]; ok {
			known.Transfer = string(e.Transfer)
			f.reversals[string(e.Reversal)] = known
		}
	}
	id, ok := strings.CutPrefix(record.Stream, domain.TransferStream(""))
	if !ok || !ofTransfer(record.Event) {
		return nil
	}
	state, open := f.openTransfers[id]
	if open {
		state.evolve(record)
	} else {
		state = &transferState{}
		if err := f.again(ctx, record, state.evolve); err != nil {
			return err
		}
		state.title, state.payer, state.account = "", "", ""
	}
	b := state.Transfer.Buckets()
	row := transferFigures{Key: id, Amount: b.Received, OnOrders: b.Orders, Credit: b.Credit, Refunds: b.Refunds, Reversed: b.Reversed, Unmatched: b.Unmatched,
		Waits: state.waits(), ValueOn: string(state.Transfer.ValueOn), Shares: sharesText(state.Transfer)}
	f.transfers[id] = row
	if b.Orders+b.Reversed == b.Received && !row.Waits {
		delete(f.openTransfers, id)
	} else {
		f.openTransfers[id] = state
	}
	return nil
}

// sharesText lists what orders and customers have of a transfer, as selectTransferFigures does.
func sharesText(t domain.Transfer) string {
	var shares []string
	named := map[domain.OrderID]bool{}
	for _, b := range t.Bookings {
		if !named[b.Order] {
			named[b.Order] = true
			shares = append(shares, fmt.Sprintf("order %s %d", b.Order, t.OnOrder(b.Order)))
		}
	}
	for customer, amount := range t.Credits {
		shares = append(shares, fmt.Sprintf("credit %s %d", customer, amount))
	}
	slices.Sort(shares)
	return strings.Join(shares, ", ")
}

// again folds a stream from its beginning up to and with a record.
func (f *Figures) again(ctx context.Context, last domain.Record, evolve func(domain.Record)) error {
	if last.Revision == 0 {
		evolve(last)
		return nil
	}
	for record, err := range f.log.Read(ctx, last.Stream, 0) {
		if err != nil {
			return fmt.Errorf("read %s again: %w", last.Stream, err)
		}
		if record.Position > last.Position {
			return nil
		}
		evolve(record)
	}
	return nil
}

// Totals of all figures.
func (f *Figures) Totals() Totals {
	var t Totals
	for _, order := range f.orders {
		t.Orders++
		t.Received += order.Received
		switch domain.OrderStatus(order.Status) {
		case domain.CancelledStatus:
			t.Cancelled++
			continue
		case domain.Fulfilled:
			t.Fulfilled++
		}
		t.Gross += order.Gross
		if order.Paid {
			t.Paid++
		}
	}
	for _, transfer := range f.transfers {
		t.Transfers++
		t.Incoming += transfer.Amount
		if transfer.OnOrders > 0 {
			t.Matched++
		}
	}
	return t
}
