package handlers

import (
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"netrom.pl/portal/domain"
)

const (
	updateKowal    = string(kowalOld) + ":magazyn-single-1.0-3.0"
	multiKowal     = string(kowalNewest) + ":magazyn-multi-3.0-3.0"
	multiKowalOld  = string(kowalOld) + ":magazyn-multi-3.0-3.0"
	updateJagna    = string(jagnaOld) + ":magazyn-single-2.0-3.0"
	updateObcy     = string(obcyOld) + ":magazyn-single-2.0-3.0"
	newMagazyn     = "magazyn-single-new-3.0"
	submissionForm = `name="submission" value="([^"]+)"`
	versionForm    = `name="version" value="([^"]+)"`
)

func (a answer) field(t *testing.T, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(a.text)
	if found == nil {
		t.Fatalf("no %s in\n%s", pattern, a.text)
	}
	return found[1]
}

// TestBuyingOnPages is the way of a customer from the login to the data for the transfer. Source: R1-R13.
func TestBuyingOnPages(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	v.open("/programs").wants(t, "Kuźnia Kowal", "Magazyn &lt;&amp;&gt;", "kowal@example.com", "aktywowany", "opłacony", "2 programy", kowalOld.Serial())
	v.open("/updates").wants(t, "Zaznaczone pozycje do koszyka", `value="`+updateKowal+`"`, "449,00\u00a0zł", "3 aktualizacje",
		"Wersja wielostanowiskowa jest możliwa dopiero z najwyższej wersji jednostanowiskowej (3.0)")
	a := v.post("/cart/items", "section", "updates", "offer", updateKowal, "offer", multiKowal, "stations:"+multiKowal, "5")
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/updates?added=2" {
		t.Fatalf("add to cart: %s to %s\n%s", a.Status, a.Header.Get("Location"), a.text)
	}
	updates := v.open(a.Header.Get("Location"))
	updates.wants(t, "Dodano do koszyka 2 pozycje.", "Aktualizacja tego programu jest już w koszyku.")
	updates.lacks(t, `type="checkbox"`)
	v.post("/cart/items", "section", "new-programs", "offer", newMagazyn)

	cart := v.open("/cart")
	// 449,00 + 5 x 189,01 + 899,00 net; VAT rounded on each line: 103,27 + 217,36 + 206,77
	cart.wants(t, "3 pozycje", "2\u00a0293,05\u00a0zł", "527,40\u00a0zł", "2\u00a0820,45\u00a0zł", "Wyślij")
	submitted := v.post("/orders", "submission", cart.field(t, submissionForm), "version", cart.field(t, versionForm))
	if submitted.StatusCode != http.StatusSeeOther {
		t.Fatalf("submit: %s\n%s", submitted.Status, submitted.text)
	}
	order := v.open(submitted.Header.Get("Location"))
	order.wants(t, "zamówienie zostało złożone", "2026/000001", "NetRom sp. z o.o.", "84 1020 5558 0000 1234 0000 5678",
		domain.OrderNumber{Year: 2026, Sequence: 1}.Reference(), "2\u00a0820,45\u00a0zł", "07.12.2026", "czeka na wpłatę", "Anuluj zamówienie")
	v.open("/cart").wants(t, "Koszyk jest pusty")
	v.open("/orders").wants(t, "1 zamówienie", "2026/000001", "07.12.2026")
	v.open("/programs").wants(t, "3 programy", "nieopłacony", "Zamówiono: 3.0, jednostanowiskowa (zamówienie 2026/000001), czeka na wpłatę")

	again := v.post("/orders", "submission", cart.field(t, submissionForm), "version", cart.field(t, versionForm))
	if again.Header.Get("Location") != submitted.Header.Get("Location") {
		t.Errorf("the same submission again led to %s, want %s", again.Header.Get("Location"), submitted.Header.Get("Location"))
	}
	path := regexp.MustCompile(`^[^?]+`).FindString(submitted.Header.Get("Location"))
	if a := v.post(path + "/cancel"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("cancel: %s\n%s", a.Status, a.text)
	}
	cancelled := v.open(path)
	cancelled.wants(t, "anulowane")
	cancelled.lacks(t, "Dane do przelewu", "Anuluj zamówienie")
}

