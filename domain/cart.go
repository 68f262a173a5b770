package domain

import (
	"fmt"
	"slices"
)

// ItemID names a position of a cart.
type ItemID string

// CartItemsMax bounds the positions of one cart.
const CartItemsMax = 500

// Item is a position of a cart: what is to be bought, for which client, at the price that the buyer saw.
// Licence is empty for a new program, From too.
type Item struct {
	ID       ItemID     `json:"id"`
	Client   CustomerID `json:"client"` // whose licence it is or will be; the buyer itself, or a client of a distributor
	Program  ProgramID  `json:"program"`
	Licence  LicenceID  `json:"licence,omitempty"`
	Edition  Edition    `json:"edition"`
	From     Version    `json:"from,omitempty"`
	To       Version    `json:"to"`
	Stations int        `json:"stations"`
	Net      Money      `json:"net"` // price of one licence, or of one station
	VATRate  VATRate    `json:"vat_rate"`
}

// Entry of the price list that the position stands for.
func (i Item) Entry() EntryID {
	return Price{Program: i.Program, Edition: i.Edition, From: i.From, To: i.To}.Entry()
}

// Amounts of the position: net price times stations, VAT on the sum.
func (i Item) Amounts() Amounts {
	net, err := i.Net.Times(i.Stations)
	if err != nil {
		panic(fmt.Sprintf("domain: price %d of %s was accepted above its limit", i.Net, i.Entry()))
	}
	return AmountsOf(net, i.VATRate)
}

// ItemAddedToCart puts a position into the cart.
type ItemAddedToCart struct {
	Buyer CustomerID `json:"buyer"`
	Item
}

// ItemRemovedFromCart takes a position out at the buyer's wish.
type ItemRemovedFromCart struct {
	Buyer CustomerID `json:"buyer"`
	Item  ItemID     `json:"item"`
}

// ItemRepriced says that a position costs something else than when the buyer last saw it.
type ItemRepriced struct {
	Buyer   CustomerID `json:"buyer"`
	Item    ItemID     `json:"item"`
	Old     Money      `json:"old"`
	Net     Money      `json:"net"`
	VATRate VATRate    `json:"vat_rate"`
}

// ItemDropped says that a position can no longer be ordered, and why; it has left the cart.
type ItemDropped struct {
	Buyer  CustomerID `json:"buyer"`
	Item   ItemID     `json:"item"`
	Reason Refusal    `json:"reason"`
}

// CartSubmitted turns the cart into an order-to-be: from here on the order will be placed, or the cart comes back.
type CartSubmitted struct {
	Buyer CustomerID `json:"buyer"`
	Order OrderID    `json:"order"`
	On    Day        `json:"on"`
	Lines []Line     `json:"lines"`
}

// CartReturned says that the order could not be placed because a licence was ordered elsewhere at the same moment;
// the other positions are back in the cart.
type CartReturned struct {
	Buyer   CustomerID `json:"buyer"`
	Order   OrderID    `json:"order"`
	Licence LicenceID  `json:"licence"` // whose position was lost
	Reason  Refusal    `json:"reason"`
}

// Cart is what a customer is about to order; a distributor has one for itself and all its clients.
type Cart struct {
	Items   []Item                 `json:"items"`
	Notices []Notice               `json:"notices"` // what changed since the buyer last touched the cart
	Orders  map[OrderID]Submission `json:"orders"`  // every submission of this cart
	Last    OrderID                `json:"last"`    // submission
	Version int                    `json:"version"` // grows with each change; a submit names the one that was seen
}

// Submission is a cart on its way to becoming an order.
type Submission struct {
	On       Day    `json:"on"`
	Lines    []Line `json:"lines"`
	Returned bool   `json:"returned"` // could not be placed; its positions went back into the cart
}

// Notice tells the buyer what happened to a position: it costs something else than Old, or it left the cart for Reason.
type Notice struct {
	Item   Item     `json:"item"`
	Old    Money    `json:"old,omitempty"`
	Reason *Refusal `json:"reason,omitempty"`
}

// Evolve folds an event of a cart stream.
func (c *Cart) Evolve(event Event) {
	switch e := event.(type) {
	case ItemAddedToCart:
		c.Items, c.Notices = append(slices.Clip(c.Items), e.Item), nil
	case ItemRemovedFromCart:
		c.Items, c.Notices = without(c.Items, e.Item), nil
	case ItemRepriced:
		c.Items = slices.Clone(c.Items)
		if i := c.index(e.Item); i >= 0 {
			c.Items[i].Net, c.Items[i].VATRate = e.Net, e.VATRate
			c.Notices = append(slices.Clip(c.Notices), Notice{Item: c.Items[i], Old: e.Old})
		}
	case ItemDropped:
		if i := c.index(e.Item); i >= 0 {
			c.Notices = append(slices.Clip(c.Notices), Notice{Item: c.Items[i], Reason: &e.Reason})
		}
		c.Items = without(c.Items, e.Item)
	case CartSubmitted:
		if c.Orders == nil {
			c.Orders = map[OrderID]Submission{}
		}
		c.Items, c.Notices, c.Orders[e.Order], c.Last = nil, nil, Submission{On: e.On, Lines: e.Lines}, e.Order
	case CartReturned:
		c.takeBack(e)
	default:
		return
	}
	c.Version++
}

