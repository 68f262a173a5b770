package foundation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/bank"
)

// BookStatement books a parsed statement of the bank; see [handlers.BookStatement]. The bookings are those of [Incoming], in this order.
func BookStatement(ctx context.Context, log domain.Log, by domain.Cause, s bank.Statement) ([]handlers.Booking, error) {
	account, err := domain.ParseNRB(s.Account)
	if err != nil {
		return nil, fmt.Errorf("read account %s of statement %s: %w", s.Account, s.Number, err)
	}
	id := domain.StatementID(domain.NameID("statement", string(account), s.Number, string(s.ClosedOn)))
	statement := domain.StatementImported{Statement: id, Account: account, Number: s.Number, ClosedOn: domain.Day(s.ClosedOn),
		Opening: domain.Money(s.OpeningGrosz), Closing: domain.Money(s.ClosingGrosz)}
	var transfers []domain.TransferReceived
	digest := sha256.New()
	for _, entry := range s.Entries {
		fmt.Fprintf(digest, "%d:%s", len(entry.Raw), entry.Raw)
	}
	for _, entry := range Incoming(s) {
		transfer := domain.TransferReceived{
			Transfer: domain.TransferID(domain.NameID("transfer", string(account), entry.Key)), Statement: id, Account: account,
			Amount: domain.Money(entry.AmountGrosz), ValueOn: domain.Day(entry.ValueDate), BookedOn: domain.Day(entry.BookedOn),
			BankReference: entry.BankReference, Title: entry.Title, PayerName: entry.PayerName, PayerAccount: entry.PayerAccount, Raw: entry.Raw,
		}
		statement.Transfers, transfers = append(statement.Transfers, transfer.Transfer), append(transfers, transfer)
	}
	statement.Digest = hex.EncodeToString(digest.Sum(nil))
	return handlers.BookStatement(ctx, log, by, statement, transfers)
}

// Incoming are the entries of a statement with which orders can be paid.
func Incoming(s bank.Statement) []bank.Entry {
	var incoming []bank.Entry
	for _, entry := range s.Entries {
		if comesIn(s, entry) {
			incoming = append(incoming, entry)
		}
	}
	return incoming
}

func comesIn(s bank.Statement, entry bank.Entry) bool {
	return entry.Mark == bank.Credit && s.Currency == "PLN" && entry.AmountGrosz > 0
}

// Left is an entry of a statement that is not booked on orders.
type Left struct {
	Line int
	Why  string
}

// LeftOut lists the entries that no order can be paid with: outgoing money, reversals, foreign currency, nothing at all.
func LeftOut(s bank.Statement) []Left {
	var left []Left
	for _, entry := range s.Entries {
		if comesIn(s, entry) {
			continue
		}
		why := "outgoing"
		switch {
		case s.Currency != "PLN":
			why = "in " + s.Currency + "; orders are paid in PLN"
		case entry.Mark == bank.Credit:
			why = "moves no money"
		case entry.Mark != bank.Debit:
			why = "a reversal (" + string(entry.Mark) + "): check by hand which booking it takes back"
		}
		left = append(left, Left{Line: entry.Line, Why: why})
	}
	return left
}
