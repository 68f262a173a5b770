package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// Bundler proves records against the newest checkpoint, in a file to take away: the one that `audit bundle` makes of the order's number
// at that checkpoint, byte for byte. gather finds the records, in the order of the log and none behind the last position. ErrNotSigned as long
// as there is no checkpoint. A file has some 10 KiB for each of at most projections.TraceMax events.
type Bundler func(ctx context.Context, order domain.OrderNumber, gather func(last domain.Position) ([]domain.Record, error)) (file []byte, err error)

// sendBundle hands out everything about an order, to be checked anywhere with the public keys. Personal data stay sealed.
func (s *Server) sendBundle(c *call) (reply, error) {
	name, err := c.name("order")
	if err != nil {
		return reply{}, err
	}
	known, err := domain.Load[domain.Order](c.Context(), s.Log, domain.OrderStream(domain.OrderID(name)))
	if err == nil && !known.State.Exists() {
		err = c.missing()
	}
	if err != nil {
		return reply{}, err
	}
	number, events := known.State.Number, 0
	file, err := s.Bundle(c.Context(), number, func(last domain.Position) ([]domain.Record, error) {
		records, err := s.gatherOrder(c, number, last)
		events = len(records)
		return records, err
	})
	if errors.Is(err, ErrNotSigned) || err == nil && events == 0 {
		return reply{}, domain.Refusal{Code: notSigned}
	}
	if err != nil {
		return reply{}, fmt.Errorf("make the bundle of order %s: %w", number, err)
	}
	if err := s.inspected(c, domain.BundleInspection, map[string]string{"order": number.String()}, events); err != nil {
		return reply{}, err
	}
	return reply{download: &download{contentType: "application/zip", name: "bundle-" + strings.ReplaceAll(number.String(), "/", "-") + ".zip", content: file}}, nil
}

// gatherOrder finds the records of an order up to a position, in the order of the log, once the index has come so far.
func (s *Server) gatherOrder(c *call, number domain.OrderNumber, last domain.Position) ([]domain.Record, error) {
	err := s.seen(c.Context(), last, viewsOfLog...)
	if errors.Is(err, projections.ErrNotYet) {
		return nil, domain.Refusal{Code: notYetVisible}
	}
	if err != nil {
		return nil, err
	}
	view := traceView{Of: number.String()}
	records, err := s.gather(c, &view, last)
	if err == nil && view.Cut {
		err = fmt.Errorf("more than %d events have to do with the order; audit bundle makes one of its days", projections.TraceMax)
	}
	slices.SortFunc(records, func(a, b domain.Record) int { return cmp.Compare(a.Position, b.Position) })
	return records, err
}
