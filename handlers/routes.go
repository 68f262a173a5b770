package handlers

import (
	"fmt"
	"net/http"
	"strings"

	"netrom.pl/portal/domain"
)

// door says how a route speaks with whoever asks.
type door int

const (
	page    door = iota // HTML, forms, a cookie
	api                 // JSON, a bearer token
	plain               // neither: style sheet, health; no session is looked up
	anyDoor             // as the path says
)

func (d door) String() string { return [...]string{"page", "api", "plain", "any"}[d] }

// apiPrefix stands before every path of the API.
const apiPrefix = "/api/"

func doorOf(path string) door {
	if strings.HasPrefix(path, apiPrefix) {
		return api
	}
	return page
}

// callers are the roles that may call a route, and whether one must be logged in at all.
type callers uint8

const (
	anonymous callers = 1 << iota
	customers
	accounting
	auditors
	operators
	halfway // the password was right, the second factor is still to be shown

	staff    = accounting | auditors | operators
	loggedIn = customers | staff
	everyone = anonymous | halfway | loggedIn
)

func (w callers) String() string {
	if w == everyone {
		return "everyone"
	}
	var names []string
	for i, name := range []string{"anonymous", "customer", "accounting", "auditor", "operator", "halfway"} {
		if w&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// callersOf an account: what it counts as when a route asks who may call it.
func callersOf(account Account) callers {
	if account.Half {
		return halfway
	}
	switch account.Role {
	case CustomerRole:
		return customers
	case AccountingRole:
		return accounting
	case AuditorRole:
		return auditors
	case OperatorRole:
		return operators
	}
	return anonymous
}

// admit refuses whoever may not call the route.
func (c *call) admit() error {
	who := callersOf(c.account)
	switch {
	case c.route.Who&who != 0:
		return nil
	case who == anonymous:
		return domain.Refusal{Code: loginNeeded}
	case who == halfway:
		return domain.Refusal{Code: secondFactorNeeded}
	}
	return domain.Refusal{Code: notAllowed}
}

// route is one thing that can be asked for: where, by whom, and which read models the answer shows.
type route struct {
	Method string
	Path   string
	Door   door
	Who    callers
	Views  []string
	Do     action
}

func (r route) String() string {
	return strings.TrimRight(fmt.Sprintf("%-6s %-43s %-5s %-16s %s", r.Method, r.Path, r.Door, r.Who, strings.Join(r.Views, " ")), " ")
}

// bodyMax is the most that may be sent to the route, in bytes.
func (r route) bodyMax() int64 {
	if r.Method == post && r.Path == statementsPath {
		return multipartBytesMax
	}
	return bodyMax
}

// views that pages read, by the names that projections gives them
var (
	viewsOfPrograms    = []string{"programs", "entitlements", "customers", "orders"}
	viewsOfUpdates     = []string{"programs", "entitlements", "customers", "orders", "carts"}
	viewsOfNewPrograms = []string{"programs", "customers"}
	viewsOfCart        = []string{"programs", "customers", "carts"}
	viewsOfOrders      = []string{"orders", "customers", "payments"}
	viewsOfTransfers   = []string{"payments", "orders", "customers"}
	viewsOfStatements  = []string{"statements"}
	viewsOfTasks       = []string{"tasks"}
	viewsOfCustomers   = []string{"customers"}
	viewsOfCustomer    = []string{"customers", "entitlements", "orders", "programs"}
	viewsOfLicences    = []string{"entitlements", "customers", "orders"}
	viewsOfSums        = []string{"orders"}
	viewsOfCatalogue   = []string{"programs"}
	viewsOfLog         = []string{"events", "orders"}
)

const (
	get  = http.MethodGet
	post = http.MethodPost
	put  = http.MethodPut
	del  = http.MethodDelete
)

// routes is the whole surface of the portal. The tests hold it against testdata/routes.txt.
func routes() []route {
	return []route{
		// coming and going
		{get, "/", page, everyone, nil, (*Server).showStart},
		{get, "/login", page, everyone, nil, (*Server).showLogin},
		{post, "/login", page, everyone, nil, (*Server).logIn},
		{post, "/logout", page, everyone, nil, (*Server).logOut},
		{get, secondFactorPath, page, halfway | staff, nil, (*Server).showSecondFactor},
		{post, secondFactorPath, page, halfway | staff, nil, (*Server).checkSecondFactor},
		{get, "/password/{link}", page, everyone, nil, (*Server).showPassword},
		{post, "/password/{link}", page, everyone, nil, (*Server).setPassword},

		// the customer's panel
		{get, "/programs", page, customers, viewsOfPrograms, (*Server).showPrograms},
		{get, "/licences/{licence}/activation-email", page, customers, viewsOfPrograms, (*Server).showActivationEmail},
		{post, "/licences/{licence}/activation-email", page, customers, viewsOfPrograms, (*Server).correctActivationEmail},
		{post, "/licences/{licence}/activation-file", page, customers, viewsOfPrograms, (*Server).resendActivationFile},
		{get, "/updates", page, customers, viewsOfUpdates, (*Server).showUpdates},
		{get, "/new-programs", page, customers, viewsOfNewPrograms, (*Server).showNewPrograms},
		{get, "/cart", page, customers, viewsOfCart, (*Server).showCart},
		{post, "/cart/items", page, customers, viewsOfUpdates, (*Server).addToCart},
		{post, "/cart/items/{item}/remove", page, customers, nil, (*Server).removeFromCart},
		{post, "/cart/recheck", page, customers, nil, (*Server).recheckCart},
		{post, "/orders", page, customers, viewsOfCart, (*Server).submitOrder},
		{get, "/orders", page, customers, viewsOfOrders, (*Server).showOrders},
		{get, "/orders/{order}", page, customers, viewsOfOrders, (*Server).showOrder},
		{get, "/orders/{order}/changes", page, customers, viewsOfOrders, (*Server).watchOrder},
		{get, "/orders/{order}/files/{line}", page, customers, nil, (*Server).downloadActivationFile},
		{get, "/orders/{order}/files/{line}/proof", page, customers, nil, (*Server).downloadReleaseProof},
		{get, "/orders/{order}/documents/{document}", page, customers, nil, (*Server).downloadDocument},
		{post, "/orders/{order}/cancel", page, customers, viewsOfOrders, (*Server).cancelOrder},

		// the vendor's people
		{get, "/transfers", page, accounting, viewsOfTransfers, (*Server).showTransfers},
		{get, "/transfers/{transfer}", page, accounting, viewsOfTransfers, (*Server).showTransfer},
		{post, "/transfers/{transfer}/matches", page, accounting, nil, (*Server).matchByHand},
		{post, "/transfers/{transfer}/matches/{number}", page, accounting, nil, (*Server).decideMatch},
		{post, "/transfers/{transfer}/refunds", page, accounting, nil, (*Server).proposeRefund},
		{post, "/transfers/{transfer}/refunds/{number}", page, accounting, nil, (*Server).decideRefund},
		{post, "/transfers/{transfer}/reversals", page, accounting, nil, (*Server).linkReversal},
		{get, statementsPath, page, accounting, viewsOfStatements, (*Server).showStatements},
		{post, statementsPath, page, accounting, nil, (*Server).previewStatements},
		{post, statementsPath + "/confirm", page, accounting, nil, (*Server).confirmStatements},
		{get, "/months", page, accounting, viewsOfSums, (*Server).showMonths},
		{get, "/invoices", page, accounting, viewsOfSums, (*Server).showInvoices},
		{post, "/invoices", page, accounting, viewsOfSums, (*Server).importInvoices},
		{get, "/invoices/{month}/{format}", page, accounting, viewsOfSums, (*Server).downloadInvoices},
		{get, booksPath, page, accounting, nil, (*Server).showBooks},
		{get, "/books/{report}", page, accounting, nil, (*Server).showBooks},
		{get, "/books/{report}/{format}", page, accounting, nil, (*Server).downloadBooks},
		{get, "/log", page, auditors, viewsOfLog, (*Server).showLog},
		{get, "/log/trace", page, auditors, viewsOfLog, (*Server).showTrace},
		{get, "/log/orders/{order}/bundle", page, auditors, viewsOfLog, (*Server).sendBundle},
		{get, "/log/streams", page, auditors, viewsOfLog, (*Server).showStreams},
		{get, "/log/events/{event}", page, auditors, viewsOfLog, (*Server).showEvent},
		{get, "/log/events/{event}/proof", page, auditors, viewsOfLog, (*Server).sendProof},
		{get, "/sales", page, accounting | operators, viewsOfOrders, (*Server).showSales},
		{get, "/sales/{order}", page, accounting | operators, viewsOfOrders, (*Server).showSale},
		{get, "/sales/{order}/documents/{document}", page, accounting | operators, nil, (*Server).downloadSaleDocument},
		{get, "/tasks", page, auditors | operators, viewsOfTasks, (*Server).showTasks},
		{post, "/tasks/repair", page, operators, viewsOfTasks, (*Server).repairRow},
		{post, "/tasks/{stream}/{task}/retry", page, operators, viewsOfTasks, (*Server).retryTask},
		{post, "/tasks/{stream}/{task}/skip", page, operators, viewsOfTasks, (*Server).skipTask},
		{get, "/customers", page, operators, viewsOfCustomers, (*Server).showCustomers},
		{get, "/customers/new", page, operators, nil, (*Server).showRegister},
		{post, "/customers/new", page, operators, nil, (*Server).registerCustomer},
		{get, "/customers/import", page, operators, nil, (*Server).showImport},
		{post, "/customers/import", page, operators, nil, (*Server).previewImport},
		{post, "/customers/import/confirm", page, operators, nil, (*Server).confirmImport},
		{get, "/customers/{customer}", page, operators, viewsOfCustomer, (*Server).showCustomer},
		{post, "/customers/{customer}/distributor", page, operators, viewsOfCustomer, (*Server).setDistributor},
		{post, "/customers/{customer}/erasure", page, operators, viewsOfCustomer, (*Server).eraseCustomer},
		{post, "/customers/{customer}/licences", page, operators, viewsOfCustomer, (*Server).grantLicence},
		{post, "/customers/{customer}/logins", page, operators, viewsOfCustomer, (*Server).makeLogin},
		{post, "/customers/{customer}/logins/{account}/link", page, operators, viewsOfCustomer, (*Server).sendLogin},
		{post, "/customers/{customer}/logins/{account}/lock", page, operators, viewsOfCustomer, (*Server).lockLogin},
		{post, "/customers/{customer}/logins/{account}/unlock", page, operators, viewsOfCustomer, (*Server).unlockLogin},
		{get, "/licences", page, operators, viewsOfLicences, (*Server).showLicences},
		{get, "/catalogue", page, operators, viewsOfCatalogue, (*Server).showCatalogue},
		{post, "/catalogue", page, operators, viewsOfCatalogue, (*Server).listProgram},
		{get, "/catalogue/{program}", page, operators, nil, (*Server).showProgram},
		{post, "/catalogue/{program}/versions", page, operators, nil, (*Server).releaseVersion},
		{post, "/catalogue/{program}/prices", page, operators, nil, (*Server).setPrice},
		{post, "/catalogue/{program}/prices/withdraw", page, operators, nil, (*Server).withdrawPrice},

		// letters of a demonstration
		{get, "/mailbox", page, everyone, nil, (*Server).showMailbox},
		{get, "/mailbox/{letter}", page, everyone, nil, (*Server).showLetter},
		{get, "/mailbox/{letter}/html", page, everyone, nil, (*Server).showLetterHTML},
		{get, "/mailbox/{letter}/attachments/{number}", page, everyone, nil, (*Server).downloadAttachment},

		// programs that speak for a customer
		{post, "/api/session", api, everyone, nil, (*Server).startSession},
		{del, "/api/session", api, loggedIn, nil, (*Server).logOut},
		{get, "/api/programs", api, customers, viewsOfPrograms, (*Server).showPrograms},
		{put, "/api/licences/{licence}/activation-email", api, customers, viewsOfPrograms, (*Server).correctActivationEmail},
		{post, "/api/licences/{licence}/activation-file", api, customers, viewsOfPrograms, (*Server).resendActivationFile},
		{get, "/api/updates", api, customers, viewsOfUpdates, (*Server).showUpdates},
		{get, "/api/new-programs", api, customers, viewsOfNewPrograms, (*Server).showNewPrograms},
		{get, "/api/cart", api, customers, viewsOfCart, (*Server).showCart},
		{post, "/api/cart/items", api, customers, viewsOfUpdates, (*Server).addToCart},
		{del, "/api/cart/items/{item}", api, customers, nil, (*Server).removeFromCart},
		{post, "/api/orders", api, customers, viewsOfCart, (*Server).submitOrder},
		{get, "/api/orders", api, customers, viewsOfOrders, (*Server).showOrders},
		{get, "/api/orders/{order}", api, customers, viewsOfOrders, (*Server).showOrder},
		{get, "/api/orders/{order}/files/{line}", api, customers, nil, (*Server).downloadActivationFile},
		{get, "/api/orders/{order}/files/{line}/proof", api, customers, nil, (*Server).downloadReleaseProof},
		{get, "/api/orders/{order}/documents/{document}", api, customers, nil, (*Server).downloadDocument},
		{post, "/api/orders/{order}/cancel", api, customers, viewsOfOrders, (*Server).cancelOrder},

		// machines
		{get, "/health/live", plain, everyone, nil, (*Server).tellLive},
		{get, "/health/ready", plain, everyone, nil, (*Server).tellReady},
		{get, "/metrics", plain, everyone, nil, (*Server).tellMetrics},
		{get, "/static/{file}", plain, everyone, nil, (*Server).sendStatic},
		{get, "/witness/checkpoint", plain, everyone, nil, (*Server).sendCheckpoint},
		{get, "/witness/consistency/{size}", plain, everyone, nil, (*Server).sendContinuation},
	}
}

// What answers when no route does.
var (
	unknownRoute     = route{Path: "(unknown)", Door: anyDoor, Who: everyone, Do: refusing(domain.NotFound)}
	unsuitableMethod = route{Path: "(method)", Door: anyDoor, Who: everyone, Do: refusing(methodNotAllowed)}
	crossOriginRoute = route{Path: "(cross-origin)", Door: anyDoor, Who: everyone, Do: refusing(crossOrigin)}
)

func refusing(code string) action {
	return func(*Server, *call) (reply, error) { return reply{}, domain.Refusal{Code: code} }
}
