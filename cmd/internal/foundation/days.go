package foundation

import (
	"fmt"
	"time"
	_ "time/tzdata" // days are Polish days, wherever the machine stands

	"netrom.pl/portal/domain"
)

var poland = func() *time.Location {
	location, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		panic(fmt.Sprintf("foundation: %v", err)) // the time zones are linked in
	}
	return location
}()

// DayOf is the calendar day in Poland.
func DayOf(at time.Time) domain.Day { return domain.Day(at.In(poland).Format(time.DateOnly)) }

// EndOf is the last moment of a Polish day.
func EndOf(day domain.Day) (time.Time, error) {
	midnight, err := time.ParseInLocation(time.DateOnly, string(day), poland)
	if err != nil {
		return time.Time{}, fmt.Errorf("read day %q: %w", day, err)
	}
	return midnight.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
}
