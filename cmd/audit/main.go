// Command audit is for auditors: it shows the event log with who, when and caused by what, follows causes, verifies that nothing in it was
// changed, proves single events, and verifies activation files.
package main

import "netrom.pl/portal/cmd/internal/foundation"

func main() {
	foundation.Main("audit", []foundation.Command{
		{Name: "log", Does: "print the events with who, when and caused by what", Run: printLog},
		{Name: "show", Does: "print one event with its bytes, its hash and the checkpoint that covers it", Run: showEvent},
		{Name: "trace", Does: "print what led to what in an order or a request, and what released its activation files", Run: printTrace},
		{Name: "watch", Does: "print the events of a running portal as they arrive", Run: watchLog},
		{Name: "verify", Does: "hash every event anew and compare with signed checkpoints", Run: verifyLog},
		{Name: "cosign", Does: "watch a portal from another machine: cosign its newest checkpoint if that continues all that was seen before", Run: cosign},
		{Name: "prove", Does: "print the proof that an event is in the log", Run: prove},
		{Name: "verify-proof", Does: "check such a proof offline", Run: verifyProof},
		{Name: "bundle", Does: "write events, proofs and files about an order, a customer or a period into one file", Run: makeBundle},
		{Name: "verify-bundle", Does: "check such a file offline", Run: verifyBundle},
		{Name: "views", Does: "fold the log anew and compare with the read models row by row", Run: checkViews},
		{Name: "schema", Does: "read every event ever stored and write it again, byte for byte", Run: checkSchema},
		{Name: "verify-file", Does: "check an activation file offline", Run: verifyFile},
	})
}
