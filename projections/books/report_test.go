package books

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

var update = flag.Bool("update", false, "write the golden reports anew")

type buffer = bytes.Buffer

var formats = map[string]func(*buffer) Printer{
	"txt":    func(b *buffer) Printer { return NewText(b, codes) },
	"csv":    func(b *buffer) Printer { return NewCSV(b, codes) },
	"jsonl":  func(b *buffer) Printer { return NewJSONLines(b) },
	"ledger": func(b *buffer) Printer { return NewHledger(b) },
}

// codes are words for who knows the codes.
func codes(_, code string) string { return code }

// TestGoldenReports holds every report in every format against the one that people have read.
func TestGoldenReports(t *testing.T) {
	for _, report := range Reports {
		digests := map[string]bool{}
		for extension, format := range formats {
			if extension == "ledger" && report != JournalReport {
				continue
			}
			got, seal := printed(t, autumn(), report, Question{}, format)
			digests[seal.Digest] = true
			path := filepath.Join("testdata", report+"."+extension)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; go test -update writes it anew. It is now:\n%s", path, got)
			}
			if !strings.Contains(got, seal.Digest) {
				t.Errorf("%s does not say its digest", path)
			}
		}
		if len(digests) != 1 {
			t.Errorf("%s has %d digests in its formats", report, len(digests))
		}
	}
}

// TestSameAnswerForEver asks for a past position and a past moment while the log grows, in other time zones.
func TestSameAnswerForEver(t *testing.T) {
	defer func(local *time.Location) { time.Local = local }(time.Local)
	for _, report := range Reports {
		for _, q := range []Question{{UpTo: 200}, {UpToAt: time.Date(2026, 10, 30, 12, 0, 0, 0, time.UTC)}, {UpTo: 200, EffectiveOn: "2026-10-29"}} {
			first, _ := printed(t, autumn(), report, q, formats["jsonl"])
			for _, zone := range []string{"America/Los_Angeles", "Asia/Tokyo", "UTC"} {
				location, err := time.LoadLocation(zone)
				if err != nil {
					t.Fatal(err)
				}
				time.Local = location
				grown := autumn().on("2027-02-01").ordered(5, 1_00)
				if again, _ := printed(t, grown, report, q, formats["jsonl"]); again != first {
					t.Errorf("%s %+v in %s:\n%s\nbefore:\n%s", report, q, zone, again, first)
				}
			}
		}
	}
}

// TestEffectiveOn tells what was known from what counted.
func TestEffectiveOn(t *testing.T) {
	tests := []struct {
		name string
		q    Question
		bank domain.Money
		open domain.Money // of unpaid orders
	}{
		{"everything", Question{}, 452_34, 0},
		{"what counts in the old year, known now", Question{EffectiveOn: "2026-12-31"}, 452_34, 0},
		{"what counts in the old year, known then", Question{EffectiveOn: "2026-12-31", UpToAt: begins.AddDate(0, 0, 20)}, 440_04, 12_30},
		{"before the second half came", Question{EffectiveOn: "2026-11-01"}, 290_04, 146_00 + 12_30},
		{"known on the day of the first statement", Question{UpToAt: time.Date(2026, 10, 30, 23, 0, 0, 0, time.UTC)}, 290_04, 146_00 + 12_30},
		{"before anything", Question{EffectiveOn: "2026-01-01"}, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			balance, _ := printed(t, autumn(), BalanceReport, test.q, formats["jsonl"])
			if got := amountIn(t, balance, TurnoverTable, "account", string(Bank), "balance_debit"); got != test.bank {
				t.Errorf("bank %s, want %s", got, test.bank)
			}
			open, _ := printed(t, autumn(), OpenReport, test.q, formats["jsonl"])
			if got := amountIn(t, open, "unpaid", "order", SumRow, "open"); got != test.open {
				t.Errorf("unpaid %s, want %s", got, test.open)
			}
		})
	}
}

// amountIn finds an amount in a report in JSON Lines.
func amountIn(t *testing.T, report, table, key, value, column string) domain.Money {
	t.Helper()
	for line := range strings.Lines(report) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row["table"] == table && row[key] == value {
			return domain.Money(row[column].(float64))
		}
	}
	t.Fatalf("no %s with %s %s in\n%s", table, key, value, report)
	return 0
}

// TestYearNumbers counts the entries of each year from 1 on, in the order in which they were recorded.
func TestYearNumbers(t *testing.T) {
	books, next := New(autumn(), ""), map[int]int{}
	for record := range autumn().History(t.Context(), 0) {
		entry, err := books.See(t.Context(), record)
		if err != nil {
			t.Fatal(err)
		}
		if entry == nil {
			continue
		}
		next[entry.Number.Year]++
		if entry.Number.Sequence != next[entry.Number.Year] || entry.On.Year() != entry.Number.Year {
			t.Errorf("entry %s of %s, want number %d", entry.Number, entry.On, next[entry.Number.Year])
		}
	}
	if next[2026] == 0 || next[2027] == 0 {
		t.Errorf("entries %v: both years should have some", next)
	}
}

