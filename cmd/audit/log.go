package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// logLine is one event as the commands print it with -json.
type logLine struct {
	Position    domain.Position `json:"position"`
	Stream      string          `json:"stream"`
	Revision    domain.Revision `json:"revision"`
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Schema      int             `json:"schema"`
	At          time.Time       `json:"at"`
	Actor       string          `json:"actor"`
	OnBehalfOf  string          `json:"on_behalf_of,omitempty"`
	Correlation string          `json:"correlation"`
	Causation   string          `json:"causation"`
	Event       domain.Event    `json:"event"`
}

func logLineOf(r domain.Record) logLine {
	m := r.Metadata
	return logLine{Position: r.Position, Stream: r.Stream, Revision: r.Revision, ID: r.ID, Type: r.Type, Schema: m.Schema,
		At: m.At, Actor: m.Actor, OnBehalfOf: m.OnBehalfOf, Correlation: m.Correlation, Causation: m.Causation, Event: r.Event}
}

func jsonTo(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

func printLog(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit log")
	filter := filterFlags(flags)
	asJSON := flags.Bool("json", false, "print one JSON object for each event")
	if _, err := foundation.Parse(flags, args, "audit log [-data DIR] "+filterSynopsis+" [-json]", 0, stdout); err != nil {
		return err
	}
	if err := filter.check(); err != nil {
		return err
	}
	base, err := openLog(ctx, *data, stderr)
	if err != nil {
		return err
	}
	search, err := filter.search(ctx, base.Log)
	if err != nil {
		return errors.Join(err, base.Close())
	}
	p := printer{out: stdout, json: *asJSON, places: map[string]domain.Position{}}
	err = p.all(ctx, base.Log, search)
	return errors.Join(err, base.Inspected(ctx, domain.SearchInspection, filter.asked(), p.shown), base.Close())
}

// printer prints events one after the other.
type printer struct {
	out    io.Writer
	json   bool
	places map[string]domain.Position // of the events so far, by id: some 100 bytes each
	seen   int
	shown  int
}

// all prints what a search lets through, and how many there were.
func (p *printer) all(ctx context.Context, log domain.Log, search projections.EventSearch) error {
	for record, err := range log.History(ctx, 0) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if err := p.see(record, search); err != nil {
			return err
		}
	}
	if p.json {
		return nil
	}
	_, err := fmt.Fprintf(p.out, "%d of %d events\n", p.shown, p.seen)
	return err
}

// see prints a record if it is wanted.
func (p *printer) see(record domain.Record, search projections.EventSearch) error {
	p.seen++
	p.places[record.ID] = record.Position
	if record.Position <= search.After || !search.Lets(record) {
		return nil
	}
	p.shown++
	var err error
	if p.json {
		err = jsonTo(p.out).Encode(logLineOf(record))
	} else {
		err = p.text(record)
	}
	if err != nil {
		return fmt.Errorf("print event %d: %w", record.Position, err)
	}
	return nil
}

// moment is how a time is printed: in UTC, always with milliseconds, so that columns stay columns.
const moment = "2006-01-02T15:04:05.000Z"

// text prints four lines.
func (p *printer) text(r domain.Record) error {
	event, err := json.Marshal(r.Event)
	if err != nil {
		return err
	}
	cause := r.Metadata.Causation
	if at, ok := p.places[cause]; ok {
		cause = fmt.Sprintf("@%d", at)
	}
	if cause = "caused by " + cause + " in request " + r.Metadata.Correlation; r.Metadata.Causation == r.Metadata.Correlation {
		cause = "caused by request " + r.Metadata.Correlation
	}
	_, err = fmt.Fprintf(p.out, "@%d  %s  %s  by %s%s\n    stream %s, revision %d, id %s\n    %s\n    %s\n",
		r.Position, r.Metadata.At.UTC().Format(moment), r.Type, r.Metadata.Actor, onBehalf(r.Metadata.OnBehalfOf),
		r.Stream, r.Revision, r.ID, cause, event)
	return err
}

func onBehalf(customer string) string {
	if customer == "" {
		return ""
	}
	return " for customer " + customer
}
