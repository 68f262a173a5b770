// Command portal is the order portal: it serves the pages and the API, projects the log into read models, and writes the letters.
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
	return foundation.Run(ctx, "portal", []foundation.Command{
		{Name: "serve", Does: "start the portal", Run: serve},
		{Name: "demo", Does: "start it with demonstration data; with -once, play the main job and end", Run: playDemo},
		{Name: "import", Does: "register catalogue and customers from files", Run: importFiles},
		{Name: "account", Does: "make an account for the vendor's own people, or a fresh link for one", Run: makeAccount},
		{Name: "rebuild", Does: "fold the log into fresh read models and compare them with the live ones", Run: rebuild},
	}, args, stdout, stderr)
}
