package domain

import (
	"fmt"
	"slices"
)

// MatchByHand gives unmatched money of a transfer to orders because a person says so. Up to the limit that is done at once, above it
// a second person has to confirm. Source: four eyes.
type MatchByHand struct {
	Transfer TransferID
	Parts    []MatchPart
	Open     map[OrderID]Payable // of each order, as the log knows it
	Reason   string
	Account  string // of the person
	Limit    Money  // what may be matched of one transfer without a second person; 0: nothing
	Seen     Money  // what was unmatched when the person decided
}

// Stream of the transfer.
func (c MatchByHand) Stream() string { return TransferStream(c.Transfer) }

// Decide refuses more than is unmatched, more than an order has open, and whoever has not seen what was decided last: so a form that
// is sent twice books once.
func (c MatchByHand) Decide(known Transfer) ([]Event, error) {
	if known.Transfer == "" {
		return nil, refuse(NotFound)
	}
	if known.Proposal != 0 {
		return nil, refuse(SecondPersonAwaited)
	}
	if known.Buckets().Unmatched != c.Seen {
		return nil, refuse(MoneyMoved)
	}
	if known.erased() {
		return nil, refuse(PayerErased)
	}
	if err := checkText("reason", c.Reason, ReasonMax); err != nil {
		return nil, err
	}
	sum, err := known.checkParts(c.Parts, c.Open)
	if err != nil {
		return nil, err
	}
	if sum+known.byHand() > c.Limit {
		return []Event{MatchProposed{Transfer: c.Transfer, Statement: known.Statement, Proposal: len(known.Proposals) + 1, Parts: c.Parts, Reason: c.Reason, Proposer: c.Account}}, nil
	}
	return known.matches(c.Parts, TransferMatched{Reason: c.Reason, Proposer: c.Account}), nil
}

// erased tells whether the personal data about the transfer are destroyed, and the key with them that would seal more.
func (t Transfer) erased() bool { return t.Raw == Erased }

// byHand is what orders have already been given by hand, so that many small matches need a second person as one large one does.
func (t Transfer) byHand() Money {
	var sum Money
	for _, b := range t.Bookings {
		if b.Rule == MatchedByHand {
			sum += b.Amount
		}
	}
	return sum
}

// MatchPartsMax is how many orders one match by hand can name.
const MatchPartsMax = 20

// checkParts adds up what orders are to get out of the unmatched money. Of several parts a refusal names the row, from 1.
func (t Transfer) checkParts(parts []MatchPart, open map[OrderID]Payable) (Money, error) {
	if len(parts) > MatchPartsMax {
		return 0, refuse(InvalidInput, "field", "order", "limit", fmt.Sprint(MatchPartsMax))
	}
	var sum Money
	for i, part := range parts {
		no := func(code string, facts ...string) (Money, error) {
			if len(parts) > 1 {
				facts = append(facts, "row", fmt.Sprint(i+1))
			}
			return 0, refuse(code, facts...)
		}
		order, ok := open[part.Order]
		left := t.Buckets().Unmatched - sum
		switch {
		case !ok:
			return no(NotFound)
		case slices.ContainsFunc(parts[:i], func(p MatchPart) bool { return p.Order == part.Order }):
			return no(OrderRepeated, "order", part.Number.String())
		case order.Over || order.Open <= 0:
			return no(OrderNotOpen)
		case left <= 0:
			return no(MoreThanUnmatched, "unmatched", left.String())
		case part.Amount <= 0 || part.Amount > order.Open:
			return no(MoreThanOpen, "order", part.Number.String(), "open", order.Open.String())
		case part.Amount > left:
			return no(MoreThanUnmatched, "unmatched", left.String())
		}
		sum += part.Amount
	}
	if sum == 0 {
		return 0, refuse(InvalidInput, "field", "amount", "limit", "0,01")
	}
	return sum, nil
}

// matches are the events by which a person gives orders their parts.
func (t Transfer) matches(parts []MatchPart, by TransferMatched) []Event {
	var events []Event
	for _, part := range parts {
		match := by
		match.Transfer, match.Statement, match.Order, match.Number, match.Amount = t.Transfer, t.Statement, part.Order, part.Number, part.Amount
		match.ValueOn, match.Rule, match.Booking = t.ValueOn, MatchedByHand, len(t.Bookings)+len(events)
		events = append(events, match)
	}
	return events
}

// ConfirmMatch is the second person's yes to a match by hand.
type ConfirmMatch struct {
	Transfer TransferID
	Proposal int
	Open     map[OrderID]Payable // of each order, as the log knows it now
	Account  string
}

// Stream of the transfer.
func (c ConfirmMatch) Stream() string { return TransferStream(c.Transfer) }

