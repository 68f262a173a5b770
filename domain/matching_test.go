package domain

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// counter is an office in which transfers are matched: its orders by number, its invoices, and all that waits.
type counter struct {
	orders   map[OrderNumber]Payable
	invoices map[string]OrderNumber
	waiting  Receivables
}

func openCounter(orders ...Payable) *counter {
	c := &counter{orders: map[OrderNumber]Payable{}, invoices: map[string]OrderNumber{}}
	for _, order := range orders {
		c.orders[order.Number] = order
		c.waiting.Put(order)
	}
	return c
}

func (c *counter) matcher() Matcher {
	return Matcher{
		Order:   func(n OrderNumber) (Payable, bool) { p, ok := c.orders[n]; return p, ok },
		Invoice: func(text string) (OrderNumber, bool) { n, ok := c.invoices[text]; return n, ok },
		Waiting: func() *Receivables { return &c.waiting },
	}
}

func payable(sequence int, buyer CustomerID, name string, open Money) Payable {
	number := OrderNumber{2026, sequence}
	return Payable{Order: OrderID("o-" + number.String()), Number: number, Buyer: buyer, BuyerName: name, Account: terms.Bank.Account, Open: open}
}

func TestMatch(t *testing.T) {
	over := payable(4, "gama", "Gama", 50_00)
	over.Over = true
	virtual := payable(7, "zeta", "Zeta", 70_00)
	virtual.Account = VirtualAccount("10205558000012", virtual.Number)
	c := openCounter(payable(1, "alfa", "Alfa sp. z o.o.", 100_00), payable(2, "alfa", "Alfa sp. z o.o.", 30_00), payable(3, "beta", "Beta", 0), over,
		payable(5, "delta", "Delta", 55_00), payable(6, "delta", "Delta", 55_00), virtual)
	c.waiting.Paid("known", "alfa")
	c.waiting.Paid("agent", "alfa")
	c.waiting.Paid("agent", "delta")
	c.waiting.Paid("twin", "delta")
	const ksef = "5265877635-20250826-0100001AF629-AF"
	c.invoices["FV/1/2026"], c.invoices[ksef] = OrderNumber{2026, 1}, OrderNumber{2026, 2}
	one, two := OrderNumber{2026, 1}.Reference(), OrderNumber{2026, 2}.Reference()
	for name, story := range map[string]struct {
		title  string
		amount Money
		with   func(*TransferReceived)
		want   string // rule or reason, and what each order gets, and the credit
	}{
		"its reference":                      {title: one, amount: 100_00, want: "reference-2 1:10000"},
		"too little":                         {title: one, amount: 1, want: "reference-2 1:1"},
		"too much":                           {title: one, amount: 120_00, want: "reference-2 1:10000 alfa+2000"},
		"two orders":                         {title: one + " " + two, amount: 130_00, want: "reference-2 1:10000 2:3000"},
		"two orders in the order of naming":  {title: two + " " + one, amount: 100_00, want: "reference-2 2:3000 1:7000"},
		"two orders and too little for both": {title: one + " " + two, amount: 100_00, want: "reference-2 1:10000"},
		"two orders and too much":            {title: one + " " + two, amount: 131_00, want: "reference-2 1:10000 2:3000 alfa+100"},
		"one of two is paid":                 {title: one + " " + OrderNumber{2026, 3}.Reference(), amount: 100_00, want: UnmatchedNotOpen},
		"a cancelled one":                    {title: OrderNumber{2026, 4}.Reference(), amount: 50_00, want: UnmatchedNotOpen},
		"a number of nobody":                 {title: OrderNumber{2026, 9}.Reference(), amount: 1, want: UnmatchedUnknownOrder},
		"another account":                    {title: one, amount: 100_00, with: func(r *TransferReceived) { r.Account = "27114020040000300201355387" }, want: UnmatchedForeign},
		"a number and its amount":            {title: "ZAM 2026/000001", amount: 100_00, want: "number-exact-1 1:10000"},
		"a number and another amount":        {title: "ZAM 2026/000001", amount: 99_99, want: UnmatchedUnsure},
		"a number and too much":              {title: "ZAM 2026/000001", amount: 100_01, want: UnmatchedUnsure},
		"two numbers":                        {title: "ZAM 2026/000001 ZAM 2026/000002", amount: 130_00, want: UnmatchedAmbiguous},
		"a reference beside a number":        {title: one + " ZAM 2026/000002", amount: 100_00, want: "reference-2 1:10000"},
		"one digit off":                      {title: strings.Replace(one, "000001", "000002", 1), amount: 100_00, want: UnmatchedMistyped},
		"nothing":                            {title: "za program", amount: 100_00, want: UnmatchedNoReference},
		"a split payment":                    {title: "/VAT/18,70/IDC/1234563218/INV/FV/1/2026", amount: 100_00, want: "invoice-1 1:10000"},
		"a split payment with a remark":      {title: "/VAT/18,70/IDC/1234563218/INV/FV/1/2026/TXT/dzieki", amount: 100_00, want: "invoice-1 1:10000"},
		"a split payment of strangers":       {title: "/VAT/18,70/IDC/1234563218/INV/FV/9/2026", amount: 100_00, want: UnmatchedNoReference},
		"a KSeF number":                      {title: "zaplata " + ksef, amount: 30_00, want: "invoice-1 2:3000"},
		"a KSeF number without dashes":       {title: strings.ReplaceAll(ksef, "-", ""), amount: 30_00, want: "invoice-1 2:3000"},
		"a KSeF number with a wrong sum":     {title: strings.Replace(ksef, "-AF", "-AE", 1), amount: 30_00, want: UnmatchedNoReference},
		"two invoices":                       {title: "/VAT/1,00/IDC/1234563218/INV/FV/1/2026, " + ksef, amount: 130_00, want: "invoice-1 2:3000 1:10000"},
		"a known payer and one order":        {title: "za program", amount: 30_00, with: func(r *TransferReceived) { r.PayerAccount = "known" }, want: "payer-1 2:3000"},
		"a known payer and another amount":   {title: "za program", amount: 31_00, with: func(r *TransferReceived) { r.PayerAccount = "known" }, want: UnmatchedNoReference},
		"a payer for several":                {title: "za program", amount: 30_00, with: func(r *TransferReceived) { r.PayerAccount = "agent" }, want: UnmatchedNoReference},
		"a known payer and two such orders":  {title: "za program", amount: 55_00, with: func(r *TransferReceived) { r.PayerAccount = "twin" }, want: UnmatchedNoReference},
		"a virtual account":                  {title: "obojetne", amount: 70_00, with: func(r *TransferReceived) { r.PaidTo = string(virtual.Account) }, want: "virtual-account-1 7:7000"},
		"the bank's short form of it":        {title: "obojetne", amount: 70_00, with: func(r *TransferReceived) { r.PaidTo = "2026000007" }, want: "virtual-account-1 7:7000"},
		"its reference, on the main account": {title: virtual.Number.Reference(), amount: 70_00, want: "reference-2 7:7000"},
		"a short form that is none":          {title: one, amount: 100_00, with: func(r *TransferReceived) { r.PaidTo = "77" }, want: "reference-2 1:10000"},
	} {
		t.Run(name, func(t *testing.T) {
			received := TransferReceived{Transfer: "t-1", Account: terms.Bank.Account, Amount: story.amount, ValueOn: "2026-03-12", Title: story.title}
			if story.with != nil {
				story.with(&received)
			}
			finding := c.matcher().Match(received)
			got := finding.Rule + finding.Reason
			sum := Money(0)
			for _, match := range finding.Matches(received) {
				got += fmt.Sprintf(" %d:%d", match.Number.Sequence, match.Amount)
				sum += match.Amount
				if match.Rule != finding.Rule || match.ValueOn != received.ValueOn || match.Transfer != "t-1" {
					t.Errorf("match is %+v", match)
				}
			}
			if credit := finding.Credit; credit != nil {
				got += fmt.Sprintf(" %s+%d", credit.Customer, credit.Amount)
				sum += credit.Amount
			}
			if got != story.want || finding.Rule != "" && sum != story.amount || (finding.Rule == "") == (finding.Reason == "") {
				t.Errorf("found %q, want %q", got, story.want)
			}
			if received.Amount > 0 && finding.Rule != "" {
				given[Transfer](t).when(ReceiveTransfer{TransferReceived: received, Matches: finding.Matches(received)}).happened()
			}
		})
	}
}

