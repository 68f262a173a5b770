package domain

import "slices"

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
	Reversals []TransferID `json:"reversals,omitempty"` // entries that take earlier transfers back
	OpenedOn  Day          `json:"opened_on,omitempty"` // day of the opening balance; empty in old events
}

// TransferReceived records money that came in. What the payer wrote is personal and sealed.
type TransferReceived struct {
	Transfer      TransferID  `json:"transfer"`
	Statement     StatementID `json:"statement" personal:"subject"`
	Account       NRB         `json:"account"`           // on which it came in
	PaidTo        string      `json:"paid_to,omitempty"` // the virtual account that the payer used, or the bank's short form of it: digits
	Amount        Money       `json:"amount"`
	ValueOn       Day         `json:"value_on"`
	BookedOn      Day         `json:"booked_on"`
	BankReference string      `json:"bank_reference"`
	Title         string      `json:"title" personal:"legal"`
	PayerName     string      `json:"payer_name" personal:"legal"`
	PayerAccount  string      `json:"payer_account" personal:"legal"`
	Raw           string      `json:"raw" personal:"legal"`
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

// RecordPayment books money of a transfer on the order, each booking once.
type RecordPayment struct {
	Order    OrderID
	Transfer TransferID
	Amount   Money
	ValueOn  Day
	Booking  int // of the transfer
}

// Stream of the order.
func (c RecordPayment) Stream() string { return OrderStream(c.Order) }

// Decide books what has arrived, even on an order that was cancelled or has lapsed while the transfer was on its way: money is a
// fact. Such an order delivers nothing. A rest within the tolerance is waived at once. Money that covers an expired order revives it.
func (c RecordPayment) Decide(known Order) ([]Event, error) {
	if known.HasBooking(c.Transfer, c.Booking) {
		return nil, nil
	}
	switch {
	case !known.Exists():
		return nil, refuse(NotFound)
	case c.Amount <= 0:
		return nil, refuse(InvalidInput, "field", "amount", "limit", "0,01")
	}
	events := []Event{PaymentReceived{Order: c.Order, Transfer: c.Transfer, Amount: c.Amount, ValueOn: c.ValueOn, Booking: c.Booking}}
	rest := known.Open() - c.Amount
	if !known.over() && rest > 0 && rest <= known.Tolerance {
		events, rest = append(events, UnderpaymentWaived{Order: c.Order, Amount: rest, Limit: known.Tolerance}), 0
	}
	if known.Expired() && rest <= 0 {
		events = append(events, OrderRevived{Order: c.Order})
	}
	return events, nil
}

// Surplus is what an order has and does not need: all of it once it is over, otherwise what is above its gross amount.
func (o Order) Surplus() Money {
	if o.over() {
		return o.PaidAmount()
	}
	return max(-o.Open(), 0)
}

// Returns are what has to happen on the transfers of an order for it to lose its surplus, the last payment first. What is
// too much, or was paid on an order that has lapsed, becomes the buyer's credit; money that came for a cancelled order waits for a person.
func (o Order) Returns(on Day) []ReleaseTransfer {
	why, creditor := ReleasedOverpaid, o.Buyer
	if o.over() {
		why = ReleasedCancelled
	}
	if o.Cancelled {
		creditor = ""
	}
	var returns []ReleaseTransfer
	left := o.Surplus()
	for _, payment := range slices.Backward(o.Payments) {
		transfer := payment.Transfer
		seen := slices.ContainsFunc(returns, func(r ReleaseTransfer) bool { return r.Transfer == transfer })
		if amount := min(left, o.PaidBy(transfer)); amount > 0 && !seen {
			returns = append(returns, ReleaseTransfer{Transfer: transfer, Order: o.Order, OnOrder: o.PaidBy(transfer), Amount: amount, On: on,
				Why: why, Creditor: creditor})
			left -= amount
		}
	}
	return returns
}

// TakePaymentBack takes money of a transfer off the order, each booking once.
type TakePaymentBack struct {
	PaymentTakenBack
}

// Stream of the order.
func (c TakePaymentBack) Stream() string { return OrderStream(c.Order) }

// Decide refuses more than the order has of the transfer.
func (c TakePaymentBack) Decide(known Order) ([]Event, error) {
	if known.HasBooking(c.Transfer, c.Booking) {
		return nil, nil
	}
	switch {
	case !known.Exists():
		return nil, refuse(NotFound)
	case c.Amount <= 0 || c.Amount > known.PaidBy(c.Transfer):
		return nil, refuse(InvalidInput, "field", "amount", "limit", known.PaidBy(c.Transfer).String())
	}
	return []Event{c.PaymentTakenBack}, nil
}
