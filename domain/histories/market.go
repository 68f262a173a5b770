// Package histories makes random histories of the business for the tests of other packages: whoever has something to say that holds at every
// position of every log lets markets act and looks at their logs.
package histories

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"netrom.pl/portal/domain"
)

// Market is a small world in which everything happens at random: four customers, one of them a distributor, two
// programs, and every command that the domain knows. For one goroutine.
type Market struct {
	*rapid.T
	Log       *Log
	Orders    map[domain.OrderID]domain.CustomerID // every submission and its buyer
	commands  int
	now       time.Time
	customers []domain.CustomerID
	programs  []domain.ProgramID
	licences  []domain.LicenceID
	bank      bank
}

// begins is when every market does.
var begins = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// Terms are those of every order.
var Terms = domain.Terms{
	Bank:        domain.BankData{Recipient: "Netrom", NIP: "5250022229", Account: "84102055580000123400005678"},
	PaymentDays: 14, Tolerance: 20,
	Limits: &domain.TimeLimits{RemindBeforeDays: 3, RemindAfterDays: 3, ExpireAfterDays: 14, GraceDays: 30},
}

// people are the customers of every market.
var people = []domain.CustomerRegistered{
	{Customer: "alfa", Name: "Alfa sp. z o.o.", NIP: "1234563218", Email: "biuro@alfa.example", Language: domain.Polish},
	{Customer: "beta", Name: "Beta s.c.", NIP: "5265877635", Email: "beta@beta.example", Language: domain.English},
	{Customer: "dora", Name: "Dora Dystrybucja", NIP: "5250000009", Email: "dora@dora.example", Language: domain.Polish, Distributor: true},
	{Customer: "klara", Name: "Klara", NIP: "5250011119", Email: "klara@klara.example", Language: domain.Polish},
}

// New opens a market with a catalogue, customers and some licences.
func New(t *rapid.T) *Market {
	m := &Market{T: t, Log: &Log{}, Orders: map[domain.OrderID]domain.CustomerID{}, now: begins, programs: []domain.ProgramID{"kadry", "magazyn"}}
	for _, registered := range people {
		do(m, domain.RegisterCustomer(registered))
		m.customers = append(m.customers, registered.Customer)
	}
	do(m, domain.AssignDistributor{Customer: "klara", Distributor: m.customer("dora")})
	for _, id := range m.programs {
		do(m, domain.ListProgram{Program: id, Name: "Program " + string(id)})
		for _, edition := range []domain.Edition{domain.SingleStation, domain.MultiStation} {
			for _, version := range []domain.Version{"1", "2"} {
				do(m, domain.ReleaseVersion{Program: id, Edition: edition, Version: version})
			}
		}
		for _, price := range []domain.Price{{Edition: domain.SingleStation, To: "2"}, {Edition: domain.SingleStation, From: "1", To: "2"},
			{Edition: domain.MultiStation, From: "2", To: "2"}, {Edition: domain.MultiStation, From: "1", To: "2"}} {
			price.Program, price.Net, price.VATRate = id, 99_99, 23
			do(m, domain.SetPrice{Price: price})
		}
	}
	for range 6 {
		m.grant()
	}
	return m
}

// Cause is the next request, a minute later than the one before.
func (m *Market) Cause() domain.Cause {
	m.commands++
	m.now = m.now.Add(time.Minute)
	return domain.Cause{Command: fmt.Sprint("command ", m.commands), Actor: "user-1", OnBehalfOf: "alfa", Correlation: "r-1", Causation: "c-1", At: m.now}
}

// Today is the Polish day.
func (m *Market) Today() domain.Day { return domain.DayOf(m.now) }

// do executes a command; a refusal is fine, anything else is not.
func do[S any, P domain.State[S]](m *Market, command domain.Command[S]) (domain.Outcome, error) {
	outcome, err := domain.Execute[S, P](context.Background(), m.Log, m.Cause(), command)
	if _, no := domain.IsRefusal(err); err != nil && !no {
		m.Fatalf("%T: %v", command, err)
	}
	if again, _ := command.Decide(Known[S, P](m, command.Stream())); err == nil && len(again) > 0 {
		m.Fatalf("%T asked twice gave %+v", command, again)
	}
	return outcome, err
}

