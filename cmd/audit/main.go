// Command audit is for auditors: it shows the event log with who, when and caused by what, verifies that nothing in it was
// changed, proves single events, and verifies activation files.
package main

import "netrom.pl/portal/cmd/internal/foundation"

func main() {
	foundation.Main("audit", []foundation.Command{
		{Name: "log", Does: "print the events with who, when and caused by what", Run: printLog},
		{Name: "verify", Does: "hash every event anew and compare with signed checkpoints", Run: verifyLog},
		{Name: "prove", Does: "print the proof that an event is in the log", Run: prove},
		{Name: "verify-proof", Does: "check such a proof offline", Run: verifyProof},
		{Name: "verify-file", Does: "check an activation file offline", Run: verifyFile},
	})
}
