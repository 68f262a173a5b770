package domain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

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
// written down. If a licence was ordered elsewhere at the same moment, the order is declined, the holds are given back
// and the cart returns. The order's own stream has the last word: once it says submitted or declined, nobody can make
// it say anything else. Every step can be repeated, so whoever finds an unfinished submission may call it, also
// several at a time: the request that submitted the cart, and after a crash the process manager. It answers the
// order's position, or the Refusal with which the cart returned.
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
	if !submitted {
		return Outcome{}, refuse(CartChanged)
	}
	lines := submission.Lines
	if declined := placed.State.Declined; declined != nil {
		return Outcome{}, giveBack(ctx, log, by, ReturnCart{Buyer: buyer, Order: order, Licence: declined.Licence, Reason: declined.Reason}, lines)
	}
	decline, err := hold(ctx, log, by, order, lines)
	if err != nil {
		return Outcome{}, err
	}
	var outcome Outcome
	if decline != nil {
		outcome, err = Execute(ctx, log, by, *decline)
	} else {
		var number OrderNumber
		if number, err = assignNumber(ctx, log, by, order, submission.On.Year()); err != nil {
			return Outcome{}, err
		}
		outcome, err = Execute(ctx, log, by, PlaceOrder{Order: order, Number: number, Buyer: buyer, Lines: lines, Terms: terms, On: submission.On})
	}
	if err != nil || decline == nil && len(outcome.Events) > 0 {
		return outcome, err
	}
	return Place(ctx, log, by, buyer, order, terms) // declined, or somebody else was first: do as the order's stream says
}

// hold asks each licence in turn, in an order that is the same for everybody, so that of two submissions for the same
// licences one gets them all. It answers how to decline the order if a licence refuses.
func hold(ctx context.Context, log Log, by Cause, order OrderID, lines []Line) (*DeclineOrder, error) {
	lines = slices.SortedFunc(slices.Values(lines), func(a, b Line) int { return cmp.Compare(a.Licence, b.Licence) })
	for _, line := range lines {
		_, err := Execute(ctx, log, by, OrderLicence{Order: order, Line: line})
		if reason, no := IsRefusal(err); no {
			return &DeclineOrder{Order: order, Licence: line.Licence, Reason: reason}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("hold licence of line %d: %w", line.Line, err)
		}
	}
	return nil, nil
}

// giveBack undoes what a declined order has held. Its events have a command identity of their own, because the same
// command has held the licences, and may have submitted the cart.
func giveBack(ctx context.Context, log Log, by Cause, back ReturnCart, lines []Line) error {
	by.Command = NameID(by.Command, "give back")
	for _, line := range lines {
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
