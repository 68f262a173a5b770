// Command accounts is for accounting: it books bank statements and replays the order history from the log.
package main

import (
	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/projections/books"
)

func main() {
	foundation.Main("accounts", []foundation.Command{
		{Name: "import", Does: "book bank statements on the orders that they pay", Run: importStatements},
		{Name: "replay", Does: "print the order history from the log alone", Run: replay},
		{Name: "journal", Does: "print the double-entry journal", Run: printing(books.JournalReport)},
		{Name: "balance", Does: "print the trial balance, in all and by month", Run: printing(books.BalanceReport)},
		{Name: "open", Does: "print what is unpaid, prepaid, overpaid or matched with no order", Run: printing(books.OpenReport)},
		{Name: "invoices", Does: "give a month's payments to the books that make the invoices, and take their numbers back", Run: invoices},
		{Name: "close", Does: "close the books of a month and all before it", Run: closePeriod},
		{Name: "export", Does: "write a report as CSV, XLSX, JSON Lines or an hledger journal", Run: export},
		{Name: "reconcile", Does: "hold statements, transfers, orders, licences and the portal's tables against each other", Run: runReconcile},
	})
}
