// Command accounts is for accounting: it books bank statements and replays the order history from the log.
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
	return foundation.Run(ctx, "accounts", []foundation.Command{
		{Name: "import", Does: "book a bank statement on the orders that it pays", Run: importStatement},
		{Name: "replay", Does: "print the order history from the log alone", Run: replay},
	}, args, stdout, stderr)
}
