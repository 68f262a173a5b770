package handlers

import (
	"fmt"
	"slices"

	"netrom.pl/portal/domain"
)

// StatementFile is a file of the bank as somebody has sent it.
type StatementFile struct {
	Name    string
	Content []byte
}

// StatementReader reads a file of the bank, at least one statement. It answers a [*FileProblem] for a file that cannot be read.
type StatementReader func(content []byte) ([]BankStatement, error)

// BankStatement is a statement of the bank with everything that moved.
type BankStatement struct {
	domain.StatementImported
	Currency string // ISO 4217
	Entries  []BankEntry
}

// BankEntry is one movement on an account.
type BankEntry struct {
	Line     int                     // of the file, from 1
	Received domain.TransferReceived // Amount is below 0 for money that went out
	Left     string                  // why no order can be paid with it; empty: one can
}

// The reasons why an entry is left alone.
const (
	LeftOutgoing = "outgoing"
	LeftReversal = "reversal"   // of an earlier entry, which was not found
	LeftTaken    = "taken-back" // a reversal whose transfer was found: its orders lost the money
	LeftRefund   = "refund"     // pays a refund that was confirmed
	LeftForeign  = "foreign-currency"
	LeftNothing  = "no-money"
)

// Incoming are the transfers with which orders can be paid.
func (s BankStatement) Incoming() []domain.TransferReceived {
	incoming := slices.Grow([]domain.TransferReceived(nil), len(s.Transfers))
	for i := range s.Entries {
		if s.Entries[i].Left == "" {
			incoming = append(incoming, s.Entries[i].Received)
		}
	}
	return incoming
}

// FileProblem says why a file cannot be imported.
type FileProblem struct {
	Line   int    // from 1; 0: the file as a whole
	Remedy string // what to do: download-again, choose-form or shorter-period
	Detail string // in English
}

// Error says line and detail.
func (p *FileProblem) Error() string { return fmt.Sprintf("line %d: %s", p.Line, p.Detail) }
