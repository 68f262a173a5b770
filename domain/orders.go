package domain

import (
	"fmt"
	"slices"
	"time"
)

// OrderID is one submission of a cart; it derives from the buyer and the submission's identity.
type OrderID string

// OrderIDOf gives the same order for the same submission of the same buyer, however often it is sent.
func OrderIDOf(buyer CustomerID, submission string) OrderID {
	return OrderID(NameID("order", string(buyer), submission))
}

// Line is a position of an order with its frozen amounts. Lines count from 1.
type Line struct {
	Line        int        `json:"line"`
	Item        ItemID     `json:"item"`
	Client      CustomerID `json:"client"`
	Program     ProgramID  `json:"program"`
	ProgramName string     `json:"program_name"`
	Licence     LicenceID  `json:"licence"`
	Edition     Edition    `json:"edition"`
	From        Version    `json:"from,omitempty"`
	To          Version    `json:"to"`
	Stations    int        `json:"stations"`
	UnitNet     Money      `json:"unit_net"`
	VATRate     VATRate    `json:"vat_rate"`
	Amounts
}

// lineOf freezes a cart position; a new program gets the identity of its licence here.
func lineOf(order OrderID, number int, item Item, programName string) Line {
	licence := item.Licence
	if licence == "" {
		licence = LicenceID(NameID("licence", string(order), string(item.ID)))
	}
	return Line{Line: number, Item: item.ID, Client: item.Client, Program: item.Program, ProgramName: programName,
		Licence: licence, Edition: item.Edition, From: item.From, To: item.To, Stations: item.Stations,
		UnitNet: item.Net, VATRate: item.VATRate, Amounts: item.Amounts()}
}

// item is the inverse of lineOf.
func (l Line) item() Item {
	item := Item{ID: l.Item, Client: l.Client, Program: l.Program, Licence: l.Licence, Edition: l.Edition, From: l.From,
		To: l.To, Stations: l.Stations, Net: l.UnitNet, VATRate: l.VATRate}
	if l.From == "" {
		item.Licence = ""
	}
	return item
}

// BankData is where the money of an order has to go; every order keeps its own copy.
type BankData struct {
	Recipient string `json:"recipient"`
	NIP       NIP    `json:"nip"`
	Account   NRB    `json:"account"`
}

// Day is a calendar day in Poland, as 2006-01-02. The zero value is no day.
type Day string

// OrderSubmitted is the order: what was bought for how much, and how to pay it. It is never changed afterwards. Source: R11-R13.
type OrderSubmitted struct {
	Order     OrderID     `json:"order"`
	Number    OrderNumber `json:"number"`
	Buyer     CustomerID  `json:"buyer"`
	Lines     []Line      `json:"lines"`
	Total     Amounts     `json:"total"`
	Bank      BankData    `json:"bank"`
	Title     string      `json:"title"` // of the transfer, with check digits
	DueOn     Day         `json:"due_on"`
	Limits    *TimeLimits `json:"time_limits,omitempty"` // nil: nothing happens to it by itself
	Tolerance Money       `json:"tolerance,omitempty"`   // a rest up to this is waived; 0: none
}

// OrderCancelled ends an order for which no money has come.
type OrderCancelled struct {
	Order OrderID `json:"order"`
}

// LicencesReleased says that a cancelled or lapsed order has given up its hold on its licences.
type LicencesReleased struct {
	Order OrderID `json:"order"`
}

// OrderDeclined says for good that a submission becomes no order, because one of its licences was ordered elsewhere at
// the same moment. It is the only event of its stream.
type OrderDeclined struct {
	Order   OrderID   `json:"order"`
	Licence LicenceID `json:"licence"`
	Reason  Refusal   `json:"reason"`
}

// PaymentReceived books the money of one transfer on the order.
type PaymentReceived struct {
	Order    OrderID    `json:"order"`
	Transfer TransferID `json:"transfer"`
	Amount   Money      `json:"amount"`
	ValueOn  Day        `json:"value_on"`
	Booking  int        `json:"booking,omitempty"` // of the transfer, see [TransferMatched]
}

// PaymentTakenBack takes money of a transfer off the order again: the bank has reversed it, or it goes elsewhere. An order
// that is not covered any more counts as unpaid.
type PaymentTakenBack struct {
	Order    OrderID       `json:"order"`
	Transfer TransferID    `json:"transfer"`
	Amount   Money         `json:"amount"`   // above 0
	ValueOn  Day           `json:"value_on"` // the day on which it is taken back, not that of the payment
	Booking  int           `json:"booking"`  // of the transfer, see [TransferReleased]
	Why      ReleaseReason `json:"why"`
}