// Known is what the log says of a stream.
func Known[S any, P domain.State[S]](m *Market, stream string) S {
	loaded, err := domain.Load[S, P](context.Background(), m.Log, stream)
	if err != nil {
		m.Fatal(err)
	}
	return loaded.State
}

func (m *Market) customer(id domain.CustomerID) domain.Customer {
	return Known[domain.Customer](m, domain.CustomerStream(id))
}

// Number draws every number alike; rapid itself prefers small ones.
func (m *Market) Number(label string, low, high int) int {
	n := 0
	for _, bit := range rapid.SliceOfN(rapid.Bool(), 10, 10).Draw(m.T, label) {
		if n *= 2; bit {
			n++
		}
	}
	return low + n%(high-low+1)
}

// Place may break down at any append; then another hand may finish it, or it stays as it is for the time being.
func (m *Market) Place(order domain.OrderID) {
	crash := m.Log.appends + m.Number("crash at append", 0, 8)
	broken := pick(m, "crash", []outage{unreachable, unanswered})
	m.Log.outage = func(append int) outage {
		if append == crash {
			return broken
		}
		return working
	}
	m.Finish(order)
	m.Log.outage = nil
}

// Finish takes the steps from a submission to its order that were not taken yet.
func (m *Market) Finish(order domain.OrderID) {
	_, err := domain.Place(context.Background(), m.Log, m.Cause(), m.Orders[order], order, Terms)
	if _, no := domain.IsRefusal(err); err != nil && !no && !errors.Is(err, errOutage) {
		m.Fatal(err)
	}
}

// Release gives up what an order that is over holds.
func (m *Market) Release(order domain.OrderID) {
	if o := Known[domain.Order](m, domain.OrderStream(order)); o.Cancelled || o.Lapsed {
		for _, line := range o.Lines {
			do(m, domain.WithdrawLicenceOrder{Order: order, Licence: line.Licence})
		}
		do(m, domain.RecordRelease{Order: order})
	}
}

// fulfil does one task that the order owes, as the process manager does.
func (m *Market) fulfil(id domain.OrderID) {
	order := Known[domain.Order](m, domain.OrderStream(id))
	owed := order.Owed()
	if len(owed) == 0 {
		return
	}
	task := pick(m, "task", owed)
	if m.Number("fails", 0, 4) == 0 {
		do(m, domain.RecordFailure{Order: id, Task: task.ID, Reason: "451", At: m.now})
		return
	}
	m.perform(order, task)
}

func (m *Market) perform(order domain.Order, task domain.Task) {
	id := order.Order
	switch task.Kind {
	case domain.ReleaseTask:
		m.Release(id)
	case domain.MarkPaidTask:
		for _, line := range order.Lines {
			do(m, domain.MarkLicencePaid{Order: id, Licence: line.Licence})
		}
		do(m, domain.RecordLicencesPaid{Order: id})
	case domain.MarkUnpaidTask:
		for _, line := range order.Lines {
			do(m, domain.WithdrawLicencePayment{Order: id, Licence: line.Licence})
		}
		do(m, domain.RecordLicencesUnpaid{Order: id})
	case domain.ReturnTask:
		m.giveBack(order)
	case domain.ActivateTask:
		m.activate(order, task)
	case domain.ExpireTask, domain.LapseTask:
		if m.Number("patience", 0, 2) == 0 {
			do(m, domain.ExpireOrder{Order: id, On: task.DueOn})
			do(m, domain.LapseOrder{Order: id, On: task.DueOn})
		}
	case domain.BalanceTask:
		do(m, domain.RecordBalanceLetter{Order: id, Payments: task.Copy})
	default:
		do(m, domain.RecordLetter{Order: id, Kind: task.Kind})
	}
}

