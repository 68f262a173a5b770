package books

import (
	"context"
	"slices"

	"netrom.pl/portal/domain"
)

// order is an order whose money or goods are not settled yet.
type order struct {
	domain.Order
	matched   domain.Money // to it, as the transfers say
	matches   int          // movements of money, to it and back
	licences  int          // that know of the payment
	delivered domain.Money // gross of the lines whose activation file exists
	last      domain.Record
}

// evolve folds a record of the order's stream and gives what it moves. Files are not kept: they are large.
func (o *order) evolve(record domain.Record) []Posting {
	o.last = trace(record)
	issued, ok := record.Event.(domain.ActivationFileIssued)
	if !ok {
		o.Order.Evolve(record.Event)
		if e, ok := record.Event.(domain.UnderpaymentWaived); ok {
			return []Posting{debit(Waived, o.Number.String(), e.Amount), credit(Prepayments, o.Number.String(), e.Amount)}
		}
		return nil
	}
	repeated := o.Files[issued.Line].Issued != nil
	issued.File = nil
	o.Order.Evolve(issued)
	i := slices.IndexFunc(o.Lines, func(l domain.Line) bool { return l.Line == issued.Line })
	if i < 0 || repeated {
		return nil
	}
	line, number := o.Lines[i], o.Number.String()
	o.delivered += line.Gross
	return movements(debit(Prepayments, number, line.Gross), credit(Sales, number, line.Net), credit(VAT, number, line.VAT))
}

// movements leaves out postings of nothing.
func movements(postings ...Posting) []Posting {
	return slices.DeleteFunc(postings, func(p Posting) bool { return p.Debit == 0 && p.Credit == 0 })
}

// prepaid is what stands on the order's account: paid and not delivered, or below 0 what was delivered and is not paid any more.
func (o *order) prepaid() domain.Money { return o.matched + o.Waived - o.delivered }

// settled tells an order with which nothing is left to be done.
func (o *order) settled() bool {
	if !o.booked() || o.prepaid() != 0 {
		return false
	}
	if o.Cancelled || o.Lapsed {
		return o.Released
	}
	return o.Status() == domain.Fulfilled && o.LicencesPaid && o.licences == o.told()
}

// booked tells whether the order knows of all the money that the transfers have given it.
func (o *order) booked() bool { return o.matched == o.PaidAmount() && o.matches == o.bookings() }

// bookings are the movements of money that the order knows of.
func (o *order) bookings() int { return len(o.Payments) + len(o.TakenBack) }

// told is how many licences know of the payment, as the order says.
func (o *order) told() int {
	if o.LicencesPaid {
		return len(o.Lines)
	}
	return 0
}

// moves tells the events that may concern an order after it was settled.
func moves(event domain.Event) bool {
	switch event.(type) {
	case domain.OrderSubmitted, domain.OrderCancelled, domain.OrderLapsed, domain.PaymentReceived, domain.PaymentTakenBack,
		domain.UnderpaymentWaived, domain.ActivationFileIssued:
		return true
	}
	return false
}

func (b *Books) moveOrder(ctx context.Context, id domain.OrderID, record domain.Record) (movement, error) {
	if _, open := b.orders[id]; !open && !moves(record.Event) {
		return movement{}, nil
	}
	o, err := b.order(ctx, id, record)
	if err != nil {
		return movement{}, err
	}
	if submitted, ok := record.Event.(domain.OrderSubmitted); ok {
		b.check.submitted(submitted)
	}
	b.check.forget(o)
	postings := o.evolve(record)
	b.check.count(o)
	b.check.order(record, o)
	b.keepOrder(id, o)
	return movement{postings: postings, document: o.Number.String()}, nil
}

// order answers what is known of an order before a record.
func (b *Books) order(ctx context.Context, id domain.OrderID, before domain.Record) (*order, error) {
	if o, open := b.orders[id]; open {
		return o, nil
	}
	o := &order{}
	err := b.recall(ctx, domain.OrderStream(id), before, func(record domain.Record) { o.evolve(record) })
	// Only settled orders are forgotten, and with those the transfers and the licences agree.
	o.matched, o.matches, o.licences = o.PaidAmount(), o.bookings(), o.told()
	return o, err
}

// number of the order that was seen last or is open; empty for one that was settled before.
func (b *Books) number(id domain.OrderID) string {
	if b.seen != nil && b.seen.Order.Order == id {
		return b.seen.Number.String()
	}
	if o, open := b.orders[id]; open {
		return o.Number.String()
	}
	return ""
}

func (b *Books) keepOrder(id domain.OrderID, o *order) {
	b.seen = o
	if o.settled() || !o.Exists() {
		delete(b.orders, id)
	} else {
		b.orders[id] = o
	}
}

// licence takes note of a licence that learns of the order's payment, or that it was taken back.
func (b *Books) licence(ctx context.Context, id domain.OrderID, licence domain.LicenceID, more int, record domain.Record) error {
	o, err := b.order(ctx, id, record)
	if err != nil {
		return err
	}
	o.licences += more
	o.last = trace(record)
	b.check.licence(record, licence, more, o)
	b.keepOrder(id, o)
	return nil
}
