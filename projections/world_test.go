package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/postgres"
)

// world is a log, the views that follow it, and the pages' questions to them.
type world struct {
	t      testing.TB
	log    domain.Log
	memory *memoryLog // the same log, unless it is a real one
	url    string
	db     *sqlx.DB
	tables *Tables
	now    time.Time
	asked  int
}

// stand opens an empty world whose views do not run yet.
func stand(t testing.TB) *world {
	t.Helper()
	memory := newLog()
	w := &world{t: t, log: memory, memory: memory, url: postgres.FreshURL(t), now: time.Date(2026, 3, 2, 9, 0, 0, 123456789, time.UTC)}
	w.db = w.schema("views")
	return w
}

// schema opens a migrated schema of the world's database.
func (w *world) schema(name string) *sqlx.DB {
	w.t.Helper()
	db, err := sqlx.Connect("postgres", w.url+w.searchPath(name))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	if err := postgres.Migrate(context.Background(), db, name, Migrations()); err != nil {
		w.t.Fatal(err)
	}
	return db
}

// live opens a world in which all views run until the test ends, which then compares them with a rebuild.
func live(t testing.TB) *world {
	t.Helper()
	return stand(t).live()
}

func (w *world) live() *world {
	w.t.Helper()
	w.run(All()...)
	tables, err := OpenTables(context.Background(), w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tables = tables
	w.t.Cleanup(func() { tables.Close() })
	w.t.Cleanup(w.rebuiltEqualsLive)
	return w
}

// run starts views; they must end without an error when the test ends.
func (w *world) run(views ...View) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, len(views))
	for _, view := range views {
		go func() { ended <- Run(ctx, w.db, w.log, view, Options{}) }()
	}
	running := len(views)
	stop = func() {
		cancel()
		for ; running > 0; running-- {
			if err := <-ended; err != nil {
				w.t.Errorf("run: %v", err)
			}
		}
	}
	w.t.Cleanup(stop)
	return stop
}

// rebuiltEqualsLive folds the log into a second schema and compares every table.
func (w *world) rebuiltEqualsLive() {
	w.t.Helper()
	w.settle()
	again := w.schema("again")
	defer func() {
		if _, err := again.Exec(`drop schema again cascade`); err != nil {
			w.t.Error(err)
		}
	}()
	if err := Rebuild(context.Background(), again, w.log, "again"); err != nil {
		w.t.Fatal(err)
	}
	live, err := Dump(context.Background(), w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	rebuilt, err := Dump(context.Background(), again)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, table := range Compare(live, rebuilt) {
		w.t.Errorf("table %s differs after a rebuild:\nlive:    %v\nrebuilt: %v", table, lines(w.t, w.db, table), lines(w.t, again, table))
	}
}

func lines(t testing.TB, db *sqlx.DB, table string) []string {
	var rows []string
	if err := db.Select(&rows, `select t::text as line from `+table+` t order by line`); err != nil {
		t.Fatal(err)
	}
	return rows
}

// settle waits until the views show the whole log.
func (w *world) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := Settle(ctx, w.db, w.head(), viewNames(All())...); err != nil {
		w.t.Fatalf("settle at %d: %v", w.head(), err)
	}
}

func viewNames(views []View) []string {
	var names []string
	for _, view := range views {
		names = append(names, view.Name)
	}
	return names
}

// head is the position of the log's last event.
func (w *world) head() (at domain.Position) {
	if w.memory != nil {
		return w.memory.head()
	}
	for record, err := range w.log.History(context.Background(), 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		at = record.Position
	}
	return at
}

// cause is the next request; a minute later than the one before.
func (w *world) cause() domain.Cause {
	w.asked++
	w.now = w.now.Add(time.Minute)
	return domain.Cause{Command: fmt.Sprintf("command-%d", w.asked), Actor: "user-test", Correlation: fmt.Sprintf("request-%d", w.asked), At: w.now}
}

