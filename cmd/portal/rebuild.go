package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// rebuiltSchema is where a rebuild is folded, beside the live read models; it is dropped before and after.
const rebuiltSchema = "views_rebuilt"

// comparesMax bounds how often a comparison is repeated because events arrived meanwhile.
const comparesMax = 5

func rebuild(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("portal rebuild")
	if _, err := foundation.Parse(flags, args, "portal rebuild [-data DIR]", 0, stdout); err != nil {
		return err
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.Existing = true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	return errors.Join(rebuildBeside(ctx, base, stdout), base.Close())
}

func rebuildBeside(ctx context.Context, base *foundation.Foundation, stdout io.Writer) error {
	last, err := lastPosition(ctx, base.Log, 0)
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

// compareWithRebuild folds the whole log into a schema of its own and compares it with the live read models, table by table.
func compareWithRebuild(ctx context.Context, base *foundation.Foundation, live *sqlx.DB) (tables int, err error) {
	for range comparesMax {
		if err := dropRebuilt(ctx, base); err != nil {
			return 0, err
		}
		db, err := base.OpenSchema(ctx, rebuiltSchema)
		if err != nil {
			return 0, err
		}
		var differing []string
		var moved bool
		tables, differing, moved, err = compareOnce(ctx, base, live, db)
		err = errors.Join(err, db.Close(), dropRebuilt(context.WithoutCancel(ctx), base))
		switch {
		case err != nil:
			return 0, err
		case len(differing) == 0:
			return tables, nil
		case !moved:
			return 0, fmt.Errorf("these tables differ from what the log says: %s", strings.Join(differing, ", "))
		}
	}
	return 0, fmt.Errorf("new events kept arriving, %d times; compare again when it is quieter", comparesMax)
}

func compareOnce(ctx context.Context, base *foundation.Foundation, live, rebuilt *sqlx.DB) (tables int, differing []string, moved bool, err error) {
	if err := projections.Rebuild(ctx, rebuilt, base.Log, rebuiltSchema); err != nil {
		return 0, nil, false, err
	}
	before, err := lastPosition(ctx, base.Log, 0)
	if err != nil {
		return 0, nil, false, err
	}
	if err := base.Settle(ctx, live, before); err != nil {
		return 0, nil, false, err
	}
	shown, err := projections.Dump(ctx, live)
	if err != nil {
		return 0, nil, false, err
	}
	folded, err := projections.Dump(ctx, rebuilt)
	if err != nil {
		return 0, nil, false, err
	}
	after, err := lastPosition(ctx, base.Log, before)
	return len(folded), projections.Compare(shown, folded), before != after, err
}

// lastPosition is that of the last event after a position, or the position itself if there is none.
func lastPosition(ctx context.Context, log domain.Log, after domain.Position) (domain.Position, error) {
	for record, err := range log.History(ctx, after) {
		if err != nil {
			return 0, fmt.Errorf("find the end of the log: %w", err)
		}
		after = record.Position
	}
	return after, nil
}

func dropRebuilt(ctx context.Context, base *foundation.Foundation) error {
	if _, err := base.DB.ExecContext(ctx, `DROP SCHEMA IF EXISTS `+rebuiltSchema+` CASCADE`); err != nil {
		return fmt.Errorf("drop the rebuilt tables: %w", err)
	}
	return nil
}
