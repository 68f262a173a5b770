package projections

import (
	"time"

	"netrom.pl/portal/domain"
)

// OrderRow is an order. [Tables.Orders] leaves Bank, Lines and Steps empty, [Tables.Order] fills them.
type OrderRow struct {
	Order     domain.OrderID
	Number    domain.OrderNumber
	Buyer     domain.CustomerID
	BuyerName string
	At        time.Time
	DueOn     domain.Day
	Status    domain.OrderStatus
	Total     domain.Amounts
	Paid      domain.Money
	Title     string // of the transfer
	Bank      domain.BankData
	Lines     []OrderLine
	Steps     []OrderStep
}

// OrderLine is a line with the names behind its identities and how far its activation file has come.
type OrderLine struct {
	domain.Line
	ClientName string
	Serial     string
	FileIssued bool
	FileSent   bool
}

// The steps of an order that its buyer is shown.
const (
	StepSubmitted        = "submitted"
	StepConfirmationSent = "confirmation-sent"
	StepPayment          = "payment"
	StepPaymentNoted     = "payment-noted"
	StepFileSent         = "file-sent"
	StepCancelled        = "cancelled"
)

// OrderStep is something that happened to an order.
type OrderStep struct {
	What   string       `json:"what"`
	At     time.Time    `json:"at"`
	Amount domain.Money `json:"amount,omitempty"` // of a payment
	Line   int          `json:"line,omitempty"`   // of a file
}

// Totals are sums over all orders and transfers, to be compared with those that the log gives.
type Totals struct {
	Orders    int          // submitted, whatever became of them
	Cancelled int          //
	Paid      int          // covered by payments and not cancelled
	Fulfilled int          // every activation file has left
	Gross     domain.Money // of all orders but the cancelled ones
	Received  domain.Money // booked on orders
	Transfers int          // that came in
	Matched   int          // of them found their order
	Incoming  domain.Money // sum of the transfers
}
