package domain

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// ReceiveTransfer records a transfer, and what becomes of its money if that was found out. A transfer that is known but
// that nobody has touched yet is matched now.
type ReceiveTransfer struct {
	TransferReceived
	Matches []TransferMatched  // their Booking counts from 0
	Credits []TransferCredited // of what the orders do not need
}

// Stream of the transfer.
func (c ReceiveTransfer) Stream() string { return TransferStream(c.Transfer) }

// Decide never matches a transfer a second time by itself, gives nobody more than has come in, and refuses money that goes out.
func (c ReceiveTransfer) Decide(known Transfer) ([]Event, error) {
	if c.Amount <= 0 {
		return nil, refuse(InvalidInput, "field", "amount", "limit", "0,01")
	}
	d := draft{Transfer: known}
	if known.Transfer == "" {
		d.add(c.TransferReceived)
	}
	if !known.Untouched() {
		return d.events, nil
	}
	for _, match := range c.Matches {
		if match.Amount <= 0 || match.Amount > d.Buckets().Unmatched {
			return nil, refuse(InvalidInput, "field", "amount", "limit", d.Buckets().Unmatched.String())
		}
		match.Booking = len(d.Bookings)
		d.add(match)
	}
	for _, credit := range c.Credits {
		if credit.Amount <= 0 || credit.Amount > d.Buckets().Unmatched {
			return nil, refuse(InvalidInput, "field", "amount", "limit", d.Buckets().Unmatched.String())
		}
		d.add(credit)
	}
	return d.events, nil
}

// Untouched tells whether nothing was ever decided about the money; it may be a transfer that is not known yet.
func (t Transfer) Untouched() bool {
	return len(t.Bookings) == 0 && len(t.Credits) == 0 && len(t.Proposals) == 0 && len(t.Refunds) == 0 && len(t.Reversals) == 0
}

// The rules by which a transfer finds its orders, strongest first. A changed rule gets a new number.
const (
	MatchedByVirtualAccount = "virtual-account-1" // it was paid to the account that only this order has
	MatchedByReference      = "reference-2"       // order numbers with their check digits stand in the title; several share in the order of naming
	MatchedByInvoice        = "invoice-1"         // the title of a split payment names an invoice, or a KSeF number stands in the title
	MatchedByNumberExact    = "number-exact-1"    // one order number without check digits, and the amount is exactly what is open
	MatchedByPayer          = "payer-1"           // the account has paid for this buyer before, and exactly one order of it has exactly this amount open
	MatchedByHand           = "by-hand-1"         // a person found it
	MatchedByCredit         = "credit-1"          // the buyer's credit pays its next order
	MatchedByOldReference   = "reference-1"       // in older logs: one order number with its check digits; the order got the whole transfer
)

// The reasons why a transfer found no order.
const (
	UnmatchedNoReference  = "no-reference"    // nothing in the title looks like an order number
	UnmatchedMistyped     = "mistyped"        // the title names an order with wrong check digits
	UnmatchedAmbiguous    = "several-orders"  // the title names more than one order, all without check digits
	UnmatchedUnknownOrder = "unknown-order"   // no order has this number
	UnmatchedNotOpen      = "order-not-open"  // cancelled, lapsed, or paid already
	UnmatchedUnsure       = "number-unsure"   // a number without check digits, and another amount than the open one
	UnmatchedForeign      = "foreign-account" // came in on an account that is not the order's
)

// Payable is what matching has to know of an order.
type Payable struct {
	Order     OrderID
	Number    OrderNumber
	Buyer     CustomerID
	BuyerName string // may be empty
	Account   NRB    // on which it is to be paid
	Open      Money  // not above 0: nothing
	Over      bool   // cancelled or lapsed
}

// Payable is what matching has to know of the order; the buyer's name is not in its stream.
func (o Order) Payable() Payable {
	return Payable{Order: o.Order, Number: o.Number, Buyer: o.Buyer, Account: o.Bank.Account, Open: o.Open(), Over: o.over()}
}

