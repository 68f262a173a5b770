package books

import (
	"context"
	"fmt"

	"netrom.pl/portal/domain"
)

// transfer is money of which a part has not found its place yet.
type transfer struct {
	domain.Transfer
	unmatched domain.Money
}

// evolve folds a record of the transfer's stream and gives what it moves.
func (t *transfer) evolve(record domain.Record) []Posting {
	t.Transfer.Evolve(record.Event)
	switch e := record.Event.(type) {
	case domain.TransferReceived:
		t.unmatched = e.Amount
		return []Posting{debit(Bank, string(e.Account), e.Amount), credit(Unmatched, t.reference(), e.Amount)}
	case domain.TransferMatched:
		t.unmatched -= e.Amount
		return []Posting{debit(Unmatched, t.reference(), e.Amount), credit(Prepayments, e.Number.String(), e.Amount)}
	}
	return nil
}

// reference is how accounting finds the transfer in the bank's papers.
func (t *transfer) reference() string {
	if t.BankReference != "" {
		return t.BankReference
	}
	return string(t.Transfer.Transfer)
}

func (t *transfer) settled() bool { return t.unmatched == 0 }

func (b *Books) moveTransfer(ctx context.Context, id domain.TransferID, record domain.Record) (movement, error) {
	t, err := b.transfer(ctx, id, record.Position)
	if err != nil {
		return movement{}, err
	}
	_, received := record.Event.(domain.TransferReceived)
	if !received && t.Transfer.Transfer == "" {
		return movement{}, nil // it counts after the day up to which these books go
	}
	moved := movement{postings: t.evolve(record), document: b.document(t)}
	if e, ok := record.Event.(domain.TransferMatched); ok {
		if err := b.matched(ctx, e, record); err != nil {
			return movement{}, err
		}
	}
	b.check.transfer(record, t)
	if t.settled() {
		delete(b.transfers, id)
	} else {
		b.transfers[id] = t
	}
	return moved, nil
}

// transfer answers what is known of a transfer before a position.
func (b *Books) transfer(ctx context.Context, id domain.TransferID, before domain.Position) (*transfer, error) {
	if t, open := b.transfers[id]; open {
		return t, nil
	}
	t := &transfer{}
	return t, b.recall(ctx, domain.TransferStream(id), before, func(record domain.Record) { t.evolve(record) })
}

// document names statement and transfer.
func (b *Books) document(t *transfer) string {
	return fmt.Sprintf("%s, %s", b.check.statements[t.Statement].Number, t.reference())
}

// matched tells the order of money that a transfer gives it.
func (b *Books) matched(ctx context.Context, e domain.TransferMatched, record domain.Record) error {
	o, err := b.order(ctx, e.Order, record.Position)
	if err != nil {
		return err
	}
	if !o.Exists() {
		b.check.complain(record, e.Number.String(), orderUnknown, "")
		return nil
	}
	o.matched += e.Amount
	o.matches++
	o.last = trace(record)
	b.keepOrder(e.Order, o)
	return nil
}
