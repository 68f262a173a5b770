package domain

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// FactsForErasure reads what the log says of the deals of a customer: the orders that it sent, and those in which its
// licences stand, whoever sent them.
func FactsForErasure(ctx context.Context, log Log, on Day, orders []OrderID, licences []LicenceID) (ErasureFacts, error) {
	facts := ErasureFacts{On: on}
	all := map[OrderID]bool{}
	for _, order := range orders {
		all[order] = true
	}
	for _, licence := range licences {
		if err := ordersOf(ctx, log, licence, all); err != nil {
			return facts, err
		}
	}
	statements := map[StatementID]bool{}
	for order := range all {
		if err := facts.add(ctx, log, order, statements); err != nil {
			return facts, err
		}
	}
	facts.Statements = slices.Sorted(maps.Keys(statements))
	return facts, nil
}

// ordersOf finds the orders in which a licence has ever stood.
func ordersOf(ctx context.Context, log Log, licence LicenceID, found map[OrderID]bool) error {
	for record, err := range log.Read(ctx, LicenceStream(licence), 0) {
		if err != nil {
			return fmt.Errorf("read licence %s: %w", licence, err)
		}
		switch e := record.Event.(type) {
		case LicenceOrdered:
			found[e.Order] = true
		case UpdateOrdered:
			found[e.Order] = true
		}
	}
	return nil
}

// add takes in one order. A licence may have been held for an order that was declined; that leaves no document.
func (f *ErasureFacts) add(ctx context.Context, log Log, id OrderID, statements map[StatementID]bool) error {
	order, err := Load[Order](ctx, log, OrderStream(id))
	if err != nil {
		return err
	}
	if !order.State.Exists() {
		return nil
	}
	if !order.State.over() && order.State.Status() != Fulfilled {
		f.OpenOrders++
	}
	if !order.State.over() {
		f.LastDocument = max(f.LastDocument, order.State.DueOn)
	}
	for _, payment := range order.State.Payments {
		f.LastDocument = max(f.LastDocument, payment.ValueOn)
		if err := f.addTransfer(ctx, log, payment.Transfer, statements); err != nil {
			return err
		}
	}
	return nil
}

// addTransfer takes in the statements that have a transfer, and those with the entries by which the bank took it back.
func (f *ErasureFacts) addTransfer(ctx context.Context, log Log, id TransferID, statements map[StatementID]bool) error {
	transfer, err := Load[Transfer](ctx, log, TransferStream(id))
	if err != nil {
		return err
	}
	ids := []StatementID{transfer.State.Statement}
	for _, r := range transfer.State.Reversals {
		reversal, err := Load[Reversal](ctx, log, ReversalStream(r.Reversal))
		if err != nil {
			return err
		}
		ids = append(ids, reversal.State.Statement)
	}
	for _, id := range ids {
		statement, err := Load[Statement](ctx, log, StatementStream(id))
		if err != nil {
			return err
		}
		if statement.State.Statement != "" {
			statements[statement.State.Statement] = true
			f.LastDocument = max(f.LastDocument, statement.State.ClosedOn)
		}
	}
	return nil
}
