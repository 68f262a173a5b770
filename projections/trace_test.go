package projections

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// told is a record of a short story: who it is, what caused it, when.
func told(position domain.Position, id, cause, correlation string, at time.Duration, event domain.Event) domain.Record {
	return domain.Record{Position: position, Stream: "order-o", Proposed: domain.Proposed{ID: id, Event: event, Metadata: domain.Metadata{
		Actor: "user", Causation: cause, Correlation: correlation, At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(at)}}}
}

func paidOrder() []domain.Record {
	return []domain.Record{
		told(10, "a", "click", "click", 0, domain.OrderSubmitted{Order: "o", Total: domain.Amounts{Gross: 300}}),
		told(20, "b", "a", "click", time.Second, domain.LetterSent{Order: "o", Kind: domain.ConfirmTask}),
		told(30, "t", "run", "run", 48*time.Hour, domain.TransferReceived{Transfer: "t2"}),
		told(40, "p1", "run", "run", 48*time.Hour, domain.PaymentReceived{Order: "o", Transfer: "t1", Amount: 100}),
		told(50, "p2", "run", "run", 49*time.Hour, domain.PaymentReceived{Order: "o", Transfer: "t2", Amount: 200}),
		told(60, "f", "p2", "click", 49*time.Hour+3*time.Second, domain.ActivationFileIssued{Order: "o", Line: 1, Payment: "p2"}),
		told(70, "s", "f", "click", 49*time.Hour+4*time.Second, domain.ActivationFileSent{Order: "o", Line: 1}),
	}
}

// outline writes a trace as people would.
func outline(branches []TraceBranch, depth int) []string {
	var lines []string
	for _, branch := range branches {
		for i, step := range branch.Steps {
			name := step.Request
			if !step.Root {
				name = fmt.Sprintf("@%d +%v", step.Position, step.Gap)
			}
			lines = append(lines, strings.Repeat("  ", depth)+[]string{"", "> "}[min(i, 1)]+name)
		}
		lines = append(lines, outline(branch.Forks, depth+1)...)
	}
	return lines
}

func TestTraceOfAnOrder(t *testing.T) {
	records := paidOrder()
	slices.Reverse(records)
	trace := TraceOf(append(records, records[2])) // in any order, some twice
	check(t, "the trace", outline(trace.Roots, 0), "click", "> @10 +0s", "> @20 +1s", "run", "  @30 +0s", "  @40 +0s", "  @50 +1h0m0s", "  > @60 +3s", "  > @70 +1s")
	if len(trace.Steps) != 7 || trace.Steps[5].Cause != 50 || trace.Steps[0].Cause != 0 {
		t.Errorf("the steps are %+v", trace.Steps)
	}
	r := trace.Releases[0]
	if !r.Holds() || r.Payment.Position != 50 || r.File.Position != 60 || r.Transfer.Position != 30 || len(r.Sent) != 1 {
		t.Errorf("the file was released by %+v", r)
	}
	check(t, "nothing", outline(TraceOf(nil).Roots, 0))
}

// TestForgedCausesDoNotLoop gives events that name each other, or themselves, as causes.
func TestForgedCausesDoNotLoop(t *testing.T) {
	trace := TraceOf([]domain.Record{
		told(10, "a", "b", "x", 0, domain.OrderCancelled{}), told(20, "b", "a", "x", 0, domain.OrderCancelled{}), told(30, "c", "c", "x", 0, domain.OrderCancelled{}),
	})
	check(t, "the trace", outline(trace.Roots, 0), "b", "> @10 +0s", "> @20 +0s", "c", "> @30 +0s")
}

// TestWhatDoesNotReleaseAFile: the money is not enough, comes later, or is another one's.
func TestWhatDoesNotReleaseAFile(t *testing.T) {
	for name, change := range map[string]func([]domain.Record){
		"too little":    func(r []domain.Record) { r[4].Event = domain.PaymentReceived{Order: "o", Transfer: "t2", Amount: 199} },
		"later":         func(r []domain.Record) { r[4].Position = 65 },
		"another order": func(r []domain.Record) { r[4].Stream = "order-x" },
		"not named": func(r []domain.Record) {
			r[5].Event = domain.ActivationFileIssued{Order: "o", Line: 1, Payment: "none"}
		},
		"part payment": func(r []domain.Record) { r[5].Event = domain.ActivationFileIssued{Order: "o", Line: 1, Payment: "p1"} },
		"taken back": func(r []domain.Record) {
			r[2] = told(55, "back", "p2", "run", 49*time.Hour, domain.PaymentTakenBack{Order: "o", Transfer: "t2", Amount: 200})
		},
		"no order": func(r []domain.Record) { r[0].Event = domain.OrderCancelled{} },
	} {
		records := paidOrder()
		change(records)
		if r := TraceOf(records).Releases[0]; r.Holds() {
			t.Errorf("%s: the file counts as released by %+v", name, r.Payment)
		}
	}
}

// TestGatherTraceFindsEverythingOfAnOrder asks a log for an order, and wants the transfer that paid it and the causes of all.
func TestGatherTraceFindsEverythingOfAnOrder(t *testing.T) {
	records := append(paidOrder(), told(80, "other", "y", "y", 0, domain.OrderCancelled{Order: "x"}))
	records[0].Metadata.Causation = "cause"
	records = append(records, told(5, "cause", "click", "click", 0, domain.ItemRemovedFromCart{Buyer: "c"}))
	find := func(search EventSearch) ([]domain.Record, error) {
		return slices.DeleteFunc(slices.Clone(records), func(r domain.Record) bool { return !search.Lets(r) }), nil
	}
	byID := func(id string) (domain.Record, bool, error) {
		i := slices.IndexFunc(records, func(r domain.Record) bool { return r.ID == id })
		return records[max(i, 0)], i >= 0, nil
	}
	found, cut, err := GatherTrace(EventSearch{Subjects: []Subject{SubjectOf[domain.OrderID]("o")}}, find, byID)
	if err != nil || cut {
		t.Fatal(cut, err)
	}
	check(t, "the trace", outline(TraceOf(found).Roots, 0), "click", "> @5 +0s", "> @10 +0s", "> @20 +1s", "run", "  @30 +0s", "  @40 +0s", "  @50 +1h0m0s", "  > @60 +3s", "  > @70 +1s")
}
