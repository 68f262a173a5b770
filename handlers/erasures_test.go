package handlers

import (
	"net/http"
	"testing"

	"netrom.pl/portal/domain"
)

// Two operators agree on the pages that a customer is forgotten; one alone cannot, and while an order is open nobody can.
func TestTwoOperatorsAgreeOnAnErasure(t *testing.T) {
	w := newWorld(t)
	anna, olga := w.browser("operator-1"), w.browser("operator-2")
	path := "/customers/" + string(obcy)
	wish := func(v *visitor, wish, purpose string) answer {
		return v.post(path+"/erasure", "wish", wish, "purpose", purpose)
	}
	if a := wish(anna, "confirm", "contact"); a.StatusCode != http.StatusNotFound {
		t.Errorf("what nobody has proposed is confirmed: %s", a.Status)
	}
	if a := wish(anna, "burn", "contact"); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an unknown wish: %s", a.Status)
	}
	if a := wish(anna, "propose", "curiosity"); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an unknown purpose: %s", a.Status)
	}
	if a := wish(anna, "propose", "contact"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != path+"?done=erasure-propose" {
		t.Fatalf("propose: %s", a.Status)
	}
	anna.open(path+"?done=erasure-propose").wants(t, "Usunięcie danych zostało zaproponowane", "Musi to zatwierdzić inny operator", "Wycofaj propozycję")
	if a := wish(anna, "confirm", "contact"); a.StatusCode != http.StatusConflict {
		t.Errorf("one operator alone: %s", a.Status)
	} else {
		a.wants(t, "musi to zrobić ktoś inny")
	}
	olga.open(path).wants(t, "Zatwierdź: usuń na zawsze")
	if a := wish(olga, "confirm", "contact"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("confirm: %s", a.Status)
	}
	olga.open(path).wants(t, "w trakcie usuwania")
	if a := wish(olga, "withdraw", "contact"); a.StatusCode != http.StatusConflict {
		t.Errorf("what two have agreed on is withdrawn: %s", a.Status)
	}
	do(w, domain.RecordErasure{PersonalDataErased: domain.PersonalDataErased{Customer: obcy, Purpose: domain.ContactPurpose, ProposedBy: "a", ConfirmedBy: "b"}})
	w.settleAll()
	olga.open(path).wants(t, domain.Erased, "usunięte")
	if a := olga.post(path+"/logins", "user", "nowy"); a.StatusCode != http.StatusConflict {
		t.Errorf("a login for a forgotten customer: %s", a.Status)
	}
}