// Decide refuses the same person, and what is not possible any more.
func (c ConfirmMatch) Decide(known Transfer) ([]Event, error) {
	if known.decided(c.Proposal) {
		return nil, nil
	}
	proposed, err := known.proposal(c.Proposal, c.Account)
	if err != nil {
		return nil, err
	}
	if known.erased() {
		return nil, refuse(PayerErased)
	}
	if _, err := known.checkParts(proposed.Parts, c.Open); err != nil {
		return nil, err
	}
	return known.matches(proposed.Parts, TransferMatched{Proposal: c.Proposal, Reason: proposed.Reason, Proposer: proposed.Proposer, Confirmer: c.Account}), nil
}

// decided tells whether a proposal is over, one way or the other.
func (t Transfer) decided(number int) bool {
	return number >= 1 && number <= len(t.Proposals) && number != t.Proposal
}

// proposal is the one that waits, for whoever may decide on it.
func (t Transfer) proposal(number int, account string) (MatchProposed, error) {
	if number == 0 || number != t.Proposal {
		return MatchProposed{}, refuse(NotFound)
	}
	proposed := t.Proposals[number-1]
	if proposed.Proposer == account {
		return MatchProposed{}, refuse(SamePerson)
	}
	return proposed, nil
}

// RejectMatch is the second person's no; whoever proposed a match may take it back as well.
type RejectMatch struct {
	Transfer TransferID
	Proposal int
	Reason   string
	Account  string
}

// Stream of the transfer.
func (c RejectMatch) Stream() string { return TransferStream(c.Transfer) }

// Decide ends the proposal that waits.
func (c RejectMatch) Decide(known Transfer) ([]Event, error) {
	if known.decided(c.Proposal) {
		return nil, nil
	}
	if c.Proposal == 0 || c.Proposal != known.Proposal {
		return nil, refuse(NotFound)
	}
	if err := checkText("reason", c.Reason, ReasonMax); err != nil {
		return nil, err
	}
	rejected := MatchRejected{Transfer: c.Transfer, Proposal: c.Proposal, Rejecter: c.Account}
	if !known.erased() {
		rejected.Statement, rejected.Reason = known.Statement, c.Reason
	}
	return []Event{rejected}, nil
}

// ProposeRefund sets unmatched money, or a customer's credit, aside to be sent back: to the account that it came from, or to another
// one that the person names, for payers change banks.
type ProposeRefund struct {
	Transfer     TransferID
	Amount       Money
	Credit       CustomerID // empty: out of the unmatched money
	PayeeAccount NRB        // empty: the account that the money came from
	PayeeName    string     // of the holder of another account
	Reason       string
	Account      string // of the person who proposes
	Seen         Money  // what was unmatched, or credited, when the person decided
}

// Stream of the transfer.
func (c ProposeRefund) Stream() string { return TransferStream(c.Transfer) }

// Decide refuses more than there is, another account without its holder, and a refund without any account.
func (c ProposeRefund) Decide(known Transfer) ([]Event, error) {
	left := known.Buckets().Unmatched
	if c.Credit != "" {
		left = known.Credits[c.Credit]
	}
	switch {
	case known.Transfer == "":
		return nil, refuse(NotFound)
	case known.Proposal != 0:
		return nil, refuse(SecondPersonAwaited)
	case left != c.Seen:
		return nil, refuse(MoneyMoved)
	case known.erased():
		return nil, refuse(PayerErased)
	case known.PayerAccount == "" && c.PayeeAccount == "":
		return nil, refuse(PayerUnknown)
	case c.Amount <= 0 || c.Amount > left:
		return nil, refuse(MoreThanUnmatched, "unmatched", left.String())
	}
	if err := checkText("reason", c.Reason, ReasonMax); err != nil {
		return nil, err
	}
	proposed := RefundProposed{Transfer: c.Transfer, Statement: known.Statement, Refund: len(known.Refunds) + 1, Amount: c.Amount, Credit: c.Credit,
		PayeeName: known.PayerName, PayeeAccount: known.PayerAccount, Reason: c.Reason, Proposer: c.Account}
	if c.PayeeAccount != "" && string(c.PayeeAccount) != known.PayerAccount {
		if err := checkText("payee_name", c.PayeeName, NameMax); err != nil {
			return nil, err
		}
		proposed.PayeeName, proposed.PayeeAccount, proposed.OtherAccount = c.PayeeName, string(c.PayeeAccount), true
	}
	return []Event{proposed}, nil
}

// DecideRefund is the second person's word on a refund.
type DecideRefund struct {
	Transfer TransferID
	Refund   int
	Yes      bool
	Reason   string // of a no
	Account  string
}

