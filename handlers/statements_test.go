package handlers

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"netrom.pl/portal/domain"
)

// customer makes the buyer known.
func (o *office) customer() {
	o.t.Helper()
	perform(o, domain.RegisterCustomer{Customer: buyerID, Name: "Piekarnia", NIP: "7770005511", Email: "biuro@klos.example", Language: domain.Polish})
}

// ordered places one more order of a new program for 123,00 zł under the year's next number.
func (o *office) ordered() domain.Order {
	o.t.Helper()
	o.step++
	id := domain.OrderID(domain.NameID("order of a statement", fmt.Sprint(o.step)))
	perform(o, domain.AssignOrderNumber{Order: id, Year: 2026})
	register := loaded[domain.Numbers](o, domain.NumbersStream(2026))
	line := domain.Line{Line: 1, Client: buyerID, Program: "magazyn", ProgramName: "Magazyn", Licence: domain.LicenceID("licence of " + id),
		Edition: domain.SingleStation, To: "3.0", Stations: 1, UnitNet: 10_000, VATRate: 23, Amounts: domain.AmountsOf(10_000, 23)}
	perform(o, domain.PlaceOrder{Order: id, Number: register.ByOrder[id], Buyer: buyerID, Lines: []domain.Line{line}, Terms: o.Vendor.Terms, On: "2026-11-22"})
	return loaded[domain.Order](o, domain.OrderStream(id))
}

func loaded[S any, P domain.State[S]](o *office, stream string) S {
	o.t.Helper()
	state, err := domain.Load[S, P](context.Background(), o.Log, stream)
	if err != nil {
		o.t.Fatal(err)
	}
	return state.State
}

// statement is a bank statement in the making.
type statement struct {
	domain.StatementImported
	transfers []domain.TransferReceived
}

// statement begins one. Equal numbers make equal statements, as a file that is imported again.
func (o *office) statement(number string) *statement {
	return &statement{StatementImported: domain.StatementImported{Statement: domain.StatementID(domain.NameID("statement", number)),
		Account: o.Vendor.Terms.Bank.Account, Number: number, ClosedOn: "2026-11-23"}}
}

// with adds incoming money; reference is what the bank calls it.
func (s *statement) with(reference, title string, amount domain.Money) *statement {
	id := domain.TransferID(domain.NameID("transfer", reference))
	s.transfers = append(s.transfers, domain.TransferReceived{Transfer: id, Statement: s.Statement, Account: s.Account, Amount: amount,
		ValueOn: "2026-11-23", BookedOn: "2026-11-23", BankReference: reference, Title: title, PayerName: "PIEKARNIA"})
	s.Transfers, s.Digest = append(s.Transfers, id), s.Digest+reference
	return s
}

// books imports a statement in a run of its own.
func (o *office) books(s *statement) ([]Booking, error) {
	o.step++
	by := domain.Cause{Command: fmt.Sprint("import ", o.step), Actor: "system:import", Correlation: "test", At: o.clock}
	return NewCashier(o.Log).Book(o.t.Context(), by, s.StatementImported, s.transfers)
}

func (o *office) booked(s *statement) []Booking {
	o.t.Helper()
	bookings, err := o.books(s)
	if err != nil {
		o.t.Fatal(err)
	}
	if len(bookings) != len(s.transfers) {
		o.t.Fatalf("%d transfers became %d bookings", len(s.transfers), len(bookings))
	}
	return bookings
}

// found is what became of one transfer, in one word: the rule, or the reason against it.
func found(b Booking) string {
	switch {
	case b.Match == nil:
		return b.Reason
	case b.Known:
		return "known"
	}
	return b.Match.Rule
}

func (o *office) paidFor(order domain.Order) domain.Money {
	o.t.Helper()
	return loaded[domain.Order](o, domain.OrderStream(order.Order)).PaidAmount()
}

