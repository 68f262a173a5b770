package domain

import (
	"fmt"
	"time"
)

// PeriodClosed closes the books up to the end of a month. What is recorded afterwards and would count in it counts on the
// first day after. Source: Polish Accounting Act, art. 23 and 25.
type PeriodClosed struct {
	Year    int `json:"year"`
	Through Day `json:"through"` // last day of the month
}

// PeriodSealed says what the closed months held: every entry that counts in them and in no month that was closed before. It is found by
// folding the log up to the closing and can be found again at any time.
type PeriodSealed struct {
	Year     int      `json:"year"`
	Through  Day      `json:"through"`
	Position Position `json:"position"` // of the closing
	Entries  int      `json:"entries"`
	Turnover Money    `json:"turnover"` // sum of the debits, which is that of the credits
	Digest   string   `json:"digest"`   // SHA-256 over the entries, hexadecimal
}

// ClosedPeriods are the months of one year whose books are closed.
type ClosedPeriods struct {
	Through Day // empty: none is
	Sealed  map[Day]PeriodSealed
}

// Evolve folds an event of a year's books.
func (p *ClosedPeriods) Evolve(event Event) {
	switch e := event.(type) {
	case PeriodClosed:
		p.Through = e.Through
	case PeriodSealed:
		if p.Sealed == nil {
			p.Sealed = map[Day]PeriodSealed{}
		}
		p.Sealed[e.Through] = e
	}
}

// BooksStream is where the closings of a year are.
func BooksStream(year int) string { return fmt.Sprintf("books-%04d", year) }

// LastDayOf is the last day of a month such as 2026-11.
func LastDayOf(month string) (Day, error) {
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return "", fmt.Errorf("read month %q: %w", month, err)
	}
	return Day(first.AddDate(0, 1, -1).Format(time.DateOnly)), nil
}

// ClosePeriod closes a month and all before it. Closing again changes nothing.
type ClosePeriod struct {
	Through Day // last day of the month
	Today   Day
}

// Stream of the year's books.
func (c ClosePeriod) Stream() string { return BooksStream(c.Through.Year()) }

// Decide refuses a month that is not over.
func (c ClosePeriod) Decide(known ClosedPeriods) ([]Event, error) {
	last, err := LastDayOf(string(c.Through)[:min(len(c.Through), len("2006-01"))])
	switch {
	case err != nil || last != c.Through:
		return nil, refuse(InvalidInput, "field", "month", "limit", "2026-11")
	case c.Today <= c.Through:
		return nil, refuse(PeriodNotOver, "day", string(c.Through))
	case c.Through <= known.Through:
		return nil, nil
	}
	return []Event{PeriodClosed{Year: c.Through.Year(), Through: c.Through}}, nil
}

// SealPeriod records what a closed month held, once.
type SealPeriod struct {
	PeriodSealed
}

// Stream of the year's books.
func (c SealPeriod) Stream() string { return BooksStream(c.Year) }

// Decide refuses a month that is not closed.
func (c SealPeriod) Decide(known ClosedPeriods) ([]Event, error) {
	if c.Through > known.Through {
		return nil, refuse(NotFound)
	}
	if _, sealed := known.Sealed[c.Through]; sealed {
		return nil, nil
	}
	return []Event{c.PeriodSealed}, nil
}
