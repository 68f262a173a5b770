package foundation

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"netrom.pl/portal/domain"
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

// Parse reads the flags. When help was asked for, it prints it and answers ErrHelp, which is a success. synopsis follows the
// program's name in the help; arguments is how many arguments must follow the flags, -1 for one or more.
func Parse(set *flag.FlagSet, args []string, synopsis string, arguments int, stdout io.Writer) error {
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stdout, "Usage: %s\n\n", synopsis)
		set.SetOutput(stdout)
		set.PrintDefaults()
		return ErrHelp
	}
	if err == nil && (arguments >= 0 && set.NArg() != arguments || arguments < 0 && set.NArg() == 0) {
		err = fmt.Errorf("%d arguments do not fit", set.NArg())
	}
	if err != nil {
		return UsageError{fmt.Errorf("%w\nUsage: %s (-h lists the flags)", err, synopsis)}
	}
	return nil
}

// ErrHelp says that the help was printed and nothing is left to do.
var ErrHelp = flag.ErrHelp

// the exit statuses of all programs
const (
	exitFailed = 1
	exitUsage  = 2
)

// ExitStatus says an error in one sentence on stderr and gives the status to exit with: 0, 1 for a failure, 2 for a mistake on the command line.
func ExitStatus(err error, program string, stderr io.Writer) int {
	var usage UsageError
	switch {
	case err == nil, errors.Is(err, ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return exitUsage
	}
	if no, refused := domain.IsRefusal(err); refused {
		fmt.Fprintf(stderr, "%s: %v %v\n", program, err, no.Facts)
		return exitFailed
	}
	fmt.Fprintf(stderr, "%s: %v\n", program, err)
	return exitFailed
}

// Logger writes what happens to w, one line an event.
func Logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
}
