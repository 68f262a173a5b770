package projections

import (
	"context"
	"fmt"
	"time"
)

// A process that is stopped without being ended keeps its connections, and with them its views. So the server ends the
// connection of an owner that is silent for too long, and an owner with nothing to write says something now and then.
const (
	beatEvery  = 2 * time.Second
	silenceMax = 3 * beatEvery
)

// limitSilence has the server end this connection when it is silent for too long, inside a transaction or outside.
func (s *Session) limitSilence(ctx context.Context) error {
	limit := silenceMax.Milliseconds()
	_, err := s.conn.ExecContext(ctx, fmt.Sprintf(`set idle_session_timeout = %d; set idle_in_transaction_session_timeout = %d`, limit, limit))
	if err != nil {
		return fmt.Errorf("limit how long a frozen portal keeps a view (PostgreSQL 14 or newer is needed): %w", err)
	}
	return nil
}

// beat breaks the silence of an owner until ctx ends. When the connection is lost, so is the view.
func (o *owner) beat(ctx context.Context) {
	for ticker := time.Tick(beatEvery); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker:
		}
		if !o.alive() {
			o.cancel()
			return
		}
	}
}

func (o *owner) alive() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over || o.broken != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), beatEvery)
	defer cancel()
	if err := o.session.conn.PingContext(ctx); err != nil {
		o.broken = fmt.Errorf("keep the view: %w", err)
	}
	return o.broken == nil
}
