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

// TestARowIsRepaired shows what a view has and what the log says to operators, only where to auditors, and repairs the row at the press of
// a button, which is an event.
func TestARowIsRepaired(t *testing.T) {
	w := newWorld(t)
	w.settleAll()
	id := kowal
	if _, err := w.views.Exec(`update customers set email = 'podmieniony@example.com' where id = $1`, id); err != nil {
		t.Fatal(err)
	}
	row := domain.CustomerStream(id)
	for range 2 { // the second look confirms the first
		if err := w.server.Sampler.Look(t.Context(), "customers", row); err != nil {
			t.Fatal(err)
		}
	}
	operator, auditor := w.browser("operator-1"), w.browser("auditor-1")
	operator.open("/tasks").wants(t, "w 1 miejscu", row, "podmieniony@example.com", "/tasks/repair", "porównano z dziennikiem 2 losowo wybrane wiersze")
	w.anybody().open("/metrics").wants(t, "portal_views_differences 1\n", "portal_views_compared_rows 2\n")
	board := auditor.open("/tasks")
	board.wants(t, row, "email")
	board.lacks(t, "podmieniony", "/tasks/repair")
	events := w.events()
	if a := auditor.post("/tasks/repair", "view", "customers", "row", row); a.StatusCode != http.StatusForbidden {
		t.Errorf("an auditor repairs: %s", a.Status)
	}
	for _, other := range []string{"", "customer-none", "order-1", hostile} {
		if a := operator.post("/tasks/repair", "view", "customers", "row", other); a.StatusCode != http.StatusNotFound {
			t.Errorf("row %q: %s", other, a.Status)
		}
	}
	if got := w.events(); got != events {
		t.Errorf("refusals caused %d events", got-events)
	}
	if a := operator.post("/tasks/repair", "view", "customers", "row", row); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("repair: %s\n%s", a.Status, a.text)
	}
	operator.open("/tasks?done=repaired").lacks(t, "podmieniony", "/tasks/repair")
	var email string
	if err := w.views.Get(&email, `select email from customers where id = $1`, id); err != nil || strings.HasPrefix(email, "podmieniony") {
		t.Errorf("the row has %s: %v", email, err)
	}
	last := domain.RowRepairRequested{}
	for record, err := range w.log.Read(t.Context(), domain.RepairsStream("2026-11-22"), 0) {
		if err != nil {
			t.Fatal(err)
		}
		last = record.Event.(domain.RowRepairRequested)
		if record.Metadata.Actor != "user-operator-1" {
			t.Errorf("the actor is %s", record.Metadata.Actor)
		}
	}
	if last != (domain.RowRepairRequested{View: "customers", Row: row}) {
		t.Errorf("recorded is %+v", last)
	}
}
