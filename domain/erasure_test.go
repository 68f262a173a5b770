package domain

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

func TestErasureNeedsTwoPeople(t *testing.T) {
	propose := ProposeErasure{Customer: "alfa", Purpose: ContactPurpose, By: "user-anna", Facts: ErasureFacts{On: "2026-11-22"}}
	proposed := ErasureProposed{Customer: "alfa", Purpose: ContactPurpose, By: "user-anna"}
	confirm := func(by string) ConfirmErasure {
		return ConfirmErasure{Customer: "alfa", Purpose: ContactPurpose, By: by, Facts: propose.Facts}
	}
	confirmed := ErasureConfirmed{Customer: "alfa", Purpose: ContactPurpose, By: "user-olga"}
	withdraw := WithdrawErasure{Customer: "alfa", Purpose: ContactPurpose, By: "user-olga"}
	erased := PersonalDataErased{Customer: "alfa", Purpose: ContactPurpose, ProposedBy: "user-anna", ConfirmedBy: "user-olga",
		Keys: []ErasedKey{{Subject: "alfa", Purpose: ContactPurpose}}}

	t.Run("one proposes, another confirms, then it is done", func(t *testing.T) {
		given[Customer](t, alfaRegistered).when(propose).then(proposed).when(confirm("user-olga")).then(confirmed).
			when(RecordErasure{erased}).then(erased)
	})
	t.Run("nobody confirms alone", func(t *testing.T) {
		given[Customer](t, alfaRegistered, proposed).when(confirm("user-anna")).refused(NeedsSecondPerson)
	})
	t.Run("nothing was proposed", func(t *testing.T) {
		given[Customer](t, alfaRegistered).when(confirm("user-olga")).refused(NotFound)
	})
	t.Run("a stranger", func(t *testing.T) {
		given[Customer](t).when(propose).refused(NotFound)
		given[Customer](t).when(withdraw).refused(NotFound)
		given[Customer](t).when(RecordErasure{erased}).refused(NotFound)
	})
	t.Run("a proposal is withdrawn and made again", func(t *testing.T) {
		given[Customer](t, alfaRegistered, proposed).when(withdraw).then(ErasureWithdrawn(withdraw)).
			when(confirm("user-olga")).refused(NotFound)
		given[Customer](t, alfaRegistered, proposed, ErasureWithdrawn(withdraw)).when(propose).then(proposed)
	})
	t.Run("what two have agreed on stays", func(t *testing.T) {
		given[Customer](t, alfaRegistered, proposed, confirmed).when(withdraw).refused(ErasureAgreed)
	})
	t.Run("another purpose", func(t *testing.T) {
		other := propose
		other.Purpose = "curiosity"
		given[Customer](t, alfaRegistered).when(other).refused(InvalidInput, "field", "purpose", "limit", "contact, legal")
	})
	t.Run("open orders, at both moments", func(t *testing.T) {
		early, late := propose, confirm("user-olga")
		early.Facts.OpenOrders, late.Facts.OpenOrders = 2, 1
		given[Customer](t, alfaRegistered).when(early).refused(OrdersStillOpen, "count", "2")
		given[Customer](t, alfaRegistered, proposed).when(late).refused(OrdersStillOpen, "count", "1")
	})
	t.Run("a log from before the agreement is told by the list", func(t *testing.T) {
		given[Customer](t, alfaRegistered).when(RecordErasure{erased}).then(erased)
	})
}

func TestLegalDataAreKeptAsLongAsTheLawSays(t *testing.T) {
	for last, until := range map[Day]Day{"": "", "2026-01-01": "2032-12-31", "2026-12-31": "2032-12-31", "2027-01-01": "2033-12-31"} {
		if got := KeptUntil(last); got != until {
			t.Errorf("the last document is of %q: kept until %q, want %q", last, got, until)
		}
	}
	facts := ErasureFacts{On: "2032-12-31", LastDocument: "2026-03-05", Statements: []StatementID{"s-1"}}
	propose := ProposeErasure{Customer: "alfa", Purpose: LegalPurpose, By: "user-anna", Facts: facts}
	given[Customer](t, alfaRegistered).when(propose).refused(KeptByLaw, "until", "2032-12-31")
	propose.Facts.On = "2033-01-01"
	proposed := ErasureProposed{Customer: "alfa", Purpose: LegalPurpose, By: "user-anna", KeptUntil: "2032-12-31"}
	confirm := ConfirmErasure{Customer: "alfa", Purpose: LegalPurpose, By: "user-olga", Facts: propose.Facts}
	given[Customer](t, alfaRegistered).when(propose).then(proposed).
		when(confirm).then(ErasureConfirmed{Customer: "alfa", Purpose: LegalPurpose, By: "user-olga", Statements: []StatementID{"s-1"}})
	confirm.Facts.LastDocument = "2027-01-02" // money has come meanwhile
	given[Customer](t, alfaRegistered, proposed).when(confirm).refused(KeptByLaw, "until", "2033-12-31")
	nothingSold := propose
	nothingSold.Facts = ErasureFacts{On: "2026-11-22"}
	given[Customer](t, alfaRegistered).when(nothingSold).then(ErasureProposed{Customer: "alfa", Purpose: LegalPurpose, By: "user-anna"})
}

