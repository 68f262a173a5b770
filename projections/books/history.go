package books

import (
	"strings"

	"netrom.pl/portal/domain"
)

// history prints every event of every order, in the order of the log.
type history struct {
	books *Books
}

func (h *history) begin(out Printer) error {
	return out.Table(Table{"history", []Column{{"position", Whole, false}, {"recorded_at", Moment, false}, {"effective_on", Date, false}, {"event", Text, false},
		{"amount", Amount, false}, {"line", Whole, false}, {"number", Text, false}, {"order", Text, false}, {"actor", Text, false}, {"on_behalf_of", Text, false}}})
}

func (h *history) see(record domain.Record, _ *Entry, out Printer) error {
	id, ok := strings.CutPrefix(record.Stream, domain.OrderStream(""))
	if !ok {
		return nil
	}
	on, _ := h.books.dayOf(record)
	amount, line := figures(record.Event)
	return out.Row([]any{record.Position, record.Metadata.At.UTC(), on, record.Type, amount, line, h.books.number(domain.OrderID(id)), id, record.Metadata.Actor, record.Metadata.OnBehalfOf})
}

func (h *history) end(Printer) error { return nil }

// figures of an event of an order: its gross amount or that of the payment, and the line that it concerns, 0 for the whole order.
func figures(event domain.Event) (amount domain.Money, line int) {
	switch e := event.(type) {
	case domain.OrderSubmitted:
		amount = e.Total.Gross
	case domain.PaymentReceived:
		amount = e.Amount
	case domain.ActivationFileIssued:
		line = e.Line
	case domain.ActivationFileSent:
		line = e.Line
	case domain.ActivationFileResendRequested:
		line = e.Line
	}
	return amount, line
}
