package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

func rebuild(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("portal rebuild")
	name := flags.String("view", "", "fold one live `VIEW` from the log again; until it is done, pages show it incomplete")
	row := flags.String("row", "", "with -view: repair only this `ROW`, as the board of tasks and the log lines of the portal call it")
	if _, err := foundation.Parse(flags, args, "portal rebuild [-data DIR] [-view VIEW [-row ROW]]", 0, stdout); err != nil {
		return err
	}
	view, known := projections.ViewCalled(*name)
	switch {
	case *name != "" && !known:
		return foundation.UsageError{Err: fmt.Errorf("there is no view %q; there are %s", *name, strings.Join(viewNames(), ", "))}
	case *name == "" && *row != "":
		return foundation.UsageError{Err: errors.New("-row needs -view: of which view is the row?")}
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.Existing = true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	switch {
	case *row != "":
		return errors.Join(repairRow(ctx, base, view, *row, stdout), base.Close())
	case *name != "":
		return errors.Join(foldAgain(ctx, base, view, stdout), base.Close())
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

// repairRow writes one row as the log says. Who wants it is an event, and comes first.
func repairRow(ctx context.Context, base *foundation.Foundation, view projections.View, row string, stdout io.Writer) error {
	if err := projections.CheckName(view, row); err != nil {
		return foundation.UsageError{Err: err}
	}
	run, now := uuid.NewString(), time.Now().UTC()
	by := domain.Cause{Command: run, Actor: "system:rebuild-" + strconv.Itoa(os.Getuid()), Correlation: run, Causation: run, At: now}
	outcome, err := domain.Execute(ctx, base.Log, by, domain.RequestRowRepair{RowRepairRequested: domain.RowRepairRequested{View: view.Name, Row: row}, On: domain.Day(now.Format(time.DateOnly))})
	if err != nil {
		return fmt.Errorf("write down that a row is repaired: %w", err)
	}
	views, err := base.SettledViews(ctx, outcome.Position)
	if err != nil {
		return err
	}
	defer views.Close()
	findings, err := projections.Repair(ctx, views, base.Log, view, row)
	if err != nil {
		return err
	}
	for _, finding := range findings {
		fmt.Fprintf(stdout, "repaired: %s\n", finding.Difference)
	}
	if len(findings) == 0 {
		fmt.Fprintln(stdout, "The row is as the log says; nothing was changed.")
	}
	return nil
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
