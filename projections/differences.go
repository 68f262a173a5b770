package projections

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Difference is one place where the live tables do not say what a rebuild says. It names no values: they may be personal.
type Difference struct {
	Table  string
	Key    string // values of the primary key, as PostgreSQL writes a row
	Column string // empty: the whole row is missing or too many
	Extra  bool   // the row is live and the log knows nothing of it; otherwise, without a column, it is missing
}

// String tells it in one line.
func (d Difference) String() string {
	switch {
	case d.Column != "":
		return fmt.Sprintf("table %s, row %s: column %s differs", d.Table, d.Key, d.Column)
	case d.Extra:
		return fmt.Sprintf("table %s, row %s: the log knows nothing of it", d.Table, d.Key)
	}
	return fmt.Sprintf("table %s, row %s: is missing", d.Table, d.Key)
}

// Differences compares the tables of all views in two schemas of one database, row by row, as of one moment. It lists at most so
// many rows of each table, with every column in which they differ.
func Differences(ctx context.Context, db *sqlx.DB, live, rebuilt string, rowsMax int) ([]Difference, error) {
	tx, err := db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("compare tables: %w", err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'`); err != nil {
		return nil, fmt.Errorf("compare tables: %w", err)
	}
	var all []Difference
	for _, view := range All() {
		for _, table := range view.Tables {
			found, err := differencesIn(ctx, tx, live, rebuilt, table, rowsMax)
			if err != nil {
				return nil, fmt.Errorf("compare table %s: %w", table, err)
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// differencesIn one table: rows with the same primary key are compared column by column, in the text form of their values.
func differencesIn(ctx context.Context, tx *sqlx.Tx, live, rebuilt, table string, rowsMax int) ([]Difference, error) {
	var columns []struct {
		Name string
		Key  bool
	}
	err := tx.SelectContext(ctx, &columns, `
		select a.attname as name, coalesce(a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1]), false) as key
		from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
		where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`, pq.QuoteIdentifier(live)+"."+pq.QuoteIdentifier(table))
	if err != nil {
		return nil, err
	}
	var keys, keysOfRows, texts []string
	for _, column := range columns {
		name := pq.QuoteIdentifier(column.Name)
		if column.Key {
			keys, keysOfRows = append(keys, name), append(keysOfRows, "coalesce(l."+name+"::text, r."+name+"::text)")
		}
		texts = append(texts, "case when l."+name+"::text is distinct from r."+name+"::text then "+pq.QuoteLiteral(column.Name)+" end")
	}
	var rows []struct {
		Key           string
		Live, Rebuilt bool
		Columns       pq.StringArray
	}
	using := strings.Join(keys, ", ")
	err = tx.SelectContext(ctx, &rows, `
		select row(`+strings.Join(keysOfRows, ", ")+`)::text as key, l.ctid is not null as live, r.ctid is not null as rebuilt,
			array_remove(array[`+strings.Join(texts, ", ")+`], null) as columns
		from `+pq.QuoteIdentifier(live)+`.`+pq.QuoteIdentifier(table)+` l full join `+pq.QuoteIdentifier(rebuilt)+`.`+pq.QuoteIdentifier(table)+` r using (`+using+`)
		where l::text is distinct from r::text order by `+using+` limit $1`, rowsMax)
	if err != nil {
		return nil, err
	}
	var found []Difference
	for _, row := range rows {
		if !row.Live || !row.Rebuilt {
			found = append(found, Difference{Table: table, Key: row.Key, Extra: row.Live})
			continue
		}
		for _, column := range slices.Sorted(slices.Values(row.Columns)) {
			found = append(found, Difference{Table: table, Key: row.Key, Column: column})
		}
	}
	return found, nil
}
