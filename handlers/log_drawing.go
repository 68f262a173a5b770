package handlers

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// Measures of the drawing of a trace, in CSS pixels.
const (
	drawnEventsMax = 120 // the tree below it has all
	laneWidth      = 26
	laneHead       = 78 // for the names of the lanes
	rowHeight      = 24
	gapHeightMax   = 66
	gapShown       = time.Second // gaps from this one on are written beside the axis
	drawnWidth     = 600
)

// drawing is a trace on an axis of time that runs downwards. A gap in time is drawn the higher the longer it is, by its logarithm.
type drawing struct {
	Width, Height int
	Lanes         []drawnLane
	Links         []string // paths of SVG from cause to effect
	Dots          []drawnDot
	Gaps          []drawnGap
	From, To      time.Time
	Longest       string // gap
	Left          int    // events that have no room
}

// drawnLane is a column for one kind of stream.
type drawnLane struct {
	X    int
	Name string
}

// drawnDot is an event.
type drawnDot struct {
	X, Y  int
	TextX int
	Clock string // with the day where a new one begins
	Name  string
	Kind  string // money, file, letter or nothing in particular
}

// drawnGap is time in which nothing happened.
type drawnGap struct {
	X, Y int
	Text string
}

// laneNames are the kinds of streams, in the order in which a purchase meets them.
var laneNames = []struct{ kind, message string }{
	{"customer", "log.lane-customer"}, {"cart", "log.lane-cart"}, {"numbers", "log.lane-numbers"}, {"licence", "log.lane-licence"}, {"order", "log.lane-order"},
	{"proformas", "log.lane-proformas"}, {"statement", "log.lane-statement"}, {"transfer", "log.lane-transfer"}, {"reversal", "log.lane-reversal"}, {"invoice", "log.lane-invoice"},
}

// draw lays out the first events of a trace.
func (w *words) draw(steps []projections.TraceStep) drawing {
	d := drawing{Width: drawnWidth, Left: max(0, len(steps)-drawnEventsMax)}
	steps = steps[:len(steps)-d.Left]
	if len(steps) == 0 {
		return d
	}
	lanes := d.addLanes(w, steps)
	textX := laneWidth*(len(d.Lanes)+1) + 4
	at := map[domain.Position]drawnDot{}
	y, longest := laneHead, time.Duration(0)
	for i, step := range steps {
		if i > 0 {
			gap := max(0, step.Metadata.At.Sub(steps[i-1].Metadata.At))
			longest = max(longest, gap)
			room := gapHeight(gap)
			if gap >= gapShown {
				d.Gaps = append(d.Gaps, drawnGap{X: textX, Y: y + (rowHeight+room)/2 + 4, Text: span(gap)})
			}
			y += rowHeight + room
		}
		kind, _, _ := strings.Cut(step.Stream, "-")
		dot := drawnDot{X: lanes[kind], Y: y, TextX: textX, Clock: clockOf(steps, i), Name: w.eventName(step.Type), Kind: dotKind(step.Event)}
		if cause, drawn := at[step.Cause]; drawn {
			middle := (cause.Y + dot.Y) / 2
			d.Links = append(d.Links, fmt.Sprintf("M%d %dC%d %d %d %d %d %d", cause.X, cause.Y, cause.X, middle, dot.X, middle, dot.X, dot.Y))
		}
		at[step.Position], d.Dots = dot, append(d.Dots, dot)
	}
	d.Height, d.Longest = y+rowHeight, span(longest)
	d.From, d.To = steps[0].Metadata.At, steps[len(steps)-1].Metadata.At
	return d
}

// addLanes makes a lane for each kind of stream that occurs, and answers where they are.
func (d *drawing) addLanes(w *words, steps []projections.TraceStep) map[string]int {
	present := map[string]bool{}
	for _, step := range steps {
		kind, _, _ := strings.Cut(step.Stream, "-")
		present[kind] = true
	}
	lanes := map[string]int{}
	add := func(kind, name string) {
		if lane := laneWidth * (len(d.Lanes) + 1); present[kind] && lanes[kind] == 0 {
			lanes[kind] = lane
			d.Lanes = append(d.Lanes, drawnLane{X: lane, Name: name})
		}
	}
	for _, lane := range laneNames {
		add(lane.kind, w.ready[lane.message])
	}
	var others []string
	for kind := range present {
		others = append(others, kind)
	}
	slices.Sort(others)
	for _, kind := range others {
		add(kind, kind)
	}
	return lanes
}

// clockOf is the time of a step, with its day if the step before it was on another one.
func clockOf(steps []projections.TraceStep, i int) string {
	at := steps[i].Metadata.At.In(poland)
	if i > 0 && DayOf(at) == DayOf(steps[i-1].Metadata.At) {
		return at.Format("15:04:05.000")
	}
	return at.Format("02.01. 15:04:05.000")
}

// gapHeight is the room for a gap: nothing for less than 100 ms, then about 9 pixels for each power of ten.
func gapHeight(gap time.Duration) int {
	return min(gapHeightMax, int(9*math.Log10(1+float64(gap)/float64(100*time.Millisecond))))
}

// dotKind says what an event looks like.
func dotKind(event domain.Event) string {
	switch event.(type) {
	case domain.LetterSent, domain.BalanceLetterSent, domain.LoginLetterSent, domain.ActivationFileSent:
		return "letter"
	case domain.PaymentReceived, domain.TransferReceived, domain.TransferMatched:
		return "money"
	case domain.ActivationFileIssued:
		return "file"
	}
	return ""
}