// UnderpaymentWaived lets a small rest go, so that the order counts as paid. It is not taken back when the payment is.
type UnderpaymentWaived struct {
	Order  OrderID `json:"order"`
	Amount Money   `json:"amount"`
	Limit  Money   `json:"limit"` // the vendor's tolerance at that moment
}

// Order is a submitted cart on its way from the confirmation letter to the activation files.
type Order struct {
	OrderSubmitted
	At           time.Time          `json:"-"`
	Declined     *OrderDeclined     `json:"declined,omitempty"` // instead of being submitted
	Cancelled    bool               `json:"cancelled"`
	Released     bool               `json:"released"`
	Payments     []PaymentReceived  `json:"payments"`
	TakenBack    []PaymentTakenBack `json:"taken_back,omitempty"`
	Waived       Money              `json:"waived,omitempty"`  // of a small rest, see [UnderpaymentWaived]
	Uncover      bool               `json:"uncover,omitempty"` // the licences still count as paid by money that was taken back
	Confirmed    bool               `json:"confirmed"`         // the confirmation letter has left
	PaymentNoted bool               `json:"payment_noted"`     // the word to the buyer that the money has come has left
	LicencesPaid bool               `json:"licences_paid"`     // the licences know of the payment
	Files        map[int]FileState  `json:"files"`             // by line
	Failures     map[string]Failure `json:"failures"`          // by task, as long as it is owed
	Skipped      []string           `json:"skipped,omitempty"` // tasks that need not be done any more
	Invoices     []InvoiceRecorded  `json:"invoices,omitempty"`
	Covered      bool               `json:"covered,omitempty"` // the money has covered it once
	Expiry       *OrderExpired      `json:"expiry,omitempty"`
	Revived      bool               `json:"revived,omitempty"` // after the expiry
	Lapsed       bool               `json:"lapsed,omitempty"`
	Letters      []TaskKind         `json:"letters,omitempty"`      // reminders and the word of the expiry that have left
	BalanceTold  int                `json:"balance_told,omitempty"` // payments that the buyer was told of while something was open

	ProformaNumber ProformaNumber  `json:"proforma,omitempty"`
	Proforma       *ProformaIssued `json:"-"` // has personal data in it and is read from the log only
}

// FileState is how far the activation file of a line has come.
type FileState struct {
	Issued  *ActivationFileIssued `json:"-"`       // has personal data in it and is read from the log only
	Sent    int                   `json:"sent"`    // how often it has left
	Wanted  int                   `json:"wanted"`  // how often it should have left
	Address int                   `json:"address"` // corrections of the address when it last left
}

// Evolve folds an event of an order stream.
func (o *Order) Evolve(event Event) {
	switch e := event.(type) {
	case OrderSubmitted:
		o.OrderSubmitted, o.Files, o.Failures = e, map[int]FileState{}, map[string]Failure{}
	case OrderDeclined:
		o.Declined = &e
	case OrderCancelled:
		o.Cancelled = true
		o.forgetFailures()
	case LicencesReleased:
		o.Released = true
		delete(o.Failures, string(ReleaseTask))
	case PaymentReceived:
		o.Payments = append(slices.Clip(o.Payments), e)
		o.Covered = o.Covered || o.Open() <= 0
		o.forgetFailures()
	case PaymentTakenBack:
		wasPaid := o.Paid()
		o.TakenBack = append(slices.Clip(o.TakenBack), e)
		o.Uncover = o.Uncover || wasPaid && !o.Paid()
		o.forgetFailures()
	case UnderpaymentWaived:
		o.Waived += e.Amount
		o.Covered = o.Covered || o.Open() <= 0
		o.forgetFailures()
	case ProformaIssued:
		o.ProformaNumber, o.Proforma = e.Number, &e
	case InvoiceRecorded:
		o.evolveInvoice(e)
	case OrderExpired, OrderRevived, OrderLapsed, BalanceLetterSent:
		o.evolveDeadlines(event)
	default:
		o.evolveFulfilment(event)
	}
}

// PaidAmount is what has arrived so far and was not taken back.
func (o Order) PaidAmount() Money {
	var sum Money
	for _, payment := range o.Payments {
		sum += payment.Amount
	}
	for _, back := range o.TakenBack {
		sum -= back.Amount
	}
	return sum
}

// PaidBy is what the order has of one transfer.
func (o Order) PaidBy(transfer TransferID) Money {
	var sum Money
	for _, payment := range o.Payments {
		if payment.Transfer == transfer {
			sum += payment.Amount
		}
	}
	for _, back := range o.TakenBack {
		if back.Transfer == transfer {
			sum -= back.Amount
		}
	}
	return sum
}

