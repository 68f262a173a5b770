package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/pubsub"
)

// fulfilmentConsumer is the process manager's name at the log; its place in the log is kept under it.
const fulfilmentConsumer = "fulfilment"

// poisonStream keeps what the process manager could not digest, for people to look at. What such an event owes stays
// on the task list and is tried again from there.
const poisonStream = "poison-fulfilment"

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
		middleware.Retry{MaxRetries: 6, InitialInterval: 200 * time.Millisecond, MaxInterval: 20 * time.Second, Multiplier: 3}.Middleware,
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
