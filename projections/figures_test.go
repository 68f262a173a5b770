package projections

import (
	"slices"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// figures folds the world's log up to a position; 0: all of it.
func (w *world) figures(upTo domain.Position) *Figures {
	w.t.Helper()
	f := NewFigures(w.log)
	for record, err := range w.log.History(ctx, 0) {
		if err == nil && (upTo == 0 || record.Position <= upTo) {
			err = f.See(ctx, record)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return f
}

// differ compares the world's log with its tables.
func (w *world) differ(max int) Comparison {
	w.t.Helper()
	w.settle()
	return must(w.figures(0).Compare(ctx, w.db, max))
}

// Every row that is missing, too many or altered is named with what the log and what the table says, and nothing else.
func TestExceptionsAreNamed(t *testing.T) {
	t.Parallel()
	w := stand(t).open()
	stop := w.run(All()...)
	for n := range 3 {
		w.chapter(n)
	}
	if c := w.differ(100); c.Differ() || c.Orders != 9 || c.Transfers == 0 || c.Reversals == 0 {
		t.Fatalf("tables that are right differ: %+v", c)
	}
	half := w.head() / 2
	if c := must(w.figures(half).Compare(ctx, w.db, 100)); c.Differ() || c.Log.Orders != 9 {
		t.Fatalf("tables that have seen more than the figures differ: %+v", c)
	}
	stop()
	for _, plant := range []struct {
		name, sql string
		want      []string
		sums      bool // differ too
	}{
		{"an order is missing", `delete from orders where number = '2026/000001'`, []string{"order 2026/000001 (*): is missing in the tables, the log says number 2026/000001, buyer c-0, status fulfilled,"}, true},
		{"an order too many", `insert into orders (id, number, buyer, at, due_on, status, net, vat, gross, received, paid, title, state, payable_until)
			select 'forged', '2026/000099', buyer, at, due_on, status, net, vat, gross, received, paid, title, state, payable_until from orders where number = '2026/000001'`,
			[]string{"order 2026/000099 (forged): the log knows nothing of it, the tables say number 2026/000099,"}, true},
		{"an amount altered", `update orders set received = received + 1, gross = gross + 1 where number = '2026/000001'`,
			[]string{"order 2026/000001 (*): gross is ", "order 2026/000001 (*): received is "}, true},
		{"an open amount altered", `update orders set received = received - 1 where number = '2026/000001'`,
			[]string{"order 2026/000001 (*): received is ", "order 2026/000001 (*): open is "}, true},
		{"a state altered", `update orders set status = 'partly-paid' where number = '2026/000001'`,
			[]string{"order 2026/000001 (*): status is fulfilled by the log and partly-paid in the tables"}, true},
		{"amounts that cancel each other out", `update transfers set on_orders = on_orders + case transfer when 't-0' then 1 else -1 end where transfer in ('t-0', 't-1')`,
			[]string{"transfer t-0: on orders is ", "transfer t-1: on orders is "}, false},
		{"a transfer is missing", `delete from transfers where transfer = 't-2-more'`, []string{"transfer t-2-more: is missing in the tables, the log says amount "}, true},
		{"a transfer too many", `insert into transfers (transfer, position, at, amount, on_orders, credit, refunds, reversed, unmatched, waits, value_on, title, payer_name, payer_account, state, statement)
			select 'forged', position, at, amount, on_orders, credit, refunds, reversed, unmatched, waits, value_on, title, payer_name, payer_account, state, statement
			from transfers where transfer = 't-0'`, []string{"transfer forged: the log knows nothing of it, the tables say amount "}, true},
		{"money on another order", `update transfer_orders set order_id = 'other' where transfer = 't-0'`, []string{"transfer t-0: shares is order "}, false},
		{"somebody else's credit", `update credits set customer = 'c-beta' where transfer = 't-1-more'`,
			[]string{"transfer t-1-more: shares is credit c-1 500 by the log and credit c-beta 500 in the tables"}, false},
		{"a transfer that waits", `update transfers set waits = true where transfer = 't-0'`, []string{"transfer t-0: waits is false by the log and true in the tables"}, false},
		{"a reversal is missing", `delete from reversals where reversal = 't-0-back'`, []string{"reversal t-0-back: is missing in the tables, the log says amount "}, false},
		{"another day", `update reversals set value_on = '2020-01-01' where reversal = 't-0-back'`, []string{"reversal t-0-back: value on is "}, false},
	} {
		t.Run(plant.name, func(t *testing.T) {
			tx := w.db.MustBegin()
			defer tx.Rollback()
			if n, err := tx.MustExec(plant.sql).RowsAffected(); err != nil || n == 0 {
				t.Fatalf("planted %d rows, %v", n, err)
			}
			c := must(w.figures(0).compare(ctx, tx, 100))
			var got []string
			for _, e := range c.Exceptions {
				got = append(got, e.String())
			}
			if len(got) != len(plant.want) || !slices.EqualFunc(got, plant.want, likens) {
				t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(plant.want, "\n\t"))
			}
			if (c.Log != c.Tables) != plant.sums || !c.Differ() {
				t.Errorf("sums %+v and %+v", c.Log, c.Tables)
			}
		})
	}
	w.db.MustExec(`update orders set status = 'x'`)
	if c := must(w.figures(0).Compare(ctx, w.db, 2)); len(c.Exceptions) != 2 || c.More != 7 {
		t.Errorf("%d exceptions are listed and %d counted, want 2 and 7", len(c.Exceptions), c.More)
	}
}

// likens compares a line with its beginning, in which a star stands for an identity.
func likens(got, want string) bool {
	before, after, starred := strings.Cut(want, "*")
	if !starred {
		return strings.HasPrefix(got, want)
	}
	rest, ok := strings.CutPrefix(got, before)
	_, rest, found := strings.Cut(rest, ")")
	return ok && found && strings.HasPrefix(")"+rest, after)
}
