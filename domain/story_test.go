package domain

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
)

// scene is the stage of a story: given what has happened, when somebody wishes something, then this comes of it.
type scene[S any] struct {
	t       *testing.T
	past    []Event
	fold    func([]Event) S
	resume  func(S, []Event) S
	command Command[S]
	events  []Event
	err     error
}

func given[S any, P State[S]](t *testing.T, past ...Event) *scene[S] {
	return &scene[S]{t: t, past: past, fold: fold[S, P], resume: func(state S, events []Event) S { return resume[S, P](t, state, events) }}
}

func fold[S any, P State[S]](events []Event) S {
	var state S
	for _, event := range events {
		P(&state).Evolve(event)
	}
	return state
}

// resume goes on from a state as a read model does, which keeps it as JSON meanwhile.
func resume[S any, P State[S]](t *testing.T, state S, events []Event) S {
	t.Helper()
	var kept S
	if err := json.Unmarshal([]byte(asJSON(t, state)), &kept); err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		P(&kept).Evolve(event)
	}
	return kept
}

// when lets a command decide, and sees to it that deciding changes nothing.
func (s *scene[S]) when(command Command[S]) *scene[S] {
	s.t.Helper()
	state := s.fold(s.past)
	s.command = command
	if s.events, s.err = command.Decide(state); !reflect.DeepEqual(state, s.fold(s.past)) {
		s.t.Errorf("%T.Decide changed the state that it was shown", command)
	}
	return s
}

// then expects these events, lets them happen, and asks the same again, which must change nothing.
func (s *scene[S]) then(want ...Event) *scene[S] {
	s.t.Helper()
	if s.err != nil || !slices.EqualFunc(s.events, want, func(a, b Event) bool { return reflect.DeepEqual(a, b) }) {
		s.t.Fatalf("%T\n gave %+v, %v\n want %+v", s.command, s.events, s.err, want)
	}
	return s.happened()
}

// happened accepts whatever events the command gave.
func (s *scene[S]) happened() *scene[S] {
	s.t.Helper()
	if s.err != nil {
		s.t.Fatalf("%T: %v", s.command, s.err)
	}
	for _, event := range s.events {
		SchemaOf(event) // panics for an event that cannot be stored
	}
	resumed := asJSON(s.t, s.resume(s.fold(s.past), s.events))
	s.past = slices.Concat(s.past, s.events)
	if folded := asJSON(s.t, s.fold(s.past)); folded != resumed {
		s.t.Fatalf("a state that was kept as JSON went on to\n%s\nbut the log says\n%s", resumed, folded)
	}
	if again, err := s.command.Decide(s.fold(s.past)); err != nil || len(again) > 0 {
		s.t.Fatalf("%T asked twice gave %+v, %v", s.command, again, err)
	}
	return s
}

// refused expects a no with this code and these facts, given as name, value, name, value.
func (s *scene[S]) refused(code string, facts ...string) *scene[S] {
	s.t.Helper()
	got, no := IsRefusal(s.err)
	if want := refuse(code, facts...); !no || got.Code != code || !maps.Equal(got.Facts, want.Facts) || len(s.events) > 0 {
		s.t.Fatalf("%T\n gave %+v, %v %v\n want refused: %s %v", s.command, s.events, s.err, got.Facts, code, want.Facts)
	}
	return s
}

// The people of the stories: Alfa orders for itself, Klara and Karol have the distributor Dora, Beta has nobody.
var (
	alfaRegistered  = CustomerRegistered{Customer: "alfa", Name: "Alfa sp. z o.o.", NIP: "1234563218", Email: "biuro@alfa.example", Language: Polish}
	betaRegistered  = CustomerRegistered{Customer: "beta", Name: "Beta s.c.", NIP: "5265877635", Email: "beta@beta.example", Language: English}
	doraRegistered  = CustomerRegistered{Customer: "dora", Name: "Dora Dystrybucja", NIP: "5250000009", Email: "dora@dora.example", Language: Polish, Distributor: true}
	klaraRegistered = CustomerRegistered{Customer: "klara", Name: "Klara", NIP: "5250011119", Email: "klara@klara.example", Language: Polish}

	alfa  = fold[Customer]([]Event{alfaRegistered})
	beta  = fold[Customer]([]Event{betaRegistered})
	dora  = fold[Customer]([]Event{doraRegistered})
	klara = fold[Customer]([]Event{klaraRegistered, DistributorAssigned{Customer: "klara", Distributor: "dora"}})
)

// The catalogue of the stories: Magazyn 2.0 and 3.0 in both editions.
var (
	newMagazyn     = Price{Program: "magazyn", Edition: SingleStation, To: "3.0", Net: 499_00, VATRate: 23}
	oldNewMagazyn  = Price{Program: "magazyn", Edition: SingleStation, To: "2.0", Net: 399_00, VATRate: 23}
	singleUpdate   = Price{Program: "magazyn", Edition: SingleStation, From: "2.0", To: "3.0", Net: 199_99, VATRate: 23}
	toMultiStation = Price{Program: "magazyn", Edition: MultiStation, From: "3.0", To: "3.0", Net: 149_00, VATRate: 23}
	multiUpdate    = Price{Program: "magazyn", Edition: MultiStation, From: "2.0", To: "3.0", Net: 99_00, VATRate: 23}

	magazynListed = []Event{
		ProgramListed{Program: "magazyn", Name: "Magazyn"},
		VersionReleased{Program: "magazyn", Edition: SingleStation, Version: "2.0"},
		VersionReleased{Program: "magazyn", Edition: MultiStation, Version: "2.0"},
		VersionReleased{Program: "magazyn", Edition: SingleStation, Version: "3.0"},
		VersionReleased{Program: "magazyn", Edition: MultiStation, Version: "3.0"},
		PriceSet{newMagazyn}, PriceSet{oldNewMagazyn}, PriceSet{singleUpdate}, PriceSet{toMultiStation}, PriceSet{multiUpdate},
	}
	magazyn = fold[Program](magazynListed)
)

