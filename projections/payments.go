package projections

import (
	"context"
	"fmt"
	"strings"
	"time"

	"netrom.pl/portal/domain"
)

// payments is the money that came in.
var payments = View{
	Name:   "payments",
	Tables: []string{"transfers"},
	Concerns: func(event domain.Event) bool {
		switch event.(type) {
		case domain.TransferReceived, domain.TransferMatched, domain.PersonalDataErased:
			return true
		}
		return false
	},
	See: seePayments,
}

func seePayments(ctx context.Context, s *Session, page []domain.Record) error {
	var received []domain.Record
	var matched []domain.TransferMatched
	var erased []domain.StatementID
	for _, record := range page {
		switch e := record.Event.(type) {
		case domain.TransferReceived:
			received = append(received, record)
		case domain.TransferMatched:
			matched = append(matched, e)
		case domain.PersonalDataErased:
			erased = append(erased, e.Statements...)
		}
	}
	if err := writeReceived(ctx, s, received); err != nil {
		return err
	}
	if err := writeMatched(ctx, s, matched); err != nil {
		return err
	}
	return erasePayers(ctx, s, erased)
}

// erasePayers writes what the log says of payers once the keys of their statements are destroyed.
func erasePayers(ctx context.Context, s *Session, statements []domain.StatementID) error {
	if len(statements) == 0 {
		return nil
	}
	_, err := s.change(ctx, `
		update transfers set title = case when title = '' then '' else $2 end, payer_name = case when payer_name = '' then '' else $2 end
		where statement = any($1)`, column(statements, func(s domain.StatementID) string { return string(s) }), domain.Erased)
	if err != nil {
		return fmt.Errorf("erase payers: %w", err)
	}
	return nil
}

func writeReceived(ctx context.Context, s *Session, received []domain.Record) error {
	if len(received) == 0 {
		return nil
	}
	text := func(value func(domain.TransferReceived) string) any {
		return column(received, func(r domain.Record) string { return value(r.Event.(domain.TransferReceived)) })
	}
	_, err := s.change(ctx, `
		insert into transfers (transfer, position, at, amount, value_on, title, payer_name, statement)
		select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[])`,
		text(func(t domain.TransferReceived) string { return string(t.Transfer) }),
		column(received, func(r domain.Record) int64 { return int64(r.Position) }),
		column(received, func(r domain.Record) string { return timestamp(r.Metadata.At) }),
		column(received, func(r domain.Record) int64 { return int64(r.Event.(domain.TransferReceived).Amount) }),
		text(func(t domain.TransferReceived) string { return string(t.ValueOn) }),
		text(func(t domain.TransferReceived) string { return storable(t.Title) }),
		text(func(t domain.TransferReceived) string { return storable(t.PayerName) }),
		text(func(t domain.TransferReceived) string { return string(t.Statement) }))
	if err != nil {
		return fmt.Errorf("write transfers: %w", err)
	}
	return nil
}

// storable replaces the two things in a stranger's text that Postgres cannot keep: NUL and broken UTF-8.
func storable(text string) string {
	const replacement = "\ufffd"
	return strings.ReplaceAll(strings.ToValidUTF8(text, replacement), "\x00", replacement)
}

func writeMatched(ctx context.Context, s *Session, matched []domain.TransferMatched) error {
	if len(matched) == 0 {
		return nil
	}
	_, err := s.change(ctx, `
		update transfers t set order_id = m.order_id, number = m.number, rule = m.rule
		from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as m (transfer, order_id, number, rule)
		where t.transfer = m.transfer`,
		column(matched, func(m domain.TransferMatched) string { return string(m.Transfer) }),
		column(matched, func(m domain.TransferMatched) string { return string(m.Order) }),
		column(matched, func(m domain.TransferMatched) string { return m.Number.String() }),
		column(matched, func(m domain.TransferMatched) string { return m.Rule }))
	if err != nil {
		return fmt.Errorf("write matches: %w", err)
	}
	return nil
}

// TransferRow is money that came in. Order, Number and Rule are empty until it is matched.
type TransferRow struct {
	Transfer  domain.TransferID
	Amount    domain.Money
	ValueOn   domain.Day
	Title     string
	PayerName string
	Order     domain.OrderID
	Number    string
	Rule      string
	At        time.Time // when the portal learned of it
}

const selectTransfers = `
	select transfer, amount, value_on as valueon, title, payer_name as payername, order_id as "order", number, rule, at
	from transfers
	where not $1 or order_id = ''
	order by position desc`

// Transfers lists the money that came in, newest first; on request only what has found no order.
func (t *Tables) Transfers(ctx context.Context, unmatchedOnly bool) ([]TransferRow, error) {
	rows := []TransferRow{}
	if err := t.transfers.SelectContext(ctx, &rows, unmatchedOnly); err != nil {
		return nil, fmt.Errorf("list transfers: %w", err)
	}
	for i := range rows {
		rows[i].At = rows[i].At.UTC()
	}
	return rows, nil
}

// Totals are sums over all orders and transfers, to be compared with those that the log gives.
type Totals struct {
	Orders    int          // submitted, whatever became of them
	Cancelled int          // of them
	Paid      int          // covered by payments and not cancelled
	Fulfilled int          // of the paid ones: every activation file has left
	Gross     domain.Money // of all orders but the cancelled ones
	Received  domain.Money // booked on orders
	Transfers int          // that came in
	Matched   int          // of them found an order
	Incoming  domain.Money // sum of the transfers
}

const selectTotals = `
	select o.*, t.* from (
		select count(*) as orders, count(*) filter (where status = $1) as cancelled, count(*) filter (where paid) as paid,
			count(*) filter (where status = $2) as fulfilled, coalesce(sum(gross) filter (where status <> $1), 0)::bigint as gross,
			coalesce(sum(received), 0)::bigint as received
		from orders
	) o, (
		select count(*) as transfers, count(*) filter (where order_id <> '') as matched, coalesce(sum(amount), 0)::bigint as incoming
		from transfers
	) t`

// Totals adds up all orders and transfers as of one moment.
func (t *Tables) Totals(ctx context.Context) (Totals, error) {
	var totals Totals
	if err := t.totals.GetContext(ctx, &totals, domain.CancelledStatus, domain.Fulfilled); err != nil {
		return Totals{}, fmt.Errorf("add up: %w", err)
	}
	return totals, nil
}
