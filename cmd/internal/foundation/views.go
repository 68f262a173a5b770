package foundation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/postgres"
	"netrom.pl/portal/projections"
)

// ViewsSchema is where the read models are.
const ViewsSchema = "views"

// OpenSchema migrates the read models' tables in a schema of the portal's database and opens them.
func (f *Foundation) OpenSchema(ctx context.Context, schema string) (*sqlx.DB, error) {
	if err := postgres.Migrate(ctx, f.DB, schema, projections.Migrations()); err != nil {
		return nil, err
	}
	address, err := url.Parse(f.where.Database)
	if err != nil {
		return nil, errDatabaseURL
	}
	query := address.Query()
	query.Set("search_path", schema)
	// Every statement is prepared once and asks by index: planning it anew costs more than answering it.
	query.Set("plan_cache_mode", "force_generic_plan")
	address.RawQuery = query.Encode()
	return postgres.Open(ctx, address.String())
}

// viewPause is how long a stopped view waits before it tries again: somebody may have mended what it could not digest.
const viewPause = 5 * time.Second

// RunViews keeps every view up to date until the context ends. A view that stops tells failed, leaves the others running
// and tries again after a while.
func RunViews(ctx context.Context, db *sqlx.DB, log domain.Log, logger *slog.Logger, failed func(error)) {
	var running sync.WaitGroup
	for _, view := range projections.All() {
		running.Go(func() {
			for ctx.Err() == nil {
				if err := projections.Run(ctx, db, log, view, projections.Options{Logger: logger}); err != nil && ctx.Err() == nil {
					failed(err)
				}
				select {
				case <-ctx.Done():
				case <-time.After(viewPause):
				}
			}
		})
	}
	running.Wait()
}

// SettledViews opens the read models when they have seen everything up to a position. On a stopped portal's folder it
// brings them up to date itself.
func (f *Foundation) SettledViews(ctx context.Context, at domain.Position) (*sqlx.DB, error) {
	db, err := f.OpenSchema(ctx, ViewsSchema)
	if err != nil {
		return nil, err
	}
	settled, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	if f.Owner {
		running.Go(func() { RunViews(settled, db, f.Log, f.logger, cancel) })
	}
	err = f.Settle(settled, db, at)
	if cause := context.Cause(settled); cause != nil {
		err = cause
	}
	cancel(nil)
	running.Wait()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait for the read models: %w", err), db.Close())
	}
	return db, nil
}

// guestPatience is how long a guest waits for views that the running portal has to bring up to date.
const guestPatience = 30 * time.Second

// Settle waits until all views have seen everything up to a position. A guest does not wait for ever: a view of the
// running portal may have stopped.
func (f *Foundation) Settle(ctx context.Context, db *sqlx.DB, at domain.Position) error {
	if !f.Owner {
		limited, cancel := context.WithTimeout(ctx, f.wait)
		defer cancel()
		ctx = limited
	}
	var names []string
	for _, view := range projections.All() {
		names = append(names, view.Name)
	}
	err := projections.Settle(ctx, db, at, names...)
	if errors.Is(err, projections.ErrNotYet) {
		return fmt.Errorf("%w; the running portal does not bring them up to date: its log says which view has stopped", err)
	}
	return err
}
