package handlers

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// additions are ticked rows.
type additions struct {
	Offers   []string       `json:"offers"`
	Client   string         `json:"client"`   // for whom a new program is; empty: the buyer itself
	Stations map[string]int `json:"stations"` // by offer, where the number can be chosen
	Whole    string         `json:"-"`        // only tick, or untick, every row of the page that can be ticked
}

// What the buttons beside «Zaznaczone pozycje do koszyka» wish.
const (
	tickAll  = "all"
	tickNone = "none"
)

// has tells whether a row is to be shown ticked.
func (in additions) has(offer string) bool {
	switch in.Whole {
	case tickAll:
		return true
	case tickNone:
		return false
	}
	return slices.Contains(in.Offers, offer)
}

// stationsField begins the name of the form fields in which people type a number of stations.
const stationsField = "stations:"

func (c *call) readAdditions() (additions, error) {
	var in additions
	if c.route.Door == api {
		return in, c.read(&in, false)
	}
	form, err := c.form()
	if err != nil {
		return in, err
	}
	in.Offers, in.Client, in.Stations, in.Whole = form["offer"], form.Get("client"), map[string]int{}, form.Get("tick")
	for field, typed := range form {
		if offer, ok := strings.CutPrefix(field, stationsField); ok && strings.TrimSpace(typed[0]) != "" {
			if in.Stations[offer], err = strconv.Atoi(strings.TrimSpace(typed[0])); err != nil {
				in.Stations[offer] = -1 // no number is no possible number of stations
			}
		}
	}
	return in, nil
}

func (in additions) check() error {
	switch {
	case len(in.Offers) == 0:
		return domain.Refusal{Code: nothingTicked}
	case len(in.Offers) > domain.CartItemsMax:
		return domain.Refusal{Code: domain.CartFull, Facts: map[string]string{"max": strconv.Itoa(domain.CartItemsMax)}}
	case in.Client != "" && !isName(in.Client):
		return domain.Refusal{Code: domain.NotFound}
	}
	for _, offer := range in.Offers {
		if !isName(offer) {
			return domain.Refusal{Code: domain.NotFound}
		}
	}
	return nil
}

// addToCart is the button «Zaznaczone pozycje do koszyka». Source: R10.
func (s *Server) addToCart(c *call) (reply, error) {
	in, err := c.readAdditions()
	if err != nil {
		return reply{}, err
	}
	var shown list
	if c.route.Door == page {
		if shown, err = c.readSection(); err != nil {
			return reply{}, err
		}
	}
	if in.Whole == tickAll || in.Whole == tickNone {
		return s.showAgain(c, in, nil)
	}
	outcome, err := s.putInCart(c, in)
	refusal, no := domain.IsRefusal(err)
	switch {
	case no && c.route.Door == page:
		return s.showAgain(c, in, &refusal)
	case err != nil:
		return reply{}, err
	}
	if c.route.Door == page {
		return reply{position: outcome.Position, location: shown.after("added", strconv.Itoa(len(outcome.Events)))}, nil
	}
	added := addedView{Items: []cartItem{}}
	for _, event := range outcome.Events {
		if e, ok := event.(domain.ItemAddedToCart); ok {
			added.Items = append(added.Items, cartItemOf(projections.CartItem{Item: e.Item, Amounts: e.Item.Amounts()}))
		}
	}
	return reply{position: outcome.Position, view: added}, nil
}

// addedView tells a program which positions came into the cart, without the names behind their identities.
type addedView struct {
	Items []cartItem `json:"items"`
}

func (s *Server) putInCart(c *call, in additions) (domain.Outcome, error) {
	if err := in.check(); err != nil {
		return domain.Outcome{}, err
	}
	picks := make([]projections.Pick, len(in.Offers))
	for i, offer := range in.Offers {
		stations, chosen := in.Stations[offer]
		if !chosen {
			stations = domain.StationsMin
		}
		picks[i] = projections.Pick{Offer: offer, Client: domain.CustomerID(in.Client), Stations: stations,
			Item: domain.ItemID(domain.NameID("item", c.id, offer))}
	}
	buyer, wishes, err := s.Tables.Wishes(c.Context(), c.customer(), picks)
	if err != nil {
		return domain.Outcome{}, err
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "add"), domain.AddToCart{Buyer: buyer, Wishes: wishes})
	if refusal, no := domain.IsRefusal(err); no && refusal.Code == domain.OrderedByDistributor {
		return outcome, s.nameDistributor(c)
	}
	return outcome, err
}