// HasBooking tells whether the order knows of a booking of a transfer, in or out.
func (o Order) HasBooking(transfer TransferID, booking int) bool {
	return slices.ContainsFunc(o.Payments, func(p PaymentReceived) bool { return p.Transfer == transfer && p.Booking == booking }) ||
		slices.ContainsFunc(o.TakenBack, func(p PaymentTakenBack) bool { return p.Transfer == transfer && p.Booking == booking })
}

// Open is what is still to be paid; negative when too much has arrived.
func (o Order) Open() Money { return o.Total.Gross - o.PaidAmount() - o.Waived }

// Exists tells a submitted order from an unknown one.
func (o Order) Exists() bool { return o.Order != "" }

// Paid tells whether the money covers the gross amount. Nothing is delivered before. Source: R13, R14.
func (o Order) Paid() bool { return o.Exists() && !o.over() && o.Open() <= 0 }

// OrderStream is where an order's events are.
func OrderStream(id OrderID) string { return "order-" + string(id) }

// PlaceOrder writes the order down under its number.
type PlaceOrder struct {
	Order  OrderID
	Number OrderNumber
	Buyer  CustomerID
	Lines  []Line
	Terms  Terms
	On     Day // of the submission
}

// Terms are the vendor's conditions at the moment of the order.
type Terms struct {
	Bank        BankData
	PaymentDays int         // until the money is due, from the day of the order
	Limits      *TimeLimits // around the due day; nil: orders wait for their money as long as it takes
	Tolerance   Money       // a rest up to this is waived; 0: none
	// VirtualPrefix makes an account for each order, see [VirtualAccount]; empty: all are paid on the one of Bank.
	VirtualPrefix string
}

// Stream of the order.
func (c PlaceOrder) Stream() string { return OrderStream(c.Order) }

// Decide writes an order once, and never one that was declined.
func (c PlaceOrder) Decide(known Order) ([]Event, error) {
	if known.Exists() || known.Declined != nil {
		return nil, nil
	}
	due, err := c.On.plus(c.Terms.PaymentDays)
	if err != nil {
		return nil, err
	}
	submitted := OrderSubmitted{Order: c.Order, Number: c.Number, Buyer: c.Buyer, Lines: c.Lines, Bank: c.Terms.Bank,
		Title: c.Number.Reference(), DueOn: due, Limits: c.Terms.Limits, Tolerance: c.Terms.Tolerance}
	if c.Terms.VirtualPrefix != "" {
		submitted.Bank.Account = VirtualAccount(c.Terms.VirtualPrefix, c.Number)
	}
	for _, line := range c.Lines {
		submitted.Total = submitted.Total.Plus(line.Amounts)
	}
	return []Event{submitted}, nil
}

// DeclineOrder says that the submission becomes no order. It comes too late for an order that is written down. Twice is harmless.
type DeclineOrder struct {
	Order   OrderID
	Licence LicenceID // that was ordered elsewhere
	Reason  Refusal
}

// Stream of the order.
func (c DeclineOrder) Stream() string { return OrderStream(c.Order) }

// Decide declines what is not written down.
func (c DeclineOrder) Decide(known Order) ([]Event, error) {
	if known.Exists() || known.Declined != nil {
		return nil, nil
	}
	return []Event{OrderDeclined(c)}, nil
}

func (d Day) plus(days int) (Day, error) {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return "", fmt.Errorf("read day %q: %w", d, err)
	}
	return Day(t.AddDate(0, 0, days).Format(time.DateOnly)), nil
}

// Year of the day, 0 for no day.
func (d Day) Year() int {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return 0
	}
	return t.Year()
}

// CancelOrder ends an order for which no money has come. Cancelling twice changes nothing.
type CancelOrder struct {
	Order OrderID
}

// Stream of the order.
func (c CancelOrder) Stream() string { return OrderStream(c.Order) }

// Decide refuses as long as there is money on the order, once an activation file was made, and an order that has lapsed. One that
// has expired can be cancelled, so that its licences can be ordered anew.
func (c CancelOrder) Decide(known Order) ([]Event, error) {
	switch {
	case !known.Exists():
		return nil, refuse(NotFound)
	case known.Cancelled:
		return nil, nil
	case known.Lapsed:
		return nil, refuse(OrderNotOpen)
	case known.PaidAmount() > 0 || known.delivered():
		return nil, refuse(OrderHasPayments)
	}
	return []Event{OrderCancelled(c)}, nil
}
