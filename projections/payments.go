package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// payments is the money that came in, and where it is now.
var payments = View{
	Name:   "payments",
	Tables: []string{"transfers", "transfer_orders", "credits", "reversals"},
	Concerns: func(event domain.Event) bool {
		switch event.(type) {
		case domain.ReversalReceived, domain.ReversalMatched, domain.PersonalDataErased:
			return true
		}
		return ofTransfer(event)
	},
	See: seePayments,
	parts: []part{
		{kind: "transfer", rows: rowsBy("transfer", "transfers", "transfer_orders", "credits"), read: readStream},
		{kind: "reversal", rows: rowsBy("reversal", "reversals"), read: readStream},
	},
}

// ofTransfer tells whether an event belongs to the stream of a transfer.
func ofTransfer(event domain.Event) bool {
	switch event.(type) {
	case domain.TransferReceived, domain.TransferMatched, domain.TransferReleased, domain.TransferCredited, domain.CreditWithdrawn,
		domain.MatchProposed, domain.MatchRejected, domain.RefundProposed, domain.RefundConfirmed, domain.RefundRejected,
		domain.RefundPaid, domain.TransferReversed:
		return true
	}
	return false
}

// transferState is a transfer with its place in the log.
type transferState struct {
	Transfer domain.Transfer `json:"transfer"`
	Position domain.Position `json:"position"`
	At       time.Time       `json:"at"`
	title    string          // of the payer; kept in columns of their own, which can be erased
	payer    string
	account  string
}

func (t *transferState) evolve(record domain.Record) {
	t.Transfer.Evolve(record.Event)
	for i := range t.Transfer.Proposals {
		t.Transfer.Proposals[i].Reason = "" // a person's words, which the page of the transfer reads from the log
	}
	if _, first := record.Event.(domain.TransferReceived); first {
		t.Position, t.At = record.Position, record.Metadata.At
		t.title, t.payer, t.account = storable(t.Transfer.Title), storable(t.Transfer.PayerName), storable(t.Transfer.PayerAccount)
		t.Transfer.BankReference = storable(t.Transfer.BankReference)
		t.Transfer.Title, t.Transfer.PayerName, t.Transfer.PayerAccount, t.Transfer.Raw = "", "", "", ""
	}
}

// waits tells whether somebody still has to do something about money that is set aside.
func (t *transferState) waits() bool {
	return t.Transfer.Proposal != 0 || slices.ContainsFunc(t.Transfer.Refunds, func(r domain.Refund) bool {
		return r.State == domain.RefundAwaits || r.State == domain.RefundAgreed
	})
}

func seePayments(ctx context.Context, s *Session, page []domain.Record) error {
	var arrived []domain.Record
	var found []domain.ReversalMatched
	var erased []domain.StatementID
	for _, record := range page {
		switch e := record.Event.(type) {
		case domain.ReversalReceived:
			arrived = append(arrived, record)
		case domain.ReversalMatched:
			found = append(found, e)
		case domain.PersonalDataErased:
			erased = append(erased, e.Statements...)
		}
	}
	ids := keys(page, idIn("transfer"))
	states, err := remembered[transferState](ctx, s, `select transfer as key, state from transfers where transfer = any($1)`, ids)
	if err != nil {
		return err
	}
	for _, record := range page {
		if id := idIn("transfer")(record); id != "" {
			states[id].evolve(record)
		}
	}
	if err := writeTransfers(ctx, s, ids, states); err != nil {
		return err
	}
	if err := writeShares(ctx, s, ids, states); err != nil {
		return err
	}
	if err := writeReversals(ctx, s, arrived, found); err != nil {
		return err
	}
	return erasePayers(ctx, s, erased)
}

// erasePayers writes what the log says of payers once the keys of their statements are destroyed.
func erasePayers(ctx context.Context, s *Session, statements []domain.StatementID) error {
	if len(statements) == 0 {
		return nil
	}
	ids := column(statements, func(s domain.StatementID) string { return string(s) })
	_, err := s.change(ctx, `
		update transfers set title = case when title = '' then '' else $2 end, payer_name = case when payer_name = '' then '' else $2 end,
			payer_account = case when payer_account = '' then '' else $2 end
		where statement = any($1)`, ids, domain.Erased)
	if err != nil {
		return fmt.Errorf("erase payers: %w", err)
	}
	_, err = s.change(ctx, `
		update reversals set title = case when title = '' then '' else $2 end, payer_name = case when payer_name = '' then '' else $2 end
		where statement = any($1)`, ids, domain.Erased)
	if err != nil {
		return fmt.Errorf("erase payers of reversals: %w", err)
	}
	return nil
}

