package projections

import (
	"context"
	"fmt"
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

const eventColumns = `e.position, e.stream, e.revision, e.id, e.type, e.at, e.actor, e.on_behalf_of as onbehalfof, e.correlation, e.causation`

// eventQuery puts together the one statement that a search needs: conditions that are not there cannot mislead the planner.
type eventQuery struct {
	where []string
	args  []any
}

// is adds a condition; ? in it becomes the argument.
func (q *eventQuery) is(condition string, argument any) {
	q.args = append(q.args, argument)
	q.where = append(q.where, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(q.args))))
}

// FindEvents answers at most limit events, in the order of the log or the newest first.
func (t *Tables) FindEvents(ctx context.Context, search EventSearch, limit int) ([]EventRow, error) {
	query, args := search.statement(limit)
	rows := []EventRow{}
	if err := t.selectShaped(ctx, &rows, query, args); err != nil {
		return nil, fmt.Errorf("search events: %w", err)
	}
	for i := range rows {
		rows[i].At = rows[i].At.UTC()
	}
	return rows, nil
}

func (e EventSearch) statement(limit int) (string, []any) {
	q := &eventQuery{}
	from, position := `events e`, `e.position`
	for i, subject := range e.Subjects {
		if i == 0 { // leads: its rows come in the order of the log, and each finds its event by the primary key
			from, position = `event_subjects s cross join lateral (select * from events where events.position = s.position offset 0) e`, `s.position`
			q.is(`s.subject = ?`, string(subject))
			continue
		}
		q.is(`exists (select from event_subjects o where o.subject = ? and o.position = e.position)`, string(subject))
	}
	if len(e.Streams) > 1 {
		q.is(`e.stream = any(?)`, pq.Array(e.Streams))
	} else if len(e.Streams) == 1 {
		q.is(`e.stream = ?`, e.Streams[0])
	}
	for _, equal := range []struct{ column, value string }{{"type", e.Type}, {"actor", e.Actor}, {"correlation", e.Correlation}} {
		if equal.value != "" {
			q.is(`e.`+equal.column+` = ?`, equal.value)
		}
	}
	if !e.From.IsZero() {
		q.is(`e.at >= ?`, timestamp(e.From))
		q.is(position+` >= (select min(first) from event_days where day >= ?)`, e.From.UTC().Format(time.DateOnly))
	}
	if !e.Until.IsZero() {
		q.is(`e.at < ?`, timestamp(e.Until))
		q.is(position+` <= (select max(last) from event_days where day <= ?)`, e.Until.UTC().Format(time.DateOnly))
	}
	if !e.showsInspections() {
		q.is(`e.type <> ?`, inspectedType)
	}
	direction := ``
	switch {
	case e.Newest && e.After > 0:
		q.is(position+` < ?`, int64(e.After))
	case !e.Newest:
		q.is(position+` > ?`, int64(e.After))
	}
	if e.Newest {
		direction = ` desc`
	}
	conditions := ``
	if len(q.where) > 0 {
		conditions = ` where ` + strings.Join(q.where, ` and `)
	}
	q.args = append(q.args, limit)
	return `select ` + eventColumns + ` from ` + from + conditions + ` order by ` + position + direction + fmt.Sprintf(` limit $%d`, len(q.args)), q.args
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
	return t.oneEvent(ctx, `select `+eventColumns+` from events e where e.id = $1::uuid`, id)
}

func (t *Tables) oneEvent(ctx context.Context, query string, argument any) (EventRow, bool, error) {
	var rows []EventRow
	if err := t.db.SelectContext(ctx, &rows, query, argument); err != nil {
		return EventRow{}, false, fmt.Errorf("find event: %w", err)
	}
	if len(rows) == 0 {
		return EventRow{}, false, nil
	}
	rows[0].At = rows[0].At.UTC()
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
