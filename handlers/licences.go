package handlers

import (
	"fmt"
	"strings"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// ownedProgram is a row of PROGRAMY. Source: R3, R4.
// Texts are of no named type because templates write those several times as slowly.
type ownedProgram struct {
	Licence      string            `json:"licence"`
	Serial       string            `json:"serial"`
	Customer     domain.CustomerID `json:"customer"`
	CustomerName string            `json:"customer_name"`
	Program      domain.ProgramID  `json:"program"`
	ProgramName  string            `json:"program_name"`
	Edition      domain.Edition    `json:"edition"`
	Version      string            `json:"version"`
	Stations     int               `json:"stations"`
	Email        string            `json:"activation_email"`
	Paid         bool              `json:"paid"`
	Activated    bool              `json:"activated"`
	Pending      *pendingOrder     `json:"pending_order"`
	FileSent     bool              `json:"file_sent"`
	MayResend    bool              `json:"may_resend"`
	Updates      int               `json:"possible_updates"`
	Copy         string            `json:"-"` // program and serial number: which copy a link is about
	clientShown
}

// pendingOrder is what an unpaid order will make of a licence.
type pendingOrder struct {
	Order   domain.OrderID `json:"order,omitempty"` // only for its buyer
	Number  string         `json:"number"`
	Edition domain.Edition `json:"edition"`
	Version domain.Version `json:"version"`
}

func ownedProgramOf(e projections.Entitlement) ownedProgram {
	owned := ownedProgram{Licence: string(e.Licence), Serial: e.Serial, Customer: e.Customer, CustomerName: e.CustomerName, Program: e.Program,
		ProgramName: e.ProgramName, Edition: e.Edition, Version: string(e.Version), Stations: e.Stations, Email: e.Email, Paid: e.Paid,
		Activated: e.Activated, FileSent: e.FileSent, MayResend: e.MayResend, Updates: e.Updates,
		Copy: e.ProgramName + " " + e.Serial}
	if e.PendingOrder != "" {
		owned.Pending = &pendingOrder{Number: e.PendingNumber, Edition: e.PendingEdition, Version: e.PendingVersion}
		if e.PendingOwn {
			owned.Pending.Order = e.PendingOrder
		}
	}
	return owned
}

type programsView struct {
	Programs []ownedProgram `json:"programs"`
	Total    int            `json:"total"` // on all pages
	List     list           `json:"-"`
	clientShown
}

// Groups are the programs customer by customer, or as they are sorted.
func (v programsView) Groups() [][]ownedProgram {
	if !v.Grouped {
		return [][]ownedProgram{v.Programs}
	}
	return groupBy(v.Programs, func(p ownedProgram) domain.CustomerID { return p.Customer })
}

// groupBy cuts rows where the key changes.
func groupBy[T any, K comparable](rows []T, key func(T) K) [][]T {
	var groups [][]T
	for i, row := range rows {
		if i == 0 || key(row) != key(rows[i-1]) {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], row)
	}
	return groups
}

// showPrograms is the section PROGRAMY. Source: R3-R5.
func (s *Server) showPrograms(c *call) (reply, error) {
	company, err := s.companyOf(c)
	if err != nil {
		return reply{}, err
	}
	shown, err := c.readList("/programs", []string{partUnpaid, partUpdatable}, columnsOfLicences)
	if err != nil {
		return reply{}, err
	}
	entitlements, total, err := s.Tables.Entitlements(c.Context(), c.customer(), shown.wanted())
	if err != nil {
		return reply{}, fmt.Errorf("read programs: %w", err)
	}
	if first := shown.show(c, len(entitlements), total); first != "" {
		return reply{location: first}, nil
	}
	view := programsView{Programs: []ownedProgram{}, Total: total, List: shown, clientShown: clientShownIn(shown, company.IsDistributor)}
	for _, entitlement := range entitlements {
		program := ownedProgramOf(entitlement)
		program.clientShown = view.clientShown
		view.Programs = append(view.Programs, program)
	}
	answer := reply{page: "programs", view: view}
	switch query := c.URL.Query(); {
	case query.Has("corrected"):
		answer.notice = c.say("programs.corrected")
	case query.Has("resent"):
		answer.notice = c.say("programs.resent")
	}
	return answer, nil
}