func (m *Market) activate(order domain.Order, task domain.Task) {
	line := order.Lines[task.Line-1]
	do(m, domain.IssueActivationFile{ActivationFileIssued: domain.ActivationFileIssued{Order: order.Order, Line: line.Line, Licence: line.Licence, Client: line.Client, File: []byte("signed")}})
	do(m, domain.RecordActivationFileSent{ActivationFileSent: domain.ActivationFileSent{Order: order.Order, Line: line.Line, Licence: line.Licence, Copy: task.Copy,
		Address: m.customer(line.Client).Corrections[line.Licence]}})
}

// Act lets one thing happen; what the business is about happens more often than the rest.
func (m *Market) Act() {
	buyer := func() domain.Customer { return m.customer(pick(m, "buyer", m.customers)) }
	switch m.Number("act", 0, 37) {
	case 36:
		m.now = m.now.AddDate(0, 0, m.Number("days", 1, 9))
	case 37:
		m.catchUp()
	case 0, 1:
		m.changeCatalogue()
	case 2:
		do(m, domain.AssignDistributor{Customer: buyer().ID, Distributor: buyer()})
	case 3:
		do(m, domain.RemoveDistributor{Customer: buyer().ID})
	case 4:
		m.grant()
	case 5, 6, 7, 8, 9, 10:
		m.addToCart(buyer())
	case 11:
		c := buyer()
		if items := Known[domain.Cart](m, domain.CartStream(c.ID)).Items; len(items) > 0 {
			do(m, domain.RemoveFromCart{Buyer: c.ID, Item: pick(m, "item", items).ID})
		}
	case 12:
		c := buyer()
		do(m, domain.RecheckCart{Buyer: c, Wishes: m.facts(Known[domain.Cart](m, domain.CartStream(c.ID)))})
	case 13, 14:
		m.submit(buyer())
	case 15, 16:
		if order, ok := m.submit(buyer()); ok {
			m.Place(order)
		}
	case 18, 19, 20, 21:
		m.moveMoney()
	case 17:
		if len(m.licences) > 0 {
			licence := Known[domain.Licence](m, domain.LicenceStream(pick(m, "licence", m.licences)))
			do(m, domain.CorrectActivationEmail{Licence: licence, Email: pick(m, "email", []string{"a@a.example", "b@b.example"})})
		}
	default:
		if len(m.Orders) > 0 {
			m.actOn(pick(m, "order", slices.Sorted(maps.Keys(m.Orders))))
		}
	}
}

// actOn lets one thing happen to a submission or its order.
func (m *Market) actOn(id domain.OrderID) {
	order := Known[domain.Order](m, domain.OrderStream(id))
	switch m.Number("act on order", 0, 14) {
	case 0, 1:
		m.Place(id)
	case 2:
		do(m, domain.CancelOrder{Order: id})
	case 3: // too early, or once more
		for _, line := range order.Lines {
			m.activate(order, domain.Task{Line: line.Line, Copy: 1})
		}
	case 4:
		for _, line := range order.Lines {
			do(m, domain.ResendActivationFile{Order: id, Line: line.Line, Corrections: m.customer(line.Client).Corrections[line.Licence]})
		}
	case 5, 6, 7:
		m.payFor(order)
	case 8:
		m.invoice(order)
	default:
		for range m.Number("tasks", 1, 6) {
			m.fulfil(id)
		}
	}
}

// invoice is at times a number that another order has, or a second one for the same order.
func (m *Market) invoice(order domain.Order) {
	record := domain.RecordInvoice{On: "2027-01-31", InvoiceRecorded: domain.InvoiceRecorded{Order: order.Order,
		Invoice: fmt.Sprint("FV ", m.Number("invoice", 1, 9)), IssuedOn: pick(m, "issued", []domain.Day{"2027-01-02", "2027-01-03"})}}
	if len(order.Payments) > 0 && m.Number("advance", 0, 1) == 0 {
		record.Advance = order.Payments[0].ValueOn.Month()
	}
	_, err := domain.AddInvoice(context.Background(), m.Log, m.Cause(), record)
	if _, no := domain.IsRefusal(err); err != nil && !no {
		m.Fatal(err)
	}
}
