package domain

import (
	"slices"
)

// TransferID is one incoming bank transfer; it derives from what the bank says of it, so that importing it twice gives the same id.
type TransferID string

// StatementID is one bank statement; it derives from account and statement number.
type StatementID string

// StatementImported records a bank statement whose sums agree.
type StatementImported struct {
	Statement StatementID  `json:"statement"`
	Account   NRB          `json:"account"`
	Number    string       `json:"number"`
	ClosedOn  Day          `json:"closed_on"`
	Opening   Money        `json:"opening"`
	Closing   Money        `json:"closing"`
	Digest    string       `json:"digest"` // SHA-256 of the statement's lines, hexadecimal
	Transfers []TransferID `json:"transfers"`
}

// TransferReceived records money that came in. What the payer wrote is personal and sealed.
type TransferReceived struct {
	Transfer      TransferID  `json:"transfer"`
	Statement     StatementID `json:"statement" personal:"subject"`
	Account       NRB         `json:"account"` // on which it came in
	Amount        Money       `json:"amount"`
	ValueOn       Day         `json:"value_on"`
	BookedOn      Day         `json:"booked_on"`
	BankReference string      `json:"bank_reference"`
	Title         string      `json:"title" personal:"legal"`
	PayerName     string      `json:"payer_name" personal:"legal"`
	PayerAccount  string      `json:"payer_account" personal:"legal"`
	Raw           string      `json:"raw" personal:"legal"`
}

// TransferMatched says to which order the money belongs and by which rule that was found.
type TransferMatched struct {
	Transfer TransferID  `json:"transfer"`
	Order    OrderID     `json:"order"`
	Number   OrderNumber `json:"number"`
	Amount   Money       `json:"amount"`
	ValueOn  Day         `json:"value_on"`
	Rule     string      `json:"rule"`
}

// Statement is a bank statement as far as the portal knows it.
type Statement struct {
	StatementImported
}

// Evolve folds an event of a statement stream.
func (s *Statement) Evolve(event Event) {
	if e, ok := event.(StatementImported); ok {
		s.StatementImported = e
	}
}

// Transfer is money that came in, matched with an order or not.
type Transfer struct {
	TransferReceived
	Match *TransferMatched
}

// Evolve folds an event of a transfer stream.
func (t *Transfer) Evolve(event Event) {
	switch e := event.(type) {
	case TransferReceived:
		t.TransferReceived = e
	case TransferMatched:
		t.Match = &e
	}
}

// StatementStream is where a statement's events are.
func StatementStream(id StatementID) string { return "statement-" + string(id) }

// TransferStream is where a transfer's events are.
func TransferStream(id TransferID) string { return "transfer-" + string(id) }

// ImportStatement records a statement. The same statement again changes nothing.
type ImportStatement struct {
	StatementImported
}

// Stream of the statement.
func (c ImportStatement) Stream() string { return StatementStream(c.Statement) }

// Decide refuses other contents under the same account and number; the same contents may be written down in another way and order.
func (c ImportStatement) Decide(known Statement) ([]Event, error) {
	switch {
	case known.Statement == "":
		return []Event{c.StatementImported}, nil
	case known.Digest != c.Digest && (known.ClosedOn != c.ClosedOn || known.Opening != c.Opening || known.Closing != c.Closing ||
		!slices.Equal(slices.Sorted(slices.Values(known.Transfers)), slices.Sorted(slices.Values(c.Transfers)))):
		return nil, refuse(ImportConflict, "number", c.Number)
	}
	return nil, nil
}

// ReceiveTransfer records a transfer, and the order that it pays if one was found. A transfer that is known but had
// no order yet is matched now.
type ReceiveTransfer struct {
	TransferReceived
	Match *TransferMatched
}

// Stream of the transfer.
func (c ReceiveTransfer) Stream() string { return TransferStream(c.Transfer) }

// Decide never matches a transfer a second time, and refuses money that goes out.
func (c ReceiveTransfer) Decide(known Transfer) ([]Event, error) {
	if c.Amount <= 0 {
		return nil, refuse(InvalidInput, "field", "amount", "limit", "0,01")
	}
	var events []Event
	if known.Transfer == "" {
		events = append(events, c.TransferReceived)
	}
	if known.Match == nil && c.Match != nil {
		events = append(events, *c.Match)
	}
	return events, nil
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
