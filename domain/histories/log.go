package histories

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"netrom.pl/portal/domain"
)

// Log is a [domain.Log] in memory for one goroutine: exact revisions, all or none, the same ids at the same revision again are harmless. Its positions have
// gaps, as those of a real log do. The zero value is empty.
type Log struct {
	Records []domain.Record // in the order of the log
	Reads   int             // of single streams
	streams map[string][]domain.Record
	appends int
	outage  func(append int) outage // says what happens to the append with this number, from 1; nil: nothing does
}

// positionStep is the gap between two positions.
const positionStep = 10

// outage is how an append breaks: not at all, nothing is written, or it is written and the answer is lost.
type outage int

const (
	working outage = iota
	unreachable
	unanswered
)

var errOutage = errors.New("the log is out of reach")

// Append is [domain.Log.Append].
func (l *Log) Append(_ context.Context, stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	l.appends++
	var broken outage
	if l.outage != nil {
		broken = l.outage(l.appends)
	}
	if broken == unreachable {
		return 0, errOutage
	}
	position, err := l.append(stream, expected, events)
	if err == nil && broken == unanswered {
		return 0, errOutage
	}
	return position, err
}

func (l *Log) append(stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	own := l.streams[stream]
	if last := domain.Revision(len(own)) - 1; expected != last {
		from := int(expected) + 1
		if from < 0 || from+len(events) > len(own) {
			return 0, domain.ErrConflict
		}
		repeated := own[from : from+len(events)]
		if !slices.EqualFunc(repeated, events, func(r domain.Record, p domain.Proposed) bool { return r.ID == p.ID }) {
			return 0, domain.ErrConflict
		}
		return repeated[len(repeated)-1].Position, nil
	}
	for i, event := range events {
		if slices.ContainsFunc(own, func(r domain.Record) bool { return r.ID == event.ID }) {
			return 0, fmt.Errorf("event %s of type %T was in %s already, at another revision", event.ID, event.Event, stream)
		}
		record := domain.Record{Proposed: event, Type: reflect.TypeOf(event.Event).Name(), Stream: stream, Revision: expected + 1 + domain.Revision(i),
			Position: domain.Position(positionStep * (len(l.Records) + 1))}
		l.Records, own = append(l.Records, record), append(own, record)
	}
	if l.streams == nil {
		l.streams = map[string][]domain.Record{}
	}
	l.streams[stream] = own
	return own[len(own)-1].Position, nil
}

// Stream is what a stream holds.
func (l *Log) Stream(name string) []domain.Record { return l.streams[name] }

// Streams are the names of all streams, in no order.
func (l *Log) Streams() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range l.streams {
			if !yield(name) {
				return
			}
		}
	}
}

// Read is [domain.Log.Read].
func (l *Log) Read(_ context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	l.Reads++
	own := l.streams[stream]
	return sequence(own[min(int(from), len(own)):])
}

// History is [domain.Log.History].
func (l *Log) History(_ context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return sequence(l.Records[min(int(after/positionStep), len(l.Records)):])
}

// Follow is [domain.Log.Follow], for which there is no use here.
func (l *Log) Follow(context.Context, domain.Position, func([]domain.Record) error) error {
	return errors.New("nothing follows a log of the tests")
}

func sequence(records []domain.Record) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		for _, record := range records {
			if !yield(record, nil) {
				return
			}
		}
	}
}