type orderAnswer struct {
	ID, Number, Status, Title, Recipient, Account string
	Net, VAT, Gross, Open                         domain.Money
	DueOn                                         string `json:"due_on"`
	Currency                                      string
	Lines                                         []struct {
		Licence string
		Gross   domain.Money
	}
}

// TestBuyingThroughTheAPI is the same way for a program.
func TestBuyingThroughTheAPI(t *testing.T) {
	w := newWorld(t)
	v := w.program("kowal")
	v.refused("POST", "/api/orders", nil, http.StatusBadRequest, submissionMissing)
	v.refused("POST", "/api/orders", nil, http.StatusConflict, domain.CartEmpty, "Idempotency-Key", "one")
	var added struct{ Items []cartItem }
	v.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateKowal, multiKowal}, "stations": map[string]int{multiKowal: 3}}, http.StatusOK, &added)
	if len(added.Items) != 2 || added.Items[0].Licence != kowalOld || added.Items[1].Net != 3*18901 || added.Items[1].UnitNet != 18901 {
		t.Fatalf("added %+v", added)
	}
	var cart cartView
	v.call("GET", "/api/cart", nil, http.StatusOK, &cart)
	if len(cart.Items) != 2 || cart.Items[1].Stations != 3 || cart.Items[1].Net != 3*18901 || cart.Items[1].UnitNet != 18901 || cart.Total.Currency != "PLN" {
		t.Errorf("cart is %+v", cart)
	}
	v.call("DELETE", "/api/cart/items/"+string(added.Items[1].ID), nil, http.StatusNoContent, nil)
	v.call("DELETE", "/api/cart/items/"+string(added.Items[1].ID), nil, http.StatusNoContent, nil)
	v.refused("POST", "/api/orders", map[string]int{"cart_version": cart.Version}, http.StatusConflict, domain.CartChanged, "Idempotency-Key", "one")

	var first, second orderAnswer
	created := v.call("POST", "/api/orders", map[string]int{"cart_version": cart.Version + 1}, http.StatusCreated, &first, "Idempotency-Key", "one")
	v.call("POST", "/api/orders", nil, http.StatusOK, &second, "Idempotency-Key", "one")
	if first.Number != "2026/000001" || first.ID != second.ID || second.Number != first.Number || first.Gross != 55227 || first.Open != first.Gross ||
		first.Currency != "PLN" || first.Account != "84102055580000123400005678" || first.DueOn != "2026-12-07" || len(first.Lines) != 1 {
		t.Errorf("order is %+v, then %+v", first, second)
	}
	if location := created.Header.Get("Location"); location != "/api/orders/"+first.ID {
		t.Errorf("Location is %q", location)
	}
	v.call("GET", "/api/orders/"+first.ID, nil, http.StatusOK, &second)
	var list struct{ Orders []orderAnswer }
	v.call("GET", "/api/orders", nil, http.StatusOK, &list)
	if len(list.Orders) != 1 || list.Orders[0].Status != string(domain.AwaitingPayment) {
		t.Errorf("orders are %+v", list)
	}
	v.call("POST", "/api/orders/"+first.ID+"/cancel", nil, http.StatusNoContent, nil)
	v.call("GET", "/api/orders/"+first.ID, nil, http.StatusOK, &second)
	if second.Status != string(domain.CancelledStatus) {
		t.Errorf("cancelled order is %s", second.Status)
	}
}

