package domain

import (
	"fmt"
	"slices"
	"testing"
)

func client(customer Customer, distributor CustomerID) Customer {
	customer.Distributor = distributor
	return customer
}

func wishWith(wish Wish, change func(*Wish)) Wish {
	change(&wish)
	return wish
}

// R6-R9: what a ticked row becomes, and for whom it is impossible.
func TestPosition(t *testing.T) {
	base := Item{Client: "alfa", Program: "magazyn", Stations: 1, VATRate: 23, To: "3.0"}
	with := func(change func(*Item)) Item {
		item := base
		change(&item)
		return item
	}
	for name, c := range map[string]struct {
		buyer Customer
		wish  Wish
		want  Item
	}{
		"a new program": {alfa, wishNew, with(func(i *Item) { i.ID, i.Edition, i.Net = "i-new", SingleStation, 499_00 })},
		"a new program, whatever licence and stations are claimed": {alfa, wishWith(wishNew, func(w *Wish) { w.Licence, w.Stations = alfaOld, 5 }),
			with(func(i *Item) { i.ID, i.Edition, i.Net = "i-new", SingleStation, 499_00 })},
		"an update": {alfa, wishUpdate, with(func(i *Item) {
			i.ID, i.Edition, i.From, i.Net, i.Licence = "i-update", SingleStation, "2.0", 199_99, "l-alfa"
		})},
		"the step to many stations, as many as are wanted": {alfa, wishToMulti, with(func(i *Item) {
			i.ID, i.Edition, i.From, i.Net, i.Licence, i.Stations = "i-to-multi", MultiStation, "3.0", 149_00, "l-alfa-3", 5
		})},
		"an update of many stations keeps them": {alfa, wishWith(wishMulti, func(w *Wish) { w.Stations = 2 }), with(func(i *Item) {
			i.ID, i.Edition, i.From, i.Net, i.Licence, i.Stations = "i-multi", MultiStation, "2.0", 99_00, "l-alfa-m", 7
		})},
		"a client's update, ordered by its distributor": {dora, wishKlara, with(func(i *Item) {
			i.ID, i.Client, i.Edition, i.From, i.Net, i.Licence = "i-klara", "klara", SingleStation, "2.0", 199_99, "l-klara"
		})},
		"the distributor's own update": {dora, wishDora, with(func(i *Item) {
			i.ID, i.Client, i.Edition, i.From, i.Net, i.Licence = "i-dora", "dora", SingleStation, "2.0", 199_99, "l-dora"
		})},
		"a new program for a client": {dora, wishWith(wishNew, func(w *Wish) { w.Client = klara }),
			with(func(i *Item) { i.ID, i.Client, i.Edition, i.Net = "i-new", "klara", SingleStation, 499_00 })},
		"a new program that a client buys itself": {klara, wishWith(wishNew, func(w *Wish) { w.Client = klara }),
			with(func(i *Item) { i.ID, i.Client, i.Edition, i.Net = "i-new", "klara", SingleStation, 499_00 })},
	} {
		t.Run(name, func(t *testing.T) {
			if got := itemOf(t, c.buyer, c.wish); got != c.want {
				t.Errorf("position is %+v\nwant %+v", got, c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		buyer Customer
		wish  Wish
		code  string
		facts []string
	}{
		"R8: an update of a customer with a distributor": {klara, wishKlara, OrderedByDistributor, nil},
		"R7: the step to many stations from below": {alfa, wishWith(wishToMulti, func(w *Wish) { w.Licence = alfaOld }),
			MultiStationNeedsLatest, []string{"version", "3.0"}},
		"R7: the step to many stations from an update that is not paid": {alfa, wishWith(wishToMulti, func(w *Wish) {
			w.Licence = licenceOf(owned("l-alfa", "alfa", SingleStation, "2.0", 1), heldBy("o-9", "l-alfa"))
		}), UpdateAlreadyOrdered, []string{"order", "o-9"}},
		"a copy that is not paid": {alfa, wishWith(wishToMulti, func(w *Wish) { w.Licence = licenceOf(ordered("l", "o-9")) }), LicenceNotPaid, nil},
		"a copy that is ordered": {alfa, wishWith(wishUpdate, func(w *Wish) {
			w.Licence = licenceOf(owned("l-alfa", "alfa", SingleStation, "2.0", 1), heldBy("o-9", "l-alfa"))
		}), UpdateAlreadyOrdered, []string{"order", "o-9"}},
		"a version that the licence has left":       {alfa, wishWith(wishUpdate, func(w *Wish) { w.Licence = alfaNew }), VersionIsOlder, nil},
		"many stations for one that has many":       {alfa, wishWith(wishToMulti, func(w *Wish) { w.Licence = alfaMulti }), VersionIsOlder, nil},
		"the update of the other edition":           {alfa, wishWith(wishMulti, func(w *Wish) { w.Licence = alfaOld }), VersionIsOlder, nil},
		"no number of stations":                     {alfa, wishWith(wishToMulti, func(w *Wish) { w.Stations = 0 }), StationsOutOfRange, []string{"min", "2", "max", "999"}},
		"one station":                               {alfa, wishWith(wishToMulti, func(w *Wish) { w.Stations = 1 }), StationsOutOfRange, []string{"min", "2", "max", "999"}},
		"too many stations":                         {alfa, wishWith(wishToMulti, func(w *Wish) { w.Stations = 1000 }), StationsOutOfRange, []string{"min", "2", "max", "999"}},
		"a stranger's licence":                      {alfa, wishWith(wishUpdate, func(w *Wish) { w.Client = beta }), NotYourClient, nil},
		"a stranger's licence as one's own":         {alfa, wishWith(wishUpdate, func(w *Wish) { w.Licence = klaraOld }), NotFound, nil},
		"a licence of another program":              {alfa, wishWith(wishUpdate, func(w *Wish) { w.Licence.Program = "kadry" }), NotFound, nil},
		"no licence":                                {alfa, wishWith(wishUpdate, func(w *Wish) { w.Licence = Licence{} }), NotFound, nil},
		"a client of another distributor":           {dora, wishWith(wishKlara, func(w *Wish) { w.Client = client(klara, "edek") }), NotYourClient, nil},
		"a client that has left":                    {dora, wishWith(wishKlara, func(w *Wish) { w.Client = client(klara, "") }), NotYourClient, nil},
		"a new program for a stranger":              {dora, wishNew, NotYourClient, nil},
		"the distributor, by its client":            {klara, wishDora, NotYourClient, nil},
		"nobody buys":                               {Customer{}, wishNew, NotFound, nil},
		"for nobody":                                {alfa, wishWith(wishNew, func(w *Wish) { w.Client = Customer{} }), NotFound, nil},
		"an entry that is not on the list":          {alfa, wishWith(wishNew, func(w *Wish) { w.Entry = "magazyn-single-new-9.9" }), NotOnPriceList, nil},
		"no program":                                {alfa, wishWith(wishNew, func(w *Wish) { w.Program = Program{} }), NotOnPriceList, nil},
		"R9: a new copy of an older version":        {alfa, wishWith(wishNew, func(w *Wish) { w.Entry = oldNewMagazyn.Entry() }), NotOnPriceList, nil},
		"a position without a name":                 {alfa, wishWith(wishNew, func(w *Wish) { w.Item = "" }), InvalidInput, []string{"field", "item", "limit", "100"}},
		"a client with a distributor, as the buyer": {client(alfa, "dora"), wishUpdate, OrderedByDistributor, nil},
	} {
		t.Run(name, func(t *testing.T) {
			given[Cart](t).when(AddToCart{Buyer: c.buyer, Wishes: []Wish{c.wish}}).refused(c.code, c.facts...)
		})
	}
}

// R10: ticked rows go into the cart, all or none.
func TestAddToCart(t *testing.T) {
	add := func(wishes ...Wish) AddToCart { return AddToCart{Buyer: alfa, Wishes: wishes} }
	t.Run("several at once, in their order", func(t *testing.T) {
		s := given[Cart](t).when(add(wishNew, wishUpdate, wishToMulti, wishMulti)).then(inCart(t, alfa, wishNew, wishUpdate, wishToMulti, wishMulti)...)
		cart := s.fold(s.past)
		if want := AmountsOf(499_00, 23).Plus(AmountsOf(199_99, 23)).Plus(AmountsOf(5*149_00, 23)).Plus(AmountsOf(7*99_00, 23)); cart.Total() != want {
			t.Errorf("total is %+v, want %+v", cart.Total(), want)
		}
	})
	t.Run("none if one is impossible", func(t *testing.T) {
		given[Cart](t).when(add(wishNew, wishWith(wishToMulti, func(w *Wish) { w.Stations = 1 }))).refused(StationsOutOfRange, "min", "2", "max", "999")
	})
	t.Run("nothing ticked", func(t *testing.T) {
		given[Cart](t).when(add()).then()
	})
	t.Run("the same row once more, under another name", func(t *testing.T) {
		again := wishWith(wishUpdate, func(w *Wish) { w.Item = "i-again" })
		given[Cart](t, inCart(t, alfa, wishUpdate)...).when(add(again)).then()
		given[Cart](t).when(add(wishUpdate, again)).then(inCart(t, alfa, wishUpdate)...)
	})
	t.Run("the same row with other stations", func(t *testing.T) {
		given[Cart](t, inCart(t, alfa, wishToMulti)...).when(add(wishWith(wishToMulti, func(w *Wish) { w.Item, w.Stations = "i-again", 6 }))).refused(UpdateInCart)
	})
	t.Run("another update of the same licence", func(t *testing.T) {
		further := singleUpdate
		further.To = "4.0"
		program := magazynWith(VersionReleased{"magazyn", SingleStation, "4.0"}, PriceSet{further})
		other := Wish{Item: "i-further", Entry: further.Entry(), Client: alfa, Program: program, Licence: alfaOld}
		given[Cart](t, inCart(t, alfa, wishUpdate)...).when(add(other)).refused(UpdateInCart)
	})
	t.Run("the same new program for two clients", func(t *testing.T) {
		forKlara := wishWith(wishNew, func(w *Wish) { w.Item, w.Client = "i-k", klara })
		forDora := wishWith(wishNew, func(w *Wish) { w.Item, w.Client = "i-d", dora })
		given[Cart](t).when(AddToCart{Buyer: dora, Wishes: []Wish{forKlara, forDora}}).then(inCart(t, dora, forKlara, forDora)...)
	})
	t.Run("two positions of one name", func(t *testing.T) {
		other := wishWith(wishUpdate, func(w *Wish) { w.Item = wishNew.Item })
		given[Cart](t, inCart(t, alfa, wishNew)...).when(add(other)).refused(AlreadyExists, "what", "i-new")
		given[Cart](t).when(add(wishNew, other)).refused(AlreadyExists, "what", "i-new")
	})
	t.Run("a full cart", func(t *testing.T) {
		full := fullCart(CartItemsMax)
		given[Cart](t, full[1:]...).when(add(wishUpdate)).then(inCart(t, alfa, wishUpdate)...)
		given[Cart](t, full...).when(add(wishUpdate)).refused(CartFull, "max", "500")
	})
	t.Run("a cart that came back is fuller than full", func(t *testing.T) {
		past := slices.Concat(fullCart(CartItemsMax), []Event{CartSubmitted{Buyer: "alfa", Order: "o-1", Lines: []Line{
			{Item: "i-a", Client: "alfa", Licence: "l-a", From: "1"}, {Item: "i-b", Client: "alfa", Licence: "l-b", From: "1"}}}},
			fullCart(CartItemsMax), []Event{CartReturned{Buyer: "alfa", Order: "o-1", Licence: "l-b"}})
		given[Cart](t, past...).when(add(wishUpdate)).refused(CartFull, "max", "500")
	})
	t.Run("an ordered row", func(t *testing.T) {
		past := append(inCart(t, alfa, wishUpdate), CartSubmitted{Buyer: "alfa", Order: "o-1", Lines: linesOf(t, "o-1", alfa, wishUpdate)})
		held := wishWith(wishUpdate, func(w *Wish) {
			w.Licence = licenceOf(owned("l-alfa", "alfa", SingleStation, "2.0", 1), heldBy("o-1", "l-alfa"))
		})
		given[Cart](t, past...).when(add(held)).refused(UpdateAlreadyOrdered, "order", "o-1")
	})
}

func fullCart(n int) []Event {
	var events []Event
	for i := range n {
		events = append(events, ItemAddedToCart{Buyer: "alfa", Item: Item{ID: ItemID(fmt.Sprint("n-", i)), Client: "alfa", Licence: LicenceID(fmt.Sprint("l-", i))}})
	}
	return events
}

func TestRemoveFromCart(t *testing.T) {
	removed := ItemRemovedFromCart{Buyer: "alfa", Item: "i-new"}
	s := given[Cart](t, inCart(t, alfa, wishNew, wishUpdate)...).when(RemoveFromCart(removed)).then(removed)
	if cart := s.fold(s.past); len(cart.Items) != 1 || cart.Items[0].ID != "i-update" || cart.Version != 3 {
		t.Errorf("cart is %+v", cart)
	}
	given[Cart](t).when(RemoveFromCart(removed)).then()
	given[Cart](t, inCart(t, alfa, wishUpdate)...).when(RemoveFromCart(removed)).then()
}

// changed are the ways in which the world moves on between the cart and «Wyślij».
func changed() map[string]struct {
	buyer Customer
	wish  Wish
	stops bool
	want  []Event // of a check
} {
	priced := func(net Money, rate VATRate) Wish {
		price := singleUpdate
		price.Net, price.VATRate = net, rate
		return wishWith(wishUpdate, func(w *Wish) { w.Program = magazynWith(PriceSet{price}) })
	}
	repriced := func(net Money, rate VATRate) []Event {
		return []Event{ItemRepriced{Buyer: "alfa", Item: "i-update", Old: 199_99, Net: net, VATRate: rate}}
	}
	dropped := func(code string, facts ...string) []Event {
		return []Event{ItemDropped{Buyer: "alfa", Item: "i-update", Reason: refuse(code, facts...)}}
	}
	withLicence := func(events ...Event) Wish {
		return wishWith(wishUpdate, func(w *Wish) {
			w.Licence = licenceOf(slices.Concat([]Event{owned("l-alfa", "alfa", SingleStation, "2.0", 1)}, events)...)
		})
	}
	type row = struct {
		buyer Customer
		wish  Wish
		stops bool
		want  []Event
	}
	return map[string]row{
		"nothing":                      {alfa, wishUpdate, false, nil},
		"cheaper":                      {alfa, priced(199_98, 23), false, repriced(199_98, 23)},
		"dearer":                       {alfa, priced(200_01, 23), true, repriced(200_01, 23)},
		"less tax":                     {alfa, priced(199_99, 8), false, repriced(199_99, 8)},
		"more tax":                     {alfa, priced(199_99, 24), true, repriced(199_99, 24)},
		"cheaper, but more to pay":     {alfa, priced(198_00, 25), true, repriced(198_00, 25)},
		"dearer, but less to pay":      {alfa, priced(201_00, 8), false, repriced(201_00, 8)},
		"off the price list":           {alfa, wishWith(wishUpdate, func(w *Wish) { w.Program = magazynWith(PriceWithdrawn{"magazyn", singleUpdate.Entry()}) }), true, dropped(NotOnPriceList)},
		"ordered elsewhere":            {alfa, withLicence(heldBy("o-9", "l-alfa")), true, dropped(UpdateAlreadyOrdered, "order", "o-9")},
		"updated elsewhere":            {alfa, withLicence(heldBy("o-9", "l-alfa"), LicencePaid{"l-alfa", "o-9"}), true, dropped(VersionIsOlder)},
		"under a distributor meantime": {client(alfa, "dora"), wishWith(wishUpdate, func(w *Wish) { w.Client = client(alfa, "dora") }), true, dropped(OrderedByDistributor)},
	}
}

// R11: a lower price passes, a higher price or an impossible position stops the order, and the cart then shows why.
func TestSubmitOrderAfterChange(t *testing.T) {
	for name, c := range changed() {
		t.Run(name, func(t *testing.T) {
			past := inCart(t, alfa, wishNew, wishUpdate)
			submit := SubmitOrder{Buyer: c.buyer, Order: "o-1", On: "2026-03-10", Wishes: byItem(wishNew, c.wish)}
			if c.buyer.Distributor != "" { // may buy new programs itself
				submit.Wishes["i-new"] = wishWith(wishNew, func(w *Wish) { w.Client = c.buyer })
			}
			s := given[Cart](t, past...).when(submit)
			if c.stops {
				s.refused(CartChanged)
			} else {
				s.then(CartSubmitted{Buyer: "alfa", Order: "o-1", On: "2026-03-10", Lines: linesOf(t, "o-1", c.buyer, wishNew, c.wish)})
			}
			check := given[Cart](t, past...).when(RecheckCart{Buyer: c.buyer, Wishes: submit.Wishes}).then(c.want...)
			check.when(submit).happened() // what was shown can be ordered
		})
	}
}

func TestRecheckCartTellsTheBuyer(t *testing.T) {
	dearer := singleUpdate
	dearer.Net = 250_00
	wishDearer := wishWith(wishUpdate, func(w *Wish) { w.Program = magazynWith(PriceSet{dearer}) })
	gone := wishWith(wishNew, func(w *Wish) { w.Program = Program{ID: "magazyn"} })
	s := given[Cart](t, inCart(t, alfa, wishNew, wishUpdate)...).when(RecheckCart{Buyer: alfa, Wishes: byItem(gone, wishDearer)}).happened()
	cart := s.fold(s.past)
	if len(cart.Items) != 1 || cart.Items[0].Net != 250_00 || len(cart.Notices) != 2 {
		t.Fatalf("cart is %+v", cart)
	}
	if lost := cart.Notices[0]; lost.Item.ID != "i-new" || lost.Reason == nil || lost.Reason.Code != NotOnPriceList {
		t.Errorf("notice is %+v", lost)
	}
	if dear := cart.Notices[1]; dear.Item.Net != 250_00 || dear.Old != 199_99 || dear.Reason != nil {
		t.Errorf("notice is %+v", dear)
	}
	for _, next := range []Event{ItemRemovedFromCart{Buyer: "alfa", Item: "i-update"}, inCart(t, alfa, wishMulti)[0], CartSubmitted{Buyer: "alfa", Order: "o-1"}} {
		if cart := s.fold(append(s.past, next)); cart.Notices != nil {
			t.Errorf("after %T old notices stay: %+v", next, cart.Notices)
		}
	}
	given[Cart](t, inCart(t, alfa, wishNew)...).when(RecheckCart{Buyer: alfa}).then() // without facts nothing is judged
	given[Cart](t).when(RecheckCart{Buyer: alfa, Wishes: byItem(wishNew)}).then()
}

func TestSubmitOrder(t *testing.T) {
	submit := SubmitOrder{Buyer: alfa, Order: "o-1", On: "2026-03-10", Wishes: byItem(wishNew, wishUpdate)}
	with := func(change func(*SubmitOrder)) SubmitOrder {
		c := submit
		change(&c)
		return c
	}
	past := inCart(t, alfa, wishNew, wishUpdate)
	sent := CartSubmitted{Buyer: "alfa", Order: "o-1", On: "2026-03-10", Lines: linesOf(t, "o-1", alfa, wishNew, wishUpdate)}
	t.Run("empties the cart and freezes the lines", func(t *testing.T) {
		s := given[Cart](t, past...).when(submit).then(sent)
		cart := s.fold(s.past)
		if len(cart.Items) != 0 || cart.Last != "o-1" || len(cart.Orders["o-1"].Lines) != 2 || cart.Orders["o-1"].Returned {
			t.Errorf("cart is %+v", cart)
		}
		if sent.Lines[0].Licence == "" || sent.Lines[0].Licence == linesOf(t, "o-2", alfa, wishNew)[0].Licence || sent.Lines[1].Licence != "l-alfa" {
			t.Errorf("licences are %s and %s", sent.Lines[0].Licence, sent.Lines[1].Licence)
		}
	})
	t.Run("the same again, whatever is in the cart by now", func(t *testing.T) {
		s := given[Cart](t, past...).when(submit).happened().when(AddToCart{Buyer: alfa, Wishes: []Wish{wishMulti}}).happened()
		s.when(submit).then().when(with(func(c *SubmitOrder) { c.Wishes, c.Seen = nil, 77 })).then()
		s.when(with(func(c *SubmitOrder) { c.Order, c.Wishes = "o-2", byItem(wishMulti) })).happened()
		s.when(submit).then()
	})
	t.Run("the same again after the cart came back", func(t *testing.T) {
		s := given[Cart](t, append(past, sent, CartReturned{Buyer: "alfa", Order: "o-1", Licence: "l-alfa", Reason: refuse(UpdateAlreadyOrdered)})...)
		s.when(submit).then().when(with(func(c *SubmitOrder) { c.Order = "o-2" })).happened()
	})
	t.Run("an empty cart", func(t *testing.T) {
		given[Cart](t).when(submit).refused(CartEmpty)
		given[Cart](t, append(past, sent)...).when(with(func(c *SubmitOrder) { c.Order = "o-2" })).refused(CartEmpty)
	})
	t.Run("another cart than the one that was seen", func(t *testing.T) {
		given[Cart](t, past...).when(with(func(c *SubmitOrder) { c.Seen = 1 })).refused(CartChanged)
		given[Cart](t, past...).when(with(func(c *SubmitOrder) { c.Seen = 2 })).then(sent)
	})
	t.Run("facts that are missing or speak of something else", func(t *testing.T) {
		given[Cart](t, past...).when(with(func(c *SubmitOrder) { c.Wishes = byItem(wishNew) })).refused(CartChanged)
		ofAnother := wishWith(wishUpdate, func(w *Wish) { w.Licence = licenceOf(owned("l-other", "alfa", SingleStation, "2.0", 1)) })
		given[Cart](t, past...).when(with(func(c *SubmitOrder) { c.Wishes = byItem(wishNew, ofAnother) })).refused(CartChanged)
		fewer := wishWith(wishToMulti, func(w *Wish) { w.Stations = 2 })
		given[Cart](t, inCart(t, alfa, wishToMulti)...).when(with(func(c *SubmitOrder) { c.Wishes = byItem(fewer) })).refused(CartChanged)
	})
	t.Run("no order, no day", func(t *testing.T) {
		given[Cart](t, past...).when(with(func(c *SubmitOrder) { c.Order = "" })).refused(InvalidInput, "field", "order", "limit", "100")
		for _, on := range []Day{"", "10.03.2026", "2026-02-30", "1999-12-31", "2100-01-01"} {
			given[Cart](t, past...).when(with(func(c *SubmitOrder) { c.On = on })).refused(InvalidInput, "field", "on", "limit", "2000-2099")
		}
	})
	t.Run("a distributor's order names each client", func(t *testing.T) {
		s := given[Cart](t, inCart(t, dora, wishKlara, wishDora)...).
			when(SubmitOrder{Buyer: dora, Order: "o-1", On: "2026-03-10", Wishes: byItem(wishKlara, wishDora)}).
			then(CartSubmitted{Buyer: "dora", Order: "o-1", On: "2026-03-10", Lines: linesOf(t, "o-1", dora, wishKlara, wishDora)})
		if lines := s.fold(s.past).Orders["o-1"].Lines; lines[0].Client != "klara" || lines[1].Client != "dora" {
			t.Errorf("lines are %+v", lines)
		}
	})
	t.Run("a client that has left stops the distributor's order", func(t *testing.T) {
		left := wishWith(wishKlara, func(w *Wish) { w.Client = client(klara, "") })
		s := given[Cart](t, inCart(t, dora, wishKlara, wishDora)...)
		s.when(SubmitOrder{Buyer: dora, Order: "o-1", On: "2026-03-10", Wishes: byItem(left, wishDora)}).refused(CartChanged).
			when(RecheckCart{Buyer: dora, Wishes: byItem(left, wishDora)}).then(ItemDropped{Buyer: "dora", Item: "i-klara", Reason: refuse(NotYourClient)})
	})
}

func TestReturnCart(t *testing.T) {
	past := append(inCart(t, alfa, wishNew, wishUpdate, wishToMulti),
		CartSubmitted{Buyer: "alfa", Order: "o-1", On: "2026-03-10", Lines: linesOf(t, "o-1", alfa, wishNew, wishUpdate, wishToMulti)})
	back := ReturnCart{Buyer: "alfa", Order: "o-1", Licence: "l-alfa", Reason: refuse(UpdateAlreadyOrdered, "order", "o-9")}
	t.Run("gives back all but the lost position, and says why", func(t *testing.T) {
		s := given[Cart](t, past...).when(back).then(CartReturned(back))
		cart := s.fold(s.past)
		if want := []Item{itemOf(t, alfa, wishNew), itemOf(t, alfa, wishToMulti)}; !slices.Equal(cart.Items, want) || !cart.Orders["o-1"].Returned {
			t.Errorf("cart is %+v", cart)
		}
		if len(cart.Notices) != 1 || cart.Notices[0].Item != itemOf(t, alfa, wishUpdate) || cart.Notices[0].Reason.Facts["order"] != "o-9" {
			t.Errorf("notices are %+v", cart.Notices)
		}
	})
	t.Run("in front of what was added meanwhile, but no licence twice", func(t *testing.T) {
		again := wishWith(wishToMulti, func(w *Wish) { w.Item = "i-again" })
		s := given[Cart](t, append(past, inCart(t, alfa, again, wishMulti)...)...).when(back).then(CartReturned(back))
		var got []ItemID
		for _, item := range s.fold(s.past).Items {
			got = append(got, item.ID)
		}
		if !slices.Equal(got, []ItemID{"i-new", "i-again", "i-multi"}) {
			t.Errorf("positions are %v", got)
		}
	})
	t.Run("of a submission that never was", func(t *testing.T) {
		given[Cart](t).when(back).then()
		given[Cart](t, past...).when(ReturnCart{Buyer: "alfa", Order: "o-2"}).then()
	})
}
