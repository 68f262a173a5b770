package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.LogOnly, options.Existing = true, true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	wanted := func(r domain.Record) bool {
		return (*stream == "" || r.Stream == *stream) && (*kind == "" || r.Type == *kind) && (*correlation == "" || r.Metadata.Correlation == *correlation)
	}
	return errors.Join(printRecords(ctx, base.Log, wanted, *asJSON, stdout), base.Close())
}

func printRecords(ctx context.Context, log domain.Log, wanted func(domain.Record) bool, asJSON bool, stdout io.Writer) error {
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
		if asJSON {
			err = encoder.Encode(line)
		} else {
			err = printLine(stdout, line)
		}
		if err != nil {
			return fmt.Errorf("print event %d: %w", record.Position, err)
		}
	}
	return nil
}

func printLine(w io.Writer, line logLine) error {
	event, err := json.Marshal(line.Event)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "@%d  %s  %s/%d  %s\n    id %s  by %s%s\n    request %s  caused by %s\n    %s\n",
		line.Position, line.At.Format(time.RFC3339Nano), line.Stream, line.Revision, line.Type,
		line.ID, line.Actor, onBehalf(line.OnBehalfOf), line.Correlation, line.Causation, event)
	return err
}

func onBehalf(customer string) string {
	if customer == "" {
		return ""
	}
	return " for customer " + customer
}
