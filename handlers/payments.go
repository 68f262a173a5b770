package handlers

import (
	"fmt"

	"netrom.pl/portal/projections"
)

type transfersView struct {
	Transfers     []projections.TransferRow
	UnmatchedOnly bool
	Unmatched     int
}

// showTransfers lists the money that came in for accounting, matched with orders or not.
func (s *Server) showTransfers(c *call) (reply, error) {
	view := transfersView{UnmatchedOnly: c.URL.Query().Has("unmatched")}
	rows, err := s.Tables.Transfers(c.Context(), view.UnmatchedOnly)
	if err != nil {
		return reply{}, fmt.Errorf("read transfers: %w", err)
	}
	view.Transfers = rows
	for _, row := range rows {
		if row.Order == "" {
			view.Unmatched++
		}
	}
	return reply{page: "transfers", view: view}, nil
}
