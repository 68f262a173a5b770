package handlers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// currency of every amount in the portal, as programs write it.
const currency = "PLN"

// offer is a row of AKTUALIZACJE or NOWE PROGRAMY. Its amounts are those of so many stations as it says.
type offer struct {
	ID             string            `json:"id"`
	Possible       bool              `json:"possible"`
	Reason         *reason           `json:"reason"` // why not; null when possible
	Licence        domain.LicenceID  `json:"licence,omitempty"`
	Serial         string            `json:"serial,omitempty"`
	Client         domain.CustomerID `json:"client,omitempty"`
	ClientName     string            `json:"client_name,omitempty"`
	Program        domain.ProgramID  `json:"program"`
	ProgramName    string            `json:"program_name"`
	Edition        domain.Edition    `json:"edition"`
	From           domain.Version    `json:"from,omitempty"`
	To             domain.Version    `json:"to"`
	Stations       int               `json:"stations"`
	ToMultiStation bool              `json:"to_multi_station"` // as many stations as wanted, within the limits
	UnitNet        domain.Money      `json:"unit_net"`         // of one licence, or of one station
	VATRate        domain.VATRate    `json:"vat_rate"`
	amounts

	Ticked        bool   `json:"-"` // before the page had to be shown again
	StationsField string `json:"-"` // name of the form field with the number of stations
	clientShown
}

// clientShown is where a distributor sees whose a row is; neither for other customers.
type clientShown struct {
	Grouped      bool `json:"-"` // the row stands under the client's name
	ClientColumn bool `json:"-"` // the name stands in the row
}

func clientShownIn(l list, isDistributor bool) clientShown {
	return clientShown{Grouped: isDistributor && l.Sort == "", ClientColumn: isDistributor && l.Sort != ""}
}

// amounts with their currency, in grosz.
type amounts struct {
	domain.Amounts
	Currency string `json:"currency"`
}

func amountsOf(a domain.Amounts) amounts { return amounts{Amounts: a, Currency: currency} }

// reason is a refusal as it stands beside the thing that is refused.
type reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (c *call) reasonOf(refusal *domain.Refusal) *reason {
	if refusal == nil {
		return nil
	}
	return &reason{Code: refusal.Code, Message: c.sentence(*refusal)}
}

func (c *call) offersOf(rows []projections.Offer, ticked additions) []offer {
	offers := make([]offer, len(rows))
	for i, row := range rows {
		o := offer{ID: row.ID, Possible: row.Obstacle == nil, Reason: c.reasonOf(row.Obstacle), Licence: row.Licence, Serial: row.Serial,
			Client: row.Client, ClientName: row.ClientName, Program: row.Program, ProgramName: row.ProgramName, Edition: row.Edition,
			From: row.From, To: row.To, Stations: max(row.Stations, 1), ToMultiStation: row.ToMultiStation, UnitNet: row.Net, VATRate: row.VATRate}
		if o.ToMultiStation {
			o.Stations = domain.StationsMin
		}
		if wanted, ok := ticked.Stations[o.ID]; ok && o.ToMultiStation && wanted >= domain.StationsMin && wanted <= domain.StationsMax {
			o.Stations = wanted
		}
		item := domain.Item{Net: o.UnitNet, VATRate: o.VATRate, Stations: o.Stations}
		o.amounts = amountsOf(item.Amounts())
		o.Ticked, o.StationsField = ticked.has(o.ID) && o.Possible, stationsField+o.ID
		offers[i] = o
	}
	return offers
}

func anyPossible(offers []offer) bool {
	return slices.ContainsFunc(offers, func(o offer) bool { return o.Possible })
}

func allTicked(offers []offer) bool {
	return !slices.ContainsFunc(offers, func(o offer) bool { return o.Possible && !o.Ticked })
}

// addedNotice says how many positions have just come into the cart.
func (c *call) addedNotice() string {
	added, err := strconv.Atoi(c.URL.Query().Get("added"))
	if err != nil || added < 0 || added > domain.CartItemsMax {
		return ""
	}
	if added == 0 {
		return c.say("cart.nothing-new")
	}
	return c.say("cart.added", "count", added)
}

type newProgramsView struct {
	Programs      []offer                   `json:"new_programs"`
	Total         int                       `json:"total"` // on all pages
	IsDistributor bool                      `json:"-"`
	Clients       []projections.CustomerRow `json:"-"`
	MoreClients   bool                      `json:"-"` // than those: they have to be searched for
	ClientSearch  string                    `json:"-"`
	Client        string                    `json:"-"` // chosen so far
	Own           projections.CustomerRow   `json:"-"`
	List          list                      `json:"-"`
}

func (c *call) readNewProgramsList() (list, error) {
	return c.readList("/new-programs", nil, []string{columnProgram, columnPrice})
}

// AllTicked tells whether there is nothing left to tick.
func (v newProgramsView) AllTicked() bool { return allTicked(v.Programs) }

// AnyPossible tells whether there is anything to tick.
func (v newProgramsView) AnyPossible() bool { return anyPossible(v.Programs) }

// showNewPrograms is the section NOWE PROGRAMY. Source: R9, R10.
func (s *Server) showNewPrograms(c *call) (reply, error) {
	return s.newProgramsPage(c, additions{})
}

func (s *Server) newProgramsPage(c *call, ticked additions) (reply, error) {
	company, err := s.companyOf(c)
	if err != nil {
		return reply{}, err
	}
	shown, err := c.readNewProgramsList()
	if err != nil {
		return reply{}, err
	}
	offers, total, err := s.Tables.NewPrograms(c.Context(), shown.wanted())
	if err != nil {
		return reply{}, fmt.Errorf("read new programs: %w", err)
	}
	if first := shown.show(c, len(offers), total); first != "" {
		return reply{location: first}, nil
	}
	view := newProgramsView{Programs: c.offersOf(offers, ticked), Total: total, IsDistributor: company.IsDistributor, Own: company,
		Client: ticked.Client, List: shown}
	if company.IsDistributor && c.route.Door == page {
		if err := s.findClients(c, &view); err != nil {
			return reply{}, err
		}
	}
	return reply{page: "new-programs", view: view, notice: c.addedNotice()}, nil
}

// findClients lists whom a distributor can buy a new program for; of many only those whose name it searches for.
func (s *Server) findClients(c *call, view *newProgramsView) error {
	wanted := strings.TrimSpace(c.FormValue("client_q"))
	if !isSearch(wanted) {
		return invalidInput("client_q", searchLimit)
	}
	view.ClientSearch = wanted
	var err error
	view.Clients, err = s.Tables.Clients(c.Context(), view.Own.ID, projections.Listing{Search: wanted, Limit: clientsListed + 1})
	if err != nil {
		return fmt.Errorf("read clients: %w", err)
	}
	if view.MoreClients = len(view.Clients) > clientsListed; view.MoreClients {
		view.Clients = view.Clients[:clientsListed]
	}
	return nil
}
