package domain

import (
	"testing"
)

func TestImportStatement(t *testing.T) {
	statement := StatementImported{Statement: "s-1", Account: terms.Bank.Account, Number: "12", ClosedOn: "2026-03-12",
		Opening: 100, Closing: 300, Digest: "d1", Transfers: []TransferID{"t-1", "t-2"}}
	with := func(change func(*StatementImported)) ImportStatement {
		s := statement
		change(&s)
		return ImportStatement{s}
	}
	t.Run("once", func(t *testing.T) {
		given[Statement](t).when(ImportStatement{statement}).then(statement)
	})
	t.Run("the same written down in another way", func(t *testing.T) {
		given[Statement](t, statement).when(with(func(s *StatementImported) { s.Digest = "d2" })).then()
	})
	t.Run("the same in another order", func(t *testing.T) {
		given[Statement](t, statement).when(with(func(s *StatementImported) { s.Digest = "d2"; s.Transfers = []TransferID{"t-2", "t-1"} })).then()
	})
	for name, change := range map[string]func(*StatementImported){
		"transfers":       func(s *StatementImported) { s.Transfers = []TransferID{"t-1"} },
		"closing balance": func(s *StatementImported) { s.Closing++ },
		"opening balance": func(s *StatementImported) { s.Opening++ },
		"day":             func(s *StatementImported) { s.ClosedOn = "2027-03-12" },
	} {
		t.Run("the number is taken, other "+name, func(t *testing.T) {
			given[Statement](t, statement).when(with(func(s *StatementImported) { s.Digest = "d2"; change(s) })).refused(ImportConflict, "number", "12")
		})
	}
}

func TestReceiveTransfer(t *testing.T) {
	received := TransferReceived{Transfer: "t-1", Statement: "s-1", Account: terms.Bank.Account, Amount: 859_76, ValueOn: "2026-03-12", Title: "ZAM"}
	match := TransferMatched{Transfer: "t-1", Order: "o-1", Number: OrderNumber{2026, 1}, Amount: 859_76, ValueOn: "2026-03-12", Rule: MatchedByReference}
	other := match
	other.Order = "o-2"
	with := func(match *TransferMatched) ReceiveTransfer {
		if match == nil {
			return ReceiveTransfer{TransferReceived: received}
		}
		return ReceiveTransfer{TransferReceived: received, Matches: []TransferMatched{*match}}
	}
	t.Run("with its order", func(t *testing.T) {
		given[Transfer](t).when(with(&match)).then(received, match)
	})
	t.Run("first without, later with its order", func(t *testing.T) {
		given[Transfer](t).when(with(nil)).then(received).when(with(&match)).then(match)
	})
	t.Run("is never matched a second time", func(t *testing.T) {
		given[Transfer](t, received, match).when(with(&other)).then().when(with(nil)).then()
	})
	t.Run("money that goes out is none", func(t *testing.T) {
		for _, amount := range []Money{0, -1} {
			out := received
			out.Amount = amount
			given[Transfer](t).when(ReceiveTransfer{TransferReceived: out}).refused(InvalidInput, "field", "amount", "limit", "0,01")
		}
	})
}
