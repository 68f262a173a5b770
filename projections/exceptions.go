package projections

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
)

// Exception is one place where a row of the tables does not say what the log says.
type Exception struct {
	Of     string // order, transfer or reversal
	ID     string
	Name   string // of a figure; empty: the whole row is missing or too many
	Log    string // what the log says; empty: it knows nothing of the row
	Tables string // what the tables say; empty: the row is missing
}

// String tells it in one line.
func (e Exception) String() string {
	switch {
	case e.Name != "":
		return fmt.Sprintf("%s %s: %s is %s by the log and %s in the tables", e.Of, e.ID, e.Name, orNothing(e.Log), orNothing(e.Tables))
	case e.Log == "":
		return fmt.Sprintf("%s %s: the log knows nothing of it, the tables say %s", e.Of, e.ID, e.Tables)
	}
	return fmt.Sprintf("%s %s: is missing in the tables, the log says %s", e.Of, e.ID, e.Log)
}

func orNothing(text string) string { return cmp.Or(text, "nothing") }

// Comparison is what holding the log against the tables has found.
type Comparison struct {
	Orders, Transfers, Reversals int    // that the log knows
	Log, Tables                  Totals // added up from both
	Exceptions                   []Exception
	More                         int // exceptions that are not listed
	max                          int
}

// Differ tells whether anything is not the same.
func (c *Comparison) Differ() bool { return len(c.Exceptions) > 0 || c.Log != c.Tables }

func (c *Comparison) add(e Exception) {
	if len(c.Exceptions) >= c.max {
		c.More++
		return
	}
	c.Exceptions = append(c.Exceptions, e)
}

const (
	selectOrderFigures = `
		select id as key, number, buyer, status, payable_until as payableuntil, gross, received, waived, paid from orders order by id`
	selectTransferFigures = `
		select t.transfer as key, t.amount, t.on_orders as onorders, t.credit, t.refunds, t.reversed, t.unmatched, t.waits, t.value_on as valueon,
			coalesce((select string_agg(share, ', ' order by share collate "C") from (
				select 'order ' || o.order_id || ' ' || o.amount from transfer_orders o where o.transfer = t.transfer
				union all select 'credit ' || c.customer || ' ' || c.amount from credits c where c.transfer = t.transfer) s (share)), '') as shares
		from transfers t order by t.transfer`
	selectReversalFigures = `
		select reversal as key, amount, value_on as valueon, transfer from reversals order by reversal`
)

// Compare holds the log against the tables as of one moment: every order, transfer and reversal in every figure, and the sums. The tables must
// have seen everything that the figures have; what they have seen beyond is read from the log. At most max exceptions are listed, the others
// counted. It can be asked once.
func (f *Figures) Compare(ctx context.Context, db *sqlx.DB, max int) (Comparison, error) {
	tx, err := db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return Comparison{}, fmt.Errorf("compare figures: %w", err)
	}
	defer tx.Rollback()
	return f.compare(ctx, tx, max)
}

func (f *Figures) compare(ctx context.Context, tx *sqlx.Tx, max int) (Comparison, error) {
	c := Comparison{max: max}
	if err := f.catchUp(ctx, tx); err != nil {
		return c, fmt.Errorf("compare figures: %w", err)
	}
	c.Orders, c.Transfers, c.Reversals, c.Log = len(f.orders), len(f.transfers), len(f.reversals), f.Totals()
	if err := tx.GetContext(ctx, &c.Tables, selectTotals, domain.CancelledStatus, domain.Fulfilled); err != nil {
		return c, fmt.Errorf("add up the tables: %w", err)
	}
	err := compareRows(ctx, tx, &c, "order", selectOrderFigures, f.orders)
	if err == nil {
		err = compareRows(ctx, tx, &c, "transfer", selectTransferFigures, f.transfers)
	}
	if err == nil {
		err = compareRows(ctx, tx, &c, "reversal", selectReversalFigures, f.reversals)
	}
	return c, err
}

// catchUp reads what the two views behind the tables have seen beyond the figures, each as far as it is.
func (f *Figures) catchUp(ctx context.Context, tx *sqlx.Tx) error {
	var to struct{ Orders, Payments domain.Position }
	err := tx.GetContext(ctx, &to, `
		select coalesce(max(position) filter (where view = $1), 0) as orders, coalesce(max(position) filter (where view = $2), 0) as payments
		from checkpoints`, orders.Name, payments.Name)
	if err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	for record, err := range f.log.History(ctx, f.until) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if record.Position > to.Orders && record.Position > to.Payments {
			return nil
		}
		if record.Position <= to.Orders {
			err = f.seeOrder(ctx, record)
		}
		if err == nil && record.Position <= to.Payments {
			err = f.seeTransfer(ctx, record)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// figures is a row of which the log and the tables have one each.
type figures interface {
	comparable
	key() string
	title() string // by which people know it
	cells() []cell
}

// compareRows takes every row of a table that the log knows out of told; what is left there is missing in the table.
func compareRows[R figures](ctx context.Context, tx *sqlx.Tx, c *Comparison, of, query string, told map[string]R) error {
	rows, err := tx.QueryxContext(ctx, query)
	if err != nil {
		return fmt.Errorf("read the %ss: %w", of, err)
	}
	defer rows.Close()
	for rows.Next() {
		var shown R
		if err := rows.StructScan(&shown); err != nil {
			return fmt.Errorf("read the %ss: %w", of, err)
		}
		row, known := told[shown.key()]
		delete(told, shown.key())
		if !known {
			c.add(Exception{Of: of, ID: shown.title(), Tables: sentence(shown.cells())})
		} else if row != shown {
			cells := shown.cells()
			for i, cell := range row.cells() {
				if cell != cells[i] {
					c.add(Exception{Of: of, ID: row.title(), Name: cell.name, Log: cell.value, Tables: cells[i].value})
				}
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the %ss: %w", of, err)
	}
	for _, id := range slices.Sorted(maps.Keys(told)) {
		c.add(Exception{Of: of, ID: told[id].title(), Log: sentence(told[id].cells())})
	}
	return nil
}

// sentence is a row in one line.
func sentence(cells []cell) string {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = c.name + " " + orNothing(c.value)
	}
	return strings.Join(texts, ", ")
}
