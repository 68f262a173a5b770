package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/projections"
)

// traceLines is a trace as `audit trace -json` prints it.
type traceLines struct {
	Events   []traceLine   `json:"events"`
	Releases []releaseLine `json:"releases"`
}

// traceLine is an event with its cause.
type traceLine struct {
	logLine
	Cause  domain.Position `json:"cause,omitempty"` // absent: a request or run
	Gap    float64         `json:"gap_seconds"`     // since the cause
	Letter string          `json:"letter,omitempty"`
}

// releaseLine is the chain from money to an activation file; 0: there is no such event.
type releaseLine struct {
	Line      int             `json:"line"`
	Released  bool            `json:"released_by_payment"`
	Statement domain.Position `json:"statement"`
	Transfer  domain.Position `json:"transfer"`
	Match     domain.Position `json:"match"`
	Payment   domain.Position `json:"payment"`
	File      domain.Position `json:"activation_file"`
}

func printTrace(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit trace")
	asJSON := flags.Bool("json", false, "print one JSON object")
	names, err := foundation.Parse(flags, args, "audit trace [-data DIR] [-json] ORDER-NUMBER|ORDER-ID|CORRELATION", 1, stdout)
	if err != nil {
		return err
	}
	base, err := openLog(ctx, *data, stderr)
	if err != nil {
		return err
	}
	records, cut, err := gatherTrace(ctx, base.Log, names[0])
	if err == nil && len(records) == 0 {
		err = fmt.Errorf("the log has no order and no request %s", names[0])
	}
	if err != nil {
		return errors.Join(err, base.Close())
	}
	trace := projections.TraceOf(records)
	if *asJSON {
		err = jsonTo(stdout).Encode(traceLinesOf(trace))
	} else {
		err = printBranches(stdout, trace.Roots, 0)
		for _, release := range trace.Releases {
			err = errors.Join(err, printRelease(stdout, release, *data))
		}
	}
	if cut {
		err = errors.Join(err, fmt.Errorf("there are more than %d events; the first ones are printed", projections.TraceMax))
	}
	return errors.Join(err, base.Inspected(ctx, domain.TraceInspection, map[string]string{"of": names[0]}, len(trace.Steps)), base.Close())
}

// gatherTrace finds the records of an order, or else of a request or run. It reads the whole log, some times over.
func gatherTrace(ctx context.Context, log domain.Log, of string) ([]domain.Record, bool, error) {
	order, err := orderNamed(ctx, log, of)
	if err != nil {
		return nil, false, err
	}
	find := func(search projections.EventSearch) ([]domain.Record, error) {
		var found []domain.Record
		for record, err := range log.History(ctx, 0) {
			if err != nil {
				return nil, fmt.Errorf("read the log: %w", err)
			}
			if search.Lets(record) {
				found = append(found, record)
			}
			if len(found) > projections.TraceMax {
				break
			}
		}
		return found, nil
	}
	byID := func(id string) (domain.Record, bool, error) {
		for record, err := range log.History(ctx, 0) {
			if err != nil || record.ID == id {
				return record, err == nil, err
			}
		}
		return domain.Record{}, false, nil
	}
	records, cut, err := projections.GatherTrace(projections.EventSearch{Subjects: []projections.Subject{projections.SubjectOf(order)}}, find, byID)
	if err == nil && len(records) == 0 {
		records, cut, err = projections.GatherTrace(projections.EventSearch{Correlation: of}, find, byID)
	}
	return records, cut, err
}

func traceLinesOf(trace projections.Trace) traceLines {
	lines := traceLines{Releases: []releaseLine{}}
	for _, step := range trace.Steps {
		letter, _ := handlers.LetterID(step.Event)
		lines.Events = append(lines.Events, traceLine{logLine: logLineOf(step.Record), Cause: step.Cause, Gap: step.Gap.Seconds(), Letter: letter})
	}
	for _, r := range trace.Releases {
		lines.Releases = append(lines.Releases, releaseLine{Line: r.Line, Released: r.Holds(), Statement: r.Statement.Position, Transfer: r.Transfer.Position,
			Match: r.Match.Position, Payment: r.Payment.Position, File: r.File.Position})
	}
	return lines
}

// printBranches prints a chain on one level of indentation, and its forks one level deeper.
func printBranches(w io.Writer, branches []projections.TraceBranch, depth int) error {
	indent := strings.Repeat("    ", depth)
	for _, branch := range branches {
		for _, step := range branch.Steps {
			line := fmt.Sprintf("request %s  by %s, %s", step.Request, step.Actor, step.Metadata.At.UTC().Format(moment))
			if !step.Root {
				line = fmt.Sprintf("  @%d  +%s  %s  in %s, by %s", step.Position, gapText(step.Gap), step.Type, step.Stream, step.Actor)
				if letter, ok := handlers.LetterID(step.Event); ok {
					line += ", letter " + letter
				}
			}
			if _, err := fmt.Fprintln(w, indent+line); err != nil {
				return err
			}
		}
		if err := printBranches(w, branch.Forks, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// gapText is a length of time, to the millisecond below a minute and to the second above.
func gapText(gap time.Duration) string {
	if gap < time.Minute {
		return gap.Round(time.Millisecond).String()
	}
	return gap.Round(time.Second).String()
}

func printRelease(w io.Writer, r projections.Release, data string) error {
	finding := "RELEASED BY A PAYMENT"
	if !r.Holds() {
		finding = "NO PAYMENT RELEASED IT"
	}
	fmt.Fprintf(w, "Activation file of line %d: %s\n", r.Line, finding)
	for _, event := range []domain.Record{r.Statement, r.Transfer, r.Match, r.Payment, r.File} {
		if event.Position > 0 {
			fmt.Fprintf(w, "    @%d  %s  %s\n", event.Position, event.Metadata.At.UTC().Format(moment), event.Type)
		}
	}
	_, err := fmt.Fprintf(w, "    proofs: audit prove -data %s -position %d; audit prove -data %s -position %d\n", data, r.Payment.Position, data, r.File.Position)
	return err
}
