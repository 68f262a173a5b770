package domain

import (
	"maps"
	"slices"
)

// TransferMatched gives money of a transfer to an order. A transfer can pay several orders, each with an event of its own.
type TransferMatched struct {
	Transfer  TransferID  `json:"transfer"`
	Statement StatementID `json:"statement,omitempty" personal:"subject"` // of the transfer, where there is a Reason
	Order     OrderID     `json:"order"`
	Number    OrderNumber `json:"number"`
	Amount    Money       `json:"amount"`
	ValueOn   Day         `json:"value_on"`
	Rule      string      `json:"rule"`                                        // by which the order was found, with its version
	Booking   int         `json:"booking,omitempty"`                           // counts what a transfer gives to orders and takes back from them, from 0
	Credit    CustomerID  `json:"credit,omitempty"`                            // out of whose credit; empty: out of the money that was unmatched
	Proposal  int         `json:"proposal,omitempty"`                          // that was confirmed, from 1; 0: none was needed
	Reason    string      `json:"reason,omitempty" personal:"legal" since:"2"` // of the person who matched by hand
	Proposer  string      `json:"proposer,omitempty"`                          // account of that person
	Confirmer string      `json:"confirmer,omitempty"`                         // account of the second person
}

// ReleaseReason says why an order gives money of a transfer back.
type ReleaseReason string

// The reasons why money leaves an order, or becomes somebody's credit.
const (
	ReleasedOverpaid  ReleaseReason = "overpaid"        // more than the order costs
	ReleasedCancelled ReleaseReason = "order-cancelled" // it came on an order that is over
	ReleasedReversed  ReleaseReason = "reversed"        // the bank took the transfer back
	ReleasedByHand    ReleaseReason = "by-hand"         // a person decided so
)

// TransferReleased takes money of a transfer off an order; it is unmatched again.
type TransferReleased struct {
	Transfer  TransferID    `json:"transfer"`
	Statement StatementID   `json:"statement,omitempty" personal:"subject"` // of the transfer, where there is a Reason
	Order     OrderID       `json:"order"`
	Amount    Money         `json:"amount"`
	ValueOn   Day           `json:"value_on"` // the day of the release
	Booking   int           `json:"booking"`  // in the same count as that of [TransferMatched]
	Why       ReleaseReason `json:"why"`
	Reason    string        `json:"reason,omitempty" personal:"legal" since:"2"` // of the person who did it
	Account   string        `json:"account,omitempty"`
}

// TransferCredited makes unmatched money of a transfer the credit of a customer, for the next order or to be sent back.
type TransferCredited struct {
	Transfer  TransferID    `json:"transfer"`
	Statement StatementID   `json:"statement,omitempty" personal:"subject"` // of the transfer, where there is a Reason
	Customer  CustomerID    `json:"customer"`
	Amount    Money         `json:"amount"`
	Why       ReleaseReason `json:"why"`
	Order     OrderID       `json:"order,omitempty"` // that did not need it
	Reason    string        `json:"reason,omitempty" personal:"legal" since:"2"`
	Account   string        `json:"account,omitempty"`
}

// CreditWithdrawn takes a customer's credit back; the money is unmatched again.
type CreditWithdrawn struct {
	Transfer TransferID    `json:"transfer"`
	Customer CustomerID    `json:"customer"`
	Amount   Money         `json:"amount"`
	Why      ReleaseReason `json:"why"`
}

// MatchPart is what one order gets of a transfer.
type MatchPart struct {
	Order  OrderID     `json:"order"`
	Number OrderNumber `json:"number"`
	Amount Money       `json:"amount"`
}

// MatchProposed asks a second person to confirm a match by hand that is above the vendor's limit. No money moves yet.
type MatchProposed struct {
	Transfer  TransferID  `json:"transfer"`
	Statement StatementID `json:"statement,omitempty" personal:"subject"` // of the transfer; since schema 2
	Proposal  int         `json:"proposal"`                               // counts those of the transfer, from 1
	Parts     []MatchPart `json:"parts"`
	Reason    string      `json:"reason" personal:"legal" since:"2"`
	Proposer  string      `json:"proposer"` // account
}

// MatchRejected ends a proposal without a match.
type MatchRejected struct {
	Transfer  TransferID  `json:"transfer"`
	Statement StatementID `json:"statement,omitempty" personal:"subject"` // of the transfer, where there is a Reason
	Proposal  int         `json:"proposal"`
	Reason    string      `json:"reason" personal:"legal" since:"2"` // empty on a transfer whose personal data are erased
	Rejecter  string      `json:"rejecter"`                          // account
}

