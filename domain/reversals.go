package domain

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// ReceiveReversal records an entry by which the bank takes a transfer back, and the transfer if it was found. Twice is harmless.
type ReceiveReversal struct {
	ReversalReceived
	Match *ReversalMatched
}

// Stream of the reversal.
func (c ReceiveReversal) Stream() string { return ReversalStream(c.Reversal) }

// Decide matches a reversal once.
func (c ReceiveReversal) Decide(known Reversal) ([]Event, error) {
	if c.Amount <= 0 {
		return nil, refuse(InvalidInput, "field", "amount", "limit", "0,01")
	}
	var events []Event
	if known.Reversal == "" {
		events = append(events, c.ReversalReceived)
	}
	if known.Match == nil && c.Match != nil {
		events = append(events, *c.Match)
	}
	return events, nil
}

// LinkReversal is a person's word on which transfer a reversal takes back. Twice is harmless.
type LinkReversal struct {
	ReversalMatched
	Left Money // what the bank has not taken back of the transfer yet
}

// Stream of the reversal.
func (c LinkReversal) Stream() string { return ReversalStream(c.Reversal) }

// Decide refuses another transfer than the one that was found before, and one that is too small.
func (c LinkReversal) Decide(known Reversal) ([]Event, error) {
	switch {
	case known.Reversal == "":
		return nil, refuse(NotFound)
	case known.Match != nil && known.Match.Transfer == c.Transfer:
		return nil, nil
	case known.Match != nil:
		return nil, refuse(MoneyMoved)
	case known.Raw == Erased:
		return nil, refuse(PayerErased)
	case known.Amount > c.Left:
		return nil, refuse(MoreThanUnmatched, "unmatched", c.Left.String())
	}
	if err := checkText("reason", c.Reason, ReasonMax); err != nil {
		return nil, err
	}
	match := c.ReversalMatched
	match.Rule, match.Statement = ReversedByHand, known.Statement
	return []Event{match}, nil
}

// ReverseTransfer takes money of a transfer back because the bank did. It is taken from where it hurts least: unmatched money, refunds that
// were not paid, credits, and then the orders, the last one first. Twice is harmless.
type ReverseTransfer struct {
	TransferReversed
}

// Stream of the transfer.
func (c ReverseTransfer) Stream() string { return TransferStream(c.Transfer) }

// Decide refuses more than has come in. What was refunded before the bank took the transfer back leaves the unmatched money negative.
func (c ReverseTransfer) Decide(known Transfer) ([]Event, error) {
	if slices.ContainsFunc(known.Reversals, func(r TransferReversed) bool { return r.Reversal == c.Reversal }) {
		return nil, nil
	}
	left := known.Amount - known.Buckets().Reversed
	switch {
	case known.Transfer == "":
		return nil, refuse(NotFound)
	case c.Amount <= 0 || c.Amount > left:
		return nil, refuse(InvalidInput, "field", "amount", "limit", left.String())
	}
	d := draft{Transfer: known}
	lack := func() Money { return c.Amount - d.Buckets().Unmatched }
	for _, refund := range slices.Backward(known.Refunds) {
		if (refund.State == RefundAwaits || refund.State == RefundAgreed) && lack() > 0 {
			d.add(RefundRejected{Transfer: c.Transfer, Refund: refund.Refund})
		}
	}
	for _, customer := range slices.Sorted(maps.Keys(d.Credits)) {
		if amount := min(lack(), d.Credits[customer]); amount > 0 {
			d.add(CreditWithdrawn{Transfer: c.Transfer, Customer: customer, Amount: amount, Why: ReleasedReversed})
		}
	}
	for _, booking := range slices.Backward(known.Bookings) {
		if amount := min(lack(), d.OnOrder(booking.Order)); amount > 0 {
			d.add(TransferReleased{Transfer: c.Transfer, Order: booking.Order, Amount: amount, ValueOn: c.ValueOn,
				Booking: len(d.Bookings), Why: ReleasedReversed})
		}
	}
	d.add(c.TransferReversed)
	return d.events, nil
}

// draft is a transfer as the events of a decision would leave it.
type draft struct {
	Transfer
	events []Event
}

func (d *draft) add(event Event) {
	d.events = append(d.events, event)
	d.Evolve(event)
}

// The rules by which a reversal finds its transfer.
const (
	ReversedByReference = "reversal-reference-1" // the bank calls both by the same reference
	ReversedByPayer     = "reversal-payer-1"     // exactly one transfer of this amount came from this account, and is not reversed yet
	ReversedByHand      = "reversal-by-hand-1"   // a person found it
)

