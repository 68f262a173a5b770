package projections

import (
	"context"
	"fmt"
	"sync"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// customers is who buys here, for whom, and where activation files go.
var customers = View{
	Name:   "customers",
	Tables: []string{"customers", "activation_emails"},
	Concerns: func(event domain.Event) bool {
		switch event.(type) {
		case domain.CustomerRegistered, domain.DistributorAssigned, domain.DistributorRemoved, domain.ActivationEmailCorrected,
			domain.ErasureProposed, domain.ErasureWithdrawn, domain.ErasureConfirmed, domain.PersonalDataErased:
			return true
		}
		return false
	},
	See: seeCustomers,
	parts: []part{
		{kind: "customer", rows: append(rowsBy("id", "customers"), rowsBy("customer", "activation_emails")...), read: readStream},
	},
}

func seeCustomers(ctx context.Context, s *Session, page []domain.Record) error {
	ids := keys(page, idIn("customer"))
	states, err := remembered[domain.Customer](ctx, s, `select id as key, state from customers where id = any($1)`, ids)
	if err != nil {
		return err
	}
	for _, record := range page {
		states[idIn("customer")(record)].Evolve(record.Event)
	}
	text := func(value func(*domain.Customer) string) any {
		return column(ids, func(id string) string { return value(states[id]) })
	}
	_, err = s.change(ctx, `
		insert into customers (id, name, nip, email, language, is_distributor, distributor, state, erasure)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::json[], $9::text[])
		on conflict (id) do update set name = excluded.name, nip = excluded.nip, email = excluded.email, language = excluded.language,
			is_distributor = excluded.is_distributor, distributor = excluded.distributor, state = excluded.state,
			erasure = excluded.erasure`,
		column(ids, func(id string) string { return id }),
		text(func(c *domain.Customer) string { return c.Name }),
		text(func(c *domain.Customer) string { return string(c.NIP) }),
		text(func(c *domain.Customer) string { return c.Email }),
		text(func(c *domain.Customer) string { return string(c.Language) }),
		column(ids, func(id string) bool { return states[id].IsDistributor }),
		text(func(c *domain.Customer) string { return string(c.Distributor) }),
		text(func(c *domain.Customer) string { return encode(c) }),
		text(func(c *domain.Customer) string { return string(erasureStage(c)) }))
	if err != nil {
		return fmt.Errorf("write customers: %w", err)
	}
	if err := writeActivationEmails(ctx, s, page, states); err != nil {
		return err
	}
	return eraseActivationEmails(ctx, s, erasedIn(page))
}

func eraseActivationEmails(ctx context.Context, s *Session, customers []string) error {
	if len(customers) == 0 {
		return nil
	}
	if _, err := s.change(ctx, `update activation_emails set email = $2 where customer = any($1)`, pq.Array(customers), domain.Erased); err != nil {
		return fmt.Errorf("erase activation e-mails: %w", err)
	}
	return nil
}

func writeActivationEmails(ctx context.Context, s *Session, page []domain.Record, states map[string]*domain.Customer) error {
	owners := map[string]*domain.Customer{}
	licences := keys(page, func(record domain.Record) string {
		corrected, ok := record.Event.(domain.ActivationEmailCorrected)
		if !ok {
			return ""
		}
		owners[string(corrected.Licence)] = states[string(corrected.Customer)]
		return string(corrected.Licence)
	})
	if len(licences) == 0 {
		return nil
	}
	_, err := s.change(ctx, `
		insert into activation_emails (licence, customer, email, corrections)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
		on conflict (licence) do update set customer = excluded.customer, email = excluded.email, corrections = excluded.corrections`,
		column(licences, func(l string) string { return l }),
		column(licences, func(l string) string { return string(owners[l].ID) }),
		column(licences, func(l string) string { return owners[l].ActivationEmails[domain.LicenceID(l)] }),
		column(licences, func(l string) int64 { return int64(owners[l].Corrections[domain.LicenceID(l)]) }))
	if err != nil {
		return fmt.Errorf("write activation e-mails: %w", err)
	}
	return nil
}

// visible is who may look at what belongs to the customer called owner: the customer itself, and its distributor. The
// viewer is $1; an empty one, which every customer without a distributor would match, sees nothing. Source: R5.
const visible = `($1 <> '' and (owner.id = $1 or owner.distributor = $1))`

// CustomerRow is a registered company.
type CustomerRow struct {
	ID              domain.CustomerID
	Name            string
	NIP             domain.NIP
	Email           string
	Language        domain.Language
	IsDistributor   bool
	Distributor     domain.CustomerID // empty: orders for itself
	DistributorName string
}

const (
	selectCustomers = `
	select ` + customerColumns + `
	from ` + customersWithDistributors
	customerColumns = `c.id, c.name, c.nip, c.email, c.language, c.is_distributor as isdistributor, c.distributor,
		coalesce(d.name, '') as distributorname`
	customersWithDistributors = `customers c left join customers d on d.id = c.distributor`
)

// companies keeps the customers that were asked for lately, as long as their view stands still. The zero value is ready;
// safe for concurrent use.
type companies struct {
	mu      sync.Mutex
	edition uint64
	rows    map[domain.CustomerID]CustomerRow
}

// companiesMax is how many customers are kept before it begins anew.
const companiesMax = 2000

func (m *companies) recall(edition uint64, id domain.CustomerID) (CustomerRow, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.rows[id]
	return row, ok && m.edition == edition
}

// keep adds a row that was read when the view had this edition, or an older one than it has now.
func (m *companies) keep(edition uint64, row CustomerRow) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if edition < m.edition {
		return
	}
	if m.rows == nil || edition > m.edition || len(m.rows) >= companiesMax {
		m.edition, m.rows = edition, map[domain.CustomerID]CustomerRow{}
	}
	m.rows[row.ID] = row
}

