package domain

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// LicenceID is one owned copy of a program.
type LicenceID string

// LicenceIDOf is the copy that has this code in the vendor's books.
func LicenceIDOf(code string) LicenceID { return LicenceID(NameID("licence", code)) }

// Stations that a multi-station licence may have; a single-station licence has one.
const (
	StationsMin = 2
	StationsMax = 999
)

// LicenceGranted records a copy that the customer owns and has paid for outside the portal.
type LicenceGranted struct {
	Licence   LicenceID  `json:"licence"`
	Customer  CustomerID `json:"customer"`
	Program   ProgramID  `json:"program"`
	Edition   Edition    `json:"edition"`
	Version   Version    `json:"version"`
	Stations  int        `json:"stations"`
	Activated bool       `json:"activated"`
}

// LicenceOrdered makes a new copy visible as ordered; it is not paid yet.
type LicenceOrdered struct {
	Licence  LicenceID  `json:"licence"`
	Customer CustomerID `json:"customer"`
	Program  ProgramID  `json:"program"`
	Edition  Edition    `json:"edition"`
	Version  Version    `json:"version"`
	Stations int        `json:"stations"`
	Order    OrderID    `json:"order"`
}

// UpdateOrdered reserves the licence for one order; until that is paid or withdrawn nobody else can order an update of it.
type UpdateOrdered struct {
	Licence  LicenceID `json:"licence"`
	Edition  Edition   `json:"edition"`
	Version  Version   `json:"version"`
	Stations int       `json:"stations"`
	Order    OrderID   `json:"order"`
}

// LicencePaid makes what was ordered the licence's current, paid version.
type LicencePaid struct {
	Licence LicenceID `json:"licence"`
	Order   OrderID   `json:"order"`
}

// LicencePaymentWithdrawn says that the order that had paid for the licence is not paid any more. If nothing has come after it, the
// licence is again what it was before that payment, and the order waits; otherwise it stays as it is, unpaid.
type LicencePaymentWithdrawn struct {
	Licence LicenceID `json:"licence"`
	Order   OrderID   `json:"order"`
}

// LicenceOrderWithdrawn undoes what the order had reserved; a copy that was only ordered is gone.
type LicenceOrderWithdrawn struct {
	Licence LicenceID `json:"licence"`
	Order   OrderID   `json:"order"`
}

// Licence is one owned copy of a program.
type Licence struct {
	ID        LicenceID  `json:"id"`
	Customer  CustomerID `json:"customer"`
	Program   ProgramID  `json:"program"`
	Edition   Edition    `json:"edition"`
	Version   Version    `json:"version"` // paid, or ordered as long as Paid is false
	Stations  int        `json:"stations"`
	Paid      bool       `json:"paid"`
	Granted   bool       `json:"granted"`   // owned from outside the portal
	Activated bool       `json:"activated"` // as granted; files issued by the portal are facts of their orders
	Pending   *Pending   `json:"pending,omitempty"`
	Withdrawn bool       `json:"withdrawn"`
	GivenUpBy []OrderID  `json:"given_up_by,omitempty"` // orders that were declined or cancelled
	Before    *Before    `json:"before,omitempty"`      // the last payment through the portal; nil: none yet
	PaidBy    []OrderID  `json:"paid_by,omitempty"`     // orders of the portal that have paid for it
	Owing     []OrderID  `json:"owing,omitempty"`       // those that lost their money after a newer one had built on them
}

// Before is what the licence was until an order was paid.
type Before struct {
	Paid      Pending `json:"paid"` // what the order made of the licence
	Edition   Edition `json:"edition"`
	Version   Version `json:"version"`
	Stations  int     `json:"stations"`
	WasPaid   bool    `json:"was_paid"`
	Activated bool    `json:"activated"`
}

// Pending is what an unpaid order will make of the licence.
type Pending struct {
	Order    OrderID `json:"order"`
	Edition  Edition `json:"edition"`
	Version  Version `json:"version"`
	Stations int     `json:"stations"`
}

// Exists tells a licence from an unknown or withdrawn one.
func (l Licence) Exists() bool { return l.ID != "" && !l.Withdrawn }

// Evolve folds an event of a licence stream.
func (l *Licence) Evolve(event Event) {
	switch e := event.(type) {
	case LicenceGranted:
		*l = Licence{ID: e.Licence, Customer: e.Customer, Program: e.Program, Edition: e.Edition, Version: e.Version,
			Stations: e.Stations, Paid: true, Granted: true, Activated: e.Activated}
	case LicenceOrdered:
		*l = Licence{ID: e.Licence, Customer: e.Customer, Program: e.Program, Edition: e.Edition, Version: e.Version,
			Stations: e.Stations, Pending: &Pending{Order: e.Order, Edition: e.Edition, Version: e.Version, Stations: e.Stations}}
	case UpdateOrdered:
		l.Pending = &Pending{Order: e.Order, Edition: e.Edition, Version: e.Version, Stations: e.Stations}
	case LicencePaid:
		l.evolvePaid(e.Order)
	case LicencePaymentWithdrawn:
		l.evolveUnpaid(e.Order)
	case LicenceOrderWithdrawn:
		l.Pending, l.Withdrawn, l.GivenUpBy = nil, !l.Paid && l.Owing == nil, append(slices.Clip(l.GivenUpBy), e.Order)
	}
}