type activationEmailView struct {
	Program ownedProgram
	Email   string // as typed so far
	Again   string
	Unusual bool // it leads to other people than before, perhaps by mistake
}

func (s *Server) entitlement(c *call) (ownedProgram, projections.Entitlement, error) {
	name, err := c.name("licence")
	if err != nil {
		return ownedProgram{}, projections.Entitlement{}, err
	}
	entitlement, ok, err := s.Tables.Entitlement(c.Context(), c.customer(), domain.LicenceID(name))
	if err != nil {
		return ownedProgram{}, entitlement, fmt.Errorf("read program: %w", err)
	}
	if !ok {
		return ownedProgram{}, entitlement, c.missing()
	}
	return ownedProgramOf(entitlement), entitlement, nil
}

// missing is the answer for what is not there, and for what others have; a reader whose own last deed is not visible
// yet is asked for patience instead.
func (c *call) missing() error {
	if c.late {
		return domain.Refusal{Code: notYetVisible}
	}
	return domain.Refusal{Code: domain.NotFound}
}

func (s *Server) showActivationEmail(c *call) (reply, error) {
	program, _, err := s.entitlement(c)
	if err != nil {
		return reply{}, err
	}
	return reply{page: "activation-email", view: activationEmailView{Program: program}}, nil
}

// correctActivationEmail changes where the activation file goes; people type the address twice. Source: R4.
func (s *Server) correctActivationEmail(c *call) (reply, error) {
	name, err := c.name("licence")
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Email string `json:"email"`
	}
	again, meant := "", ""
	if c.route.Door == api {
		err = c.read(&in, false)
		again, meant = in.Email, in.Email
	} else if form, formErr := c.form(); formErr == nil {
		in.Email, again, meant = form.Get("email"), form.Get("email_again"), form.Get("meant")
	} else {
		err = formErr
	}
	if err != nil {
		return reply{}, err
	}
	position, err := s.correctEmail(c, domain.LicenceID(name), typedEmail{in.Email, again, meant})
	refusal, no := domain.IsRefusal(err)
	switch {
	case no && refusal.Code != domain.NotFound && c.route.Door == page:
		program, _, err := s.entitlement(c)
		view := activationEmailView{Program: program, Email: in.Email, Again: again, Unusual: refusal.Code == emailUnusual}
		return reply{page: "activation-email", view: view, refusal: &refusal, field: fieldOfEmail(refusal)}, err
	case err != nil:
		return reply{}, err
	}
	return reply{location: "/programs?corrected#" + name, position: position}, nil
}

// typedEmail is an address as it was typed, twice, and the one of which its reader has said that it is meant.
type typedEmail struct{ email, again, meant string }

// fieldOfEmail is what a refusal of an address is about.
func fieldOfEmail(refusal domain.Refusal) string {
	switch refusal.Code {
	case emailsDiffer:
		return "email_again"
	case emailUnusual:
		return "meant"
	}
	return "email"
}

// hostOf an address, in lower case; empty for what is no address.
func hostOf(email string) string {
	_, host, _ := strings.Cut(email, "@")
	return strings.ToLower(strings.TrimSpace(host))
}

