package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"netrom.pl/portal/domain"
)

// part says which rows a view keeps of one thing of the business, and which records they follow from. It is called by the thing's
// stream, such as order-1; in the index of the log by event-POSITION, event-POSITION/KEY with the key of a subject, or hour-2026-11-22T10:00Z.
type part struct {
	kind  string // what the name begins with, before the first "-"
	whole bool   // the tables have the whole name, not only what follows the kind
	rows  []rowsOf
	// read takes every record that the rows follow from. More does no harm.
	read func(ctx context.Context, s *sources, name string) error
}

// rowsOf are some rows of a table.
type rowsOf struct {
	table string
	where string // SQL; $1 is the identity in the name, $2 what the sources are among
	id    string // SQL: the identity of a row
}

// rowsBy are the rows of tables that have the identity in a column.
func rowsBy(column string, tables ...string) (rows []rowsOf) {
	for _, table := range tables {
		rows = append(rows, rowsOf{table: table, where: column + " = $1", id: column})
	}
	return rows
}

// ErrNoPart says that a view has no rows of such a name.
var ErrNoPart = errors.New("the view has no such row")

// partOf finds the part of a view that a name belongs to.
func (v View) partOf(name string) (part, error) {
	kind, id, _ := strings.Cut(name, "-")
	for _, p := range v.parts {
		if p.kind == kind && id != "" {
			return p, nil
		}
	}
	var kinds []string
	for _, p := range v.parts {
		kinds = append(kinds, p.kind+"-...")
	}
	return part{}, fmt.Errorf("%q in view %s: %w; its rows are called %s", name, v.Name, ErrNoPart, strings.Join(kinds, ", "))
}

// CheckName tells whether a row of a view can be called by a name; there need not be one.
func CheckName(view View, name string) error {
	_, err := view.partOf(name)
	return err
}

// nameOf is what the row of a table is called that has an identity.
func (v View) nameOf(p part, id string) string {
	if p.whole {
		return id
	}
	return p.kind + "-" + id
}

// id is the value by which the tables know a name.
func (p part) id(name string) string {
	if p.whole {
		return name
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(name, p.kind+"-"), "/")
	return id
}

// sourcesMax is how many records a part may follow from; there are streams that grow for years.
const sourcesMax = 20_000

// ErrTooLong says that a row follows from too many records to be folded alone.
var ErrTooLong = fmt.Errorf("the row follows from more than %d events: fold its view again instead", sourcesMax)

// sources collects what a part is folded from.
type sources struct {
	log   domain.Log
	until domain.Position // what comes later the view has not seen
	found map[string][]domain.Record
	count int
	among []string // narrows down rows that are not found by their identity alone
	// before is the position of an event before another one, to read the log from there on.
	before func(ctx context.Context, position domain.Position) (domain.Position, error)
	// around are the positions of the events from which the first and the last one of an hour follow.
	around func(ctx context.Context, hour string) ([]domain.Position, error)
}

// stream reads a stream, once.
func (s *sources) stream(ctx context.Context, name string) ([]domain.Record, error) {
	if known, ok := s.found[name]; ok {
		return known, nil
	}
	s.found[name] = nil
	for record, err := range s.log.Read(ctx, name, 0) {
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", name, err)
		}
		if record.Position > s.until {
			break
		}
		if s.count++; s.count > sourcesMax {
			return nil, ErrTooLong
		}
		s.found[name] = append(s.found[name], record)
	}
	return s.found[name], nil
}

// at reads the event at a position, if there is one.
func (s *sources) at(ctx context.Context, position domain.Position) (record domain.Record, ok bool, err error) {
	if position == 0 || position > s.until {
		return domain.Record{}, false, nil
	}
	before, err := s.before(ctx, position)
	if err != nil {
		return domain.Record{}, false, err
	}
	for record, err := range s.log.History(ctx, before) {
		if err != nil {
			return domain.Record{}, false, fmt.Errorf("read the event at %d: %w", position, err)
		}
		if s.count++; record.Position > position || s.count > sourcesMax {
			break
		}
		if record.Position < position {
			continue // the index lacks it
		}
		s.found["@"+strconv.FormatUint(uint64(position), 10)] = []domain.Record{record}
		return record, true, nil
	}
	return domain.Record{}, false, nil
}

