package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// submitOrder is the button «Wyślij». The same submission again answers the same order. Source: R11-R13.
func (s *Server) submitOrder(c *call) (reply, error) {
	in, err := c.readSubmission()
	if err != nil {
		return reply{}, err
	}
	order := domain.OrderIDOf(c.customer(), in.key)
	done, err := s.submit(c, order, in.seen)
	if refusal, no := domain.IsRefusal(err); no {
		return s.cartAfter(c, done.position, refusal)
	}
	if err != nil {
		return reply{}, err
	}
	if c.route.Door == page {
		return reply{location: c.orderPath(order) + "?submitted", position: done.position}, nil
	}
	return s.tellOrder(c, order, done)
}

// submitted is how far a submission has come.
type submitted struct {
	position domain.Position
	anew     bool // by this very request
}

// submit carries the cart to its order. Whoever was interrupted may begin again at any point: a cart that holds the
// submission already is only brought to its end.
func (s *Server) submit(c *call, order domain.OrderID, seen int) (submitted, error) {
	buyer := c.customer()
	cart, err := domain.Load[domain.Cart](c.Context(), s.Log, domain.CartStream(buyer))
	if err != nil {
		return submitted{}, err
	}
	var done submitted
	if _, known := cart.State.Orders[order]; !known {
		facts, err := s.factsOf(c.Context(), buyer, cart.State)
		if err != nil {
			return done, err
		}
		outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "submit"),
			domain.SubmitOrder{Buyer: facts.buyer, Order: order, On: DayOf(c.at), Wishes: facts.wishes, Seen: seen})
		if errors.Is(err, domain.Refusal{Code: domain.CartChanged}) {
			return s.recheck(c, facts, err)
		}
		if err != nil {
			return done, err
		}
		done.anew = len(outcome.Events) > 0
	}
	outcome, err := domain.Place(c.Context(), s.Log, s.cause(c, "place"), buyer, order, s.Vendor.Terms)
	done.position = outcome.Position
	if _, returned := domain.IsRefusal(err); !returned {
		return done, err
	}
	back, broken := domain.Load[domain.Cart](c.Context(), s.Log, domain.CartStream(buyer))
	if broken != nil {
		return done, broken
	}
	done.position = back.Last.Position // its positions are in the cart again
	return done, err
}

// recheck writes down what has changed in the cart, so that its page can say it.
func (s *Server) recheck(c *call, facts cartFacts, why error) (submitted, error) {
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "recheck"), domain.RecheckCart{Buyer: facts.buyer, Wishes: facts.wishes})
	if err != nil {
		return submitted{}, err
	}
	return submitted{position: outcome.Position}, why
}

// cartAfter shows the cart with the reason why it was not ordered.
func (s *Server) cartAfter(c *call, position domain.Position, refusal domain.Refusal) (reply, error) {
	if position != 0 {
		if err := s.seen(c.Context(), position, viewsOfCart...); errors.Is(err, projections.ErrNotYet) {
			c.late = true
		} else if err != nil {
			return reply{}, err
		}
	}
	view, err := s.cart(c)
	return reply{page: "cart", view: view, member: "cart", refusal: &refusal, position: position}, err
}

// tellOrder tells a program its order: all of it, or as long as the tables have not seen it its identity and number.
func (s *Server) tellOrder(c *call, order domain.OrderID, done submitted) (reply, error) {
	answer := reply{status: http.StatusOK, position: done.position, location: c.orderPath(order)}
	if done.anew {
		answer.status = http.StatusCreated
	}
	err := s.seen(c.Context(), done.position, viewsOfOrders...)
	if errors.Is(err, projections.ErrNotYet) {
		placed, err := domain.Load[domain.Order](c.Context(), s.Log, domain.OrderStream(order))
		answer.status = http.StatusAccepted
		answer.view = struct {
			ID     domain.OrderID     `json:"id"`
			Number domain.OrderNumber `json:"number"`
		}{order, placed.State.Number}
		return answer, err
	}
	if err != nil {
		return reply{}, err
	}
	view, err := s.order(c, order)
	answer.view = view
	return answer, err
}