func writeTransfers(ctx context.Context, s *Session, ids []string, states map[string]*transferState) error {
	if len(ids) == 0 {
		return nil
	}
	text := func(value func(domain.Transfer) string) any {
		return column(ids, func(id string) string { return value(states[id].Transfer) })
	}
	money := func(value func(domain.Buckets) domain.Money) any {
		return column(ids, func(id string) int64 { return int64(value(states[id].Transfer.Buckets())) })
	}
	_, err := s.change(ctx, `
		insert into transfers (transfer, position, at, amount, on_orders, credit, refunds, reversed, unmatched, waits, value_on, statement,
			title, payer_name, payer_account, state)
		select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
			$9::bigint[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::json[])
		on conflict (transfer) do update set on_orders = excluded.on_orders, credit = excluded.credit, refunds = excluded.refunds,
			reversed = excluded.reversed, unmatched = excluded.unmatched, waits = excluded.waits, state = excluded.state`,
		column(ids, func(id string) string { return id }),
		column(ids, func(id string) int64 { return int64(states[id].Position) }),
		column(ids, func(id string) string { return timestamp(states[id].At) }),
		money(func(b domain.Buckets) domain.Money { return b.Received }),
		money(func(b domain.Buckets) domain.Money { return b.Orders }),
		money(func(b domain.Buckets) domain.Money { return b.Credit }),
		money(func(b domain.Buckets) domain.Money { return b.Refunds }),
		money(func(b domain.Buckets) domain.Money { return b.Reversed }),
		money(func(b domain.Buckets) domain.Money { return b.Unmatched }),
		column(ids, func(id string) bool { return states[id].waits() }),
		text(func(t domain.Transfer) string { return string(t.ValueOn) }),
		text(func(t domain.Transfer) string { return string(t.Statement) }),
		column(ids, func(id string) string { return states[id].title }),
		column(ids, func(id string) string { return states[id].payer }),
		column(ids, func(id string) string { return states[id].account }),
		column(ids, func(id string) string { return encode(states[id]) }))
	if err != nil {
		return fmt.Errorf("write transfers: %w", err)
	}
	return nil
}

// shareRow is what an order has of a transfer, or a customer as credit.
type shareRow struct {
	transfer, holder, number, rule string
	place                          int
	amount                         domain.Money
}

// sharesOf are the orders of a transfer and the customers with a credit from it, each once.
func sharesOf(id string, t domain.Transfer) (orders, credits []shareRow) {
	for place, b := range t.Bookings {
		at := slices.IndexFunc(orders, func(row shareRow) bool { return row.holder == string(b.Order) })
		if at < 0 {
			at, orders = len(orders), append(orders, shareRow{transfer: id, holder: string(b.Order), place: place})
		}
		orders[at].amount += b.Amount
		if b.Rule != "" {
			orders[at].rule, orders[at].number = b.Rule, b.Number.String()
		}
	}
	for customer, amount := range t.Credits {
		credits = append(credits, shareRow{transfer: id, holder: string(customer), amount: amount})
	}
	slices.SortFunc(credits, func(a, b shareRow) int { return strings.Compare(a.holder, b.holder) })
	return orders, credits
}

// writeShares replaces what orders and customers have of some transfers.
func writeShares(ctx context.Context, s *Session, ids []string, states map[string]*transferState) error {
	if len(ids) == 0 {
		return nil
	}
	var orders, credits []shareRow
	for _, id := range ids {
		o, c := sharesOf(id, states[id].Transfer)
		orders, credits = append(orders, o...), append(credits, c...)
	}
	if _, err := s.change(ctx, `delete from credits where transfer = any($1)`, pq.Array(ids)); err != nil {
		return fmt.Errorf("clear credits: %w", err)
	}
	text := func(rows []shareRow, value func(shareRow) string) any { return column(rows, value) }
	if len(credits) > 0 {
		_, err := s.change(ctx, `insert into credits (transfer, customer, amount) select * from unnest($1::text[], $2::text[], $3::bigint[])`,
			text(credits, func(r shareRow) string { return r.transfer }), text(credits, func(r shareRow) string { return r.holder }),
			column(credits, func(r shareRow) int64 { return int64(r.amount) }))
		if err != nil {
			return fmt.Errorf("write credits: %w", err)
		}
	}
	if len(orders) == 0 {
		return nil
	}
	_, err := s.change(ctx, `
		insert into transfer_orders (transfer, place, order_id, number, amount, rule)
		select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[])
		on conflict (transfer, order_id) do update set amount = excluded.amount, rule = excluded.rule`,
		text(orders, func(r shareRow) string { return r.transfer }),
		column(orders, func(r shareRow) int64 { return int64(r.place) }),
		text(orders, func(r shareRow) string { return r.holder }),
		text(orders, func(r shareRow) string { return r.number }),
		column(orders, func(r shareRow) int64 { return int64(r.amount) }),
		text(orders, func(r shareRow) string { return r.rule }))
	if err != nil {
		return fmt.Errorf("write matches: %w", err)
	}
	return nil
}

