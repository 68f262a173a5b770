package domain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"
)

// market is a small world in which everything happens at random: four customers, one of them a distributor, two
// programs, and every command that the domain knows.
type market struct {
	*rapid.T
	log       *memory
	commands  int
	customers []CustomerID
	programs  []ProgramID
	licences  []LicenceID
	orders    map[OrderID]CustomerID // every submission and its buyer
	seen      int                    // events that were judged
	book      book
}

func newMarket(t *rapid.T) *market {
	m := &market{T: t, log: &memory{}, orders: map[OrderID]CustomerID{}, programs: []ProgramID{"kadry", "magazyn"},
		book: book{submitted: map[OrderID]bool{}, declined: map[OrderID]bool{}, cancelled: map[OrderID]bool{}, returned: map[OrderID]bool{},
			due: map[OrderID]Money{}, money: map[OrderID]Money{}, lines: map[OrderID][]Line{}, numbers: map[int]int{},
			numberOf: map[OrderID]OrderNumber{}, distributor: map[CustomerID]CustomerID{}, issued: map[string]bool{},
			invoices: map[string]InvoiceRecorded{}}}
	for _, registered := range []CustomerRegistered{alfaRegistered, betaRegistered, doraRegistered, klaraRegistered} {
		do(m, RegisterCustomer(registered))
		m.customers = append(m.customers, registered.Customer)
	}
	do(m, AssignDistributor{Customer: "klara", Distributor: dora})
	for _, id := range m.programs {
		do(m, ListProgram{Program: id, Name: "Program " + string(id)})
		for _, edition := range []Edition{SingleStation, MultiStation} {
			for _, version := range []Version{"1", "2"} {
				do(m, ReleaseVersion{Program: id, Edition: edition, Version: version})
			}
		}
		for _, price := range []Price{{Edition: SingleStation, To: "2"}, {Edition: SingleStation, From: "1", To: "2"},
			{Edition: MultiStation, From: "2", To: "2"}, {Edition: MultiStation, From: "1", To: "2"}} {
			price.Program, price.Net, price.VATRate = id, 99_99, 23
			do(m, SetPrice{price})
		}
	}
	for range 6 {
		m.grant()
	}
	return m
}

// do executes a command; a refusal is fine, anything else is not.
func do[S any, P State[S]](m *market, command Command[S]) (Outcome, error) {
	m.commands++
	outcome, err := Execute[S, P](context.Background(), m.log, by(fmt.Sprint("command ", m.commands)), command)
	if _, no := IsRefusal(err); err != nil && !no {
		m.Fatalf("%T: %v", command, err)
	}
	if again, _ := command.Decide(known[S, P](m, command.Stream())); err == nil && len(again) > 0 {
		m.Fatalf("%T asked twice gave %+v", command, again)
	}
	return outcome, err
}

func known[S any, P State[S]](m *market, stream string) S {
	loaded, err := Load[S, P](context.Background(), m.log, stream)
	if err != nil {
		m.Fatal(err)
	}
	return loaded.State
}

func (m *market) customer(id CustomerID) Customer {
	return known[Customer](m, CustomerStream(id))
}

// number draws every number alike; rapid itself prefers small ones.
func (m *market) number(label string, low, high int) int {
	n := 0
	for _, bit := range rapid.SliceOfN(rapid.Bool(), 10, 10).Draw(m.T, label) {
		if n *= 2; bit {
			n++
		}
	}
	return low + n%(high-low+1)
}

func pick[T any](m *market, label string, from []T) T { return from[m.number(label, 0, len(from)-1)] }