// orderView is one order as its buyer sees it.
type orderView struct {
	ID     domain.OrderID     `json:"id"`
	Number domain.OrderNumber `json:"number"`
	Status domain.OrderStatus `json:"status"`
	At     time.Time          `json:"at"`
	DueOn  domain.Day         `json:"due_on"`
	// PayableUntil is the last day whose money still counts at the order's prices; empty: as long as it takes, or no money is waited for.
	PayableUntil domain.Day `json:"payable_until,omitempty"`
	amounts
	Paid domain.Money `json:"paid"`
	Open domain.Money `json:"open"` // still to be paid; never negative
	settlement
	transferData
	Lines []orderLine `json:"lines"`
	Steps []orderStep `json:"steps"`
	orderDocuments

	IsDistributor bool        `json:"-"`
	Way           []milestone `json:"-"`
	Code          *matrix     `json:"-"` // of the transfer; nil: nothing to pay
}

// settlement is how the money of an order came to be what it is. A list of orders only says what was waived.
type settlement struct {
	FromCredit domain.Money `json:"from_credit,omitempty"` // paid with the buyer's credit
	Waived     domain.Money `json:"waived,omitempty"`      // a small rest that need not be paid
	Reversed   domain.Money `json:"reversed,omitempty"`    // the bank took it back
}

// Unusual tells whether there is more to say than what was paid.
func (s settlement) Unusual() bool { return s.FromCredit != 0 || s.Waived != 0 || s.Reversed != 0 }

// MayChange tells whether the page is worth watching.
func (o orderView) MayChange() bool {
	return o.Status != domain.Fulfilled && !o.over()
}

// over tells that the order delivers nothing any more.
func (o orderView) over() bool {
	return o.Status == domain.CancelledStatus || o.Status == domain.LapsedStatus
}

// Expired tells that only late money is waited for, Lapsed that it did not come.
func (o orderView) Expired() bool { return o.Status == domain.ExpiredStatus }

// Lapsed tells that the money came neither in time nor late.
func (o orderView) Lapsed() bool { return o.Status == domain.LapsedStatus }

// WayWidth is the width of the picture of the order's way.
func (o orderView) WayWidth() int { return wayWidth }

// AwaitsMoney tells whether the data for the transfer are of use.
func (o orderView) AwaitsMoney() bool { return o.Open > 0 && !o.over() }

// Cancellable tells whether the buyer may still cancel.
func (o orderView) Cancellable() bool {
	return (o.Status == domain.AwaitingPayment || o.Expired()) && o.Paid == 0
}

// transferData is what people copy into their bank's form, beside the open amount. A list of orders leaves all but the
// title out. Source: R12.
type transferData struct {
	Recipient string     `json:"recipient,omitempty"`
	Account   domain.NRB `json:"account,omitempty"`
	Title     string     `json:"title"`
}

// orderLine is a line of an order and how far its activation file has come. Source: R14.
type orderLine struct {
	Line        int               `json:"line"`
	Client      domain.CustomerID `json:"client"`
	ClientName  string            `json:"client_name"`
	Program     domain.ProgramID  `json:"program"`
	ProgramName string            `json:"program_name"`
	Licence     domain.LicenceID  `json:"licence"`
	Serial      string            `json:"serial"`
	Edition     domain.Edition    `json:"edition"`
	From        domain.Version    `json:"from,omitempty"`
	To          domain.Version    `json:"to"`
	Stations    int               `json:"stations"`
	UnitNet     domain.Money      `json:"unit_net"`
	VATRate     domain.VATRate    `json:"vat_rate"`
	amounts
	FileSent   bool `json:"file_sent"`
	FileIssued bool `json:"file_issued"` // it can be fetched
	MayResend  bool `json:"may_resend"`
}

// orderStep is something that happened to an order.
type orderStep struct {
	What   string       `json:"what"`
	At     time.Time    `json:"at"`
	Amount domain.Money `json:"amount,omitempty"`
	Line   int          `json:"line,omitempty"`
}

func orderViewOf(row projections.OrderRow) orderView {
	open := max(row.Total.Gross-row.Paid-row.Waived, 0)
	view := orderView{ID: row.Order, Number: row.Number, Status: row.Status, At: row.At, DueOn: row.DueOn, PayableUntil: row.PayableUntil,
		amounts: amountsOf(row.Total),
		Paid:    row.Paid, Open: open, settlement: settlement{Waived: row.Waived, Reversed: row.Reversed}, Lines: []orderLine{}, Steps: []orderStep{},
		transferData: transferData{Recipient: row.Bank.Recipient, Account: row.Bank.Account, Title: row.Title}}
	paid := row.Status == domain.PaidStatus || row.Status == domain.Fulfilled
	view.orderDocuments = documentsOfOrder(row.Proforma, paid, row.Invoices)
	view.DocumentsAt = "/orders/" + string(row.Order)
	for _, line := range row.Lines {
		view.Lines = append(view.Lines, orderLine{Line: line.Line.Line, Client: line.Client, ClientName: line.ClientName, Program: line.Program,
			ProgramName: line.ProgramName, Licence: line.Licence, Serial: line.Serial, Edition: line.Edition, From: line.From, To: line.To,
			Stations: line.Stations, UnitNet: line.UnitNet, VATRate: line.VATRate, amounts: amountsOf(line.Amounts), FileSent: line.FileSent,
			FileIssued: line.FileIssued, MayResend: line.MayResend})
	}
	for _, step := range row.Steps {
		view.Steps = append(view.Steps, orderStep(step))
	}
	return view
}

