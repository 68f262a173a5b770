// Command audit is for auditors: it shows the event log with who, when and caused by what, and verifies activation files.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"netrom.pl/portal/cmd/internal/foundation"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal does not wait for anything
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return foundation.Run(ctx, "audit", []foundation.Command{
		{Name: "log", Does: "print the events with who, when and caused by what", Run: printLog},
		{Name: "verify-file", Does: "check an activation file offline", Run: verifyFile},
	}, args, stdout, stderr)
}
