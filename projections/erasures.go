package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"netrom.pl/portal/domain"
)

// Personal are the tables that show personal data.
var Personal = []string{"customers", "activation_emails", "transfers", "reversals"}

// ErasureStage is how far the erasure of a customer's personal data has come; empty when nobody wants it.
type ErasureStage string

// The stages. Of a customer with two erasures the more urgent one counts.
const (
	ErasureProposed ErasureStage = "proposed" // waits for a second person
	ErasureOwed     ErasureStage = "owed"     // two people have agreed
	ErasureDone     ErasureStage = "done"
)

func erasureStage(c *domain.Customer) ErasureStage {
	var stage ErasureStage
	for _, erasure := range c.Erasures {
		switch {
		case erasure.Owed():
			return ErasureOwed
		case erasure.ProposedBy != "" && !erasure.Done:
			stage = ErasureProposed
		case erasure.Done:
			stage = cmp.Or(stage, ErasureDone)
		}
	}
	return stage
}

const selectErasures = `select id as key, state from customers where erasure <> '' and erasure = any($1) order by id`

// Erasures lists the customers whose erasure has come to one of these stages, as the log knows them, without logins.
func (t *Tables) Erasures(ctx context.Context, stages ...ErasureStage) ([]domain.Customer, error) {
	var rows []stateRow
	if err := t.erasures.SelectContext(ctx, &rows, column(stages, func(s ErasureStage) string { return string(s) })); err != nil {
		return nil, fmt.Errorf("list erasures: %w", err)
	}
	var customers []domain.Customer
	for _, row := range rows {
		customer, err := decode[domain.Customer](row.State)
		if err != nil {
			return nil, err
		}
		customers = append(customers, *customer)
	}
	return customers, nil
}

const selectDeals = `
	select 'order' as kind, id from orders where buyer = $1
	union all
	select 'licence', licence from entitlements where customer = $1`

// Deals are the orders that a customer sent and the licences that it owns or has ordered.
func (t *Tables) Deals(ctx context.Context, customer domain.CustomerID) (orders []domain.OrderID, licences []domain.LicenceID, err error) {
	var rows []struct{ Kind, ID string }
	if err := t.deals.SelectContext(ctx, &rows, customer); err != nil {
		return nil, nil, fmt.Errorf("list deals: %w", err)
	}
	for _, row := range rows {
		if row.Kind == "order" {
			orders = append(orders, domain.OrderID(row.ID))
		} else {
			licences = append(licences, domain.LicenceID(row.ID))
		}
	}
	return orders, licences, nil
}

// erasedIn lists the customers that a page erases.
func erasedIn(page []domain.Record) []string {
	var erased []string
	for _, record := range page {
		if e, ok := record.Event.(domain.PersonalDataErased); ok {
			erased = append(erased, string(e.Customer))
		}
	}
	slices.Sort(erased)
	return slices.Compact(erased)
}
