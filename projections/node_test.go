package projections

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/node"
)

// testKeys derives a key from its names: every key exists.
type testKeys struct{}

func (testKeys) Key(_ context.Context, subject, purpose string) ([]byte, error) {
	key := sha256.Sum256([]byte(subject + "/" + purpose))
	return key[:], nil
}

func (k testKeys) Find(ctx context.Context, subject, purpose string) ([]byte, bool, error) {
	key, err := k.Key(ctx, subject, purpose)
	return key, true, err
}

// onNode opens a world whose log is an embedded node behind the official client.
func onNode(t testing.TB) (w *world, restart func()) {
	t.Helper()
	dir := t.TempDir()
	o := node.Options{Dir: filepath.Join(dir, "log"), Listen: "unix:" + filepath.Join(dir, "s")}
	running, err := node.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { running.Stop() })
	store, err := eventstore.Open(eventstore.Options{URL: o.Listen, Keys: testKeys{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w = stand(t)
	w.log, w.memory = store, nil
	return w, func() {
		if err := running.Stop(); err != nil {
			t.Fatal(err)
		}
		if running, err = node.Start(ctx, o); err != nil {
			t.Fatal(err)
		}
	}
}

// The views follow a real log, also across its restart.
func TestOnANode(t *testing.T) {
	t.Parallel()
	w, restart := onNode(t)
	w.live()
	w.open()
	w.chapter(1)
	restart()
	w.chapter(2)
	w.settle()
	if totals := must(w.tables.Totals(ctx)); totals != w.totals() || totals.Orders != 6 {
		t.Errorf("totals %+v, by the log %+v", totals, w.totals())
	}
	if n := len(whole(w.tables.Entitlements(ctx, "c-2", Listing{}))); n != 2 {
		t.Errorf("c-2 owns %d programs", n)
	}
}

// From the answer to a command until the page that follows may be read, while all views run; and beside it the
// transaction that such a view cannot do without. By hand: go test ./projections -run NONE -bench Settle -benchtime 300x
func BenchmarkSettle(b *testing.B) {
	w, _ := onNode(b)
	w.live()
	w.open()
	w.settle()
	w.db.MustExec(`create table bare (id bigint primary key, state json not null)`)
	var lags, floors []time.Duration
	for b.Loop() {
		cart := state[domain.Cart](w, domain.CartStream(alfa))
		if len(cart.Items) > 0 {
			do[domain.Cart](w, domain.RemoveFromCart{Buyer: alfa, Item: cart.Items[0].ID})
			w.settle()
		}
		wish := domain.Wish{Item: "i-1", Entry: "magazyn-single-new-3.0", Client: w.customer(alfa), Program: w.program("magazyn")}
		outcome, err := domain.Execute[domain.Cart](ctx, w.log, w.cause(), domain.AddToCart{Buyer: w.customer(alfa), Wishes: []domain.Wish{wish}})
		if err != nil {
			b.Fatal(err)
		}
		started := time.Now()
		if err := Settle(ctx, w.db, outcome.Position, viewNames(All())...); err != nil {
			b.Fatal(err)
		}
		lags = append(lags, time.Since(started))
		floors = append(floors, bareTransaction(b, w))
	}
	slices.Sort(lags)
	slices.Sort(floors)
	b.ReportMetric(float64(lags[len(lags)/2].Microseconds()), "µs-p50")
	b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds()), "µs-p99")
	b.ReportMetric(float64(floors[len(floors)/2].Microseconds()), "µs-bare-transaction")
	b.ReportMetric(0, "ns/op")
}

// bareTransaction takes the time of a checkpoint and a row, and nothing else.
func bareTransaction(b *testing.B, w *world) time.Duration {
	started := time.Now()
	tx := w.db.MustBegin()
	defer tx.Rollback()
	tx.MustExec(`insert into checkpoints as c (view) values ('bare') on conflict (view) do update set position = c.position + 1`)
	tx.MustExec(`insert into bare values (1, '{}') on conflict (id) do update set state = excluded.state`)
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	return time.Since(started)
}

// A rebuild of all tables. By hand: go test ./projections -run NONE -bench Rebuild -benchtime 5x
func BenchmarkRebuild(b *testing.B) {
	w := stand(b)
	w.open()
	for n := range 60 {
		w.chapter(n)
	}
	for b.Loop() {
		db := w.schema("again")
		started := time.Now()
		if err := Rebuild(ctx, db, w.log, "again"); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(w.head()/positionStep)/time.Since(started).Seconds(), "events/s")
		db.MustExec(`drop schema again cascade`)
	}
}
