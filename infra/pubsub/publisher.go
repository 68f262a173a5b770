package pubsub

import (
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"netrom.pl/portal/domain"
)

// Publisher is the message.Publisher for Watermill's poison queue: it records in the log what a consumer could not
// digest and why. The topic is the stream, such as "poison-fulfilment". Only messages of a [Subscriber] can be published.
type Publisher struct {
	log domain.Log
	now func() time.Time
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a publisher; now is the portal's clock.
func NewPublisher(log domain.Log, now func() time.Time) *Publisher { return &Publisher{log, now} }

// Publish records the messages, one after the other. The same message again changes nothing.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	for _, msg := range messages {
		record, ok := RecordOf(msg)
		if !ok {
			return fmt.Errorf("publish to %s: message %s carries no event of the log", topic, msg.UUID)
		}
		consumer := msg.Metadata.Get(middleware.PoisonedTopicKey)
		by := domain.Cause{Command: domain.NameID("set aside", consumer, record.ID), Actor: "system:" + consumer,
			Correlation: record.Metadata.Correlation, Causation: record.ID, At: p.now()}
		_, err := domain.Execute(msg.Context(), p.log, by, domain.SetAside{Queue: topic, MessagePoisoned: domain.MessagePoisoned{
			Consumer: consumer, Event: record.ID, Type: record.Type, Stream: record.Stream, Position: record.Position,
			Reason: msg.Metadata.Get(middleware.ReasonForPoisonedKey)}})
		if err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
	}
	return nil
}

// Close does nothing: Publish is done when it returns.
func (p *Publisher) Close() error { return nil }
