package handlers

import (
	"fmt"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// monthsShown is how many months accounting sees, the newest ones.
const monthsShown = 24

// Measures of the chart, in units of its own.
const (
	monthWidth  = 40
	chartHeight = 160
	barWidth    = 14
)

// monthsView is the course of business by months, as a chart and as a table with the same numbers.
type monthsView struct {
	Months []monthBar // the newest last
	Width  int
	Height int
	Zero   int    // height of the line of nothing, from above
	Line   string // of the open balance, as points of a polyline
}

// monthBar is a month with its place in the chart.
type monthBar struct {
	projections.MonthRow
	First    domain.Day // of the month
	Ordered  bar
	Received bar
}

// bar is a rectangle of the chart.
type bar struct{ X, Y, Width, Height int }

// showMonths sums up orders, payments and the open balance of each month for accounting.
func (s *Server) showMonths(c *call) (reply, error) {
	rows, err := s.Tables.Months(c.Context())
	return reply{page: "months", view: chartOf(rows[max(0, len(rows)-monthsShown):])}, err
}

// chartOf draws all amounts in one scale.
func chartOf(rows []projections.MonthRow) monthsView {
	var low, high domain.Money
	for _, row := range rows {
		high = max(high, row.Gross, row.Received, row.Open)
		low = min(low, row.Open)
	}
	height := func(amount domain.Money) int {
		if high == low {
			return 0
		}
		return int(float64(amount) / float64(high-low) * chartHeight)
	}
	view := monthsView{Width: len(rows) * monthWidth, Height: chartHeight + 2, Zero: height(high) + 1}
	upwards := func(x int, amount domain.Money) bar {
		tall := height(amount)
		return bar{X: x, Y: view.Zero - tall, Width: barWidth, Height: tall}
	}
	for i, row := range rows {
		left := i*monthWidth + (monthWidth-2*barWidth)/2
		view.Months = append(view.Months, monthBar{MonthRow: row, First: domain.Day(row.Month + "-01"),
			Ordered: upwards(left, row.Gross), Received: upwards(left+barWidth, row.Received)})
		view.Line += fmt.Sprintf("%d,%d ", i*monthWidth+monthWidth/2, view.Zero-height(row.Open))
	}
	return view
}

// month as people write it: 03.2026, and in English March 2026.
func (w *words) month(first domain.Day) string {
	at, err := time.Parse(time.DateOnly, string(first))
	if err != nil {
		return string(first)
	}
	if w.language == domain.Polish {
		return at.Format("01.2006")
	}
	return at.Format("January 2006")
}