// do executes a command that must not be refused.
func do[S any, P domain.State[S]](w *world, command domain.Command[S]) {
	w.t.Helper()
	if _, err := domain.Execute[S, P](context.Background(), w.log, w.cause(), command); err != nil {
		w.t.Fatalf("%T: %v", command, err)
	}
}

// state loads what the log knows.
func state[S any, P domain.State[S]](w *world, stream string) S {
	w.t.Helper()
	loaded, err := domain.Load[S, P](context.Background(), w.log, stream)
	if err != nil {
		w.t.Fatal(err)
	}
	return loaded.State
}

func (w *world) customer(id domain.CustomerID) domain.Customer {
	return state[domain.Customer](w, domain.CustomerStream(id))
}

func (w *world) program(id domain.ProgramID) domain.Program {
	return state[domain.Program](w, domain.ProgramStream(id))
}

func (w *world) licence(id domain.LicenceID) domain.Licence {
	return state[domain.Licence](w, domain.LicenceStream(id))
}

func (w *world) order(id domain.OrderID) domain.Order {
	return state[domain.Order](w, domain.OrderStream(id))
}

// The cast: alfa and beta order for themselves until they get a distributor; delta is one.
const (
	alfa  domain.CustomerID = "c-alfa"
	beta  domain.CustomerID = "c-beta"
	delta domain.CustomerID = "c-delta"
)

// open fills the world with a catalogue, customers and what they own.
func (w *world) open() *world {
	w.t.Helper()
	do[domain.Program](w, domain.ListProgram{Program: "magazyn", Name: "Magazyn"})
	do[domain.Program](w, domain.ListProgram{Program: "faktury", Name: "Faktury"})
	for _, version := range []domain.Version{"2.0", "3.0"} {
		do[domain.Program](w, domain.ReleaseVersion{Program: "magazyn", Edition: domain.SingleStation, Version: version})
	}
	do[domain.Program](w, domain.ReleaseVersion{Program: "magazyn", Edition: domain.MultiStation, Version: "3.0"})
	do[domain.Program](w, domain.ReleaseVersion{Program: "faktury", Edition: domain.SingleStation, Version: "1.0"})
	for _, price := range []domain.Price{
		{Program: "magazyn", Edition: domain.SingleStation, To: "3.0", Net: 40000, VATRate: 23},
		{Program: "magazyn", Edition: domain.SingleStation, From: "2.0", To: "3.0", Net: 15000, VATRate: 23},
		{Program: "magazyn", Edition: domain.MultiStation, From: "3.0", To: "3.0", Net: 9900, VATRate: 23},
	} {
		do[domain.Program](w, domain.SetPrice{Price: price})
	}
	for i, id := range []domain.CustomerID{alfa, beta, delta} {
		do[domain.Customer](w, domain.RegisterCustomer{Customer: id, Name: strings.ToUpper(string(id[2:])) + " sp. z o.o.", NIP: []domain.NIP{"1234563218", "5260250274", "5252248481"}[i],
			Email: string(id[2:]) + "@example.com", Language: domain.Polish, Distributor: id == delta})
	}
	w.grant("l-alfa-2", alfa, "2.0")
	w.grant("l-alfa-3", alfa, "3.0")
	w.grant("l-beta-2", beta, "2.0")
	w.grant("l-delta-2", delta, "2.0")
	return w
}

func (w *world) grant(id domain.LicenceID, owner domain.CustomerID, version domain.Version) {
	w.t.Helper()
	do[domain.Licence](w, domain.GrantLicence{Licence: id, Customer: owner, Program: w.program("magazyn"), Edition: domain.SingleStation, Version: version, Stations: 1, Activated: true})
}

// tick puts an offer into the buyer's cart as a page does, from the facts of the read models.
func (w *world) tick(buyer domain.CustomerID, pick Pick) error {
	w.settle()
	facts, wishes, err := w.tables.Wishes(context.Background(), buyer, []Pick{pick})
	if err != nil {
		return err
	}
	_, err = domain.Execute[domain.Cart](context.Background(), w.log, w.cause(), domain.AddToCart{Buyer: facts, Wishes: wishes})
	return err
}

