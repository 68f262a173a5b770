package handlers

import (
	"net/http"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// TestMonthsPage says in a table what the chart draws.
func TestMonthsPage(t *testing.T) {
	w := newWorld(t)
	v := w.browser("accounting-1")
	v.open("/months").wants(t, "Nie ma jeszcze ani zamówień, ani wpłat")
	buyer := w.program("kowal")
	buyer.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
	var order orderAnswer
	buyer.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	do(w, domain.RecordPayment{Order: domain.OrderID(order.ID), Transfer: "t-1", Amount: 10577, ValueOn: "2026-12-01"})
	w.settleAll()
	page := v.open("/months")
	page.wants(t, "11.2026", "12.2026", "105,77", "000,00", "<polyline", "dni w Polsce")
	if got := strings.Count(page.text, "<rect"); got != 4 {
		t.Errorf("%d bars, want 4", got)
	}
}

// TestChart keeps every bar and point inside its picture, also when more was paid than ordered.
func TestChart(t *testing.T) {
	for name, rows := range map[string][]projections.MonthRow{
		"nothing":  nil,
		"zeros":    {{Month: "2026-01"}},
		"overpaid": {{Month: "2026-01", Gross: 100, Received: 300, Open: -200}, {Month: "2026-02", Gross: 50, Open: -150}},
		"large":    {{Month: "2026-01", Gross: domain.MoneyMax, Open: domain.MoneyMax}, {Month: "2026-02", Received: 1, Open: domain.MoneyMax - 1}},
	} {
		chart := chartOf(rows)
		for _, month := range chart.Months {
			for _, bar := range []bar{month.Ordered, month.Received} {
				if bar.Height < 0 || bar.Y < 0 || bar.Y+bar.Height > chart.Height || bar.X < 0 || bar.X+bar.Width > chart.Width {
					t.Errorf("%s: bar %+v outside of %d x %d", name, bar, chart.Width, chart.Height)
				}
			}
		}
		if len(strings.Fields(chart.Line)) != len(rows) || strings.Contains(chart.Line, "-") {
			t.Errorf("%s: line %q", name, chart.Line)
		}
	}
}
