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
	matches   int
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
func (o *order) prepaid() domain.Money { return o.matched - o.delivered }

// settled tells an order with which nothing is left to be done.
func (o *order) settled() bool {
	if !o.booked() || o.prepaid() != 0 {
		return false
	}
	if o.Cancelled || o.Lapsed {
		return o.Released
	}
	return o.Status() == domain.Fulfilled && o.LicencesPaid && o.licences == len(o.Lines)
}

// booked tells whether the order knows of all the money that the transfers have given it.
func (o *order) booked() bool { return o.matched == o.PaidAmount() && o.matches == len(o.Payments) }

// moves tells the events that may concern an order after it was settled.
func moves(event domain.Event) bool {
	switch event.(type) {
	case domain.OrderSubmitted, domain.OrderCancelled, domain.OrderLapsed, domain.PaymentReceived, domain.ActivationFileIssued:
		return true
	}
	return false
}

func (b *Books) moveOrder(ctx context.Context, id domain.OrderID, record domain.Record) (movement, error) {
	if _, open := b.orders[id]; !open && !moves(record.Event) {
		return movement{}, nil
	}
	o, err := b.order(ctx, id, record.Position)
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

// order answers what is known of an order before a position.
func (b *Books) order(ctx context.Context, id domain.OrderID, before domain.Position) (*order, error) {
	if o, open := b.orders[id]; open {
		return o, nil
	}
	o := &order{}
	err := b.recall(ctx, domain.OrderStream(id), before, func(record domain.Record) { o.evolve(record) })
	// Only settled orders are forgotten, and with those the transfers and the licences agree.
	o.matched, o.matches = o.PaidAmount(), len(o.Payments)
	if o.LicencesPaid {
		o.licences = len(o.Lines)
	}
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

func (b *Books) licencePaid(ctx context.Context, e domain.LicencePaid, record domain.Record) error {
	o, err := b.order(ctx, e.Order, record.Position)
	if err != nil {
		return err
	}
	o.licences++
	b.check.licencePaid(record, e, o)
	b.keepOrder(e.Order, o)
	return nil
}
