package handlers

import (
	"time"

	"netrom.pl/portal/domain"
)

// poland is where the pages' times are told.
var poland = domain.Poland

// DayOf is the Polish day of a moment.
func DayOf(at time.Time) domain.Day { return domain.DayOf(at) }

// EndOf is the last moment of a Polish day.
func EndOf(day domain.Day) (time.Time, error) {
	midnight, err := day.Begins()
	if err != nil {
		return time.Time{}, err
	}
	return midnight.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
}