// Stream of the transfer.
func (c DecideRefund) Stream() string { return TransferStream(c.Transfer) }

// Decide refuses a yes of the person who proposed it. A no may come from anybody until the money is paid.
func (c DecideRefund) Decide(known Transfer) ([]Event, error) {
	refund, err := known.refund(c.Refund)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Yes && refund.State == RefundAgreed, !c.Yes && refund.State == RefundAbandoned:
		return nil, nil
	case refund.State == RefundPaidOut || refund.State == RefundAbandoned:
		return nil, refuse(RefundOver)
	case c.Yes && refund.Proposer == c.Account:
		return nil, refuse(SamePerson)
	case c.Yes:
		return []Event{RefundConfirmed{Transfer: c.Transfer, Refund: c.Refund, Confirmer: c.Account}}, nil
	}
	if err := checkText("reason", c.Reason, ReasonMax); err != nil {
		return nil, err
	}
	rejected := RefundRejected{Transfer: c.Transfer, Refund: c.Refund, Rejecter: c.Account}
	if !known.erased() {
		rejected.Statement, rejected.Reason = known.Statement, c.Reason
	}
	return []Event{rejected}, nil
}

func (t Transfer) refund(number int) (Refund, error) {
	if number < 1 || number > len(t.Refunds) {
		return Refund{}, refuse(NotFound)
	}
	return t.Refunds[number-1], nil
}

// PayRefund says that a confirmed refund has left the account. Twice is harmless.
type PayRefund struct {
	RefundPaid
	Account string // of the person who says so; empty: a statement shows it
}

// Stream of the transfer.
func (c PayRefund) Stream() string { return TransferStream(c.Transfer) }

// Decide refuses what nobody has confirmed, and the word of the person who proposed it. Source: four eyes.
func (c PayRefund) Decide(known Transfer) ([]Event, error) {
	refund, err := known.refund(c.Refund)
	switch {
	case err != nil:
		return nil, err
	case refund.State == RefundPaidOut:
		return nil, nil
	case refund.State != RefundAgreed:
		return nil, refuse(RefundOver)
	case c.Account != "" && c.Account == refund.Proposer:
		return nil, refuse(SamePerson)
	}
	if _, err := c.PaidOn.plus(0); err != nil {
		return nil, refuse(InvalidInput, "field", "paid_on", "limit", fmt.Sprint(len("2006-01-02")))
	}
	return []Event{c.RefundPaid}, nil
}

// ReleaseTransfer takes money of a transfer off an order that is over or has too much of it. It is unmatched again, or becomes the
// buyer's credit.
type ReleaseTransfer struct {
	Transfer TransferID
	Order    OrderID
	OnOrder  Money // what the order says that it has of the transfer: if the two do not agree yet nothing is released
	Amount   Money
	On       Day
	Why      ReleaseReason
	Creditor CustomerID // empty: it is unmatched again
}

// Stream of the transfer.
func (c ReleaseTransfer) Stream() string { return TransferStream(c.Transfer) }

// Decide waits until order and transfer agree, so that no grosz is released twice.
func (c ReleaseTransfer) Decide(known Transfer) ([]Event, error) {
	if known.OnOrder(c.Order) != c.OnOrder || c.Amount <= 0 || c.Amount > c.OnOrder {
		return nil, nil
	}
	events := []Event{TransferReleased{Transfer: c.Transfer, Order: c.Order, Amount: c.Amount, ValueOn: c.On, Booking: len(known.Bookings), Why: c.Why}}
	if c.Creditor != "" {
		events = append(events, TransferCredited{Transfer: c.Transfer, Customer: c.Creditor, Amount: c.Amount, Why: c.Why, Order: c.Order})
	}
	return events, nil
}

// UseCredit pays an order with its buyer's credit.
type UseCredit struct {
	Transfer TransferID
	Order    Order // as the log knows it
	On       Day
}

// Stream of the transfer.
func (c UseCredit) Stream() string { return TransferStream(c.Transfer) }

// Decide gives the order what is open, as far as the credit goes. An order that does not know yet of all that the transfer has
// given it gets nothing more for now.
func (c UseCredit) Decide(known Transfer) ([]Event, error) {
	amount := min(known.Credits[c.Order.Buyer], c.Order.Open())
	if amount <= 0 || c.Order.over() || known.OnOrder(c.Order.Order) != c.Order.PaidBy(c.Transfer) {
		return nil, nil
	}
	return []Event{TransferMatched{Transfer: c.Transfer, Order: c.Order.Order, Number: c.Order.Number, Amount: amount, ValueOn: c.On,
		Rule: MatchedByCredit, Booking: len(known.Bookings), Credit: c.Order.Buyer}}, nil
}
