package books

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/domain/histories"
)

// stepsMax is how much happens in one history at most.
const stepsMax = 200

// randomHistory is what a market did, with months that were closed meanwhile; in the end the portal has done all that it owes.
func randomHistory(t *rapid.T) *histories.Log {
	m := histories.New(t)
	for range m.Number("steps", 1, stepsMax) {
		m.Trade()
		if m.Number("month", 0, 20) == 0 {
			closeMonth(t, m)
		}
	}
	m.Settle()
	return m.Log
}

// closeMonth closes the month before.
func closeMonth(t *rapid.T, m *histories.Market) {
	month := m.Today().Month()
	first, err := domain.Day(month + "-01").Begins()
	if err != nil {
		t.Fatal(err)
	}
	through := domain.DayOf(first.AddDate(0, 0, -1))
	outcome, err := domain.Execute(t.Context(), m.Log, m.Cause(), domain.ClosePeriod{Through: through, Today: m.Today()})
	if err != nil {
		t.Fatal(err)
	}
	if len(outcome.Events) == 0 {
		return
	}
	sealed, err := Closed(t.Context(), m.Log, through)
	if err == nil {
		_, err = domain.Execute(t.Context(), m.Log, m.Cause(), domain.SealPeriod{PeriodSealed: sealed})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRandomHistories: at every position of every history debits equal credits, the accounts are what transfers and orders say, no grosz appears or
// vanishes, and a reconciliation has nothing to complain about. A longer run: go test ./projections/books -run RandomHistories -histories 10000
func TestRandomHistories(t *testing.T) {
	histories.Check(t, func(t *rapid.T) {
		log := randomHistory(t)
		if err := everyPosition(t.Context(), log, log); err != nil {
			t.Fatal(err)
		}
	})
}

// everyPosition holds the books that a source tells against what the log itself says, after each record and in the end.
func everyPosition(ctx context.Context, log *histories.Log, source Source) error {
	books := New(source, "")
	report := &reconcile{books: books, turnovers: map[Account]Turnover{}}
	told, plain := map[domain.Position]bool{}, &plainBooks{transfers: map[string]*domain.Transfer{}, orders: map[string]*domain.Order{}, reversals: map[domain.TransferID]domain.Money{}}
	for record, err := range source.History(ctx, 0) {
		if err != nil {
			return err
		}
		told[record.Position] = true
	}
	for _, record := range log.Records {
		plain.see(record)
		if told[record.Position] {
			entry, err := books.See(ctx, record)
			if err == nil {
				err = report.see(record, entry, nowhere{})
			}
			if err != nil {
				return fmt.Errorf("after %s at %d: %w", record.Type, record.Position, err)
			}
		}
		for _, p := range report.pairs() {
			if p.left != p.right {
				return fmt.Errorf("after %s at %d: %s: %+v against %+v", record.Type, record.Position, p.what, p.left, p.right)
			}
		}
		if len(books.check.exceptions) > 0 {
			return fmt.Errorf("after %s at %d: %+v", record.Type, record.Position, books.check.exceptions)
		}
		if err := plain.compare(books); err != nil {
			return fmt.Errorf("after %s at %d: %w", record.Type, record.Position, err)
		}
	}
	var text buffer
	seal, err := Print(ctx, source, ReconcileReport, Question{}, NewText(&text, codes))
	if err == nil && seal.Exceptions > 0 {
		err = fmt.Errorf("%d exceptions in the end:\n%s", seal.Exceptions, text.String())
	}
	return err
}

// plainBooks are the accounts without entries: what the states of the domain come to.
type plainBooks struct {
	transfers map[string]*domain.Transfer
	orders    map[string]*domain.Order
	reversals map[domain.TransferID]domain.Money // whose transfers are not known
}

func (p *plainBooks) see(record domain.Record) {
	switch e := record.Event.(type) {
	case domain.ReversalReceived:
		p.reversals[e.Reversal] = e.Amount
	case domain.TransferReversed:
		delete(p.reversals, e.Reversal)
	}
	if strings.HasPrefix(record.Stream, domain.TransferStream("")) {
		if p.transfers[record.Stream] == nil {
			p.transfers[record.Stream] = &domain.Transfer{}
		}
		p.transfers[record.Stream].Evolve(record.Event)
	}
	if strings.HasPrefix(record.Stream, domain.OrderStream("")) {
		if p.orders[record.Stream] == nil {
			p.orders[record.Stream] = &domain.Order{}
		}
		p.orders[record.Stream].Evolve(record.Event)
	}
}

// balances of the accounts. Every transfer adds up: received is what orders, credits, refunds and reversals have, and what is unmatched.
func (p *plainBooks) balances() (map[Account]domain.Money, error) {
	want := map[Account]domain.Money{}
	for stream, t := range p.transfers {
		b := t.Buckets()
		if b.Received != b.Orders+b.Credit+b.Refunds+b.Reversed+b.Unmatched {
			return nil, fmt.Errorf("%s has %+v", stream, b)
		}
		want[Bank] += b.Received - b.Reversed
		want[Unmatched] -= b.Unmatched
		want[Credit] -= b.Credit
		want[Prepayments] -= b.Orders
		for _, r := range t.Refunds {
			switch {
			case r.State == domain.RefundAgreed:
				want[Refunds] -= r.Amount
			case r.State == domain.RefundPaidOut:
				want[Bank] -= r.Amount
			case r.State == domain.RefundAwaits && r.Credit != "":
				want[Credit] -= r.Amount
			case r.State == domain.RefundAwaits:
				want[Unmatched] -= r.Amount
			}
		}
	}
	for _, amount := range p.reversals {
		want[Bank] -= amount
		want[Unmatched] += amount
	}
	for _, o := range p.orders {
		want[Waived] += o.Waived
		want[Prepayments] -= o.Waived
		for _, line := range o.Lines {
			if o.Files[line.Line].Issued != nil {
				want[Prepayments] += line.Gross
				want[Sales] -= line.Net
				want[VAT] -= line.VAT
			}
		}
	}
	return want, nil
}

func (p *plainBooks) compare(books *Books) error {
	want, err := p.balances()
	if err != nil {
		return err
	}
	for _, account := range Chart {
		if got := books.turnovers[account].Balance(); got != want[account] {
			return fmt.Errorf("%s is %s, want %s", account, got, want[account])
		}
	}
	return p.compareItems(books)
}

// compareItems looks at what is open one by one: amounts that cancel each other out do not show in the sums.
func (p *plainBooks) compareItems(books *Books) error {
	for stream, t := range p.transfers {
		b := t.Buckets()
		kept, open := books.transfers[t.Transfer]
		if open && kept.Buckets() != b || !open && b.Received != b.Orders+b.Reversed+b.Refunds {
			return fmt.Errorf("%s has %+v, in the books it is open: %t, %+v", stream, b, open, kept)
		}
	}
	for stream, o := range p.orders {
		if kept, open := books.orders[o.OrderSubmitted.Order]; open && (kept.PaidAmount() != o.PaidAmount() || kept.Waived != o.Waived || kept.Status() != o.Status()) {
			return fmt.Errorf("%s has %s and is %s, in the books %s and %s", stream, o.PaidAmount(), o.Status(), kept.PaidAmount(), kept.Status())
		}
	}
	for id, amount := range p.reversals {
		if books.reversals[id].Amount != amount {
			return fmt.Errorf("reversal %s of %s is %s in the books", id, amount, books.reversals[id].Amount)
		}
	}
	if len(books.reversals) != len(p.reversals) {
		return fmt.Errorf("%d reversals are open, in the books %d", len(p.reversals), len(books.reversals))
	}
	return nil
}

// forgetful is a source that leaves out every event of one type, as a fold does that was not told of it.
type forgetful struct {
	Source
	forgets string
}

func (f forgetful) History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return f.without(f.Source.History(ctx, after))
}

func (f forgetful) Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	return f.without(f.Source.Read(ctx, stream, from))
}

