package projections

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// MonthRow sums up one month of Polish days. Cancelled and lapsed orders, and what was paid on them, count nowhere.
type MonthRow struct {
	Month    string       // 2026-03
	Orders   int          // submitted in it
	Gross    domain.Money // of those orders
	Payments int          // whose day of value lies in it
	Received domain.Money // by those payments
	Open     domain.Money // still to be paid at its end, of all orders so far; negative when too much has arrived
}

// selectMonths takes an order's month from the moment of its submission and a payment's from its day of value.
const selectMonths = `
	with moves as (
		select to_char(o.at at time zone 'Europe/Warsaw', 'YYYY-MM') as month, 1 as orders, o.gross, 0 as payments, 0::bigint as received
		from orders o where o.status <> all($1)
		union all
		select left(p->>'value_on', 7), 0, 0, 1, (p->>'amount')::bigint
		from orders o, json_array_elements(case json_typeof(o.state->'order'->'payments') when 'array' then o.state->'order'->'payments' else '[]' end) p
		where o.status <> all($1)
	), sums as (
		select month, sum(orders)::bigint as orders, sum(gross)::bigint as gross, sum(payments)::bigint as payments, sum(received)::bigint as received
		from moves group by month
	)
	select month, orders, gross, payments, received, (sum(gross - received) over (order by month))::bigint as open
	from sums order by month`

// Months lists every month in which something was ordered or paid, the earliest first.
func (t *Tables) Months(ctx context.Context) ([]MonthRow, error) {
	rows := []MonthRow{}
	if err := t.months.SelectContext(ctx, &rows, pq.Array([]string{string(domain.CancelledStatus), string(domain.LapsedStatus)})); err != nil {
		return nil, fmt.Errorf("sum up months: %w", err)
	}
	return rows, nil
}

// selectPaidIn finds the payments, and what was taken back, by the month of the value date.
const selectPaidIn = `
	select o.id from orders o where exists (
		select 1 from json_array_elements(case json_typeof(o.state->'order'->'payments') when 'array' then o.state->'order'->'payments' else '[]' end) p
		where left(p->>'value_on', 7) = $1
		union all
		select 1 from json_array_elements(case json_typeof(o.state->'order'->'taken_back') when 'array' then o.state->'order'->'taken_back' else '[]' end) p
		where left(p->>'value_on', 7) = $1)
	order by o.id`

// OrdersPaidIn finds the orders on which money moved in a month.
func (t *Tables) OrdersPaidIn(ctx context.Context, month domain.Month) ([]domain.OrderID, error) {
	ids := []domain.OrderID{}
	if err := t.paidIn.SelectContext(ctx, &ids, month); err != nil {
		return nil, fmt.Errorf("find orders paid in %s: %w", month, err)
	}
	return ids, nil
}