// refundNamed is a title of a refund inside the title of a debit.
var refundNamed = regexp.MustCompile(`ZWROT [0-9A-F]{8}-[0-9]+\b`)

// RefundTitle is what an accountant writes on the transfer that pays a refund, so that the statement which shows it settles the refund
// even when others have the same amount and account.
func RefundTitle(id TransferID, refund int) string {
	const digits = 8 // of the transfer's identity
	return fmt.Sprintf("ZWROT %s-%d", strings.ToUpper(string(id[:min(len(id), digits)])), refund)
}

// Arrivals are the transfers that a bank may take back, and the refunds that it may pay. It is a fold of the log; the zero value is
// empty. Not safe for concurrent use.
type Arrivals struct {
	transfers   map[TransferID]*Transfer
	byReference map[string][]TransferID
	byPayer     map[string][]TransferID
	refunds     map[TransferID]bool // transfers with a refund that is confirmed
	reversals   map[TransferID]TransferID
	debits      map[TransferID]TransferID
}

// See takes the next event of a transfer or reversal stream; others do not matter.
func (a *Arrivals) See(event Event) {
	switch e := event.(type) {
	case TransferReceived:
		t := &Transfer{TransferReceived: TransferReceived{Transfer: e.Transfer, Account: e.Account, Amount: e.Amount, PayerAccount: e.PayerAccount}}
		put(&a.transfers, e.Transfer, t)
		if e.BankReference != "" {
			key := string(e.Account) + " " + e.BankReference
			put(&a.byReference, key, append(a.byReference[key], e.Transfer))
		}
		if e.PayerAccount != "" {
			key := string(e.Account) + " " + e.PayerAccount
			put(&a.byPayer, key, append(a.byPayer[key], e.Transfer))
		}
	case TransferReversed:
		put(&a.reversals, e.Reversal, e.Transfer)
		a.evolve(e.Transfer, e)
	case RefundProposed:
		a.evolve(e.Transfer, e)
	case RefundConfirmed:
		put(&a.refunds, e.Transfer, true)
		a.evolve(e.Transfer, e)
	case RefundRejected:
		a.evolve(e.Transfer, e)
	case RefundPaid:
		if e.Debit != "" {
			put(&a.debits, e.Debit, e.Transfer)
		}
		a.evolve(e.Transfer, e)
	}
}

func (a *Arrivals) evolve(id TransferID, event Event) {
	if t := a.transfers[id]; t != nil {
		t.Evolve(event)
	}
}

// Original finds the transfer that a reversal takes back, and by which rule; ok is false where that is not certain.
func (a *Arrivals) Original(r ReversalReceived) (id TransferID, rule string, ok bool) {
	if known, done := a.reversals[r.Reversal]; done {
		return known, "", true
	}
	if found := a.reversible(a.byReference[string(r.Account)+" "+r.BankReference], r.Amount, false); r.BankReference != "" && len(found) == 1 {
		return found[0], ReversedByReference, true
	}
	if found := a.reversible(a.byPayer[string(r.Account)+" "+r.PayerAccount], r.Amount, true); r.PayerAccount != "" && len(found) == 1 {
		return found[0], ReversedByPayer, true
	}
	return "", "", false
}

// reversible are those of the transfers from which so much can be taken back; whole: exactly all of it.
func (a *Arrivals) reversible(ids []TransferID, amount Money, whole bool) []TransferID {
	var found []TransferID
	for _, id := range ids {
		b := a.transfers[id].Buckets()
		if left := b.Received - b.Reversed; amount == left || !whole && amount < left {
			found = append(found, id)
		}
	}
	return found
}

// Refund finds the one confirmed refund that outgoing money pays: amount and account must be its own and, where the title names a
// refund as [RefundTitle] does, that one must be meant. The same entry of a statement never pays a second one.
func (a *Arrivals) Refund(debit ReversalReceived) (id TransferID, refund int, ok bool) {
	if _, done := a.debits[debit.Reversal]; done || debit.PayerAccount == "" {
		return "", 0, false
	}
	named := refundNamed.FindString(foldTitle(debit.Title))
	for transfer := range a.refunds {
		for _, r := range a.transfers[transfer].Refunds {
			meant := named == "" || named == RefundTitle(transfer, r.Refund)
			if meant && r.State == RefundAgreed && r.Amount == debit.Amount && r.PayeeAccount == debit.PayerAccount {
				if ok {
					return "", 0, false
				}
				id, refund, ok = transfer, r.Refund, true
			}
		}
	}
	return id, refund, ok
}
