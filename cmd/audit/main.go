// Command audit is for auditors: it shows the event log with who, when and caused by what, and verifies activation files.
package main

import "netrom.pl/portal/cmd/internal/foundation"

func main() {
	foundation.Main("audit", []foundation.Command{
		{Name: "log", Does: "print the events with who, when and caused by what", Run: printLog},
		{Name: "verify-file", Does: "check an activation file offline", Run: verifyFile},
	})
}