// correctEmail asks once more before files go to a host to which neither the licence's files nor the owner's letters go:
// a slip there hands a program to strangers. It looks into the read model first, where refusing a stranger's licence takes
// the same steps as refusing none.
func (s *Server) correctEmail(c *call, id domain.LicenceID, typed typedEmail) (domain.Position, error) {
	if _, _, err := s.entitlement(c); err != nil {
		return 0, err
	}
	licence, owner, err := s.licenceFor(c.Context(), c.customer(), id)
	if err != nil {
		return 0, err
	}
	if typed.email != typed.again {
		return 0, domain.Refusal{Code: emailsDiffer}
	}
	correction := domain.CorrectActivationEmail{Licence: licence, Email: typed.email}
	if _, err := correction.Decide(owner); err != nil {
		return 0, err
	}
	host, before := hostOf(typed.email), hostOf(owner.ActivationEmail(id))
	if host != before && host != hostOf(owner.Email) && typed.meant != typed.email {
		return 0, domain.Refusal{Code: emailUnusual, Facts: map[string]string{"host": host, "before": before}}
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "correct"), correction)
	return outcome.Position, err
}

// resendActivationFile sends the last file of a licence once more, after its address was corrected. Source: R4.
func (s *Server) resendActivationFile(c *call) (reply, error) {
	_, entitlement, err := s.entitlement(c)
	if err != nil {
		return reply{}, err
	}
	_, owner, err := s.licenceFor(c.Context(), c.customer(), entitlement.Licence)
	if err != nil {
		return reply{}, err
	}
	switch {
	case owner.Forgotten():
		return reply{}, domain.Refusal{Code: domain.PersonErased}
	case entitlement.Order == "":
		return reply{}, domain.Refusal{Code: domain.NotYetSent}
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "resend"), domain.ResendActivationFile{
		Order: entitlement.Order, Line: entitlement.Line, Corrections: owner.Corrections[entitlement.Licence]})
	if err != nil {
		return reply{}, err
	}
	location := "/programs?resent#" + string(entitlement.Licence)
	if c.route.Door == page && c.FormValue("back") == "order" {
		location = c.orderPath(entitlement.Order) + "?resent"
	}
	return reply{location: location, position: outcome.Position}, nil
}

// showUpdates is the section AKTUALIZACJE. Source: R6-R8, R10.
func (s *Server) showUpdates(c *call) (reply, error) {
	return s.updatesPage(c, additions{})
}

func (s *Server) updatesPage(c *call, ticked additions) (reply, error) {
	company, err := s.companyOf(c)
	if err != nil {
		return reply{}, err
	}
	shown, err := c.readUpdatesList()
	if err != nil {
		return reply{}, err
	}
	offers, total, err := s.Tables.Updates(c.Context(), c.customer(), shown.wanted())
	if err != nil {
		return reply{}, fmt.Errorf("read updates: %w", err)
	}
	if first := shown.show(c, len(offers), total); first != "" {
		return reply{location: first}, nil
	}
	view := updatesView{Updates: c.offersOf(offers, ticked), Total: total, Distributor: company.DistributorName, List: shown, clientShown: clientShownIn(shown, company.IsDistributor)}
	for i := range view.Updates {
		view.Updates[i].clientShown = view.clientShown
	}
	return reply{page: "updates", view: view, notice: c.addedNotice()}, nil
}

type updatesView struct {
	Updates     []offer `json:"updates"`
	Total       int     `json:"total"` // on all pages
	Distributor string  `json:"-"`     // of the reader; empty: it orders for itself
	List        list    `json:"-"`
	clientShown
}

func (c *call) readUpdatesList() (list, error) {
	return c.readList("/updates", []string{partPossible}, []string{columnProgram, columnPrice})
}

// Groups are the updates customer by customer, or as they are sorted.
func (v updatesView) Groups() [][]offer {
	if !v.Grouped {
		return [][]offer{v.Updates}
	}
	return groupBy(v.Updates, func(o offer) domain.CustomerID { return o.Client })
}

// AnyPossible tells whether there is anything to tick.
func (v updatesView) AnyPossible() bool { return anyPossible(v.Updates) }

// AllTicked tells whether there is nothing left to tick.
func (v updatesView) AllTicked() bool { return allTicked(v.Updates) }

// showLicences lists the licences of everybody for the operator.
func (s *Server) showLicences(c *call) (reply, error) {
	return showList(c, "licences", []string{partUnpaid}, columnsOfLicences, s.Tables.AllLicences)
}
