package books

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"netrom.pl/portal/domain"
)

// market is a random course of business: every event that moves money, in any order that the rules allow.
type market struct {
	*rapid.T
	*story
	transfers map[domain.TransferID]*domain.Transfer
	orders    map[domain.OrderID]*domain.Order
	owed      []func() // what orders are to be told of their money, in order
}

func (m *market) number(label string, from, to int) int {
	return rapid.IntRange(from, to).Draw(m.T, label)
}

func (m *market) today() domain.Day { return domain.DayOf(m.at) }

// anyOf picks a state, the zero value if there is none.
func anyOf[K ~string, S any](m *market, label string, from map[K]*S) *S {
	keys := slices.Sorted(maps.Keys(from))
	if len(keys) == 0 {
		return new(S)
	}
	return from[keys[m.number(label, 0, len(keys)-1)]]
}

func (m *market) toTransfer(t *domain.Transfer, event domain.Event) {
	t.Evolve(event)
	m.happens(domain.TransferStream(t.Transfer), event)
}

func (m *market) toOrder(o *domain.Order, event domain.Event) {
	o.Evolve(event)
	m.happens(domain.OrderStream(o.Order), event)
}

func (m *market) submit() {
	n := len(m.orders) + 1
	m.ordered(n, domain.Money(m.number("net", 1, 500)))
	o := &domain.Order{}
	for _, r := range m.records {
		if r.Stream == domain.OrderStream(orderID(n)) {
			o.Evolve(r.Event)
		}
	}
	m.orders[o.Order] = o
}

func (m *market) receive() {
	n := len(m.transfers) + 1
	received := money{reference: fmt.Sprintf("R%03d", n), amount: domain.Money(m.number("amount", 1, 900)), on: m.today()}
	m.arrives(fmt.Sprint(n), 0, received)
	t := &domain.Transfer{}
	t.Evolve(m.records[len(m.records)-1].Event)
	m.transfers[t.Transfer] = t
}

// match gives an order money, out of the unmatched or of its buyer's credit. The order learns of it later.
func (m *market) match() {
	t, o := anyOf(m, "transfer", m.transfers), anyOf(m, "order", m.orders)
	amount, from := t.Buckets().Unmatched, domain.CustomerID("")
	if credit := t.Credits["alfa"]; amount <= 0 && credit > 0 {
		amount, from = credit, "alfa"
	}
	if amount <= 0 || !o.Exists() {
		return
	}
	booking := len(t.Bookings)
	amount = domain.Money(m.number("part", 1, int(amount)))
	m.toTransfer(t, domain.TransferMatched{Transfer: t.Transfer, Order: o.Order, Number: o.Number, Amount: amount, ValueOn: m.today(), Booking: booking, Credit: from})
	on := m.today()
	m.owed = append(m.owed, func() {
		m.toOrder(o, domain.PaymentReceived{Order: o.Order, Transfer: t.Transfer, Amount: amount, ValueOn: on, Booking: booking})
	})
}

func (m *market) release() {
	t := anyOf(m, "transfer", m.transfers)
	for _, b := range t.Bookings {
		if on := t.OnOrder(b.Order); on > 0 {
			m.releaseFrom(t, b.Order, domain.Money(m.number("part", 1, int(on))))
			return
		}
	}
}

func (m *market) releaseFrom(t *domain.Transfer, id domain.OrderID, amount domain.Money) {
	o, booking, on := m.orders[id], len(t.Bookings), m.today()
	m.toTransfer(t, domain.TransferReleased{Transfer: t.Transfer, Order: id, Amount: amount, ValueOn: on, Booking: booking, Why: domain.ReleasedByHand})
	m.owed = append(m.owed, func() {
		m.toOrder(o, domain.PaymentTakenBack{Order: id, Transfer: t.Transfer, Amount: amount, ValueOn: on, Booking: booking})
	})
}

func (m *market) giveCredit() {
	if t := anyOf(m, "transfer", m.transfers); t.Buckets().Unmatched > 0 {
		m.toTransfer(t, domain.TransferCredited{Transfer: t.Transfer, Customer: "alfa", Amount: t.Buckets().Unmatched})
	}
}

