package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/bank"
)

// gallery looks at every page of the portal in every state that people meet.
type gallery struct {
	*stage
	t      *testing.T
	routes []routeLine
	seen   map[string]bool // routes, by their path
	shown  map[string]bool // by name of the picture
}

// unlinked are no pages: a stream that scripts listen to, and files whose links are on paid orders and on their traces.
var unlinked = []string{"/orders/{order}/changes", "/orders/{order}/files/{line}", "/orders/{order}/files/{line}/proof", "/log/orders/{order}/bundle"}

// TestLooks looks at all pages: axe-core on a phone and, in the dark, on a screen; the width on phone, tablet, screen and at 200 % zoom.
// Source: WCAG 2.2, 1.4.3, 1.4.4, 1.4.10, 4.1.2.
func TestLooks(t *testing.T) {
	g := &gallery{stage: openStage(t), t: t, seen: map[string]bool{}, shown: map[string]bool{}}
	for _, route := range routesOf(t) {
		if route.method == http.MethodGet && route.door == "page" {
			g.routes = append(g.routes, route)
		}
	}
	g.atTheDoor()
	order := g.customer()
	g.newcomer()
	g.distributor()
	g.staff(order)
	stranger := g.window(t)
	stranger.open("/login")
	g.tour(stranger, "", "everyone")
	for _, route := range g.routes {
		if !g.seen[route.path] && !slices.Contains(unlinked, route.path) {
			t.Errorf("nobody has come to %s: no page leads there, or not in the states that this test makes", route.path)
		}
	}
}

// as is somebody of the demonstration at the browser.
func (g *gallery) as(user string) *visitor {
	g.t.Helper()
	v := g.window(g.t)
	v.password = ""
	v.logIn(user)
	return v
}

// examine holds the page that is open against what every page promises, and takes its pictures.
func (g *gallery) examine(v *visitor, name string) {
	g.t.Helper()
	if g.shown[name] {
		return
	}
	g.shown[name] = true
	v.examine(name)
	v.shoot(name)
}

// tour looks at every page that a role may see: those that have an address, and those to which they lead.
func (g *gallery) tour(v *visitor, who, role string) {
	g.t.Helper()
	var next []string
	for _, route := range g.routes {
		if gap.FindString(route.path) == "" && slices.Contains(strings.Split(route.who, ","), role) {
			next = append(next, route.path)
		}
	}
	been := map[string]bool{}
	for len(next) > 0 {
		path := next[0]
		next = next[1:]
		route, ok := g.routeOf(path)
		if !ok || been[route] {
			continue
		}
		been[route], g.seen[route] = true, true
		if !v.isPage(path) {
			continue
		}
		v.open(path)
		g.examine(v, nameOf(who, route))
		next = append(next, ask[[]string](v, `[...document.querySelectorAll("main a[href^='/']")].map((a) => a.pathname)`)...)
	}
}

// routeOf finds the route of a path; those without gaps go first.
func (g *gallery) routeOf(path string) (string, bool) {
	for _, route := range g.routes {
		if route.path == path {
			return path, true
		}
	}
	for _, route := range g.routes {
		if regexp.MustCompile("^" + gap.ReplaceAllString(route.path, "[^/]+") + "$").MatchString(path) {
			return route.path, true
		}
	}
	return "", false
}

// isPage tells whether a path answers with a page of its own, and not with a file, a stream or the way elsewhere.
func (v *visitor) isPage(path string) bool {
	v.t.Helper()
	answer, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](fmt.Sprintf(`(async () => { const stop = new AbortController();
		const answer = await fetch(%q, {signal: stop.signal, redirect: "manual"});
		const kind = answer.type === "opaqueredirect" ? "elsewhere" : answer.headers.get("Content-Type") + " " + answer.headers.get("Content-Security-Policy");
		stop.abort(); return kind; })()`, path), chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatalf("ask for %s: %v", path, err)
	}
	return strings.HasPrefix(answer, "text/html") && !strings.Contains(answer, "sandbox") // letters are shown as they were sent
}

