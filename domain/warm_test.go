package domain

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
)

const program = "program-magazyn"

func TestWarmReadsOnce(t *testing.T) {
	log := &memory{}
	warm := KeepWarm(log, 10)
	must(t, warm, "1", listMagazyn)
	must(t, warm, "2", releaseMagazyn)
	outcome := must(t, warm, "3", SetPrice{newMagazyn})
	if log.reads[program] != 1 || outcome.Position != 3 || log.records[2].Revision != 2 {
		t.Errorf("%d reads, outcome %+v", log.reads[program], outcome)
	}
	must(t, warm, "two", AddToCart{Buyer: alfa, Wishes: []Wish{wishNew, wishUpdate}})
	must(t, warm, "third", AddToCart{Buyer: alfa, Wishes: []Wish{wishMulti}})
	if log.reads["cart-alfa"] != 1 || log.records[5].Revision != 2 {
		t.Errorf("after two events at once: %d reads", log.reads["cart-alfa"])
	}
}

// A refusal or a "nothing to do" is believed only after a fresh read.
func TestWarmNeverBelievesAnOldState(t *testing.T) {
	log := &memory{}
	warm := KeepWarm(log, 10)
	must(t, warm, "list", listMagazyn)
	if _, err := Execute(context.Background(), warm, by("too-early"), SetPrice{newMagazyn}); !errors.Is(err, Refusal{Code: VersionNotReleased}) {
		t.Fatalf("before the release: %v", err)
	}
	must(t, log, "behind", releaseMagazyn) // behind its back
	if outcome := must(t, warm, "price", SetPrice{newMagazyn}); len(outcome.Events) != 1 {
		t.Errorf("after the release: %+v", outcome)
	}
	must(t, log, "withdraw", WithdrawPrice{Program: "magazyn", Entry: newMagazyn.Entry()}) // behind its back
	if outcome := must(t, warm, "price-again", SetPrice{newMagazyn}); len(outcome.Events) != 1 {
		t.Errorf("after the withdrawal: %+v", outcome)
	}
}

// A decision on an old state is refused by the log and taken again.
func TestWarmDecidesAgain(t *testing.T) {
	log := &memory{}
	warm := KeepWarm(log, 10)
	must(t, warm, "list", listMagazyn)
	must(t, log, "behind", releaseMagazyn) // behind its back
	if outcome := must(t, warm, "multi", ReleaseVersion{Program: "magazyn", Edition: MultiStation, Version: "3.0"}); len(outcome.Events) != 1 || log.records[2].Revision != 2 {
		t.Errorf("outcome is %+v", outcome)
	}
	if outcome := must(t, warm, "release", releaseMagazyn); outcome.Events != nil || len(log.records) != 3 {
		t.Errorf("what another has released is released again: %+v", outcome)
	}
}

func TestWarmForgetsAfterAnOutage(t *testing.T) {
	for _, broken := range []outage{unreachable, unanswered} {
		log := &memory{}
		warm := KeepWarm(log, 10)
		must(t, warm, "list", listMagazyn)
		log.outage = func(int) outage { return broken }
		if broken == unreachable {
			if _, err := Execute(context.Background(), warm, by("release"), releaseMagazyn); !errors.Is(err, errOutage) {
				t.Errorf("gave %v", err)
			}
		} else { // the second look finds that the event is there
			must(t, warm, "release", releaseMagazyn)
		}
		log.outage = nil
		must(t, warm, "release", releaseMagazyn)
		must(t, warm, "price", SetPrice{newMagazyn})
		if len(log.records) != 3 {
			t.Errorf("there are %d events", len(log.records))
		}
	}
}

func TestWarmForgetsTheOldest(t *testing.T) {
	log := &memory{}
	warm := KeepWarm(log, 2)
	listed := func(id ProgramID) ListProgram { return ListProgram{Program: id, Name: "Program"} }
	for i, id := range []ProgramID{"aa", "bb", "aa", "cc"} {
		must(t, warm, fmt.Sprint(i), listed(id))
	}
	if warm.streams["program-bb"] != nil || warm.streams["program-aa"] == nil || len(warm.streams) != 2 || warm.recent.Len() != 2 {
		t.Errorf("remembered are %v", slices.Collect(maps.Keys(warm.streams)))
	}
	if must(t, warm, "bb again", listed("bb")); log.reads["program-bb"] != 2 {
		t.Errorf("what was forgotten is read %d times", log.reads["program-bb"])
	}
}

// Commands on one stream wait for each other even when more streams are busy than are remembered.
func TestWarmKeepsBusyStreams(t *testing.T) {
	warm := KeepWarm(&memory{}, 1)
	busy, first := warm.enter("program-busy"), warm.enter(program)
	for name, stream := range map[string]*warmStream{program: first, "program-busy": busy} {
		if element := warm.streams[name]; element == nil || element.Value != stream {
			t.Errorf("the next command on %s would not wait for the first", name)
		}
	}
	warm.leave(busy)
	warm.leave(first)
	warm.leave(warm.enter("program-other"))
	if warm.recent.Len() != 1 || len(warm.streams) != 1 {
		t.Errorf("afterwards %d streams are remembered", warm.recent.Len())
	}
}

