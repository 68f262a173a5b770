package handlers

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// cellsMin is how many cells the access matrix must have.
const cellsMin = 10_000

// accessMatrix asks for every route as everybody, about everybody's objects, from here and from other sites, in process.
type accessMatrix struct {
	*world
	t       *testing.T
	callers []matrixCaller
	objects map[string]map[string]string // by relation: what fills the gaps of a path
	cells   int
	shown   int // pages of the log
}

// matrixCaller is somebody at the door with a token for it.
type matrixCaller struct {
	name  string
	who   callers
	token string
}

// relations of an object to the customers who ask.
var relations = []string{"kowal", "jagna", "obcy", "missing"}

// sites from which a browser says that a request comes; empty: no browser.
var sites = []string{"", "same-origin", "same-site", "cross-site"}

// TestAccessMatrix holds every answer against what the list of routes promises.
// Source: OWASP ASVS 5.0, V8 and 3.5.
func TestAccessMatrix(t *testing.T) {
	m := newMatrix(t)
	before, _ := m.business()
	foreign := func(site string) bool { return site == "cross-site" || site == "same-site" }
	m.sweep("reading changes nothing", func(route route, site string, _ callers) bool { return route.Method == get })
	m.unchanged(before, "GETs")
	m.looked()
	m.sweep("other sites change nothing", func(route route, site string, _ callers) bool { return route.Method != get && foreign(site) })
	m.unchanged(before, "other sites")
	m.sweep("customers and strangers act", func(route route, site string, who callers) bool {
		return route.Method != get && !foreign(site) && who&staff == 0
	})
	m.sweep("staff acts", func(route route, site string, who callers) bool {
		return route.Method != get && !foreign(site) && who&staff != 0
	})
	if m.cells < cellsMin {
		t.Errorf("%d cells, want at least %d", m.cells, cellsMin)
	}
	t.Logf("%d cells: %d routes, %d callers, %d relations, %d sites", m.cells, len(routes()), len(m.callers), len(relations), len(sites))
}