func TestSuggestions(t *testing.T) {
	c := openCounter(payable(1, "alfa", "Alfa sp. z o.o.", 100_00), payable(2, "alfa", "Alfa sp. z o.o.", 30_00), payable(3, "beta", "Żółw s.c.", 100_00),
		payable(5, "delta", "Delta", 55_00))
	c.waiting.Paid("known", "delta")
	reference := OrderNumber{2026, 5}.Reference()
	for name, story := range map[string]struct {
		title, payer, account string
		amount                Money
		want                  []string
	}{
		"nothing known":                    {"za program", "", "", 77, nil},
		"the only such amount":             {"za program", "", "", 30_00, []string{"2 amount"}},
		"two such amounts":                 {"za program", "", "", 100_00, nil},
		"the payer's name":                 {"za program", "ZOLW SPOLKA CYWILNA UL DLUGA 1", "", 100_00, []string{"3 payer-name"}},
		"the payer's name and its amount":  {"za program", "ALFA SP Z O O", "", 30_00, []string{"2 payer-name amount"}},
		"the payer's name, another amount": {"za program", "ALFA SPÓŁKA Z O.O. WARSZAWA", "", 31_00, []string{"1 payer-name", "2 payer-name"}},
		"a known account":                  {"za program", "", "known", 1, []string{"5 payer"}},
		"one wrong digit":                  {strings.Replace(reference, "000005", "000006", 1), "", "", 1, []string{"5 reference"}},
		"two swapped digits":               {strings.Replace(reference, "2026", "2206", 1), "", "", 1, []string{"5 reference"}},
		"a number, not sure":               {"ZAM 2026/000005", "", "", 1, []string{"5 named"}},
		"two numbers, not sure":            {"ZAM 2026/000001 ZAM 2026/000005", "", "", 55_00, []string{"5 named amount", "1 named"}},
	} {
		t.Run(name, func(t *testing.T) {
			finding := c.matcher().Match(TransferReceived{Transfer: "t-1", Account: terms.Bank.Account, Amount: story.amount, Title: story.title,
				PayerName: story.payer, PayerAccount: story.account})
			var got []string
			for _, s := range finding.Suggestions {
				got = append(got, fmt.Sprint(s.Number.Sequence, " ", strings.Join(s.Why, " ")))
			}
			if finding.Rule != "" || !reflect.DeepEqual(got, story.want) {
				t.Errorf("%s%s suggests %q, want %q", finding.Rule, finding.Reason, got, story.want)
			}
		})
	}
}

