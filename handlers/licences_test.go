package handlers

import (
	"net/http"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// TestDistributorOrdersForItsClient shows who can order what. Source: R5, R6, R8.
func TestDistributorOrdersForItsClient(t *testing.T) {
	w := newWorld(t)
	client, distributor, stranger := w.browser("jagna"), w.browser("dystr"), w.browser("obcy")

	page := client.open("/updates")
	page.wants(t, "Aktualizacje zamawia dla Państwa dystrybutor, Dystrybutor Północ,", "Aktualizację zamawia dystrybutor, Dystrybutor Północ,")
	page.lacks(t, `type="checkbox"`, "Zaznaczone pozycje do koszyka")
	refused := client.post("/cart/items", "section", "updates", "offer", updateJagna)
	if refused.StatusCode != http.StatusConflict {
		t.Errorf("the client orders itself: %s", refused.Status)
	}
	refused.wants(t, "Aktualizację zamawia dystrybutor, Dystrybutor Północ, i z nim prosimy się skontaktować.")
	p := w.program("jagna").refused("POST", "/api/cart/items", map[string]any{"offers": []string{updateJagna}}, http.StatusConflict, domain.OrderedByDistributor)
	if !strings.Contains(p.Detail, "Dystrybutor Północ") {
		t.Errorf("the refusal is %+v", p)
	}

	distributor.open("/programs").wants(t, "Jagna&#34; onload", jagnaOld.Serial())
	distributor.open("/updates").wants(t, "Jagna&#34; onload", `value="`+updateJagna+`"`)
	stranger.open("/updates").lacks(t, "Jagna", "Kowal")
	if a := distributor.post("/cart/items", "section", "updates", "offer", updateJagna); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("the distributor orders: %s\n%s", a.Status, a.text)
	}
	distributor.open("/new-programs").wants(t, `value="jagna"`, "Dla kogo")
	distributor.post("/cart/items", "section", "new-programs", "offer", newMagazyn, "client", "jagna")
	cart := distributor.open("/cart")
	cart.wants(t, "2 pozycje", "Jagna&#34; onload")
	order := distributor.open(distributor.post("/orders", "submission", cart.field(t, submissionForm), "version", cart.field(t, versionForm)).Header.Get("Location"))
	order.wants(t, "Jagna&#34; onload", "2026/000001")
	client.open("/orders").lacks(t, "2026/000001")
	w.settleAll()
	client.open("/programs").wants(t, "Zamówiono: 3.0, jednostanowiskowa (zamówienie 2026/000001), czeka na wpłatę", "2 programy")
}

// TestMultiStationNeedsLatest is told and enforced. Source: R7.
func TestMultiStationNeedsLatest(t *testing.T) {
	w := newWorld(t)
	v := w.program("kowal")
	var list struct{ Updates []offer }
	v.call("GET", "/api/updates", nil, http.StatusOK, &list)
	byID := map[string]offer{}
	for _, o := range list.Updates {
		byID[o.ID] = o
	}
	if o := byID[multiKowalOld]; o.Possible || o.Reason == nil || o.Reason.Code != domain.MultiStationNeedsLatest || !strings.Contains(o.Reason.Message, "(3.0)") || !o.ToMultiStation {
		t.Errorf("from an older version: %+v", o)
	}
	if o := byID[multiKowal]; !o.Possible || o.Reason != nil || o.Stations != 2 || o.UnitNet != 18901 || o.Net != 37802 || o.Currency != "PLN" {
		t.Errorf("from the highest version: %+v", o)
	}
	v.refused("POST", "/api/cart/items", map[string]any{"offers": []string{multiKowalOld}}, http.StatusConflict, domain.MultiStationNeedsLatest)
	for _, stations := range []int{-1, 0, 1, 1000, 1 << 40} {
		v.refused("POST", "/api/cart/items", map[string]any{"offers": []string{multiKowal}, "stations": map[string]int{multiKowal: stations}},
			http.StatusUnprocessableEntity, domain.StationsOutOfRange)
	}
	page := w.browser("kowal").post("/cart/items", "section", "updates", "offer", multiKowal, "offer", updateKowal, "stations:"+multiKowal, "many")
	if page.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("many stations: %s", page.Status)
	}
	page.wants(t, "Liczba stanowisk musi wynosić od 2 do 999", `id="`+updateKowal+`" checked`)
}