// TestMemoryHoldsWhatIsOpen forgets what is settled, and finds it again for late facts.
func TestMemoryHoldsWhatIsOpen(t *testing.T) {
	s := newStory()
	for i := range 500 {
		s.ordered(i+1, 100_00).arrives(reference(i), domain.Money(i)*123_00, money{reference(i), 123_00, "2026-10-29", i + 1}).delivered(i+1, 1)
	}
	books := New(s, "")
	for record := range s.History(t.Context(), 0) {
		if _, err := books.See(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		if n := len(books.orders) + len(books.transfers) + len(books.check.pending) + len(books.check.numbers); n > 4 {
			t.Fatalf("%d things are open at position %d", n, record.Position)
		}
	}
	if s.reads > 0 {
		t.Errorf("%d streams were read again, though nothing came late", s.reads)
	}
	s.matched(money{reference(7), 1_00, "2026-11-05", 8})
	report, seal := printed(t, s, OpenReport, Question{}, formats["jsonl"])
	if got := amountIn(t, report, "prepaid", "order", "2026/000008", "overpaid"); got != 1_00 {
		t.Errorf("late money on a settled order shows as %s", got)
	}
	if seal.Exceptions != 1 {
		t.Errorf("%d exceptions, want one: more of the transfer is matched than came in", seal.Exceptions)
	}
}

func reference(i int) string {
	return "R" + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
}

// TestExceptions names what does not agree.
func TestExceptions(t *testing.T) {
	late := func(s *story) *story { return s.on("2026-11-20").ordered(99, 1_00) }
	tests := []struct {
		name  string
		story *story
		want  string // empty: all agree
	}{
		{"nothing at all", newStory(), ""},
		{"a whole autumn", autumn(), ""},
		{"delivered before the money", newStory().ordered(1, 1_00).happens(domain.OrderStream(orderID(1)), domain.ActivationFileIssued{Order: orderID(1), Line: 1}), issuedUnpaid},
		{"a gap in the register", newStory().ordered(2, 1_00), numberGap},
		{"a statement is missing", newStory().arrives("1", 0, money{"A", 1_00, "2026-10-28", 0}).arrives("3", 2_00, money{"B", 1_00, "2026-10-29", 0}), statementGap},
		{"the same days in two statements", newStory().arrives("1", 0, money{"A", 1_00, "2026-10-28", 0}).arrives("2", 1_00, money{"B", 1_00, "2026-10-29", 0}).
			happens(domain.StatementStream("month"), domain.StatementImported{Statement: "month", Account: account, Number: "M", ClosedOn: "2026-10-31", Closing: 2_00, Transfers: []domain.TransferID{"t-A", "t-B"}}), ""},
		{"a transfer from nowhere", newStory().happens(domain.TransferStream("x"), domain.TransferReceived{Transfer: "x", Account: account, Amount: 1, ValueOn: "2026-10-28"}), statementUnknown},
		{"the transfer of a statement is missing", late(newStory().happens(domain.StatementStream("s"), domain.StatementImported{Statement: "s", Number: "9", Account: account, Transfers: []domain.TransferID{"gone"}})), transferMissing},
		{"a payment without a transfer", newStory().ordered(1, 1_00).happens(domain.OrderStream(orderID(1)), domain.PaymentReceived{Order: orderID(1), Transfer: "x", Amount: 1, ValueOn: "2026-10-28"}), ""},
		{"the same for days", late(newStory().ordered(1, 1_00).happens(domain.OrderStream(orderID(1)), domain.PaymentReceived{Order: orderID(1), Transfer: "x", Amount: 1, ValueOn: "2026-10-28"})), paymentsDiffer},
		{"money for an order that does not exist", newStory().arrives("1", 0, money{"A", 1_00, "2026-10-28", 0}).happens(domain.TransferStream("t-A"), domain.TransferMatched{Transfer: "t-A", Order: "no", Amount: 1_00, ValueOn: "2026-10-28"}), orderUnknown},
		{"paid for days and not delivered", late(newStory().ordered(1, 1_00).arrives("1", 0, money{"A", 1_23, "2026-10-28", 1})), licencesNotTold},
		{"a licence that its order does not name", newStory().ordered(1, 1_00).arrives("1", 0, money{"A", 1_23, "2026-10-28", 1}).happens(domain.LicenceStream("l"), domain.LicencePaid{Licence: "l", Order: orderID(1)}), licenceNotOfOrder},
		{"a licence counts as paid and its order does not", newStory().ordered(1, 1_00).happens(domain.LicenceStream(licenceID(1, 1)), domain.LicencePaid{Licence: licenceID(1, 1), Order: orderID(1)}), licenceUnpaid},
		{"the order says more licences know than do", late(newStory().ordered(1, 1_00).arrives("1", 0, money{"A", 1_23, "2026-10-28", 1}).happens(domain.OrderStream(orderID(1)), domain.LicencesMarkedPaid{Order: orderID(1)})), licencesDiffer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			report, seal := printed(t, test.story, ReconcileReport, Question{}, formats["txt"])
			if test.want == "" && seal.Exceptions > 0 || test.want != "" && (seal.Exceptions == 0 || !strings.Contains(exceptionsOf(report), test.want)) {
				t.Errorf("%d exceptions, want %q:\n%s", seal.Exceptions, test.want, report)
			}
		})
	}
}