func (c *Cart) takeBack(e CartReturned) {
	submission := c.Orders[e.Order]
	submission.Returned = true
	c.Orders[e.Order], c.Notices = submission, nil
	var back []Item
	for _, line := range submission.Lines {
		item := line.item()
		if line.Licence == e.Licence {
			c.Notices = append(c.Notices, Notice{Item: item, Reason: &e.Reason})
		} else if c.index(item.ID) < 0 && !c.concerns(item) {
			back = append(back, item)
		}
	}
	c.Items = append(back, c.Items...)
}

func without(items []Item, id ItemID) []Item {
	return slices.DeleteFunc(slices.Clone(items), func(i Item) bool { return i.ID == id })
}

func (c Cart) index(id ItemID) int {
	return slices.IndexFunc(c.Items, func(i Item) bool { return i.ID == id })
}

// concerns tells whether the cart already holds a position for the same licence.
func (c Cart) concerns(item Item) bool {
	return item.Licence != "" && slices.ContainsFunc(c.Items, func(i Item) bool { return i.Licence == item.Licence })
}

// Total of all positions.
func (c Cart) Total() Amounts {
	var total Amounts
	for _, item := range c.Items {
		total = total.Plus(item.Amounts())
	}
	return total
}

// CartStream is where the events of a customer's cart are.
func CartStream(buyer CustomerID) string { return "cart-" + string(buyer) }

// Wish is one ticked row with everything the decision needs to know about it, as the log or a read model says.
// For a new program Licence is the zero value.
type Wish struct {
	Item    ItemID
	Entry   EntryID
	Client  Customer
	Program Program
	Licence Licence
	// Stations wanted in the multi-station edition, 2 to 999. A single-station position always has one station,
	// and an update of a multi-station licence keeps the licence's number.
	Stations int
}

// Position is the cart position that the wish stands for, or the reason why the buyer cannot have it. Source: R6-R9.
func (w Wish) Position(buyer Customer) (Item, error) {
	price, onList := w.Program.Prices[w.Entry]
	item := Item{ID: w.Item, Client: w.Client.ID, Program: w.Program.ID, Licence: w.Licence.ID, Edition: price.Edition,
		From: price.From, To: price.To, Stations: 1, Net: price.Net, VATRate: price.VATRate}
	switch {
	case buyer.ID == "" || w.Client.ID == "":
		return item, refuse(NotFound)
	case w.Client.ID != buyer.ID && w.Client.Distributor != buyer.ID:
		return item, refuse(NotYourClient)
	case buyer.Forgotten() || w.Client.Forgotten():
		return item, refuse(PersonErased)
	case !onList:
		return item, refuse(NotOnPriceList)
	case price.IsNew():
		if offer, ok := w.Program.NewOffer(); !ok || offer != price {
			return item, refuse(NotOnPriceList)
		}
		item.Licence = ""
		return item, nil
	case !w.Licence.Exists() || w.Licence.Customer != w.Client.ID || w.Licence.Program != w.Program.ID:
		return item, refuse(NotFound)
	case w.Client.ID == buyer.ID && buyer.Distributor != "":
		return item, refuse(OrderedByDistributor)
	}
	return w.update(item, price)
}

func (w Wish) update(item Item, price Price) (Item, error) {
	obstacle, concerns := obstacleTo(w.Program, w.Licence, price)
	if !concerns {
		return item, refuse(VersionIsOlder)
	}
	if obstacle != nil {
		return item, *obstacle
	}
	if price.Edition == MultiStation {
		item.Stations = w.Stations
		if !price.ToMultiStation() {
			item.Stations = w.Licence.Stations
		}
	}
	return item, checkStations(item.Edition, item.Stations)
}

// AddToCart puts ticked rows into the cart. A row that is in the cart already changes nothing. Source: R10.
type AddToCart struct {
	Buyer  Customer
	Wishes []Wish
}

// Stream of the buyer's cart.
func (c AddToCart) Stream() string { return CartStream(c.Buyer.ID) }

// Decide takes all rows or, with the reason of the first that is impossible, none. A position's name belongs to one row.
func (c AddToCart) Decide(cart Cart) ([]Event, error) {
	var events []Event
	for _, wish := range c.Wishes {
		item, err := wish.Position(c.Buyer)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(cart.Items, item.sameWish); i >= 0 && cart.Items[i].Stations == item.Stations {
			continue
		}
		if cart.concerns(item) {
			return nil, refuse(UpdateInCart)
		}
		if err := checkText("item", string(item.ID), IdentityMax); err != nil {
			return nil, err
		}
		if cart.index(item.ID) >= 0 {
			return nil, refuse(AlreadyExists, "what", string(item.ID))
		}
		if len(cart.Items) >= CartItemsMax {
			return nil, refuse(CartFull, "max", fmt.Sprint(CartItemsMax))
		}
		added := ItemAddedToCart{Buyer: c.Buyer.ID, Item: item}
		cart.Evolve(added)
		events = append(events, added)
	}
	return events, nil
}

