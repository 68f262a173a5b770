package handlers

import "netrom.pl/portal/projections"

// showLicences searches all licences for the operator.
func (s *Server) showLicences(c *call) (reply, error) {
	view, err := findPage(c, func(search projections.Search) ([]projections.LicenceRow, error) {
		return s.Tables.FindLicences(c.Context(), search)
	})
	return reply{page: "licences", view: view}, err
}
