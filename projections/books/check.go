package books

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"netrom.pl/portal/domain"
)

const (
	// exceptionsMax is how many exceptions are listed one by one; the others are only counted.
	exceptionsMax = 10_000
	// pendingMax is how many transfers may be waited for that a statement names, before the log is asked for them.
	pendingMax = 10_000
	// patience is how long after its last event an order may wait for the portal's own next step before that is an exception.
	patience = 24 * time.Hour
)

// Exception is something that does not agree.
type Exception struct {
	Position domain.Position // of the event that shows it; 0 when it shows at the end
	Subject  string
	What     string // one of the codes in what.go
	Detail   string
}

// check counts what must agree, and notes what does not.
type check struct {
	statements map[domain.StatementID]statement
	pending    map[string]domain.StatementID        // streams of transfers and reversals that a statement names and that are not seen yet
	askAt      int                                  // the number pending at which the log is asked
	wasNamed   bool                                 // a statement has named the transfer that was seen last
	numbers    map[domain.OrderNumber]domain.Record // given to orders that are not submitted yet
	lastNumber map[int]int                          // by year

	named, received, matched, booked count        // transfers; matched and booked count movements in both directions
	refunded, reversed               count        // money that went out
	numbered, ordered                int          // orders
	told, licences, issued           int          // lines of orders whose licences are told, licences that know, files
	delivered                        domain.Money // gross of those lines
	totals                           Totals
	exceptions                       []Exception
	uncounted                        int // exceptions beyond exceptionsMax
}

// statement is what is kept of a bank statement.
type statement struct {
	domain.StatementImported
	record domain.Record
}

// count is a number of things and what they come to.
type count struct {
	number int
	sum    domain.Money
}

func (c *count) add(amount domain.Money) { c.number, c.sum = c.number+1, c.sum+amount }

// Totals are sums over all orders and transfers, as the portal's tables have them too.
type Totals struct {
	Orders    int          // submitted, whatever became of them
	Cancelled int          // of them
	Paid      int          // covered by payments and not cancelled
	Fulfilled int          // of the paid ones: every activation file has left
	Gross     domain.Money // of all orders but the cancelled ones
	Received  domain.Money // booked on orders
	Transfers int          // that came in
	Matched   int          // of them found an order
	Incoming  domain.Money // sum of the transfers
}

func newCheck() check {
	return check{statements: map[domain.StatementID]statement{}, pending: map[string]domain.StatementID{}, askAt: pendingMax,
		numbers: map[domain.OrderNumber]domain.Record{}, lastNumber: map[int]int{}}
}

// trace is what is kept of a record to say where and when something was.
func trace(record domain.Record) domain.Record {
	return domain.Record{Position: record.Position, Proposed: domain.Proposed{Metadata: domain.Metadata{At: record.Metadata.At}}}
}

// complain notes an exception.
func (c *check) complain(record domain.Record, subject, what, detail string) {
	if len(c.exceptions) >= exceptionsMax {
		c.uncounted++
		return
	}
	c.exceptions = append(c.exceptions, Exception{Position: record.Position, Subject: subject, What: what, Detail: detail})
}

// see takes note of what has no day of its own: registers and statements.
func (c *check) see(ctx context.Context, source Source, record domain.Record) error {
	switch e := record.Event.(type) {
	case domain.StatementImported:
		for _, id := range e.Transfers {
			c.pending[domain.TransferStream(id)] = e.Statement
		}
		for _, id := range e.Reversals {
			c.pending[domain.ReversalStream(id)] = e.Statement
		}
		e.Transfers, e.Reversals = nil, nil
		c.statements[e.Statement] = statement{e, trace(record)}
		if len(c.pending) < c.askAt {
			return nil
		}
		err := c.drain(ctx, source, record.Position)
		c.askAt = max(pendingMax, 2*len(c.pending))
		return err
	case domain.TransferReceived:
		if _, known := c.statements[e.Statement]; !known {
			c.complain(record, e.BankReference, statementUnknown, "")
		}
		_, c.wasNamed = c.pending[record.Stream]
		delete(c.pending, record.Stream)
	case domain.ReversalReceived:
		delete(c.pending, record.Stream)
	case domain.OrderNumberAssigned:
		if want := c.lastNumber[e.Number.Year] + 1; e.Number.Sequence != want {
			c.complain(record, e.Number.String(), numberGap, fmt.Sprint(want))
		}
		c.lastNumber[e.Number.Year] = e.Number.Sequence
		c.numbers[e.Number] = trace(record)
	}
	return nil
}

