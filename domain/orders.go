package domain

import (
	"context"
	"errors"
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
	Order  OrderID     `json:"order"`
	Number OrderNumber `json:"number"`
	Buyer  CustomerID  `json:"buyer"`
	Lines  []Line      `json:"lines"`
	Total  Amounts     `json:"total"`
	Bank   BankData    `json:"bank"`
	Title  string      `json:"title"` // of the transfer, with check digits
	DueOn  Day         `json:"due_on"`
}

// OrderCancelled ends an order for which no money has come.
type OrderCancelled struct {
	Order OrderID `json:"order"`
}

// LicencesReleased says that a cancelled order has given up its hold on its licences.
type LicencesReleased struct {
	Order OrderID `json:"order"`
}

// PaymentReceived books the money of one transfer on the order.
type PaymentReceived struct {
	Order    OrderID    `json:"order"`
	Transfer TransferID `json:"transfer"`
	Amount   Money      `json:"amount"`
	ValueOn  Day        `json:"value_on"`
}

// Order is a submitted cart on its way from the confirmation letter to the activation files.
type Order struct {
	OrderSubmitted
	At           time.Time          `json:"-"`
	Cancelled    bool               `json:"cancelled"`
	Released     bool               `json:"released"`
	Payments     []PaymentReceived  `json:"payments"`
	Confirmed    bool               `json:"confirmed"`     // the confirmation letter has left
	PaymentNoted bool               `json:"payment_noted"` // the word to the buyer that the money has come has left
	LicencesPaid bool               `json:"licences_paid"` // the licences know of the payment
	Files        map[int]FileState  `json:"files"`         // by line
	Failures     map[string]Failure `json:"failures"`      // by task, as long as it is owed
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
	case OrderCancelled:
		o.Cancelled = true
		delete(o.Failures, string(ConfirmTask))
	case LicencesReleased:
		o.Released = true
		delete(o.Failures, string(ReleaseTask))
	case PaymentReceived:
		o.Payments = append(slices.Clip(o.Payments), e)
	default:
		o.evolveFulfilment(event)
	}
}

// PaidAmount is what has arrived so far.
func (o Order) PaidAmount() Money {
	var sum Money
	for _, payment := range o.Payments {
		sum += payment.Amount
	}
	return sum
}

// Open is what is still to be paid; negative when too much has arrived.
func (o Order) Open() Money { return o.Total.Gross - o.PaidAmount() }

// Exists tells a submitted order from an unknown one.
func (o Order) Exists() bool { return o.Order != "" }

// Paid tells whether the money covers the gross amount. Nothing is delivered before. Source: R13, R14.
func (o Order) Paid() bool { return o.Exists() && !o.Cancelled && o.Open() <= 0 }

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
	PaymentDays int // until the money is due, from the day of the order
}

// Stream of the order.
func (c PlaceOrder) Stream() string { return OrderStream(c.Order) }