func TestATransferFindsItsOrder(t *testing.T) {
	o := openOffice(t)
	o.customer()
	open, other, cancelled, paid := o.ordered(), o.ordered(), o.ordered(), o.ordered()
	perform(o, domain.CancelOrder{Order: cancelled.Order})
	perform(o, domain.RecordPayment{Order: paid.Order, Transfer: "before", Amount: paid.Total.Gross, ValueOn: "2026-11-22"})
	unplaced := domain.OrderNumber{Year: 2026, Sequence: 5}
	perform(o, domain.AssignOrderNumber{Order: "a submission that was not placed yet", Year: 2026})
	foreign := o.statement("foreign")
	foreign.Account = "12102055580000123400005679"
	unchecked := "zam " + other.Number.String()
	for i, story := range []struct {
		title  string
		amount domain.Money
		want   string
		pays   domain.Order
	}{
		{"faktura za chleb", 123_00, domain.UnmatchedNoReference, open},
		{"zam " + open.Number.String() + " zam " + other.Number.String(), 246_00, domain.UnmatchedAmbiguous, open},
		{domain.OrderNumber{Year: 2026, Sequence: 77}.Reference(), 123_00, domain.UnmatchedUnknownOrder, open},
		{domain.OrderNumber{Year: 2031, Sequence: 1}.Reference(), 123_00, domain.UnmatchedUnknownOrder, open},
		{unplaced.Reference(), 123_00, domain.UnmatchedUnknownOrder, open},
		{cancelled.Title, 123_00, domain.UnmatchedNotOpen, cancelled},
		{paid.Title, 123_00, domain.UnmatchedNotOpen, paid},
		{unchecked, 122_99, domain.UnmatchedUnsure, other},
		{unchecked, 123_01, domain.UnmatchedUnsure, other},
		{unchecked, 123_00, domain.MatchedByNumberExact, other},
		{unchecked, 123_00, domain.UnmatchedNotOpen, other}, // the second time it is not open any more
		{open.Title, 100_00, domain.MatchedByReference, open},
		{"zam " + open.Number.String(), 123_00, domain.UnmatchedUnsure, open},
		{"zam " + open.Number.String(), 23_00, domain.MatchedByNumberExact, open}, // exactly the rest
		{open.Title, 23_00, domain.UnmatchedNotOpen, open},
	} {
		before := o.paidFor(story.pays)
		booking := o.booked(o.statement(fmt.Sprint(i)).with(fmt.Sprint(i), story.title, story.amount))[0]
		if found(booking) != story.want {
			t.Errorf("%s with %q: %s, want %s", story.amount, story.title, found(booking), story.want)
		}
		if came := o.paidFor(story.pays) - before; booking.Match != nil && came != story.amount || booking.Match == nil && came != 0 {
			t.Errorf("%s with %q: the order got %s", story.amount, story.title, came)
		}
	}
	last := o.ordered()
	if got := found(o.booked(foreign.with("foreign", last.Title, 123_00))[0]); got != domain.UnmatchedForeign || o.paidFor(last) != 0 {
		t.Errorf("money on another account: %s", got)
	}
}

func TestPartPaymentsOfOneStatementAreFactsOfTheirOwn(t *testing.T) {
	o := openOffice(t)
	o.customer()
	order := o.ordered()
	o.booked(o.statement("1").with("a", order.Title, 23_00).with("b", order.Title, 50_00).with("c", order.Title, 50_00))
	if got := o.paidFor(order); got != 123_00 {
		t.Errorf("the order got %s", got)
	}
	ids := map[string]bool{}
	for record, err := range o.Log.Read(t.Context(), domain.OrderStream(order.Order), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if ids[record.ID] {
			t.Errorf("%s at revision %d has the id of an earlier event", record.Type, record.Revision)
		}
		ids[record.ID] = true
	}
}

func TestAnImportMayBeRepeatedAndOverlap(t *testing.T) {
	o := openOffice(t)
	o.customer()
	first, second := o.ordered(), o.ordered()
	day := func() *statement { return o.statement("1").with("a", first.Title, 123_00).with("b", "za chleb", 7_00) }
	o.booked(day())
	events := len(o.history())
	for i, b := range o.booked(day()) {
		if got, want := found(b), []string{"known", domain.UnmatchedNoReference}[i]; got != want {
			t.Errorf("again: transfer %d is %s, want %s", i, got, want)
		}
	}
	if n := len(o.history()); n != events {
		t.Errorf("importing again wrote %d events", n-events)
	}
	o.booked(o.statement("2").with("a", first.Title, 123_00).with("c", second.Title, 123_00))
	if o.paidFor(first) != 123_00 || o.paidFor(second) != 123_00 {
		t.Errorf("after an overlapping import: %s and %s", o.paidFor(first), o.paidFor(second))
	}
	changed := o.statement("1").with("a", first.Title, 123_00).with("d", second.Title, 123_00)
	events = len(o.history())
	_, err := o.books(changed)
	if !errors.Is(err, domain.Refusal{Code: domain.ImportConflict}) || len(o.history()) != events {
		t.Errorf("another statement under the same number: %v, %d new events", err, len(o.history())-events)
	}
}

