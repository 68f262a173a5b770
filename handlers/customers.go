package handlers

import (
	"net/url"
	"strconv"
	"strings"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// ownRows is how many licences and orders of a customer stand on its page; links lead to the others.
const ownRows = 50

// showCustomers lists the registered companies for the operator.
func (s *Server) showCustomers(c *call) (reply, error) {
	answer, err := showList(c, "customers", nil, nil, s.Tables.AllCustomers)
	answer.notice = c.notice()
	return answer, err
}

// registerView is the form of a new customer, as far as it has been filled in.
type registerView struct {
	Form url.Values
}

func (s *Server) showRegister(c *call) (reply, error) {
	return reply{page: "register", view: registerView{Form: url.Values{"language": {string(domain.Polish)}}}}, nil
}

// registerCustomer makes a company a customer. The vendor's own code is its identity, so pressing twice changes nothing.
func (s *Server) registerCustomer(c *call) (reply, error) {
	form, err := c.form()
	if err != nil {
		return reply{}, err
	}
	id, position, err := s.register(c, form)
	if refusal, no := domain.IsRefusal(err); no {
		answer := reply{page: "register", view: registerView{Form: form}, refusal: &refusal}
		return answer.about(fieldIDs{"code": "code", domain.AlreadyExists: "code", "name": "name", "nip": "nip", "email": "email", "language": "language"}), nil
	}
	if err != nil {
		return reply{}, err
	}
	return reply{location: "/customers/" + string(id) + "?done=registered", position: position}, nil
}

func (s *Server) register(c *call, form url.Values) (domain.CustomerID, domain.Position, error) {
	code := strings.TrimSpace(form.Get("code"))
	if code == "" || len(code) > domain.IdentityMax {
		return "", 0, invalidInput("code", "1–"+strconv.Itoa(domain.IdentityMax))
	}
	nip, err := domain.ParseNIP(form.Get("nip"))
	if err != nil {
		return "", 0, invalidInput("nip", "10")
	}
	command := domain.RegisterCustomer{Customer: domain.CustomerIDOf(code), Name: strings.TrimSpace(form.Get("name")), NIP: nip,
		Email: strings.TrimSpace(form.Get("email")), Language: domain.Language(form.Get("language")), Distributor: form.Get("distributor") == "yes"}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "register"), command)
	return command.Customer, outcome.Position, err
}

// customerView is everything that an operator sees of one customer.
type customerView struct {
	projections.CustomerRow
	Logins       []customerLogin
	Erasures     []erasureView
	Distributors []projections.CustomerRow
	Programs     []domain.Program
	Licences     listView[projections.LicenceRow]
	Orders       []orderView
	More         bool // licences or orders than are shown
	Form         url.Values
}

// showCustomer is one customer with its logins, licences and orders.
func (s *Server) showCustomer(c *call) (reply, error) {
	id, err := c.name("customer")
	if err != nil {
		return reply{}, err
	}
	return s.customerPage(c, domain.CustomerID(id))
}

func (s *Server) customerPage(c *call, id domain.CustomerID) (reply, error) {
	row, ok, err := s.Tables.Customer(c.Context(), id)
	if err != nil {
		return reply{}, err
	}
	if !ok {
		return reply{}, c.missing()
	}
	view := customerView{CustomerRow: row, Form: c.PostForm}
	known, err := domain.Load[domain.Customer](c.Context(), s.Log, domain.CustomerStream(id))
	if err != nil {
		return reply{}, err
	}
	if view.Logins, err = s.loginsOf(c, known.State); err != nil {
		return reply{}, err
	}
	view.Erasures = erasuresOf(c, known.State)
	if view.Distributors, err = s.Tables.Distributors(c.Context()); err != nil {
		return reply{}, err
	}
	if view.Programs, err = s.Tables.Catalogue(c.Context()); err != nil {
		return reply{}, err
	}
	own := projections.Listing{Search: string(id), Limit: ownRows}
	licences, ofAll, err := s.Tables.AllLicences(c.Context(), own)
	if err != nil {
		return reply{}, err
	}
	orders, ordered, err := s.Tables.AllOrders(c.Context(), own)
	if err != nil {
		return reply{}, err
	}
	view.Licences = listView[projections.LicenceRow]{List: list{Total: ofAll}, Rows: licences}
	view.More = ofAll > ownRows || ordered > ownRows
	for _, order := range orders {
		view.Orders = append(view.Orders, orderViewOf(order))
	}
	return reply{page: "customer", subject: row.Name, view: view, notice: c.notice()}, nil
}