// RefundProposed sets money of a transfer aside to be sent back; a second person has to confirm it. To whom is personal and sealed.
type RefundProposed struct {
	Transfer     TransferID  `json:"transfer"`
	Statement    StatementID `json:"statement" personal:"subject"`
	Refund       int         `json:"refund"` // counts those of the transfer, from 1
	Amount       Money       `json:"amount"`
	Credit       CustomerID  `json:"credit,omitempty"` // out of whose credit; empty: out of the unmatched money
	PayeeName    string      `json:"payee_name" personal:"legal"`
	PayeeAccount string      `json:"payee_account" personal:"legal"`
	OtherAccount bool        `json:"other_account,omitempty"` // not the one that the money came from
	Reason       string      `json:"reason" personal:"legal" since:"2"`
	Proposer     string      `json:"proposer"` // account
}

// RefundConfirmed says that a second person agrees: the money may be sent.
type RefundConfirmed struct {
	Transfer  TransferID `json:"transfer"`
	Refund    int        `json:"refund"`
	Confirmer string     `json:"confirmer"` // account
}

// RefundRejected ends a refund that was not paid; the money is back where it came from.
type RefundRejected struct {
	Transfer  TransferID  `json:"transfer"`
	Statement StatementID `json:"statement,omitempty" personal:"subject"` // of the transfer, where there is a Reason
	Refund    int         `json:"refund"`
	Reason    string      `json:"reason" personal:"legal" since:"2"` // empty when the bank took the transfer back, and when personal data are erased
	Rejecter  string      `json:"rejecter,omitempty"`                // account; empty: the bank took the transfer back
}

// RefundPaid says that a confirmed refund has left the account.
type RefundPaid struct {
	Transfer      TransferID `json:"transfer"`
	Refund        int        `json:"refund"`
	PaidOn        Day        `json:"paid_on"`
	BankReference string     `json:"bank_reference,omitempty"`
	Debit         TransferID `json:"debit,omitempty"` // entry of a statement that shows it; empty: an accountant says so
}

// TransferReversed says that the bank took the transfer, or a part of it, back. What orders and credits had of it is released before.
type TransferReversed struct {
	Transfer TransferID `json:"transfer"`
	Reversal TransferID `json:"reversal"` // the entry of the statement that takes it back
	Amount   Money      `json:"amount"`   // above 0
	ValueOn  Day        `json:"value_on"`
	BookedOn Day        `json:"booked_on"`
	Rule     string     `json:"rule"` // by which the transfer was found, with its version
}

// ReversalReceived records an entry of a statement by which the bank takes an earlier transfer back. What it says of the payer is personal and sealed.
type ReversalReceived struct {
	Reversal      TransferID  `json:"reversal"`
	Statement     StatementID `json:"statement" personal:"subject"`
	Account       NRB         `json:"account"`
	Amount        Money       `json:"amount"` // above 0
	ValueOn       Day         `json:"value_on"`
	BookedOn      Day         `json:"booked_on"`
	BankReference string      `json:"bank_reference"`
	Title         string      `json:"title" personal:"legal"`
	PayerName     string      `json:"payer_name" personal:"legal"`
	PayerAccount  string      `json:"payer_account" personal:"legal"`
	Raw           string      `json:"raw" personal:"legal"`
}

// ReversalMatched says which transfer a reversal takes back.
type ReversalMatched struct {
	Reversal  TransferID  `json:"reversal"`
	Statement StatementID `json:"statement,omitempty" personal:"subject"` // of the reversal, where there is a Reason
	Transfer  TransferID  `json:"transfer"`
	Rule      string      `json:"rule"`
	Reason    string      `json:"reason,omitempty" personal:"legal" since:"2"` // of the person who found it
	Account   string      `json:"account,omitempty"`
}

// Transfer is money that came in and where it is now. At every moment what was received is the sum of what orders, credits,
// refunds and reversals have of it, and of what is unmatched.
type Transfer struct {
	TransferReceived
	Bookings  []Booking            `json:"bookings,omitempty"` // on orders, in their count
	Credits   map[CustomerID]Money `json:"credits,omitempty"`  // above 0
	Proposals []MatchProposed      `json:"proposals,omitempty"`
	Proposal  int                  `json:"proposal,omitempty"` // that waits for the second person; 0: none
	Refunds   []Refund             `json:"refunds,omitempty"`
	Reversals []TransferReversed   `json:"reversals,omitempty"`
}

// Booking is one movement of money between a transfer and an order.
type Booking struct {
	Booking int           `json:"booking"`
	Order   OrderID       `json:"order"`
	Number  OrderNumber   `json:"number"` // empty when money is taken back
	Amount  Money         `json:"amount"` // to the order; negative: taken back
	ValueOn Day           `json:"value_on"`
	Rule    string        `json:"rule,omitempty"` // of a match
	Why     ReleaseReason `json:"why,omitempty"`  // of what is taken back
}

// RefundState is how far a refund has come.
type RefundState string

// The states of a refund.
const (
	RefundAwaits    RefundState = "proposed" // the second person
	RefundAgreed    RefundState = "confirmed"
	RefundPaidOut   RefundState = "paid"
	RefundAbandoned RefundState = "rejected"
)

