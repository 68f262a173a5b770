package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"netrom.pl/portal/infra/mail"
)

// postbox reads what arrived at the demonstration's mail server.
type postbox struct {
	sink *mail.Sink
}

func (p *postbox) count() int { return len(p.sink.Messages()) }

// await waits for a letter that arrived after the first so many.
func (p *postbox) await(ctx context.Context, after int, wanted func(mail.Letter) bool) (mail.Letter, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, letterPatience, errors.New("it did not come in time"))
	defer cancel()
	for {
		arrived := p.sink.Messages()
		for _, message := range arrived[after:] {
			letter, err := mail.Parse(message.Data)
			if err != nil {
				return letter, fmt.Errorf("read letter: %w", err)
			}
			if wanted(letter) {
				return letter, nil
			}
		}
		after = len(arrived)
		select {
		case <-ctx.Done():
			return mail.Letter{}, context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