// TestManySubmissionsAreOneOrder sends the same cart from many windows at once.
func TestManySubmissionsAreOneOrder(t *testing.T) {
	w := newWorld(t)
	v := w.program("kowal")
	v.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateKowal, newMagazyn}}, http.StatusOK, nil)
	const windows = 32
	orders := make([]orderAnswer, windows)
	statuses := make([]int, windows)
	var sending sync.WaitGroup
	for i := range windows {
		sending.Go(func() {
			window := &visitor{w: w, client: v.client, token: v.token, seen: v.seen}
			a := window.send("POST", "/api/orders", "", "", "Idempotency-Key", "storm")
			statuses[i] = a.StatusCode
			if err := decodeInto(a, &orders[i]); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	created := 0
	for i, order := range orders {
		if statuses[i] == http.StatusCreated {
			created++
		} else if statuses[i] != http.StatusOK {
			t.Errorf("answer %d is %d", i, statuses[i])
		}
		if order.ID == "" || order.ID != orders[0].ID || order.Number != "2026/000001" {
			t.Errorf("answer %d is %+v", i, order)
		}
	}
	if created != 1 {
		t.Errorf("%d answers say that they made the order, want 1", created)
	}
	if numbers := stateOf[domain.Numbers](w, domain.NumbersStream(2026)); numbers.Last != 1 {
		t.Errorf("%d numbers were given, want 1", numbers.Last)
	}
}

// TestInterruptedSubmission finds a cart that was submitted by a request which did not come to its end.
func TestInterruptedSubmission(t *testing.T) {
	w := newWorld(t)
	v := w.program("kowal")
	v.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateKowal}}, http.StatusOK, nil)
	cart := stateOf[domain.Cart](w, domain.CartStream(kowal))
	facts, err := w.server.factsOf(t.Context(), kowal, cart)
	if err != nil {
		t.Fatal(err)
	}
	do(w, domain.SubmitOrder{Buyer: facts.buyer, Order: domain.OrderIDOf(kowal, "lost"), On: "2026-11-22", Wishes: facts.wishes})
	var order orderAnswer
	v.call("POST", "/api/orders", nil, http.StatusOK, &order, "Idempotency-Key", "lost")
	if order.Number != "2026/000001" || order.Gross != 55227 {
		t.Errorf("order is %+v", order)
	}
}

// TestLicenceLostOnTheWay lets another order take the licence between the submission and its order.
func TestLicenceLostOnTheWay(t *testing.T) {
	w := newWorld(t)
	v := w.program("kowal")
	v.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateKowal, newMagazyn}}, http.StatusOK, nil)
	cart := stateOf[domain.Cart](w, domain.CartStream(kowal))
	facts, err := w.server.factsOf(t.Context(), kowal, cart)
	if err != nil {
		t.Fatal(err)
	}
	do(w, domain.SubmitOrder{Buyer: facts.buyer, Order: domain.OrderIDOf(kowal, "slow"), On: "2026-11-22", Wishes: facts.wishes})
	line := domain.Line{Licence: kowalOld, Client: kowal, Program: "magazyn", Edition: domain.SingleStation, From: "1.0", To: "3.0", Stations: 1}
	do(w, domain.OrderLicence{Order: "faster", Line: line})
	for range 2 {
		refused := v.refused("POST", "/api/orders", nil, http.StatusConflict, domain.CartChanged, "Idempotency-Key", "slow")
		if refused.Cart == nil || len(refused.Cart.Items) != 1 || len(refused.Cart.Notices) != 1 || refused.Cart.Notices[0].Reason.Code != domain.UpdateAlreadyOrdered {
			t.Fatalf("the returned cart is %+v", refused.Cart)
		}
	}
	var order orderAnswer
	v.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "next")
	if order.Number != "2026/000001" || len(order.Lines) != 1 {
		t.Errorf("order is %+v", order)
	}
}

// TestPriceThatRoseStopsTheOrder shows the new price first; a price that fell passes. Source: R11.
func TestPriceThatRoseStopsTheOrder(t *testing.T) {
	w := newWorld(t)
	v, api := w.browser("kowal"), w.program("kowal")
	v.post("/cart/items", "section", "updates", "offer", updateKowal)
	cart := v.open("/cart")
	price := domain.Price{Program: "magazyn", Edition: domain.SingleStation, From: "1.0", To: "3.0", Net: 50000, VATRate: 23}
	do(w, domain.SetPrice{Price: price})
	stopped := v.post("/orders", "submission", cart.field(t, submissionForm), "version", cart.field(t, versionForm))
	if stopped.StatusCode != http.StatusConflict {
		t.Fatalf("submit at an old price: %s\n%s", stopped.Status, stopped.text)
	}
	stopped.wants(t, "koszyk się zmienił", "z 449,00\u00a0zł na 500,00\u00a0zł", "615,00\u00a0zł", "Wyślij")
	price.Net = 60000
	do(w, domain.SetPrice{Price: price})
	refused := api.refused("POST", "/api/orders", nil, http.StatusConflict, domain.CartChanged, "Idempotency-Key", "x")
	if refused.Cart == nil || refused.Cart.Total.Net != 60000 || len(refused.Cart.Notices) == 0 || *refused.Cart.Notices[len(refused.Cart.Notices)-1].OldUnitNet != 50000 {
		t.Errorf("the changed cart is %+v", refused.Cart)
	}
	price.Net = 40000
	do(w, domain.SetPrice{Price: price})
	var order orderAnswer
	api.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	if order.Net != 40000 {
		t.Errorf("order is %+v", order)
	}
}

