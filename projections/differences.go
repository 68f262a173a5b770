package projections

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
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
			found, err := compareTable(ctx, tx, live, table, relation(live, table), relation(rebuilt, table), rowsMax)
			if err != nil {
				return nil, fmt.Errorf("compare table %s: %w", table, err)
			}
			for _, place := range found {
				all = append(all, place.Difference)
			}
		}
	}
	return all, nil
}

// place is a difference with what stands there; both may be personal.
type place struct {
	Difference
	live, rebuilt string // of a column
}

// relation is a table in a schema, as SQL.
func relation(schema, table string) string {
	return pq.QuoteIdentifier(schema) + "." + pq.QuoteIdentifier(table)
}

type tableColumn struct {
	Name      string
	Key       bool // part of the primary key
	Generated bool // by the database, out of others
}

// columnsOf are the columns of a table, in order.
func columnsOf(ctx context.Context, q sqlx.QueryerContext, schema, table string) (columns []tableColumn, err error) {
	err = sqlx.SelectContext(ctx, q, &columns, `
		select a.attname as name, coalesce(a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1]), false) as key, a.attgenerated <> '' as generated
		from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
		where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`, relation(schema, table))
	return columns, err
}

// compareTable compares rows with the same primary key column by column, in the text form of their values. live and rebuilt are the
// table's two relations, or queries for some of their rows, in which $1 and so on stand for args; schema is that of the live one.
func compareTable(ctx context.Context, q sqlx.QueryerContext, schema, table, live, rebuilt string, rowsMax int, args ...any) ([]place, error) {
	columns, err := columnsOf(ctx, q, schema, table)
	if err != nil {
		return nil, err
	}
	var keys, keysOfRows, texts, lives, rebuilts []string
	for _, column := range columns {
		if column.Key {
			name := pq.QuoteIdentifier(column.Name)
			keys, keysOfRows = append(keys, name), append(keysOfRows, "coalesce(l."+name+"::text, r."+name+"::text)")
		}
	}
	slices.SortFunc(columns, func(a, b tableColumn) int { return cmp.Compare(a.Name, b.Name) })
	for _, column := range columns {
		name := pq.QuoteIdentifier(column.Name)
		differs := "case when l." + name + "::text is distinct from r." + name + "::text then "
		texts = append(texts, differs+pq.QuoteLiteral(column.Name)+" end")
		lives, rebuilts = append(lives, differs+"coalesce(l."+name+"::text, '') end"), append(rebuilts, differs+"coalesce(r."+name+"::text, '') end")
	}
	differing := func(cases []string) string { return "array_remove(array[" + strings.Join(cases, ", ") + "], null)" }
	var rows []struct {
		Key            string
		IsLive, Wanted bool
		Columns        pq.StringArray
		Lives, Rebuilt pq.StringArray
	}
	using := strings.Join(keys, ", ")
	err = sqlx.SelectContext(ctx, q, &rows, `
		select row(`+strings.Join(keysOfRows, ", ")+`)::text as key, l.`+keys[0]+` is not null as islive, r.`+keys[0]+` is not null as wanted,
			`+differing(texts)+` as columns, `+differing(lives)+` as lives, `+differing(rebuilts)+` as rebuilt
		from `+live+` l full join `+rebuilt+` r using (`+using+`)
		where l::text is distinct from r::text order by `+using+` limit `+strconv.Itoa(rowsMax), args...)
	if err != nil {
		return nil, err
	}
	var found []place
	for _, row := range rows {
		if !row.IsLive || !row.Wanted {
			found = append(found, place{Difference: Difference{Table: table, Key: row.Key, Extra: row.IsLive}})
			continue
		}
		for i, column := range row.Columns {
			found = append(found, place{Difference{Table: table, Key: row.Key, Column: column}, row.Lives[i], row.Rebuilt[i]})
		}
	}
	return found, nil
}
