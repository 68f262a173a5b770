package books

import (
	"errors"
	"strconv"
	"time"

	"netrom.pl/portal/domain"
)

// Question selects what a report shows. Its zero value asks for everything. The same question about the same log gives
// the same bytes for ever, as long as UpTo or UpToAt lies in the past.
type Question struct {
	UpTo        domain.Position // leave out what was recorded after it; 0: no limit
	UpToAt      time.Time       // leave out the first record that the portal's clock saw later, and all after it; zero: no limit
	EffectiveOn domain.Day      // leave out what counts after this day; empty: no limit
}

// The ways in which a question cannot be read.
var (
	ErrRecordedUpTo = errors.New("neither a position such as 1234, a day such as 2026-11-22 nor a time such as 2026-11-22T14:30:00Z")
	ErrEffectiveOn  = errors.New("no day such as 2026-11-22")
)

// ReadQuestion reads what a person has typed: the position, Polish day or time up to which something was recorded, and the day up to which
// it counts. Empty texts stand for no limit.
func ReadQuestion(recordedUpTo, effectiveOn string) (Question, error) {
	var q Question
	if effectiveOn != "" {
		if q.EffectiveOn = domain.Day(effectiveOn); dayAfter(q.EffectiveOn) == "" {
			return q, ErrEffectiveOn
		}
	}
	if recordedUpTo == "" {
		return q, nil
	}
	if position, err := strconv.ParseUint(recordedUpTo, 10, 63); err == nil && position > 0 {
		q.UpTo = domain.Position(position)
		return q, nil
	}
	var err error
	if q.UpToAt, err = time.Parse(time.RFC3339, recordedUpTo); err == nil {
		return q, nil
	}
	next, err := dayAfter(domain.Day(recordedUpTo)).Begins()
	if err != nil {
		return q, ErrRecordedUpTo
	}
	q.UpToAt = next.Add(-time.Nanosecond)
	return q, nil
}

// ends tells whether a record lies behind the question.
func (q Question) ends(record domain.Record) bool {
	return q.UpTo > 0 && record.Position > q.UpTo || !q.UpToAt.IsZero() && record.Metadata.At.After(q.UpToAt)
}