// sameWish tells whether a position of the cart already stands for the item.
func (i Item) sameWish(other Item) bool {
	return i.Client == other.Client && i.Licence == other.Licence && i.Program == other.Program &&
		i.Edition == other.Edition && i.From == other.From && i.To == other.To
}

// RemoveFromCart takes a position out. A position that is not there changes nothing.
type RemoveFromCart struct {
	Buyer CustomerID
	Item  ItemID
}

// Stream of the buyer's cart.
func (c RemoveFromCart) Stream() string { return CartStream(c.Buyer) }

// Decide removes what is there.
func (c RemoveFromCart) Decide(cart Cart) ([]Event, error) {
	if cart.index(c.Item) < 0 {
		return nil, nil
	}
	return []Event{ItemRemovedFromCart(c)}, nil
}

// RecheckCart holds the positions of a cart against what is possible now: another price is noted, an impossible
// position leaves the cart with its reason.
type RecheckCart struct {
	Buyer  Customer
	Wishes map[ItemID]Wish // one for each position, with fresh facts
}

// Stream of the buyer's cart.
func (c RecheckCart) Stream() string { return CartStream(c.Buyer.ID) }

// Decide notes only what differs from what the buyer saw.
func (c RecheckCart) Decide(cart Cart) ([]Event, error) {
	var events []Event
	for _, seen := range cart.Items {
		wish, ok := c.Wishes[seen.ID]
		if !ok {
			continue // added while the facts were gathered; the next check sees it
		}
		now, err := wish.Position(c.Buyer)
		if reason, no := IsRefusal(err); no {
			events = append(events, ItemDropped{Buyer: c.Buyer.ID, Item: seen.ID, Reason: reason})
		} else if now.Net != seen.Net || now.VATRate != seen.VATRate {
			events = append(events, ItemRepriced{Buyer: c.Buyer.ID, Item: seen.ID, Old: seen.Net, Net: now.Net, VATRate: now.VATRate})
		}
	}
	return events, nil
}

// SubmitOrder turns the cart into an order-to-be. Each position is checked again: a lower price passes, a higher
// price or an impossible position refuses with CartChanged, and [RecheckCart] then shows what changed. The same order
// identity again changes nothing, whatever has happened to the cart meanwhile. Source: R11.
type SubmitOrder struct {
	Buyer  Customer
	Order  OrderID
	On     Day             // today
	Wishes map[ItemID]Wish // one for each position, with fresh facts
	Seen   int             // version of the cart that the buyer confirmed; 0: whatever is there
}

// Stream of the buyer's cart.
func (c SubmitOrder) Stream() string { return CartStream(c.Buyer.ID) }

// Decide makes the cart's positions the lines of the order.
func (c SubmitOrder) Decide(cart Cart) ([]Event, error) {
	if _, submitted := cart.Orders[c.Order]; submitted {
		return nil, nil
	}
	if err := checkText("order", string(c.Order), IdentityMax); err != nil {
		return nil, err
	}
	if year := c.On.Year(); year < OrderYearMin || year > OrderYearMax {
		return nil, refuse(InvalidInput, "field", "on", "limit", fmt.Sprintf("%d-%d", OrderYearMin, OrderYearMax))
	}
	if len(cart.Items) == 0 {
		return nil, refuse(CartEmpty)
	}
	if c.Seen != 0 && c.Seen != cart.Version {
		return nil, refuse(CartChanged)
	}
	var lines []Line
	for i, seen := range cart.Items {
		wish, ok := c.Wishes[seen.ID]
		if !ok {
			return nil, refuse(CartChanged)
		}
		now, err := wish.Position(c.Buyer)
		if err != nil || !now.sameWish(seen) || now.Stations != seen.Stations || now.Amounts().Gross > seen.Amounts().Gross {
			return nil, refuse(CartChanged)
		}
		now.ID = seen.ID
		lines = append(lines, lineOf(c.Order, i+1, now, wish.Program.Name))
	}
	return []Event{CartSubmitted{Buyer: c.Buyer.ID, Order: c.Order, On: c.On, Lines: lines}}, nil
}

// ReturnCart gives the positions back because one licence was ordered elsewhere. Twice is harmless.
type ReturnCart struct {
	Buyer   CustomerID
	Order   OrderID
	Licence LicenceID
	Reason  Refusal
}

// Stream of the buyer's cart.
func (c ReturnCart) Stream() string { return CartStream(c.Buyer) }

// Decide acts on a submission that is still on its way.
func (c ReturnCart) Decide(cart Cart) ([]Event, error) {
	if submission, submitted := cart.Orders[c.Order]; !submitted || submission.Returned {
		return nil, nil
	}
	return []Event{CartReturned(c)}, nil
}
