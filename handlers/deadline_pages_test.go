package handlers

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// TestPagesOfAnExpiredOrder goes through all pages that speak of an order while it waits, expires, is revived and lapses.
func TestPagesOfAnExpiredOrder(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Vendor.Terms.Limits = &domain.TimeLimits{RemindBeforeDays: 3, RemindAfterDays: 3, ExpireAfterDays: 14, GraceDays: 30}
	})
	w.server.heartbeat = 50 * time.Millisecond
	v, operator := w.browser("kowal"), w.browser("operator-1")
	path, page := v.orderOf(updateKowal)
	id := domain.OrderID(strings.TrimPrefix(path, "/orders/"))
	page.wants(t, "07.12.2026", "Zamówienie czeka do", "21.12.2026")
	w.settleAll()
	operator.open("/tasks").lacks(t, "zakończyć czekanie")
	operator.open("/tasks?upcoming").wants(t, "zakończyć czekanie na wpłatę", "22.12.2026", "/tasks/order-"+string(id)+"/expiry/skip")
	operator.open("/tasks?upcoming").lacks(t, "/expiry/retry", "potwierdzenie zamówienia")
	if a := operator.post("/tasks/order-" + string(id) + "/expiry/retry"); a.StatusCode != http.StatusNotFound {
		t.Errorf("an order can be made to expire before its day: %s", a.Status)
	}

	watched := v.watch(page.field(t, `data-changes="([^"]+)"`))
	watched.hears(t, "retry:")
	do(w, domain.RecordLetter{Order: id, Kind: domain.ConfirmTask})
	do(w, domain.RecordLetter{Order: id, Kind: domain.RemindTask})
	do(w, domain.RecordLetter{Order: id, Kind: domain.RemindAgainTask})
	do(w, domain.ExpireOrder{Order: id, On: "2026-12-22"})
	for mark := ""; !strings.HasPrefix(mark, "expired-"); {
		mark = strings.TrimPrefix(watched.hears(t, "data: "), "data: ")
	}
	do(w, domain.RecordLetter{Order: id, Kind: domain.ExpiryNoteTask})
	w.settleAll()
	v.open(path).wants(t, "wygasło", "do 21.01.2027, zrealizujemy", "najpierw anulować", "Najpóźniejsza wpłata", "Anuluj zamówienie", "Dane do przelewu",
		"przypomnienie o terminie", "przypomnienie po terminie", "wiadomość o wygaśnięciu")
	v.open("/orders").wants(t, "wygasło", "07.12.2026", "spóźniona wpłata do", "21.01.2027")
	v.open("/orders?only=open").wants(t, "2026/000001")
	v.open("/updates").wants(t, "zamówienie 2026/000001", "wygasło bez wpłaty", "do 21.01.2027")
	operator.open("/sales").wants(t, "wygasło", "21.01.2027")
	operator.open("/sales/"+string(id)).wants(t, "wygasło", "Najpóźniejsza wpłata", "OrderExpired")
	var told struct {
		Status       string
		PayableUntil string `json:"payable_until"`
	}
	w.program("kowal").call("GET", "/api/orders/"+string(id), nil, http.StatusOK, &told)
	if told.Status != "expired" || told.PayableUntil != "2027-01-21" {
		t.Errorf("a program is told %+v", told)
	}

	t.Run("cancelled, so that it can be ordered anew", func(t *testing.T) {
		if a := v.post(path + "/cancel"); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("cancel: %s", a.Status)
		}
		do(w, domain.WithdrawLicenceOrder{Order: id, Licence: kowalOld})
		w.settleAll()
		path, _ = v.orderOf(updateKowal)
		id = domain.OrderID(strings.TrimPrefix(path, "/orders/"))
	})
	t.Run("revived", func(t *testing.T) {
		do(w, domain.ExpireOrder{Order: id, On: "2026-12-22"})
		w.pay(path, 100)
		do(w, domain.RecordBalanceLetter{Order: id, Payments: 1})
		w.settleAll()
		part := v.open(path)
		part.wants(t, "wygasło", "Wpłacono dotąd", "brakującej kwocie")
		part.lacks(t, "najpierw anulować", "Anuluj zamówienie")
		w.pay(path, 552_27-100)
		w.settleAll()
		v.open(path).wants(t, "opłacone", "spóźniona wpłata przyjęta")
		v.open("/orders").lacks(t, "spóźniona wpłata do")
	})
	t.Run("lapsed", func(t *testing.T) {
		path, _ := v.orderOf(newMagazyn)
		id := domain.OrderID(strings.TrimPrefix(path, "/orders/"))
		do(w, domain.ExpireOrder{Order: id, On: "2026-12-22"})
		do(w, domain.LapseOrder{Order: id, On: "2027-01-26"})
		w.settleAll()
		over := v.open(path)
		over.wants(t, "przepadło", "Programy można zamówić od nowa", "Przepadło")
		over.lacks(t, "Dane do przelewu", "Anuluj zamówienie", "data-changes")
		if a := v.post(path + "/cancel"); a.StatusCode != http.StatusConflict {
			t.Errorf("a lapsed order can be cancelled: %s", a.Status)
		}
	})
}
