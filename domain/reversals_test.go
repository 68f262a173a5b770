package domain

import (
	"fmt"
	"reflect"
	"testing"
)

// came is a transfer of 100,00 zł that nobody has touched.
var came = TransferReceived{Transfer: "t-1", Statement: "s-1", Account: "84102055580000123400005678", Amount: 100_00, ValueOn: "2026-03-12", Title: "ZAM"}

func matched(order OrderID, booking int, amount Money) TransferMatched {
	return TransferMatched{Transfer: "t-1", Order: order, Number: OrderNumber{2026, 1}, Amount: amount, ValueOn: "2026-03-12", Rule: MatchedByReference, Booking: booking}
}

func TestReverseTransfer(t *testing.T) {
	reversed := TransferReversed{Transfer: "t-1", Reversal: "r-1", Amount: 100_00, ValueOn: "2026-04-01", BookedOn: "2026-04-01", Rule: "x"}
	part := reversed
	part.Amount = 10_00
	released := func(order OrderID, booking int, amount Money) TransferReleased {
		return TransferReleased{Transfer: "t-1", Order: order, Amount: amount, ValueOn: "2026-04-01", Booking: booking, Why: ReleasedReversed}
	}
	credited := TransferCredited{Transfer: "t-1", Customer: "alfa", Amount: 30_00, Why: ReleasedOverpaid}
	withdrawn := CreditWithdrawn{Transfer: "t-1", Customer: "alfa", Amount: 30_00, Why: ReleasedReversed}
	proposed := RefundProposed{Transfer: "t-1", Refund: 1, Amount: 30_00, Credit: "alfa", Proposer: "a"}
	agreed := RefundConfirmed{Transfer: "t-1", Refund: 1, Confirmer: "b"}
	for name, c := range map[string]struct {
		past []Event
		wish TransferReversed
		want []Event
		left Money
	}{
		"nobody had it":                 {nil, reversed, []Event{reversed}, 0},
		"two orders had it":             {[]Event{matched("o-1", 0, 60_00), matched("o-2", 1, 40_00)}, reversed, []Event{released("o-2", 2, 40_00), released("o-1", 3, 60_00), reversed}, 0},
		"a part of it":                  {[]Event{matched("o-1", 0, 60_00), matched("o-2", 1, 40_00)}, part, []Event{released("o-2", 2, 10_00), part}, 0},
		"an order and a credit":         {[]Event{matched("o-1", 0, 70_00), credited}, reversed, []Event{withdrawn, released("o-1", 1, 70_00), reversed}, 0},
		"a refund that was not paid":    {[]Event{matched("o-1", 0, 70_00), credited, proposed, agreed}, reversed, []Event{RefundRejected{Transfer: "t-1", Refund: 1}, withdrawn, released("o-1", 1, 70_00), reversed}, 0},
		"a refund that was paid":        {[]Event{matched("o-1", 0, 70_00), credited, proposed, agreed, RefundPaid{Transfer: "t-1", Refund: 1}}, reversed, []Event{released("o-1", 1, 70_00), reversed}, -30_00},
		"an order that gave it back":    {[]Event{matched("o-1", 0, 100_00), TransferReleased{Transfer: "t-1", Order: "o-1", Amount: 100_00, Booking: 1}}, reversed, []Event{reversed}, 0},
		"an unmatched rest that covers": {[]Event{matched("o-1", 0, 60_00)}, part, []Event{part}, 30_00},
	} {
		t.Run(name, func(t *testing.T) {
			s := given[Transfer](t, append([]Event{came}, c.past...)...).when(ReverseTransfer{c.wish}).then(c.want...)
			b := s.fold(s.past).Buckets()
			if b.Unmatched != c.left || b.Reversed != c.wish.Amount || b.Orders+b.Credit+b.Refunds+b.Reversed+b.Unmatched != 100_00 {
				t.Errorf("the money is in %+v", b)
			}
		})
	}
	given[Transfer](t, came, reversed).when(ReverseTransfer{TransferReversed{Transfer: "t-1", Reversal: "r-2", Amount: 1}}).
		refused(InvalidInput, "field", "amount", "limit", Money(0).String())
	given[Transfer](t).when(ReverseTransfer{reversed}).refused(NotFound)
}

