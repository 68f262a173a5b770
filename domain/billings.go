package domain

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
)

// BillingKind is what kind of invoice a month's payments of an order want.
type BillingKind string

// The kinds of a billing.
const (
	FullBilling       BillingKind = "full"       // the whole order was paid in one month
	AdvanceBilling    BillingKind = "advance"    // a part of the price, before delivery
	SettlementBilling BillingKind = "settlement" // the rest, after advances
	CorrectionBilling BillingKind = "correction" // more was taken back than came
)

// RateAmounts are the figures of one rate of tax.
type RateAmounts struct {
	Rate VATRate
	Amounts
}

// Billing is what the payments of one month come to for the vendor's books: one invoice.
type Billing struct {
	Month  Month
	Kind   BillingKind
	PaidOn Day           // the last day of the month on which money moved
	Rates  []RateAmounts // the highest rate first; together the billed amount
	Total  Amounts
}

// Advance is the month by which an invoice of this billing is told from the others of its order; see [InvoiceRecorded].
func (b Billing) Advance() Month {
	if b.Kind == AdvanceBilling {
		return b.Month
	}
	return ""
}

// Billings says, month by month of the value dates, what is to be invoiced: tax falls due when the money comes, not when the order was
// placed, and a part payment is an advance. What is beyond the price is not billed, and neither is what comes on a cancelled order: it
// goes back. The months of an order add up to its amounts by rate, to the grosz.
// Source: VAT Act, art. 19a(8), 106b(1)(4), 106f and 106i(2).
func (o Order) Billings() []Billing {
	if !o.Exists() || o.Cancelled {
		return nil
	}
	rest, billed := o.byRate(), make([]RateAmounts, 0)
	for _, r := range rest {
		billed = append(billed, RateAmounts{Rate: r.Rate})
	}
	moves := o.moves()
	months := slices.Sorted(maps.Keys(moves))
	var list []Billing
	var received, covered Money
	for i, month := range months {
		received += moves[month].sum
		target := min(max(received, 0), o.Total.Gross)
		last := i == len(months)-1 && o.Paid()
		if last {
			target = o.Total.Gross // a waived rest is sold, too
		}
		billing := Billing{Month: month, PaidOn: moves[month].last}
		switch {
		case target == covered:
			continue
		case target < covered:
			billing.Kind = CorrectionBilling
			billing.Rates = negative(takeShare(billed, rest, covered-target))
		default:
			billing.Kind = kindOf(covered, target, o.Total.Gross)
			billing.Rates = takeShare(rest, billed, target-covered)
		}
		for _, r := range billing.Rates {
			billing.Total = billing.Total.Plus(r.Amounts)
		}
		covered = target
		list = append(list, billing)
	}
	return list
}

func kindOf(before, after, whole Money) BillingKind {
	switch {
	case after < whole:
		return AdvanceBilling
	case before == 0:
		return FullBilling
	}
	return SettlementBilling
}

// moved is how much money came in a month, less what was taken back, and the last day of it.
type moved struct {
	sum  Money
	last Day
}

func (o Order) moves() map[Month]moved {
	months := map[Month]moved{}
	add := func(on Day, amount Money) {
		m := months[on.Month()]
		months[on.Month()] = moved{m.sum + amount, max(m.last, on)}
	}
	for _, payment := range o.Payments {
		add(payment.ValueOn, payment.Amount)
	}
	for _, back := range o.TakenBack {
		add(back.ValueOn, -back.Amount)
	}
	return months
}

// byRate sums up the lines of each rate, the highest first.
func (o Order) byRate() []RateAmounts {
	sums := map[VATRate]Amounts{}
	for _, line := range o.Lines {
		sums[line.VATRate] = sums[line.VATRate].Plus(line.Amounts)
	}
	var list []RateAmounts
	for _, rate := range slices.SortedFunc(maps.Keys(sums), func(a, b VATRate) int { return cmp.Compare(b, a) }) {
		list = append(list, RateAmounts{rate, sums[rate]})
	}
	return list
}

// takeShare moves a gross amount from one account of rates to another: in proportion to what each rate still has, and all that is left
// with the last of it. amount is above 0 and at most what from has.
func takeShare(from, to []RateAmounts, amount Money) []RateAmounts {
	var whole, seen, given Money
	for _, r := range from {
		whole += r.Gross
	}
	var taken []RateAmounts
	for i := range from {
		has := from[i].Amounts
		seen += has.Gross
		upTo := portion(amount, seen, whole)
		gross := upTo - given
		given = upTo
		if gross == 0 {
			continue
		}
		vat := from[i].Rate.Within(gross)
		vat = max(min(vat, has.VAT), has.VAT-(has.Gross-gross), 0) // neither tax nor net of what stays is below 0
		if net := gross - vat; net > has.Net || gross == has.Gross {
			vat = gross - has.Net
			if gross == has.Gross {
				vat = has.VAT
			}
		}
		share := Amounts{Net: gross - vat, VAT: vat, Gross: gross}
		from[i].Amounts = Amounts{Net: has.Net - share.Net, VAT: has.VAT - share.VAT, Gross: has.Gross - share.Gross}
		to[i].Amounts = to[i].Plus(share)
		taken = append(taken, RateAmounts{from[i].Rate, share})
	}
	return taken
}

// portion is amount × part / whole, rounded down, for amounts from 0 and part at most whole.
func portion(amount, part, whole Money) Money {
	if whole == 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(amount), uint64(part))
	quotient, _ := bits.Div64(high, low, uint64(whole))
	return Money(quotient)
}

func negative(rates []RateAmounts) []RateAmounts {
	for i, r := range rates {
		rates[i].Amounts = Amounts{Net: -r.Net, VAT: -r.VAT, Gross: -r.Gross}
	}
	return rates
}
