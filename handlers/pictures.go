package handlers

import (
	"fmt"
	"strings"
	"time"

	"rsc.io/qr"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// quietZone is the empty margin of a QR code, in modules. Source: ISO/IEC 18004, section 6.3.8.
const quietZone = 4

// matrix is a QR code as an SVG path in a square of Size modules.
type matrix struct {
	Size int
	Path string
}

// matrixOf draws a text with the error correction level that the recommendation for transfer codes asks for.
// Source: Związek Banków Polskich, Rekomendacja dotycząca kodu dwuwymiarowego ("2D"), version 1.0: level L.
func matrixOf(text string) (*matrix, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			width := 0
			for code.Black(x+width, y) && x+width < code.Size {
				width++
			}
			if width > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quietZone, y+quietZone, width, width)
				x += width
			}
		}
	}
	return &matrix{Size: code.Size + 2*quietZone, Path: path.String()}, nil
}

// milestone is a point on an order's way.
type milestone struct {
	What  string    // ordered, letter, money, files, cancelled or lapsed
	State string    // done, now or later
	At    time.Time // when it was reached; zero: not yet
	X     int       // where it is drawn
}

// From and To are the ends of the line that leads to it.
func (m milestone) From() int { return m.X - wayStep + wayGap }

// To is the end of that line.
func (m milestone) To() int { return m.X - wayGap }

// Width of the picture of an order's way, and from one milestone to the next.
const (
	wayWidth = 400
	wayStep  = 100
	wayGap   = 18 // between the middle of a milestone and a line
)

// wayOf says how far an order has come: what is done, what it waits for, and what is still to come.
func wayOf(o orderView) []milestone {
	reached := map[string]time.Time{}
	for _, step := range o.Steps {
		reached[step.What] = step.At // of payments and files the last one counts
	}
	way := []milestone{{What: "ordered", At: reached[projections.StepSubmitted]}, {What: "letter", At: reached[projections.StepConfirmationSent]}}
	if o.Status == domain.CancelledStatus {
		way = append(way, milestone{What: "cancelled", At: reached[projections.StepCancelled]})
	} else if o.Lapsed() {
		way = append(way, milestone{What: "lapsed", At: reached[projections.StepLapsed]})
	} else {
		money, files := milestone{What: "money"}, milestone{What: "files"}
		if o.Open == 0 {
			money.At = reached[projections.StepPayment]
		}
		if o.Status == domain.Fulfilled {
			files.At = reached[projections.StepFileSent]
		}
		way = append(way, money, files)
	}
	waits := false
	for i := range way {
		m := &way[i]
		m.X = wayStep/2 + i*wayStep
		switch {
		case !m.At.IsZero():
			m.State = "done"
		case !waits:
			m.State, waits = "now", true
		default:
			m.State = "later"
		}
	}
	return way
}