func TestReceiveReversal(t *testing.T) {
	entry := ReversalReceived{Reversal: "r-1", Statement: "s-1", Amount: 5}
	match, other := ReversalMatched{Reversal: "r-1", Transfer: "t-1", Rule: "x"}, ReversalMatched{Reversal: "r-1", Transfer: "t-2", Rule: "x"}
	given[Reversal](t).when(ReceiveReversal{ReversalReceived: entry}).then(entry).when(ReceiveReversal{entry, &match}).then(match).
		when(ReceiveReversal{entry, &other}).then()
	given[Reversal](t).when(ReceiveReversal{}).refused(InvalidInput, "field", "amount", "limit", "0,01")
}

// A person links a reversal with one transfer, once, and only with one that is large enough.
func TestLinkReversal(t *testing.T) {
	entry := ReversalReceived{Reversal: "r-1", Statement: "s-1", Amount: 5}
	wish := LinkReversal{ReversalMatched: ReversalMatched{Reversal: "r-1", Transfer: "t-1", Reason: "as the bank says", Account: "anna"}, Left: 5}
	linked := wish.ReversalMatched
	linked.Rule, linked.Statement = ReversedByHand, "s-1"
	other, silent, small := wish, wish, wish
	other.Transfer, silent.Reason, small.Left = "t-2", "", 4
	given[Reversal](t, entry).when(wish).then(linked).when(wish).then()
	given[Reversal](t, entry, linked).when(other).refused(MoneyMoved)
	given[Reversal](t, entry).when(silent).refused(InvalidInput, "field", "reason", "limit", fmt.Sprint(ReasonMax))
	given[Reversal](t, entry).when(small).refused(MoreThanUnmatched, "unmatched", Money(4).String())
	given[Reversal](t).when(wish).refused(NotFound)
}

// A debit settles a refund when amount and account agree, and the title unless it names none.
func TestADebitSettlesTheRefundThatItPays(t *testing.T) {
	const one, two = TransferID("1f0c9a3b-0000-5000-8000-000000000000"), TransferID("2f0c9a3b-0000-5000-8000-000000000000")
	refund := func(a *Arrivals, id TransferID, amounts ...Money) {
		a.See(TransferReceived{Transfer: id, Amount: 100_00, PayerAccount: "payer"})
		for i, amount := range amounts {
			a.See(RefundProposed{Transfer: id, Refund: i + 1, Amount: amount, PayeeAccount: "payer", Proposer: "anna"})
			a.See(RefundConfirmed{Transfer: id, Refund: i + 1, Confirmer: "olga"})
		}
	}
	for name, c := range map[string]struct {
		amount        Money
		payee, title  string
		want          TransferID
		refund, again int // again: refund of want that is paid already
	}{
		"the only one":             {30_00, "payer", "zwrot", one, 2, 0},
		"another account":          {30_00, "other", "zwrot", "", 0, 0},
		"no account":               {30_00, "", "zwrot", "", 0, 0},
		"another amount":           {30_01, "payer", "zwrot", "", 0, 0},
		"two of them":              {20_00, "payer", "zwrot", "", 0, 0},
		"two of them, one named":   {20_00, "payer", "Zwrot 2f0c9a3b-1 dziekujemy", two, 1, 0},
		"two of them, one paid":    {20_00, "payer", "zwrot", two, 1, 1},
		"named, another account":   {20_00, "other", RefundTitle(two, 1), "", 0, 0},
		"named, another amount":    {30_00, "payer", RefundTitle(two, 1), "", 0, 0},
		"the only one, misnamed":   {30_00, "payer", RefundTitle(one, 1), "", 0, 0},
		"the only one, named":      {30_00, "payer", RefundTitle(one, 2) + "\nKLIENT", one, 2, 0},
		"longer number than named": {20_00, "payer", RefundTitle(two, 1) + "2", "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var a Arrivals
			refund(&a, one, 20_00, 30_00)
			refund(&a, two, 20_00)
			if c.again > 0 {
				a.See(RefundPaid{Transfer: one, Refund: c.again, Debit: "d-0"})
			}
			debit := ReversalReceived{Reversal: "d-1", Amount: c.amount, PayerAccount: c.payee, Title: c.title}
			id, n, ok := a.Refund(debit)
			if id != c.want || n != c.refund || ok != (c.want != "") {
				t.Errorf("it pays refund %d of %q, %t", n, id, ok)
			}
			if ok {
				a.See(RefundPaid{Transfer: id, Refund: n, Debit: "d-1"})
				if id, n, ok := a.Refund(debit); ok {
					t.Errorf("the same entry pays refund %d of %q too", n, id)
				}
			}
		})
	}
}

