package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
)

// logLine is one event as `audit log -json` prints it.
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

func printLog(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit log")
	stream := flags.String("stream", "", "only the events of one `STREAM`, such as order-...")
	kind := flags.String("type", "", "only the events of one `TYPE`, such as PaymentReceived")
	correlation := flags.String("correlation", "", "only what goes back to one request or run `ID`")
	asJSON := flags.Bool("json", false, "print one JSON object for each event")
	if _, err := foundation.Parse(flags, args, "audit log [-data DIR] [-stream S] [-type T] [-correlation ID] [-json]", 0, stdout); err != nil {
		return err
	}
	if known := func(k domain.Kind) bool { return k.Name == *kind }; *kind != "" && !slices.ContainsFunc(domain.Kinds, known) {
		return foundation.UsageError{Err: fmt.Errorf("there is no event type %q; docs/events.md lists them, OrderSubmitted is one", *kind)}
	}
	base, err := openLog(ctx, *data, stderr)
	if err != nil {
		return err
	}
	wanted := func(r domain.Record) bool {
		return (*stream == "" || r.Stream == *stream) && (*kind == "" || r.Type == *kind) && (*correlation == "" || r.Metadata.Correlation == *correlation)
	}
	show := printJSON
	if !*asJSON {
		show = printText
	}
	return errors.Join(show(ctx, base.Log, wanted, stdout), base.Close())
}

func printJSON(ctx context.Context, log domain.Log, wanted func(domain.Record) bool, stdout io.Writer) error {
	encoder := json.NewEncoder(stdout)
	encoder.SetEscapeHTML(false)
	for record, err := range log.History(ctx, 0) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if !wanted(record) {
			continue
		}
		m := record.Metadata
		line := logLine{Position: record.Position, Stream: record.Stream, Revision: record.Revision, ID: record.ID, Type: record.Type, Schema: m.Schema,
			At: m.At, Actor: m.Actor, OnBehalfOf: m.OnBehalfOf, Correlation: m.Correlation, Causation: m.Causation, Event: record.Event}
		if err := encoder.Encode(line); err != nil {
			return fmt.Errorf("print event %d: %w", record.Position, err)
		}
	}
	return nil
}

// printText prints four lines an event, and how many there were.
func printText(ctx context.Context, log domain.Log, wanted func(domain.Record) bool, stdout io.Writer) error {
	places := map[string]domain.Position{} // of the events so far, by id: some 100 bytes each
	var shown int
	for record, err := range log.History(ctx, 0) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		places[record.ID] = record.Position
		if !wanted(record) {
			continue
		}
		shown++
		if err := printRecord(stdout, record, places); err != nil {
			return fmt.Errorf("print event %d: %w", record.Position, err)
		}
	}
	_, err := fmt.Fprintf(stdout, "%d of %d events\n", shown, len(places))
	return err
}

// moment is how a time is printed: in UTC, always with milliseconds, so that columns stay columns.
const moment = "2006-01-02T15:04:05.000Z"

func printRecord(w io.Writer, r domain.Record, places map[string]domain.Position) error {
	event, err := json.Marshal(r.Event)
	if err != nil {
		return err
	}
	cause := r.Metadata.Causation
	if at, ok := places[cause]; ok {
		cause = fmt.Sprintf("@%d", at)
	}
	if cause = "caused by " + cause + " in request " + r.Metadata.Correlation; r.Metadata.Causation == r.Metadata.Correlation {
		cause = "caused by request " + r.Metadata.Correlation
	}
	_, err = fmt.Fprintf(w, "@%d  %s  %s  by %s%s\n    stream %s, revision %d, id %s\n    %s\n    %s\n",
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
