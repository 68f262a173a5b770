package postgres

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// files is a folder of migrations: name, content, name, content...
func files(pairs ...string) fstest.MapFS {
	folder := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		folder[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return folder
}

const (
	orders   = `create table orders (id text primary key); insert into orders values ('first');`
	payments = `create table payments (order_id text references orders);`
)

func TestMigrate(t *testing.T) {
	type step struct {
		files fstest.MapFS
		fails string // part of the error; empty: succeeds
	}
	both := files("0001_orders.sql", orders, "0002_payments.sql", payments)
	tests := []struct {
		name  string
		steps []step
		want  string // tables afterwards
	}{
		{"all at once", []step{{both, ""}}, "migrations orders payments"},
		{"again", []step{{both, ""}, {both, ""}}, "migrations orders payments"},
		{"one after the other", []step{{files("0001_orders.sql", orders), ""}, {both, ""}}, "migrations orders payments"},
		{"other files are left alone", []step{{files("0001_orders.sql", orders, "README.md", "hello"), ""}}, "migrations orders"},
		{"changed after it was applied", []step{{files("0001_orders.sql", orders), ""}, {files("0001_orders.sql", orders+"\n"), "0001_orders.sql was changed after it was applied"}}, "migrations orders"},
		{"renamed after it was applied", []step{{files("0001_orders.sql", orders), ""}, {files("0001_order.sql", orders), "keep the old ones"}}, "migrations orders"},
		{"slipped in before an applied one", []step{{files("0002_orders.sql", orders), ""}, {files("0001_zero.sql", "select 1", "0002_orders.sql", orders), "number new migrations after all applied ones"}}, "migrations orders"},
		{"older program", []step{{both, ""}, {files("0001_orders.sql", orders), "run a newer program"}}, "migrations orders payments"},
		{"all or none", []step{{files("0001_orders.sql", orders, "0002_wrong.sql", "create tabel x ()"), "apply 0002_wrong.sql"}}, ""},
		{"after a failure", []step{{files("0001_orders.sql", orders, "0002_payments.sql", "wrong"), "apply 0002"}, {both, ""}}, "migrations orders payments"},
		{"transaction of its own", []step{{files("0001_orders.sql", "commit; "+orders), "migrate schema shop"}}, "migrations orders"},
		{"bad name", []step{{files("1_orders.sql", orders), "name it like 0001_orders.sql"}}, ""},
		{"number twice", []step{{files("0001_a.sql", orders, "0001_b.sql", payments), "have the same number"}}, ""},
		{"no file", []step{{files("migrations/0001_a.sql", orders), "fs.Sub"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := Fresh(t)
			for i, step := range tt.steps {
				err := Migrate(context.Background(), db, "shop", step.files)
				if step.fails == "" && err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				if step.fails != "" && (err == nil || !strings.Contains(err.Error(), step.fails)) {
					t.Fatalf("step %d: Migrate says %v, want it to say %q", i, err, step.fails)
				}
			}
			var tables string
			if err := db.Get(&tables, `select coalesce(string_agg(tablename, ' ' order by tablename), '')
				from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`); err != nil {
				t.Fatal(err)
			}
			if tables != tt.want {
				t.Errorf("tables are %q, want %q", tables, tt.want)
			}
		})
	}
}

func TestMigrateRefusesSchemaNames(t *testing.T) {
	for _, name := range []string{"", "Shop", "1shop", `shop"; drop schema public; --`, strings.Repeat("x", 64)} {
		if err := Migrate(context.Background(), nil, name, files("0001_orders.sql", orders)); err == nil {
			t.Errorf("schema name %q was accepted", name)
		}
	}
}

func TestMigrateBuildsASecondSchemaBeside(t *testing.T) {
	db := Fresh(t)
	for _, schema := range []string{"live", "rebuilt"} {
		if err := Migrate(context.Background(), db, schema, files("0001_orders.sql", orders)); err != nil {
			t.Fatal(err)
		}
	}
	db.MustExec(`delete from live.orders`)
	var rows int
	if err := db.Get(&rows, `select count(*) from rebuilt.orders`); err != nil {
		t.Fatal(err)
	}
	if rows != 1 {
		t.Errorf("the second schema has %d rows, want 1 of its own", rows)
	}
}

func TestMigrateLeavesTheConnectionAsItWas(t *testing.T) {
	db := Fresh(t)
	db.SetMaxOpenConns(1)
	if err := Migrate(context.Background(), db, "shop", files("0001_orders.sql", orders)); err != nil {
		t.Fatal(err)
	}
	var path string
	if err := db.Get(&path, `show search_path`); err != nil {
		t.Fatal(err)
	}
	if path != `"$user", public` {
		t.Errorf("search_path of the pool has become %s", path)
	}
}

func TestProgramsThatMigrateTogetherWaitForEachOther(t *testing.T) {
	db := Fresh(t)
	var together sync.WaitGroup
	for range freshConnections {
		together.Go(func() {
			if err := Migrate(context.Background(), db, "shop", files("0001_orders.sql", orders, "0002_payments.sql", payments)); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	var rows int
	if err := db.Get(&rows, `select count(*) from shop.orders`); err != nil {
		t.Fatal(err)
	}
	if rows != 1 {
		t.Errorf("the first migration ran %d times, want once", rows)
	}
}
