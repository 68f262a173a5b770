package handlers

import (
	"context"
	"fmt"

	"netrom.pl/portal/domain"
)

// Outgoing is an entry of a statement by which money leaves the account: the bank takes a transfer back, or a refund is paid.
type Outgoing struct {
	Line                    int  // of the file, from 1
	domain.ReversalReceived      // of a debit only the identity, the amount, the day, the reference and the account count
	Reversal                bool // the bank takes a transfer back; otherwise a debit
}

// Departure is what became of an outgoing entry. A debit that pays no refund is left alone.
type Departure struct {
	Outgoing
	Transfer domain.TransferID // that was taken back or refunded; empty: none was found
	Rule     string            // by which a reversal found its transfer; empty: an earlier import had found it
	Refund   int               // of the transfer, that was paid; 0: none
	Known    bool              // an earlier import had booked it already
}

// Outgoing are the entries that take a transfer back, and the debits that could pay a refund.
func (s BankStatement) Outgoing() []Outgoing {
	var outgoing []Outgoing
	for _, entry := range s.Entries {
		r := entry.Received
		reversal := entry.Left == LeftReversal
		if r.Amount >= 0 || !reversal && (entry.Left != LeftOutgoing || r.PayerAccount == "") {
			continue
		}
		outgoing = append(outgoing, Outgoing{Line: entry.Line, Reversal: reversal, ReversalReceived: domain.ReversalReceived{Reversal: r.Transfer,
			Statement: r.Statement, Account: r.Account, Amount: -r.Amount, ValueOn: r.ValueOn, BookedOn: r.BookedOn, BankReference: r.BankReference,
			Title: r.Title, PayerName: r.PayerName, PayerAccount: r.PayerAccount, Raw: r.Raw}})
	}
	return outgoing
}

// BookAll books everything that a statement has: see [Cashier.Book] and [Cashier.BookOutgoing].
func (c *Cashier) BookAll(ctx context.Context, by domain.Cause, statement BankStatement) ([]Booking, []Departure, error) {
	outgoing := statement.Outgoing()
	for _, entry := range outgoing {
		if entry.Reversal {
			statement.Reversals = append(statement.Reversals, entry.ReversalReceived.Reversal)
		}
	}
	bookings, err := c.Book(ctx, by, statement.StatementImported, statement.Incoming())
	if err != nil {
		return nil, nil, err
	}
	departures, err := c.BookOutgoing(ctx, by, outgoing)
	return bookings, departures, err
}

// BookOutgoing records the reversals of a statement and takes the money back from whoever has it, and marks the refunds that its
// debits pay. A reversal whose transfer is not certain waits for a person. Twice is harmless.
func (c *Cashier) BookOutgoing(ctx context.Context, by domain.Cause, entries []Outgoing) ([]Departure, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	c.waiting = nil // what came in with this import can be taken back by it
	if err := c.readLog(ctx); err != nil {
		return nil, err
	}
	var departures []Departure
	for _, entry := range entries {
		book := c.payRefund
		if entry.Reversal {
			book = c.reverse
		}
		departure, err := book(ctx, by, entry)
		if err != nil {
			return departures, fmt.Errorf("book entry %s: %w", entry.ReversalReceived.Reversal, err)
		}
		departures = append(departures, departure)
	}
	return departures, nil
}

// reverse takes a transfer back.
func (c *Cashier) reverse(ctx context.Context, by domain.Cause, entry Outgoing) (Departure, error) {
	departure, received := Departure{Outgoing: entry}, entry.ReversalReceived
	known, err := domain.Load[domain.Reversal](ctx, c.log, domain.ReversalStream(received.Reversal))
	if err != nil {
		return departure, err
	}
	match := known.State.Match
	if departure.Known = match != nil; match == nil {
		if id, rule, ok := c.arrived.Original(received); ok {
			match = &domain.ReversalMatched{Reversal: received.Reversal, Transfer: id, Rule: rule}
		}
	}
	if _, err := domain.Execute(ctx, c.log, by, domain.ReceiveReversal{ReversalReceived: received, Match: match}); err != nil || match == nil {
		return departure, err
	}
	departure.Transfer, departure.Rule = match.Transfer, match.Rule
	outcome, err := reverseTransfer(ctx, c.log, by, *match, received)
	for _, event := range outcome.Events {
		c.arrived.See(event)
	}
	return departure, err
}

// reverseTransfer takes the money of a reversal back from the transfer that was found, and from its orders.
func reverseTransfer(ctx context.Context, log domain.Log, by domain.Cause, match domain.ReversalMatched, received domain.ReversalReceived) (domain.Outcome, error) {
	outcome, err := domain.Execute(ctx, log, by, domain.ReverseTransfer{TransferReversed: domain.TransferReversed{Transfer: match.Transfer,
		Reversal: received.Reversal, Amount: received.Amount, ValueOn: received.ValueOn, BookedOn: received.BookedOn, Rule: match.Rule}})
	if err != nil {
		return outcome, err
	}
	return outcome, bookTransfer(ctx, log, by, match.Transfer)
}

// bookTransfer tells the orders of a transfer what they have got or lost.
func bookTransfer(ctx context.Context, log domain.Log, by domain.Cause, id domain.TransferID) error {
	transfer, err := domain.Load[domain.Transfer](ctx, log, domain.TransferStream(id))
	if err != nil {
		return err
	}
	return bookOnOrders(ctx, log, by, transfer.State)
}

// payRefund marks the confirmed refund that a debit pays.
func (c *Cashier) payRefund(ctx context.Context, by domain.Cause, entry Outgoing) (Departure, error) {
	departure, debit := Departure{Outgoing: entry}, entry.ReversalReceived
	id, refund, ok := c.arrived.Refund(debit)
	if !ok {
		return departure, nil
	}
	outcome, err := domain.Execute(ctx, c.log, by, domain.PayRefund{RefundPaid: domain.RefundPaid{Transfer: id, Refund: refund,
		PaidOn: debit.ValueOn, BankReference: debit.BankReference, Debit: debit.Reversal}})
	for _, event := range outcome.Events {
		c.arrived.See(event)
	}
	departure.Transfer, departure.Refund = id, refund
	return departure, err
}
