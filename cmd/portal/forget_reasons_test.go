package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
)

// typed is what accounting's people have typed about a payer whom everybody forgets.
var typed = []string{"Przypisał Gertruda Wspaniała", "Odrzuca Gertruda Wspaniała", "Prosi Gertruda Wspaniała", "Spadkobierczyni Hortensja", "12102055580000123400009999",
	"Odmowa Gertrudy Wspaniałej", "Cofnięcie Gertrudy Wspaniałej"}

// reasonsTransfer and reasonsReversal are about whom it was typed.
const reasonsTransfer, reasonsReversal = domain.TransferID("transfer-of-reasons"), domain.TransferID("reversal-of-reasons")

// typeReasons writes everything that people can type about money into the streams of a transfer on the statement that has a payment
// of a customer. It can be read, and stands in no file.
func typeReasons(t *testing.T, data, code string) {
	t.Helper()
	ctx := context.Background()
	base, err := foundation.Open(ctx, foundation.Options{Dir: data, Existing: true})
	if err != nil {
		t.Fatal(err)
	}
	statement, order := statementOf(t, base.Log, domain.CustomerIDOf(code))
	transfer, reversal := reasonsTransfer, reasonsReversal
	parts, open := []domain.MatchPart{{Order: order, Amount: 10_00}}, map[domain.OrderID]domain.Payable{order: {Order: order, Open: 10_00}}
	by := func() domain.Cause {
		return domain.Cause{Command: uuid.NewString(), Actor: "user-test", At: time.Now()}
	}
	money := func(command domain.Command[domain.Transfer]) {
		t.Helper()
		if _, err := domain.Execute(ctx, base.Log, by(), command); err != nil {
			t.Fatalf("%T: %v", command, err)
		}
	}
	back := func(command domain.Command[domain.Reversal]) {
		t.Helper()
		if _, err := domain.Execute(ctx, base.Log, by(), command); err != nil {
			t.Fatalf("%T: %v", command, err)
		}
	}
	money(domain.ReceiveTransfer{TransferReceived: domain.TransferReceived{Transfer: transfer, Statement: statement, Amount: 50_00, ValueOn: "2026-01-02", BookedOn: "2026-01-02", Raw: "raw"}})
	money(domain.MatchByHand{Transfer: transfer, Parts: parts, Open: open, Reason: typed[0], Account: "user-a", Seen: 50_00})
	money(domain.RejectMatch{Transfer: transfer, Proposal: 1, Reason: typed[1], Account: "user-b"})
	money(domain.ProposeRefund{Transfer: transfer, Amount: 20_00, PayeeName: typed[3], PayeeAccount: domain.NRB(typed[4]), Reason: typed[2], Account: "user-a", Seen: 50_00})
	money(domain.DecideRefund{Transfer: transfer, Refund: 1, Reason: typed[5], Account: "user-b"})
	back(domain.ReceiveReversal{ReversalReceived: domain.ReversalReceived{Reversal: reversal, Statement: statement, Amount: 50_00, ValueOn: "2026-01-02", BookedOn: "2026-01-02"}})
	back(domain.LinkReversal{ReversalMatched: domain.ReversalMatched{Reversal: reversal, Transfer: transfer, Reason: typed[6], Account: "user-a"}, Left: 50_00})
	money(domain.ReverseTransfer{TransferReversed: domain.TransferReversed{Transfer: transfer, Reversal: reversal, Amount: 50_00, ValueOn: "2026-01-02", BookedOn: "2026-01-02"}})
	if err := base.Close(); err != nil {
		t.Fatal(err)
	}
	read := reasonsRead(t, data)
	for _, text := range typed {
		if !strings.Contains(read, text) {
			t.Errorf("%q cannot be read: %s", text, read)
		}
	}
	if found, err := traces(data, typed); err != nil || len(found) > 0 {
		t.Errorf("%v; what people typed stands in %v", err, found)
	}
}

// statementOf finds a statement with a payment of a customer, and the order that was paid.
func statementOf(t *testing.T, log domain.Log, customer domain.CustomerID) (statement domain.StatementID, order domain.OrderID) {
	t.Helper()
	ctx := context.Background()
	buyers := map[domain.OrderID]domain.CustomerID{}
	for record, err := range log.History(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		switch e := record.Event.(type) {
		case domain.OrderSubmitted:
			buyers[e.Order] = e.Buyer
		case domain.TransferMatched:
			if buyers[e.Order] == customer {
				paid, err := domain.Load[domain.Transfer](ctx, log, domain.TransferStream(e.Transfer))
				if err != nil {
					t.Fatal(err)
				}
				return paid.State.Statement, e.Order
			}
		}
	}
	t.Fatal("the customer has paid nothing")
	return "", ""
}

// reasonsRead is what was typed, as the log gives it with the keys that are there.
func reasonsRead(t *testing.T, data string) string {
	t.Helper()
	ctx := context.Background()
	base, err := foundation.Open(ctx, foundation.Options{Dir: data, Existing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	var words []string
	for _, stream := range []string{domain.TransferStream(reasonsTransfer), domain.ReversalStream(reasonsReversal)} {
		for record, err := range base.Log.Read(ctx, stream, 0) {
			if err != nil {
				t.Fatal(err)
			}
			switch e := record.Event.(type) {
			case domain.MatchProposed:
				words = append(words, e.Reason)
			case domain.MatchRejected:
				words = append(words, e.Reason)
			case domain.RefundProposed:
				words = append(words, e.Reason, e.PayeeName, e.PayeeAccount)
			case domain.RefundRejected:
				words = append(words, e.Reason)
			case domain.ReversalMatched:
				words = append(words, e.Reason)
			}
		}
	}
	return strings.Join(words, "|")
}
