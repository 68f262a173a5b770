package handlers

import (
	"fmt"

	"netrom.pl/portal/projections"
)

type customersView struct {
	Customers []projections.CustomerRow
}

// showCustomers lists every registered company for the operator.
func (s *Server) showCustomers(c *call) (reply, error) {
	rows, err := s.Tables.Customers(c.Context())
	if err != nil {
		return reply{}, fmt.Errorf("read customers: %w", err)
	}
	return reply{page: "customers", view: customersView{Customers: rows}}, nil
}
