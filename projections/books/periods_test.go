package books

import (
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// closed is a story in which October is closed before a transfer of October is known.
func closed(t *testing.T) (*story, domain.PeriodSealed) {
	s := newStory().ordered(1, 100_00).arrives("1", 0, money{"A1", 50_00, "2026-10-29", 1}).
		on("2026-11-05").happens(domain.BooksStream(2026), domain.PeriodClosed{Year: 2026, Through: "2026-10-31"})
	sealed, err := Closed(t.Context(), s, "2026-10-31")
	if err != nil {
		t.Fatal(err)
	}
	return s, sealed
}

// TestLateFacts counts what is known after the closing on the first open day, and says on which day it would have.
func TestLateFacts(t *testing.T) {
	s, _ := closed(t)
	s.arrives("2", 50_00, money{"A2", 73_00, "2026-10-31", 1}).delivered(1, 1)
	report, _ := printed(t, s, JournalReport, Question{}, formats["txt"])
	for _, want := range []string{"effective_on 2026-11-01  late_of 2026-10-31  event TransferReceived", "effective_on 2026-11-01  late_of 2026-10-31  event TransferMatched", "effective_on 2026-11-05  event ActivationFileIssued"} {
		if !strings.Contains(report, want) {
			t.Errorf("no %q in\n%s", want, report)
		}
	}
	october, _ := printed(t, s, BalanceReport, Question{EffectiveOn: "2026-10-31"}, formats["jsonl"])
	if got := amountIn(t, october, TurnoverTable, "account", string(Bank), "balance_debit"); got != 50_00 {
		t.Errorf("the closed month holds %s, want what it held when it was closed", got)
	}
	open, _ := printed(t, s, OpenReport, Question{EffectiveOn: "2026-10-31"}, formats["jsonl"])
	if got := amountIn(t, open, "unpaid", "order", SumRow, "open"); got != 73_00 {
		t.Errorf("%s were unpaid in the closed month, want 73,00", got)
	}
}

// TestSealedPeriod is found again from the log, whatever comes after it, and any other content is an exception.
func TestSealedPeriod(t *testing.T) {
	s, sealed := closed(t)
	if sealed.Entries != 2 || sealed.Turnover != 100_00 || sealed.Digest == "" {
		t.Errorf("sealed %+v, want the receipt and the match of 50,00", sealed)
	}
	s.arrives("2", 50_00, money{"A2", 73_00, "2026-10-31", 1}).delivered(1, 1)
	if again, err := Closed(t.Context(), s, "2026-10-31"); err != nil || again != sealed {
		t.Errorf("found again as %+v, %v; want %+v", again, err, sealed)
	}
	if _, err := Closed(t.Context(), s, "2026-11-30"); err == nil {
		t.Error("a month that is not closed was summed up")
	}
	other := sealed
	other.Turnover++
	tests := map[string]struct {
		seal domain.Event
		want string
	}{"right": {sealed, ""}, "wrong": {other, periodDiffers}, "of nothing": {domain.PeriodSealed{Year: 2026, Through: "2026-11-30", Position: 1}, periodDiffers}}
	for name, test := range tests {
		s, _ := closed(t)
		s.happens(domain.BooksStream(2026), test.seal)
		report, seal := printed(t, s, ReconcileReport, Question{}, formats["txt"])
		if test.want == "" && seal.Exceptions > 0 || !strings.Contains(exceptionsOf(report), test.want) {
			t.Errorf("%s: %d exceptions\n%s", name, seal.Exceptions, report)
		}
	}
	s, _ = closed(t)
	s.on("2026-11-20").ordered(9, 1_00)
	if report, _ := printed(t, s, ReconcileReport, Question{}, formats["txt"]); !strings.Contains(exceptionsOf(report), periodNotSealed) {
		t.Errorf("a closing without its sums stays unnoticed:\n%s", report)
	}
}
