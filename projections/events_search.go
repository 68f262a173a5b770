package projections

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// EventRow is an event without its contents.
type EventRow struct {
	Position    domain.Position
	Stream      string
	Revision    domain.Revision
	ID          string
	Type        string
	At          time.Time // cut to microseconds
	Actor       string
	OnBehalfOf  string
	Correlation string
	Causation   string
}

const eventColumns = `e.position, e.revision, e.type, e.at, e.id, e.stream, e.actor, e.on_behalf_of, e.correlation, coalesce(e.causation, e.correlation)`

// eventRows is what a select of eventColumns is read into.
type eventRows []EventRow

// take reads all rows.
func (e *eventRows) take(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row EventRow
		var code int32
		if err := rows.Scan(&row.Position, &row.Revision, &code, &row.At, &row.ID, &row.Stream, &row.Actor, &row.OnBehalfOf, &row.Correlation, &row.Causation); err != nil {
			return err
		}
		row.Type, row.At = typeNames[code], row.At.UTC()
		*e = append(*e, row)
	}
	return rows.Err()
}

// FindEvents answers at most limit events, in the order of the log or the newest first.
func (t *Tables) FindEvents(ctx context.Context, search EventSearch, limit int) ([]EventRow, error) {
	query, args := search.statement(limit)
	rows := eventRows{}
	if err := rows.take(t.queryShaped(ctx, query, args)); err != nil {
		return nil, fmt.Errorf("search events: %w", err)
	}
	return rows, nil
}

// eventQuery puts together the one statement that a search needs. It decides itself which index leads: statements are prepared once, so
// the planner does not know how often a value occurs.
type eventQuery struct {
	EventSearch
	args         []any
	after, until string // positions between which events lie, both left out
	conditions   []string
}

// lead is the index in whose order events are looked at.
type lead struct {
	from       string // table of the index, and how its rows lead to events e
	row        string // alias of what has the columns position and type
	key, value string // what the index has before the position, and what that must be; empty: nothing
}

// subjectsLead is the lead of event_subjects, each of whose rows leads to its event. offset 0 keeps the planner from turning that round.
const subjectsLead = `event_subjects s cross join lateral (select * from events where events.position = s.position offset 0) e`

func (e EventSearch) statement(limit int) (string, []any) {
	q := &eventQuery{EventSearch: e}
	q.bound()
	lead := q.lead()
	q.filter(lead)
	position, direction, order := lead.row+`.position`, ``, ``
	if e.Newest {
		direction = ` desc`
	}
	if lead.key == `` {
		q.conditions = append(q.conditions, position+` > `+q.after, position+` < `+q.until)
	} else { // whole rows are compared: no other index has their order, so that the planner cannot choose it
		row := `(` + lead.key + `, ` + position + `)`
		q.conditions = append(q.conditions, row+` > (`+lead.value+`, `+q.after+`)`, row+` < (`+lead.value+`, `+q.until+`)`)
		order = lead.key + direction + `, `
	}
	last := fmt.Sprintf(`%s limit %d`, direction, limit) // in the text: the planner has to know how few rows are wanted
	query := `select ` + eventColumns + ` from ` + lead.from + ` where ` + strings.Join(q.conditions, ` and `) + ` order by ` + order + position + last
	if len(e.Streams) > 0 {
		query = `select found.* from (select distinct unnest(` + q.put(pq.Array(e.Streams)) + `::text[]) as stream) wanted
			cross join lateral (` + query + `) found order by found.position` + last
	}
	return query, q.args
}

// lead is the index that probably has the fewest rows of the search.
func (q *eventQuery) lead() lead {
	hash := func(text string) string { return `hashtextextended(` + text + `::text, 0)` }
	switch {
	case len(q.Streams) > 0: // each in turn
		return lead{`events e`, `e`, `e.stream_key`, hash(`wanted.stream`)}
	case q.Correlation != ``:
		return lead{`events e`, `e`, `e.correlation_key`, hash(q.put(q.Correlation))}
	case len(q.Subjects) > 0:
		return lead{subjectsLead, `s`, `s.subject`, q.put(subjectKey(q.Subjects[0])) + `::uuid`}
	case q.Actor != `` && q.Type != ``:
		return lead{`events e`, `e`, `hashtextextended(e.actor, e.type)`, `hashtextextended(` + q.put(q.Actor) + `::text, ` + q.put(typeCode(q.Type)) + `::integer)`}
	case q.Actor != ``:
		return lead{`events e`, `e`, `e.actor_key`, hash(q.put(q.Actor))}
	case q.Type != ``:
		return lead{`events e`, `e`, `e.type`, q.put(typeCode(q.Type)) + `::integer`}
	}
	return lead{from: `events e`, row: `e`}
}

