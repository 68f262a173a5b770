package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// eventView is one event with everything that is known of it.
type eventView struct {
	projections.EventRow
	Schema   int
	Fields   []eventField
	Sealed   bool // personal fields are not shown
	Stored   StoredEvent
	Data     storedBytes
	Metadata storedBytes
	Proof    *Proof                // nil: no checkpoint covers it yet
	Altered  bool                  // the event is not the one that was signed
	Cause    *projections.EventRow // nil: the cause is no event, but the request or a command
	Orders   []domain.OrderID      // that it touches
}

// storedBytes are bytes as the log has them.
type storedBytes struct {
	Text   string // empty: it is no JSON
	Hex    string // as hexdump -C prints it
	SHA256 string
	Bytes  int
}

func storedBytesOf(content []byte) storedBytes {
	sum := sha256.Sum256(content)
	b := storedBytes{Hex: hex.Dump(content), SHA256: hex.EncodeToString(sum[:]), Bytes: len(content)}
	if json.Valid(content) {
		b.Text = string(content)
	}
	return b
}

// showEvent is one event: what it says, who wrote it, when and why, its bytes and the proof that they are those that were signed.
func (s *Server) showEvent(c *call) (reply, error) {
	row, err := s.eventNamed(c)
	if err != nil {
		return reply{}, err
	}
	view := eventView{EventRow: row, Sealed: !s.AuditorsSeePersonalData}
	record, err := s.recordOf(c, row)
	if err != nil {
		return reply{}, err
	}
	view.Schema = record.Metadata.Schema
	view.Fields = readableFields(record.Event, spoken[c.language], view.Sealed)
	for _, subject := range projections.SubjectsOf(record) {
		if order, ok := projections.IdentityIn[domain.OrderID](subject); ok {
			view.Orders = append(view.Orders, order)
		}
	}
	if err := s.addEvidence(c, &view); err != nil {
		return reply{}, err
	}
	cause, found, err := s.Tables.EventByID(c.Context(), row.Causation)
	if err != nil {
		return reply{}, err
	}
	if found {
		view.Cause = &cause
	}
	err = s.inspected(c, domain.EventInspection, map[string]string{"position": strconv.FormatUint(uint64(row.Position), 10)}, 1)
	return reply{page: "event", subject: "@" + strconv.FormatUint(uint64(row.Position), 10), view: view}, err
}

// eventNamed finds the event whose position or id stands in the path.
func (s *Server) eventNamed(c *call) (projections.EventRow, error) {
	name, err := c.name("event")
	if err != nil {
		return projections.EventRow{}, err
	}
	var row projections.EventRow
	var ok bool
	if position, malformed := strconv.ParseUint(name, 10, 63); malformed == nil {
		row, ok, err = s.Tables.EventAt(c.Context(), domain.Position(position))
	} else {
		row, ok, err = s.Tables.EventByID(c.Context(), name)
	}
	if err == nil && !ok {
		err = c.missing()
	}
	return row, err
}

// recordOf reads what the index points to.
func (s *Server) recordOf(c *call, row projections.EventRow) (domain.Record, error) {
	for record, err := range s.Log.Read(c.Context(), row.Stream, row.Revision) {
		if err != nil {
			return domain.Record{}, fmt.Errorf("read event %d: %w", row.Position, err)
		}
		if record.ID == row.ID {
			return record, nil
		}
		break
	}
	return domain.Record{}, fmt.Errorf("read event %d: the log has another event at revision %d of %s than the index says", row.Position, row.Revision, row.Stream)
}

// addEvidence adds the bytes, and the proof if there is one.
func (s *Server) addEvidence(c *call, view *eventView) error {
	stored, ok, err := s.Evidence.Stored(c.Context(), view.Position)
	if err != nil {
		return fmt.Errorf("read the bytes of event %d: %w", view.Position, err)
	}
	if !ok {
		return fmt.Errorf("read the bytes of event %d: the log has none there", view.Position)
	}
	view.Stored, view.Data, view.Metadata = stored, storedBytesOf(stored.Data), storedBytesOf(stored.Metadata)
	proof, err := s.Evidence.Prove(c.Context(), view.Position)
	switch {
	case err == nil:
		view.Proof = &proof
	case errors.Is(err, ErrAltered):
		view.Altered = true
	case !errors.Is(err, ErrNotSigned):
		return fmt.Errorf("prove event %d: %w", view.Position, err)
	}
	return nil
}

// sendProof hands out the proof that an event is in the log, to be checked anywhere with the public keys.
func (s *Server) sendProof(c *call) (reply, error) {
	row, err := s.eventNamed(c)
	if err != nil {
		return reply{}, err
	}
	proof, err := s.Evidence.Prove(c.Context(), row.Position)
	if errors.Is(err, ErrNotSigned) {
		return reply{}, domain.Refusal{Code: notSigned}
	}
	if err != nil {
		return reply{}, fmt.Errorf("prove event %d: %w", row.Position, err)
	}
	name := fmt.Sprintf("%s-%d.tlog-proof", row.Type, row.Position)
	err = s.inspected(c, domain.ProofInspection, map[string]string{"position": strconv.FormatUint(uint64(row.Position), 10)}, 1)
	return reply{download: &download{contentType: "text/plain; charset=utf-8", name: name, content: proof.File}}, err
}