// What the state says after an erasure is what a log without the keys says from the beginning.
func TestErasedCustomerLooksTheSameWithoutTheKeys(t *testing.T) {
	history := func(name, nip, email, corrected string) []Event {
		return []Event{
			CustomerRegistered{Customer: "alfa", Name: name, NIP: NIP(nip), Email: email, Language: Polish},
			LoginGranted{Customer: "alfa", Account: "user-1", Link: 1},
			LoginLetterFailed{Customer: "alfa", Account: "user-1", Link: 1, Failure: Failure{}.After("550", true, noon)},
			ActivationEmailCorrected{Customer: "alfa", Licence: "l-1", Email: corrected},
		}
	}
	for _, test := range []struct {
		purpose   Purpose
		name, nip string
		keys      int
	}{{ContactPurpose, "Alfa", "1234563218", 1}, {LegalPurpose, Erased, Erased, 3}} {
		agreed := []Event{
			ErasureProposed{Customer: "alfa", Purpose: test.purpose, By: "user-anna"},
			ErasureConfirmed{Customer: "alfa", Purpose: test.purpose, By: "user-olga", Statements: []StatementID{"s-1"}[:test.keys/3]},
		}
		owed := fold[Customer](append(history("Alfa", "1234563218", "a@alfa.example", "b@alfa.example"), agreed...)).Erasures[test.purpose]
		keys := owed.KeysToDestroy("alfa", test.purpose)
		if !owed.Owed() || len(keys) != test.keys {
			t.Errorf("%s: owed %t, %d keys are to be destroyed", test.purpose, owed.Owed(), len(keys))
		}
		erased := PersonalDataErased{Customer: "alfa", Purpose: test.purpose, ProposedBy: "user-anna", ConfirmedBy: "user-olga", Keys: keys, Statements: owed.Statements}
		agreed = append(agreed, erased)
		before := fold[Customer](append(history("Alfa", "1234563218", "a@alfa.example", "b@alfa.example"), agreed...))
		after := fold[Customer](append(history(test.name, test.nip, Erased, Erased), agreed...))
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s:\nwith the keys    %+v\nwithout the keys %+v", test.purpose, before, after)
		}
		if login := before.Logins["user-1"]; login.Sent != login.Link || !before.Forgotten() || before.Erasures[test.purpose].Owed() {
			t.Errorf("%s: something is still owed: %+v", test.purpose, before)
		}
	}
}

// Nothing is sold or sent to a customer that is forgotten, or about to be.
func TestForgottenCustomerGetsNothing(t *testing.T) {
	past := []Event{alfaRegistered, ErasureProposed{Customer: "alfa", Purpose: ContactPurpose, By: "user-anna"},
		ErasureConfirmed{Customer: "alfa", Purpose: ContactPurpose, By: "user-olga"}}
	given[Customer](t, past...).when(GrantLogin{Customer: "alfa", Account: "user-1", Link: 1}).refused(PersonErased)
	given[Customer](t, past...).when(RegisterCustomer(alfaRegistered)).refused(PersonErased)
	given[Customer](t, past...).when(CorrectActivationEmail{Licence: Licence{ID: "l-1", Customer: "alfa", Paid: true}, Email: "x@alfa.example"}).refused(PersonErased)
	forgotten := fold[Customer](past)
	if _, err := (Wish{Client: forgotten}).Position(forgotten); !isRefusedAs(err, PersonErased) {
		t.Errorf("it can order: %v", err)
	}
	client := forgotten
	client.Distributor = "dora"
	if _, err := (Wish{Client: client}).Position(dora); !isRefusedAs(err, PersonErased) {
		t.Errorf("its distributor can order for it: %v", err)
	}
}

func isRefusedAs(err error, code string) bool {
	no, refused := IsRefusal(err)
	return refused && no.Code == code
}

// The statement that shows how the bank took a payment back names the payer as the one with the payment does.
func TestErasureReachesTheReversalOfAPayment(t *testing.T) {
	log := &memory{}
	seed(t, log, OrderStream("o-1"), submitted(t), paid("t-1", 859_76))
	seed(t, log, TransferStream("t-1"), came, TransferReversed{Transfer: "t-1", Reversal: "r-1", Amount: 1_00})
	seed(t, log, ReversalStream("r-1"), ReversalReceived{Reversal: "r-1", Statement: "s-2", Amount: 1_00})
	seed(t, log, StatementStream("s-1"), StatementImported{Statement: "s-1", ClosedOn: "2026-03-12"})
	seed(t, log, StatementStream("s-2"), StatementImported{Statement: "s-2", ClosedOn: "2027-01-07"})
	facts, err := FactsForErasure(t.Context(), log, "2040-01-01", []OrderID{"o-1"}, nil)
	if err != nil || !slices.Equal(facts.Statements, []StatementID{"s-1", "s-2"}) || facts.LastDocument != "2027-01-07" {
		t.Errorf("facts %+v, %v", facts, err)
	}
}

// seed writes events as they come.
func seed(t *testing.T, log Log, stream string, events ...Event) {
	t.Helper()
	var proposed []Proposed
	for i, event := range events {
		proposed = append(proposed, Proposed{ID: NameID(stream, fmt.Sprint(i)), Event: event})
	}
	if _, err := log.Append(t.Context(), stream, -1, proposed); err != nil {
		t.Fatal(err)
	}
}
