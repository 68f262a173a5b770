package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/postgres"
	"netrom.pl/portal/infra/pubsub"
)

// fulfilmentConsumer is the process manager's name at the log; its place in the log is kept under it.
const fulfilmentConsumer = "fulfilment"

// poisonStream keeps what the process manager could not digest, for people to look at. What such an event owes stays
// on the task list and is tried again from there.
const poisonStream = "poison-fulfilment"

const (
	tasksEvery   = time.Second     // between two looks at the list of what is due
	restartPause = 5 * time.Second // after a failure of the process manager; time enough for another portal to take it over
)

// keepProcessManager runs the process manager whenever it is this portal's turn. When it fails, the portal says why and
// begins again: what is owed stays owed.
func (p *portal) keepProcessManager(ctx context.Context) {
	for ctx.Err() == nil {
		err := postgres.Alone(ctx, p.base.DB, fulfilmentConsumer, p.runProcessManager)
		if ctx.Err() != nil {
			return
		}
		p.logger.Error("the process manager has stopped; it will try again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(restartPause):
		}
	}
}

// runProcessManager reacts to the log's events as they come, and every second to what the task list says is due. It
// ends with ctx, or when the events no longer come; a task in hand is brought to its end then.
func (p *portal) runProcessManager(ctx context.Context) error {
	checkpoints, err := pubsub.OpenCheckpoints(ctx, p.base.DB)
	if err != nil {
		return err
	}
	subscriber := pubsub.NewSubscriber(p.base.Log, checkpoints, p.fulfilment.Concerns, quietly(p.logger))
	router, err := newRouter(subscriber, p.poison, p.fulfilment, p.logger)
	if err != nil {
		return err
	}
	var due sync.WaitGroup
	routed := make(chan struct{})
	due.Go(func() { p.workOff(ctx, routed) })
	defer due.Wait()
	defer close(routed)
	if err := router.Run(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	return errors.Join(errors.New("the log's events no longer come"), subscriber.Err())
}

// workOff does what is due until ctx ends, or enough is closed.
func (p *portal) workOff(ctx context.Context, enough <-chan struct{}) {
	for ticker := time.Tick(tasksEvery); ; {
		if _, err := p.fulfilment.WorkOff(ctx); err != nil && ctx.Err() == nil {
			p.logger.Error("work off due tasks", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-enough:
			return
		case <-ticker:
		}
	}
}

// newRouter carries the log's events to the process manager: in order, one at a time, each acknowledged only after
// what it made due is done or recorded as failed.
func newRouter(subscriber message.Subscriber, poison message.Publisher, fulfilment *handlers.Fulfilment, logger *slog.Logger) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, quietly(logger))
	if err != nil {
		return nil, fmt.Errorf("make router: %w", err)
	}
	poisonQueue, err := middleware.PoisonQueue(poison, poisonStream)
	if err != nil {
		return nil, fmt.Errorf("make poison queue: %w", err)
	}
	router.AddMiddleware(
		poisonQueue,
		middleware.Retry{MaxRetries: 6, InitialInterval: 200 * time.Millisecond, MaxInterval: 20 * time.Second, Multiplier: 3, Logger: quietly(logger)}.Middleware,
		middleware.Recoverer,
	)
	router.AddNoPublisherHandler(fulfilmentConsumer, fulfilmentConsumer, subscriber, func(m *message.Message) error {
		record, ok := pubsub.RecordOf(m)
		if !ok {
			return fmt.Errorf("message %s carries no record", m.UUID)
		}
		return fulfilment.React(m.Context(), record)
	})
	return router, nil
}

// quietly keeps what Watermill tells of its daily life for those who want to see details.
func quietly(logger *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(logger, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
}
