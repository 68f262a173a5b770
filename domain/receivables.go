package domain

import (
	"cmp"
	"slices"
)

// Receivables are all orders that wait for money, found by what a transfer can say: amount, payer's account, payer's name. It is a
// fold of the log; feed it with every record in the order of the log, or with [Receivables.Put]. The zero value is empty. Not safe for
// concurrent use while it is fed.
type Receivables struct {
	orders    map[OrderID]*Payable
	byNumber  map[OrderNumber]*Payable
	byAmount  map[Money]map[OrderID]*Payable
	byBuyer   map[CustomerID]map[OrderID]*Payable
	byName    map[string]map[CustomerID]bool // as nameKey writes it
	names     map[CustomerID]string
	payers    map[string]map[CustomerID]bool // by account: for whom it has paid
	transfers map[TransferID]string          // payer's account, until the transfer is matched
}

// SuggestionsMax is how many suggestions a transfer gets at most.
const SuggestionsMax = 5

// See takes the next record of the log.
func (r *Receivables) See(event Event) {
	switch e := event.(type) {
	case CustomerRegistered:
		r.Name(e.Customer, e.Name)
	case OrderSubmitted:
		r.Put(Payable{Order: e.Order, Number: e.Number, Buyer: e.Buyer, Account: e.Bank.Account, Open: e.Total.Gross})
	case OrderCancelled:
		r.change(e.Order, func(p *Payable) { p.Over = true })
	case OrderLapsed:
		r.change(e.Order, func(p *Payable) { p.Over = true })
	case PaymentReceived:
		r.change(e.Order, func(p *Payable) { p.Open -= e.Amount })
	case PaymentTakenBack:
		r.change(e.Order, func(p *Payable) { p.Open += e.Amount })
	case UnderpaymentWaived:
		r.change(e.Order, func(p *Payable) { p.Open -= e.Amount })
	case TransferReceived:
		if e.PayerAccount != "" {
			put(&r.transfers, e.Transfer, e.PayerAccount)
		}
	case TransferMatched:
		if order := r.orders[e.Order]; order != nil && e.Credit == "" {
			r.Paid(r.transfers[e.Transfer], order.Buyer)
		}
	}
}

// put sets an entry of a map that may not be made yet.
func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

// putIn sets an entry of a map in a map.
func putIn[K, L comparable, V any](m *map[K]map[L]V, key K, inner L, value V) {
	if (*m)[key] == nil {
		put(m, key, map[L]V{})
	}
	(*m)[key][inner] = value
}

// Put adds an order, or replaces what was known of it.
func (r *Receivables) Put(order Payable) {
	r.drop(order.Order)
	put(&r.orders, order.Order, &order)
	put(&r.byNumber, order.Number, &order)
	if order.Over || order.Open <= 0 {
		return
	}
	putIn(&r.byAmount, order.Open, order.Order, &order)
	putIn(&r.byBuyer, order.Buyer, order.Order, &order)
	if order.BuyerName != "" {
		r.Name(order.Buyer, order.BuyerName)
	}
}

func (r *Receivables) drop(id OrderID) {
	if known := r.orders[id]; known != nil {
		if delete(r.byAmount[known.Open], id); len(r.byAmount[known.Open]) == 0 {
			delete(r.byAmount, known.Open)
		}
		if delete(r.byBuyer[known.Buyer], id); len(r.byBuyer[known.Buyer]) == 0 {
			delete(r.byBuyer, known.Buyer)
		}
	}
}

func (r *Receivables) change(id OrderID, change func(*Payable)) {
	if known := r.orders[id]; known != nil {
		order := *known
		change(&order)
		r.Put(order)
	}
}

// Name says what a customer is called.
func (r *Receivables) Name(customer CustomerID, name string) {
	if key, _ := nameKey(name); key != "" {
		putIn(&r.byName, key, customer, true)
		put(&r.names, customer, name)
	}
}

// Paid says that an account has paid an order of a customer.
func (r *Receivables) Paid(account string, customer CustomerID) {
	if account != "" {
		putIn(&r.payers, account, customer, true)
	}
}

// Order finds any order that was ever put in.
func (r *Receivables) Order(number OrderNumber) (Payable, bool) {
	if order := r.byNumber[number]; order != nil {
		return *order, true
	}
	return Payable{}, false
}

// ofPayer finds the only order of the only customer for whom an account has paid that has exactly the transfer's amount open.
func (r *Receivables) ofPayer(received TransferReceived) (Payable, bool) {
	customers := r.payers[received.PayerAccount]
	if len(customers) != 1 {
		return Payable{}, false
	}
	var found []Payable
	for customer := range customers {
		for _, order := range r.byBuyer[customer] {
			if order.Open == received.Amount && order.takesMoneyOn(received.Account) {
				found = append(found, *order)
			}
		}
	}
	if len(found) != 1 {
		return Payable{}, false
	}
	return found[0], true
}

