package projections

import (
	"context"
	"errors"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// TestAwait wakes for the views that were asked about, here and in another process, and for no others.
func TestAwait(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.settle()
	short := func(since Moment, views ...string) (Moment, error) {
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		return Await(ctx, w.db, since, views...)
	}
	now, err := short(Moment{}, "customers", "orders")
	if err != nil || now == (Moment{}) {
		t.Fatalf("the first look: %v, %v", now, err)
	}
	if same, err := short(now, "customers", "orders"); !errors.Is(err, context.DeadlineExceeded) || same != now {
		t.Errorf("nothing has changed: %v, %v", same, err)
	}
	elsewhere := w.schema("views") // another handle stands for another process
	there, err := Await(ctx, elsewhere, Moment{}, "customers")
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		moment Moment
		err    error
	}
	heard := make(chan answer, 2)
	long, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	go func() { m, err := Await(long, w.db, now, "customers", "orders"); heard <- answer{m, err} }()
	go func() { m, err := Await(long, elsewhere, there, "customers"); heard <- answer{m, err} }()
	do[domain.Customer](w, domain.AssignDistributor{Customer: beta, Distributor: w.customer(delta)})
	for range 2 {
		if a := <-heard; a.err != nil || a.moment == now || a.moment == there {
			t.Errorf("after a change: %v, %v", a.moment, a.err)
		}
	}
	w.settle()
	orders, err := short(Moment{}, "orders")
	if err != nil {
		t.Fatal(err)
	}
	do[domain.Customer](w, domain.RemoveDistributor{Customer: beta})
	w.settle()
	if same, err := short(orders, "orders"); !errors.Is(err, context.DeadlineExceeded) || same != orders {
		t.Errorf("another view has changed: %v, %v", same, err)
	}
}
