package handlers

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"netrom.pl/portal/domain"
)

// Booking is what became of one transfer of a statement.
type Booking struct {
	domain.TransferReceived
	Match       *domain.TransferMatched  // the first of Matches; nil: no order was found
	Matches     []domain.TransferMatched // what each order got
	Credit      *domain.TransferCredited // what the orders did not need; nil: nothing
	Reason      string                   // why no order was found, one of the domain's Unmatched reasons
	Suggestions []domain.Suggestion      // for whoever looks at it
	Known       bool                     // an earlier import had booked it already
}

// bookersMax is how many transfers are read or booked side by side.
const bookersMax = 16

// Cashier books bank statements. It remembers what it has read of the orders, so that an import of many statements reads the log
// once; use one for one import, and not from several goroutines.
type Cashier struct {
	log     domain.Log
	years   map[int]domain.Numbers
	orders  map[domain.OrderNumber]*domain.Payable // nil: there is no such order
	waiting *domain.Receivables                    // nil: nobody needed it yet
	arrived *domain.Arrivals
}

// NewCashier begins an import.
func NewCashier(log domain.Log) *Cashier {
	return &Cashier{log: log, years: map[int]domain.Numbers{}, orders: map[domain.OrderNumber]*domain.Payable{}}
}

// Book records a statement and its transfers. Importing the same statement again, or one that overlaps, books nothing twice; transfers
// that found no order are tried again. It may be repeated after any interruption. A Refusal says that the statement contradicts an
// earlier one; then nothing was booked. The bookings are in the order of the transfers.
func (c *Cashier) Book(ctx context.Context, by domain.Cause, statement domain.StatementImported, transfers []domain.TransferReceived) ([]Booking, error) {
	if _, err := domain.Execute(ctx, c.log, by, domain.ImportStatement{StatementImported: statement}); err != nil {
		return nil, fmt.Errorf("record statement %s: %w", statement.Number, err)
	}
	streams := map[domain.TransferID]string{}
	for _, received := range transfers {
		streams[received.Transfer] = domain.TransferStream(received.Transfer)
	}
	known, err := fold[domain.TransferID, domain.Transfer](ctx, c.log, streams)
	if err != nil {
		return nil, fmt.Errorf("read transfers: %w", err)
	}
	if err := c.readOrders(ctx, transfers, known); err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	bookings := make([]Booking, len(transfers))
	for i, received := range transfers {
		if bookings[i], err = c.find(ctx, received, known[received.Transfer]); err != nil {
			return nil, fmt.Errorf("match transfer %s: %w", received.Transfer, err)
		}
	}
	return bookings, c.write(ctx, by, bookings, known)
}

// readOrders reads the orders that the titles of new transfers name, side by side.
func (c *Cashier) readOrders(ctx context.Context, transfers []domain.TransferReceived, known map[domain.TransferID]domain.Transfer) error {
	wanted := map[domain.OrderNumber]string{}
	for _, received := range transfers {
		if known[received.Transfer].Untouched() {
			for _, found := range domain.FindReferences(received.Title) {
				if _, read := c.orders[found.Number]; read {
					continue
				}
				stream, err := c.streamOf(ctx, found.Number)
				if err != nil {
					return err
				}
				if c.orders[found.Number] = nil; stream != "" {
					wanted[found.Number] = stream
				}
			}
		}
	}
	orders, err := fold[domain.OrderNumber, domain.Order](ctx, c.log, wanted)
	for number, order := range orders {
		c.remember(number, order)
	}
	return err
}

func (c *Cashier) remember(number domain.OrderNumber, order domain.Order) {
	if c.orders[number] = nil; order.Exists() {
		payable := order.Payable()
		c.orders[number] = &payable
	}
}

// streamOf finds the stream of an order by its number; each year's register is read once.
func (c *Cashier) streamOf(ctx context.Context, number domain.OrderNumber) (string, error) {
	register, ok := c.years[number.Year]
	if !ok {
		loaded, err := domain.Load[domain.Numbers](ctx, c.log, domain.NumbersStream(number.Year))
		if err != nil {
			return "", err
		}
		register = loaded.State
		c.years[number.Year] = register
	}
	if id, ok := register.ByText[number]; ok {
		return domain.OrderStream(id), nil
	}
	return "", nil
}

// order is what is known of an order, counting what this import has given it.
func (c *Cashier) order(ctx context.Context, number domain.OrderNumber) (domain.Payable, bool, error) {
	if _, read := c.orders[number]; !read {
		stream, err := c.streamOf(ctx, number)
		if err != nil {
			return domain.Payable{}, false, err
		}
		var order domain.Loaded[domain.Order]
		if stream != "" {
			if order, err = domain.Load[domain.Order](ctx, c.log, stream); err != nil {
				return domain.Payable{}, false, err
			}
		}
		c.remember(number, order.State)
	}
	if payable := c.orders[number]; payable != nil {
		return *payable, true, nil
	}
	return domain.Payable{}, false, nil
}

// find says what becomes of a transfer, and counts it among what its orders have.
func (c *Cashier) find(ctx context.Context, received domain.TransferReceived, known domain.Transfer) (Booking, error) {
	booking := Booking{TransferReceived: received}
	if !known.Untouched() {
		booking.Known, booking.Matches = true, matchesOf(known)
	} else {
		var broken error
		finding := c.matcher(ctx, &broken).Match(received)
		if broken != nil {
			return booking, broken
		}
		booking.Matches, booking.Credit = finding.Matches(received), finding.Credit
		booking.Reason, booking.Suggestions = finding.Reason, finding.Suggestions
		for _, match := range booking.Matches {
			c.orders[match.Number].Open -= match.Amount
			if c.waiting != nil {
				c.waiting.Put(*c.orders[match.Number])
			}
		}
	}
	if len(booking.Matches) > 0 {
		booking.Match = &booking.Matches[0]
	}
	return booking, nil
}

