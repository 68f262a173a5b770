// Command portal is the order portal: it serves the pages and the API, projects the log into read models, and writes the letters.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // due dates are Polish days, wherever the machine stands
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `Usage:

  portal serve    start the portal
  portal demo     start it with demonstration data; with -once, play the main job and end
  portal import   register catalogue and customers from files
  portal rebuild  fold the log into fresh read models and compare them with the live ones

portal COMMAND -h lists the flags of a command.
`

// exit statuses, as is usual on the command line
const (
	exitFailed = 1
	exitUsage  = 2
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
		"serve": serve, "demo": playDemo, "import": importFiles, "rebuild": rebuild,
	}
	if len(args) == 0 || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help" {
		fmt.Fprint(stdout, usage)
		if len(args) == 0 {
			return exitUsage
		}
		return 0
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "portal: there is no command %q.\n\n%s", args[0], usage)
		return exitUsage
	}
	return foundation.ExitStatus(command(ctx, args[1:], stdout, stderr), "portal "+args[0], stderr)
}
