package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// Limits of the connections on which pages are told of changes.
const (
	watchersEach   = 5    // of one session: browsers have no more than six connections to a host over HTTP/1.1
	watchersMax    = 1000 // of all sessions
	watchedMax     = 5 * time.Minute
	heartbeatEvery = 20 * time.Second
	tellMax        = 10 * time.Second       // for one message to leave
	lookAgainAfter = 250 * time.Millisecond // changes that follow one another are told together
	markMax        = 100                    // bytes of what a page says it has seen
)

// watchers counts who waits for changes. The zero value counts nobody. It is safe for concurrent use.
type watchers struct {
	mu        sync.Mutex
	bySession map[string]int
	all       int
	closed    chan struct{}
	stop      sync.Once
}

// enter counts one more of a session, and returns what counts it off; nil when there are too many.
func (w *watchers) enter(session string) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all >= watchersMax || w.bySession[session] >= watchersEach {
		return nil
	}
	w.all++
	w.bySession[session]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all--
		if w.bySession[session]--; w.bySession[session] == 0 {
			delete(w.bySession, session)
		}
	}
}

// StopWatching ends every connection on which a page waits for changes, so that a server can stop. Twice is harmless.
func (s *Server) StopWatching() { s.watchers.stop.Do(func() { close(s.watchers.closed) }) }

// Mark changes whenever the page of an order would look different.
func (o orderView) Mark() string {
	return fmt.Sprintf("%s-%d-%d", o.Status, int64(o.Paid), len(o.Steps))
}

// watchOrder tells the page of an order when there is something new on it, as server-sent events: "changed" with the
// mark of the new state. A page that has connected again says by Last-Event-ID what it has seen.
// Source: HTML Living Standard, section 9.2 Server-sent events.
func (s *Server) watchOrder(c *call) (reply, error) {
	name, err := c.name("order")
	if err != nil {
		return reply{}, err
	}
	id := domain.OrderID(name)
	if _, err := s.order(c, id); err != nil {
		return reply{}, err
	}
	seen := c.Header.Get("Last-Event-ID")
	if seen == "" {
		seen = c.URL.Query().Get("seen")
	}
	if len(seen) > markMax {
		return reply{}, invalidInput("seen", fmt.Sprintf("0–%d", markMax))
	}
	return reply{stream: func(w http.ResponseWriter) error {
		leave := s.watchers.enter(s.token(c))
		if leave == nil {
			return domain.Refusal{Code: tooManyWatchers}
		}
		defer leave()
		s.tellOrderChanges(c, w, id, seen)
		return nil
	}}, nil
}

// tellOrderChanges writes until the reader leaves, the server stops or the connection is old enough for the session to
// be looked at again. What goes wrong ends the connection; the page connects again.
func (s *Server) tellOrderChanges(c *call, w http.ResponseWriter, id domain.OrderID, seen string) {
	ctx, cancel := context.WithTimeout(c.Context(), watchedMax)
	defer cancel()
	go func() {
		select {
		case <-s.watchers.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	connection := http.NewResponseController(w)
	if err := connection.SetReadDeadline(time.Time{}); err != nil { // the server's limit is for requests that end
		return
	}
	tell := func(message string) bool {
		deadline := connection.SetWriteDeadline(time.Now().Add(tellMax))
		_, err := io.WriteString(w, message+"\n\n")
		return errors.Join(deadline, err, connection.Flush()) == nil
	}
	if !tell("retry: 2000") {
		return
	}
	var shown projections.Moment
	for ctx.Err() == nil {
		var err error
		if shown, err = s.await(ctx, shown); errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			if !tell(":") {
				return
			}
			continue
		} else if err != nil {
			return
		}
		view, err := s.order(c, id)
		if err != nil {
			return
		}
		if mark := view.Mark(); mark != seen {
			seen = mark
			if !tell("event: changed\nid: " + mark + "\ndata: " + mark) {
				return
			}
		}
		pause(ctx, lookAgainAfter)
	}
}

// await waits for a change of the order pages' views, at most until it is time for a heartbeat.
func (s *Server) await(ctx context.Context, since projections.Moment) (projections.Moment, error) {
	ctx, cancel := context.WithTimeout(ctx, s.heartbeat)
	defer cancel()
	now, err := s.Await(ctx, since, viewsOfOrders...)
	if err != nil {
		return since, err
	}
	return now, nil
}

func pause(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}
