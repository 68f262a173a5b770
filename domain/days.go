package domain

import (
	"fmt"
	"time"
	_ "time/tzdata" // days are Polish days wherever the portal runs
)

// Poland is where days begin and end.
var Poland = func() *time.Location {
	location, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		panic(err)
	}
	return location
}()

// DayOf is the Polish day of a moment.
func DayOf(at time.Time) Day {
	year, month, day := at.In(Poland).Date()
	if year < 0 {
		return Day(at.In(Poland).Format(time.DateOnly))
	}
	text := appendPadded(make([]byte, 0, len(time.DateOnly)), year, yearDigits)
	text = appendPadded(append(text, '-'), int(month), 2)
	return Day(appendPadded(append(text, '-'), day, 2))
}

// Begins is the first moment of the day.
func (d Day) Begins() (time.Time, error) {
	midnight, err := time.ParseInLocation(time.DateOnly, string(d), Poland)
	if err != nil {
		return time.Time{}, fmt.Errorf("read day %q: %w", d, err)
	}
	return midnight, nil
}

// after is the day so many days later; no day stays no day.
func (d Day) after(days int) Day {
	later, err := d.plus(days)
	if err != nil {
		return ""
	}
	return later
}
