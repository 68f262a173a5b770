package projections

import (
	"context"
	"fmt"

	"netrom.pl/portal/domain"
)

// Search asks for a part of a list: the rows in which Text stands, in any case of its letters (all rows if it is empty),
// from the row after Skip on and at most Limit of them.
type Search struct {
	Text  string
	Skip  int
	Limit int
}

const searchCustomers = selectCustomers + `
	where strpos(lower(concat_ws(' ', c.name, c.nip, c.email)), lower($1)) > 0 or c.id = $1
	order by c.name, c.id
	offset $2 limit $3`

// FindCustomers searches names, tax numbers and addresses, by name.
func (t *Tables) FindCustomers(ctx context.Context, search Search) ([]CustomerRow, error) {
	rows := []CustomerRow{}
	if err := t.searchCustomers.SelectContext(ctx, &rows, search.Text, search.Skip, search.Limit); err != nil {
		return nil, fmt.Errorf("search customers: %w", err)
	}
	return rows, nil
}

// Distributors lists those who may order for clients, by name.
func (t *Tables) Distributors(ctx context.Context) ([]CustomerRow, error) {
	rows := []CustomerRow{}
	if err := t.distributors.SelectContext(ctx, &rows); err != nil {
		return nil, fmt.Errorf("list distributors: %w", err)
	}
	return rows, nil
}

// LicenceRow is a licence as the vendor's people see it.
type LicenceRow struct {
	Licence       domain.LicenceID
	Serial        string
	Customer      domain.CustomerID
	CustomerName  string
	Program       domain.ProgramID
	ProgramName   string
	Edition       domain.Edition
	Version       domain.Version
	Stations      int
	Paid          bool
	PendingOrder  domain.OrderID // empty: none
	PendingNumber string
}

const searchLicences = `
	select e.licence, e.serial, e.customer, c.name as customername, e.program, p.name as programname, e.edition, e.version, e.stations, e.paid,
		e.pending_order as pendingorder, coalesce(o.number, '') as pendingnumber
	from entitlements e
	join customers c on c.id = e.customer
	join entitlement_programs p on p.program = e.program
	left join orders o on o.id = e.pending_order
	where strpos(lower(concat_ws(' ', e.serial, c.name, c.nip, p.name)), lower($1)) > 0 or e.licence = $1 or e.customer = $1
	order by c.name, e.customer, p.name, e.program, e.serial
	offset $2 limit $3`

// FindLicences searches serial numbers, owners and programs; the identity of a customer finds what it owns.
func (t *Tables) FindLicences(ctx context.Context, search Search) ([]LicenceRow, error) {
	rows := []LicenceRow{}
	if err := t.searchLicences.SelectContext(ctx, &rows, search.Text, search.Skip, search.Limit); err != nil {
		return nil, fmt.Errorf("search licences: %w", err)
	}
	return rows, nil
}

const searchOrders = `
	select o.id as "order", o.number as numbertext, o.buyer, coalesce(b.name, '') as buyername, o.at, o.due_on as dueon, o.status,
		o.net, o.vat, o.gross, o.received as paid, o.title
	from orders o left join customers b on b.id = o.buyer
	where strpos(lower(concat_ws(' ', o.number, o.title, b.name, b.nip)), lower($1)) > 0 or o.id = $1 or o.buyer = $1
	order by o.at desc, o.number desc
	offset $2 limit $3`

// FindOrders searches numbers, transfer titles and buyers, newest first, without lines, steps and bank data.
func (t *Tables) FindOrders(ctx context.Context, search Search) ([]OrderRow, error) {
	var stored []storedOrder
	if err := t.searchOrders.SelectContext(ctx, &stored, search.Text, search.Skip, search.Limit); err != nil {
		return nil, fmt.Errorf("search orders: %w", err)
	}
	list := make([]OrderRow, len(stored))
	for i, row := range stored {
		var err error
		if list[i], err = row.order(); err != nil {
			return nil, fmt.Errorf("search orders: %w", err)
		}
	}
	return list, nil
}

const selectCatalogue = `
	select state from programs order by name, program`

// Catalogue lists every program with its versions and prices, by name.
func (t *Tables) Catalogue(ctx context.Context) ([]domain.Program, error) {
	var stored []struct{ State []byte }
	if err := t.catalogue.SelectContext(ctx, &stored); err != nil {
		return nil, fmt.Errorf("list programs: %w", err)
	}
	list := make([]domain.Program, len(stored))
	for i, row := range stored {
		program, err := decode[domain.Program](row.State)
		if err != nil {
			return nil, fmt.Errorf("list programs: %w", err)
		}
		list[i] = *program
	}
	return list, nil
}
