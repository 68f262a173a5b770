package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/domain/histories"
	"netrom.pl/portal/infra/bank"
	"netrom.pl/portal/projections/books"
)

// shared makes a log of one goroutine one of several.
type shared struct {
	histories.Log
	mu sync.Mutex
}

func (s *shared) Append(ctx context.Context, stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Log.Append(ctx, stream, expected, events)
}

func (s *shared) Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Log.Read(ctx, stream, from)
}

func (s *shared) History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Log.History(ctx, after)
}

// entry of a statement: what comes in, for which order; 0: for none.
type entry struct {
	amount domain.Money
	order  int
}

// statementText is a statement in MT940.
func statementText(number int, day string, opening domain.Money, entries ...entry) string {
	var text strings.Builder
	decimal := func(amount domain.Money) string { return fmt.Sprintf("%d,%02d", amount/100, amount%100) }
	fmt.Fprintf(&text, ":20:X\n:25:%s\n:28C:%d\n:60F:C%sPLN%s\n", replayAccount, number, day, decimal(opening))
	for i, e := range entries {
		title := "ZA PROGRAM"
		if e.order > 0 {
			title = domain.OrderNumber{Year: 2026, Sequence: e.order}.Reference()
		}
		opening += e.amount
		fmt.Fprintf(&text, ":61:%s%sCN%sS051NONREF//KB%d%04d\n:86:051~00PRZELEW~20%s\n", day, day[2:], decimal(e.amount), number, i, title)
	}
	fmt.Fprintf(&text, ":62F:C%sPLN%s\n-\n", day, decimal(opening))
	return text.String()
}

// importedInOrder books files on three orders of 123,00, and answers the reports' digests.
func importedInOrder(t *testing.T, names []string, files map[string]string) map[string]string {
	t.Helper()
	log := &shared{}
	put := func(stream string, expected domain.Revision, event domain.Event) {
		t.Helper()
		at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
		if _, err := log.Append(t.Context(), stream, expected, []domain.Proposed{{ID: domain.NameID(stream, fmt.Sprint(expected)), Event: event, Metadata: domain.Metadata{At: at}}}); err != nil {
			t.Fatal(err)
		}
	}
	for n := 1; n <= 3; n++ {
		id, number, amounts := domain.OrderID(fmt.Sprint("o-", n)), domain.OrderNumber{Year: 2026, Sequence: n}, domain.AmountsOf(100_00, 23)
		put(domain.NumbersStream(2026), domain.Revision(n-2), domain.OrderNumberAssigned{Order: id, Number: number})
		put(domain.OrderStream(id), domain.NoStream, domain.OrderSubmitted{Order: id, Number: number, Buyer: "alfa", Total: amounts,
			Lines: []domain.Line{{Line: 1, Licence: "l", Amounts: amounts}}, Bank: domain.BankData{Account: replayAccount}, DueOn: "2026-12-04"})
	}
	var parsed []statementFile
	for _, name := range names {
		statements, err := bank.Parse(strings.NewReader(files[name]))
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, statementFile{name, statements})
	}
	var said bytes.Buffer
	by := domain.Cause{Command: "run", Actor: "system:import", At: time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC)}
	if err := (report{w: &said, verb: "booked"}).book(t.Context(), log, by, parsed); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	if !strings.Contains(said.String(), "5 booked now, 0 booked before, 1 not matched") {
		t.Fatalf("other transfers were booked:\n%s", said.String())
	}
	digests := map[string]string{}
	for _, name := range books.Reports {
		seal, err := books.Print(t.Context(), log, name, books.Question{}, books.NewJSONLines(io.Discard))
		if err != nil || seal.Exceptions > 0 {
			t.Fatalf("%s: %v, %d exceptions", name, err, seal.Exceptions)
		}
		digests[name] = seal.Digest
	}
	return digests
}

// TestOrderOfFiles imports the same statements in every order and in several time zones: balance and open items are the same, for they
// do not say in which order something became known. The journal does, by position and number.
func TestOrderOfFiles(t *testing.T) {
	defer func(local *time.Location) { time.Local = local }(time.Local)
	files := map[string]string{
		"a": statementText(1, "261121", 0, entry{123_00, 1}, entry{61_50, 2}),
		"b": statementText(2, "261122", 184_50, entry{61_50, 2}, entry{9_99, 0}),
		"c": statementText(3, "261123", 255_99, entry{100_00, 3}, entry{23_00, 3}),
	}
	var first map[string]string
	for _, zone := range []string{"Europe/Warsaw", "America/New_York", "Asia/Tokyo"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		time.Local = location
		for _, names := range [][]string{{"a", "b", "c"}, {"a", "c", "b"}, {"b", "a", "c"}, {"b", "c", "a"}, {"c", "a", "b"}, {"c", "b", "a"}} {
			digests := importedInOrder(t, names, files)
			if first == nil {
				first = digests
			}
			for _, report := range []string{books.BalanceReport, books.OpenReport} {
				if digests[report] != first[report] {
					t.Errorf("%s of %v in %s is %s, of the first order %s", report, names, zone, digests[report], first[report])
				}
			}
			if !slices.IsSorted(names) && digests[books.JournalReport] == first[books.JournalReport] {
				t.Errorf("the journal of %v does not say in which order it became known", names)
			}
		}
	}
}
