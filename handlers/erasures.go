package handlers

import (
	"context"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// ErasureFacts gathers what stands against the erasure of a customer's personal data: the views know its orders and licences, the
// log what became of them.
func ErasureFacts(ctx context.Context, log domain.Log, tables *projections.Tables, customer domain.CustomerID, at time.Time) (domain.ErasureFacts, error) {
	orders, licences, err := tables.Deals(ctx, customer)
	if err != nil {
		return domain.ErasureFacts{}, err
	}
	return domain.FactsForErasure(ctx, log, DayOf(at), orders, licences)
}
