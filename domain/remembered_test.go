package domain

import (
	"context"
	"errors"
	"testing"
)

// TestRemembered reads a stream once, and again after its own appends and conflicts, but not more streams than it may keep.
func TestRemembered(t *testing.T) {
	log := &memory{}
	remembered := Remember(log, 2)
	ctx := context.Background()
	register := func(on Log, who CustomerRegistered, command string) {
		t.Helper()
		if _, err := Execute(ctx, on, by(command), RegisterCustomer(who)); err != nil {
			t.Fatal(err)
		}
	}
	reads := func(who CustomerRegistered, want int) {
		t.Helper()
		stream := CustomerStream(who.Customer)
		for range 3 {
			loaded, err := Load[Customer](ctx, remembered, stream)
			if err != nil || loaded.State.ID != who.Customer || loaded.Revision != Revision(len(log.streams[stream])-1) {
				t.Fatalf("%+v, %v", loaded, err)
			}
		}
		if log.reads[stream] != want {
			t.Errorf("%s was read %d times, want %d", stream, log.reads[stream], want)
		}
	}
	register(remembered, alfaRegistered, "1")
	reads(alfaRegistered, 2) // before the append and after it
	register(log, betaRegistered, "2")
	reads(betaRegistered, 2) // by the command, and once
	register(log, doraRegistered, "3")
	reads(doraRegistered, 4) // by the command, and each time
	if _, err := Execute(ctx, log, by("4"), RemoveDistributor{Customer: "alfa"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Execute(ctx, log, by("5"), AssignDistributor{Customer: "alfa", Distributor: dora}); err != nil {
		t.Fatal(err)
	}
	if _, err := Execute(ctx, remembered, by("6"), RemoveDistributor{Customer: "alfa"}); err != nil {
		t.Fatal(err)
	}
	if loaded, err := Load[Customer](ctx, log, CustomerStream("alfa")); err != nil || loaded.State.Distributor == "" {
		t.Errorf("%+v, %v: a command that has nothing to do rests on what was read before", loaded.State, err)
	}
	for record, err := range remembered.Read(ctx, CustomerStream("alfa"), 1) {
		t.Errorf("behind what is remembered there is %+v, %v", record, err)
	}
	if _, err := remembered.Append(ctx, CustomerStream("alfa"), 0, []Proposed{{ID: "x", Event: DistributorRemoved{Customer: "alfa"}}}); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	if loaded, err := Load[Customer](ctx, remembered, CustomerStream("alfa")); err != nil || loaded.State.Distributor != "dora" {
		t.Errorf("after a conflict: %+v, %v", loaded.State, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Load[Customer](ended, remembered, CustomerStream("dora")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the error of the log", err)
	}
}
