package projections

import (
	"context"
	"fmt"
	"time"

	"netrom.pl/portal/domain"
)

// TransferRow is money that came in. Order, Number and Rule are of the first order that it pays, and empty until there is one.
type TransferRow struct {
	Transfer  domain.TransferID
	Amount    domain.Money
	Credit    domain.Money
	Refunds   domain.Money // proposed, confirmed and paid
	Reversed  domain.Money
	Unmatched domain.Money // negative: the bank took back what had been refunded
	ValueOn   domain.Day
	Title     string
	PayerName string
	Order     domain.OrderID
	Number    string
	Rule      string
	At        time.Time // when the portal learned of it
}

// selectTransfers is for the vendor's people. Amounts, days, numbers of orders and digits of the payer's account find transfers too.
var selectTransfers = listed{
	keys: `t.transfer`,
	from: `transfers t where ` + forEverybody,
	text: `t.folded || ' ' || t.payer_account || ' ' || t.value_on || ' ' || t.amount / 100 || ',' || lpad((t.amount % 100)::text, 2, '0')
		|| coalesce((select ' ' || string_agg(s.number, ' ') from transfer_orders s where s.transfer = t.transfer), '')`,
	ids: `array[t.transfer]`,
	only: `when 'waits' then t.unmatched <> 0 or t.waits when 'credit' then t.credit > 0 when 'refunds' then t.refunds > 0
		when 'reversed' then t.reversed > 0`,
	sort:    `when 'amount' then lpad(t.amount::text, 15, '0') when 'value-on' then t.value_on`,
	natural: `t.position desc`,
}.page() + `
	select t.transfer, t.amount, t.credit, t.refunds, t.reversed, t.unmatched, t.value_on as valueon, t.title, t.payer_name as payername,
		coalesce(o.order_id, '') as "order", coalesce(o.number, '') as number, coalesce(o.rule, '') as rule, t.at, page.total
	from page join transfers t using (transfer)
	left join lateral (select * from transfer_orders o where o.transfer = t.transfer and o.amount > 0 order by o.place limit 1) o on true
	order by page.place`

// Transfers lists the money that came in, newest first, for the vendor's people; and how many transfers there are on all pages together. It
// knows the parts waits, about which somebody has to do something, credit, refunds and reversed, and sorts by amount and value-on.
func (t *Tables) Transfers(ctx context.Context, wanted Listing) ([]TransferRow, int, error) {
	var stored []struct {
		TransferRow
		Total int
	}
	if err := t.transfers.SelectContext(ctx, &stored, wanted.arguments(everybody)...); err != nil {
		return nil, 0, fmt.Errorf("list transfers: %w", err)
	}
	rows, total := make([]TransferRow, len(stored)), 0
	for i, row := range stored {
		rows[i], total = row.TransferRow, row.Total
		rows[i].At = rows[i].At.UTC()
	}
	return rows, total, nil
}

const selectWaiting = `
	select transfer, count(*) over () as total from transfers where unmatched <> 0 or waits order by position limit $1`

// WaitingTransfers are those about which somebody has to do something, the oldest first, at most limit of them; and how many there are.
func (t *Tables) WaitingTransfers(ctx context.Context, limit int) ([]domain.TransferID, int, error) {
	var stored []struct {
		Transfer domain.TransferID
		Total    int
	}
	if err := t.waiting.SelectContext(ctx, &stored, limit); err != nil {
		return nil, 0, fmt.Errorf("list waiting transfers: %w", err)
	}
	ids, total := make([]domain.TransferID, len(stored)), 0
	for i, row := range stored {
		ids[i], total = row.Transfer, row.Total
	}
	return ids, total, nil
}

// ReversalRow is an entry by which the bank takes back a transfer that was not found.
type ReversalRow struct {
	Reversal      domain.TransferID
	Amount        domain.Money
	ValueOn       domain.Day
	BankReference string
	Title         string
	PayerName     string
}

const selectLostReversals = `
	select reversal, amount, value_on as valueon, bank_reference as bankreference, title, payer_name as payername
	from reversals where transfer = '' order by position limit $1`

// LostReversals are those whose transfer was not found, the oldest first, at most limit of them.
func (t *Tables) LostReversals(ctx context.Context, limit int) ([]ReversalRow, error) {
	rows := []ReversalRow{}
	if err := t.lostReversals.SelectContext(ctx, &rows, limit); err != nil {
		return nil, fmt.Errorf("list reversals: %w", err)
	}
	return rows, nil
}

const selectFromCredit = `
	select coalesce(sum((b->>'amount')::bigint), 0)::bigint
	from transfer_orders o join transfers t using (transfer), json_array_elements(t.state->'transfer'->'bookings') b
	where o.order_id = $1 and b->>'order' = $1 and b->>'rule' = '` + domain.MatchedByCredit + `'`

// FromCredit is what an order was given of its buyer's credit, whatever was taken back later.
func (t *Tables) FromCredit(ctx context.Context, order domain.OrderID) (domain.Money, error) {
	var sum domain.Money
	if err := t.fromCredit.GetContext(ctx, &sum, order); err != nil {
		return 0, fmt.Errorf("add up credit: %w", err)
	}
	return sum, nil
}
