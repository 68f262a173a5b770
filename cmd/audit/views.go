package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"netrom.pl/portal/cmd/internal/foundation"
)

// checkViews is `audit views`: the log is folded anew and compared with the live read models, row by row.
func checkViews(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit views")
	if _, err := foundation.Parse(flags, args, "audit views [-data DIR]", 0, stdout); err != nil {
		return err
	}
	base, err := openFolder(ctx, *data, false, stderr)
	if err != nil {
		return err
	}
	return errors.Join(compareViews(ctx, base, stdout), base.Close())
}

func compareViews(ctx context.Context, base *foundation.Foundation, stdout io.Writer) error {
	last, err := base.LastPosition(ctx, 0)
	if err != nil {
		return err
	}
	live, err := base.SettledViews(ctx, last)
	if err != nil {
		return err
	}
	tables, differences, err := base.CompareViews(ctx, live)
	if err = errors.Join(err, live.Close()); err != nil {
		return err
	}
	for _, difference := range differences {
		fmt.Fprintln(stdout, difference)
	}
	if len(differences) > 0 {
		return fmt.Errorf("%d places are not as the log says; portal rebuild -view VIEW folds a view again", len(differences))
	}
	fmt.Fprintf(stdout, "%d tables are row by row what the log says.\n", tables)
	return nil
}