func (m *market) withdrawCredit() {
	if t := anyOf(m, "transfer", m.transfers); t.Credits["alfa"] > 0 {
		m.toTransfer(t, domain.CreditWithdrawn{Transfer: t.Transfer, Customer: "alfa", Amount: t.Credits["alfa"]})
	}
}

// refund proposes one, or takes the last one a step further.
func (m *market) refund() {
	t := anyOf(m, "transfer", m.transfers)
	n := len(t.Refunds)
	switch {
	case n > 0 && t.Refunds[n-1].State == domain.RefundAwaits && m.number("confirm", 0, 2) > 0:
		m.toTransfer(t, domain.RefundConfirmed{Transfer: t.Transfer, Refund: n})
	case n > 0 && t.Refunds[n-1].State == domain.RefundAgreed && m.number("pay", 0, 2) > 0:
		m.toTransfer(t, domain.RefundPaid{Transfer: t.Transfer, Refund: n, PaidOn: m.today()})
	case n > 0 && (t.Refunds[n-1].State == domain.RefundAgreed || t.Refunds[n-1].State == domain.RefundAwaits):
		m.toTransfer(t, domain.RefundRejected{Transfer: t.Transfer, Refund: n})
	case t.Credits["alfa"] > 0:
		m.toTransfer(t, domain.RefundProposed{Transfer: t.Transfer, Refund: n + 1, Amount: t.Credits["alfa"], Credit: "alfa"})
	case t.Buckets().Unmatched > 0:
		m.toTransfer(t, domain.RefundProposed{Transfer: t.Transfer, Refund: n + 1, Amount: t.Buckets().Unmatched})
	}
}

// reverse lets the bank take a whole transfer back, wherever its money is.
func (m *market) reverse() {
	t := anyOf(m, "transfer", m.transfers)
	if t.Transfer == "" || len(t.Reversals) > 0 {
		return
	}
	id := domain.TransferID("r-" + t.Transfer)
	m.happens(domain.ReversalStream(id), domain.ReversalReceived{Reversal: id, Statement: t.Statement, Account: account, Amount: t.Amount, ValueOn: m.today(), BankReference: "RC"})
	m.tellOrders()
	events, err := domain.ReverseTransfer{TransferReversed: domain.TransferReversed{Transfer: t.Transfer, Reversal: id, Amount: t.Amount, ValueOn: m.today()}}.Decide(*t)
	if err != nil {
		m.Fatal(err)
	}
	for _, event := range events {
		if e, ok := event.(domain.TransferReleased); ok {
			m.releaseFrom(t, e.Order, e.Amount)
		} else {
			m.toTransfer(t, event)
		}
	}
}

func (m *market) tellOrders() {
	for _, tell := range m.owed {
		tell()
	}
	m.owed = nil
}

// serve does what an order is owed: its licences learn of the money, or that it is gone, and it is delivered.
func (m *market) serve() {
	o := anyOf(m, "order", m.orders)
	licence := func(line domain.Line) string { return domain.LicenceStream(line.Licence) }
	switch {
	case !o.Exists():
	case o.Uncover:
		for _, line := range o.Lines {
			if o.LicencesPaid {
				m.happens(licence(line), domain.LicencePaymentWithdrawn{Licence: line.Licence, Order: o.Order})
			}
		}
		m.toOrder(o, domain.LicencesMarkedUnpaid{Order: o.Order})
	case o.Paid() && !o.LicencesPaid:
		for _, line := range o.Lines {
			m.happens(licence(line), domain.LicencePaid{Licence: line.Licence, Order: o.Order})
		}
		m.toOrder(o, domain.LicencesMarkedPaid{Order: o.Order})
	case o.Paid() && o.Files[1].Issued == nil:
		m.toOrder(o, domain.ActivationFileIssued{Order: o.Order, Line: 1, Licence: o.Lines[0].Licence})
	case o.Paid():
		m.toOrder(o, domain.ActivationFileSent{Order: o.Order, Line: 1, Copy: o.Files[1].Sent + 1})
	case !o.Paid() && o.Open() < 20:
		m.toOrder(o, domain.UnderpaymentWaived{Order: o.Order, Amount: o.Open(), Limit: 20})
	}
}

