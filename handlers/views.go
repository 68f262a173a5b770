package handlers

import (
	"fmt"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// sampledView is what the sampler has seen, for the board.
type sampledView struct {
	projections.Sampled
	Places []differingPlace
}

// differingPlace is a row of a view, or a value in it, that is not as the log says.
type differingPlace struct {
	projections.Finding
	First bool // of its row: where the button stands
}

// sampled hides what log and view say from readers who may not see personal data.
func (s *Server) sampled(mayRead bool) sampledView {
	seen := sampledView{Sampled: s.Sampler.Sampled()}
	for i, finding := range seen.Findings {
		first := i == 0 || seen.Findings[i-1].View != finding.View || seen.Findings[i-1].Row != finding.Row
		if !mayRead {
			finding.Says, finding.Shows = "", ""
		}
		seen.Places = append(seen.Places, differingPlace{finding, first})
	}
	return seen
}

// repairRow writes a row as the log says that the sampler has found to be different. Who wants it is an event, and comes first.
func (s *Server) repairRow(c *call) (reply, error) {
	form, err := c.form()
	if err != nil {
		return reply{}, err
	}
	for _, finding := range s.Sampler.Sampled().Findings {
		if finding.View != form.Get("view") || finding.Row != form.Get("row") {
			continue
		}
		outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "repair"), domain.RequestRowRepair{
			RowRepairRequested: domain.RowRepairRequested{View: finding.View, Row: finding.Row}, On: domain.Day(c.at.UTC().Format(time.DateOnly))})
		if err != nil {
			return reply{}, err
		}
		if _, err := s.Sampler.Repair(c.Context(), finding.View, finding.Row); err != nil {
			return reply{}, fmt.Errorf("repair a row: %w", err)
		}
		return reply{location: "/tasks?done=repaired", position: outcome.Position}, nil
	}
	return reply{}, domain.Refusal{Code: domain.NotFound}
}