func writeReversals(ctx context.Context, s *Session, arrived []domain.Record, found []domain.ReversalMatched) error {
	if len(arrived) > 0 {
		text := func(value func(domain.ReversalReceived) string) any {
			return column(arrived, func(r domain.Record) string { return storable(value(r.Event.(domain.ReversalReceived))) })
		}
		_, err := s.change(ctx, `
			insert into reversals (reversal, position, at, amount, value_on, bank_reference, title, payer_name, statement)
			select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])`,
			text(func(r domain.ReversalReceived) string { return string(r.Reversal) }),
			column(arrived, func(r domain.Record) int64 { return int64(r.Position) }),
			column(arrived, func(r domain.Record) string { return timestamp(r.Metadata.At) }),
			column(arrived, func(r domain.Record) int64 { return int64(r.Event.(domain.ReversalReceived).Amount) }),
			text(func(r domain.ReversalReceived) string { return string(r.ValueOn) }),
			text(func(r domain.ReversalReceived) string { return r.BankReference }),
			text(func(r domain.ReversalReceived) string { return r.Title }),
			text(func(r domain.ReversalReceived) string { return r.PayerName }),
			text(func(r domain.ReversalReceived) string { return string(r.Statement) }))
		if err != nil {
			return fmt.Errorf("write reversals: %w", err)
		}
	}
	if len(found) == 0 {
		return nil
	}
	_, err := s.change(ctx, `
		update reversals r set transfer = m.transfer from unnest($1::text[], $2::text[]) as m (reversal, transfer) where r.reversal = m.reversal`,
		column(found, func(m domain.ReversalMatched) string { return string(m.Reversal) }),
		column(found, func(m domain.ReversalMatched) string { return string(m.Transfer) }))
	if err != nil {
		return fmt.Errorf("write matched reversals: %w", err)
	}
	return nil
}

// storable replaces the two things in a stranger's text that Postgres cannot keep: NUL and broken UTF-8.
func storable(text string) string {
	const replacement = "\ufffd"
	return strings.ReplaceAll(strings.ToValidUTF8(text, replacement), "\x00", replacement)
}

// CreditRow is what a customer has too much on one transfer.
type CreditRow struct {
	Transfer domain.TransferID
	Amount   domain.Money
}

// Credits are those of a customer.
func (t *Tables) Credits(ctx context.Context, customer domain.CustomerID) ([]CreditRow, error) {
	rows := []CreditRow{}
	if err := t.credits.SelectContext(ctx, &rows, customer); err != nil {
		return nil, fmt.Errorf("list credits: %w", err)
	}
	return rows, nil
}

// TransfersWithCredit are the transfers on which a customer has a credit.
func (t *Tables) TransfersWithCredit(ctx context.Context, customer domain.CustomerID) ([]domain.TransferID, error) {
	rows, err := t.Credits(ctx, customer)
	var ids []domain.TransferID
	for _, row := range rows {
		ids = append(ids, row.Transfer)
	}
	return ids, err
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
	Matched   int          // of them have money on an order
	Incoming  domain.Money // sum of the transfers
}

const selectTotals = `
	select o.*, t.* from (
		select count(*) as orders, count(*) filter (where status = $1) as cancelled, count(*) filter (where paid) as paid,
			count(*) filter (where status = $2) as fulfilled, coalesce(sum(gross) filter (where status <> $1), 0)::bigint as gross,
			coalesce(sum(received), 0)::bigint as received
		from orders
	) o, (
		select count(*) as transfers, count(*) filter (where on_orders > 0) as matched, coalesce(sum(amount), 0)::bigint as incoming
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
