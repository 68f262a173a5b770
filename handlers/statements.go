package handlers

import (
	"context"
	"fmt"

	"netrom.pl/portal/domain"
)

// Booking is what became of one transfer of a statement.
type Booking struct {
	domain.TransferReceived
	Match  *domain.TransferMatched // nil: no order was found
	Reason string                  // why none was found, one of the domain's Unmatched reasons
	Known  bool                    // an earlier import had booked it already
}

// BookStatement records a bank statement and its incoming transfers, and books each on the order that it pays.
// Importing the same statement again, or one that overlaps, books nothing twice; transfers that found no order are
// tried again. It may be repeated after any interruption. A Refusal says that the statement contradicts an earlier one; then nothing was booked.
func BookStatement(ctx context.Context, log domain.Log, by domain.Cause, statement domain.StatementImported, transfers []domain.TransferReceived) ([]Booking, error) {
	if _, err := domain.Execute(ctx, log, by, domain.ImportStatement{StatementImported: statement}); err != nil {
		return nil, fmt.Errorf("record statement %s: %w", statement.Number, err)
	}
	registers := registers{log: log, years: map[int]domain.Numbers{}}
	var bookings []Booking
	for _, received := range transfers {
		booking, err := book(ctx, log, by, &registers, received)
		if err != nil {
			return bookings, fmt.Errorf("book transfer %s: %w", received.Transfer, err)
		}
		bookings = append(bookings, booking)
	}
	return bookings, nil
}

func book(ctx context.Context, log domain.Log, by domain.Cause, registers *registers, received domain.TransferReceived) (Booking, error) {
	booking := Booking{TransferReceived: received}
	known, err := domain.Load[domain.Transfer](ctx, log, domain.TransferStream(received.Transfer))
	if err != nil {
		return booking, err
	}
	if len(known.State.Bookings) > 0 {
		first := known.State.Bookings[0]
		booking.Known, booking.Match = true, &domain.TransferMatched{Transfer: received.Transfer, Order: first.Order, Number: first.Number,
			Amount: first.Amount, ValueOn: first.ValueOn, Rule: first.Rule}
	} else {
		var broken error
		booking.Match, booking.Reason = domain.Match(received, func(number domain.OrderNumber) (domain.Order, bool) {
			order, found, err := registers.order(ctx, number)
			broken = err
			return order, found
		})
		if broken != nil {
			return booking, broken
		}
	}
	receive := domain.ReceiveTransfer{TransferReceived: received}
	if booking.Match != nil {
		receive.Matches = []domain.TransferMatched{*booking.Match}
	}
	if _, err := domain.Execute(ctx, log, by, receive); err != nil {
		return booking, err
	}
	if booking.Match == nil {
		return booking, nil
	}
	now, err := domain.Load[domain.Transfer](ctx, log, domain.TransferStream(received.Transfer))
	if err != nil {
		return booking, err
	}
	return booking, bookOnOrders(ctx, log, by, now.State)
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

// registers finds orders by number in the log itself; each year's register is read once.
type registers struct {
	log   domain.Log
	years map[int]domain.Numbers
}

func (r *registers) order(ctx context.Context, number domain.OrderNumber) (domain.Order, bool, error) {
	register, ok := r.years[number.Year]
	if !ok {
		loaded, err := domain.Load[domain.Numbers](ctx, r.log, domain.NumbersStream(number.Year))
		if err != nil {
			return domain.Order{}, false, err
		}
		register = loaded.State
		r.years[number.Year] = register
	}
	id, ok := register.ByText[number]
	if !ok {
		return domain.Order{}, false, nil
	}
	order, err := domain.Load[domain.Order](ctx, r.log, domain.OrderStream(id))
	return order.State, order.State.Exists(), err
}