// magazynWith is the catalogue after something more has happened.
func magazynWith(events ...Event) Program {
	return fold[Program](slices.Concat(magazynListed, events))
}

// owned is a licence that was paid for outside the portal.
func owned(id LicenceID, holder CustomerID, edition Edition, version Version, stations int) LicenceGranted {
	return LicenceGranted{Licence: id, Customer: holder, Program: "magazyn", Edition: edition, Version: version, Stations: stations}
}

func licenceOf(events ...Event) Licence { return fold[Licence](events) }

// The licences of the stories.
var (
	alfaOld   = licenceOf(owned("l-alfa", "alfa", SingleStation, "2.0", 1))
	alfaNew   = licenceOf(owned("l-alfa-3", "alfa", SingleStation, "3.0", 1))
	alfaMulti = licenceOf(owned("l-alfa-m", "alfa", MultiStation, "2.0", 7))
	klaraOld  = licenceOf(owned("l-klara", "klara", SingleStation, "2.0", 1))
	doraOld   = licenceOf(owned("l-dora", "dora", SingleStation, "2.0", 1))
)

// The wishes of the stories.
var (
	wishNew     = Wish{Item: "i-new", Entry: newMagazyn.Entry(), Client: alfa, Program: magazyn}
	wishUpdate  = Wish{Item: "i-update", Entry: singleUpdate.Entry(), Client: alfa, Program: magazyn, Licence: alfaOld}
	wishToMulti = Wish{Item: "i-to-multi", Entry: toMultiStation.Entry(), Client: alfa, Program: magazyn, Licence: alfaNew, Stations: 5}
	wishMulti   = Wish{Item: "i-multi", Entry: multiUpdate.Entry(), Client: alfa, Program: magazyn, Licence: alfaMulti}
	wishKlara   = Wish{Item: "i-klara", Entry: singleUpdate.Entry(), Client: klara, Program: magazyn, Licence: klaraOld}
	wishDora    = Wish{Item: "i-dora", Entry: singleUpdate.Entry(), Client: dora, Program: magazyn, Licence: doraOld}
)

// itemOf is the cart position of a wish that is possible.
func itemOf(t *testing.T, buyer Customer, wish Wish) Item {
	t.Helper()
	item, err := wish.Position(buyer)
	if err != nil {
		t.Fatalf("%s for %s: %v", wish.Entry, buyer.ID, err)
	}
	return item
}

// inCart are the events of a cart with these wishes in it.
func inCart(t *testing.T, buyer Customer, wishes ...Wish) []Event {
	t.Helper()
	var events []Event
	for _, wish := range wishes {
		events = append(events, ItemAddedToCart{Buyer: buyer.ID, Item: itemOf(t, buyer, wish)})
	}
	return events
}

// byItem are wishes as a submit needs them.
func byItem(wishes ...Wish) map[ItemID]Wish {
	facts := map[ItemID]Wish{}
	for _, wish := range wishes {
		facts[wish.Item] = wish
	}
	return facts
}

// linesOf are the lines of an order for these wishes.
func linesOf(t *testing.T, order OrderID, buyer Customer, wishes ...Wish) []Line {
	t.Helper()
	var lines []Line
	for i, wish := range wishes {
		lines = append(lines, lineOf(order, i+1, itemOf(t, buyer, wish), wish.Program.Name))
	}
	return lines
}

var terms = Terms{
	Bank:        BankData{Recipient: "Netrom", NIP: "5250022229", Account: "84102055580000123400005678"},
	PaymentDays: 14,
}

// submitted is Alfa's order o-1: a new program, 613,77 zł, and an update, 245,99 zł.
func submitted(t *testing.T) OrderSubmitted {
	t.Helper()
	return OrderSubmitted{
		Order: "o-1", Number: OrderNumber{2026, 1}, Buyer: "alfa", Lines: linesOf(t, "o-1", alfa, wishNew, wishUpdate),
		Total: Amounts{Net: 698_99, VAT: 160_77, Gross: 859_76}, Bank: terms.Bank, Title: OrderNumber{2026, 1}.Reference(), DueOn: "2026-03-24",
	}
}

// paid is a transfer of so much for o-1.
func paid(transfer TransferID, amount Money) PaymentReceived {
	return PaymentReceived{Order: "o-1", Transfer: transfer, Amount: amount, ValueOn: "2026-03-12"}
}

// recordOf books a payment on its order.
func recordOf(p PaymentReceived) RecordPayment {
	return RecordPayment{Order: p.Order, Transfer: p.Transfer, Amount: p.Amount, ValueOn: p.ValueOn, Booking: p.Booking}
}