// 64 hands count up one register, beside another writer behind the log's back: no number is given twice, none is left out.
func TestWarmUnderContention(t *testing.T) {
	log := &memory{}
	warm := KeepWarm(log, 4)
	const hands, each = 64, 4
	var wg sync.WaitGroup
	for hand := range hands {
		wg.Go(func() {
			for i := range each {
				order := OrderID(fmt.Sprint(hand, "-", i))
				for {
					_, err := Execute(context.Background(), warm, by(string(order)), AssignOrderNumber{Order: order, Year: 2026})
					if err == nil {
						break
					}
					if !errors.Is(err, ErrConflict) {
						t.Error(err)
						return
					}
				}
				must(t, warm, string(order), ListProgram{Program: ProgramID(fmt.Sprint("p", hand)), Name: "Program"})
			}
		})
	}
	wg.Go(func() {
		for i := range each {
			_, err := Execute(context.Background(), log, by(fmt.Sprint("behind-", i)), AssignOrderNumber{Order: OrderID(fmt.Sprint("behind-", i)), Year: 2026})
			if err != nil && !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	numbers := eventsOf[OrderNumberAssigned](log)
	if len(numbers) < hands*each || len(eventsOf[ProgramListed](log)) != hands {
		t.Errorf("%d numbers, %d programs", len(numbers), len(eventsOf[ProgramListed](log)))
	}
	seen := map[OrderID]bool{}
	for i, e := range numbers {
		if e.Number != (OrderNumber{2026, i + 1}) || seen[e.Order] {
			t.Fatalf("number %d is %s of %s", i+1, e.Number, e.Order)
		}
		seen[e.Order] = true
	}
}

// Two portals, each with its own memory, count up one register at the same time: nobody is turned away.
func TestWarmBesideAnotherWarm(t *testing.T) {
	log := &memory{before: func(int) { runtime.Gosched() }}
	const hands = 64
	var wg sync.WaitGroup
	for portal := range 2 {
		warm := KeepWarm(log, 4)
		for hand := range hands {
			wg.Go(func() {
				order := OrderID(fmt.Sprint(portal, "-", hand))
				if _, err := Execute(context.Background(), warm, by(string(order)), AssignOrderNumber{Order: order, Year: 2026}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if numbers := eventsOf[OrderNumberAssigned](log); len(numbers) != 2*hands {
		t.Errorf("%d numbers", len(numbers))
	}
}

// What another writer has added is read, and not once more what is known.
func TestWarmReadsOnlyWhatIsNew(t *testing.T) {
	log := &reader{memory: &memory{}}
	warm := KeepWarm(log, 10)
	must(t, warm, "1", listMagazyn)
	must(t, log.memory, "2", releaseMagazyn) // behind its back
	must(t, warm, "3", ReleaseVersion{Program: "magazyn", Edition: MultiStation, Version: "3.0"})
	if !slices.Equal(log.from, []Revision{0, 1}) || len(log.records) != 3 {
		t.Errorf("read from %v", log.from)
	}
}

// reader notes from where it was read.
type reader struct {
	*memory
	from []Revision
}

func (r *reader) Read(ctx context.Context, stream string, from Revision) iter.Seq2[Record, error] {
	r.from = append(r.from, from)
	return r.memory.Read(ctx, stream, from)
}

// The remembered state is the state of the log, whatever has happened.
func TestWarmStateIsTheState(t *testing.T) {
	log := &memory{}
	warm := KeepWarm(log, 10)
	for i, c := range []Command[Cart]{
		AddToCart{Buyer: alfa, Wishes: []Wish{wishNew, wishUpdate}}, RemoveFromCart{Buyer: "alfa", Item: "i-new"}, AddToCart{Buyer: alfa, Wishes: []Wish{wishNew}},
		SubmitOrder{Buyer: alfa, Order: "o-1", On: "2026-03-10", Wishes: byItem(wishNew, wishUpdate)}, AddToCart{Buyer: alfa, Wishes: []Wish{wishMulti}},
		ReturnCart{Buyer: "alfa", Order: "o-1", Licence: "l-alfa"},
	} {
		must(t, warm, fmt.Sprint(i), c)
	}
	loaded, err := Load[Cart](context.Background(), log, "cart-alfa")
	stream := warm.enter("cart-alfa")
	defer warm.leave(stream)
	if remembered := stream.state.(*Cart); err != nil || asJSON(t, *remembered) != asJSON(t, loaded.State) || stream.revision != loaded.Revision {
		t.Errorf("remembered is %+v, the log says %+v", remembered, loaded.State)
	}
}

// What was erased in the log does not stay in memory.
func TestWarmForgetsOnDemand(t *testing.T) {
	warm := KeepWarm(&memory{}, 10)
	register := RegisterCustomer(alfaRegistered)
	if _, err := Execute(t.Context(), warm, Cause{Command: "c-1"}, register); err != nil {
		t.Fatal(err)
	}
	if len(warm.streams) != 1 {
		t.Fatalf("%d streams are remembered", len(warm.streams))
	}
	warm.Forget()
	if len(warm.streams) != 0 || warm.recent.Len() != 0 {
		t.Errorf("%d streams are remembered afterwards", len(warm.streams))
	}
	if outcome, err := Execute(t.Context(), warm, Cause{Command: "c-2"}, register); err != nil || len(outcome.Events) != 0 {
		t.Errorf("the next command gave %v, %v", outcome, err)
	}
}