// nameDistributor says who orders the customer's updates. Source: R8.
func (s *Server) nameDistributor(c *call) error {
	company, err := s.companyOf(c)
	if err != nil {
		return err
	}
	return domain.Refusal{Code: domain.OrderedByDistributor, Facts: map[string]string{"distributor": company.DistributorName}}
}

// section is the page on which the reader ticked.
func (c *call) section() string {
	if c.PostForm.Get("section") == "new-programs" {
		return "new-programs"
	}
	return "updates"
}

// readSection reads the list on which the reader ticked.
func (c *call) readSection() (list, error) {
	if c.section() == "new-programs" {
		return c.readNewProgramsList()
	}
	return c.readUpdatesList()
}

// showAgain shows the page on which something was ticked with everything as it was typed, and the reason if it was
// impossible.
func (s *Server) showAgain(c *call, in additions, refusal *domain.Refusal) (reply, error) {
	again := s.updatesPage
	if c.section() == "new-programs" {
		again = s.newProgramsPage
	}
	answer, err := again(c, in)
	answer.refusal, answer.field = refusal, "list"
	return answer, err
}

// removeFromCart takes a position out; one that is not there is not there.
func (s *Server) removeFromCart(c *call) (reply, error) {
	item, err := c.name("item")
	if err != nil {
		return reply{}, err
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "remove"), domain.RemoveFromCart{Buyer: c.customer(), Item: domain.ItemID(item)})
	if err != nil {
		return reply{}, err
	}
	return reply{location: "/cart", position: outcome.Position}, nil
}

// cartItem is a position of KOSZYK.
type cartItem struct {
	ID          domain.ItemID     `json:"id"`
	Client      domain.CustomerID `json:"client"`
	ClientName  string            `json:"client_name,omitempty"`
	Program     domain.ProgramID  `json:"program"`
	ProgramName string            `json:"program_name,omitempty"`
	Licence     domain.LicenceID  `json:"licence,omitempty"`
	Serial      string            `json:"serial,omitempty"`
	Edition     domain.Edition    `json:"edition"`
	From        domain.Version    `json:"from,omitempty"`
	To          domain.Version    `json:"to"`
	Stations    int               `json:"stations"`
	UnitNet     domain.Money      `json:"unit_net"`
	VATRate     domain.VATRate    `json:"vat_rate"`
	amounts
}

// cartNotice says what happened to a position since the buyer last touched the cart.
type cartNotice struct {
	ProgramName string         `json:"program_name"`
	ClientName  string         `json:"client_name"`
	From        domain.Version `json:"from,omitempty"`
	To          domain.Version `json:"to"`
	OldUnitNet  *domain.Money  `json:"old_unit_net"` // null when the position was dropped
	UnitNet     *domain.Money  `json:"unit_net"`
	Reason      *reason        `json:"reason"` // why it was dropped
}

type cartView struct {
	Version       int            `json:"version"`
	Items         []cartItem     `json:"items"`
	Notices       []cartNotice   `json:"notices"`
	Total         amounts        `json:"total"`
	Pending       domain.OrderID `json:"pending_order,omitempty"` // submitted, and not an order yet
	Changes       int            `json:"-"`                       // since the positions were put in, and not yet noted
	Submission    string         `json:"-"`                       // identity of the order that «Wyślij» will make
	IsDistributor bool           `json:"-"`
}

// showCart is the section KOSZYK. Source: R11.
func (s *Server) showCart(c *call) (reply, error) {
	view, err := s.cart(c)
	if err != nil || c.route.Door != page || len(view.Items) == 0 {
		return reply{page: "cart", view: view}, err
	}
	check, cart, err := s.checkOfCart(c)
	if err != nil {
		return reply{}, err
	}
	changes, err := check.Decide(cart)
	view.Changes = len(changes)
	return reply{page: "cart", view: view}, err
}

