package foundation

import (
	"errors"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/bank"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/eventstore/logtest"
	"netrom.pl/portal/infra/node"
)

const mixedStatement = `:20:1
:25:/PL84102055580000123400005678
:28C:9
:60F:C261120PLN100,00
:61:2611211121C0,00S051NONREF//A
:86:051~00NOTHING
:61:2611211121C10,00S051NONREF//B
:86:051~00INCOMING
:61:2611211121D4,00S051NONREF//C
:86:051~00OUTGOING
:61:2611211121RD1,00S051NONREF//D
:86:051~00REVERSAL
:62F:C261121PLN107,00
`

func TestOnlyIncomingMoneyIsBooked(t *testing.T) {
	server, err := node.Start(t.Context(), node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	log, err := eventstore.Open(eventstore.Options{URL: server.ConnectionString(), Keys: logtest.Keys{}})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	statements, err := bank.ParseMT940(strings.NewReader(mixedStatement))
	if err != nil {
		t.Fatal(err)
	}
	bookings, err := BookStatement(t.Context(), log, domain.Cause{Command: "import", Actor: "system:test"}, statements[0])
	if err != nil || len(bookings) != 1 || bookings[0].BankReference != "B" {
		t.Errorf("booked %+v: %v", bookings, err)
	}
	left := LeftOut(statements[0], nil)
	for i, want := range []string{"no money", "outgoing", "a debit taken back"} {
		if i >= len(left) || !strings.Contains(left[i].Why, want) {
			t.Fatalf("left out: %+v, want %q at %d", left, want, i)
		}
	}
}

func TestARehearsalWritesNothing(t *testing.T) {
	server, err := node.Start(t.Context(), node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	log, err := eventstore.Open(eventstore.Options{URL: server.ConnectionString(), Keys: logtest.Keys{}})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	statements, err := bank.Parse(strings.NewReader(mixedStatement))
	if err != nil {
		t.Fatal(err)
	}
	rehearsal := domain.Rehearse(log)
	by := domain.Cause{Command: "import", Actor: "system:test"}
	for range 2 {
		if bookings, err := BookStatement(t.Context(), rehearsal, by, statements[0]); err != nil || len(bookings) != 1 {
			t.Fatalf("rehearsed %+v: %v", bookings, err)
		}
	}
	changed := statements[0]
	changed.Entries = changed.Entries[:1]
	if _, err := BookStatement(t.Context(), rehearsal, by, changed); !errors.Is(err, domain.Refusal{Code: domain.ImportConflict}) {
		t.Errorf("another statement under the same number: %v", err)
	}
	for record, err := range log.History(t.Context(), 0) {
		t.Fatalf("the log has %+v, %v", record, err)
	}
}
