package main

import (
	"fmt"
	"io"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/projections"
)

// printLedger prints the history of every order, then one line an order, then the sums.
func printLedger(w io.Writer, ledger projections.Ledger, totals projections.Totals) {
	for _, order := range ledger.Orders() {
		printOrder(w, order)
	}
	fmt.Fprintf(w, "From the log, up to position %d:\n", ledger.Until)
	if len(ledger.Orders()) > 0 {
		fmt.Fprintf(w, "  %-12s %-10s %-16s %15s %15s %15s\n", "order", "submitted", "status", "gross", "paid", "open")
	}
	for _, order := range ledger.Orders() {
		fmt.Fprintf(w, "  %-12s %-10s %-16s %15s %15s %15s\n", order.Number, handlers.DayOf(order.Entries[0].At), order.Status(), order.Total.Gross, order.PaidAmount(), open(order))
	}
	printTotals(w, totals)
}

// open is what is still to be paid; nobody waits for the money of an order that is over.
func open(order *projections.History) string {
	if order.Cancelled || order.Lapsed {
		return "-"
	}
	return order.Open().String()
}

func printOrder(w io.Writer, order *projections.History) {
	fmt.Fprintf(w, "%s  %s, due %s\n", order.Number, order.Status(), order.DueOn)
	fmt.Fprintf(w, "  order %s, buyer %s\n", order.Order.Order, order.Buyer)
	for _, line := range order.Lines {
		step := "new " + string(line.To)
		if line.From != "" {
			step = string(line.From) + " -> " + string(line.To)
		}
		fmt.Fprintf(w, "  %4d. %-24s %-20s %-6s %4d st. %15s net %15s VAT %2d%% %15s\n",
			line.Line, line.ProgramName, step, line.Edition, line.Stations, line.Net, line.VAT, line.VATRate, line.Gross)
	}
	fmt.Fprintf(w, "        %-24s %-20s %-6s %8s %15s net %15s VAT     %15s\n", "together", "", "", "", order.Total.Net, order.Total.VAT, order.Total.Gross)
	for _, entry := range order.Entries {
		printEntry(w, entry)
	}
	fmt.Fprintln(w)
}

func printEntry(w io.Writer, entry projections.Entry) {
	var line, amount string
	if entry.Line > 0 {
		line = fmt.Sprint("line ", entry.Line)
	}
	if entry.Amount != 0 {
		amount = entry.Amount.String()
	}
	fmt.Fprintf(w, "  %s %8s  %-29s %-8s %15s  by %s\n", entry.At.UTC().Format(time.RFC3339), fmt.Sprint("@", entry.Position), entry.Type, line, amount, entry.Actor)
}

func printTotals(w io.Writer, t projections.Totals) {
	fmt.Fprintf(w, "  %d orders, of them %d paid (%d fulfilled), %d cancelled\n", t.Orders, t.Paid, t.Fulfilled, t.Cancelled)
	fmt.Fprintf(w, "  %d transfers, of them %d matched\n", t.Transfers, t.Matched)
	for _, sum := range []struct {
		what   string
		amount domain.Money
	}{{"ordered, without what was cancelled", t.Gross}, {"booked on orders", t.Received}, {"come in by transfer", t.Incoming}} {
		fmt.Fprintf(w, "  %-40s %15s\n", sum.what, sum.amount)
	}
}
