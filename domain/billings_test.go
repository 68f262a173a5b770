package domain

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// billed is an order with lines of these net amounts at 23, 8, 23, 8 ... percent.
func billedOrder(nets ...Money) Order {
	submitted := OrderSubmitted{Order: "o-1", Number: OrderNumber{2026, 7}}
	for i, net := range nets {
		rate := []VATRate{23, 8, 5, 0}[i%4]
		line := Line{Line: i + 1, VATRate: rate, Amounts: AmountsOf(net, rate)}
		submitted.Lines, submitted.Total = append(submitted.Lines, line), submitted.Total.Plus(line.Amounts)
	}
	return fold[Order]([]Event{submitted})
}

func (o Order) paid(amount Money, on Day) Order {
	o.Evolve(PaymentReceived{Order: o.Order, Transfer: TransferID(fmt.Sprint(len(o.Payments))), Amount: amount, ValueOn: on})
	return o
}

// told is a billing in a line.
func (b Billing) told() string {
	text := fmt.Sprintf("%s %s %s:", b.Month, b.Kind, b.PaidOn)
	for _, r := range b.Rates {
		text += fmt.Sprintf(" %d%% %s+%s=%s", r.Rate, r.Net.Decimal(), r.VAT.Decimal(), r.Gross.Decimal())
	}
	return text
}

func TestBillings(t *testing.T) {
	waived := billedOrder(100_00).paid(122_99, "2026-11-02")
	waived.Evolve(UnderpaymentWaived{Order: "o-1", Amount: 1, Limit: 1})
	reversed := billedOrder(100_00).paid(123_00, "2026-10-02")
	reversed.Evolve(PaymentTakenBack{Order: "o-1", Transfer: "0", Amount: 23_00, ValueOn: "2026-11-03"})
	cancelled := fold[Order]([]Event{billedOrder(100_00).OrderSubmitted, OrderCancelled{Order: "o-1"}}).paid(123_00, "2026-10-02")
	for name, test := range map[string]struct {
		order Order
		want  string
	}{
		"nothing paid":           {billedOrder(100_00), ""},
		"at once":                {billedOrder(100_00).paid(123_00, "2026-11-02"), "2026-11 full 2026-11-02: 23% 100.00+23.00=123.00"},
		"in two parts, a month":  {billedOrder(100_00).paid(100_00, "2026-11-02").paid(23_00, "2026-11-30"), "2026-11 full 2026-11-30: 23% 100.00+23.00=123.00"},
		"in two months":          {billedOrder(100_00).paid(50_00, "2026-10-31").paid(73_00, "2026-11-01"), "2026-10 advance 2026-10-31: 23% 40.65+9.35=50.00\n2026-11 settlement 2026-11-01: 23% 59.35+13.65=73.00"},
		"too much":               {billedOrder(100_00).paid(200_00, "2026-11-02"), "2026-11 full 2026-11-02: 23% 100.00+23.00=123.00"},
		"more afterwards":        {billedOrder(100_00).paid(123_00, "2026-11-02").paid(5_00, "2026-12-02"), "2026-11 full 2026-11-02: 23% 100.00+23.00=123.00"},
		"two rates":              {billedOrder(100_00, 100_00).paid(115_50, "2026-10-02").paid(115_50, "2026-11-02"), "2026-10 advance 2026-10-02: 23% 50.00+11.50=61.50 8% 50.00+4.00=54.00\n2026-11 settlement 2026-11-02: 23% 50.00+11.50=61.50 8% 50.00+4.00=54.00"},
		"a rest waived":          {waived, "2026-11 full 2026-11-02: 23% 100.00+23.00=123.00"},
		"a part taken back":      {reversed, "2026-10 full 2026-10-02: 23% 100.00+23.00=123.00\n2026-11 correction 2026-11-03: 23% -18.70+-4.30=-23.00"},
		"a cancelled order":      {cancelled, ""},
		"the month of the value": {billedOrder(100_00).paid(1, "2026-12-31"), "2026-12 advance 2026-12-31: 23% 0.01+0.00=0.01"},
	} {
		var told []string
		for _, billing := range test.order.Billings() {
			told = append(told, billing.told())
		}
		if got := strings.Join(told, "\n"); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

// However an order is paid, its months add up to its amounts by rate, and no figure of a month that is not a correction is below 0.
func TestBillingsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nets := rapid.SliceOfN(rapid.Int64Range(0, int64(MoneyMax/8)), 1, 6).Draw(t, "nets")
		if rapid.Bool().Draw(t, "small") {
			nets = rapid.SliceOfN(rapid.Int64Range(0, 50), 1, 6).Draw(t, "small nets")
		}
		var lines []Money
		for _, net := range nets {
			lines = append(lines, Money(net))
		}
		o := billedOrder(lines...)
		for month := 1; month <= 12 && o.Open() > 0; month++ {
			amount := Money(rapid.Int64Range(1, int64(o.Open())).Draw(t, "amount"))
			if month == 12 {
				amount = o.Open()
			}
			o = o.paid(amount, Day(fmt.Sprintf("2026-%02d-10", month)))
			if back := Money(rapid.Int64Range(0, 3*int64(amount)).Draw(t, "taken back")); back > 0 && back <= amount && month < 12 {
				o.Evolve(PaymentTakenBack{Order: o.Order, Amount: back, ValueOn: Day(fmt.Sprintf("2026-%02d-20", rapid.IntRange(month, 11).Draw(t, "later")))})
			}
		}
		sums, whole := map[VATRate]Amounts{}, Amounts{}
		for _, b := range o.Billings() {
			for _, r := range b.Rates {
				sums[r.Rate] = sums[r.Rate].Plus(r.Amounts)
				if sign := map[bool]Money{true: -1, false: 1}[b.Kind == CorrectionBilling]; r.Net*sign < 0 || r.VAT*sign < 0 || r.Gross*sign <= 0 || r.Net+r.VAT != r.Gross {
					t.Fatalf("%s", b.told())
				}
			}
			whole = whole.Plus(b.Total)
		}
		want := Amounts{}
		if o.Paid() && len(o.Payments) > 0 {
			want = o.Total
			for _, r := range o.byRate() {
				if sums[r.Rate] != r.Amounts {
					t.Fatalf("%d%% comes to %+v, the order has %+v", r.Rate, sums[r.Rate], r.Amounts)
				}
			}
		}
		if o.Paid() && whole != want || !o.Paid() && whole.Gross != min(max(o.PaidAmount(), 0), o.Total.Gross) {
			t.Fatalf("billed %+v of %+v, %s paid", whole, o.Total, o.PaidAmount())
		}
	})
}

func TestTaxWithinAGrossAmount(t *testing.T) {
	for _, rate := range []VATRate{0, 5, 8, 23, 100} {
		for _, gross := range []Money{0, 1, 2, 3, 5, 123, 12_345, 99_999_999, MoneyMax, MoneyMax - 1} {
			exact := new(big.Rat).SetFrac64(int64(gross)*int64(rate), 100+int64(rate))
			off := new(big.Rat).Sub(new(big.Rat).SetInt64(int64(rate.Within(gross))), exact)
			if off.Abs(off).Cmp(big.NewRat(1, 2)) > 0 {
				t.Errorf("%d%% within %d is %d", rate, gross, rate.Within(gross))
			}
		}
	}
}
