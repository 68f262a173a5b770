package books

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"netrom.pl/portal/domain"
)

// open lists what is not settled, account by account.
type open struct {
	books *Books
}

func (o *open) begin(Printer) error { return nil }

func (o *open) see(domain.Record, *Entry, Printer) error { return nil }

func (o *open) end(out Printer) error {
	orders := slices.SortedFunc(maps.Values(o.books.orders), func(a, b *order) int {
		return cmp.Or(cmp.Compare(a.Number.Year, b.Number.Year), cmp.Compare(a.Number.Sequence, b.Number.Sequence))
	})
	if err := o.unpaid(out, orders); err != nil {
		return err
	}
	if err := o.prepaid(out, orders); err != nil {
		return err
	}
	return o.ofTransfers(out)
}

// unpaid are the orders that wait for money.
func (o *open) unpaid(out Printer, orders []*order) error {
	if err := out.Table(Table{"unpaid", []Column{{"order", Text, false}, {"buyer", Text, false}, {"status", Code, false}, {"due_on", Date, false},
		{"gross", Amount, false}, {"paid", Amount, false}, {"open", Amount, false}}}); err != nil {
		return err
	}
	var gross, paid, left domain.Money
	for _, order := range orders {
		if order.Cancelled || order.Lapsed || order.Open() <= 0 {
			continue
		}
		gross, paid, left = gross+order.Total.Gross, paid+order.PaidAmount(), left+order.Open()
		if err := out.Row([]any{order.Number.String(), string(order.Buyer), string(order.Status()), order.DueOn, order.Total.Gross, order.PaidAmount(), order.Open()}); err != nil {
			return err
		}
	}
	return out.Row([]any{SumRow, "", "", domain.Day(""), gross, paid, left})
}

// prepaid are the balances of the orders' accounts: money for what is not delivered yet, or too much of it; below 0 what was delivered
// and is not paid any more.
func (o *open) prepaid(out Printer, orders []*order) error {
	if err := out.Table(Table{"prepaid", []Column{{"order", Text, false}, {"buyer", Text, false}, {"status", Code, false}, {"gross", Amount, false},
		{"paid", Amount, false}, {"delivered", Amount, false}, {"overpaid", Amount, false}, {"balance", Amount, false}}}); err != nil {
		return err
	}
	var overpaid, sum domain.Money
	for _, order := range orders {
		if order.prepaid() == 0 {
			continue
		}
		over := order.matched
		if !order.Cancelled && !order.Lapsed {
			over = max(order.matched-order.Total.Gross, 0)
		}
		overpaid, sum = overpaid+over, sum+order.prepaid()
		if err := out.Row([]any{order.Number.String(), string(order.Buyer), string(order.Status()), order.Total.Gross, order.matched, order.delivered, over, order.prepaid()}); err != nil {
			return err
		}
	}
	return out.Row([]any{SumRow, "", "", domain.Money(0), domain.Money(0), domain.Money(0), overpaid, sum})
}

// ofTransfers are the balances of the accounts behind the transfers: money without an order, credits, and refunds on their way.
func (o *open) ofTransfers(out Printer) error {
	transfers := slices.SortedFunc(maps.Values(o.books.transfers), func(a, b *transfer) int {
		return compare(string(a.ValueOn), string(b.ValueOn), a.reference(), b.reference(), string(a.Transfer.Transfer), string(b.Transfer.Transfer))
	})
	var unmatched, credits, refunds [][]any
	for _, t := range transfers {
		p, statement := t.parts(), o.books.check.statements[t.Statement].Number
		if p.unmatched != 0 {
			unmatched = append(unmatched, []any{t.reference(), statement, t.ValueOn, t.Amount, p.unmatched})
		}
		for _, customer := range slices.Sorted(maps.Keys(p.credits)) {
			credits = append(credits, []any{string(customer), t.reference(), t.ValueOn, p.credits[customer]})
		}
		for _, r := range t.Refunds {
			if r.State == domain.RefundAwaits || r.State == domain.RefundAgreed {
				refunds = append(refunds, []any{t.reference(), r.Refund, string(r.State), r.Amount})
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(o.books.reversals)) {
		r := o.books.reversals[id]
		unmatched = append(unmatched, []any{r.BankReference, o.books.check.statements[r.Statement].Number, r.ValueOn, -r.Amount, -r.Amount})
	}
	slices.SortStableFunc(credits, func(a, b []any) int { return compare(a[0].(string), b[0].(string)) })
	return errors.Join(
		list(out, Table{"unmatched", []Column{{"transfer", Text, false}, {"statement", Text, false}, {"value_on", Date, false}, {"amount", Amount, false}, {"open", Amount, false}}}, unmatched),
		list(out, Table{"credits", []Column{{"buyer", Text, false}, {"transfer", Text, false}, {"value_on", Date, false}, {"open", Amount, false}}}, credits),
		list(out, Table{"refunds", []Column{{"transfer", Text, false}, {"refund", Whole, false}, {"refund_state", Code, false}, {"open", Amount, false}}}, refunds))
}

// list prints a table whose last column is summed up.
func list(out Printer, table Table, rows [][]any) error {
	if err := out.Table(table); err != nil {
		return err
	}
	last := len(table.Columns) - 1
	sum := make([]any, len(table.Columns))
	var total domain.Money
	for _, row := range rows {
		total += row[last].(domain.Money)
		if err := out.Row(row); err != nil {
			return err
		}
	}
	sum[0], sum[last] = SumRow, total
	return out.Row(sum)
}

// compare orders by pairs of texts, the first pair that differs decides.
func compare(pairs ...string) int {
	for i := 0; i < len(pairs); i += 2 {
		if c := cmp.Compare(pairs[i], pairs[i+1]); c != 0 {
			return c
		}
	}
	return 0
}