// wish is a ticked row: mostly one that is offered, at times nonsense.
func (m *market) wish(buyer Customer) Wish {
	wish := Wish{Item: ItemID(fmt.Sprint("i-", m.commands, "-", m.number("row", 0, 9))), Client: buyer, Stations: m.number("stations", 2, 5)}
	wish.Program = known[Program](m, ProgramStream(pick(m, "program", m.programs)))
	var offered, all []EntryID
	if m.number("update", 0, 3) > 0 {
		wish.Licence = known[Licence](m, LicenceStream(pick(m, "licence", m.licencesFor(buyer))))
		wish.Client = m.customer(wish.Licence.Customer)
		wish.Program = known[Program](m, ProgramStream(wish.Licence.Program))
		for _, update := range Updates(wish.Program, wish.Licence) {
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
	switch nonsense := m.number("nonsense", 0, 15); {
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
func (m *market) licencesFor(buyer Customer) []LicenceID {
	visible := slices.DeleteFunc(slices.Clone(m.licences), func(id LicenceID) bool {
		holder := m.customer(known[Licence](m, LicenceStream(id)).Customer)
		return holder.ID != buyer.ID && holder.Distributor != buyer.ID
	})
	if len(visible) == 0 || m.number("any licence", 0, 15) == 0 {
		return m.licences
	}
	return visible
}

// facts are fresh facts about every position of a cart.
func (m *market) facts(cart Cart) map[ItemID]Wish {
	wishes := map[ItemID]Wish{}
	for _, item := range cart.Items {
		wishes[item.ID] = Wish{Item: item.ID, Entry: item.Entry(), Client: m.customer(item.Client), Program: known[Program](m, ProgramStream(item.Program)),
			Licence: known[Licence](m, LicenceStream(item.Licence)), Stations: item.Stations}
	}
	return wishes
}

// place may break down at any append; then another hand may finish it, or it stays as it is for the time being.
func (m *market) place(order OrderID) {
	crash := m.log.appends + m.number("crash at append", 0, 8)
	broken := pick(m, "crash", []outage{unreachable, unanswered})
	m.log.outage = func(append int) outage {
		if append == crash {
			return broken
		}
		return working
	}
	m.commands++
	_, err := Place(context.Background(), m.log, by(fmt.Sprint("command ", m.commands)), m.orders[order], order, timedTerms)
	m.log.outage = nil
	if _, no := IsRefusal(err); err != nil && !no && !errors.Is(err, errOutage) {
		m.Fatal(err)
	}
}

func (m *market) release(order OrderID) {
	if o := known[Order](m, OrderStream(order)); o.over() {
		for _, line := range o.Lines {
			do(m, WithdrawLicenceOrder{Order: order, Licence: line.Licence})
		}
		do(m, RecordRelease{Order: order})
	}
}

// fulfil does one task that the order owes, as the process manager does.
func (m *market) fulfil(id OrderID) {
	order := known[Order](m, OrderStream(id))
	owed := order.Owed()
	if len(owed) == 0 {
		return
	}
	task := pick(m, "task", owed)
	if m.number("fails", 0, 4) == 0 {
		do(m, RecordFailure{Order: id, Task: task.ID, Reason: "451", At: noon.Add(time.Duration(m.commands) * time.Hour)})
		return
	}
	switch task.Kind {
	case ReleaseTask:
		m.release(id)
	case MarkPaidTask:
		for _, line := range order.Lines {
			do(m, MarkLicencePaid{Order: id, Licence: line.Licence})
		}
		do(m, RecordLicencesPaid{Order: id})
	case MarkUnpaidTask:
		for _, line := range order.Lines {
			do(m, WithdrawLicencePayment{Order: id, Licence: line.Licence})
		}
		do(m, RecordLicencesUnpaid{Order: id})
	case ReturnTask:
		m.giveBack(order)
	case ActivateTask:
		m.activate(order, task)
	case ExpireTask, LapseTask:
		if m.number("patience", 0, 2) == 0 {
			do(m, ExpireOrder{Order: id, On: task.DueOn})
			do(m, LapseOrder{Order: id, On: task.DueOn})
		}
	case BalanceTask:
		do(m, RecordBalanceLetter{Order: id, Payments: task.Copy})
	default:
		do(m, RecordLetter{Order: id, Kind: task.Kind})
	}
}

func (m *market) activate(order Order, task Task) {
	line := order.Lines[task.Line-1]
	do(m, IssueActivationFile{ActivationFileIssued{Order: order.Order, Line: line.Line, Licence: line.Licence, Client: line.Client, File: []byte("signed")}})
	do(m, RecordActivationFileSent{ActivationFileSent{Order: order.Order, Line: line.Line, Licence: line.Licence, Copy: task.Copy,
		Address: m.customer(line.Client).Corrections[line.Licence]}})
}

// act lets one thing happen; what the business is about happens more often than the rest.
func (m *market) act() {
	buyer := func() Customer { return m.customer(pick(m, "buyer", m.customers)) }
	switch m.number("act", 0, 35) {
	case 0, 1:
		m.changeCatalogue()
	case 2:
		do(m, AssignDistributor{Customer: buyer().ID, Distributor: buyer()})
	case 3:
		do(m, RemoveDistributor{Customer: buyer().ID})
	case 4:
		m.grant()
	case 5, 6, 7, 8, 9, 10:
		m.addToCart(buyer())
	case 11:
		c := buyer()
		if items := known[Cart](m, CartStream(c.ID)).Items; len(items) > 0 {
			do(m, RemoveFromCart{Buyer: c.ID, Item: pick(m, "item", items).ID})
		}
	case 12:
		c := buyer()
		do(m, RecheckCart{Buyer: c, Wishes: m.facts(known[Cart](m, CartStream(c.ID)))})
	case 13, 14:
		m.submit(buyer())
	case 15, 16:
		if order, ok := m.submit(buyer()); ok {
			m.place(order)
		}
	case 18, 19, 20, 21:
		m.moveMoney()
	case 17:
		if len(m.licences) > 0 {
			licence := known[Licence](m, LicenceStream(pick(m, "licence", m.licences)))
			do(m, CorrectActivationEmail{Licence: licence, Email: pick(m, "email", []string{"a@a.example", "b@b.example"})})
		}
	default:
		if len(m.orders) > 0 {
			m.actOn(pick(m, "order", slices.Sorted(maps.Keys(m.orders))))
		}
	}
}

// actOn lets one thing happen to a submission or its order.
func (m *market) actOn(id OrderID) {
	order := known[Order](m, OrderStream(id))
	switch m.number("act on order", 0, 14) {
	case 0, 1:
		m.place(id)
	case 2:
		do(m, CancelOrder{Order: id})
	case 3: // too early, or once more
		for _, line := range order.Lines {
			m.activate(order, Task{Line: line.Line, Copy: 1})
		}
	case 4:
		for _, line := range order.Lines {
			do(m, ResendActivationFile{Order: id, Line: line.Line, Corrections: m.customer(line.Client).Corrections[line.Licence]})
		}
	case 5, 6, 7:
		open := int(order.Open())
		amount := pick(m, "amount", []int{open, open, open, open, open - 1, open / 2, open + 1, 1})
		m.pay(order, Money(amount))
	case 8:
		m.invoice(order)
	default:
		for range m.number("tasks", 1, 6) {
			m.fulfil(id)
		}
	}
}

// invoice is at times a number that another order has, or a second one for the same order.
func (m *market) invoice(order Order) {
	record := RecordInvoice{On: "2027-01-31", InvoiceRecorded: InvoiceRecorded{Order: order.Order,
		Invoice: fmt.Sprint("FV ", m.number("invoice", 1, 9)), IssuedOn: pick(m, "issued", []Day{"2027-01-02", "2027-01-03"})}}
	if len(order.Payments) > 0 && m.number("advance", 0, 1) == 0 {
		record.Advance = order.Payments[0].ValueOn.Month()
	}
	m.commands++
	_, err := AddInvoice(context.Background(), m.log, by(fmt.Sprint("command ", m.commands)), record)
	if _, no := IsRefusal(err); err != nil && !no {
		m.Fatal(err)
	}
}

func (m *market) changeCatalogue() {
	program := known[Program](m, ProgramStream(pick(m, "program", m.programs)))
	version := func() Version { return pick(m, "version", []Version{"1", "2", "3", "3.0", "10"}) }
	edition := pick(m, "edition", []Edition{SingleStation, MultiStation})
	switch m.number("change", 0, 3) {
	case 0:
		do(m, ReleaseVersion{Program: program.ID, Edition: edition, Version: version()})
	case 1:
		if list := program.PriceList(); len(list) > 0 {
			do(m, WithdrawPrice{Program: program.ID, Entry: pick(m, "price", list).Entry()})
		}
	default:
		from := pick(m, "from", []Version{"", "1", "2", "3", "10"})
		do(m, SetPrice{Price{Program: program.ID, Edition: edition, From: from, To: version(),
			Net: Money(m.number("net", 1, 300_00)), VATRate: pick(m, "rate", []VATRate{0, 8, 23})}})
	}
}

func (m *market) grant() {
	id := LicenceID(fmt.Sprint("l-", m.number("licence", 1, 9)))
	grant := GrantLicence{Licence: id, Customer: pick(m, "holder", m.customers), Program: known[Program](m, ProgramStream(pick(m, "program", m.programs))),
		Edition: SingleStation, Version: pick(m, "version", []Version{"1", "2"}), Stations: 1}
	if m.number("multi-station", 0, 2) == 0 {
		grant.Edition, grant.Stations = MultiStation, 3
	}
	if _, err := do(m, grant); err == nil && !slices.Contains(m.licences, id) {
		m.licences = append(m.licences, id)
	}
}

func (m *market) addToCart(buyer Customer) {
	add := AddToCart{Buyer: buyer}
	for range m.number("rows", 1, 3) {
		add.Wishes = append(add.Wishes, m.wish(buyer))
	}
	do(m, add)
}

func (m *market) submit(buyer Customer) (OrderID, bool) {
	cart := known[Cart](m, CartStream(buyer.ID))
	order := OrderIDOf(buyer.ID, fmt.Sprint("s-", m.number("submission", 1, 8)))
	on := pick(m, "on", []Day{"2026-12-31", "2027-01-01"})
	_, err := do(m, SubmitOrder{Buyer: buyer, Order: order, On: on, Wishes: m.facts(cart)})
	if errors.Is(err, Refusal{Code: CartChanged}) { // then it can be ordered as it is shown
		do(m, RecheckCart{Buyer: buyer, Wishes: m.facts(cart)})
		cart = known[Cart](m, CartStream(buyer.ID))
		_, err = do(m, SubmitOrder{Buyer: buyer, Order: order, On: on, Wishes: m.facts(cart)})
		if err != nil && !errors.Is(err, Refusal{Code: CartEmpty}) {
			m.Fatalf("after the check the cart still cannot be ordered: %v", err)
		}
	}
	if err == nil {
		m.orders[order] = buyer.ID
	}
	return order, err == nil
}