// nameOf a picture: who sees which route, as klient-order for /orders/{order} and mailbox-letter for /mailbox/{letter}.
func nameOf(who, route string) string {
	if plural, one, ok := strings.Cut(route, "s/{"); ok && strings.HasSuffix(one, "}") {
		route = plural
	}
	route = regexp.MustCompile(gap.String()+"/").ReplaceAllString(route, "")
	return strings.Join(strings.FieldsFunc(who+"/"+route, func(r rune) bool { return strings.ContainsRune("/-{}", r) }), "-")
}

// shoot takes the pictures of the page that is open, if they are wanted.
func (v *visitor) shoot(name string) {
	v.t.Helper()
	if *shots == "" {
		return
	}
	for _, l := range []look{phone, screen} {
		v.look(l)
		picture, err := chromedp.Run(v.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			v.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*shots, fmt.Sprintf("%s-%d.png", name, l.width)), smaller(v.t, picture), 0o644); err != nil {
			v.t.Fatal(err)
		}
	}
}

// atTheDoor looks at what is seen without a login.
func (g *gallery) atTheDoor() {
	v := g.window(g.t)
	v.open("/login")
	weight := ask[int](v, `[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.transferSize, 0)`)
	if weight == 0 || weight > firstPageBytesMax {
		g.t.Errorf("the first page weighs %d bytes", weight)
	}
	if elsewhere := ask[[]string](v, `performance.getEntriesByType("resource").map((e) => e.name).filter((name) => !name.startsWith(location.origin + "/"))`); len(elsewhere) > 0 {
		g.t.Errorf("the first page asks others: %v", elsewhere)
	}
	g.examine(v, "login")
	v.enter("piekarnia", "Zaloguj") // with another password
	g.examine(v, "login-refused")
	v.open("/no-such-page")
	g.examine(v, "not-found")
	c := g.stage.customer(g.t, "Nowa Firma")
	if err := newImporter(g.portal.base).load(g.t.Context(), importFile{Customers: []importCustomer{c}}); err != nil {
		g.t.Fatal(err)
	}
	_, link, _ := strings.Cut(g.letter(g.t, c.Email, "Dostęp do portalu").Text, g.portal.vendor.URL)
	link, _, _ = strings.Cut(link, "\n")
	v.open(link)
	g.seen["/password/{link}"] = true
	g.examine(v, "password")
	v.fill("password", "dwanaście znaków")
	v.fill("password_again", "jedenaście znaków")
	v.press("Ustal hasło")
	g.examine(v, "password-refused")
}

// customer buys, pays and cancels, and makes mistakes; it answers the order that was paid.
func (g *gallery) customer() domain.OrderID {
	v := g.as(customerUser)
	v.tickOn("/updates", "Faktura", "4.1 → 5.0")
	v.press("Zaznaczone pozycje do koszyka")
	v.tickOn("/new-programs", "Środki Trwałe")
	v.press("Zaznaczone pozycje do koszyka")
	v.open("/cart")
	g.examine(v, "klient-cart")
	v.press("Wyślij")
	paid := domain.OrderID(strings.TrimPrefix(v.path(), "/orders/"))
	v.eventually("/orders/"+string(paid), "potwierdzenie wysłane")
	g.examine(v, "klient-order")
	part := g.load(g.t, paid).Open() / 2
	g.pay(g.t, paid, int64(part))
	v.eventually("/orders/"+string(paid), "wpłacono część")
	g.examine(v, "klient-order-part")
	g.pay(g.t, paid, 0)
	v.eventually("/orders/"+string(paid), "zrealizowane")
	g.examine(v, "klient-order-done")
	v.buyNew("Kadry")
	v.waits("potwierdzenie wysłane")
	v.press("Anuluj zamówienie")
	g.examine(v, "klient-order-cancelled")
	v.buyNew("Magazyn")
	v.tickOn("/updates", "Kadry", "2026.1 → 2026.2")
	v.press("Zaznaczone pozycje do koszyka")
	g.tour(v, "klient", "customer")
	v.open("/new-programs")
	v.press("Zaznaczone pozycje do koszyka")
	g.examine(v, "klient-nothing-ticked")
	v.open(v.linkOn("/programs", `a[href*="activation-email"]`))
	v.fill("email", "jest-dobrze@example.com")
	v.fill("email_again", "jest-pomylka@example.com")
	v.press("Zapisz adres")
	g.examine(v, "klient-address-refused")
	v.open("/customers")
	g.examine(v, "not-allowed")
	return paid
}

