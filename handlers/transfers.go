package handlers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// transferView is one transfer: where its money is, how it came there, and what accounting may do about it.
type transferView struct {
	waitingTransfer
	Buckets    domain.Buckets
	Orders     []transferOrder
	Credited   []transferCredit
	History    []transferStep
	Sent       []sentFile                // files of orders that have lost money of this transfer
	Reversals  []projections.ReversalRow // without a transfer, that may take this one back
	Match      matchForm
	Refundable []refundForm // money that can be sent back
	Mine       bool         // the reader has proposed the match that waits
	Reader     string       // account
	Limit      domain.Money // above which a second person has to confirm a match
	Today      domain.Day
}

// RefundTitle is what to write on the transfer that pays a refund.
func (v transferView) RefundTitle(refund int) string {
	return domain.RefundTitle(v.Transfer.Transfer, refund)
}

// refundForm is the form of a refund: of unmatched money, or of a customer's credit.
type refundForm struct {
	Credit       domain.CustomerID // empty: the unmatched money
	Name         string            // of that customer
	Left         domain.Money      // that can be sent back
	Amount       string
	Reason       string
	PayeeAccount string // empty: the payer's
	PayeeName    string
}

// refundable are the forms of all the refunds that a page can offer.
func refundable(view transferView) []refundForm {
	var forms []refundForm
	if view.Unmatched > 0 {
		forms = append(forms, refundForm{Left: view.Unmatched})
	}
	for _, credit := range view.Credited {
		forms = append(forms, refundForm{Credit: credit.Customer, Name: credit.Name, Left: credit.Amount})
	}
	return forms
}

// transferOrder is what an order has of a transfer.
type transferOrder struct {
	Order  domain.OrderID
	Number domain.OrderNumber
	Amount domain.Money
	Rule   string
}

// transferCredit is what a customer has of a transfer as credit.
type transferCredit struct {
	Customer domain.CustomerID
	Name     string
	Amount   domain.Money
}

// transferStep is something that happened to the money of a transfer.
type transferStep struct {
	What      string // name of the event
	At        time.Time
	Actor     string // account, or part of the portal
	Amount    domain.Money
	Number    string // of an order, or of several
	Customer  string // name
	Why       domain.ReleaseReason
	Rule      string
	Reason    string // in a person's words
	Elsewhere bool   // a refund to another account than the payer's
}

// sentFile is an activation file that has left although its order is not paid any more.
type sentFile struct {
	Order  domain.OrderID
	Number domain.OrderNumber
	Line   int
	Name   string // of the file
}

// showTransfer is one transfer with its history. An order in the query stands in the form of the match already.
func (s *Server) showTransfer(c *call) (reply, error) {
	answer, err := s.transferPage(c)
	answer.notice = c.notice()
	return answer, err
}

func (s *Server) transferPage(c *call) (reply, error) {
	name, err := c.name("transfer")
	if err != nil {
		return reply{}, err
	}
	view := transferView{Match: matchForm{Rows: []matchRow{{Row: 1}}}, Reader: c.account.ID, Limit: s.Vendor.SecondPersonAbove, Today: DayOf(c.at)}
	var transfer domain.Transfer
	var records []domain.Record
	for record, err := range s.Log.Read(c.Context(), domain.TransferStream(domain.TransferID(name)), 0) {
		if err != nil {
			return reply{}, fmt.Errorf("read transfer: %w", err)
		}
		transfer.Evolve(record.Event)
		records = append(records, record)
	}
	if transfer.Transfer == "" {
		return reply{}, c.missing()
	}
	waiting, err := s.waiting(c.Context(), []domain.Transfer{transfer})
	if err != nil {
		return reply{}, err
	}
	view.waitingTransfer, view.Buckets = waiting[0], transfer.Buckets()
	view.Mine = view.Proposed != nil && view.Proposed.Proposer == c.account.ID
	if order := c.URL.Query().Get("order"); c.Method == get && len(order) <= domain.IdentityMax {
		view.Match.Rows[0].Order = order
	}
	view.Orders = ordersOf(transfer)
	if view.Sent, err = s.sentInVain(c.Context(), transfer); err != nil {
		return reply{}, err
	}
	if view.Reversals, err = s.reversalsFor(c.Context(), view.Buckets); err != nil {
		return reply{}, err
	}
	names, err := s.namesOf(c.Context(), records)
	for _, customer := range slices.Sorted(maps.Keys(transfer.Credits)) {
		view.Credited = append(view.Credited, transferCredit{Customer: customer, Name: names[customer], Amount: transfer.Credits[customer]})
	}
	view.Refundable = refundable(view)
	view.History = stepsOf(records, names)
	return reply{page: "transfer", view: view}, err
}

// ordersOf are the orders that have money of a transfer, in the order of the first booking.
func ordersOf(transfer domain.Transfer) []transferOrder {
	var orders []transferOrder
	for _, b := range transfer.Bookings {
		seen := slices.ContainsFunc(orders, func(o transferOrder) bool { return o.Order == b.Order })
		if amount := transfer.OnOrder(b.Order); amount > 0 && !seen && b.Amount > 0 {
			orders = append(orders, transferOrder{Order: b.Order, Number: b.Number, Amount: amount, Rule: b.Rule})
		}
	}
	return orders
}