// evolvePaid makes what the order had reserved the licence's current version, or settles an older debt.
func (l *Licence) evolvePaid(order OrderID) {
	l.PaidBy = append(slices.Clip(l.PaidBy), order)
	if p := l.Pending; p != nil && p.Order == order {
		l.Before = &Before{Paid: *p, Edition: l.Edition, Version: l.Version, Stations: l.Stations, WasPaid: l.Paid || len(l.Owing) > 0, Activated: l.Activated}
		l.Activated, l.Edition, l.Version, l.Stations, l.Pending = false, p.Edition, p.Version, p.Stations, nil
	}
	l.Owing = leaveOut(l.Owing, order)
	l.Paid = len(l.Owing) == 0
}

// evolveUnpaid goes back to before the payment if that was the last thing that happened, and notes a debt otherwise.
func (l *Licence) evolveUnpaid(order OrderID) {
	l.PaidBy = leaveOut(l.PaidBy, order)
	before := l.Before
	if before == nil || before.Paid.Order != order || l.Pending != nil {
		l.Paid, l.Owing = false, append(slices.Clip(l.Owing), order)
		return
	}
	pending := before.Paid
	l.Edition, l.Version, l.Stations, l.Activated = before.Edition, before.Version, before.Stations, before.Activated
	l.Paid, l.Pending, l.Before = before.WasPaid && len(l.Owing) == 0, &pending, nil
}

// leaveOut takes an order off a list; nil when none is left.
func leaveOut(list []OrderID, order OrderID) []OrderID {
	list = slices.DeleteFunc(slices.Clone(list), func(o OrderID) bool { return o == order })
	if len(list) == 0 {
		return nil
	}
	return list
}

// Serial is the copy number that people read out to each other; it belongs to the licence for ever.
func (id LicenceID) Serial() string {
	raw, _ := hex.DecodeString(strings.ReplaceAll(NameID("serial", string(id)), "-", "")) // NameID is hexadecimal
	text := base32.StdEncoding.EncodeToString(raw[7:15])
	return fmt.Sprintf("%s-%s-%s", text[:4], text[4:8], text[8:12])
}

// LicenceStream is where a licence's events are.
func LicenceStream(id LicenceID) string { return "licence-" + string(id) }

// Update is a step of the price list seen from one licence. Obstacle says why it cannot be ordered now; nil if it can.
type Update struct {
	Price
	Obstacle *Refusal `json:"obstacle,omitempty"`
}

// Updates lists the steps that start at the licence's version, and the multi-station step even when it is not yet
// possible. Carts and distributors are not considered here. Source: R6, R7.
func Updates(program Program, licence Licence) []Update {
	if !licence.Exists() {
		return nil
	}
	var updates []Update
	for _, price := range program.PriceList() {
		obstacle, ok := obstacleTo(program, licence, price)
		if ok {
			updates = append(updates, Update{Price: price, Obstacle: obstacle})
		}
	}
	return updates
}

// obstacleTo says whether a step concerns the licence at all, and what is in its way.
func obstacleTo(program Program, licence Licence, price Price) (*Refusal, bool) {
	highest := program.Highest(SingleStation)
	switch {
	case price.IsNew(), !program.isReleased(price.Edition, price.To):
		return nil, false
	case price.ToMultiStation():
		if licence.Edition != SingleStation || price.From != highest {
			return nil, false
		}
	case price.Edition != licence.Edition || price.From != licence.Version:
		return nil, false
	}
	var no Refusal
	switch {
	case licence.Pending != nil:
		no = refuse(UpdateAlreadyOrdered, "order", string(licence.Pending.Order))
		if !licence.Paid {
			no = refuse(LicenceNotPaid)
		}
	case !licence.Paid:
		no = refuse(LicenceNotPaid)
	case price.ToMultiStation() && licence.Version != highest:
		no = refuse(MultiStationNeedsLatest, "version", string(highest))
	default:
		return nil, true
	}
	return &no, true
}

// GrantLicence records a copy that the customer owns already. Granting it again changes nothing.
type GrantLicence struct {
	Licence   LicenceID
	Customer  CustomerID
	Program   Program // as the log knows it
	Edition   Edition
	Version   Version
	Stations  int
	Activated bool
}

// Stream of the licence.
func (c GrantLicence) Stream() string { return LicenceStream(c.Licence) }