func (f forgetful) without(records iter.Seq2[domain.Record, error]) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		for record, err := range records {
			if record.Type != f.forgets && !yield(record, err) {
				return
			}
		}
	}
}

// TestForgottenEventsAreFound tests the test: books that forget one kind of event are found out by some history.
func TestForgottenEventsAreFound(t *testing.T) {
	const histories = 25
	forgotten := map[string]int{}
	for _, kind := range []string{"TransferReceived", "TransferMatched", "TransferReleased", "TransferCredited", "CreditWithdrawn", "RefundProposed", "RefundConfirmed", "RefundRejected",
		"RefundPaid", "TransferReversed", "ReversalReceived", "PaymentReceived", "PaymentTakenBack", "UnderpaymentWaived", "ActivationFileIssued", "StatementImported", "LicencePaid"} {
		forgotten[kind] = 0
	}
	for seed := range histories {
		log := rapid.Custom(randomHistory).Example(seed)
		for kind, found := range forgotten {
			if found == 0 && everyPosition(t.Context(), log, forgetful{log, kind}) != nil {
				forgotten[kind]++
			}
		}
	}
	for kind, found := range forgotten {
		if found == 0 {
			t.Errorf("nobody finds out that %s is forgotten", kind)
		}
	}
}

// TestKeptRandomHistories asks kept books again and again while a history grows; they say what a fresh fold says.
func TestKeptRandomHistories(t *testing.T) {
	for seed := range 5 {
		log := rapid.Custom(randomHistory).Example(seed)
		all := log.Records
		kept := Keep(log)
		for n := 0; n <= len(all); n += 97 {
			log.Records = all[:n]
			for _, report := range Reports {
				want, wanted := printed(t, log, report, Question{}, formats["jsonl"])
				var out buffer
				if seal, err := kept.Print(t.Context(), report, Question{}, NewJSONLines(&out)); err != nil || seal != wanted || out.String() != want {
					t.Fatalf("%s of %d records, %v: %+v, want %+v", report, n, err, seal, wanted)
				}
			}
		}
	}
}

// nowhere prints nothing.
type nowhere struct{}

func (nowhere) Table(Table) error { return nil }
func (nowhere) Row([]any) error   { return nil }
func (nowhere) End(Seal) error    { return nil }
