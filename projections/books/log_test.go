package books

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// story is a log that a test writes event by event.
type story struct {
	records []domain.Record
	at      time.Time
	reads   int // of single streams
}

// begins is when every story does.
var begins = time.Date(2026, 10, 28, 9, 0, 0, 0, time.UTC)

func newStory() *story { return &story{at: begins} }

// on sets the clock to nine o'clock (UTC) of a day.
func (s *story) on(day string) *story {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	s.at = at.Add(9 * time.Hour)
	return s
}

// happens appends events to a stream. Positions have gaps, as those of a real log do.
func (s *story) happens(stream string, events ...domain.Event) *story {
	var revision domain.Revision
	for _, r := range s.records {
		if r.Stream == stream {
			revision = r.Revision + 1
		}
	}
	for i, event := range events {
		n := len(s.records) + 1
		s.records = append(s.records, domain.Record{Type: reflect.TypeOf(event).Name(), Stream: stream, Revision: revision + domain.Revision(i), Position: domain.Position(10 * n),
			Proposed: domain.Proposed{ID: fmt.Sprintf("event-%d", n), Event: event, Metadata: domain.Metadata{Actor: "system:test", At: s.at}}})
		s.at = s.at.Add(time.Minute)
	}
	return s
}

func (s *story) History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return s.yield(ctx, func(r domain.Record) bool { return r.Position > after })
}

func (s *story) Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	s.reads++
	return s.yield(ctx, func(r domain.Record) bool { return r.Stream == stream && r.Revision >= from })
}

func (s *story) yield(ctx context.Context, wanted func(domain.Record) bool) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		for _, record := range s.records {
			if err := ctx.Err(); err != nil {
				yield(domain.Record{}, err)
				return
			}
			if wanted(record) && !yield(record, nil) {
				return
			}
		}
	}
}

const account = domain.NRB("84102055580000123400005678")

// ordered is an order with one line for each net amount, at 23 % VAT.
func (s *story) ordered(sequence int, nets ...domain.Money) *story {
	number, id := domain.OrderNumber{Year: 2026, Sequence: sequence}, orderID(sequence)
	order := domain.OrderSubmitted{Order: id, Number: number, Buyer: "alfa", Bank: domain.BankData{Account: account}, DueOn: "2026-11-11"}
	for i, net := range nets {
		line := domain.Line{Line: i + 1, Licence: licenceID(sequence, i+1), Amounts: domain.AmountsOf(net, 23)}
		order.Lines, order.Total = append(order.Lines, line), order.Total.Plus(line.Amounts)
	}
	return s.happens("numbers-2026", domain.OrderNumberAssigned{Order: id, Number: number}).
		happens(domain.OrderStream(id), order, domain.LetterSent{Order: id, Kind: domain.ConfirmTask})
}

func orderID(sequence int) domain.OrderID { return domain.OrderID(fmt.Sprint("o-", sequence)) }

func licenceID(sequence, line int) domain.LicenceID {
	return domain.LicenceIDOf(fmt.Sprint(sequence, "-", line))
}

// money is a transfer on a statement of its own.
type money struct {
	reference string
	amount    domain.Money
	on        domain.Day
	order     int // 0: none
}

// arrives imports a statement with transfers, and books those that are for an order.
func (s *story) arrives(number string, opening domain.Money, transfers ...money) *story {
	statement := domain.StatementImported{Statement: domain.StatementID("s-" + number), Account: account, Number: number, Opening: opening, Closing: opening}
	for _, m := range transfers {
		statement.Transfers, statement.Closing, statement.ClosedOn = append(statement.Transfers, m.id()), statement.Closing+m.amount, max(statement.ClosedOn, m.on)
	}
	s.happens(domain.StatementStream(statement.Statement), statement)
	for _, m := range transfers {
		s.happens(domain.TransferStream(m.id()), domain.TransferReceived{Transfer: m.id(), Statement: statement.Statement, Account: account,
			Amount: m.amount, ValueOn: m.on, BookedOn: m.on, BankReference: m.reference})
		if m.order > 0 {
			s.matched(m)
		}
	}
	return s
}

func (s *story) matched(m money) *story {
	return s.happens(domain.TransferStream(m.id()), domain.TransferMatched{Transfer: m.id(), Order: orderID(m.order),
		Number: domain.OrderNumber{Year: 2026, Sequence: m.order}, Amount: m.amount, ValueOn: m.on, Rule: domain.MatchedByReference}).
		happens(domain.OrderStream(orderID(m.order)), domain.PaymentReceived{Order: orderID(m.order), Transfer: m.id(), Amount: m.amount, ValueOn: m.on})
}

func (m money) id() domain.TransferID { return domain.TransferID("t-" + m.reference) }

// delivered issues and sends the activation files of an order.
func (s *story) delivered(sequence, lines int) *story {
	id := orderID(sequence)
	for line := range lines {
		s.happens(domain.LicenceStream(licenceID(sequence, line+1)), domain.LicencePaid{Licence: licenceID(sequence, line+1), Order: id})
	}
	s.happens(domain.OrderStream(id), domain.LicencesMarkedPaid{Order: id})
	for line := range lines {
		s.happens(domain.OrderStream(id), domain.ActivationFileIssued{Order: id, Line: line + 1, Licence: licenceID(sequence, line+1), File: []byte("file")},
			domain.ActivationFileSent{Order: id, Line: line + 1, Copy: 1})
	}
	return s
}

// autumn is what the reports of the tests are about.
func autumn() *story {
	return newStory().
		ordered(1, 100_00, 49_99).ordered(2, 200_00).ordered(3, 10_00).ordered(4, 20_00).
		on("2026-10-30").arrives("1", 0, money{"A1", 184_49, "2026-10-29", 1}, money{"A2", 100_00, "2026-10-30", 2}, money{"A3", 5_55, "2026-10-30", 0}).
		delivered(1, 2).
		happens(domain.OrderStream(orderID(4)), domain.OrderCancelled{Order: orderID(4)}, domain.LicencesReleased{Order: orderID(4)}).
		on("2026-11-03").arrives("2", 290_04, money{"B1", 150_00, "2026-11-02", 2}).
		delivered(2, 1).
		on("2027-01-04").arrives("3", 440_04, money{"C1", 12_30, "2026-12-31", 3}).delivered(3, 1)
}

func printed(t *testing.T, source Source, report string, q Question, format func(*buffer) Printer) (string, Seal) {
	t.Helper()
	var out buffer
	seal, err := Print(t.Context(), source, report, q, format(&out))
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), seal
}

// positionOf the first event of a type.
func (s *story) positionOf(kind string) domain.Position {
	for _, r := range s.records {
		if r.Type == kind {
			return r.Position
		}
	}
	return 0
}
