// Command accounts is for accounting: it books bank statements and replays the order history from the log.
package main

import "netrom.pl/portal/cmd/internal/foundation"

func main() {
	foundation.Main("accounts", []foundation.Command{
		{Name: "import", Does: "book bank statements on the orders that they pay", Run: importStatements},
		{Name: "replay", Does: "print the order history from the log alone", Run: replay},
	})
}