// Customer finds one customer: in memory as long as the view has not changed since it was read.
func (t *Tables) Customer(ctx context.Context, id domain.CustomerID) (CustomerRow, bool, error) {
	edition, mayRemember := edition(t.db, customers.Name)
	if mayRemember {
		if row, ok := t.companies.recall(edition, id); ok {
			return row, true, nil
		}
	}
	var rows []CustomerRow
	if err := t.customer.SelectContext(ctx, &rows, id); err != nil {
		return CustomerRow{}, false, fmt.Errorf("find customer: %w", err)
	}
	if len(rows) == 0 {
		return CustomerRow{}, false, nil
	}
	if mayRemember {
		t.companies.keep(edition, rows[0])
	}
	return rows[0], true, nil
}

// selectClients has no parts and no other order than the names'.
var selectClients = listed{
	keys:    `c.id`,
	from:    `customers c where c.distributor = $1 and $1 <> ''`,
	text:    `c.folded || ' ' || c.nip`,
	only:    nothing,
	sort:    nothing,
	natural: `c.folded, c.id`,
}.page() + selectCustomers + ` join page on page.id = c.id order by page.place`

// selectAllCustomers is for the vendor's people. It has no parts and no other order than the names'.
var selectAllCustomers = listed{
	keys:    `c.id`,
	from:    `customers c where ` + forEverybody,
	text:    `c.folded || ' ' || c.nip || ' ' || lower(c.email)`,
	ids:     `array[lower(c.id)]`,
	only:    nothing,
	sort:    nothing,
	natural: `c.folded, c.id`,
}.page() + `
	select ` + customerColumns + `, page.total from ` + customersWithDistributors + ` join page on page.id = c.id order by page.place`

// AllCustomers lists the registered companies by name, for the vendor's people; and how many there are on all pages together.
func (t *Tables) AllCustomers(ctx context.Context, wanted Listing) ([]CustomerRow, int, error) {
	var stored []struct {
		CustomerRow
		Total int
	}
	if err := t.allCustomers.SelectContext(ctx, &stored, wanted.arguments(everybody)...); err != nil {
		return nil, 0, fmt.Errorf("list customers: %w", err)
	}
	rows, total := make([]CustomerRow, len(stored)), 0
	for i, row := range stored {
		rows[i], total = row.CustomerRow, row.Total
	}
	return rows, total, nil
}

// Distributors lists those who may order for clients, by name.
func (t *Tables) Distributors(ctx context.Context) ([]CustomerRow, error) {
	rows := []CustomerRow{}
	if err := t.distributors.SelectContext(ctx, &rows); err != nil {
		return nil, fmt.Errorf("list distributors: %w", err)
	}
	return rows, nil
}

// Clients lists the customers of a distributor by name, without itself.
func (t *Tables) Clients(ctx context.Context, distributor domain.CustomerID, wanted Listing) ([]CustomerRow, error) {
	rows := []CustomerRow{}
	if err := t.clients.SelectContext(ctx, &rows, wanted.arguments(distributor)...); err != nil {
		return nil, fmt.Errorf("list clients: %w", err)
	}
	return rows, nil
}

// clientNames finds the names of those for whom lines were ordered.
func (t *Tables) clientNames(ctx context.Context, lines []domain.Line) (map[domain.CustomerID]string, error) {
	var rows []struct{ Kind, ID, Name string }
	clients := column(lines, func(l domain.Line) string { return string(l.Client) })
	err := t.names.SelectContext(ctx, &rows, clients, pq.Array([]string{}))
	if err != nil {
		return nil, fmt.Errorf("find names: %w", err)
	}
	names := map[domain.CustomerID]string{}
	for _, row := range rows {
		names[domain.CustomerID(row.ID)] = row.Name
	}
	return names, nil
}
