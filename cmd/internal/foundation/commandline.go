package foundation

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
)

// UsageError is a mistake on the command line.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap gives the mistake itself.
func (e UsageError) Unwrap() error { return e.Err }

// Flags is an empty set of flags with the one that every program has.
func Flags(name string) (set *flag.FlagSet, data *string) {
	set = flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	return set, set.String("data", "data", "data folder `DIR`")
}

// Parse reads flags and arguments, in any order, and gives the arguments. When help was asked for, it prints it and
// answers ErrHelp, which is a success. synopsis is what to type; arguments is how many are needed, -1 for one or more.
func Parse(set *flag.FlagSet, args []string, synopsis string, arguments int, stdout io.Writer) ([]string, error) {
	var found []string
	for {
		err := set.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(stdout, "Usage: %s\n\n", synopsis)
			set.SetOutput(stdout)
			set.PrintDefaults()
			return nil, ErrHelp
		}
		if err != nil {
			return nil, UsageError{fmt.Errorf("%w\nUsage: %s (-h lists the flags)", err, synopsis)}
		}
		if set.NArg() == 0 {
			break
		}
		found, args = append(found, set.Arg(0)), set.Args()[1:]
	}
	switch {
	case len(found) < arguments || arguments < 0 && len(found) == 0:
		return nil, UsageError{fmt.Errorf("something is missing\nUsage: %s (-h lists the flags)", synopsis)}
	case arguments >= 0 && len(found) > arguments:
		return nil, UsageError{fmt.Errorf("%q is more than it was asked for\nUsage: %s (-h lists the flags)", found[arguments], synopsis)}
	}
	return found, nil
}

// ErrHelp says that the help was printed and nothing is left to do.
var ErrHelp = flag.ErrHelp

// Command is one word after the program's name.
type Command struct {
	Name string
	Does string // for the help
	Run  func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

// Main runs a program and ends the process with its exit status. A first signal asks it to come to its end, a second
// does not wait for anything.
func Main(program string, commands []Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	os.Exit(Run(ctx, program, commands, os.Args[1:], os.Stdout, os.Stderr))
}

// Run runs the command that the first argument names and gives the program's exit status.
func Run(ctx context.Context, program string, commands []Command, args []string, stdout, stderr io.Writer) int {
	help := func(w io.Writer) {
		fmt.Fprintf(w, "Usage:\n\n")
		for _, command := range commands {
			fmt.Fprintf(w, "  %s %-12s %s\n", program, command.Name, command.Does)
		}
		fmt.Fprintf(w, "\n%s COMMAND -h lists the flags of a command.\n", program)
	}
	if len(args) == 0 {
		help(stderr)
		return exitUsage
	}
	for _, command := range commands {
		if command.Name == args[0] {
			return exitStatus(ctx, command.Run(ctx, args[1:], stdout, stderr), program+" "+command.Name, stderr)
		}
	}
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		help(stdout)
		return 0
	}
	fmt.Fprintf(stderr, "%s: there is no command %q.\n", program, args[0])
	help(stderr)
	return exitUsage
}

// the exit statuses of all programs
const (
	exitFailed = 1
	exitUsage  = 2
)

// exitStatus says an error in one sentence on stderr and gives the status to exit with: 0, 1 for a failure, 2 for a mistake on the command line.
func exitStatus(ctx context.Context, err error, program string, stderr io.Writer) int {
	var usage UsageError
	switch {
	case err == nil, errors.Is(err, ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintf(stderr, "%s: stopped by a signal before it was done (%v)\n", program, err)
		return exitFailed
	}
	text := err.Error()
	if no, refused := domain.IsRefusal(err); refused {
		text = strings.Replace(text, no.Error(), handlers.Sentence(no, domain.English), 1)
	}
	fmt.Fprintf(stderr, "%s: %s\n", program, text)
	return exitFailed
}

// Logger writes what happens from a level on to w, one line an event.
func Logger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
