package projections

import (
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// carts is what customers are about to order.
var carts = View{
	Name:   "carts",
	Tables: []string{"carts", "cart_items"},
	Concerns: func(event domain.Event) bool {
		switch event.(type) {
		case domain.ItemAddedToCart, domain.ItemRemovedFromCart, domain.ItemRepriced, domain.ItemDropped,
			domain.CartSubmitted, domain.CartReturned, domain.OrderSubmitted:
			return true
		}
		return false
	},
	See:   seeCarts,
	parts: []part{{kind: "cart", rows: rowsBy("buyer", "carts", "cart_items"), read: readCartAndOrders}},
}

// buyerOf is whose cart a record concerns.
func buyerOf(record domain.Record) string {
	if order, ok := record.Event.(domain.OrderSubmitted); ok {
		return string(order.Buyer)
	}
	return idIn("cart")(record)
}

func seeCarts(ctx context.Context, s *Session, page []domain.Record) error {
	buyers := keys(page, buyerOf)
	states, err := remembered[domain.Cart](ctx, s, `select buyer as key, state from carts where buyer = any($1)`, buyers)
	if err != nil {
		return err
	}
	before := map[string][]domain.Item{}
	for buyer, cart := range states {
		before[buyer] = cart.Items
	}
	for _, record := range page {
		cart := states[buyerOf(record)]
		cart.Evolve(record.Event)
		// A submission that has come to its end would only make the row grow.
		switch e := record.Event.(type) {
		case domain.OrderSubmitted:
			delete(cart.Orders, e.Order)
		case domain.CartReturned:
			delete(cart.Orders, e.Order)
		}
	}
	_, err = s.change(ctx, `
		insert into carts (buyer, state) select * from unnest($1::text[], $2::json[])
		on conflict (buyer) do update set state = excluded.state`,
		pq.Array(buyers), column(buyers, func(buyer string) string { return encode(states[buyer]) }))
	if err != nil {
		return fmt.Errorf("write carts: %w", err)
	}
	return writeCartItems(ctx, s, buyers, before, states)
}

// writeCartItems writes the licences that came into carts and removes those that went.
func writeCartItems(ctx context.Context, s *Session, buyers []string, before map[string][]domain.Item, after map[string]*domain.Cart) error {
	var came, went []cartItemRow
	for _, buyer := range buyers {
		old, now := before[buyer], after[buyer].Items
		came = append(came, missing(buyer, now, old)...)
		went = append(went, missing(buyer, old, now)...)
	}
	buyer := func(r cartItemRow) string { return r.buyer }
	licence := func(r cartItemRow) string { return string(r.licence) }
	if len(went) > 0 {
		_, err := s.change(ctx, `
			delete from cart_items i using unnest($1::text[], $2::text[]) as went (buyer, licence)
			where i.buyer = went.buyer and i.licence = went.licence`,
			column(went, buyer), column(went, licence))
		if err != nil {
			return fmt.Errorf("remove cart items: %w", err)
		}
	}
	if len(came) > 0 {
		_, err := s.change(ctx, `insert into cart_items (buyer, licence) select * from unnest($1::text[], $2::text[])`,
			column(came, buyer), column(came, licence))
		if err != nil {
			return fmt.Errorf("write cart items: %w", err)
		}
	}
	return nil
}

// cartItemRow is a licence in somebody's cart.
type cartItemRow struct {
	buyer   string
	licence domain.LicenceID
}

// missing lists the licences of items that others lack, each once.
func missing(buyer string, items, others []domain.Item) []cartItemRow {
	known := map[domain.LicenceID]bool{"": true}
	for _, item := range others {
		known[item.Licence] = true
	}
	var rows []cartItemRow
	for _, item := range items {
		if !known[item.Licence] {
			known[item.Licence] = true
			rows = append(rows, cartItemRow{buyer: buyer, licence: item.Licence})
		}
	}
	return rows
}

// CartPage is a cart as its buyer sees it.
type CartPage struct {
	Version int // to be named when the cart is submitted
	Items   []CartItem
	Notices []CartNotice
	Total   domain.Amounts
	Pending domain.OrderID // submitted, but not placed yet; empty if none
}

// CartItem is a position with the names behind its identities.
type CartItem struct {
	domain.Item
	ClientName  string
	ProgramName string
	Serial      string // empty for a new program
	Amounts     domain.Amounts
}

// CartNotice says what happened to a position: a new price, or a reason why it is gone.
type CartNotice struct {
	CartItem
	Old    domain.Money
	Reason *domain.Refusal
}

// Cart shows the buyer's cart; a buyer who never put anything in has an empty one.
func (t *Tables) Cart(ctx context.Context, buyer domain.CustomerID) (CartPage, error) {
	page := CartPage{Items: []CartItem{}}
	var rows []stateRow
	if err := t.cart.SelectContext(ctx, &rows, buyer); err != nil {
		return page, fmt.Errorf("show cart: %w", err)
	}
	if len(rows) == 0 {
		return page, nil
	}
	cart, err := decode[domain.Cart](rows[0].State)
	if err != nil {
		return page, fmt.Errorf("show cart: %w", err)
	}
	names, err := t.namesOf(ctx, cart)
	if err != nil {
		return page, err
	}
	page.Version, page.Total = cart.Version, cart.Total()
	if _, pending := cart.Orders[cart.Last]; pending {
		page.Pending = cart.Last
	}
	for _, item := range cart.Items {
		page.Items = append(page.Items, names.item(item))
	}
	for _, notice := range cart.Notices {
		page.Notices = append(page.Notices, CartNotice{CartItem: names.item(notice.Item), Old: notice.Old, Reason: notice.Reason})
	}
	return page, nil
}

// names are the names of customers and programs behind their identities.
type names struct {
	customers map[domain.CustomerID]string
	programs  map[domain.ProgramID]string
}

func (n names) item(item domain.Item) CartItem {
	shown := CartItem{Item: item, ClientName: n.customers[item.Client], ProgramName: n.programs[item.Program], Amounts: item.Amounts()}
	if item.Licence != "" {
		shown.Serial = item.Licence.Serial()
	}
	return shown
}

const selectNames = `
	select 'customer' as kind, id, name from customers where id = any($1)
	union all
	select 'program', program, name from programs where program = any($2)`

func (t *Tables) namesOf(ctx context.Context, cart *domain.Cart) (names, error) {
	items := slices.Clone(cart.Items)
	for _, notice := range cart.Notices {
		items = append(items, notice.Item)
	}
	found := names{customers: map[domain.CustomerID]string{}, programs: map[domain.ProgramID]string{}}
	if len(items) == 0 {
		return found, nil
	}
	var rows []struct{ Kind, ID, Name string }
	err := t.names.SelectContext(ctx, &rows,
		column(items, func(i domain.Item) string { return string(i.Client) }),
		column(items, func(i domain.Item) string { return string(i.Program) }))
	if err != nil {
		return found, fmt.Errorf("find names: %w", err)
	}
	for _, row := range rows {
		if row.Kind == "customer" {
			found.customers[domain.CustomerID(row.ID)] = row.Name
		} else {
			found.programs[domain.ProgramID(row.ID)] = row.Name
		}
	}
	return found, nil
}