// A statement's word, or that of anybody but the proposer, settles a confirmed refund.
func TestTheProposerDoesNotSettleTheRefund(t *testing.T) {
	proposed := RefundProposed{Transfer: "t-1", Refund: 1, Amount: 30_00, Proposer: "anna"}
	paid := RefundPaid{Transfer: "t-1", Refund: 1, PaidOn: "2026-04-03"}
	s := func() *scene[Transfer] {
		return given[Transfer](t, came, proposed, RefundConfirmed{Transfer: "t-1", Refund: 1, Confirmer: "olga"})
	}
	s().when(PayRefund{paid, "anna"}).refused(SamePerson)
	s().when(PayRefund{paid, "olga"}).then(paid).when(PayRefund{paid, "anna"}).then()
	s().when(PayRefund{RefundPaid: paid}).then(paid)
	given[Transfer](t, came, proposed).when(PayRefund{paid, "olga"}).refused(RefundOver)
}

// Money goes back to the account that it came from, or to another one whose holder is named.
func TestRefundToAnotherAccount(t *testing.T) {
	const payer, other = "84102055580000123400005678", "12102055580000123400009999"
	known := came
	known.PayerName, known.PayerAccount = "Payer", payer
	nameless := came
	wish := ProposeRefund{Transfer: "t-1", Amount: 30_00, Reason: "x", Account: "anna", Seen: 100_00}
	with := func(account NRB, name string) ProposeRefund {
		w := wish
		w.PayeeAccount, w.PayeeName = account, name
		return w
	}
	proposed := RefundProposed{Transfer: "t-1", Statement: "s-1", Refund: 1, Amount: 30_00, PayeeName: "Payer", PayeeAccount: payer, Reason: "x", Proposer: "anna"}
	elsewhere := proposed
	elsewhere.PayeeName, elsewhere.PayeeAccount, elsewhere.OtherAccount = "Heir", other, true
	for name, c := range map[string]struct {
		known TransferReceived
		wish  ProposeRefund
		want  RefundProposed
	}{
		"no account":         {known, wish, proposed},
		"the paying account": {known, with(payer, "Heir"), proposed},
		"another one":        {known, with(other, "Heir"), elsewhere},
		"none was known":     {nameless, with(other, "Heir"), elsewhere},
	} {
		if events, err := c.wish.Decide(Transfer{TransferReceived: c.known}); err != nil || !reflect.DeepEqual(events, []Event{c.want}) {
			t.Errorf("%s: %+v, %v, want %+v", name, events, err, c.want)
		}
	}
	given[Transfer](t, known).when(with(other, "")).refused(InvalidInput, "field", "payee_name", "limit", fmt.Sprint(NameMax))
	given[Transfer](t, nameless).when(wish).refused(PayerUnknown)
	s := given[Transfer](t, known, elsewhere)
	s.when(DecideRefund{Transfer: "t-1", Refund: 1, Yes: true, Account: "anna"}).refused(SamePerson)
	if r := s.fold(s.past).Refunds[0]; r.PayeeName != "Heir" || r.PayeeAccount != other || !r.OtherAccount || r.Reason != "x" {
		t.Errorf("the refund is %+v", r)
	}
}

