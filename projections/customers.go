package projections

import (
	"netrom.pl/portal/domain"
)

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
