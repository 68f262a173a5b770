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

// erasureView is how far the erasure of a customer's data for one purpose has come, as one operator sees it.
type erasureView struct {
	Purpose domain.Purpose
	domain.Erasure
	Mine bool // the reader has proposed it, so somebody else has to confirm it
}

// Proposed tells whether a second person is waited for.
func (e erasureView) Proposed() bool { return e.ProposedBy != "" && e.ConfirmedBy == "" && !e.Done }

func erasuresOf(c *call, customer domain.Customer) []erasureView {
	var views []erasureView
	for _, purpose := range []domain.Purpose{domain.ContactPurpose, domain.LegalPurpose} {
		erasure := customer.Erasures[purpose]
		views = append(views, erasureView{Purpose: purpose, Erasure: erasure, Mine: erasure.ProposedBy == c.account.ID})
	}
	return views
}

// eraseCustomer proposes that a customer's personal data are erased, takes the proposal back, or confirms what another operator
// has proposed. What was confirmed is done soon after.
func (s *Server) eraseCustomer(c *call) (reply, error) {
	customer, form, err := s.customerForm(c)
	if err != nil {
		return reply{}, err
	}
	purpose, by, wish := domain.Purpose(form.Get("purpose")), c.account.ID, form.Get("wish")
	facts, err := ErasureFacts(c.Context(), s.Log, s.Tables, customer.ID, c.at)
	if err != nil {
		return reply{}, err
	}
	var outcome domain.Outcome
	switch wish {
	case "propose":
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "erasure"), domain.ProposeErasure{Customer: customer.ID, Purpose: purpose, By: by, Facts: facts})
	case "confirm":
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "erasure"), domain.ConfirmErasure{Customer: customer.ID, Purpose: purpose, By: by, Facts: facts})
	case "withdraw":
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "erasure"), domain.WithdrawErasure{Customer: customer.ID, Purpose: purpose, By: by})
	default:
		err = invalidInput("wish", "propose, confirm, withdraw")
	}
	return s.customerAfter(c, customer.ID, "erasure-"+wish, outcome.Position, err)
}
