package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/projections"
)

func rebuild(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("portal rebuild")
	name := flags.String("view", "", "fold one live `VIEW` from the log again; until it is done, pages show it incomplete")
	if _, err := foundation.Parse(flags, args, "portal rebuild [-data DIR] [-view VIEW]", 0, stdout); err != nil {
		return err
	}
	wanted := func(v projections.View) bool { return v.Name == *name }
	i := slices.IndexFunc(projections.All(), wanted)
	if *name != "" && i < 0 {
		return foundation.UsageError{Err: fmt.Errorf("there is no view %q; there are %s", *name, strings.Join(viewNames(), ", "))}
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.Existing = true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	if *name != "" {
		return errors.Join(foldAgain(ctx, base, projections.All()[i], stdout), base.Close())
	}
	return errors.Join(rebuildBeside(ctx, base, stdout), base.Close())
}

func viewNames() (names []string) {
	for _, view := range projections.All() {
		names = append(names, view.Name)
	}
	return names
}

// foldAgain repairs one view: its tables are emptied, and whoever runs the views fills them from the log.
func foldAgain(ctx context.Context, base *foundation.Foundation, view projections.View, stdout io.Writer) error {
	views, err := base.OpenSchema(ctx, foundation.ViewsSchema)
	if err != nil {
		return err
	}
	if err := errors.Join(projections.Restart(ctx, views, view), views.Close()); err != nil {
		return err
	}
	last, err := base.LastPosition(ctx, 0)
	if err != nil {
		return err
	}
	settled, err := base.SettledViews(ctx, last)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "The view %s is folded from the log again.\n", view.Name)
	return settled.Close()
}

func rebuildBeside(ctx context.Context, base *foundation.Foundation, stdout io.Writer) error {
	last, err := base.LastPosition(ctx, 0)
	if err != nil {
		return err
	}
	views, err := base.SettledViews(ctx, last)
	if err != nil {
		return err
	}
	defer views.Close()
	tables, err := compareWithRebuild(ctx, base, views)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d tables rebuilt from the log; all equal the live ones.\n", tables)
	return nil
}

// compareWithRebuild wants the live read models to be what the log says, and names the tables that are not.
func compareWithRebuild(ctx context.Context, base *foundation.Foundation, live *sqlx.DB) (tables int, err error) {
	tables, differences, err := base.CompareViews(ctx, live)
	if err != nil {
		return 0, err
	}
	var differing []string
	for _, difference := range differences {
		differing = append(differing, difference.Table)
	}
	if differing = slices.Compact(slices.Sorted(slices.Values(differing))); len(differing) > 0 {
		return 0, fmt.Errorf("these tables differ from what the log says: %s (audit views names rows and columns)", strings.Join(differing, ", "))
	}
	return tables, nil
}