// filter adds what the leading index does not answer; a hash may be that of another text, too.
func (q *eventQuery) filter(lead lead) {
	if len(q.Streams) > 0 {
		q.conditions = append(q.conditions, half(`e.stream = wanted.stream`))
	}
	if q.Correlation != `` {
		q.is(`e.correlation = ?`, q.Correlation)
	}
	if q.Actor != `` {
		q.is(`e.actor = ?`, q.Actor)
	}
	for i, subject := range q.Subjects {
		if i > 0 || lead.key != `s.subject` {
			q.is(`(select true from event_subjects o where o.subject = ?::uuid and o.position = `+lead.row+`.position)`, subjectKey(subject))
		}
	}
	switch {
	case q.Type != `` && lead.key != `e.type`:
		q.is(lead.row+`.type = ?`, typeCode(q.Type))
	case q.Type == `` && !q.showsInspections():
		q.is(lead.row+`.type <> ?`, typeCode(inspectedType))
	}
}

// half is a condition of which the planner believes that it keeps half of the rows: expecting few, it would gather and sort all that the
// leading index has instead of walking it until enough is found.
func half(condition string) string { return `case when ` + condition + ` then true else false end` }

// bound finds between which positions the events must lie.
func (q *eventQuery) bound() {
	after, until := domain.Position(0), domain.Position(math.MaxInt64)
	if !q.Newest {
		after = q.After
	} else if q.After > 0 {
		until = q.After
	}
	q.after, q.until = q.put(int64(after))+`::bigint`, q.put(int64(until))+`::bigint`
	if !q.From.IsZero() {
		q.is(`e.at >= ?`, timestamp(q.From))
		q.after = `greatest(` + q.after + `, coalesce((select first - 1 from event_hours where hour >= ` + q.put(timestamp(q.From.Truncate(time.Hour))) +
			` order by hour limit 1), 9223372036854775807))`
	}
	if !q.Until.IsZero() {
		q.is(`e.at < ?`, timestamp(q.Until))
		q.until = `least(` + q.until + `, coalesce((select last + 1 from event_hours where hour < ` + q.put(timestamp(q.Until)) + ` order by hour desc limit 1), 0))`
	}
}

// put adds an argument and answers its place in the statement.
func (q *eventQuery) put(argument any) string {
	q.args = append(q.args, argument)
	return fmt.Sprintf("$%d", len(q.args))
}

// is adds a condition; ? in it becomes the argument.
func (q *eventQuery) is(condition string, argument any) {
	q.conditions = append(q.conditions, half(strings.ReplaceAll(condition, "?", q.put(argument))))
}

// EventAt finds the event at a position.
func (t *Tables) EventAt(ctx context.Context, at domain.Position) (EventRow, bool, error) {
	return t.oneEvent(ctx, `select `+eventColumns+` from events e where e.position = $1`, int64(at))
}

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// EventByID finds the event with an id; text that is no UUID is the id of none.
func (t *Tables) EventByID(ctx context.Context, id string) (EventRow, bool, error) {
	if !uuidPattern.MatchString(id) {
		return EventRow{}, false, nil
	}
	return t.oneEvent(ctx, `select `+eventColumns+` from events e where e.id = $1::uuid order by e.position limit 1`, id)
}

func (t *Tables) oneEvent(ctx context.Context, query string, argument any) (EventRow, bool, error) {
	var rows eventRows
	if err := rows.take(t.db.QueryContext(ctx, query, argument)); err != nil {
		return EventRow{}, false, fmt.Errorf("find event: %w", err)
	}
	if len(rows) == 0 {
		return EventRow{}, false, nil
	}
	return rows[0], true, nil
}

// OrderByNumber finds the identity of the order that has a number.
func (t *Tables) OrderByNumber(ctx context.Context, number domain.OrderNumber) (domain.OrderID, bool, error) {
	var ids []domain.OrderID
	if err := t.db.SelectContext(ctx, &ids, `select id from orders where number = $1`, number.String()); err != nil {
		return "", false, fmt.Errorf("find order by number: %w", err)
	}
	if len(ids) == 0 {
		return "", false, nil
	}
	return ids[0], true, nil
}
