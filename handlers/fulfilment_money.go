package handlers

import (
	"context"
	"fmt"

	"netrom.pl/portal/domain"
)

// book brings the bookings of a transfer to their orders, whoever left them undone.
func (f *Fulfilment) book(ctx context.Context, id domain.TransferID) error {
	transfer, err := domain.Load[domain.Transfer](ctx, f.Log, domain.TransferStream(id))
	if err != nil {
		return err
	}
	by := domain.Cause{Actor: fulfilmentActor, Correlation: transfer.Last.Metadata.Correlation, Causation: transfer.Last.ID, At: f.Now()}
	return bookOnOrders(ctx, f.Log, by, transfer.State)
}

// reverse takes back the money of a reversal that was linked with its transfer, whoever left that undone.
func (f *Fulfilment) reverse(ctx context.Context, stream string) error {
	reversal, err := domain.Load[domain.Reversal](ctx, f.Log, stream)
	if err != nil {
		return err
	}
	if reversal.State.Match == nil {
		return fmt.Errorf("take back %s: it is not linked with a transfer", stream)
	}
	by := domain.Cause{Command: domain.NameID("reverse", stream), Actor: fulfilmentActor, Correlation: reversal.Last.Metadata.Correlation,
		Causation: reversal.Last.ID, At: f.Now()}
	_, err = reverseTransfer(ctx, f.Log, by, *reversal.State.Match, reversal.State.ReversalReceived)
	return err
}

// useCredit pays an order as far as its buyer's credit goes, before the letter says what is left to pay. An order that is done once
// more finds less open, or nothing.
func (f *Fulfilment) useCredit(ctx context.Context, d dossier, task domain.Task) (dossier, error) {
	transfers, err := f.Credit(ctx, d.Buyer)
	if err != nil {
		return d, fmt.Errorf("find credit: %w", err)
	}
	for _, transfer := range transfers {
		by := d.cause(task, "credit", f.Now())
		outcome, err := domain.Execute(ctx, f.Log, by, domain.UseCredit{Transfer: transfer, Order: d.Order, On: DayOf(f.Now())})
		if err != nil {
			return d, fmt.Errorf("use credit: %w", err)
		}
		if len(outcome.Events) == 0 {
			continue
		}
		if err := bookTransfer(ctx, f.Log, by, transfer); err != nil {
			return d, err
		}
		if d, err = f.openDossier(ctx, d.Order.Order); err != nil {
			return d, err
		}
	}
	d.credited, err = f.creditOn(ctx, d.Order)
	return d, err
}

// creditOn is what an order has of its buyer's credit.
func (f *Fulfilment) creditOn(ctx context.Context, order domain.Order) (domain.Money, error) {
	var sum domain.Money
	for _, payment := range order.Payments {
		transfer, err := domain.Load[domain.Transfer](ctx, f.Log, domain.TransferStream(payment.Transfer))
		if err != nil {
			return 0, err
		}
		for _, b := range transfer.State.Bookings {
			if b.Order == order.Order && b.Booking == payment.Booking && b.Rule == domain.MatchedByCredit {
				sum += b.Amount
			}
		}
	}
	return sum, nil
}

// returnSurplus gives back what the order does not need. Bookings that are still on their way are brought to the order first, so that
// nothing is given back twice.
func (f *Fulfilment) returnSurplus(ctx context.Context, d dossier, task domain.Task) error {
	by := d.cause(task, "return", f.Now())
	for _, give := range d.Returns(DayOf(f.Now())) {
		outcome, err := domain.Execute(ctx, f.Log, by, give)
		if err != nil {
			return fmt.Errorf("release %s: %w", give.Transfer, err)
		}
		if err := bookTransfer(ctx, f.Log, by, give.Transfer); err != nil {
			return err
		}
		if len(outcome.Events) == 0 {
			return fmt.Errorf("transfer %s and order %s do not agree yet on what was paid", give.Transfer, d.Order.Order)
		}
	}
	return nil
}

// overpaid is what the transfers that paid an order first brought beyond it; it is the buyer's credit since.
func (f *Fulfilment) overpaid(ctx context.Context, d dossier) (domain.Money, error) {
	order, _ := d.whenPaid()
	sum := max(-order.Open(), 0)
	for _, payment := range order.Payments {
		given := false // back by the order: then the order's own surplus counts it
		for record, err := range f.Log.Read(ctx, domain.TransferStream(payment.Transfer), 0) {
			if err != nil {
				return 0, fmt.Errorf("read transfer: %w", err)
			}
			switch e := record.Event.(type) {
			case domain.TransferReleased:
				given = given || e.Order == order.Order
			case domain.TransferCredited:
				if e.Order == order.Order && !given {
					sum += e.Amount
				}
			}
		}
	}
	return sum, nil
}