// newcomer sees pages on which there is nothing yet.
func (g *gallery) newcomer() {
	c := g.company(g.t, "Pusta Firma", nil)
	v := g.window(g.t)
	v.logIn(c.User)
	g.tour(v, "empty", "customer")
}

// distributor orders for a client, and the client looks.
func (g *gallery) distributor() {
	v := g.as(distributorUser)
	v.tickOn("/updates", "Warsztat Gamma", "Magazyn", "1.0 → 3.0")
	v.tick("Delta Trading", "1.4 → 2.0")
	v.press("Zaznaczone pozycje do koszyka")
	v.open("/cart")
	g.examine(v, "dystrybutor-cart")
	v.press("Wyślij")
	v.waits("potwierdzenie wysłane")
	g.tour(v, "dystrybutor", "customer")
	g.tour(g.as(clientUser), "klient-dystrybutora", "customer")
}

// staff looks at the vendor's pages, with something on each.
func (g *gallery) staff(paid domain.OrderID) {
	book(g.t, g.portal, bank.Entry{AmountGrosz: 12345, Title: "faktura za lipiec", PayerName: "NIEZNANY PŁATNIK", PayerAccount: "12102055580000123400009999"})
	g.settle(g.t)
	for user, role := range map[string]string{"ksiegowosc": "accounting", "audytor": "auditor", "operator": "operator"} {
		v := g.window(g.t)
		v.password = ""
		v.logIn(user)
		g.examine(v, "second-factor")
		v.showCode(g.portal, user)
		g.tour(v, user, role)
		if role == "accounting" {
			for _, report := range []string{"journal", "open", "reconcile"} {
				v.open("/books/" + report)
				g.examine(v, user+"-books-"+report)
			}
			g.decisions(v, user)
		}
		if role == "auditor" {
			v.open("/log/trace?of=" + string(paid))
			g.examine(v, "audytor-trace")
			v.open(ask[string](v, `(({pathname, search}) => pathname + search)(document.querySelector('a[href^="/log/streams?"]'))`))
			g.examine(v, "audytor-streams")
		} else {
			v.open("/sales/" + string(paid))
			g.examine(v, user+"-sale-paid")
		}
		if role == "operator" {
			g.mistakes(v)
			g.importing(v)
			g.erasing(v)
		}
	}
	employ(g.t, g.portal, "nowa-ksiegowa", handlers.AccountingRole)
	v := g.window(g.t)
	v.logIn("nowa-ksiegowa")
	g.examine(v, "second-factor-enrol")
	v.showCode(g.portal, "nowa-ksiegowa")
	g.examine(v, "recovery-codes")
}

