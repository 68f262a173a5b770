package eventstore

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
)

func TestPage(t *testing.T) {
	c, _ := testCodec(t)
	s := &Store{codec: *c}
	event := func(position uint64) arrival {
		data, err := c.encode(t.Context(), domain.Proposed{ID: uuid.NewString(), Event: domain.OrderCancelled{Order: "o-1"}})
		if err != nil {
			t.Fatal(err)
		}
		e := stored(data)
		e.Position.Commit = position
		return arrival{event: e}
	}
	stranger := event(30)
	stranger.event.EventType = "Stranger"
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		arrivals []arrival
		page     []domain.Position
		at       domain.Position
		fails    bool
		left     int
	}{
		"takes what is there":              {arrivals: []arrival{event(10), event(20)}, page: []domain.Position{10, 20}, at: 20},
		"a checkpoint moves the place":     {arrivals: []arrival{{checkpoint: 50}}, at: 50},
		"a late checkpoint changes none":   {arrivals: []arrival{event(20), {checkpoint: 10}}, page: []domain.Position{20}, at: 20},
		"the end comes after the rest":     {arrivals: []arrival{event(10), {err: broken}, event(20)}, page: []domain.Position{10}, at: 10, fails: true, left: 1},
		"what is unreadable ends the page": {arrivals: []arrival{event(10), {checkpoint: 20}, stranger}, page: []domain.Position{10}, at: 20, fails: true},
		"a full page":                      {arrivals: slices.Repeat([]arrival{event(10)}, PageMax+3), page: slices.Repeat([]domain.Position{10}, PageMax), at: 10, left: 3},
	} {
		t.Run(name, func(t *testing.T) {
			arrivals := make(chan arrival, len(test.arrivals))
			for _, a := range test.arrivals {
				arrivals <- a
			}
			page, at, _, err := s.page(t.Context(), arrivals)
			var positions []domain.Position
			for _, record := range page {
				positions = append(positions, record.Position)
			}
			if !slices.Equal(positions, test.page) || at != test.at || (err != nil) != test.fails || len(arrivals) != test.left {
				t.Errorf("%d records up to %d, %v, %d left", len(page), at, err, len(arrivals))
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := s.page(ended, make(chan arrival)); !errors.Is(err, context.Canceled) {
		t.Errorf("under an ended context: %v", err)
	}
}