// mustTick is tick for an offer that must be possible.
func (w *world) mustTick(buyer domain.CustomerID, picks ...Pick) {
	w.t.Helper()
	for _, pick := range picks {
		if err := w.tick(buyer, pick); err != nil {
			w.t.Fatalf("tick %s: %v", pick.Offer, err)
		}
	}
}

// wishesOf gathers the facts of a cart from the log.
func (w *world) wishesOf(buyer domain.CustomerID) map[domain.ItemID]domain.Wish {
	wishes := map[domain.ItemID]domain.Wish{}
	for _, item := range state[domain.Cart](w, domain.CartStream(buyer)).Items {
		wish := domain.Wish{Item: item.ID, Entry: item.Entry(), Client: w.customer(item.Client), Program: w.program(item.Program), Stations: item.Stations}
		if item.Licence != "" {
			wish.Licence = w.licence(item.Licence)
		}
		wishes[item.ID] = wish
	}
	return wishes
}

var terms = domain.Terms{Bank: domain.BankData{Recipient: "NETROM", NIP: "1234563218", Account: "84102055580000123400005678"}, PaymentDays: 14,
	Limits: &domain.TimeLimits{RemindBeforeDays: 3, RemindAfterDays: 3, ExpireAfterDays: 14, GraceDays: 30}}

// send submits the cart and leaves it at that, as a crash would.
func (w *world) send(buyer domain.CustomerID, submission string) domain.OrderID {
	w.t.Helper()
	order := domain.OrderIDOf(buyer, submission)
	do[domain.Cart](w, domain.SubmitOrder{Buyer: w.customer(buyer), Order: order, On: domain.Day(w.now.Format(time.DateOnly)), Wishes: w.wishesOf(buyer)})
	return order
}

// place finishes a submission.
func (w *world) place(buyer domain.CustomerID, order domain.OrderID) error {
	_, err := domain.Place(context.Background(), w.log, w.cause(), buyer, order, terms)
	return err
}

// submit sends the cart and places the order.
func (w *world) submit(buyer domain.CustomerID, submission string) domain.OrderID {
	w.t.Helper()
	order := w.send(buyer, submission)
	if err := w.place(buyer, order); err != nil {
		w.t.Fatalf("place: %v", err)
	}
	return order
}

// receive takes in a transfer whose title names the order, or none, and books what was matched.
func (w *world) receive(transfer domain.TransferID, order domain.OrderID, amount domain.Money) {
	w.t.Helper()
	o := w.order(order)
	received := domain.TransferReceived{Transfer: transfer, Statement: "s-1", Account: terms.Bank.Account, Amount: amount, ValueOn: "2026-03-03",
		BookedOn: "2026-03-03", BankReference: string(transfer), Title: o.Title, PayerName: "Jan Kowalski"}
	matches := []domain.TransferMatched{{Transfer: transfer, Order: order, Number: o.Number, Amount: amount, ValueOn: received.ValueOn, Rule: domain.MatchedByReference}}
	if order == "" {
		received.Title, matches = "za program\x00", nil
	}
	do[domain.Transfer](w, domain.ReceiveTransfer{TransferReceived: received, Matches: matches})
}

// credit takes in a transfer that becomes a customer's credit.
func (w *world) credit(transfer domain.TransferID, customer domain.CustomerID, amount domain.Money) {
	w.t.Helper()
	do[domain.Transfer](w, domain.ReceiveTransfer{TransferReceived: domain.TransferReceived{Transfer: transfer, Statement: "s-1", Amount: amount},
		Credits: []domain.TransferCredited{{Transfer: transfer, Customer: customer, Amount: amount, Why: domain.ReleasedOverpaid}}})
}