// drain asks the log for the transfers that a statement names and an earlier one has brought.
func (c *check) drain(ctx context.Context, source Source, before domain.Position) error {
	for stream := range c.pending {
		for record, err := range source.Read(ctx, stream, 0) {
			if err != nil {
				return fmt.Errorf("look for %s: %w", stream, err)
			}
			if record.Position < before {
				delete(c.pending, stream)
			}
			break
		}
	}
	return nil
}

func (c *check) submitted(e domain.OrderSubmitted) {
	if _, given := c.numbers[e.Number]; given {
		c.numbered++
		delete(c.numbers, e.Number)
	}
	c.ordered++
}

// count adds an order to the totals as it is, forget takes it out again before it changes.
func (c *check) count(o *order)  { c.tally(o, 1) }
func (c *check) forget(o *order) { c.tally(o, -1) }

func (c *check) tally(o *order, sign int) {
	if !o.Exists() {
		return
	}
	t, amount := &c.totals, domain.Money(sign)
	c.told += sign * o.told()
	t.Orders += sign
	t.Received += amount * o.PaidAmount()
	switch status := o.Status(); {
	case o.Cancelled:
		t.Cancelled += sign
		return
	case status == domain.Fulfilled:
		t.Fulfilled += sign
	}
	t.Gross += amount * o.Total.Gross
	if o.Paid() {
		t.Paid += sign
	}
}

// order looks at what a record did to an order.
func (c *check) order(record domain.Record, o *order) {
	switch e := record.Event.(type) {
	case domain.PaymentReceived:
		c.booked.add(e.Amount)
	case domain.PaymentTakenBack:
		c.booked.add(-e.Amount)
	case domain.ActivationFileIssued:
		c.issued++
		for _, line := range o.Lines {
			if line.Line == e.Line {
				c.delivered += line.Gross
			}
		}
		if !o.Paid() {
			c.complain(record, o.Number.String(), issuedUnpaid, fmt.Sprint(e.Line))
		}
	}
}

func (c *check) licence(record domain.Record, licence domain.LicenceID, more int, o *order) {
	c.licences += more
	holds := slices.ContainsFunc(o.Lines, func(l domain.Line) bool { return l.Licence == licence })
	switch {
	case !holds:
		c.complain(record, licence.Serial(), licenceNotOfOrder, o.Number.String())
	case !o.Covered:
		c.complain(record, licence.Serial(), licenceUnpaid, o.Number.String())
	}
}

// transfer looks at what a record did to a transfer.
func (c *check) transfer(record domain.Record, t *transfer, all bool) {
	switch e := record.Event.(type) {
	case domain.TransferReceived:
		if c.received.add(e.Amount); c.wasNamed {
			c.named.add(e.Amount)
		}
	case domain.TransferMatched:
		c.matched.add(e.Amount)
	case domain.TransferReleased:
		c.matched.add(-e.Amount)
	case domain.RefundPaid:
		c.refunded.add(refundOf(t.Transfer, e.Refund).Amount)
	}
	buckets := t.Buckets()
	if excess := buckets.Orders + buckets.Credit + buckets.Refunds - buckets.Received; all && excess > 0 {
		c.complain(record, t.reference(), overmatched, excess.String())
	}
}

// tallyTransfer adds a transfer to the totals, or takes it out before it changes.
func (c *check) tallyTransfer(t *transfer, sign int) {
	if t.Transfer.Transfer == "" {
		return
	}
	c.totals.Transfers += sign
	c.totals.Incoming += domain.Money(sign) * t.Amount
	if t.Buckets().Orders > 0 {
		c.totals.Matched += sign
	}
}

// statementGaps complains about every statement that begins with an amount with which no earlier one of its account begins or ends:
// one is missing in between. Statements may overlap, as those of a month and of its days do.
func (c *check) statementGaps() {
	known := map[domain.NRB]map[domain.Money]bool{}
	byDay := slices.SortedFunc(maps.Values(c.statements), func(a, b statement) int {
		return compare(string(a.Account), string(b.Account), string(a.ClosedOn), string(b.ClosedOn), a.Number, b.Number)
	})
	for _, s := range byDay {
		amounts := known[s.Account]
		if amounts == nil {
			amounts = map[domain.Money]bool{}
			known[s.Account] = amounts
		} else if !amounts[s.Opening] {
			c.complain(s.record, s.Number, statementGap, s.Opening.String())
		}
		amounts[s.Opening], amounts[s.Closing] = true, true
	}
}
