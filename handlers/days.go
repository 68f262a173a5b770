package handlers

import (
	"fmt"
	"time"
	_ "time/tzdata" // days are Polish days wherever the portal runs

	"netrom.pl/portal/domain"
)

// poland is where days begin and end.
var poland = func() *time.Location {
	location, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		panic(err)
	}
	return location
}()

// DayOf is the Polish day of a moment.
func DayOf(at time.Time) domain.Day { return domain.Day(at.In(poland).Format(time.DateOnly)) }

// EndOf is the last moment of a Polish day.
func EndOf(day domain.Day) (time.Time, error) {
	midnight, err := time.ParseInLocation(time.DateOnly, string(day), poland)
	if err != nil {
		return time.Time{}, fmt.Errorf("read day %q: %w", day, err)
	}
	return midnight.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
}