type ordersView struct {
	Orders []orderView  `json:"orders"`
	Total  int          `json:"total"`            // on all pages
	Credit domain.Money `json:"credit,omitempty"` // paid too much; it pays the next order
	List   list         `json:"-"`
}

// showOrders lists what the customer has ordered.
func (s *Server) showOrders(c *call) (reply, error) {
	shown, err := c.readList("/orders", partsOfOrders, columnsOfOrders)
	if err != nil {
		return reply{}, err
	}
	rows, total, err := s.Tables.Orders(c.Context(), c.customer(), shown.wanted())
	if err != nil {
		return reply{}, fmt.Errorf("read orders: %w", err)
	}
	if first := shown.show(c, len(rows), total); first != "" {
		return reply{location: first}, nil
	}
	view := ordersView{Orders: []orderView{}, Total: total, List: shown}
	if view.Credit, err = s.creditOf(c.Context(), c.customer()); err != nil {
		return reply{}, err
	}
	for _, row := range rows {
		view.Orders = append(view.Orders, orderViewOf(row))
	}
	return reply{page: "orders", view: view}, nil
}

// fromCredit is what was paid of an order with its buyer's credit.
func (s *Server) fromCredit(ctx context.Context, row projections.OrderRow) (domain.Money, error) {
	if row.Paid == 0 && row.Reversed == 0 {
		return 0, nil
	}
	return s.Tables.FromCredit(ctx, row.Order)
}

// creditOf is what a customer has paid too much in all.
func (s *Server) creditOf(ctx context.Context, customer domain.CustomerID) (domain.Money, error) {
	rows, err := s.Tables.Credits(ctx, customer)
	var sum domain.Money
	for _, row := range rows {
		sum += row.Amount
	}
	return sum, err
}

func (s *Server) order(c *call, id domain.OrderID) (orderView, error) {
	row, ok, err := s.Tables.Order(c.Context(), c.customer(), id)
	if err != nil {
		return orderView{}, fmt.Errorf("read order: %w", err)
	}
	if !ok {
		return orderView{}, c.missing()
	}
	view := orderViewOf(row)
	view.Way = wayOf(view)
	if view.FromCredit, err = s.fromCredit(c.Context(), row); err != nil {
		return orderView{}, err
	}
	if view.AwaitsMoney() {
		view.Code, err = matrixOf(row.Bank.TransferCode(view.Open, row.Title))
	}
	return view, err
}

// showOrder is one order with the data for its transfer. Source: R12, R13.
func (s *Server) showOrder(c *call) (reply, error) {
	name, err := c.name("order")
	if err != nil {
		return reply{}, err
	}
	view, err := s.order(c, domain.OrderID(name))
	if err != nil {
		return reply{}, err
	}
	company, err := s.companyOf(c)
	view.IsDistributor = company.IsDistributor
	answer := reply{page: "order", subject: view.Number.String(), view: view}
	switch query := c.URL.Query(); {
	case query.Has("submitted"):
		answer.notice = c.say("order.submitted")
	case query.Has("cancelled"):
		answer.notice = c.say("order.cancelled")
	case query.Has("resent"):
		answer.notice = c.say("programs.resent")
	}
	return answer, err
}

// cancelOrder ends an order for which no money has come.
func (s *Server) cancelOrder(c *call) (reply, error) {
	name, err := c.name("order")
	if err != nil {
		return reply{}, err
	}
	id := domain.OrderID(name)
	known, err := domain.Load[domain.Order](c.Context(), s.Log, domain.OrderStream(id))
	if err != nil {
		return reply{}, err
	}
	if !known.State.Exists() || known.State.Buyer != c.customer() {
		return reply{}, domain.Refusal{Code: domain.NotFound}
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "cancel"), domain.CancelOrder{Order: id})
	if err != nil {
		return reply{}, err
	}
	return reply{location: c.orderPath(id) + "?cancelled", position: outcome.Position}, nil
}
