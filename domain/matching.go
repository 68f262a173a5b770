package domain

import "slices"

// ReceiveTransfer records a transfer, and what becomes of its money if that was found out. A transfer that is known but
// that nobody has touched yet is matched now.
type ReceiveTransfer struct {
	TransferReceived
	Matches []TransferMatched  // their Booking counts from 0
	Credits []TransferCredited // of what the orders do not need
}

// Stream of the transfer.
func (c ReceiveTransfer) Stream() string { return TransferStream(c.Transfer) }

// Decide never matches a transfer a second time by itself, gives nobody more than has come in, and refuses money that goes out.
func (c ReceiveTransfer) Decide(known Transfer) ([]Event, error) {
	if c.Amount <= 0 {
		return nil, refuse(InvalidInput, "field", "amount", "limit", "0,01")
	}
	d := draft{Transfer: known}
	if known.Transfer == "" {
		d.add(c.TransferReceived)
	}
	if known.touched() {
		return d.events, nil
	}
	for _, match := range c.Matches {
		if match.Amount <= 0 || match.Amount > d.Buckets().Unmatched {
			return nil, refuse(InvalidInput, "field", "amount", "limit", d.Buckets().Unmatched.String())
		}
		match.Booking = len(d.Bookings)
		d.add(match)
	}
	for _, credit := range c.Credits {
		if credit.Amount <= 0 || credit.Amount > d.Buckets().Unmatched {
			return nil, refuse(InvalidInput, "field", "amount", "limit", d.Buckets().Unmatched.String())
		}
		d.add(credit)
	}
	return d.events, nil
}

// touched tells whether anything was ever decided about the money.
func (t Transfer) touched() bool {
	return len(t.Bookings) > 0 || len(t.Credits) > 0 || len(t.Proposals) > 0 || len(t.Refunds) > 0 || len(t.Reversals) > 0
}

// The rules by which a transfer finds its order, strongest first.
const (
	MatchedByReference   = "reference-1"    // an order number with its check digits stands in the title
	MatchedByNumberExact = "number-exact-1" // one order number without check digits, and the amount is exactly what is open
)

// The reasons why a transfer found no order.
const (
	UnmatchedNoReference  = "no-reference"    // nothing in the title looks like an order number
	UnmatchedMistyped     = "mistyped"        // the title names an order with wrong check digits
	UnmatchedAmbiguous    = "several-orders"  // the title names more than one order
	UnmatchedUnknownOrder = "unknown-order"   // no order has this number
	UnmatchedNotOpen      = "order-not-open"  // cancelled, lapsed, or paid already
	UnmatchedUnsure       = "number-unsure"   // a number without check digits, and another amount than the open one
	UnmatchedForeign      = "foreign-account" // came in on an account that is not the order's
)

// Match finds the order that a transfer pays. lookup answers the order of a number, as the log knows it, and whether
// there is one. It gives either the match or one of the Unmatched reasons.
func Match(received TransferReceived, lookup func(OrderNumber) (Order, bool)) (*TransferMatched, string) {
	found := FindReferences(received.Title)
	if checked := slices.DeleteFunc(slices.Clone(found), func(f FoundReference) bool { return !f.Checked }); len(checked) > 0 {
		found = checked
	}
	switch len(found) {
	case 0:
		if MistypedReference(received.Title) {
			return nil, UnmatchedMistyped
		}
		return nil, UnmatchedNoReference
	case 1:
	default:
		return nil, UnmatchedAmbiguous
	}
	order, ok := lookup(found[0].Number)
	switch {
	case !ok || !order.Exists():
		return nil, UnmatchedUnknownOrder
	case order.Bank.Account != received.Account:
		return nil, UnmatchedForeign
	case order.over() || order.Paid():
		return nil, UnmatchedNotOpen
	case !found[0].Checked && order.Open() != received.Amount:
		return nil, UnmatchedUnsure
	}
	rule := MatchedByReference
	if !found[0].Checked {
		rule = MatchedByNumberExact
	}
	return &TransferMatched{Transfer: received.Transfer, Order: order.Order, Number: order.Number,
		Amount: received.Amount, ValueOn: received.ValueOn, Rule: rule}, ""
}
