package projections

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand"
	randv2 "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// sampling is a sampler with a clock that each step moves on, and what it has logged.
type sampling struct {
	*Sampler
	t    testing.TB
	at   time.Time
	said bytes.Buffer
}

func (w *world) sampling(seed uint64) *sampling {
	w.t.Helper()
	s := &sampling{t: w.t, at: w.now}
	s.Sampler = NewSampler(w.tables, w.log, SamplerOptions{Random: randv2.New(randv2.NewPCG(seed, 0)), Now: func() time.Time { return s.at }, Logger: slog.New(slog.NewTextHandler(&s.said, nil))})
	w.t.Cleanup(s.rest)
	return s
}

// until takes steps until something is seen, at most so many.
func (s *sampling) until(steps int, what string, seen func(Sampled) bool) Sampled {
	s.t.Helper()
	for range steps {
		if now := s.Sampled(); seen(now) {
			return now
		}
		s.at = s.at.Add(confirmAfter)
		if err := s.step(ctx); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Fatalf("%s: not seen in %d steps: %+v", what, steps, s.Sampled())
	return Sampled{}
}

// Chance finds what is wrong, missing or too many, says it without values, shows it with them, and forgets it once it is repaired.
func TestSamplerFindsDrift(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.chapter(1)
	w.settle()
	s := w.sampling(1)
	order := domain.OrderStream(domain.OrderIDOf("c-1", "s-1"))
	for _, drift := range []struct {
		change string
		view   View
		want   Finding
	}{
		{`update customers set email = 'thief@example.com' where id = 'c-alfa'`, customers, Finding{Row: "customer-c-alfa", Difference: Difference{Table: "customers", Key: "(c-alfa)", Column: "email"}, Says: "alfa@example.com", Shows: "thief@example.com"}},
		{`delete from orders where 'order-' || id = '` + order + `'`, orders, Finding{Row: order, Difference: Difference{Table: "orders", Key: "(" + strings.TrimPrefix(order, "order-") + ")"}}},
		{`insert into credits values ('forged', 'c-alfa', 100000)`, payments, Finding{Row: "transfer-forged", Difference: Difference{Table: "credits", Key: "(forged,c-alfa)", Extra: true}}},
	} {
		before := w.dump()
		w.db.MustExec(drift.change)
		seen := s.until(3000, drift.change, func(s Sampled) bool { return len(s.Findings) > 0 })
		drift.want.View = drift.view.Name
		if seen.Findings[0] != drift.want {
			t.Errorf("found is %+v, want %+v", seen.Findings[0], drift.want)
		}
		if !strings.Contains(s.said.String(), drift.want.Difference.String()) || strings.Contains(s.said.String(), "example.com") {
			t.Errorf("said is %s", s.said.String())
		}
		if mended := must(s.Repair(ctx, drift.view.Name, drift.want.Row)); !slices.Equal(mended, seen.Findings) {
			t.Errorf("repaired is %+v, want %+v", mended, seen.Findings)
		}
		if left := s.Sampled().Findings; len(left) > 0 {
			t.Errorf("after the repair there are still %+v", left)
		}
		w.mustEqual(before, drift.want.Row)
	}
}

// A difference that is gone at the second look was none, and one that somebody else has repaired is forgotten.
func TestSamplerLooksTwice(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.settle()
	s := w.sampling(2)
	look := func() Sampled {
		t.Helper()
		if err := s.Look(ctx, customers.Name, "customer-c-alfa"); err != nil {
			t.Fatal(err)
		}
		return s.Sampled()
	}
	w.db.MustExec(`update customers set nip = nip || '!' where id = 'c-alfa'`)
	if seen := look(); len(seen.Findings) > 0 || s.said.Len() > 0 {
		t.Errorf("after one look there are %+v: %s", seen.Findings, &s.said)
	}
	if _, _, now := s.oldestSuspicion(); now {
		t.Error("the second look comes at once")
	}
	s.at = s.at.Add(confirmAfter)
	if view, row, now := s.oldestSuspicion(); !now || view.Name != customers.Name || row != "customer-c-alfa" {
		t.Errorf("looked at next is %s of view %s: %t", row, view.Name, now)
	}
	if seen := look(); len(seen.Findings) != 1 {
		t.Errorf("after two looks there are %+v", seen.Findings)
	}
	w.db.MustExec(`update customers set nip = left(nip, -1) where id = 'c-alfa'`)
	if seen := look(); len(seen.Findings) > 0 || !strings.Contains(s.said.String(), "as the log says again") {
		t.Errorf("after it was repaired there are %+v: %s", seen.Findings, &s.said)
	}
}

// While people do things, no look at any row raises an alarm, and the sampler keeps out of the way of views that are far behind.
func TestSamplerRaisesNoFalseAlarm(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.chapter(1)
	working, done := context.WithCancel(ctx)
	s := w.sampling(3)
	ended := make(chan error, 1)
	go func() {
		for working.Err() == nil {
			if err := s.step(ctx); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	p := people{world: w, random: rand.New(rand.NewSource(11)), did: map[string]int{}}
	for acts := 0; acts < 150 || s.Sampled().Checked < 60; acts++ {
		p.act()
	}
	done()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.suspicions) > 0 || s.said.Len() > 0 || s.sampled.Unfolded > 0 {
		t.Errorf("%+v %+v: %s", s.sampled, s.suspicions, &s.said)
	}
}

// A view that is far behind needs the processor itself.
func TestSamplerWaitsForViews(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.settle()
	s := w.sampling(4)
	let := w.memory.hold()
	for n := 1; w.head() < domain.Position(positionStep*4*behindMax); n++ {
		w.chapter(n)
	}
	for range 50 {
		if err := s.step(ctx); err != nil || s.Sampled().Checked > 0 {
			t.Fatalf("%+v %v", s.Sampled(), err)
		}
	}
	let()
	w.settle()
	s.until(50, "a sample", func(s Sampled) bool { return s.Checked > 0 })
}

// It runs until its context ends, through lost connections, and gives its connection back.
func TestSamplerRuns(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.settle()
	s := NewSampler(w.tables, w.log, SamplerOptions{})
	if err := s.openTables(ctx); err != nil { // which takes so long that a long pause would follow
		t.Fatal(err)
	}
	working, done := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { s.Run(working); close(ended) }()
	for s.Sampled().Checked == 0 {
		time.Sleep(time.Millisecond)
	}
	done()
	<-ended
	if s.refolder != nil {
		t.Error("its tables are still there")
	}
}
