package foundation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/bank"
)

// BookStatement books a parsed statement of the bank; see [handlers.Cashier.Book]. The bookings are those of [Incoming], in this order.
func BookStatement(ctx context.Context, log domain.Log, by domain.Cause, s bank.Statement) ([]handlers.Booking, error) {
	bookings, _, err := BookWith(ctx, handlers.NewCashier(log), by, s)
	return bookings, err
}

// BookWith books the incoming and the outgoing entries of a statement; the departures know their lines.
func BookWith(ctx context.Context, cashier *handlers.Cashier, by domain.Cause, s bank.Statement) ([]handlers.Booking, []handlers.Departure, error) {
	statement, err := convert(s)
	if err != nil {
		return nil, nil, err
	}
	return cashier.BookAll(ctx, by, statement)
}

// ReadStatements reads a file of the bank for [handlers.Options]. It answers a [*handlers.FileProblem] for a file that
// cannot be read.
func ReadStatements(content []byte) ([]handlers.BankStatement, error) {
	parsed, err := bank.ParseBytes(content)
	if refused := new(bank.ParseError); errors.As(err, &refused) {
		return nil, &handlers.FileProblem{Line: refused.Line, Remedy: string(refused.Remedy()), Detail: refused.Reason}
	}
	if err != nil {
		return nil, err
	}
	statements := make([]handlers.BankStatement, len(parsed))
	for i, s := range parsed {
		if statements[i], err = convert(s); err != nil {
			return nil, err
		}
	}
	return statements, nil
}

// convert writes a statement of the bank in the words of the domain.
func convert(s bank.Statement) (handlers.BankStatement, error) {
	account, err := domain.ParseNRB(s.Account)
	if err != nil {
		return handlers.BankStatement{}, fmt.Errorf("read account %s of statement %s: %w", s.Account, s.Number, err)
	}
	id := domain.StatementID(domain.NameID("statement", string(account), s.Number, string(s.ClosedOn)))
	statement := handlers.BankStatement{Currency: s.Currency, StatementImported: domain.StatementImported{Statement: id, Account: account, Number: s.Number,
		OpenedOn: domain.Day(s.OpenedOn), ClosedOn: domain.Day(s.ClosedOn), Opening: domain.Money(s.OpeningGrosz), Closing: domain.Money(s.ClosingGrosz)}}
	if len(s.Entries) > 0 {
		statement.Entries = make([]handlers.BankEntry, 0, len(s.Entries))
	}
	digest := sha256.New()
	var raw []byte
	for i := range s.Entries {
		entry := &s.Entries[i]
		raw = append(append(strconv.AppendInt(raw[:0], int64(len(entry.Raw)), 10), ':'), entry.Raw...)
		digest.Write(raw)
		line := handlers.BankEntry{Line: entry.Line, Left: leftReason(s.Currency, entry), Received: domain.TransferReceived{
			Transfer: domain.TransferID(domain.NameID("transfer", string(account), entry.Key)), Statement: id, Account: account, PaidTo: entry.PaidTo,
			Amount: domain.Money(entry.AmountGrosz), ValueOn: domain.Day(entry.ValueDate), BookedOn: domain.Day(entry.BookedOn),
			BankReference: entry.BankReference, Title: entry.Title, PayerName: entry.PayerName, PayerAccount: entry.PayerAccount, Raw: entry.Raw,
		}}
		if line.Left == "" {
			statement.Transfers = append(statement.Transfers, line.Received.Transfer)
		}
		statement.Entries = append(statement.Entries, line)
	}
	statement.Digest = hex.EncodeToString(digest.Sum(nil))
	return statement, nil
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

func comesIn(s bank.Statement, entry bank.Entry) bool { return leftReason(s.Currency, &entry) == "" }

// leftReason says why no order can be paid with an entry in a currency; empty: one can.
func leftReason(currency string, entry *bank.Entry) string {
	switch {
	case currency != "PLN":
		return handlers.LeftForeign
	case entry.Mark == bank.Debit:
		return handlers.LeftOutgoing
	case entry.Mark != bank.Credit:
		return handlers.LeftReversal
	case entry.AmountGrosz <= 0:
		return handlers.LeftNothing
	}
	return ""
}

// Left is an entry of a statement that is not booked on orders.
type Left struct {
	Line int
	Why  string
}

// LeftOut lists the entries that are not booked: ordinary debits, debits taken back, foreign currency, nothing at all. taken are the
// outgoing entries that were.
func LeftOut(s bank.Statement, taken []handlers.Departure) []Left {
	var left []Left
	for _, entry := range s.Entries {
		if slices.ContainsFunc(taken, func(d handlers.Departure) bool { return d.Line == entry.Line && (d.Reversal || d.Refund > 0) }) {
			continue
		}
		var why string
		switch leftReason(s.Currency, &entry) {
		case handlers.LeftForeign:
			why = "in " + s.Currency + "; orders are paid in PLN"
		case handlers.LeftNothing:
			why = "moves no money"
		case handlers.LeftReversal:
			why = "a debit taken back (" + string(entry.Mark) + "): check by hand which one"
		case handlers.LeftOutgoing:
			why = "outgoing"
		default:
			continue
		}
		left = append(left, Left{Line: entry.Line, Why: why})
	}
	return left
}
