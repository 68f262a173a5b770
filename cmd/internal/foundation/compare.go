package foundation

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// rebuiltSchema is where a rebuild is folded, beside the live read models; it is dropped before and after.
const rebuiltSchema = "views_rebuilt"

const (
	comparesMax      = 5   // how often a comparison is repeated because events arrived meanwhile
	differentRowsMax = 100 // of each table that are named
)

// CompareViews folds the whole log into a schema of its own and compares it with the live read models row by row. Tables is how
// many were compared.
func (f *Foundation) CompareViews(ctx context.Context, live *sqlx.DB) (tables int, differences []projections.Difference, err error) {
	for range comparesMax {
		if err := f.DropRebuilt(ctx); err != nil {
			return 0, nil, err
		}
		rebuilt, err := f.OpenSchema(ctx, rebuiltSchema)
		if err != nil {
			return 0, nil, err
		}
		found, moved, err := f.compareOnce(ctx, live, rebuilt)
		err = errors.Join(err, rebuilt.Close(), f.DropRebuilt(context.WithoutCancel(ctx)))
		if err != nil {
			return 0, nil, err
		}
		if len(found) == 0 || !moved {
			return tablesOfViews(), found, nil
		}
	}
	return 0, nil, fmt.Errorf("new events kept arriving, %d times; compare again when it is quieter", comparesMax)
}

func tablesOfViews() (tables int) {
	for _, view := range projections.All() {
		tables += len(view.Tables)
	}
	return tables
}

func (f *Foundation) compareOnce(ctx context.Context, live, rebuilt *sqlx.DB) (found []projections.Difference, moved bool, err error) {
	if err := projections.Rebuild(ctx, rebuilt, f.Log, rebuiltSchema); err != nil {
		return nil, false, err
	}
	before, err := f.LastPosition(ctx, 0)
	if err != nil {
		return nil, false, err
	}
	if err := f.Settle(ctx, live, before); err != nil {
		return nil, false, err
	}
	if found, err = projections.Differences(ctx, f.DB, ViewsSchema, rebuiltSchema, differentRowsMax); err != nil {
		return nil, false, err
	}
	after, err := f.LastPosition(ctx, before)
	return found, before != after, err
}

// LastPosition is that of the last event after a position, or the position itself if there is none.
func (f *Foundation) LastPosition(ctx context.Context, after domain.Position) (domain.Position, error) {
	return f.Log.Last(ctx, after)
}

// DropRebuilt clears away what a comparison has left behind that was killed. One that is running fails and can be repeated.
func (f *Foundation) DropRebuilt(ctx context.Context) error {
	if _, err := f.DB.ExecContext(ctx, `DROP SCHEMA IF EXISTS `+rebuiltSchema+` CASCADE`); err != nil {
		return fmt.Errorf("drop the rebuilt tables: %w", err)
	}
	return nil
}