// takesMoneyOn tells whether a transfer has come in where the order is to be paid: on its account, or on the one to which its
// virtual account leads.
func (p Payable) takesMoneyOn(account NRB) bool {
	return p.Account == account || strings.HasSuffix(string(p.Account), p.Number.digits())
}

// Matcher finds the orders that transfers pay.
type Matcher struct {
	Order   func(OrderNumber) (Payable, bool)       // as the log knows it
	Invoice func(number string) (OrderNumber, bool) // whose an invoice or KSeF number is; nil: none is known
	Waiting func() *Receivables                     // all orders that wait for money; nil: then there is neither the payer's rule nor a suggestion
}

// Finding is what becomes of a transfer, and why. Either there are Parts and a Rule, or a Reason and perhaps Suggestions.
type Finding struct {
	Rule        string
	Parts       []MatchPart
	Credit      *TransferCredited // of what the orders do not need
	Reason      string
	Suggestions []Suggestion
}

// Matches are the events of the finding.
func (f Finding) Matches(received TransferReceived) []TransferMatched {
	var matches []TransferMatched
	for _, part := range f.Parts {
		matches = append(matches, TransferMatched{Transfer: received.Transfer, Order: part.Order, Number: part.Number, Amount: part.Amount,
			ValueOn: received.ValueOn, Rule: f.Rule, Booking: len(matches)})
	}
	return matches
}

// Match applies the rules, the strongest first. The first that says anything decides: a title that names an order which is not open
// is not paid by a weaker rule. Source: R13.
func (m Matcher) Match(received TransferReceived) Finding {
	title := foldTitle(received.Title)
	found := findReferences(title)
	finding := m.match(received, title, found)
	if finding.Reason != "" {
		finding.Suggestions = m.suggest(received, title, found)
	}
	return finding
}

// match takes the title folded, with the references in it.
func (m Matcher) match(received TransferReceived, title string, references []FoundReference) Finding {
	if number, ok := virtualOrder(received.PaidTo); ok {
		return m.pay(received, MatchedByVirtualAccount, number)
	}
	var checked, unchecked []OrderNumber
	for _, found := range references {
		if found.Checked {
			checked = append(checked, found.Number)
		} else {
			unchecked = append(unchecked, found.Number)
		}
	}
	if len(checked) > 0 {
		return m.pay(received, MatchedByReference, checked...)
	}
	if numbers := m.invoiced(title); len(numbers) > 0 {
		return m.pay(received, MatchedByInvoice, numbers...)
	}
	switch {
	case len(unchecked) > 1:
		return Finding{Reason: UnmatchedAmbiguous}
	case len(unchecked) == 1:
		finding := m.pay(received, MatchedByNumberExact, unchecked...)
		if order, ok := m.Order(unchecked[0]); ok && finding.Reason == "" && order.Open != received.Amount {
			return Finding{Reason: UnmatchedUnsure}
		}
		return finding
	case mistypedReference(title):
		return Finding{Reason: UnmatchedMistyped}
	}
	if order, ok := m.known(received); ok {
		return m.pay(received, MatchedByPayer, order.Number)
	}
	return Finding{Reason: UnmatchedNoReference}
}

// pay shares a transfer among orders in the order of naming, each up to what is open; the buyer of the first gets the rest as
// credit. Unless all of them can be paid none is.
func (m Matcher) pay(received TransferReceived, rule string, numbers ...OrderNumber) Finding {
	finding, rest := Finding{Rule: rule}, received.Amount
	var first Payable
	for _, number := range numbers {
		order, ok := m.Order(number)
		switch {
		case !ok:
			return Finding{Reason: UnmatchedUnknownOrder}
		case !order.takesMoneyOn(received.Account):
			return Finding{Reason: UnmatchedForeign}
		case order.Over || order.Open <= 0:
			return Finding{Reason: UnmatchedNotOpen}
		}
		if first.Order == "" {
			first = order
		}
		if amount := min(order.Open, rest); amount > 0 {
			finding.Parts = append(finding.Parts, MatchPart{Order: order.Order, Number: order.Number, Amount: amount})
			rest -= amount
		}
	}
	if rest > 0 {
		finding.Credit = &TransferCredited{Transfer: received.Transfer, Customer: first.Buyer, Amount: rest, Why: ReleasedOverpaid, Order: first.Order}
	}
	return finding
}