// Decide refuses what the catalogue does not have.
func (c GrantLicence) Decide(known Licence) ([]Event, error) {
	if known.ID != "" {
		if known.Customer != c.Customer || known.Program != c.Program.ID {
			return nil, refuse(AlreadyExists, "what", string(c.Licence))
		}
		return nil, nil
	}
	if err := checkText("licence", string(c.Licence), IdentityMax); err != nil {
		return nil, err
	}
	if err := checkText("customer", string(c.Customer), IdentityMax); err != nil {
		return nil, err
	}
	if c.Program.ID == "" {
		return nil, refuse(ProgramNotListed)
	}
	if !c.Program.isReleased(c.Edition, c.Version) {
		return nil, refuse(VersionNotReleased, "program", c.Program.Name, "version", string(c.Version))
	}
	if err := checkStations(c.Edition, c.Stations); err != nil {
		return nil, err
	}
	return []Event{LicenceGranted{Licence: c.Licence, Customer: c.Customer, Program: c.Program.ID, Edition: c.Edition,
		Version: c.Version, Stations: c.Stations, Activated: c.Activated}}, nil
}

func checkStations(edition Edition, stations int) error {
	low, high := StationsMin, StationsMax
	if edition == SingleStation {
		low, high = 1, 1
	}
	if stations < low || stations > high {
		return refuse(StationsOutOfRange, "min", fmt.Sprint(low), "max", fmt.Sprint(high))
	}
	return nil
}

// OrderLicence gives a line of an order its hold on the licence: a new copy, or the only open update of an existing one.
// The same order asking again changes nothing.
type OrderLicence struct {
	Order OrderID
	Line  Line
}

// Stream of the licence.
func (c OrderLicence) Stream() string { return LicenceStream(c.Line.Licence) }

// Decide refuses an update when the licence is held by another order or has moved on, and whatever the order has given up:
// a late hand must not take it again for an order that is over.
func (c OrderLicence) Decide(known Licence) ([]Event, error) {
	line := c.Line
	if known.Pending != nil && known.Pending.Order == c.Order {
		return nil, nil
	}
	if slices.Contains(known.GivenUpBy, c.Order) {
		return nil, refuse(OrderNotOpen)
	}
	if line.From == "" {
		if known.ID != "" {
			return nil, nil // already paid by this very order: a new copy belongs to one order
		}
		return []Event{LicenceOrdered{Licence: line.Licence, Customer: line.Client, Program: line.Program,
			Edition: line.Edition, Version: line.To, Stations: line.Stations, Order: c.Order}}, nil
	}
	edition := line.Edition
	if line.From == line.To {
		edition = SingleStation // where the step to the multi-station edition starts
	}
	switch {
	case !known.Exists():
		return nil, refuse(NotFound)
	case known.Pending != nil:
		return nil, refuse(UpdateAlreadyOrdered, "order", string(known.Pending.Order))
	case known.Version != line.From, known.Edition != edition:
		return nil, refuse(VersionIsOlder)
	}
	return []Event{UpdateOrdered{Licence: line.Licence, Edition: line.Edition, Version: line.To, Stations: line.Stations, Order: c.Order}}, nil
}

// MarkLicencePaid carries the payment of an order to the licence. Twice is harmless.
type MarkLicencePaid struct {
	Order   OrderID
	Licence LicenceID
}

// Stream of the licence.
func (c MarkLicencePaid) Stream() string { return LicenceStream(c.Licence) }

// Decide acts only while the order holds the licence, or owes for it.
func (c MarkLicencePaid) Decide(known Licence) ([]Event, error) {
	held := known.Pending != nil && known.Pending.Order == c.Order
	if !held && !slices.Contains(known.Owing, c.Order) {
		return nil, nil
	}
	return []Event{LicencePaid{Licence: c.Licence, Order: c.Order}}, nil
}

// WithdrawLicencePayment carries it to the licence that the payment of an order was taken back. Twice is harmless.
type WithdrawLicencePayment struct {
	Order   OrderID
	Licence LicenceID
}

// Stream of the licence.
func (c WithdrawLicencePayment) Stream() string { return LicenceStream(c.Licence) }

// Decide acts only if the order has paid for the licence.
func (c WithdrawLicencePayment) Decide(known Licence) ([]Event, error) {
	if !slices.Contains(known.PaidBy, c.Order) {
		return nil, nil
	}
	return []Event{LicencePaymentWithdrawn{Licence: c.Licence, Order: c.Order}}, nil
}

// WithdrawLicenceOrder gives up the order's hold on the licence. Twice is harmless.
type WithdrawLicenceOrder struct {
	Order   OrderID
	Licence LicenceID
}

// Stream of the licence.
func (c WithdrawLicenceOrder) Stream() string { return LicenceStream(c.Licence) }

// Decide acts only while the order holds the licence.
func (c WithdrawLicenceOrder) Decide(known Licence) ([]Event, error) {
	if known.Pending == nil || known.Pending.Order != c.Order {
		return nil, nil
	}
	return []Event{LicenceOrderWithdrawn{Licence: c.Licence, Order: c.Order}}, nil
}