// Refund is money on its way back.
type Refund struct {
	Refund       int         `json:"refund"`
	Amount       Money       `json:"amount"`
	Credit       CustomerID  `json:"credit,omitempty"`
	PayeeName    string      `json:"-"` // personal, as the next two: read from the log only
	PayeeAccount string      `json:"-"`
	Reason       string      `json:"-"`
	OtherAccount bool        `json:"other_account,omitempty"` // not the one that the money came from
	Proposer     string      `json:"proposer"`
	State        RefundState `json:"state"`
}

// Evolve folds an event of a transfer stream.
func (t *Transfer) Evolve(event Event) {
	switch e := event.(type) {
	case TransferReceived:
		t.TransferReceived = e
	case TransferMatched:
		t.book(Booking{Booking: e.Booking, Order: e.Order, Number: e.Number, Amount: e.Amount, ValueOn: e.ValueOn, Rule: e.Rule})
		t.credit(e.Credit, -e.Amount)
		if e.Proposal != 0 {
			t.Proposal = 0
		}
	case TransferReleased:
		t.book(Booking{Booking: e.Booking, Order: e.Order, Amount: -e.Amount, ValueOn: e.ValueOn, Why: e.Why})
	case TransferCredited:
		t.credit(e.Customer, e.Amount)
	case CreditWithdrawn:
		t.credit(e.Customer, -e.Amount)
	case MatchProposed:
		t.Proposals, t.Proposal = append(slices.Clip(t.Proposals), e), e.Proposal
	case MatchRejected:
		t.Proposal = 0
	case TransferReversed:
		t.Reversals = append(slices.Clip(t.Reversals), e)
	default:
		t.evolveRefund(event)
	}
}

func (t *Transfer) evolveRefund(event Event) {
	switch e := event.(type) {
	case RefundProposed:
		t.Refunds = append(slices.Clip(t.Refunds), Refund{Refund: e.Refund, Amount: e.Amount, Credit: e.Credit, PayeeName: e.PayeeName,
			PayeeAccount: e.PayeeAccount, OtherAccount: e.OtherAccount, Reason: e.Reason, Proposer: e.Proposer, State: RefundAwaits})
		t.credit(e.Credit, -e.Amount)
	case RefundConfirmed:
		t.moveRefund(e.Refund, RefundAgreed)
	case RefundRejected:
		refund := t.moveRefund(e.Refund, RefundAbandoned)
		t.credit(refund.Credit, refund.Amount)
	case RefundPaid:
		t.moveRefund(e.Refund, RefundPaidOut)
	}
}

func (t *Transfer) book(b Booking) { t.Bookings = append(slices.Clip(t.Bookings), b) }

// credit adds to a customer's credit; the empty customer has none.
func (t *Transfer) credit(customer CustomerID, amount Money) {
	if customer == "" {
		return
	}
	credits := maps.Clone(t.Credits)
	if credits == nil {
		credits = map[CustomerID]Money{}
	}
	if credits[customer] += amount; credits[customer] == 0 {
		delete(credits, customer)
	}
	t.Credits = credits
	if len(credits) == 0 {
		t.Credits = nil
	}
}

func (t *Transfer) moveRefund(number int, to RefundState) Refund {
	t.Refunds = slices.Clone(t.Refunds)
	for i := range t.Refunds {
		if t.Refunds[i].Refund == number {
			t.Refunds[i].State = to
			return t.Refunds[i]
		}
	}
	return Refund{}
}

// Buckets is where the money of a transfer is; they add up to what was received.
type Buckets struct {
	Received  Money
	Orders    Money
	Credit    Money
	Refunds   Money // proposed, confirmed and paid
	Reversed  Money
	Unmatched Money // negative: the bank took back what had been refunded already
}

// Buckets says where the money is.
func (t Transfer) Buckets() Buckets {
	b := Buckets{Received: t.Amount}
	for _, booking := range t.Bookings {
		b.Orders += booking.Amount
	}
	for _, credit := range t.Credits {
		b.Credit += credit
	}
	for _, refund := range t.Refunds {
		if refund.State != RefundAbandoned {
			b.Refunds += refund.Amount
		}
	}
	for _, reversal := range t.Reversals {
		b.Reversed += reversal.Amount
	}
	b.Unmatched = b.Received - b.Orders - b.Credit - b.Refunds - b.Reversed
	return b
}

// OnOrder is what the transfer has given to an order and not taken back.
func (t Transfer) OnOrder(order OrderID) Money {
	var sum Money
	for _, booking := range t.Bookings {
		if booking.Order == order {
			sum += booking.Amount
		}
	}
	return sum
}

// Reversal is an entry by which the bank takes a transfer back.
type Reversal struct {
	ReversalReceived
	Match *ReversalMatched
}

// Evolve folds an event of a reversal stream.
func (r *Reversal) Evolve(event Event) {
	switch e := event.(type) {
	case ReversalReceived:
		r.ReversalReceived = e
	case ReversalMatched:
		r.Match = &e
	}
}

// ReversalStream is where a reversal's events are.
func ReversalStream(id TransferID) string { return "reversal-" + string(id) }