func TestAnUnmatchedTransferIsMatchedByALaterImport(t *testing.T) {
	o := openOffice(t)
	o.customer()
	early := o.statement("1").with("a", domain.OrderNumber{Year: 2026, Sequence: 1}.Reference(), 123_00)
	if got := found(o.booked(early)[0]); got != domain.UnmatchedUnknownOrder {
		t.Fatalf("the order is not there yet, but: %s", got)
	}
	order := o.ordered()
	if got := found(o.booked(early)[0]); got != domain.MatchedByReference || o.paidFor(order) != 123_00 {
		t.Errorf("once the order is there: %s, it got %s", got, o.paidFor(order))
	}
}

func (o *office) history() []domain.Record {
	o.t.Helper()
	var records []domain.Record
	for record, err := range o.Log.History(o.t.Context(), 0) {
		if err != nil {
			o.t.Fatal(err)
		}
		records = append(records, record)
	}
	return records
}

var errPowerCut = errors.New("the process ended here")

// cutLog ends after so many appends; the last one may be written although nobody learns of it.
type cutLog struct {
	domain.Log
	left    int
	written bool
}

func (l *cutLog) Append(ctx context.Context, stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	if l.left--; l.left > 0 {
		return l.Log.Append(ctx, stream, expected, events)
	}
	if l.left == 0 && l.written {
		if _, err := l.Log.Append(ctx, stream, expected, events); err != nil {
			return 0, err
		}
	}
	return 0, errPowerCut
}

// TestAnImportIsCompletedAfterACrash ends the import at every append, before it and after it, and has it completed by a
// repetition, or as far as the log knows it by the process manager.
func TestAnImportIsCompletedAfterACrash(t *testing.T) {
	for _, written := range []bool{false, true} {
		for appends := 1; ; appends++ {
			o := openOffice(t)
			o.customer()
			one, two, three := o.ordered(), o.ordered(), o.ordered()
			s := o.statement("1").with("a", one.Title, 123_00).with("b", two.Title, 23_00).with("c", "za chleb", 7_00).
				with("d", two.Title, 100_00).with("e", "zam "+three.Number.String(), 123_00)
			log := o.Log
			o.Log = &cutLog{Log: log, left: appends, written: written}
			_, err := o.books(s)
			o.Log = log
			if err == nil {
				break
			}
			if !errors.Is(err, errPowerCut) {
				t.Fatal(err)
			}
			if appends%2 == 0 {
				o.finishBookings()
			}
			o.booked(s)
			o.finishBookings()
			for _, order := range []domain.Order{one, two, three} {
				if got := o.paidFor(order); got != 123_00 {
					t.Errorf("cut at append %d, written %t: order %s got %s", appends, written, order.Number, got)
				}
			}
			received, matched, payments := 0, 0, map[domain.TransferID]int{}
			for _, record := range o.history() {
				switch e := record.Event.(type) {
				case domain.TransferReceived:
					received++
				case domain.TransferMatched:
					matched++
				case domain.PaymentReceived:
					payments[e.Transfer]++
				}
			}
			if received != 5 || matched != 4 || len(payments) != 4 {
				t.Errorf("cut at append %d, written %t: %d transfers, %d matched, %d booked", appends, written, received, matched, len(payments))
			}
			for transfer, n := range payments {
				if n != 1 {
					t.Errorf("cut at append %d, written %t: transfer %s was booked %d times", appends, written, transfer, n)
				}
			}
		}
	}
}

// finishBookings does what the task list asks for after a crash: a matched transfer without its payment.
func (o *office) finishBookings() {
	o.t.Helper()
	for _, record := range o.history() {
		if e, ok := record.Event.(domain.TransferMatched); ok {
			if err := o.book(o.t.Context(), e.Transfer); err != nil {
				o.t.Fatal(err)
			}
		}
	}
}
