package histories

import (
	"errors"
	"fmt"
	"slices"

	"netrom.pl/portal/domain"
)

func pick[T any](m *Market, label string, from []T) T { return from[m.Number(label, 0, len(from)-1)] }

// wish is a ticked row: mostly one that is offered, at times nonsense.
func (m *Market) wish(buyer domain.Customer) domain.Wish {
	wish := domain.Wish{Item: domain.ItemID(fmt.Sprint("i-", m.commands, "-", m.Number("row", 0, 9))), Client: buyer, Stations: m.Number("stations", 2, 5)}
	wish.Program = Known[domain.Program](m, domain.ProgramStream(pick(m, "program", m.programs)))
	var offered, all []domain.EntryID
	if m.Number("update", 0, 3) > 0 {
		wish.Licence = Known[domain.Licence](m, domain.LicenceStream(pick(m, "licence", m.licencesFor(buyer))))
		wish.Client = m.customer(wish.Licence.Customer)
		wish.Program = Known[domain.Program](m, domain.ProgramStream(wish.Licence.Program))
		for _, update := range domain.Updates(wish.Program, wish.Licence) {
			if update.Obstacle == nil {
				offered = append(offered, update.Entry())
			}
		}
	} else if offer, ok := wish.Program.NewOffer(); ok {
		offered = append(offered, offer.Entry())
	}
	for _, price := range wish.Program.PriceList() {
		all = append(all, price.Entry())
	}
	switch nonsense := m.Number("nonsense", 0, 15); {
	case nonsense == 0:
		wish.Client = m.customer(pick(m, "client", m.customers))
	case nonsense == 1:
		wish.Stations = 1
	case nonsense == 2 && len(all) > 0, len(offered) == 0 && len(all) > 0:
		wish.Entry = pick(m, "entry", all)
		return wish
	}
	if len(offered) > 0 {
		wish.Entry = pick(m, "offer", offered)
	}
	return wish
}

// licencesFor are all that the buyer may order updates of, or just any.
func (m *Market) licencesFor(buyer domain.Customer) []domain.LicenceID {
	visible := slices.DeleteFunc(slices.Clone(m.licences), func(id domain.LicenceID) bool {
		holder := m.customer(Known[domain.Licence](m, domain.LicenceStream(id)).Customer)
		return holder.ID != buyer.ID && holder.Distributor != buyer.ID
	})
	if len(visible) == 0 || m.Number("any licence", 0, 15) == 0 {
		return m.licences
	}
	return visible
}

// facts are fresh facts about every position of a cart.
func (m *Market) facts(cart domain.Cart) map[domain.ItemID]domain.Wish {
	wishes := map[domain.ItemID]domain.Wish{}
	for _, item := range cart.Items {
		wishes[item.ID] = domain.Wish{Item: item.ID, Entry: item.Entry(), Client: m.customer(item.Client), Program: Known[domain.Program](m, domain.ProgramStream(item.Program)),
			Licence: Known[domain.Licence](m, domain.LicenceStream(item.Licence)), Stations: item.Stations}
	}
	return wishes
}

func (m *Market) changeCatalogue() {
	program := Known[domain.Program](m, domain.ProgramStream(pick(m, "program", m.programs)))
	version := func() domain.Version { return pick(m, "version", []domain.Version{"1", "2", "3", "3.0", "10"}) }
	edition := pick(m, "edition", []domain.Edition{domain.SingleStation, domain.MultiStation})
	switch m.Number("change", 0, 3) {
	case 0:
		do(m, domain.ReleaseVersion{Program: program.ID, Edition: edition, Version: version()})
	case 1:
		if list := program.PriceList(); len(list) > 0 {
			do(m, domain.WithdrawPrice{Program: program.ID, Entry: pick(m, "price", list).Entry()})
		}
	default:
		from := pick(m, "from", []domain.Version{"", "1", "2", "3", "10"})
		do(m, domain.SetPrice{Price: domain.Price{Program: program.ID, Edition: edition, From: from, To: version(),
			Net: domain.Money(m.Number("net", 1, 300_00)), VATRate: pick(m, "rate", []domain.VATRate{0, 8, 23})}})
	}
}

func (m *Market) grant() {
	id := domain.LicenceID(fmt.Sprint("l-", m.Number("licence", 1, 9)))
	grant := domain.GrantLicence{Licence: id, Customer: pick(m, "holder", m.customers), Program: Known[domain.Program](m, domain.ProgramStream(pick(m, "program", m.programs))),
		Edition: domain.SingleStation, Version: pick(m, "version", []domain.Version{"1", "2"}), Stations: 1}
	if m.Number("multi-station", 0, 2) == 0 {
		grant.Edition, grant.Stations = domain.MultiStation, 3
	}
	if _, err := do(m, grant); err == nil && !slices.Contains(m.licences, id) {
		m.licences = append(m.licences, id)
	}
}

func (m *Market) addToCart(buyer domain.Customer) {
	add := domain.AddToCart{Buyer: buyer}
	for range m.Number("rows", 1, 3) {
		add.Wishes = append(add.Wishes, m.wish(buyer))
	}
	do(m, add)
}

func (m *Market) submit(buyer domain.Customer) (domain.OrderID, bool) {
	cart := Known[domain.Cart](m, domain.CartStream(buyer.ID))
	order := domain.OrderIDOf(buyer.ID, fmt.Sprint("s-", m.Number("submission", 1, 8)))
	on := pick(m, "on", []domain.Day{"2026-12-31", "2027-01-01"})
	_, err := do(m, domain.SubmitOrder{Buyer: buyer, Order: order, On: on, Wishes: m.facts(cart)})
	if errors.Is(err, domain.Refusal{Code: domain.CartChanged}) { // then it can be ordered as it is shown
		do(m, domain.RecheckCart{Buyer: buyer, Wishes: m.facts(cart)})
		cart = Known[domain.Cart](m, domain.CartStream(buyer.ID))
		_, err = do(m, domain.SubmitOrder{Buyer: buyer, Order: order, On: on, Wishes: m.facts(cart)})
		if err != nil && !errors.Is(err, domain.Refusal{Code: domain.CartEmpty}) {
			m.Fatalf("after the check the cart still cannot be ordered: %v", err)
		}
	}
	if err == nil {
		m.Orders[order] = buyer.ID
	}
	return order, err == nil
}
