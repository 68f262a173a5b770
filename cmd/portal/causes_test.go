package main

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
)

// TestEveryEventSaysWhoAndWhy plays the demonstration and follows each event, cause by cause, to the request or run with which it began.
func TestEveryEventSaysWhoAndWhy(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a postgres server: left out by -short")
	}
	data := dataFolder(t)
	if err := playOnce(t.Context(), settings{data: data, demo: true}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	options := foundation.Options{Dir: data, LogOnly: true, Existing: true, Logger: slog.New(slog.DiscardHandler)}
	base, err := foundation.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	known := map[string]domain.Record{}
	chains := 0
	for record, err := range base.Log.History(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		m := record.Metadata
		if m.Actor == "" || m.Correlation == "" || m.Causation == "" || m.At.IsZero() {
			t.Errorf("@%d %s does not say everything: %+v", record.Position, record.Type, m)
		}
		acts := !strings.HasPrefix(m.Actor, "system:") || m.Actor == "system:fulfilment"
		if ofTheLog := strings.HasPrefix(record.Type, "CheckpointLetter"); acts && !ofTheLog && m.OnBehalfOf == "" {
			t.Errorf("@%d %s: %s acts for nobody", record.Position, record.Type, m.Actor)
		}
		steps := 0
		for at := record; at.Metadata.Causation != at.Metadata.Correlation; steps++ {
			cause, earlier := known[at.Metadata.Causation]
			if !earlier {
				t.Errorf("@%d %s: the cause %s of %s is no earlier event and no request", record.Position, record.Type, at.Metadata.Causation, at.Type)
				break
			}
			at = cause
		}
		if steps > 0 {
			chains++
		}
		known[record.ID] = record
	}
	if len(known) < 100 || chains < 20 {
		t.Errorf("the demonstration has %d events, %d of them caused by others: too few for this test", len(known), chains)
	}
}
