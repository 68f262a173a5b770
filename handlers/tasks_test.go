package handlers

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// TestBoardOfTasks hurries, skips and takes back what an order owes; the reason stays in its stream.
func TestBoardOfTasks(t *testing.T) {
	w := newWorld(t)
	buyer := w.program("kowal")
	buyer.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
	var order orderAnswer
	buyer.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	id := domain.OrderID(order.ID)
	late := w.server.Now().Add(time.Hour)
	do(w, domain.RecordFailure{Order: id, Task: "confirmation", Reason: "550 mailbox full", At: late.Add(-10 * time.Second)})
	do(w, domain.SetAside{Queue: "poison-test", MessagePoisoned: domain.MessagePoisoned{Consumer: "fulfilment", Event: "e-1", Type: "PaymentReceived", Stream: "order-x", Position: 7, Reason: "canary cause"}})
	w.settleAll()
	operator, auditor := w.browser("operator-1"), w.browser("auditor-1")
	board := operator.open("/tasks")
	board.wants(t, "550 mailbox full", "canary cause", "/tasks/order-"+order.ID+"/confirmation/retry", "<svg", "Zdarzenia do nadrobienia", "entitlements")
	watched := auditor.open("/tasks")
	watched.wants(t, "550 mailbox full", "canary cause")
	watched.lacks(t, "/retry", "/skip")

	path := "/tasks/order-" + order.ID + "/confirmation/"
	if a := operator.post(path + "retry"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("retry: %s\n%s", a.Status, a.text)
	}
	if next := stateOf[domain.Order](w, domain.OrderStream(id)).Failures["confirmation"].NextAt; !next.Equal(w.server.Now()) {
		t.Errorf("the next try is at %v", next)
	}
	if a := operator.post(path+"skip", "reason", " "); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a skip without a reason: %s", a.Status)
	}
	operator.post(path+"skip", "reason", hostile)
	operator.open("/tasks?done=skipped").wants(t, "Nie ma nic do zrobienia", "Zadanie zostało pominięte")
	operator.open("/sales/"+order.ID).wants(t, "TaskSkipped", "Jagna&#34; onload", "user-operator-1", path+"retry")
	operator.post(path + "retry")
	operator.open("/tasks").wants(t, "550 mailbox full")
	events := w.events()
	for _, missing := range []string{"/tasks/order-" + order.ID + "/activation-1/", "/tasks/order-none/confirmation/", "/tasks/cart-kowal/place-x/", "/tasks/customer-kowal/login-none/"} {
		for _, step := range []string{"retry", "skip"} {
			if a := operator.post(missing+step, "reason", "x"); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s%s: %s", missing, step, a.Status)
			}
		}
	}
	if a := auditor.post(path+"skip", "reason", "x"); a.StatusCode != http.StatusForbidden {
		t.Errorf("an auditor skips: %s", a.Status)
	}
	if got := w.events(); got != events {
		t.Errorf("refusals caused %d events", got-events)
	}
}

// TestLoginLetterOnBoard gives a login letter up, and sends another with a fresh link.
func TestLoginLetterOnBoard(t *testing.T) {
	w := newWorld(t)
	do(w, domain.GrantLogin{Customer: kowal, Account: "user-kowal", Link: 1})
	w.settle()
	operator := w.browser("operator-1")
	path := "/tasks/customer-kowal/login-user-kowal/"
	operator.open("/tasks").wants(t, path+"retry", path+"skip")
	operator.post(path+"skip", "reason", "told by telephone")
	if login := w.customer(kowal).Logins["user-kowal"]; login.Sent != 1 {
		t.Errorf("the letter is still owed: %+v", login)
	}
	do(w, domain.GrantLogin{Customer: kowal, Account: "user-kowal", Link: 2})
	operator.post(path + "retry")
	if login := w.customer(kowal).Logins["user-kowal"]; login.Link != 3 {
		t.Errorf("no fresh link: %+v", login)
	}
}

// TestSalesAreForStaff finds orders of everybody, without the operator's links for accounting.
func TestSalesAreForStaff(t *testing.T) {
	w := newWorld(t)
	buyer := w.program("obcy")
	buyer.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
	var order orderAnswer
	buyer.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	w.settleAll()
	for _, user := range []string{"operator-1", "accounting-1"} {
		v := w.browser(user)
		v.open("/sales?q=canary").wants(t, order.Number, "Obcy Canary")
		page := v.open("/sales/" + order.ID)
		page.wants(t, "OrderSubmitted", "Obcy Canary")
		if strings.Contains(page.text, `href="/customers/`) != (user == "operator-1") {
			t.Errorf("links for %s", user)
		}
		if a := v.get("/sales/none"); a.StatusCode != http.StatusNotFound {
			t.Errorf("a missing order: %s", a.Status)
		}
	}
}
