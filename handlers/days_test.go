package handlers

import (
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// TestDaysArePolishDays looks at the nights in which the clocks are changed, from a machine that stands elsewhere.
func TestDaysArePolishDays(t *testing.T) {
	machine := time.Local
	t.Cleanup(func() { time.Local = machine })
	time.Local = time.FixedZone("Tokyo", 9*60*60)
	for _, tt := range []struct {
		day         domain.Day
		first, last string // moment of the day, UTC
	}{
		{"2026-01-15", "2026-01-14T23:00:00Z", "2026-01-15T22:59:59.999999999Z"},
		{"2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59.999999999Z"}, // 23 hours
		{"2026-07-15", "2026-07-14T22:00:00Z", "2026-07-15T21:59:59.999999999Z"},
		{"2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59.999999999Z"}, // 25 hours
		{"2028-02-29", "2028-02-28T23:00:00Z", "2028-02-29T22:59:59.999999999Z"},
	} {
		for _, text := range []string{tt.first, tt.last} {
			moment, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			if got := DayOf(moment.Local()); got != tt.day {
				t.Errorf("the day of %s is %s, want %s", text, got, tt.day)
			}
		}
		end, err := EndOf(tt.day)
		if got := end.UTC().Format(time.RFC3339Nano); err != nil || got != tt.last {
			t.Errorf("the end of %s is %s (%v), want %s", tt.day, got, err, tt.last)
		}
	}
	if end, err := EndOf("2026-02-30"); err == nil {
		t.Errorf("2026-02-30 ends at %s", end)
	}
}