// notices are the good news that a page can be asked to say after something was done.
var notices = map[string]string{
	"registered": "done.registered", "login-made": "done.login-made", "link-granted": "done.link-granted", "locked": "done.locked",
	"unlocked": "done.unlocked", "distributor": "done.distributor", "granted": "done.granted", "listed": "done.listed",
	"released": "done.released", "priced": "done.priced", "withdrawn": "done.withdrawn", "imported": "done.imported",
	"erasure-propose": "done.erasure-propose", "erasure-confirm": "done.erasure-confirm", "erasure-withdraw": "done.erasure-withdraw",
	"matched": "done.matched", "match-proposed": "done.match-proposed", "match-rejected": "done.match-rejected",
	"refund-proposed": "done.refund-proposed", "refund-confirmed": "done.refund-confirmed", "refund-rejected": "done.refund-rejected",
	"refund-paid": "done.refund-paid", "reversal-linked": "done.reversal-linked",
	"retried": "done.retried", "skipped": "done.skipped", "repaired": "done.repaired",
}

// notice is what the page before this one has done.
func (c *call) notice() string {
	if id, ok := notices[c.URL.Query().Get("done")]; ok {
		return c.say(id)
	}
	return ""
}

// customerAfter goes on with the customer's page: with good news, or with the reason why nothing was done.
func (s *Server) customerAfter(c *call, id domain.CustomerID, done string, position domain.Position, err error) (reply, error) {
	if refusal, no := domain.IsRefusal(err); no {
		answer, err := s.customerPage(c, id)
		answer.refusal = &refusal
		return answer, err
	}
	if err != nil {
		return reply{}, err
	}
	return reply{location: "/customers/" + string(id) + "?done=" + done, position: position}, nil
}

// customerInPath is the customer that a path names, as the log knows it.
func (s *Server) customerInPath(c *call) (domain.Customer, error) {
	id, err := c.name("customer")
	if err != nil {
		return domain.Customer{}, err
	}
	known, err := domain.Load[domain.Customer](c.Context(), s.Log, domain.CustomerStream(domain.CustomerID(id)))
	if err == nil && known.State.ID == "" {
		err = domain.Refusal{Code: domain.NotFound}
	}
	return known.State, err
}

func (s *Server) customerForm(c *call) (domain.Customer, url.Values, error) {
	customer, err := s.customerInPath(c)
	if err != nil {
		return customer, nil, err
	}
	form, err := c.form()
	return customer, form, err
}

// setDistributor puts a customer under a distributor, or lets it order for itself again. Source: R8.
func (s *Server) setDistributor(c *call) (reply, error) {
	customer, form, err := s.customerForm(c)
	if err != nil {
		return reply{}, err
	}
	var outcome domain.Outcome
	if wanted := form.Get("distributor"); wanted == "" {
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "distributor"), domain.RemoveDistributor{Customer: customer.ID})
	} else if !isName(wanted) {
		err = domain.Refusal{Code: domain.NotADistributor}
	} else {
		var distributor domain.Loaded[domain.Customer]
		distributor, err = domain.Load[domain.Customer](c.Context(), s.Log, domain.CustomerStream(domain.CustomerID(wanted)))
		if err == nil && distributor.State.ID == "" {
			err = domain.Refusal{Code: domain.NotADistributor}
		}
		if err == nil {
			outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "distributor"),
				domain.AssignDistributor{Customer: customer.ID, Distributor: distributor.State})
		}
	}
	answer, err := s.customerAfter(c, customer.ID, "distributor", outcome.Position, err)
	return answer.about(fieldIDs{domain.NotADistributor: "distributor"}), err
}

// grantLicence records a copy that the customer owns and has paid for outside the portal.
func (s *Server) grantLicence(c *call) (reply, error) {
	customer, form, err := s.customerForm(c)
	if err != nil {
		return reply{}, err
	}
	position, err := s.grant(c, customer.ID, form)
	answer, err := s.customerAfter(c, customer.ID, "granted", position, err)
	return answer.about(fieldIDs{"licence_code": "code", domain.AlreadyExists: "code", domain.ProgramNotListed: "program", domain.VersionNotReleased: "version",
		domain.StationsOutOfRange: "stations"}), err
}

func (s *Server) grant(c *call, customer domain.CustomerID, form url.Values) (domain.Position, error) {
	code := strings.TrimSpace(form.Get("code"))
	if code == "" || len(code) > domain.IdentityMax {
		return 0, invalidInput("licence_code", "1–"+strconv.Itoa(domain.IdentityMax))
	}
	if !isName(form.Get("program")) {
		return 0, domain.Refusal{Code: domain.ProgramNotListed}
	}
	program, err := domain.Load[domain.Program](c.Context(), s.Log, domain.ProgramStream(domain.ProgramID(form.Get("program"))))
	if err != nil {
		return 0, err
	}
	stations, err := strconv.Atoi(form.Get("stations"))
	if err != nil {
		stations = 0 // which no edition allows
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "grant"), domain.GrantLicence{Licence: domain.LicenceIDOf(code), Customer: customer,
		Program: program.State, Edition: domain.Edition(form.Get("edition")), Version: domain.Version(form.Get("version")), Stations: stations,
		Activated: form.Get("activated") == "yes"})
	return outcome.Position, err
}
