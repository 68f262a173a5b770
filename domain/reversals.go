package domain

import (
	"maps"
	"slices"
)

// ReceiveReversal records an entry by which the bank takes a transfer back, and the transfer if it was found. Twice is harmless.
type ReceiveReversal struct {
	ReversalReceived
	Match *ReversalMatched
}

// Stream of the reversal.
func (c ReceiveReversal) Stream() string { return ReversalStream(c.Reversal) }

// Decide matches a reversal once.
func (c ReceiveReversal) Decide(known Reversal) ([]Event, error) {
	if c.Amount <= 0 {
		return nil, refuse(InvalidInput, "field", "amount", "limit", "0,01")
	}
	var events []Event
	if known.Reversal == "" {
		events = append(events, c.ReversalReceived)
	}
	if known.Match == nil && c.Match != nil {
		events = append(events, *c.Match)
	}
	return events, nil
}

// ReverseTransfer takes money of a transfer back because the bank did. It is taken from where it hurts least: unmatched money, refunds that
// were not paid, credits, and then the orders, the last one first. Twice is harmless.
type ReverseTransfer struct {
	TransferReversed
}

// Stream of the transfer.
func (c ReverseTransfer) Stream() string { return TransferStream(c.Transfer) }

// Decide refuses more than has come in. What was refunded before the bank took the transfer back leaves the unmatched money negative.
func (c ReverseTransfer) Decide(known Transfer) ([]Event, error) {
	if slices.ContainsFunc(known.Reversals, func(r TransferReversed) bool { return r.Reversal == c.Reversal }) {
		return nil, nil
	}
	left := known.Amount - known.Buckets().Reversed
	switch {
	case known.Transfer == "":
		return nil, refuse(NotFound)
	case c.Amount <= 0 || c.Amount > left:
		return nil, refuse(InvalidInput, "field", "amount", "limit", left.String())
	}
	d := draft{Transfer: known}
	lack := func() Money { return c.Amount - d.Buckets().Unmatched }
	for _, refund := range slices.Backward(known.Refunds) {
		if (refund.State == RefundAwaits || refund.State == RefundAgreed) && lack() > 0 {
			d.add(RefundRejected{Transfer: c.Transfer, Refund: refund.Refund, Reason: string(ReleasedReversed)})
		}
	}
	for _, customer := range slices.Sorted(maps.Keys(d.Credits)) {
		if amount := min(lack(), d.Credits[customer]); amount > 0 {
			d.add(CreditWithdrawn{Transfer: c.Transfer, Customer: customer, Amount: amount, Why: ReleasedReversed})
		}
	}
	for _, booking := range slices.Backward(known.Bookings) {
		if amount := min(lack(), d.OnOrder(booking.Order)); amount > 0 {
			d.add(TransferReleased{Transfer: c.Transfer, Order: booking.Order, Amount: amount, ValueOn: c.ValueOn,
				Booking: len(d.Bookings), Why: ReleasedReversed})
		}
	}
	d.add(c.TransferReversed)
	return d.events, nil
}

// draft is a transfer as the events of a decision would leave it.
type draft struct {
	Transfer
	events []Event
}

func (d *draft) add(event Event) {
	d.events = append(d.events, event)
	d.Evolve(event)
}
