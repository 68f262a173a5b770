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
	sessionEvery   = 3 * time.Second        // a look whether the session still lives
	tellMax        = 10 * time.Second       // for one message to leave
	lookAgainAfter = 250 * time.Millisecond // changes that follow one another are told together
	markMax        = 100                    // bytes of what a page says it has seen
)

// watchers knows who waits for changes. The zero value knows nobody. It is safe for concurrent use.
type watchers struct {
	mu      sync.Mutex
	open    map[*watcher]context.CancelFunc
	stopped bool
}

// watcher is one connection on which a page waits for changes.
type watcher struct {
	session string // token
	account string // that the session belongs to
}

// enter counts one more of a session. Its context ends when the session does, and with leave, which counts it off. It
// answers false when there are too many.
func (w *watchers) enter(ctx context.Context, one watcher) (watching context.Context, leave func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ofSession := 0
	for other := range w.open {
		if other.session == one.session {
			ofSession++
		}
	}
	if len(w.open) >= watchersMax || ofSession >= watchersEach {
		return nil, nil, false
	}
	watching, end := context.WithTimeout(ctx, watchedMax)
	if w.stopped {
		end()
	}
	if w.open == nil {
		w.open = map[*watcher]context.CancelFunc{}
	}
	w.open[&one] = end
	return watching, func() {
		end()
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.open, &one)
	}, true
}

// end ends the connections of whom it concerns.
func (w *watchers) end(concerns func(watcher) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one, end := range w.open {
		if concerns(*one) {
			end()
		}
	}
}

// endSession logs out, and ends what the session watches at once.
func (s *Server) endSession(ctx context.Context, token string) error {
	if err := s.Sessions.EndSession(ctx, token); err != nil {
		return err
	}
	s.watchers.end(func(w watcher) bool { return w.session == token })
	return nil
}

// dismiss ends what an account watches, after its sessions have ended.
func (s *Server) dismiss(account string) {
	s.watchers.end(func(w watcher) bool { return w.account == account })
}

// StopWatching ends every connection on which a page waits for changes, so that a server can stop. Twice is harmless.
func (s *Server) StopWatching() {
	s.watchers.mu.Lock()
	s.watchers.stopped = true
	s.watchers.mu.Unlock()
	s.watchers.end(func(watcher) bool { return true })
}

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
		ctx, leave, ok := s.watchers.enter(c.Context(), watcher{session: s.token(c), account: c.account.ID})
		if !ok {
			return domain.Refusal{Code: tooManyWatchers}
		}
		defer leave()
		s.tellOrderChanges(ctx, c, w, id, seen)
		return nil
	}}, nil
}

// tellOrderChanges writes until the reader leaves or logs out, the server stops or the connection is old. What goes wrong
// ends the connection; the page connects again. Whether the session still lives is asked before anything is told and
// every few seconds, because it may have been ended by another process.
func (s *Server) tellOrderChanges(ctx context.Context, c *call, w http.ResponseWriter, id domain.OrderID, seen string) {
	w.Header().Set("Content-Type", "text/event-stream")
	connection := http.NewResponseController(w)
	if err := connection.SetReadDeadline(time.Time{}); err != nil { // the server's limit is for requests that end
		return
	}
	var told time.Time
	tell := func(message string) bool {
		told = time.Now()
		deadline := connection.SetWriteDeadline(told.Add(tellMax))
		_, err := io.WriteString(w, message+"\n\n")
		return errors.Join(deadline, err, connection.Flush()) == nil
	}
	if !tell("retry: 2000") {
		return
	}
	var shown projections.Moment
	for ctx.Err() == nil {
		now, err := s.await(ctx, shown)
		if err != nil && (!errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil) {
			return
		}
		if lives, err := s.Sessions.SessionLives(ctx, s.token(c)); err != nil || !lives {
			return
		}
		if now == shown {
			if time.Since(told) >= s.heartbeat && !tell(":") {
				return
			}
			continue
		}
		shown = now
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

// await waits for a change of the order pages' views, at most until it is time to look at the session or to show that
// the connection lives.
func (s *Server) await(ctx context.Context, since projections.Moment) (projections.Moment, error) {
	ctx, cancel := context.WithTimeout(ctx, min(s.heartbeat, s.sessionLook))
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
