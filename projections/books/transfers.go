package books

import (
	"context"
	"fmt"
	"slices"

	"netrom.pl/portal/domain"
)

// transfer is money of which a part has not found its place yet.
type transfer struct {
	domain.Transfer
	received  domain.Position
	matches   []match
	credited  map[domain.CustomerID]domain.Position // the last time
	confirmed map[int]domain.Position               // refunds by number
}

// match is money that an order got of the transfer.
type match struct {
	order  domain.OrderID
	number string
	at     domain.Position
	left   domain.Money // that was not released
}

// evolve folds a record of the transfer's stream, and gives what it moves and which entry it takes back.
func (t *transfer) evolve(record domain.Record) (postings []Posting, reverses domain.Position) {
	before := t.Transfer
	t.Transfer.Evolve(record.Event)
	ref := t.reference()
	switch e := record.Event.(type) {
	case domain.TransferReceived:
		t.received = record.Position
		t.Title, t.PayerName, t.PayerAccount, t.Raw = "", "", "", ""
		return []Posting{debit(Bank, string(e.Account), e.Amount), credit(Unmatched, ref, e.Amount)}, 0
	case domain.TransferMatched:
		t.matches = append(t.matches, match{e.Order, e.Number.String(), record.Position, e.Amount})
		return []Posting{t.from(e.Credit).debit(e.Amount), credit(Prepayments, e.Number.String(), e.Amount)}, 0
	case domain.TransferReleased:
		number, at := t.release(e.Order, e.Amount)
		return []Posting{debit(Prepayments, number, e.Amount), credit(Unmatched, ref, e.Amount)}, at
	case domain.TransferCredited:
		if t.credited == nil {
			t.credited = map[domain.CustomerID]domain.Position{}
		}
		t.credited[e.Customer] = record.Position
		return []Posting{debit(Unmatched, ref, e.Amount), credit(Credit, string(e.Customer), e.Amount)}, 0
	case domain.CreditWithdrawn:
		return []Posting{debit(Credit, string(e.Customer), e.Amount), credit(Unmatched, ref, e.Amount)}, t.credited[e.Customer]
	case domain.TransferReversed:
		return []Posting{debit(Unmatched, ref, e.Amount), credit(Unmatched, string(e.Reversal), e.Amount)}, t.received
	}
	return t.refund(record, before)
}

// refund enters what happens to a refund. One that is only proposed moves no money.
func (t *transfer) refund(record domain.Record, before domain.Transfer) ([]Posting, domain.Position) {
	ref := t.reference()
	switch e := record.Event.(type) {
	case domain.RefundConfirmed:
		if t.confirmed == nil {
			t.confirmed = map[int]domain.Position{}
		}
		t.confirmed[e.Refund] = record.Position
		r := refundOf(t.Transfer, e.Refund)
		return []Posting{t.from(r.Credit).debit(r.Amount), credit(Refunds, ref, r.Amount)}, 0
	case domain.RefundRejected:
		if r := refundOf(before, e.Refund); r.State == domain.RefundAgreed {
			return []Posting{debit(Refunds, ref, r.Amount), t.from(r.Credit).credit(r.Amount)}, t.confirmed[e.Refund]
		}
	case domain.RefundPaid:
		r := refundOf(t.Transfer, e.Refund)
		return []Posting{debit(Refunds, ref, r.Amount), credit(Bank, string(t.Account), r.Amount)}, 0
	}
	return nil, 0
}

func refundOf(t domain.Transfer, number int) domain.Refund {
	if i := slices.IndexFunc(t.Refunds, func(r domain.Refund) bool { return r.Refund == number }); i >= 0 {
		return t.Refunds[i]
	}
	return domain.Refund{}
}

// place is an account with its detail.
type place struct {
	account Account
	detail  string
}

func (p place) debit(amount domain.Money) Posting  { return debit(p.account, p.detail, amount) }
func (p place) credit(amount domain.Money) Posting { return credit(p.account, p.detail, amount) }

// from is where money of the transfer is taken from: a customer's credit, or with no customer the unmatched money.
func (t *transfer) from(customer domain.CustomerID) place {
	if customer != "" {
		return place{Credit, string(customer)}
	}
	return place{Unmatched, t.reference()}
}

