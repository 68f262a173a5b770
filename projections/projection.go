// Package projections shows what the log says in tables that pages read. Every table can be thrown away and rebuilt
// from the log; rules stay in the domain, whose states the views fold and whose functions say what follows from them.
package projections

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"netrom.pl/portal/domain"
)

// View keeps some tables as the log says. Its tables are its own: no other view writes or reads them while it sees
// records, so that each view can be rebuilt alone.
type View struct {
	Name   string
	Tables []string
	// Concerns tells whether the view wants to see an event at all.
	Concerns func(domain.Event) bool
	// See takes records, all of which concern the view, in the order of the log, inside one transaction. What it writes
	// depends on the records alone, not on how they are cut into pages.
	See func(ctx context.Context, s *Session, page []domain.Record) error
	// Rest is how long the view rests after a page that was not large, so that under load more records share a transaction. Whoever
	// waits for the view in this process ends its rest; elsewhere they wait so much longer. 0: some milliseconds, see pauseShare.
	Rest time.Duration
	// parts say how each row can be folded alone; all tables are in one of them.
	parts []part
}

// All lists the views of the portal.
func All() []View {
	return []View{programs, entitlements, carts, orders, customers, payments, statements, tasks, events}
}

// ViewCalled finds a view by its name.
func ViewCalled(name string) (View, bool) {
	for _, view := range All() {
		if view.Name == name {
			return view, true
		}
	}
	return View{}, false
}

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the SQL files that make the tables of all views, to be applied in the order of their names.
func Migrations() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(fmt.Sprintf("projections: %v", err)) // the folder is embedded above
	}
	return files
}

// Options of [Run]; the zero value is what the portal uses.
type Options struct {
	Logger *slog.Logger // nil: the default logger. It learns positions, streams and kinds of errors, never contents.
	// FlushEvery bounds how long the checkpoint in the database may lag behind records that do not concern the view;
	// 0 means 250 ms.
	FlushEvery time.Duration
}

// StoppedError says that a view cannot digest a record. The view stays as it was before that record until the cause is
// gone and Run is called again.
type StoppedError struct {
	View     string
	Position domain.Position
	Stream   string
	Cause    error // may quote contents: not for log files
}

// Error names the place and the kind of the cause without quoting any contents.
func (e *StoppedError) Error() string {
	return fmt.Sprintf("view %s stopped at position %d (stream %s): %s", e.View, e.Position, e.Stream, kindOf(e.Cause))
}

// Unwrap gives the cause.
func (e *StoppedError) Unwrap() error { return e.Cause }

// ErrNotYet says that something is accepted for good, but the views do not show it yet.
var ErrNotYet = errors.New("accepted, but not visible yet")