// What the log tells and what is put in give the same index, and an order that is paid, over or paid back is found accordingly.
func TestReceivablesFold(t *testing.T) {
	var r Receivables
	see := func(events ...Event) {
		for _, event := range events {
			r.See(event)
		}
	}
	found := func(amount Money) int {
		m := Matcher{Order: r.Order, Waiting: func() *Receivables { return &r }}
		return len(m.Match(TransferReceived{Account: terms.Bank.Account, Amount: amount}).Suggestions)
	}
	see(alfaRegistered, submitted(t))
	if found(859_76) != 1 {
		t.Error("an open order is not found")
	}
	see(TransferReceived{Transfer: "t-1", PayerAccount: "known"}, TransferMatched{Transfer: "t-1", Order: "o-1", Amount: 859_75}, paid("t-1", 859_75))
	if found(859_76) != 0 || found(1) != 1 {
		t.Error("what is open has not changed")
	}
	if order, ok := r.ofPayer(TransferReceived{PayerAccount: "known", Account: terms.Bank.Account, Amount: 1}); !ok || order.Order != "o-1" {
		t.Error("the payer is not known")
	}
	see(UnderpaymentWaived{Order: "o-1", Amount: 1})
	if found(1) != 0 {
		t.Error("a rest that was waived is still open")
	}
	see(PaymentTakenBack{Order: "o-1", Transfer: "t-1", Amount: 859_75})
	if found(859_75) != 1 {
		t.Error("an order that lost its money does not wait")
	}
	see(OrderCancelled{Order: "o-1"})
	if found(859_75) != 0 {
		t.Error("a cancelled order waits")
	}
	if order, ok := r.Order(OrderNumber{2026, 1}); !ok || !order.Over {
		t.Error("a cancelled order is not known")
	}
}

func TestVirtualAccount(t *testing.T) {
	account := VirtualAccount("10205558000012", OrderNumber{2026, 123})
	if parsed, err := ParseNRB(string(account)); err != nil || parsed != account || !strings.HasSuffix(string(account), "102055580000122026000123") {
		t.Errorf("account is %s, %v", account, err)
	}
	order := PlaceOrder{Order: "o", Number: OrderNumber{2026, 123}, Terms: Terms{Bank: terms.Bank, PaymentDays: 1, VirtualPrefix: "10205558000012"}, On: "2026-03-01"}
	events, err := order.Decide(Order{})
	if err != nil || events[0].(OrderSubmitted).Bank.Account != account {
		t.Errorf("ordered %+v, %v", events, err)
	}
}

func TestParseVirtualPrefix(t *testing.T) {
	for text, want := range map[string]string{
		"10205558123456":    "10205558123456",
		"1020 5558 1234 56": "10205558123456",
		"10205558-123456":   "10205558123456",
		"10205568123456":    "", // one digit of the settlement number is wrong
		"1020555812345":     "",
		"102055581234567":   "",
		"84102055581234":    "", // begins with the check digits of an account
		"1020555812345a":    "",
		"":                  "",
	} {
		got, err := ParseVirtualPrefix(text)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrVirtualPrefix) {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	}
}