// invoiced are the orders whose invoices a folded title names, in order of appearance.
func (m Matcher) invoiced(title string) []OrderNumber {
	if m.Invoice == nil {
		return nil
	}
	var numbers []OrderNumber
	for _, text := range findInvoices(title) {
		if number, ok := m.Invoice(text); ok && !slices.Contains(numbers, number) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// known finds the one order that a payer who is known means by an amount.
func (m Matcher) known(received TransferReceived) (Payable, bool) {
	if m.Waiting == nil || received.PayerAccount == "" {
		return Payable{}, false
	}
	return m.Waiting().ofPayer(received)
}

// virtualOrder reads the order out of the virtual account, or the bank's short form of it, on which a transfer was paid.
func virtualOrder(paidTo string) (OrderNumber, bool) {
	const orderDigits = 10
	if len(paidTo) < orderDigits || !onlyDigits(paidTo) {
		return OrderNumber{}, false
	}
	return orderNumberOf(paidTo[len(paidTo)-orderDigits:])
}

// VirtualPrefixSize is how many digits the bank gives for virtual accounts: settlement number and the vendor's own six. Ten digits of
// the order follow.
const VirtualPrefixSize = 14

// ErrVirtualPrefix says that a text cannot begin virtual accounts.
var ErrVirtualPrefix = errors.New("not the beginning of virtual accounts: write the 14 digits behind the check digits that the bank has given, " +
	"settlement number and your own six, for example 1020 5558 1234 56, and check them against the contract with the bank")

// ParseVirtualPrefix reads the beginning of virtual accounts as a person types it, with or without blanks and dashes. It returns
// ErrVirtualPrefix for anything else. Source: settlement numbers of Polish banks, check digit by the weights 3 9 7 1 3 9 7 over the first seven digits.
func ParseVirtualPrefix(text string) (string, error) {
	digits, ok := identifierDigits(text, nrbTextMax)
	if !ok || len(digits) != VirtualPrefixSize {
		return "", ErrVirtualPrefix
	}
	sum := int(digits[7] - '0')
	for i, weight := range []int{3, 9, 7, 1, 3, 9, 7} {
		sum += weight * int(digits[i]-'0')
	}
	if sum%10 != 0 {
		return "", ErrVirtualPrefix
	}
	return digits, nil
}

// VirtualAccount is the account that only this order has.
func VirtualAccount(prefix string, number OrderNumber) NRB {
	const letters = "2521" // P and L as IBAN counts letters: A is 10
	digits := prefix + number.digits()
	return NRB(checkDigits(digits+letters) + digits)
}

// splitInvoice is the part of a split payment's title that names invoices.
// Source: Związek Banków Polskich, Elixir, komunikat podzielonej płatności: /VAT/10n,2n/IDC/14x/INV/35x/TXT/33x.
var splitInvoice = regexp.MustCompile(`/INV/ ?(.{1,70}?) ?(?:/TXT/|/VAT/|/IDC/|$)`)

// findInvoices finds the numbers of invoices that the folded title of a split payment names behind /INV/, and KSeF numbers wherever they
// stand; at most [ReferencesMax].
func findInvoices(title string) []string {
	var found []string
	for _, number := range findKSeFNumbers(title) {
		found = append(found, string(number))
	}
	if !strings.Contains(title, "/INV/") {
		return found[:min(len(found), ReferencesMax)]
	}
	for _, part := range splitInvoice.FindAllStringSubmatch(title, ReferencesMax) {
		found = append(found, part[1])
		if several := strings.FieldsFunc(part[1], func(r rune) bool { return r == ',' || r == ';' }); len(several) > 1 {
			found = append(found, several...)
		}
	}
	return found[:min(len(found), ReferencesMax)]
}