// namesOf the customers who have had credit of a transfer.
func (s *Server) namesOf(ctx context.Context, records []domain.Record) (map[domain.CustomerID]string, error) {
	names := map[domain.CustomerID]string{}
	for _, record := range records {
		var customer domain.CustomerID
		switch e := record.Event.(type) {
		case domain.TransferCredited:
			customer = e.Customer
		case domain.CreditWithdrawn:
			customer = e.Customer
		}
		if _, known := names[customer]; known || customer == "" {
			continue
		}
		row, _, err := s.Tables.Customer(ctx, customer)
		if err != nil {
			return nil, err
		}
		names[customer] = row.Name
	}
	return names, nil
}

// stepsOf says what happened to a transfer, event by event.
func stepsOf(records []domain.Record, names map[domain.CustomerID]string) []transferStep {
	var steps []transferStep
	numbers, refunds := map[domain.OrderID]string{}, map[int]domain.Money{}
	for _, record := range records {
		step := transferStep{What: record.Type, At: record.Metadata.At, Actor: record.Metadata.Actor}
		switch e := record.Event.(type) {
		case domain.TransferReceived:
			step.Amount = e.Amount
		case domain.TransferMatched:
			numbers[e.Order] = e.Number.String()
			step.Amount, step.Number, step.Rule, step.Reason = e.Amount, numbers[e.Order], e.Rule, e.Reason
		case domain.TransferReleased:
			step.Amount, step.Number, step.Why, step.Reason = e.Amount, numbers[e.Order], e.Why, e.Reason
		case domain.TransferCredited:
			step.Amount, step.Customer, step.Reason = e.Amount, names[e.Customer], e.Reason
			if e.Why != domain.ReleasedOverpaid { // which the sentence says already
				step.Why = e.Why
			}
		case domain.CreditWithdrawn:
			step.Amount, step.Customer, step.Why = e.Amount, names[e.Customer], e.Why
		case domain.MatchProposed:
			var parts []string
			for _, part := range e.Parts {
				step.Amount += part.Amount
				parts = append(parts, part.Number.String())
			}
			step.Number, step.Reason = strings.Join(parts, ", "), e.Reason
		case domain.MatchRejected:
			step.Reason = e.Reason
		case domain.RefundProposed:
			refunds[e.Refund] = e.Amount
			step.Amount, step.Reason, step.Elsewhere = e.Amount, e.Reason, e.OtherAccount
		case domain.RefundConfirmed:
			step.Amount = refunds[e.Refund]
		case domain.RefundRejected:
			if step.Amount, step.Reason = refunds[e.Refund], e.Reason; e.Rejecter == "" {
				step.Why, step.Reason = domain.ReleasedReversed, ""
			}
		case domain.RefundPaid:
			step.Amount, step.Reason = refunds[e.Refund], e.BankReference
		case domain.TransferReversed:
			step.Amount = e.Amount
		}
		steps = append(steps, step)
	}
	return steps
}

// sentInVain are the files of orders that the bank's reversal has left unpaid. They cannot be called back; somebody has to talk to the buyer.
func (s *Server) sentInVain(ctx context.Context, transfer domain.Transfer) ([]sentFile, error) {
	var files []sentFile
	seen := map[domain.OrderID]bool{}
	for _, b := range transfer.Bookings {
		if b.Why != domain.ReleasedReversed || seen[b.Order] {
			continue
		}
		seen[b.Order] = true
		order, err := domain.Load[domain.Order](ctx, s.Log, domain.OrderStream(b.Order))
		if err != nil {
			return nil, err
		}
		files = append(files, filesSentUnpaid(order.State)...)
	}
	return files, nil
}

// filesSentUnpaid are the files that have left for an order that lost its money to a reversal and is not paid again.
func filesSentUnpaid(order domain.Order) []sentFile {
	reversed := slices.ContainsFunc(order.TakenBack, func(t domain.PaymentTakenBack) bool { return t.Why == domain.ReleasedReversed })
	if !reversed || order.Paid() {
		return nil
	}
	var files []sentFile
	for _, line := range order.Lines {
		if file := order.Files[line.Line]; file.Sent > 0 && file.Issued != nil {
			files = append(files, sentFile{Order: order.Order, Number: order.Number, Line: line.Line, Name: file.Issued.Name})
		}
	}
	return files
}

// reversalsFor are the reversals without a transfer that one with such buckets may belong to.
func (s *Server) reversalsFor(ctx context.Context, b domain.Buckets) ([]projections.ReversalRow, error) {
	rows, err := s.Tables.LostReversals(ctx, waitingShown)
	return slices.DeleteFunc(rows, func(r projections.ReversalRow) bool { return r.Amount > b.Received-b.Reversed }), err
}
