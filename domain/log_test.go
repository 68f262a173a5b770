package domain

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"
)

// by is a cause with a command identity of its own.
func by(command string) Cause {
	return Cause{Command: command, Actor: "user-1", OnBehalfOf: "alfa", Correlation: "r-1", Causation: "c-1",
		At: time.Date(2026, 3, 10, 13, 0, 0, 0, time.FixedZone("CET", 3600))}
}

var (
	listMagazyn    = ListProgram{Program: "magazyn", Name: "Magazyn"}
	releaseMagazyn = ReleaseVersion{Program: "magazyn", Edition: SingleStation, Version: "3.0"}
)

// must executes a command that cannot be refused here.
func must[S any, P State[S]](t *testing.T, log Log, command string, c Command[S]) Outcome {
	t.Helper()
	outcome, err := Execute[S, P](context.Background(), log, by(command), c)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return outcome
}

func TestExecuteWritesWhatWasDecided(t *testing.T) {
	log := &memory{}
	outcome := must(t, log, "list", listMagazyn)
	if outcome.Position != 1 || !slices.Equal(outcome.Events, []Event{ProgramListed{Program: "magazyn", Name: "Magazyn"}}) {
		t.Fatalf("outcome is %+v", outcome)
	}
	record := log.records[0]
	want := Metadata{Actor: "user-1", OnBehalfOf: "alfa", Correlation: "r-1", Causation: "c-1", Schema: 1, At: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)}
	if record.Metadata != want || record.ID != NameID("list", "program-magazyn", "0") || record.Stream != "program-magazyn" || record.Revision != 0 {
		t.Errorf("record is %+v", record)
	}
	if again := must(t, log, "again", listMagazyn); again.Position != 0 || again.Events != nil || len(log.records) != 1 {
		t.Errorf("asked again it gave %+v", again)
	}
}

func TestLoad(t *testing.T) {
	log := &memory{}
	nothing, err := Load[Program](context.Background(), log, "program-magazyn")
	if err != nil || nothing.Revision != NoStream || nothing.State.ID != "" || nothing.Last.ID != "" {
		t.Errorf("of no stream, loaded is %+v, %v", nothing, err)
	}
	must(t, log, "list", listMagazyn)
	must(t, log, "release", releaseMagazyn)
	loaded, err := Load[Program](context.Background(), log, "program-magazyn")
	if err != nil || loaded.Revision != 1 || loaded.State.Highest(SingleStation) != "3.0" || loaded.Last != log.records[1] {
		t.Errorf("loaded is %+v, %v", loaded, err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if _, err := Load[Program](ended, log, "program-magazyn"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context, loading gave %v", err)
	}
}

func TestExecuteDecidesAgainWhenAnotherWasFirst(t *testing.T) {
	log := &memory{}
	must(t, log, "list", listMagazyn)
	log.before = func(step int) {
		if step == 4 { // between the read and the append
			log.before = nil
			must(t, log, "other", releaseMagazyn)
		}
	}
	outcome := must(t, log, "mine", ReleaseVersion{Program: "magazyn", Edition: MultiStation, Version: "3.0"})
	if len(outcome.Events) != 1 || log.records[2].Revision != 2 {
		t.Errorf("outcome is %+v", outcome)
	}
}

func TestExecuteRefusesWhatAnotherHasMadeImpossible(t *testing.T) {
	log := &memory{}
	log.before = func(step int) {
		if step == 2 {
			log.before = nil
			must(t, log, "other", ListProgram{Program: "magazyn", Name: "Kadry"})
		}
	}
	if _, err := Execute(context.Background(), log, by("mine"), listMagazyn); !errors.Is(err, Refusal{Code: AlreadyExists}) {
		t.Errorf("gave %v", err)
	}
}

func TestExecuteGivesUp(t *testing.T) {
	for name, wrap := range map[string]func(Log) Log{
		"cold": func(log Log) Log { return log },
		"warm": func(log Log) Log { return KeepWarm(log, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			log := &rival{}
			_, err := Execute(context.Background(), wrap(log), by("mine"), listMagazyn)
			if _, no := IsRefusal(err); no || !errors.Is(err, ErrConflict) || log.tries != conflictsMax {
				t.Errorf("after %d tries: %v", log.tries, err)
			}
		})
	}
}

// rival is a log in which somebody else is always first.
type rival struct {
	memory
	tries int
}

func (r *rival) Append(context.Context, string, Revision, []Proposed) (Position, error) {
	r.tries++
	return 0, ErrConflict
}

func TestExecuteSaysWhatBroke(t *testing.T) {
	for _, broken := range []outage{unreachable, unanswered} {
		log := &memory{outage: func(int) outage { return broken }}
		outcome, err := Execute(context.Background(), log, by("list"), listMagazyn)
		if _, no := IsRefusal(err); no || !errors.Is(err, errOutage) || outcome.Events != nil {
			t.Errorf("outcome is %+v, %v", outcome, err)
		}
		log.outage = nil
		must(t, log, "list", listMagazyn)
		if len(log.records) != 1 {
			t.Errorf("after a retry there are %d events", len(log.records))
		}
	}
}

func TestRefusal(t *testing.T) {
	err := fmt.Errorf("add to cart: %w", refuse(CartFull, "max", "500", "dangling"))
	r, no := IsRefusal(err)
	if !no || r.Code != CartFull || len(r.Facts) != 1 || !errors.Is(err, Refusal{Code: CartFull}) || errors.Is(err, Refusal{Code: CartEmpty}) {
		t.Errorf("refusal is %+v", r)
	}
	if text := refuse(InvalidInput, "field", "Jan Kowalski").Error(); text != "refused: invalid-input" {
		t.Errorf("a log line would say %q", text)
	}
	if _, no := IsRefusal(errOutage); no || errors.Is(err, errOutage) {
		t.Error("an outage is no refusal")
	}
}

// Source: RFC 9562, section 5.5, and Python: uuid.uuid5(uuid.UUID(bytes=b"netrom.pl/portal"), "5:order4:alfa").
func TestNameID(t *testing.T) {
	if len(namespace) != 16 {
		t.Fatalf("the namespace has %d bytes", len(namespace))
	}
	if got := NameID("order", "alfa"); got != "7db1d0a6-e15d-58e5-a279-6be96d25d7ca" {
		t.Errorf("identity is %s", got)
	}
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for _, names := range [][]string{nil, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"1:a"}, {"a1:b"}} {
		id := NameID(names...)
		if !form.MatchString(id) || seen[id] {
			t.Errorf("identity of %q is %s", names, id)
		}
		seen[id] = true
	}
}