// matchesOf are the bookings of a known transfer on orders.
func matchesOf(known domain.Transfer) []domain.TransferMatched {
	var matches []domain.TransferMatched
	for _, b := range known.Bookings {
		if b.Amount > 0 {
			matches = append(matches, domain.TransferMatched{Transfer: known.Transfer, Order: b.Order, Number: b.Number, Amount: b.Amount,
				ValueOn: b.ValueOn, Rule: b.Rule, Booking: b.Booking})
		}
	}
	return matches
}

// matcher asks the log; what goes wrong is in broken.
func (c *Cashier) matcher(ctx context.Context, broken *error) domain.Matcher {
	return domain.Matcher{
		Order: func(number domain.OrderNumber) (domain.Payable, bool) {
			payable, ok, err := c.order(ctx, number)
			if err != nil {
				*broken = err
			}
			return payable, ok
		},
		Invoice: func(text string) (domain.OrderNumber, bool) {
			claim, err := domain.Load[domain.InvoiceNumber](ctx, c.log, domain.InvoiceStream(text))
			if err != nil {
				*broken = err
			}
			return claim.State.Number, claim.State.Order != ""
		},
		Waiting: func() *domain.Receivables {
			if err := c.readLog(ctx); err != nil {
				*broken = err
			}
			return c.waiting
		},
	}
}

// readLog folds the whole log, once: only payers' names and accounts, and amounts, lead to orders otherwise.
func (c *Cashier) readLog(ctx context.Context) error {
	if c.waiting != nil {
		return nil
	}
	c.waiting, c.arrived = &domain.Receivables{}, &domain.Arrivals{}
	for record, err := range c.log.History(ctx, 0) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		c.waiting.See(record.Event)
		c.arrived.See(record.Event)
	}
	for _, payable := range c.orders { // what this import has given them
		if payable != nil {
			c.waiting.Put(*payable)
		}
	}
	return nil
}

// write brings the bookings into the log. Those on different orders go side by side.
func (c *Cashier) write(ctx context.Context, by domain.Cause, bookings []Booking, known map[domain.TransferID]domain.Transfer) error {
	lines := map[domain.OrderID][]Booking{}
	for _, booking := range bookings {
		first := domain.OrderID(booking.Transfer) // goes alone
		if booking.Match != nil {
			first = booking.Match.Order
		}
		lines[first] = append(lines[first], booking)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(bookersMax)
	for _, line := range lines {
		group.Go(func() error {
			for _, booking := range line {
				if err := writeBooking(ctx, c.log, by, booking, known[booking.Transfer]); err != nil {
					return fmt.Errorf("book transfer %s: %w", booking.Transfer, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// writeBooking records a transfer with what was found, and tells its orders.
func writeBooking(ctx context.Context, log domain.Log, by domain.Cause, booking Booking, known domain.Transfer) error {
	if !booking.Known {
		receive := domain.ReceiveTransfer{TransferReceived: booking.TransferReceived, Matches: booking.Matches}
		if booking.Credit != nil {
			receive.Credits = []domain.TransferCredited{*booking.Credit}
		}
		outcome, err := domain.Execute(ctx, log, by, receive)
		if err != nil {
			return err
		}
		for _, event := range outcome.Events {
			known.Evolve(event)
		}
		if len(outcome.Events) == 0 && len(booking.Matches) > 0 { // another import was first
			loaded, err := domain.Load[domain.Transfer](ctx, log, domain.TransferStream(booking.Transfer))
			if err != nil {
				return err
			}
			known = loaded.State
		}
	}
	return bookOnOrders(ctx, log, by, known)
}

// bookOnOrders brings every booking of a transfer to its order. Bookings that an order knows already change nothing.
func bookOnOrders(ctx context.Context, log domain.Log, by domain.Cause, transfer domain.Transfer) error {
	for _, b := range transfer.Bookings {
		by.Command = bookingOf(transfer.Transfer, b.Booking)
		var err error
		if b.Amount > 0 {
			_, err = domain.Execute(ctx, log, by, domain.RecordPayment{Order: b.Order, Transfer: transfer.Transfer, Amount: b.Amount,
				ValueOn: b.ValueOn, Booking: b.Booking})
		} else {
			_, err = domain.Execute(ctx, log, by, domain.TakePaymentBack{PaymentTakenBack: domain.PaymentTakenBack{Order: b.Order,
				Transfer: transfer.Transfer, Amount: -b.Amount, ValueOn: b.ValueOn, Booking: b.Booking, Why: b.Why}})
		}
		if err != nil {
			return fmt.Errorf("book %s on order %s: %w", b.Amount, b.Order, err)
		}
	}
	return nil
}

// bookingOf is the command identity of a booking of a transfer: one order may get several in one import, and whoever books
// one, now or after a crash, writes the same event.
func bookingOf(id domain.TransferID, booking int) string {
	if booking == 0 {
		return domain.NameID("book", string(id))
	}
	return domain.NameID("book", string(id), fmt.Sprint(booking))
}