func newMatrix(t *testing.T) *accessMatrix {
	m := &accessMatrix{world: newWorld(t), t: t, objects: map[string]map[string]string{}}
	licences := map[string]domain.LicenceID{"kowal": kowalOld, "jagna": jagnaOld, "obcy": obcyOld}
	for _, owner := range []string{"kowal", "jagna", "obcy"} {
		id := domain.CustomerID(owner)
		buyer := m.program(owner)
		buyer.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
		var order orderAnswer
		buyer.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
		m.issueProforma(domain.OrderID(order.ID))
		buyer.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
		do(m.world, domain.GrantLogin{Customer: id, Account: "user-" + owner, Link: 1})
		m.people.owners["user-"+owner], m.people.logins["user-"+owner] = id, Login{Account: "user-" + owner, User: owner}
		m.transferIn(domain.TransferID("transfer-"+owner), 1_00, "za program")
		m.objects[owner] = map[string]string{"{transfer}": "transfer-" + owner, "{licence}": string(licences[owner]), "{order}": order.ID, "{customer}": owner, "{account}": "user-" + owner,
			"{item}": string(stateOf[domain.Cart](m.world, domain.CartStream(id)).Items[0].ID), "{stream}": "order-" + order.ID,
			"{event}": m.firstOf("order-" + order.ID).ID}
	}
	m.objects["missing"] = map[string]string{"{transfer}": "no-such-transfer", "{licence}": "no-such-licence", "{order}": "no-such-order", "{customer}": "no-such-customer",
		"{account}": "no-such-account", "{item}": "no-such-item", "{stream}": "order-no-such-order", "{event}": "no-such-event"}
	for _, user := range []string{"kowal", "dystr", "jagna", "accounting-1", "auditor-1", "operator-1"} {
		account, _ := accountOf(user)
		m.callers = append(m.callers, matrixCaller{user, callersOf(account), m.session(account)})
		if user == "operator-1" {
			account.Half = true
			m.callers = append(m.callers, matrixCaller{"half a login", halfway, m.session(account)})
		}
	}
	account, _ := accountOf("kowal")
	locked, expired := m.session(account), m.session(account)
	for _, token := range []string{locked, expired} { // which the vault has deleted
		if err := m.people.EndSession(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	m.callers = append(m.callers, matrixCaller{"nobody", anonymous, ""}, matrixCaller{"locked", anonymous, locked}, matrixCaller{"expired", anonymous, expired})
	m.settleAll()
	m.sign()
	return m
}

func (m *accessMatrix) session(account Account) string {
	m.t.Helper()
	token, err := m.people.StartSession(m.t.Context(), account)
	if err != nil {
		m.t.Fatal(err)
	}
	return token
}

// unchanged wants no event but looks at the log.
func (m *accessMatrix) unchanged(before int, who string) {
	m.t.Helper()
	if after, _ := m.business(); after != before {
		m.t.Errorf("%s caused %d events", who, after-before)
	}
}

// looked wants a look written down for each page of the log that was shown, by whom it was shown to, and nothing for anything else.
func (m *accessMatrix) looked() {
	m.t.Helper()
	_, looks := m.business()
	for _, look := range looks {
		if look.Metadata.Actor != "user-auditor-1" || look.Metadata.OnBehalfOf != "" || !strings.HasPrefix(look.Stream, domain.InspectionsStream("")) {
			m.t.Errorf("a look at the log is written down as %+v", look)
		}
	}
	if len(looks) != m.shown || m.shown == 0 {
		m.t.Errorf("%d pages of the log were shown and %d looks written down", m.shown, len(looks))
	}
}

// endsSession tells the routes that would take the caller's token away.
func endsSession(route route) bool {
	return route.Method != get && (route.Path == "/logout" || route.Path == "/api/session" || route.Path == "/login" || route.Path == secondFactorPath)
}

func (m *accessMatrix) sweep(name string, chosen func(route route, site string, who callers) bool) {
	m.t.Run(name, func(t *testing.T) {
		for _, route := range routes() {
			for _, site := range sites {
				for _, caller := range m.callers {
					if !chosen(route, site, caller.who) {
						continue
					}
					answers := map[string]*httptest.ResponseRecorder{}
					for _, relation := range []string{"missing", "obcy", "jagna", "kowal"} {
						answers[relation] = m.ask(route, caller, relation, site)
						m.check(t, route, caller, relation, site, answers[relation])
					}
					m.compare(t, route, caller, site, answers)
				}
			}
		}
	})
}

func (m *accessMatrix) path(route route, relation string) string {
	path := route.Path
	for gap, value := range m.objects[relation] {
		path = strings.ReplaceAll(path, gap, value)
	}
	switch route.Path {
	case "/log/trace":
		path += "?of=" + m.objects[relation]["{order}"]
	case "/log/streams":
		path += "?stream=" + m.objects[relation]["{stream}"]
	}
	return strings.NewReplacer("{link}", "none", "{letter}", "none", "{number}", "1", "{file}", "portal.css", "{line}", "1", "{program}", "magazyn",
		"{task}", "confirmation", "{document}", "proforma-pl", "{month}", "2026-11", "{report}", "journal", "{format}", "csv", "{size}", "1").Replace(path)
}

func (m *accessMatrix) ask(route route, caller matrixCaller, relation, site string) *httptest.ResponseRecorder {
	m.cells++
	contentType, body := "application/x-www-form-urlencoded", url.Values{"email": {"x@example.com"}, "email_again": {"x@example.com"}}.Encode()
	if route.Door == api {
		contentType, body = "application/json", `{}`
	}
	// A recorder cannot keep a connection, so that a page that waits for news is left at once; if it is not, the test
	// shall not hang. The limit is far beyond what looking at the order takes.
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	if strings.HasSuffix(route.Path, "/changes") {
		ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
	}
	request := httptest.NewRequestWithContext(ctx, route.Method, m.path(route, relation), strings.NewReader(body))
	request.Header.Set("Content-Type", contentType)
	token := caller.token
	if endsSession(route) {
		token = m.copyOf(caller) // may be taken away
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
		request.AddCookie(&http.Cookie{Name: "session", Value: token})
	}
	if site != "" {
		request.Header.Set("Sec-Fetch-Site", site)
	}
	answer := httptest.NewRecorder()
	m.server.ServeHTTP(answer, request)
	if strings.HasPrefix(route.Path+"/", "/log/") && answer.Code == http.StatusOK {
		m.shown++
	}
	return answer
}

// copyOf is another token of the same caller.
func (m *accessMatrix) copyOf(caller matrixCaller) string {
	account, err := m.people.Session(m.t.Context(), caller.token)
	if err != nil {
		return rand.Text()
	}
	return m.session(account)
}

// check holds one cell against the list of routes.
func (m *accessMatrix) check(t *testing.T, route route, caller matrixCaller, relation, site string, answer *httptest.ResponseRecorder) {
	t.Helper()
	location := answer.Header().Get("Location")
	complain := func(what string) {
		t.Helper()
		t.Errorf("%s asks %s %s about %s from %q: %d to %q: %s", caller.name, route.Method, route.Path, relation, site, answer.Code, location, what)
	}
	if answer.Code >= 500 {
		complain("broke")
	}
	toLogin := answer.Code == http.StatusSeeOther && strings.HasPrefix(location, "/login")
	switch {
	case route.Method != get && (site == "cross-site" || site == "same-site"):
		if answer.Code != http.StatusForbidden {
			complain("another site got in")
		}
	case route.Who&caller.who != 0:
		refused := answer.Code == http.StatusForbidden || answer.Code == http.StatusUnauthorized && !endsSession(route)
		if refused || toLogin && route.Path != "/" && !endsSession(route) && route.Path != "/login" {
			complain("may, but was refused")
		}
	case caller.who == anonymous && route.Door == api, caller.who == halfway && route.Door == api:
		if answer.Code != http.StatusUnauthorized {
			complain("want 401")
		}
	case caller.who == anonymous:
		if !toLogin {
			complain("want the login")
		}
	case caller.who == halfway:
		if answer.Code != http.StatusSeeOther || !strings.HasPrefix(location, secondFactorPath) {
			complain("want the second factor")
		}
	case answer.Code != http.StatusForbidden:
		complain("want 403")
	}
	m.checkCanaries(answer, caller, complain)
}

// checkCanaries looks for what belongs to a stranger in an answer to somebody who may not see it.
func (m *accessMatrix) checkCanaries(answer *httptest.ResponseRecorder, caller matrixCaller, complain func(string)) {
	canaries := []string{"Obcy Canary", "obcy@example.com"}
	switch caller.who {
	case operators, accounting:
		return // serve all customers
	case auditors:
	default:
		canaries = append(canaries, obcyOld.Serial())
	}
	text := answer.Body.String()
	for name := range answer.Header() {
		text += "\n" + answer.Header().Get(name)
	}
	for _, canary := range canaries {
		if strings.Contains(text, canary) {
			complain("shows " + canary)
		}
	}
}

// clientsToo are routes on which a distributor acts for its clients. Source: R5, R8.
var clientsToo = regexp.MustCompile(`^(/api)?/licences/`)

// compare wants a stranger's object to be answered byte for byte like a missing one, and to whom it belongs otherwise.
func (m *accessMatrix) compare(t *testing.T, route route, caller matrixCaller, site string, answers map[string]*httptest.ResponseRecorder) {
	t.Helper()
	if m.path(route, "obcy") == m.path(route, "missing") {
		return
	}
	admitted := route.Who&caller.who != 0 && (route.Method == get || site != "cross-site" && site != "same-site")
	missing := m.anonymised(answers["missing"], "missing")
	for _, relation := range []string{"obcy", "jagna", "kowal"} {
		theirs := m.anonymised(answers[relation], relation)
		mine := admitted && (caller.name == relation || caller.name == "dystr" && relation == "jagna" && clientsToo.MatchString(route.Path) || caller.who&staff != 0)
		if mine {
			if caller.who&customers != 0 && answers[relation].Code == http.StatusNotFound && !strings.Contains(route.Path, "/files/") {
				t.Errorf("%s asks %s %s for its own: %d", caller.name, route.Method, route.Path, answers[relation].Code)
			}
			continue
		}
		if theirs != missing {
			t.Errorf("%s asks %s %s: what belongs to %s is answered unlike what is missing\n%s\n%s", caller.name, route.Method, route.Path, relation, theirs, missing)
		}
	}
}

// anonymised is a whole answer, with the identities that were asked for replaced.
func (m *accessMatrix) anonymised(answer *httptest.ResponseRecorder, relation string) string {
	var text strings.Builder
	text.WriteString(http.StatusText(answer.Code) + "\n")
	header := answer.Header().Clone()
	header.Del("Content-Length") // goes with the identities
	header.Write(&text)
	text.WriteString(answer.Body.String())
	var pairs []string
	for gap, value := range m.objects[relation] {
		if gap != "{customer}" { // short, and part of the others
			pairs = append(pairs, value, gap)
		}
	}
	all := strings.NewReplacer(pairs...).Replace(text.String())
	customer := "/customers/" + m.objects[relation]["{customer}"]
	return strings.NewReplacer(customer, "/customers/{customer}", url.QueryEscape(customer), "/customers/{customer}").Replace(all)
}