// release takes money off an order, its last match first; it names the order and the match.
func (t *transfer) release(order domain.OrderID, amount domain.Money) (number string, at domain.Position) {
	for i, m := range slices.Backward(t.matches) {
		if m.order != order {
			continue
		}
		if number = m.number; m.left > 0 && amount > 0 {
			at = max(at, m.at)
			taken := min(m.left, amount)
			t.matches[i].left, amount = m.left-taken, amount-taken
		}
	}
	return number, at
}

// reference is how accounting finds the transfer in the bank's papers.
func (t *transfer) reference() string {
	if t.BankReference != "" {
		return t.BankReference
	}
	return string(t.Transfer.Transfer)
}

// parts of the transfer's money as the accounts have it: what is only proposed to be refunded is still where it was.
type parts struct {
	unmatched, refunds domain.Money
	credits            map[domain.CustomerID]domain.Money
}

func (t *transfer) parts() parts {
	p := parts{unmatched: t.Buckets().Unmatched, credits: map[domain.CustomerID]domain.Money{}}
	for customer, amount := range t.Credits {
		p.credits[customer] += amount
	}
	for _, r := range t.Refunds {
		switch {
		case r.State == domain.RefundAgreed:
			p.refunds += r.Amount
		case r.State == domain.RefundAwaits && r.Credit != "":
			p.credits[r.Credit] += r.Amount
		case r.State == domain.RefundAwaits:
			p.unmatched += r.Amount
		}
	}
	return p
}

// settled tells a transfer whose money is on orders, or back where it came from.
func (t *transfer) settled() bool {
	p := t.parts()
	return p.unmatched == 0 && p.refunds == 0 && len(p.credits) == 0
}

func (b *Books) moveTransfer(ctx context.Context, id domain.TransferID, record domain.Record) (movement, error) {
	t, err := b.transfer(ctx, id, record)
	if err != nil {
		return movement{}, err
	}
	_, received := record.Event.(domain.TransferReceived)
	if !received && t.Transfer.Transfer == "" {
		return movement{}, nil // it counts after the day up to which these books go
	}
	b.check.tallyTransfer(t, -1)
	postings, reverses := t.evolve(record)
	b.check.tallyTransfer(t, 1)
	moved := movement{postings: postings, document: b.document(t), reverses: reverses}
	switch e := record.Event.(type) {
	case domain.TransferMatched:
		err = b.book(ctx, record, e.Order, e.Amount)
	case domain.TransferReleased:
		err = b.book(ctx, record, e.Order, -e.Amount)
	case domain.TransferReversed:
		reversal, known := b.reversals[e.Reversal]
		if known {
			moved.postings[1].Detail = reversal.BankReference
		}
		delete(b.reversals, e.Reversal)
	}
	b.check.transfer(record, t, b.until == "")
	if t.settled() {
		delete(b.transfers, id)
	} else {
		b.transfers[id] = t
	}
	return moved, err
}

// transfer answers what is known of a transfer before a record.
func (b *Books) transfer(ctx context.Context, id domain.TransferID, before domain.Record) (*transfer, error) {
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

// book tells the order of money that a transfer gives it, or takes from it.
func (b *Books) book(ctx context.Context, record domain.Record, id domain.OrderID, amount domain.Money) error {
	o, err := b.order(ctx, id, record)
	if err != nil {
		return err
	}
	if !o.Exists() {
		b.check.complain(record, string(id), orderUnknown, "")
		return nil
	}
	o.matched += amount
	o.matches++
	o.last = trace(record)
	b.keepOrder(id, o)
	return nil
}

// moveReversal enters what the bank took back, before it is known from which transfer.
func (b *Books) moveReversal(record domain.Record) movement {
	e, ok := record.Event.(domain.ReversalReceived)
	if !ok {
		return movement{}
	}
	if e.BankReference == "" {
		e.BankReference = string(e.Reversal)
	}
	e.Title, e.PayerName, e.PayerAccount, e.Raw = "", "", "", ""
	b.reversals[e.Reversal] = e
	b.check.reversed.add(e.Amount)
	return movement{postings: []Posting{debit(Unmatched, e.BankReference, e.Amount), credit(Bank, string(e.Account), e.Amount)},
		document: fmt.Sprintf("%s, %s", b.check.statements[e.Statement].Number, e.BankReference)}
}