// TestAddingIsAllOrNothing keeps the cart as it was when one of the rows is impossible.
func TestAddingIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	v := w.program("kowal")
	for _, other := range []string{updateObcy, "nothing-at-all", "../x", strings.Repeat("x", 500), "\x00", ""} {
		v.refused("POST", "/api/cart/items", map[string]any{"offers": []string{updateKowal, other}}, http.StatusNotFound, domain.NotFound)
	}
	v.refused("POST", "/api/cart/items", map[string]any{"offers": []string{updateKowal, multiKowalOld}}, http.StatusConflict, domain.MultiStationNeedsLatest)
	v.refused("POST", "/api/cart/items", map[string]any{"offers": []string{}}, http.StatusUnprocessableEntity, nothingTicked)
	v.refused("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}, "client": "obcy"}, http.StatusNotFound, domain.NotFound)
	v.refused("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}, "client": "nobody"}, http.StatusNotFound, domain.NotFound)
	v.refused("POST", "/api/cart/items", map[string]any{"offers": make([]string, domain.CartItemsMax+1)}, http.StatusConflict, domain.CartFull)
	if cart := stateOf[domain.Cart](w, domain.CartStream(kowal)); len(cart.Items) != 0 {
		t.Errorf("the cart holds %+v", cart.Items)
	}
}

// TestActivationEmail can be corrected by the owner and its distributor. Source: R4.
func TestActivationEmail(t *testing.T) {
	w := newWorld(t)
	path := "/licences/" + string(jagnaOld) + "/activation-email"
	for _, who := range []string{"jagna", "dystr"} {
		v := w.browser(who)
		v.open(path).wants(t, "Jagna&#34; onload", jagnaOld.Serial())
		for _, wrong := range [][2]string{{"new@example.com", "other@example.com"}, {"no address", "no address"}, {"", ""}, {"a@b\r\nBcc: x@y", "a@b\r\nBcc: x@y"}} {
			a := v.post(path, "email", wrong[0], "email_again", wrong[1])
			if a.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("%q: %s", wrong, a.Status)
			}
		}
		typed := []string{"email", who + "@new-" + who + ".example", "email_again", who + "@new-" + who + ".example"}
		asked := v.post(path, typed...)
		if asked.StatusCode != http.StatusUnprocessableEntity {
			t.Fatalf("an address on a server that was never used: %s", asked.Status)
		}
		asked.wants(t, `href="#meant"`, `id="meant"`, "new-"+who+".example, a dotąd był na ")
		if a := v.post(path, append(typed, "meant", "other@new.example")...); a.StatusCode != http.StatusUnprocessableEntity {
			t.Fatalf("another address was meant: %s", a.Status)
		}
		a := v.post(path, append(typed, "meant", typed[1])...)
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("correct as %s: %s\n%s", who, a.Status, a.text)
		}
		v.open(a.Header.Get("Location")).wants(t, typed[1], "Adres e-mail został poprawiony")
	}
	api := w.program("jagna")
	api.call("PUT", "/api"+path, map[string]string{"email": "api@example.com"}, http.StatusNoContent, nil)
	api.refused("PUT", "/api"+path, map[string]string{"email": "no"}, http.StatusUnprocessableEntity, domain.InvalidInput)
	api.refused("PUT", "/api"+path, map[string]string{"mail": "x@example.com"}, http.StatusBadRequest, malformedRequest)
	var list struct{ Programs []ownedProgram }
	api.call("GET", "/api/programs", nil, http.StatusOK, &list)
	if len(list.Programs) != 1 || list.Programs[0].Email != "api@example.com" {
		t.Errorf("programs are %+v", list.Programs)
	}
}

// TestSendingAgain is possible once the address was corrected after the file had left. Source: R4, R14.
func TestSendingAgain(t *testing.T) {
	w := newWorld(t)
	v, browser := w.program("kowal"), w.browser("kowal")
	resend := "/licences/" + string(kowalOld) + "/activation-file"
	v.refused("POST", "/api"+resend, nil, http.StatusConflict, domain.NotYetSent)
	v.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateKowal}}, http.StatusOK, nil)
	var order orderAnswer
	v.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	id := domain.OrderID(order.ID)
	do(w, domain.RecordPayment{Order: id, Transfer: "t1", Amount: order.Gross, ValueOn: "2026-11-23"})
	v.refused("POST", "/api/orders/"+order.ID+"/cancel", nil, http.StatusConflict, domain.OrderHasPayments)
	do(w, domain.MarkLicencePaid{Order: id, Licence: kowalOld})
	do(w, domain.IssueActivationFile{ActivationFileIssued: domain.ActivationFileIssued{Order: id, Line: 1, Licence: kowalOld, Client: kowal,
		Name: "MAGAZYN.lic.txt", File: []byte("file"), Digest: "d", Key: "k", Payment: "p"}})
	do(w, domain.RecordActivationFileSent{ActivationFileSent: domain.ActivationFileSent{Order: id, Line: 1, Licence: kowalOld, Copy: 1}})
	w.settle()
	browser.open("/programs").lacks(t, "Wyślij plik ponownie")
	v.refused("POST", "/api"+resend, nil, http.StatusConflict, domain.AddressUnchanged)
	v.call("PUT", "/api/licences/"+string(kowalOld)+"/activation-email", map[string]string{"email": "right@example.com"}, http.StatusNoContent, nil)
	w.settleAll()
	browser.open("/programs").wants(t, "Wyślij plik ponownie", "right@example.com")
	if a := browser.post(resend); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("send again: %s\n%s", a.Status, a.text)
	}
	if state := stateOf[domain.Order](w, domain.OrderStream(id)); state.Files[1].Wanted != 2 {
		t.Errorf("the file is %+v", state.Files[1])
	}
}
