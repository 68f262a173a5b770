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

func TestMatch(t *testing.T) {
	order := fold[Order]([]Event{submitted(t)})
	partly := fold[Order]([]Event{submitted(t), paid("t-0", 800_00)})
	full := fold[Order]([]Event{submitted(t), paid("t-0", 859_76)})
	cancelled := fold[Order]([]Event{submitted(t), OrderCancelled{Order: "o-1"}})
	reference := order.Number.Reference()
	for name, c := range map[string]struct {
		title   string
		amount  Money
		account NRB
		order   Order
		rule    string
		reason  string
	}{
		"its reference":                        {reference, 859_76, "", order, MatchedByReference, ""},
		"its reference and too little":         {reference, 1, "", order, MatchedByReference, ""},
		"its reference and too much":           {reference, 900_00, "", order, MatchedByReference, ""},
		"the rest":                             {reference, 59_76, "", partly, MatchedByReference, ""},
		"its number and its amount":            {"ZAM 2026/000001", 859_76, "", order, MatchedByNumberExact, ""},
		"its number and the rest":              {"ZAM 2026/000001", 59_76, "", partly, MatchedByNumberExact, ""},
		"its number and another amount":        {"ZAM 2026/000001", 859_75, "", order, "", UnmatchedUnsure},
		"its reference beside another number":  {reference + " ZAM 2026/000002", 859_76, "", order, MatchedByReference, ""},
		"two references":                       {reference + " " + OrderNumber{2026, 2}.Reference(), 859_76, "", order, "", UnmatchedAmbiguous},
		"two numbers":                          {"ZAM 2026/000001 ZAM 2026/000002", 859_76, "", order, "", UnmatchedAmbiguous},
		"nothing":                              {"za program", 859_76, "", order, "", UnmatchedNoReference},
		"no title":                             {"", 859_76, "", order, "", UnmatchedNoReference},
		"one digit off":                        {"ZAM 2026/000002-" + reference[len(reference)-2:], 859_76, "", order, "", UnmatchedMistyped},
		"a number of nobody":                   {OrderNumber{2026, 3}.Reference(), 859_76, "", order, "", UnmatchedUnknownOrder},
		"a paid order":                         {reference, 859_76, "", full, "", UnmatchedNotOpen},
		"a cancelled order":                    {reference, 859_76, "", cancelled, "", UnmatchedNotOpen},
		"an account that is not the order's":   {reference, 859_76, "27114020040000300201355387", order, "", UnmatchedForeign},
		"a submission that is not yet written": {reference, 859_76, "", Order{}, "", UnmatchedUnknownOrder},
	} {
		t.Run(name, func(t *testing.T) {
			received := TransferReceived{Transfer: "t-1", Account: terms.Bank.Account, Amount: c.amount, ValueOn: "2026-03-12", Title: c.title}
			if c.account != "" {
				received.Account = c.account
			}
			match, reason := Match(received, func(n OrderNumber) (Order, bool) { return c.order, n == order.Number })
			if reason != c.reason || (match == nil) != (c.rule == "") {
				t.Fatalf("matched %+v, %q", match, reason)
			}
			want := TransferMatched{Transfer: "t-1", Order: "o-1", Number: order.Number, Amount: c.amount, ValueOn: "2026-03-12", Rule: c.rule}
			if match != nil && *match != want {
				t.Errorf("match is %+v", *match)
			}
		})
	}
}