// reverse takes in a transfer that the bank takes back at once.
func (w *world) reverse(reversal, transfer domain.TransferID, amount domain.Money) {
	w.t.Helper()
	do[domain.Transfer](w, domain.ReceiveTransfer{TransferReceived: domain.TransferReceived{Transfer: transfer, Statement: "s-1", Amount: amount}})
	do[domain.Reversal](w, domain.ReceiveReversal{ReversalReceived: domain.ReversalReceived{Reversal: reversal, Statement: "s-1", Amount: amount, Title: "zwrot\x00"},
		Match: &domain.ReversalMatched{Reversal: reversal, Transfer: transfer}})
	do[domain.Transfer](w, domain.ReverseTransfer{TransferReversed: domain.TransferReversed{Transfer: transfer, Reversal: reversal, Amount: amount}})
}

func (w *world) book(transfer domain.TransferID, order domain.OrderID, amount domain.Money) {
	w.t.Helper()
	do[domain.Order](w, domain.RecordPayment{Order: order, Transfer: transfer, Amount: amount, ValueOn: "2026-03-03"})
}

// fulfil does what the process manager owes for an order, all of it.
func (w *world) fulfil(id domain.OrderID) {
	w.t.Helper()
	for {
		order := w.order(id)
		owed := w.owedNow(order)
		if len(owed) == 0 {
			return
		}
		w.perform(order, owed[0])
	}
}

// owedNow leaves out what falls due on a later day.
func (w *world) owedNow(order domain.Order) []domain.Task {
	return slices.DeleteFunc(order.Owed(), func(task domain.Task) bool { return !task.IsDue(domain.DayOf(w.now)) })
}

// perform does one task of an order.
func (w *world) perform(order domain.Order, task domain.Task) {
	w.t.Helper()
	switch task.Kind {
	case domain.ReleaseTask:
		for _, line := range order.Lines {
			do[domain.Licence](w, domain.WithdrawLicenceOrder{Order: order.Order, Licence: line.Licence})
		}
		do[domain.Order](w, domain.RecordRelease{Order: order.Order})
	case domain.MarkPaidTask:
		for _, line := range order.Lines {
			do[domain.Licence](w, domain.MarkLicencePaid{Order: order.Order, Licence: line.Licence})
		}
		do[domain.Order](w, domain.RecordLicencesPaid{Order: order.Order})
	case domain.MarkUnpaidTask:
		for _, line := range order.Lines {
			do[domain.Licence](w, domain.WithdrawLicencePayment{Order: order.Order, Licence: line.Licence})
		}
		do[domain.Order](w, domain.RecordLicencesUnpaid{Order: order.Order})
	case domain.ReturnTask:
		for _, give := range order.Returns(domain.DayOf(w.now)) {
			do[domain.Transfer](w, give)
			transfer, err := domain.Load[domain.Transfer](ctx, w.log, domain.TransferStream(give.Transfer))
			if err != nil {
				w.t.Fatal(err)
			}
			do[domain.Order](w, domain.TakePaymentBack{PaymentTakenBack: domain.PaymentTakenBack{Order: order.Order, Transfer: give.Transfer,
				Amount: give.Amount, ValueOn: give.On, Booking: len(transfer.State.Bookings) - 1, Why: give.Why}})
		}
	case domain.ExpireTask:
		do[domain.Order](w, domain.ExpireOrder{Order: order.Order, On: domain.DayOf(w.now)})
	case domain.LapseTask:
		do[domain.Order](w, domain.LapseOrder{Order: order.Order, On: domain.DayOf(w.now)})
	case domain.BalanceTask:
		do[domain.Order](w, domain.RecordBalanceLetter{Order: order.Order, Payments: task.Copy})
	case domain.ConfirmTask, domain.PaymentNoteTask, domain.RemindTask, domain.RemindAgainTask, domain.ExpiryNoteTask:
		do[domain.Order](w, domain.RecordLetter{Order: order.Order, Kind: task.Kind})
	case domain.ActivateTask:
		line := order.Lines[task.Line-1]
		do[domain.Order](w, domain.IssueActivationFile{ActivationFileIssued: domain.ActivationFileIssued{Order: order.Order, Line: line.Line,
			Licence: line.Licence, Client: line.Client, Name: "file", File: []byte("signed"), Digest: "d", Key: "k", Payment: "p"}})
		do[domain.Order](w, domain.RecordActivationFileSent{ActivationFileSent: domain.ActivationFileSent{Order: order.Order, Line: line.Line,
			Licence: line.Licence, Copy: task.Copy, Address: w.customer(line.Client).Corrections[line.Licence]}})
	}
}