// checkOfCart is what has to be decided to hold the cart against prices and licences as they are now.
func (s *Server) checkOfCart(c *call) (domain.RecheckCart, domain.Cart, error) {
	cart, err := domain.Load[domain.Cart](c.Context(), s.Log, domain.CartStream(c.customer()))
	if err != nil {
		return domain.RecheckCart{}, domain.Cart{}, err
	}
	facts, err := s.factsOf(c.Context(), c.customer(), cart.State)
	return domain.RecheckCart{Buyer: facts.buyer, Wishes: facts.wishes}, cart.State, err
}

// recheckCart takes the prices of today into the cart and notes what has changed, so that its page can say it. Twice is
// harmless.
func (s *Server) recheckCart(c *call) (reply, error) {
	check, _, err := s.checkOfCart(c)
	if err != nil {
		return reply{}, err
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "recheck"), check)
	return reply{location: "/cart", position: outcome.Position}, err
}

func (s *Server) cart(c *call) (cartView, error) {
	company, err := s.companyOf(c)
	if err != nil {
		return cartView{}, err
	}
	cart, err := s.Tables.Cart(c.Context(), c.customer())
	if err != nil {
		return cartView{}, fmt.Errorf("read cart: %w", err)
	}
	view := cartView{Version: cart.Version, Items: []cartItem{}, Notices: []cartNotice{}, Total: amountsOf(cart.Total), Pending: cart.Pending,
		Submission: s.NewID(), IsDistributor: company.IsDistributor}
	for _, item := range cart.Items {
		view.Items = append(view.Items, cartItemOf(item))
	}
	for _, notice := range cart.Notices {
		view.Notices = append(view.Notices, c.cartNoticeOf(notice))
	}
	return view, nil
}

func cartItemOf(item projections.CartItem) cartItem {
	return cartItem{ID: item.ID, Client: item.Client, ClientName: item.ClientName, Program: item.Program, ProgramName: item.ProgramName,
		Licence: item.Licence, Serial: item.Serial, Edition: item.Edition, From: item.From, To: item.To, Stations: item.Stations,
		UnitNet: item.Net, VATRate: item.VATRate, amounts: amountsOf(item.Amounts)}
}

func (c *call) cartNoticeOf(notice projections.CartNotice) cartNotice {
	told := cartNotice{ProgramName: notice.ProgramName, ClientName: notice.ClientName, From: notice.From, To: notice.To}
	if notice.Reason != nil {
		told.Reason = c.reasonOf(notice.Reason)
		return told
	}
	old, now := notice.Old, notice.Net
	told.OldUnitNet, told.UnitNet = &old, &now
	return told
}

// submission is what «Wyślij» sends: the identity of the wish, and the cart that was seen.
type submission struct {
	key  string
	seen int // version of the cart; 0: whatever is in it
}

// submissionKeyMax is the longest identity of a submission, in bytes.
const submissionKeyMax = 200

func (c *call) readSubmission() (submission, error) {
	if c.route.Door == page {
		form, err := c.form()
		if err != nil {
			return submission{}, err
		}
		return checkedSubmission(form.Get("submission"), form.Get("version"))
	}
	var in struct {
		CartVersion int `json:"cart_version"`
	}
	if err := c.read(&in, true); err != nil {
		return submission{}, err
	}
	return checkedSubmission(c.Header.Get("Idempotency-Key"), strconv.Itoa(in.CartVersion))
}

func checkedSubmission(key, version string) (submission, error) {
	seen, err := strconv.Atoi(version)
	if err != nil || seen < 0 {
		return submission{}, domain.Refusal{Code: malformedRequest}
	}
	if key == "" || len(key) > submissionKeyMax || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return submission{}, domain.Refusal{Code: submissionMissing, Facts: map[string]string{"max": strconv.Itoa(submissionKeyMax)}}
	}
	return submission{key: key, seen: seen}, nil
}

// orderPath is where an order can be looked at.
func (c *call) orderPath(order domain.OrderID) string {
	path := "/orders/" + url.PathEscape(string(order))
	if c.route.Door == api {
		return "/api" + path
	}
	return path
}