// exceptionsOf cuts the list of exceptions out of a reconciliation.
func exceptionsOf(report string) string {
	_, list, _ := strings.Cut(report, "\nexceptions\n")
	return list
}

// TestHarmless keeps spreadsheets from running what somebody wrote.
func TestHarmless(t *testing.T) {
	for _, text := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"} {
		if got := Harmless(text); got != "'"+text {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{"", "Łódź", "2026/000001", "a=b"} {
		if got := Harmless(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestReversals are dated the day they are made, and linked both ways.
func TestReversals(t *testing.T) {
	s := newStory().ordered(1, 100_00).arrives("1", 0, money{"A1", 123_00, "2026-10-28", 1}).on("2026-11-10")
	s.happens(domain.ReversalStream("r"), domain.ReversalReceived{Reversal: "r", Statement: "s-1", Account: account, Amount: 123_00, ValueOn: "2026-11-09", BankReference: "RC1"}).
		happens(domain.TransferStream("t-A1"), domain.TransferReleased{Transfer: "t-A1", Order: orderID(1), Amount: 123_00, ValueOn: "2026-11-09", Booking: 1, Why: domain.ReleasedReversed},
			domain.TransferReversed{Transfer: "t-A1", Reversal: "r", Amount: 123_00, ValueOn: "2026-11-09"}).
		happens(domain.OrderStream(orderID(1)), domain.PaymentTakenBack{Order: orderID(1), Transfer: "t-A1", Amount: 123_00, ValueOn: "2026-11-09", Booking: 1, Why: domain.ReleasedReversed})
	report, _ := printed(t, s, JournalReport, Question{}, formats["jsonl"])
	matched, received, released, reversed := s.positionOf("TransferMatched"), s.positionOf("TransferReceived"), s.positionOf("TransferReleased"), s.positionOf("TransferReversed")
	for _, want := range []string{
		fmt.Sprintf(`"position":%d,"recorded_at":"2026-11-10T09:01:00Z","effective_on":"2026-11-09","late_of":"","event":"TransferReleased","document":"1, A1","actor":"system:test","on_behalf_of":"","event_id":"event-%d","reverses":%d`, released, released/10, matched),
		fmt.Sprintf(`{"table":"reversals","position":%d,"reversed_by":"2026/000004","reversed_at":%d,"effective_on":"2026-11-09"}`, matched, released),
		fmt.Sprintf(`{"table":"reversals","position":%d,"reversed_by":"2026/000005","reversed_at":%d,"effective_on":"2026-11-09"}`, received, reversed),
	} {
		if !strings.Contains(report, want) {
			t.Errorf("no %s in\n%s", want, report)
		}
	}
	if reconciled, seal := printed(t, s, ReconcileReport, Question{}, formats["txt"]); seal.Exceptions > 0 {
		t.Errorf("%d exceptions:\n%s", seal.Exceptions, reconciled)
	}
}

// The digest is over what encoding/json writes, whoever writes it.
func TestRowsAreDigestedAsJSON(t *testing.T) {
	cells := []any{nil, "", "plain", "żółw", `a"b\c`, "<&>", "\u2028\x00\x7f~", "\xff", 0, -7, domain.Position(1 << 63), domain.Money(-1), domain.Day("2026-11-22"), domain.Day("<"),
		time.Time{}, time.Date(2026, 11, 22, 8, 30, 0, 120, time.UTC), domain.OrderNumber{Year: 2026, Sequence: 7}, domain.Fulfilled, true}
	want, err := json.Marshal(cells)
	if err != nil {
		t.Fatal(err)
	}
	s := sealing{digest: sha256.New()}
	if err := s.add(cells); err != nil {
		t.Fatal(err)
	}
	if string(s.line) != string(want)+"\n" || !bytes.Equal(s.digest.Sum(nil), sha256Of(s.line)) {
		t.Errorf("digested %s\nwant     %s", s.line, want)
	}
	if err := s.add([]any{time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("a moment that JSON cannot say was digested")
	}
}

func sha256Of(text []byte) []byte {
	sum := sha256.Sum256(text)
	return sum[:]
}
