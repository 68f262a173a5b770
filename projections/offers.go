package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"netrom.pl/portal/domain"
)

// Offer is a row of the updates or of the new programs. Source: R6-R9.
type Offer struct {
	ID             string // names the row towards [Tables.Wishes]
	Entry          domain.EntryID
	Licence        domain.LicenceID // empty for a new program, like everything else about a licence
	Serial         string
	Client         domain.CustomerID
	ClientName     string
	Program        domain.ProgramID
	ProgramName    string
	Edition        domain.Edition
	From, To       domain.Version
	Stations       int // of the licence
	ToMultiStation bool
	Net            domain.Money // of one licence, or of one station
	VATRate        domain.VATRate
	// Obstacle says why the row cannot be ticked; nil if it can.
	Obstacle *domain.Refusal
}

// updateOfferRow is an offer with the facts from which its obstacle follows.
type updateOfferRow struct {
	Offer
	Own             bool // the viewer's licence
	HasDistributor  bool // its owner
	DistributorName string
	Reason          []byte // as the domain sees licence and price list alone
	InCart          bool
	PendingNumber   string
	PendingUntil    domain.Day // last day for late money, when the viewer's own order holds the licence and has expired
	Total           int
}

// selectUpdates knows the part possible, and sorts by program and price.
var selectUpdates = listed{
	keys: `u.licence, u.place as step`,
	from: `updates u
		join entitlements e on e.licence = u.licence
		join customers owner on owner.id = e.customer
		join entitlement_programs p on p.program = e.program
		where ` + visible,
	text: ownedText + ` || ' ' || u.version_from || ' ' || u.version_to`,
	only: `when 'possible' then u.obstacle is null and not (owner.id = $1 and owner.distributor <> '')
		and not exists (select from cart_items i where i.licence = u.licence)`,
	sort:    `when 'program' then p.folded when 'price' then lpad(u.net::text, 15, '0')`,
	natural: orderByOwner + `, u.place`,
}.page() + `
	select u.licence || ':' || u.entry as id, u.entry, u.licence, e.serial, e.customer as client, owner.name as clientname, e.program,
		p.name as programname, u.edition, u.version_from as "from", u.version_to as "to", e.stations,
		u.to_multi_station as tomultistation, u.net, u.vat_rate as vatrate, owner.id = $1 as own,
		owner.distributor <> '' as hasdistributor, coalesce(distributor.name, '') as distributorname, u.obstacle as reason,
		exists (select from cart_items i where i.licence = u.licence) as incart, coalesce(o.number, '') as pendingnumber,
		case when o.buyer = $1 and o.status = '` + string(domain.ExpiredStatus) + `' then o.payable_until else '' end as pendinguntil, page.total
	from page
	join updates u on u.licence = page.licence and u.place = page.step
	join entitlements e on e.licence = u.licence
	join customers owner on owner.id = e.customer
	join entitlement_programs p on p.program = e.program
	left join customers distributor on distributor.id = owner.distributor
	left join orders o on o.id = e.pending_order
	order by page.place`

// Updates lists the updates of the programs of the viewer and of its clients, also those that cannot be ordered now, in
// the order of [Tables.Entitlements]; and how many there are on all pages together. Source: R6-R8.
func (t *Tables) Updates(ctx context.Context, viewer domain.CustomerID, wanted Listing) ([]Offer, int, error) {
	var rows []updateOfferRow
	if err := t.updates.SelectContext(ctx, &rows, wanted.arguments(viewer)...); err != nil {
		return nil, 0, fmt.Errorf("list updates: %w", err)
	}
	offers, total := make([]Offer, len(rows)), 0
	for i, row := range rows {
		var err error
		if row.Offer.Obstacle, err = row.obstacle(); err != nil {
			return nil, 0, fmt.Errorf("list updates: %w", err)
		}
		offers[i], total = row.Offer, row.Total
	}
	return offers, total, nil
}

// obstacle is the first of: the distributor orders it (R8), what the domain says, somebody has it in a cart.
func (r updateOfferRow) obstacle() (*domain.Refusal, error) {
	if r.Own && r.HasDistributor {
		return &domain.Refusal{Code: domain.OrderedByDistributor, Facts: map[string]string{"distributor": r.DistributorName}}, nil
	}
	if r.Reason != nil {
		var reason domain.Refusal
		if err := json.Unmarshal(r.Reason, &reason); err != nil {
			return nil, fmt.Errorf("decode obstacle: %w", err)
		}
		if reason.Code == domain.UpdateAlreadyOrdered {
			reason.Facts["number"] = r.PendingNumber
			if r.PendingUntil != "" {
				reason.Facts["until"] = string(r.PendingUntil)
			}
		}
		return &reason, nil
	}
	if r.InCart {
		return &domain.Refusal{Code: domain.UpdateInCart}, nil
	}
	return nil, nil
}

// Pick is a ticked row.
type Pick struct {
	Offer    string
	Client   domain.CustomerID // who gets a new program; empty: the buyer
	Stations int               // wanted in the multi-station edition
	Item     domain.ItemID     // identity of the cart position that it becomes
}

// Wishes turns ticked rows into what a cart needs to know to decide about them. An offer or a client that does not exist
// or is not the buyer's refuses with NotFound.
func (t *Tables) Wishes(ctx context.Context, buyer domain.CustomerID, picks []Pick) (domain.Customer, []domain.Wish, error) {
	known, err := t.gather(ctx, subjectsOf(buyer, picks))
	if err != nil {
		return domain.Customer{}, nil, fmt.Errorf("gather facts: %w", err)
	}
	if known.customers[buyer] == nil {
		return domain.Customer{}, nil, domain.Refusal{Code: domain.NotFound}
	}
	wishes := make([]domain.Wish, len(picks))
	for i, pick := range picks {
		wish, ok := known.wish(buyer, pick)
		if !ok {
			return domain.Customer{}, nil, domain.Refusal{Code: domain.NotFound}
		}
		wishes[i] = wish
	}
	return *known.customers[buyer], wishes, nil
}

// parts reads the identity of an offer: licence:entry for an update, entry for a new program. An entry starts with
// its program, which has no dash in it.
func parts(pick Pick) (licence domain.LicenceID, program string, entry domain.EntryID) {
	before, after, isUpdate := strings.Cut(pick.Offer, ":")
	if isUpdate {
		return domain.LicenceID(before), "", domain.EntryID(after)
	}
	program, _, _ = strings.Cut(pick.Offer, "-")
	return "", program, domain.EntryID(pick.Offer)
}