// want puts an offer into the buyer's cart from the facts of the log, whatever the views show.
func (w *world) want(buyer domain.CustomerID, client domain.CustomerID, licence domain.LicenceID, entry domain.EntryID, stations int) error {
	program, _, _ := strings.Cut(string(entry), "-")
	wish := domain.Wish{Item: domain.ItemID(fmt.Sprintf("i-%d", w.asked)), Entry: entry, Client: w.customer(client), Program: w.program(domain.ProgramID(program)), Stations: stations}
	if licence != "" {
		wish.Licence = w.licence(licence)
	}
	_, err := domain.Execute[domain.Cart](context.Background(), w.log, w.cause(), domain.AddToCart{Buyer: w.customer(buyer), Wishes: []domain.Wish{wish}})
	return err
}

// chapter is a history that concerns every view in every way; n keeps its things apart from those of other chapters.
func (w *world) chapter(n int) {
	w.t.Helper()
	id := domain.CustomerID(fmt.Sprintf("c-%d", n))
	licence := domain.LicenceID(fmt.Sprintf("l-%d", n))
	do[domain.Customer](w, domain.RegisterCustomer{Customer: id, Name: "Firma", NIP: "1234563218", Email: "firma@example.com", Language: domain.Polish})
	do[domain.Customer](w, domain.GrantLogin{Customer: id, Account: "user-1", Link: 1})
	w.grant(licence, id, "2.0")
	do[domain.Customer](w, domain.CorrectActivationEmail{Licence: w.licence(licence), Email: "it@example.com"})
	do[domain.Program](w, domain.SetPrice{Price: domain.Price{Program: "magazyn", Edition: domain.SingleStation, From: "2.0", To: "3.0", Net: domain.Money(10000 + n), VATRate: 23}})
	for _, entry := range []domain.EntryID{"magazyn-single-2.0-3.0", "magazyn-single-new-3.0"} {
		wanted := licence
		if entry == "magazyn-single-new-3.0" {
			wanted = ""
		}
		if err := w.want(id, id, wanted, entry, 0); err != nil {
			w.t.Fatal(err)
		}
	}
	order := w.submit(id, "s-1")
	transfer := domain.TransferID(fmt.Sprintf("t-%d", n))
	w.receive(transfer, order, w.order(order).Total.Gross)
	w.book(transfer, order, w.order(order).Total.Gross)
	w.fulfil(order)
	do[domain.Statement](w, domain.ImportStatement{StatementImported: domain.StatementImported{Statement: domain.StatementID(fmt.Sprintf("s-%d", n)), Number: fmt.Sprint(n),
		Account: "84102055580000123400005678", ClosedOn: "2026-11-23", Closing: domain.Money(n)}})
	w.credit(transfer+"-more", id, 500)
	w.reverse(transfer+"-back", transfer+"-gone", 700)
	if err := w.want(id, id, licence, "magazyn-multi-3.0-3.0", 3); err != nil {
		w.t.Fatal(err)
	}
	cancelled := w.submit(id, "s-2")
	do[domain.Order](w, domain.CancelOrder{Order: cancelled})
	w.fulfil(cancelled)
	if err := w.want(id, id, "", "magazyn-single-new-3.0", 0); err != nil {
		w.t.Fatal(err)
	}
	lapsed := w.submit(id, "s-3")
	do[domain.Order](w, domain.ExpireOrder{Order: lapsed, On: "2098-01-01"})
	do[domain.Order](w, domain.LapseOrder{Order: lapsed, On: "2099-01-01"})
	w.fulfil(lapsed)
	if err := w.want(id, id, licence, "magazyn-multi-3.0-3.0", 3); err != nil {
		w.t.Fatal(err)
	}
}