// Once its personal data are erased nothing is written about a transfer that would have to be sealed; what is under way can be ended.
func TestAnErasedTransferTakesNoMoreWords(t *testing.T) {
	erased := came
	erased.Raw, erased.PayerAccount = Erased, Erased
	open := map[OrderID]Payable{"o-1": {Order: "o-1", Open: 90_00}}
	parts := []MatchPart{{Order: "o-1", Amount: 10_00}}
	given[Transfer](t, erased).when(MatchByHand{Transfer: "t-1", Parts: parts, Open: open, Reason: "x", Account: "anna", Seen: 100_00}).refused(PayerErased)
	given[Transfer](t, erased).when(ProposeRefund{Transfer: "t-1", Amount: 1, Reason: "x", Account: "anna", Seen: 100_00}).refused(PayerErased)
	proposed := MatchProposed{Transfer: "t-1", Statement: "s-1", Proposal: 1, Parts: parts, Reason: Erased, Proposer: "anna"}
	given[Transfer](t, erased, proposed).when(ConfirmMatch{Transfer: "t-1", Proposal: 1, Open: open, Account: "olga"}).refused(PayerErased)
	given[Transfer](t, erased, proposed).when(RejectMatch{Transfer: "t-1", Proposal: 1, Reason: "x", Account: "olga"}).
		then(MatchRejected{Transfer: "t-1", Proposal: 1, Rejecter: "olga"})
	refund := RefundProposed{Transfer: "t-1", Statement: "s-1", Refund: 1, Amount: 1, PayeeAccount: Erased, Reason: Erased, Proposer: "anna"}
	given[Transfer](t, erased, refund).when(DecideRefund{Transfer: "t-1", Refund: 1, Reason: "x", Account: "olga"}).
		then(RefundRejected{Transfer: "t-1", Refund: 1, Rejecter: "olga"})
	given[Reversal](t, ReversalReceived{Reversal: "r-1", Statement: "s-1", Amount: 5, Raw: Erased}).
		when(LinkReversal{ReversalMatched: ReversalMatched{Reversal: "r-1", Transfer: "t-1", Reason: "x"}, Left: 5}).refused(PayerErased)
}

// Many small matches by hand need the second person as one large one does.
func TestTheLimitCountsTheWholeTransfer(t *testing.T) {
	open := map[OrderID]Payable{"o-1": {Order: "o-1", Open: 90_00}}
	wish := func(amount, seen Money) MatchByHand {
		return MatchByHand{Transfer: "t-1", Parts: []MatchPart{{Order: "o-1", Amount: amount}}, Open: open, Reason: "x", Account: "anna", Limit: 50_00, Seen: seen}
	}
	first := TransferMatched{Transfer: "t-1", Statement: "s-1", Order: "o-1", Amount: 30_00, ValueOn: "2026-03-12", Rule: MatchedByHand, Reason: "x", Proposer: "anna"}
	second := first
	second.Amount, second.Booking = 20_00, 1
	proposed := MatchProposed{Transfer: "t-1", Statement: "s-1", Proposal: 1, Parts: []MatchPart{{Order: "o-1", Amount: 20_01}}, Reason: "x", Proposer: "anna"}
	for i, c := range []struct {
		past []Event
		wish MatchByHand
		want Event
	}{
		{[]Event{came}, wish(30_00, 100_00), first},
		{[]Event{came, first}, wish(20_01, 70_00), proposed},
		{[]Event{came, first}, wish(20_00, 70_00), second},
	} {
		var known Transfer
		for _, event := range c.past {
			known.Evolve(event)
		}
		if events, err := c.wish.Decide(known); err != nil || !reflect.DeepEqual(events, []Event{c.want}) {
			t.Errorf("%d: %+v, %v, want %+v", i, events, err, c.want)
		}
	}
}

// What an order has of transfers goes and comes, each booking once, and the order counts as paid only while it is covered.
func TestPaymentTakenBack(t *testing.T) {
	back := func(booking int, amount Money) TakePaymentBack {
		return TakePaymentBack{PaymentTakenBack{Order: "o-1", Transfer: "t-1", Amount: amount, ValueOn: "2026-04-01", Booking: booking, Why: ReleasedReversed}}
	}
	full := []Event{submitted(t), LetterSent{Order: "o-1", Kind: ConfirmTask}, paid("t-1", 859_76)}
	s := given[Order](t, full...).when(back(1, 859_76)).then(back(1, 859_76).PaymentTakenBack)
	if o := s.fold(s.past); o.Paid() || o.Status() != AwaitingPayment || o.PaidAmount() != 0 || o.Open() != 859_76 || !o.owes(string(MarkUnpaidTask)) || len(o.Owed()) != 1 {
		t.Errorf("the order is %+v, %v", o.Status(), o.Owed())
	}
	s.when(IssueActivationFile{ActivationFileIssued{Order: "o-1", Line: 1, Licence: s.fold(s.past).Lines[0].Licence, Client: "alfa"}}).refused(OrderNotPaid)
	s.when(RecordLicencesUnpaid{Order: "o-1"}).then(LicencesMarkedUnpaid{Order: "o-1"})
	again := paid("t-1", 859_76)
	again.Booking = 2
	s.when(recordOf(again)).then(again)
	if o := s.fold(s.past); !o.Paid() || !o.owes(string(MarkPaidTask)) {
		t.Errorf("paid again, the order owes %v", o.Owed())
	}
	given[Order](t, full...).when(back(1, 859_77)).refused(InvalidInput, "field", "amount", "limit", Money(859_76).String())
	given[Order](t, append(full, back(1, 859_76).PaymentTakenBack)...).when(CancelOrder{Order: "o-1"}).then(OrderCancelled{Order: "o-1"})
	delivered := ActivationFileIssued{Order: "o-1", Line: 1}
	given[Order](t, append(full, delivered, back(1, 859_76).PaymentTakenBack)...).when(CancelOrder{Order: "o-1"}).refused(OrderHasPayments)
}