// records are those that were read and concern a view, in the order of the log.
func (s *sources) records(concerns func(domain.Event) bool) (all []domain.Record) {
	for _, records := range s.found {
		for _, record := range records {
			if concerns(record.Event) {
				all = append(all, record)
			}
		}
	}
	slices.SortFunc(all, func(a, b domain.Record) int { return cmp.Compare(a.Position, b.Position) })
	return all
}

// readStream is for rows that follow from the stream by which they are called.
func readStream(ctx context.Context, s *sources, name string) error {
	_, err := s.stream(ctx, name)
	return err
}

// readLicenceAndProgram is for what can be done with a licence, which follows from the price list, too.
func readLicenceAndProgram(ctx context.Context, s *sources, name string) error {
	var licence domain.Licence
	return s.streamsIn(ctx, name, func(event domain.Event) string {
		if licence.Evolve(event); licence.Program != "" {
			return domain.ProgramStream(licence.Program)
		}
		return ""
	})
}

// readOrdersOfLicence is for what orders know of a licence.
func readOrdersOfLicence(ctx context.Context, s *sources, name string) error {
	return s.streamsIn(ctx, name, func(event domain.Event) string {
		switch e := event.(type) {
		case domain.LicenceOrdered:
			return domain.OrderStream(e.Order)
		case domain.UpdateOrdered:
			return domain.OrderStream(e.Order)
		}
		return ""
	})
}

// readCartAndOrders is for a cart, of which the orders know whether its submissions have come to their end.
func readCartAndOrders(ctx context.Context, s *sources, name string) error {
	return s.streamsIn(ctx, name, func(event domain.Event) string {
		if e, ok := event.(domain.CartSubmitted); ok {
			return domain.OrderStream(e.Order)
		}
		return ""
	})
}

// readTransferAndOrders is for a transfer, of which the orders know whether they have learned of their money.
func readTransferAndOrders(ctx context.Context, s *sources, name string) error {
	return s.streamsIn(ctx, name, func(event domain.Event) string {
		switch e := event.(type) {
		case domain.TransferMatched:
			return domain.OrderStream(e.Order)
		case domain.TransferReleased:
			return domain.OrderStream(e.Order)
		}
		return ""
	})
}

// readReversalAndTransfer is for a reversal, of which its transfer knows whether it has lost its money.
func readReversalAndTransfer(ctx context.Context, s *sources, name string) error {
	return s.streamsIn(ctx, name, func(event domain.Event) string {
		if e, ok := event.(domain.ReversalMatched); ok {
			return domain.TransferStream(e.Transfer)
		}
		return ""
	})
}

// streamsIn reads a stream and those that its events name; an event that names none is answered with nothing.
func (s *sources) streamsIn(ctx context.Context, name string, named func(domain.Event) string) error {
	records, err := s.stream(ctx, name)
	for _, record := range records {
		if other := named(record.Event); other != "" {
			_, more := s.stream(ctx, other)
			err = errors.Join(err, more)
		}
	}
	return err
}

// subjectKeyForm is how a subject is called in a name.
var subjectKeyForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// readEvent is for the index of one event. The name may have the key of a subject that is looked at, too.
func readEvent(ctx context.Context, s *sources, name string) error {
	id, key, narrowed := strings.Cut(strings.TrimPrefix(name, "event-"), "/")
	position, err := strconv.ParseUint(id, 10, 63)
	if err != nil || narrowed && !subjectKeyForm.MatchString(key) {
		return fmt.Errorf("%q: %w: a position has only digits, the key of a subject is a UUID", name, ErrNoPart)
	}
	s.among = []string{}
	if narrowed {
		s.among = append(s.among, key)
	}
	record, ok, err := s.at(ctx, domain.Position(position))
	if err != nil || !ok {
		return err
	}
	for _, touched := range SubjectsOf(record) {
		s.among = append(s.among, subjectKey(touched))
	}
	return nil
}

// readHour is for the first and the last event of an hour. Which they are says the index of events, whose rows are looked at on their own.
func readHour(ctx context.Context, s *sources, name string) error {
	hour := strings.TrimPrefix(name, "hour-")
	if _, err := time.Parse(hourForm, hour); err != nil {
		return fmt.Errorf("%q: %w: an hour is written as %s", name, ErrNoPart, hourForm)
	}
	positions, err := s.around(ctx, hour)
	for _, position := range positions {
		_, _, more := s.at(ctx, position)
		err = errors.Join(err, more)
	}
	return err
}

// hourForm is how an hour is called in a name, UTC.
const hourForm = "2006-01-02T15:04Z"
