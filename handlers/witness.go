package handlers

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"netrom.pl/portal/domain"
)

// How often strangers may ask for checkpoints, all of them together: each proof reads some files.
const (
	checkpointsEvery = 100 * time.Millisecond
	checkpointsBurst = 100
)

// pace allows something so often. Safe for concurrent use.
type pace struct {
	mu    sync.Mutex
	every time.Duration // more than 0
	burst int           // at once, after a pause
	free  time.Time     // when as much as possible was allowed again
}

// allows tells whether it may be done once more at a moment.
func (p *pace) allows(at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.Before(at) {
		p.free = at
	}
	next := p.free.Add(p.every)
	if next.Sub(at) > time.Duration(p.burst)*p.every {
		return false
	}
	p.free = next
	return true
}

// sendCheckpoint hands the newest signed checkpoint to whoever wants it. It says how many events the log has, and nothing about them.
func (s *Server) sendCheckpoint(c *call) (reply, error) {
	newest, err := s.newestCheckpoint(c, 0)
	return reply{download: &download{contentType: "text/plain; charset=utf-8", content: newest.Note}}, err
}

// sendContinuation hands out the newest signed checkpoint with the proof that its tree begins with that of an older one. A log that
// has fewer events than it is asked for says so by its checkpoint, without a proof.
func (s *Server) sendContinuation(c *call) (reply, error) {
	text := mux.Vars(c.Request)["size"]
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != text {
		return reply{}, domain.Refusal{Code: domain.NotFound}
	}
	newest, err := s.newestCheckpoint(c, size)
	return reply{download: &download{contentType: "text/plain; charset=utf-8", content: newest.Continuation}}, err
}

func (s *Server) newestCheckpoint(c *call, oldSize int64) (Checkpoint, error) {
	if !s.checkpoints.allows(c.at) {
		return Checkpoint{}, domain.Refusal{Code: tooManyRequests}
	}
	newest, err := s.Evidence.Newest(oldSize)
	if errors.Is(err, ErrNotSigned) {
		return newest, domain.Refusal{Code: domain.NotFound}
	}
	if err != nil {
		return newest, fmt.Errorf("find the newest checkpoint: %w", err)
	}
	return newest, nil
}