func TestUnderpaymentIsWaived(t *testing.T) {
	for name, c := range map[string]struct {
		amount, tolerance, waived Money
	}{
		"nothing open":         {859_76, 5, 0},
		"within the tolerance": {859_71, 5, 5},
		"above it":             {859_70, 5, 0},
		"no tolerance":         {859_75, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			record := recordOf(paid("t-1", c.amount))
			order := submitted(t)
			order.Tolerance = c.tolerance
			want := []Event{paid("t-1", c.amount)}
			if c.waived > 0 {
				want = append(want, UnderpaymentWaived{Order: "o-1", Amount: c.waived, Limit: c.tolerance})
			}
			s := given[Order](t, order).when(record).then(want...)
			if o := s.fold(s.past); o.Paid() != (c.amount+c.waived == 859_76) || o.PaidAmount() != c.amount {
				t.Errorf("the order is %s, %s paid", o.Status(), o.PaidAmount())
			}
		})
	}
}

func TestLicencePaymentWithdrawn(t *testing.T) {
	copied := owned("l-alfa", "alfa", SingleStation, "2.0", 1)
	copied.Activated = true
	held, done, gone := heldBy("o-1", "l-alfa"), LicencePaid{Licence: "l-alfa", Order: "o-1"}, LicencePaymentWithdrawn{Licence: "l-alfa", Order: "o-1"}
	withdraw := WithdrawLicencePayment{Order: "o-1", Licence: "l-alfa"}
	t.Run("goes back to before the payment", func(t *testing.T) {
		s := given[Licence](t, copied, held, done).when(withdraw).then(gone)
		if l := s.fold(s.past); l.Version != "2.0" || !l.Paid || !l.Activated || l.Pending == nil || l.Pending.Order != "o-1" {
			t.Errorf("licence is %+v", l)
		}
		s.when(MarkLicencePaid{Order: "o-1", Licence: "l-alfa"}).then(done)
		if l := s.fold(s.past); l.Version != "3.0" || !l.Paid || l.Pending != nil {
			t.Errorf("paid again, the licence is %+v", l)
		}
	})
	t.Run("a new copy is unpaid", func(t *testing.T) {
		s := given[Licence](t, ordered("l-alfa", "o-1"), done).when(withdraw).then(gone)
		if l := s.fold(s.past); l.Paid || !l.Exists() || l.Pending == nil {
			t.Errorf("licence is %+v", l)
		}
		s.when(WithdrawLicenceOrder{Order: "o-1", Licence: "l-alfa"}).happened()
		if l := s.fold(s.past); l.Exists() {
			t.Errorf("given up, the licence is %+v", l)
		}
	})
	t.Run("under a newer order it stays, unpaid", func(t *testing.T) {
		newer := UpdateOrdered{Licence: "l-alfa", Edition: MultiStation, Version: "3.0", Stations: 5, Order: "o-2"}
		s := given[Licence](t, copied, held, done, newer).when(withdraw).then(gone)
		if l := s.fold(s.past); l.Version != "3.0" || l.Paid || l.Pending == nil || l.Pending.Order != "o-2" {
			t.Errorf("licence is %+v", l)
		}
		s.when(MarkLicencePaid{Order: "o-2", Licence: "l-alfa"}).happened()
		if l := s.fold(s.past); l.Edition != MultiStation || l.Paid {
			t.Errorf("the newer order paid, the licence is %+v", l)
		}
		s.when(MarkLicencePaid{Order: "o-1", Licence: "l-alfa"}).then(done)
		if l := s.fold(s.past); l.Edition != MultiStation || !l.Paid {
			t.Errorf("the debt paid, the licence is %+v", l)
		}
	})
	given[Licence](t, copied, held).when(withdraw).then()
}
