package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// TestLateMoneyRevivesAnOrderInTheBrowser follows an order through two months of a portal whose clock is set forward.
func TestLateMoneyRevivesAnOrderInTheBrowser(t *testing.T) {
	var ahead atomic.Int64 // in days
	p := startPortalAs(t, settings{data: dataFolder(t), demo: true, clock: func() time.Time { return time.Now().AddDate(0, 0, int(ahead.Load())) }})
	v := visit(t, p)
	v.logIn(customerUser)
	v.open("/updates")
	v.tick("Faktura", "4.1 → 5.0")
	v.press("Zaznaczone pozycje do koszyka")
	v.press("KOSZYK")
	v.press("Wyślij")
	ordered := v.path()
	v.sees("czeka na wpłatę", "Zamówienie czeka do")
	v.eventually("/mailbox", "Potwierdzenie zamówienia")
	ahead.Store(11)
	v.eventually("/mailbox", "termin zapłaty mija")
	ahead.Store(17)
	v.eventually("/mailbox", "minął termin zapłaty")

	v.open(ordered)
	ahead.Store(29)
	v.waits("Zamówienie wygasło, bo wpłata nie dotarła w terminie") // the page changes by itself
	v.sees("Dane do przelewu", "Anuluj zamówienie", "przypomnienie po terminie wysłane")
	v.eventually("/mailbox", "wygasło")
	for _, path := range []string{ordered, "/orders", "/updates"} {
		v.inspect(path)
		v.sees("wygasło")
	}
	v.sees("wygasło bez wpłaty: prosimy je opłacić do")

	v.open(ordered)
	ahead.Store(59) // the last day of the grace
	payOrder(t, p, domain.OrderID(strings.TrimPrefix(ordered, "/orders/")))
	v.waits("zrealizowane")
	v.sees("spóźniona wpłata przyjęta")
	v.eventually("/mailbox", "Plik aktywacyjny: Faktura")
	if letters := v.text(); strings.Count(letters, "wygasło") != 1 || strings.Count(letters, "minął termin") != 1 || strings.Count(letters, "termin zapłaty mija") != 1 {
		t.Errorf("the letters are:\n%s", letters)
	}
}
