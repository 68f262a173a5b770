package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/jmoiron/sqlx"
)

// Tables is what pages read: one prepared statement for each question, safe for concurrent use. Joins happen here, so
// an answer is as fresh as the slowest of the views that it reads.
type Tables struct {
	db        *sqlx.DB
	memory    memory
	companies companies

	entitlements, entitlement, updates, newPrograms, facts *sqlx.Stmt
	cart, names, orders, order                             *sqlx.Stmt
	customer, clients                                      *sqlx.Stmt
	transfers, waiting, lostReversals, fromCredit          *sqlx.Stmt
	totals, credits                                        *sqlx.Stmt
	corrections                                            *sqlx.Stmt
	due, tasks, upcoming, nextDue                          *sqlx.Stmt
	allCustomers, allLicences, allOrders, anyOrder         *sqlx.Stmt
	allStatements                                          *sqlx.Stmt
	distributors, catalogue, months, paidIn, checkpoints   *sqlx.Stmt
	erasures, deals                                        *sqlx.Stmt
	open                                                   []*sqlx.Stmt

	shaping sync.Mutex
	shapes  map[string]*sqlx.Stmt // of searches in the log's index, by text
}

// shapesMax bounds how many statements of searches are kept prepared; the others are planned anew each time.
const shapesMax = 64

// queryShaped asks a question whose text depends on what is looked for, and remembers the statement.
func (t *Tables) queryShaped(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	t.shaping.Lock()
	statement, full := t.shapes[query], len(t.shapes) >= shapesMax
	t.shaping.Unlock()
	if statement == nil && full {
		return t.db.QueryContext(ctx, query, args...)
	}
	if statement == nil {
		var err error
		if statement, err = t.shape(ctx, query); err != nil {
			return nil, err
		}
	}
	return statement.QueryContext(ctx, args...)
}

// shape prepares a statement and keeps it, unless somebody else was first.
func (t *Tables) shape(ctx context.Context, query string) (*sqlx.Stmt, error) {
	statement, err := t.db.PreparexContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	t.shaping.Lock()
	defer t.shaping.Unlock()
	if first := t.shapes[query]; first != nil {
		return first, statement.Close()
	}
	t.shapes[query], t.open = statement, append(t.open, statement)
	return statement, nil
}

// OpenTables prepares the statements; the migrations must have been applied. Close it before the database.
func OpenTables(ctx context.Context, db *sqlx.DB) (*Tables, error) {
	t := &Tables{db: db, shapes: map[string]*sqlx.Stmt{}}
	for _, question := range []struct {
		statement **sqlx.Stmt
		query     string
	}{
		{&t.entitlements, selectEntitlements},
		{&t.entitlement, selectEntitlement},
		{&t.updates, selectUpdates},
		{&t.newPrograms, selectNewPrograms},
		{&t.facts, selectFacts},
		{&t.cart, `select buyer as key, state from carts where buyer = $1`},
		{&t.names, selectNames},
		{&t.orders, selectOrders},
		{&t.order, selectOrder},
		{&t.corrections, selectCorrections},
		{&t.customer, selectCustomers + ` where c.id = $1`},
		{&t.clients, selectClients},
		{&t.transfers, selectTransfers},
		{&t.waiting, selectWaiting},
		{&t.lostReversals, selectLostReversals},
		{&t.fromCredit, selectFromCredit},
		{&t.totals, selectTotals},
		{&t.credits, `select transfer, amount from credits where customer = $1 order by transfer`},
		{&t.due, selectTasks + ` where due_at <= $1` + stillMakesSense + orderByDue + ` limit $2`},
		{&t.tasks, selectTasks + ` where since <= $1` + stillMakesSense + orderByDue},
		{&t.upcoming, selectTasks + ` where since > $1` + orderByDue + ` limit $2`},
		{&t.nextDue, `select due_at from tasks` + orderByDue + ` limit 1`},
		{&t.allCustomers, selectAllCustomers},
		{&t.allLicences, selectAllLicences},
		{&t.allOrders, selectAllOrders},
		{&t.allStatements, selectAllStatements},
		{&t.anyOrder, selectAnyOrder},
		{&t.distributors, selectCustomers + ` where c.is_distributor order by c.folded, c.id`},
		{&t.catalogue, selectCatalogue},
		{&t.months, selectMonths},
		{&t.paidIn, selectPaidIn},
		{&t.erasures, selectErasures},
		{&t.deals, selectDeals},
		{&t.checkpoints, `select view, position from checkpoints`},
	} {
		statement, err := db.PreparexContext(ctx, question.query)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare %q: %w", question.query, err), t.Close())
		}
		*question.statement = statement
		t.open = append(t.open, statement)
	}
	return t, nil
}

// Close gives the statements back. Twice is harmless.
func (t *Tables) Close() error {
	var err error
	for _, statement := range t.open {
		err = errors.Join(err, statement.Close())
	}
	t.open = nil
	return err
}
