package books

import (
	"cmp"
	"fmt"
	"slices"

	"netrom.pl/portal/domain"
)

// reconcile holds against each other what must agree, and lists every exception.
type reconcile struct {
	books     *Books
	turnovers map[Account]Turnover
}

func (r *reconcile) begin(Printer) error { return nil }

func (r *reconcile) see(_ domain.Record, e *Entry, _ Printer) error {
	if e == nil {
		return nil
	}
	for _, p := range e.Postings {
		r.turnovers[p.Account] = r.turnovers[p.Account].plus(p)
	}
	if !e.balanced() {
		r.books.check.complain(domain.Record{Position: e.Position}, e.Number.String(), unbalanced, "")
	}
	return nil
}

// pair is two ways to count the same.
type pair struct {
	what        string // code
	left, right count
}

func (r *reconcile) end(out Printer) error {
	c := &r.books.check
	c.statementGaps()
	waiting := r.waiting()
	if err := out.Table(Table{"agreement", []Column{{"what", Code, false}, {"left", Whole, false}, {"right", Whole, false}, {"left_sum", Amount, false}, {"right_sum", Amount, false}, {"agrees", Code, false}}}); err != nil {
		return err
	}
	for _, p := range r.pairs() {
		agrees := agreeing
		if p.left != p.right {
			agrees = differing
			c.complain(domain.Record{}, "", p.what, fmt.Sprintf("%d (%s) / %d (%s)", p.left.number, p.left.sum, p.right.number, p.right.sum))
		}
		if err := out.Row([]any{p.what, p.left.number, p.right.number, p.left.sum, p.right.sum, agrees}); err != nil {
			return err
		}
	}
	if err := printTurnovers(out, r.turnovers); err != nil {
		return err
	}
	if err := out.Table(Table{"waiting", []Column{{"subject", Text, false}, {"since", Moment, false}, {"what", Code, false}, {"detail", Text, false}}}); err != nil {
		return err
	}
	for _, row := range waiting {
		if err := out.Row(row); err != nil {
			return err
		}
	}
	return r.exceptions(out)
}

func (r *reconcile) exceptions(out Printer) error {
	if err := out.Table(Table{"exceptions", []Column{{"position", Whole, false}, {"subject", Text, false}, {"what", Code, false}, {"detail", Text, false}}}); err != nil {
		return err
	}
	c := &r.books.check
	for _, e := range c.exceptions {
		if err := out.Row([]any{e.Position, e.Subject, e.What, e.Detail}); err != nil {
			return err
		}
	}
	if c.uncounted == 0 {
		return nil
	}
	return out.Row([]any{domain.Position(0), "", moreExceptions, fmt.Sprint(c.uncounted)})
}

// pairs are what must agree at every position of the log, if what orders still wait for is taken into account.
func (r *reconcile) pairs() []pair {
	c := &r.books.check
	matched, licences := c.booked, c.licences
	var prepaid, unmatched, credits, refunds domain.Money
	for _, o := range r.books.orders {
		prepaid += o.prepaid()
		matched.number, matched.sum = matched.number+o.matches-o.bookings(), matched.sum+o.matched-o.PaidAmount()
		licences -= o.licences - o.told()
	}
	for _, t := range r.books.transfers {
		p := t.parts()
		unmatched, refunds = unmatched+p.unmatched, refunds+p.refunds
		for _, amount := range p.credits {
			credits += amount
		}
	}
	for _, reversal := range r.books.reversals {
		unmatched -= reversal.Amount
	}
	balance := func(a Account) domain.Money { return -r.turnovers[a].Balance() }
	return []pair{
		{transfersOfStatements, c.named, c.received},
		{bankAgrees, count{c.received.number, c.received.sum}, count{c.received.number, r.turnovers[Bank].Debit}},
		{paidOutAgrees, count{c.refunded.number + c.reversed.number, c.refunded.sum + c.reversed.sum}, count{c.refunded.number + c.reversed.number, r.turnovers[Bank].Credit}},
		{matchedAndPaid, c.matched, matched},
		{unmatchedAgrees, count{0, unmatched}, count{0, balance(Unmatched)}},
		{prepaidAgrees, count{0, prepaid}, count{0, balance(Prepayments)}},
		{creditAgrees, count{0, credits}, count{0, balance(Credit)}},
		{refundsAgree, count{0, refunds}, count{0, balance(Refunds)}},
		{ordersNumbered, count{c.numbered, 0}, count{c.ordered, 0}},
		{licencesTold, count{c.told, 0}, count{licences, 0}},
		{deliveredAgrees, count{c.issued, c.delivered}, count{c.issued, balance(Sales) + balance(VAT)}},
	}
}

// step is something that the portal has still to do.
type step struct {
	subject, what, detail string
	last                  domain.Record // after which it is to be done
}

// waiting lists what the portal has still to do, and complains of what it has not done for long.
func (r *reconcile) waiting() [][]any {
	c := &r.books.check
	var steps []step
	for _, o := range r.books.orders {
		if what := o.waitsFor(); what != "" {
			steps = append(steps, step{o.Number.String(), what, "", o.last})
		}
	}
	for stream, of := range c.pending {
		statement := c.statements[of]
		steps = append(steps, step{statement.Number, transferMissing, stream, statement.record})
	}
	for number, record := range c.numbers {
		steps = append(steps, step{number.String(), orderNotSubmitted, "", record})
	}
	for _, closing := range r.books.closings {
		if !closing.sealed {
			steps = append(steps, step{string(closing.Through), periodNotSealed, "", closing.record})
		}
	}
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(a.last.Position, b.last.Position), compare(a.subject, b.subject, a.what, b.what, a.detail, b.detail))
	})
	var rows [][]any
	for _, s := range steps {
		since := s.last.Metadata.At
		rows = append(rows, []any{s.subject, since.UTC(), s.what, s.detail})
		if r.books.at.Sub(since) > patience {
			c.complain(s.last, s.subject, s.what, s.detail)
		}
	}
	return rows
}

// waitsFor is the portal's own next step with an order; empty when others have to act, or nobody.
func (o *order) waitsFor() string {
	owed := func(kind domain.TaskKind) bool {
		return slices.ContainsFunc(o.Owed(), func(t domain.Task) bool { return t.Kind == kind })
	}
	switch {
	case !o.booked():
		return paymentsDiffer
	case owed(domain.ReleaseTask):
		return licencesNotReleased
	case o.Paid() && !o.LicencesPaid, owed(domain.MarkUnpaidTask):
		return licencesNotTold
	case o.licences != o.told():
		return licencesDiffer
	case o.Paid() && owed(domain.ActivateTask) && o.delivered < o.Total.Gross:
		return fileNotIssued
	}
	return ""
}