// The reasons for a suggestion.
const (
	SuggestedNamed     = "named"      // the title names its number, but not surely enough
	SuggestedReference = "reference"  // the title has its number with one wrong digit, or with two swapped ones
	SuggestedPayer     = "payer"      // the account has paid for its buyer before
	SuggestedName      = "payer-name" // the payer is called like its buyer
	SuggestedAmount    = "amount"     // no other order has exactly this amount open
)

// Suggestion is an order that a person may give a transfer to. Nothing is ever booked by it.
type Suggestion struct {
	Payable
	Amount Money    // that the order would get
	Why    []string // one or more of the Suggested reasons, the strongest first
}

// suggest lists the orders that a transfer could be meant for, those with the most reasons first. It takes the title folded, with the
// references in it.
func (m Matcher) suggest(received TransferReceived, title string, references []FoundReference) []Suggestion {
	if m.Waiting == nil {
		return nil
	}
	r := m.Waiting()
	var list []Suggestion
	add := func(order *Payable, why string) {
		if order == nil || order.Over || order.Open <= 0 || !order.takesMoneyOn(received.Account) {
			return
		}
		at := slices.IndexFunc(list, func(s Suggestion) bool { return s.Order == order.Order })
		if at < 0 {
			at, list = len(list), append(list, Suggestion{Payable: *order, Amount: min(order.Open, received.Amount)})
			list[at].BuyerName = r.names[order.Buyer]
		}
		list[at].Why = append(list[at].Why, why)
	}
	for _, found := range references {
		add(r.byNumber[found.Number], SuggestedNamed)
	}
	for _, number := range nearReferences(title) {
		add(r.byNumber[number], SuggestedReference)
	}
	for customer := range r.payers[received.PayerAccount] {
		r.ofBuyer(customer, received.Amount, func(order *Payable) { add(order, SuggestedPayer) })
	}
	for customer := range r.called(received.PayerName) {
		r.ofBuyer(customer, received.Amount, func(order *Payable) { add(order, SuggestedName) })
	}
	if only := r.byAmount[received.Amount]; len(only) == 1 {
		for _, order := range only {
			add(order, SuggestedAmount)
		}
	}
	slices.SortStableFunc(list, func(a, b Suggestion) int {
		if len(a.Why) != len(b.Why) {
			return len(b.Why) - len(a.Why)
		}
		return cmp.Or(cmp.Compare(a.Number.Year, b.Number.Year), cmp.Compare(a.Number.Sequence, b.Number.Sequence))
	})
	return list[:min(len(list), SuggestionsMax)]
}

// ofBuyer gives the orders of a customer with exactly an amount open or, where there are none, all of a customer who has few.
func (r *Receivables) ofBuyer(customer CustomerID, amount Money, add func(*Payable)) {
	exact := false
	for _, order := range r.byBuyer[customer] {
		if order.Open == amount {
			add(order)
			exact = true
		}
	}
	if exact || len(r.byBuyer[customer]) > SuggestionsMax {
		return
	}
	for _, order := range r.byBuyer[customer] {
		add(order)
	}
}

// called are the customers with a payer's name, behind which banks put the address.
func (r *Receivables) called(name string) map[CustomerID]bool {
	const wordsMax = 8
	key, ends := nameKey(name)
	for n := min(len(ends), wordsMax); n > 0; n-- {
		if found := r.byName[key[:ends[n-1]]]; len(found) > 0 {
			return found
		}
	}
	return nil
}

// nameKey is the words of a company's name in capital ASCII letters, without its legal form, with blanks between them, and where each word ends.
func nameKey(name string) (key string, ends []int) {
	folded := foldTitle(name)
	words := make([]byte, 0, foldedSize)
	for at := 0; at < len(folded); at++ {
		start := at
		for at < len(folded) && (isCapital(folded[at]) || isDigit(folded[at])) {
			at++
		}
		if start == at || isLegalForm(folded[start:at]) {
			continue
		}
		if len(words) > 0 {
			words = append(words, ' ')
		}
		words = append(words, folded[start:at]...)
		ends = append(ends, len(words))
	}
	return string(words), ends
}

// isLegalForm says whether a word of a company's name belongs to its legal form.
func isLegalForm(word string) bool {
	switch word {
	case "SP", "Z", "O", "OO", "S", "A", "SA", "SJ", "J", "SK", "K", "SC", "C",
		"SPOLKA", "OGRANICZONA", "ODPOWIEDZIALNOSCIA", "AKCYJNA", "JAWNA", "CYWILNA", "KOMANDYTOWA":
		return true
	}
	return false
}