// Decide writes an order once.
func (c PlaceOrder) Decide(known Order) ([]Event, error) {
	if known.Exists() {
		return nil, nil
	}
	due, err := c.On.plus(c.Terms.PaymentDays)
	if err != nil {
		return nil, err
	}
	submitted := OrderSubmitted{Order: c.Order, Number: c.Number, Buyer: c.Buyer, Lines: c.Lines, Bank: c.Terms.Bank,
		Title: c.Number.Reference(), DueOn: due}
	for _, line := range c.Lines {
		submitted.Total = submitted.Total.Plus(line.Amounts)
	}
	return []Event{submitted}, nil
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

// OrderNumberAssigned gives the next number of a year to an order.
type OrderNumberAssigned struct {
	Order  OrderID     `json:"order"`
	Number OrderNumber `json:"number"`
}

// Numbers is the register of one year's order numbers.
type Numbers struct {
	Last    int
	ByOrder map[OrderID]OrderNumber
	ByText  map[OrderNumber]OrderID
}

// Evolve folds an event of a register stream.
func (n *Numbers) Evolve(event Event) {
	if e, ok := event.(OrderNumberAssigned); ok {
		if n.ByOrder == nil {
			n.ByOrder, n.ByText = map[OrderID]OrderNumber{}, map[OrderNumber]OrderID{}
		}
		n.Last, n.ByOrder[e.Order], n.ByText[e.Number] = e.Number.Sequence, e.Number, e.Order
	}
}

// NumbersStream is the register of a year.
func NumbersStream(year int) string { return fmt.Sprintf("numbers-%04d", year) }

// AssignOrderNumber gives an order its number; asking again answers with no events, the number stays.
type AssignOrderNumber struct {
	Order OrderID
	Year  int
}

// Stream of the year's register.
func (c AssignOrderNumber) Stream() string { return NumbersStream(c.Year) }

// Decide counts up by one: numbers of a year have no gaps as long as every submission is placed. It fails rather than
// give a number that cannot be read again.
func (c AssignOrderNumber) Decide(n Numbers) ([]Event, error) {
	if _, ok := n.ByOrder[c.Order]; ok {
		return nil, nil
	}
	next := OrderNumber{Year: c.Year, Sequence: n.Last + 1}
	if _, err := ParseOrderNumber(next.String()); err != nil {
		return nil, fmt.Errorf("count up to %s: beyond year %d or number %d", next, OrderYearMax, OrderSequenceMax)
	}
	return []Event{OrderNumberAssigned{Order: c.Order, Number: next}}, nil
}

// Place carries a submitted cart to its order: each licence gives its hold, the year gives a number, the order is
// written down. If a licence was ordered elsewhere at the same moment, the holds are given back and the cart returns.
// Every step can be repeated, so whoever finds an unfinished submission may call it: the request that submitted the
// cart, and after a crash the process manager. It answers the order's position, or the Refusal with which the cart returned.
func Place(ctx context.Context, log Log, by Cause, buyer CustomerID, order OrderID, terms Terms) (Outcome, error) {
	placed, err := Load[Order](ctx, log, OrderStream(order))
	if err != nil || placed.State.Exists() {
		return Outcome{Position: placed.Last.Position}, err
	}
	cart, err := Load[Cart](ctx, log, CartStream(buyer))
	if err != nil {
		return Outcome{}, err
	}
	submission, submitted := cart.State.Orders[order]
	lines := submission.Lines
	if !submitted || submission.Returned {
		return Outcome{}, refuse(CartChanged)
	}
	for i, line := range lines {
		_, err := Execute(ctx, log, by, OrderLicence{Order: order, Line: line})
		if reason, no := IsRefusal(err); no {
			return Outcome{}, giveBack(ctx, log, by, ReturnCart{Buyer: buyer, Order: order, Licence: line.Licence, Reason: reason}, lines[:i])
		}
		if err != nil {
			return Outcome{}, fmt.Errorf("hold licence of line %d: %w", line.Line, err)
		}
	}
	number, err := assignNumber(ctx, log, by, order, submission.On.Year())
	if err != nil {
		return Outcome{}, err
	}
	return Execute(ctx, log, by, PlaceOrder{Order: order, Number: number, Buyer: buyer, Lines: lines, Terms: terms, On: submission.On})
}

func giveBack(ctx context.Context, log Log, by Cause, back ReturnCart, held []Line) error {
	for _, line := range held {
		by := by
		by.Command = NameID(by.Command, "give back")
		if _, err := Execute(ctx, log, by, WithdrawLicenceOrder{Order: back.Order, Licence: line.Licence}); err != nil {
			return fmt.Errorf("give back licence of line %d: %w", line.Line, err)
		}
	}
	if _, err := Execute(ctx, log, by, back); err != nil {
		return fmt.Errorf("return cart: %w", err)
	}
	return refuse(CartChanged)
}

func assignNumber(ctx context.Context, log Log, by Cause, order OrderID, year int) (OrderNumber, error) {
	outcome, err := Execute(ctx, log, by, AssignOrderNumber{Order: order, Year: year})
	if err != nil {
		return OrderNumber{}, fmt.Errorf("assign order number: %w", err)
	}
	if len(outcome.Events) == 1 {
		return outcome.Events[0].(OrderNumberAssigned).Number, nil
	}
	register, err := Load[Numbers](ctx, log, NumbersStream(year))
	if err != nil {
		return OrderNumber{}, err
	}
	number, ok := register.State.ByOrder[order]
	if !ok {
		return OrderNumber{}, errors.New("assign order number: the register forgot the order")
	}
	return number, nil
}

// CancelOrder ends an order for which no money has come. Cancelling twice changes nothing.
type CancelOrder struct {
	Order OrderID
}

// Stream of the order.
func (c CancelOrder) Stream() string { return OrderStream(c.Order) }

// Decide refuses once money has arrived.
func (c CancelOrder) Decide(known Order) ([]Event, error) {
	switch {
	case !known.Exists():
		return nil, refuse(NotFound)
	case known.Cancelled:
		return nil, nil
	case len(known.Payments) > 0:
		return nil, refuse(OrderHasPayments)
	}
	return []Event{OrderCancelled(c)}, nil
}

// RecordPayment books a transfer on the order, once.
type RecordPayment struct {
	Order    OrderID
	Transfer TransferID
	Amount   Money
	ValueOn  Day
}

// Stream of the order.
func (c RecordPayment) Stream() string { return OrderStream(c.Order) }

// Decide books what has arrived, even on an order that was cancelled while the transfer was on its way: money is a
// fact. Such an order stays cancelled and delivers nothing.
func (c RecordPayment) Decide(known Order) ([]Event, error) {
	if slices.ContainsFunc(known.Payments, func(p PaymentReceived) bool { return p.Transfer == c.Transfer }) {
		return nil, nil
	}
	switch {
	case !known.Exists():
		return nil, refuse(NotFound)
	case c.Amount <= 0:
		return nil, refuse(InvalidInput, "field", "amount", "limit", "0,01")
	}
	return []Event{PaymentReceived(c)}, nil
}