// decisions looks at what accounting decides about money that no rule has matched.
func (g *gallery) decisions(v *visitor, user string) {
	g.t.Helper()
	const transfer = domain.TransferID("transfer-of-the-gallery")
	received := domain.TransferReceived{Transfer: transfer, Statement: "statement-of-the-gallery", Account: "84102055580000123400005678", Amount: 500_00,
		ValueOn: "2026-11-20", BookedOn: "2026-11-20", Title: "za programy", PayerName: "Jan Nieznany", PayerAccount: "27114020040000300201355387", Raw: "raw"}
	by := domain.Cause{Command: domain.NameID("gallery"), Actor: "system:import", At: time.Now()}
	if _, err := domain.Execute(g.t.Context(), g.portal.base.Log, by, domain.ReceiveTransfer{TransferReceived: received}); err != nil {
		g.t.Fatal(err)
	}
	g.settle(g.t)
	v.open("/transfers/" + string(transfer))
	g.examine(v, user+"-transfer-waiting")
	v.fill("order-1", "2026/999999")
	v.press("Więcej zamówień")
	v.fill("amount-1", "100,00")
	v.fill("order-2", "2026/999998")
	v.fill("reason", "lista od klienta")
	v.press("Przypisz")
	g.examine(v, user+"-transfer-several")
	v.open("/transfers/" + string(transfer))
	v.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("main details").open = true`))
	v.fill("refund-payee_account-0", "61 1090 1014 0000 0712 1981 2874")
	v.fill("refund-payee_name-0", "Jan Nieznany")
	v.fill("refund-reason-0", "klient zmienił bank")
	v.press("Zaproponuj zwrot")
	g.examine(v, user+"-transfer-elsewhere")
}

// mistakes fills the operator's forms in wrongly.
func (g *gallery) mistakes(v *visitor) {
	customer, program := v.linkOn("/customers", "main table a"), v.linkOn("/catalogue", "main table a")
	for _, form := range []struct{ page, field, text, button, name string }{
		{"/customers/new", "code", " ", "Zarejestruj", "operator-register-refused"},
		{"/catalogue", "program", "Ż", "Dodaj do katalogu", "operator-program-refused"},
		{program, "net", "-1", "Zapisz cenę", "operator-price-refused"},
		{program, "version", "x", "Wydaj wersję", "operator-version-refused"},
		{customer, "user", "dwa słowa", "Załóż konto i wyślij list", "operator-login-refused"},
		{customer, "code", " ", "Dopisz licencję", "operator-licence-refused"},
	} {
		v.look(screen)
		v.open(form.page)
		v.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("main form").forEach((form) => form.noValidate = true)`))
		v.fill(form.field, form.text)
		v.press(form.button)
		if linked := ask[string](v, `document.querySelector("#problem a").hash`); linked != "#"+form.field {
			g.t.Errorf("%s: the summary leads to %q", form.name, linked)
		}
		g.examine(v, form.name)
	}
}

// importing looks at the preview of a file of customers, and at one with mistakes.
func (g *gallery) importing(v *visitor) {
	folder := g.t.TempDir()
	if err := os.Chmod(folder, 0o755); err != nil { // the browser may be another user
		g.t.Fatal(err)
	}
	const head = "code;name;nip;email;language;distributor;distributor_code;user\n"
	for _, file := range []struct{ name, rows, caption string }{
		{"preview", "I-1;Importowa;1234563218;import@example.com;pl;tak;;importowa\nI-2;Jej klient;1234563218;klient@example.com;en;nie;I-1;\n", "Podgląd: 2"},
		{"mistakes", "I-1;Importowa;123;import;pl;tak;;\n;;1234563218;a@example.com;de;może;nikt;x y\n", "w pliku"},
	} {
		path := filepath.Join(folder, file.name+".csv")
		if err := os.WriteFile(path, []byte(head+file.rows), 0o644); err != nil {
			g.t.Fatal(err)
		}
		v.look(screen)
		v.open("/customers/import")
		v.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{path}))
		v.press("Pokaż podgląd")
		if caption := ask[string](v, `document.querySelector("caption").innerText`); !strings.Contains(caption, file.caption) {
			g.t.Errorf("the file of %s is shown as %q", file.name, caption)
		}
		g.examine(v, "operator-customers-"+file.name)
	}
}

// erasing proposes that a customer's data are erased, and looks before and after.
func (g *gallery) erasing(v *visitor) {
	c := g.stage.customer(g.t, "Do Zapomnienia")
	c.User = "" // so no letter
	if err := newImporter(g.portal.base).load(g.t.Context(), importFile{Customers: []importCustomer{c}}); err != nil {
		g.t.Fatal(err)
	}
	g.settle(g.t)
	customer := "/customers/" + string(domain.CustomerIDOf(c.Code))
	v.look(screen)
	v.open(customer)
	g.examine(v, "operator-erasure")
	v.look(screen)
	v.press("Zaproponuj usunięcie")
	if ask[int](v, `document.querySelectorAll("button[value=withdraw]").length`) != 1 {
		g.t.Error("an erasure that was proposed cannot be withdrawn")
	}
	g.examine(v, "operator-erasure-proposed")
}
