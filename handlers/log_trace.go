package handlers

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// traceView is what led to what in an order, or in a request or run.
type traceView struct {
	Of       string // as it was asked for; empty: nothing was
	Order    domain.OrderID
	Branches []traceBranch
	Releases []projections.Release
	Drawing  drawing
	Events   int
	Cut      bool // there are more events than are shown
	Streams  string
}

// traceBranch is a branch as its page shows it.
type traceBranch struct {
	Steps []traceStep
	Forks []traceBranch
}

// traceStep is a step with what followed from it outside the log.
type traceStep struct {
	projections.TraceStep
	Letter string // Message-ID of the letter that left; empty: none
	Views  []viewState
}

// viewState is a read model that an event changes.
type viewState struct {
	View string
	Seen bool
}

// showTrace shows what led to what: from the click to the letters and activation files.
func (s *Server) showTrace(c *call) (reply, error) {
	view := traceView{Of: strings.TrimSpace(c.URL.Query().Get("of"))}
	if view.Of == "" {
		return reply{page: "trace", view: view}, nil
	}
	if _, err := domain.ParseOrderNumber(view.Of); err != nil && !isName(view.Of) {
		return reply{}, invalidInput("of", "2026/000001")
	}
	records, err := s.gather(c, &view, math.MaxInt64)
	if err != nil {
		return reply{}, err
	}
	trace := projections.TraceOf(records)
	progress, err := s.Tables.Progress(c.Context())
	if err != nil {
		return reply{}, err
	}
	view.Events, view.Releases = len(trace.Steps), trace.Releases
	view.Branches = s.branchesOf(trace.Roots, progress)
	view.Drawing = spoken[c.language].draw(trace.Steps)
	view.Streams = streamsPath(records)
	err = s.inspected(c, domain.TraceInspection, map[string]string{"of": view.Of}, view.Events)
	return reply{page: "trace", subject: view.Of, view: view}, err
}

// gather finds the records of an order, or else of a request or run, up to a position.
func (s *Server) gather(c *call, view *traceView, last domain.Position) ([]domain.Record, error) {
	behind := func(row projections.EventRow) bool { return row.Position > last }
	find := func(search projections.EventSearch) ([]domain.Record, error) {
		rows, err := s.Tables.FindEvents(c.Context(), search, projections.TraceMax+1)
		if err != nil {
			return nil, err
		}
		return s.recordsOf(c.Context(), slices.DeleteFunc(rows, behind))
	}
	byID := func(id string) (domain.Record, bool, error) {
		row, ok, err := s.Tables.EventByID(c.Context(), id)
		if err != nil || !ok || behind(row) {
			return domain.Record{}, false, err
		}
		record, err := s.recordOf(c, row)
		return record, true, err
	}
	order, err := s.orderNamed(c, view.Of)
	if err != nil {
		return nil, err
	}
	records, cut, err := projections.GatherTrace(projections.EventSearch{Subjects: []projections.Subject{projections.SubjectOf(order)}}, find, byID)
	if err == nil && len(records) > 0 {
		view.Order = order
	} else if err == nil {
		records, cut, err = projections.GatherTrace(projections.EventSearch{Correlation: view.Of}, find, byID)
	}
	view.Cut = cut
	return records, err
}

// recordsOf reads what rows of the index point to, each stream once.
func (s *Server) recordsOf(ctx context.Context, rows []projections.EventRow) ([]domain.Record, error) {
	wanted := map[string][]projections.EventRow{}
	for _, row := range rows {
		wanted[row.Stream] = append(wanted[row.Stream], row)
	}
	var records []domain.Record
	for stream, rows := range wanted {
		slices.SortFunc(rows, func(a, b projections.EventRow) int { return int(a.Revision - b.Revision) })
		for record, err := range s.Log.Read(ctx, stream, rows[0].Revision) {
			if err != nil {
				return nil, fmt.Errorf("read events of %s: %w", stream, err)
			}
			if record.Revision == rows[0].Revision {
				records, rows = append(records, record), rows[1:]
			}
			if len(rows) == 0 {
				break
			}
		}
		if len(rows) > 0 {
			return nil, fmt.Errorf("read events of %s: the log lacks revision %d, which the index has", stream, rows[0].Revision)
		}
	}
	return records, nil
}

func (s *Server) branchesOf(branches []projections.TraceBranch, progress map[string]domain.Position) []traceBranch {
	var shown []traceBranch
	for _, branch := range branches {
		b := traceBranch{Forks: s.branchesOf(branch.Forks, progress)}
		for _, step := range branch.Steps {
			one := traceStep{TraceStep: step}
			if !step.Root {
				if id, ok := LetterID(step.Event); ok {
					one.Letter = id + s.Vendor.Email[max(0, strings.LastIndexByte(s.Vendor.Email, '@')):]
				}
				for _, name := range projections.ReadBy(step.Event) {
					one.Views = append(one.Views, viewState{View: name, Seen: progress[name] >= step.Position})
				}
			}
			b.Steps = append(b.Steps, one)
		}
		shown = append(shown, b)
	}
	return shown
}

// LetterID is the left part of the Message-ID of the letter of which an event says that it left. An event that was recorded without it
// tells it all the same, unless the letter asks for an amount: that is part of its ID, and not of the event.
func LetterID(event domain.Event) (string, bool) {
	if letter := domain.LetterOf(event); letter != nil {
		id, _, _ := strings.Cut(letter.MessageID, "@")
		return id, true
	}
	switch e := event.(type) {
	case domain.LetterSent:
		fixed := e.Kind == domain.ConfirmTask || e.Kind == domain.PaymentNoteTask
		return domain.NameID("letter", string(e.Order), string(e.Kind)), fixed
	case domain.ActivationFileSent:
		return domain.NameID("letter", string(e.Order), string(domain.ActivateTask), fmt.Sprint(e.Line), fmt.Sprint(e.Copy), fmt.Sprint(e.Address)), true
	case domain.LoginLetterSent:
		return domain.NameID("letter", e.Account, fmt.Sprint(e.Link)), true
	}
	return "", false
}

// streamsPath leads to the streams of some records side by side, except those of the licences; empty when there is only one.
func streamsPath(records []domain.Record) string {
	query := url.Values{}
	for _, record := range records {
		if kind, _, _ := strings.Cut(record.Stream, "-"); kind != "licence" && kind != "numbers" && len(query["stream"]) < streamsMax && !slices.Contains(query["stream"], record.Stream) {
			query.Add("stream", record.Stream)
		}
	}
	if len(query["stream"]) < 2 {
		return ""
	}
	slices.Sort(query["stream"])
	return "/log/streams?" + query.Encode()
}

// span is a length of time in the two largest units that say anything.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}