// closeMonth closes the month before, once the next has begun.
func (m *market) closeMonth() {
	m.at = m.at.AddDate(0, 0, m.number("days", 1, 20))
	month := m.at.AddDate(0, 0, -m.at.Day())
	through, err := domain.LastDayOf(month.Format("2006-01"))
	if err != nil {
		m.Fatal(err)
	}
	for _, r := range m.records {
		if e, ok := r.Event.(domain.PeriodClosed); ok && e.Through >= through {
			return
		}
	}
	m.happens(domain.BooksStream(through.Year()), domain.PeriodClosed{Year: through.Year(), Through: through})
	sealed, err := Closed(m.Context(), m, through)
	if err != nil {
		m.Fatal(err)
	}
	m.happens(domain.BooksStream(through.Year()), sealed)
}

// TestRandomBusiness balances at every position, agrees with the transfers and orders, and gives the reconciliation nothing to
// complain about that is not only late.
func TestRandomBusiness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &market{T: t, story: newStory(), transfers: map[domain.TransferID]*domain.Transfer{}, orders: map[domain.OrderID]*domain.Order{}}
		actions := []func(){m.submit, m.receive, m.match, m.match, m.release, m.giveCredit, m.withdrawCredit, m.refund, m.refund, m.reverse, m.tellOrders, m.tellOrders, m.serve, m.serve, m.serve, m.closeMonth}
		for range m.number("steps", 1, 60) {
			actions[m.number("action", 0, len(actions)-1)]()
		}
		books := New(m, "")
		report := &reconcile{books: books, turnovers: map[Account]Turnover{}}
		for _, record := range m.records {
			entry, err := books.See(m.Context(), record)
			if err != nil {
				t.Fatal(err)
			}
			if err := report.see(record, entry, nowhere{}); err != nil {
				t.Fatal(err)
			}
			for _, p := range report.pairs() {
				if p.left != p.right {
					t.Fatalf("after %T at %d: %s: %+v against %+v", record.Event, record.Position, p.what, p.left, p.right)
				}
			}
			if len(books.check.exceptions) > 0 {
				t.Fatalf("after %T at %d: %+v", record.Event, record.Position, books.check.exceptions)
			}
		}
		m.compare(books)
	})
}

// compare holds the accounts against the transfers and orders themselves, folded by the domain alone.
func (m *market) compare(books *Books) {
	want := map[Account]domain.Money{}
	for _, t := range m.transfers {
		b := t.Buckets()
		refunds, proposed := domain.Money(0), domain.Money(0)
		for _, r := range t.Refunds {
			switch r.State {
			case domain.RefundAgreed:
				refunds += r.Amount
			case domain.RefundPaidOut:
				want[Bank] -= r.Amount
			case domain.RefundAwaits:
				proposed += r.Amount
				if r.Credit != "" {
					want[Credit] -= r.Amount
					proposed -= r.Amount
				}
			}
		}
		want[Bank] += b.Received - b.Reversed
		want[Refunds] -= refunds
		want[Credit] -= b.Credit
		want[Unmatched] -= b.Unmatched + proposed
		want[Prepayments] -= b.Orders
	}
	for _, o := range m.orders {
		want[Waived] += o.Waived
		want[Prepayments] -= o.Waived
		if o.Files[1].Issued != nil {
			want[Prepayments] += o.Total.Gross
			want[Sales] -= o.Total.Net
			want[VAT] -= o.Total.VAT
		}
	}
	for _, account := range Chart {
		if got := books.turnovers[account].Balance(); got != want[account] {
			m.Fatalf("%s is %s, want %s", account, got, want[account])
		}
	}
}

// nowhere prints nothing.
type nowhere struct{}

func (nowhere) Table(Table) error { return nil }
func (nowhere) Row([]any) error   { return nil }
func (nowhere) End(Seal) error    { return nil }