// TestWithdrawnPositionLeavesTheCart says why.
func TestWithdrawnPositionLeavesTheCart(t *testing.T) {
	w := newWorld(t)
	v := w.program("kowal")
	v.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateKowal, newMagazyn}}, http.StatusOK, nil)
	do(w, domain.WithdrawPrice{Program: "magazyn", Entry: newMagazyn})
	refused := v.refused("POST", "/api/orders", nil, http.StatusConflict, domain.CartChanged, "Idempotency-Key", "x")
	if refused.Cart == nil || len(refused.Cart.Items) != 1 || len(refused.Cart.Notices) != 1 || refused.Cart.Notices[0].Reason.Code != domain.NotOnPriceList {
		t.Errorf("the changed cart is %+v", refused.Cart)
	}
	v.call("POST", "/api/orders", nil, http.StatusCreated, nil, "Idempotency-Key", "x")
}

// TestRacingCarts lets a distributor order what is in the cart of its former client.
func TestRacingCarts(t *testing.T) {
	w := newWorld(t)
	client, distributor := w.program("jagna"), w.program("dystr")
	do(w, domain.RemoveDistributor{Customer: jagna})
	w.settle()
	client.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateJagna}}, http.StatusOK, nil)
	do(w, domain.AssignDistributor{Customer: jagna, Distributor: w.customer(dystr)})
	w.settle()
	distributor.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateJagna}}, http.StatusOK, nil)
	distributor.call("POST", "/api/orders", nil, http.StatusCreated, nil, "Idempotency-Key", "d")
	refused := client.refused("POST", "/api/orders", nil, http.StatusConflict, domain.CartChanged, "Idempotency-Key", "c")
	if refused.Cart == nil || len(refused.Cart.Items) != 0 || len(refused.Cart.Notices) != 1 {
		t.Errorf("the changed cart is %+v", refused.Cart)
	}
}

// TestClientThatLeft is told to the distributor who has its update in the cart.
func TestClientThatLeft(t *testing.T) {
	w := newWorld(t)
	v := w.program("dystr")
	v.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateJagna}}, http.StatusOK, nil)
	do(w, domain.RemoveDistributor{Customer: jagna})
	refused := v.refused("POST", "/api/orders", nil, http.StatusConflict, domain.CartChanged, "Idempotency-Key", "x")
	if refused.Cart == nil || len(refused.Cart.Items) != 0 || len(refused.Cart.Notices) != 1 || refused.Cart.Notices[0].Reason.Code != domain.NotYourClient {
		t.Errorf("the changed cart is %+v", refused.Cart)
	}
}

func TestSubmissionsThatAreNone(t *testing.T) {
	w := newWorld(t)
	v, browser := w.program("kowal"), w.browser("kowal")
	long := fmt.Sprintf("%0*d", submissionKeyMax+1, 0)
	v.refused("POST", "/api/orders", nil, http.StatusBadRequest, submissionMissing, "Idempotency-Key", long)
	v.refused("POST", "/api/orders", nil, http.StatusBadRequest, submissionMissing, "Idempotency-Key", "zażółć")
	v.refused("POST", "/api/orders", map[string]int{"cart_version": -1}, http.StatusBadRequest, malformedRequest, "Idempotency-Key", "x")
	v.refused("POST", "/api/orders", map[string]int{"version": 1}, http.StatusBadRequest, malformedRequest, "Idempotency-Key", "x")
	for _, fields := range [][]string{{}, {"submission", "x"}, {"submission", "x", "version", "one"}, {"submission", "x", "version", "-1"}} {
		if a := browser.post("/orders", fields...); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %s", fields, a.Status)
		}
	}
}
