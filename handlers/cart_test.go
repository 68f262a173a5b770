package handlers

import (
	"net/http"
	"testing"

	"netrom.pl/portal/domain"
)

// TestACartIsHeldAgainstToday says before «Wyślij» what has changed since the positions were put in, and takes it over.
func TestACartIsHeldAgainstToday(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	v.post("/cart/items", "section", "updates", "offer", updateKowal, "offer", multiKowal)
	v.open("/cart").lacks(t, "Przelicz koszyk")
	do(w, domain.SetPrice{Price: domain.Price{Program: "magazyn", Edition: domain.SingleStation, From: "1.0", To: "3.0", Net: 50000, VATRate: 23}})
	do(w, domain.WithdrawPrice{Program: "magazyn", Entry: "magazyn-multi-3.0-3.0"})
	w.settle()
	before := w.events()
	v.open("/cart").wants(t, "zmieniły się 2 z nich", "Przelicz koszyk", "449,00\u00a0zł")
	if after := w.events(); after != before {
		t.Errorf("looking at the cart wrote %d events", after-before)
	}
	for range 2 {
		if a := v.post("/cart/recheck"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/cart" {
			t.Fatalf("recheck: %s\n%s", a.Status, a.text)
		}
	}
	now := v.open("/cart")
	now.wants(t, "1 pozycja", "cena netto zmieniła się z 449,00\u00a0zł na 500,00\u00a0zł", "pozycja została usunięta z koszyka. Tej pozycji nie ma już w cenniku.", "615,00\u00a0zł")
	now.lacks(t, "Przelicz koszyk")
}
