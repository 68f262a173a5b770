package projections

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

var (
	seed   = flag.Int64("seed", 0, "seed of the random histories; 0: 1, 2 and 3")
	wishes = flag.Int("wishes", 700, "commands of a random history")
)

// Whatever people do, the tables say what a fold of the log says, and a rebuild gives the same bytes.
// A longer run: go test ./projections -run RandomHistories -seed 42 -wishes 5000
func TestRandomHistories(t *testing.T) {
	seeds := []int64{1, 2, 3}
	if *seed != 0 {
		seeds = []int64{*seed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := stand(t)
			w.memory.deliver = func() func([]domain.Record) [][]domain.Record {
				cuts := rand.New(rand.NewSource(seed))
				return func(page []domain.Record) [][]domain.Record {
					cut := cuts.Intn(len(page) + 1)
					return [][]domain.Record{page[:cut], page[cut:], page}
				}
			}
			w.live().open()
			p := people{world: w, random: rand.New(rand.NewSource(seed)), did: map[string]int{}}
			for range *wishes {
				p.act()
			}
			w.settle()
			w.checkAgainstTheLog()
			t.Logf("%d events; done and refused: %v", len(w.memory.records), p.did)
			for _, what := range []string{"submit", "pay", "work", "resend", "cancel", "expire"} {
				if p.did[what] == 0 {
					t.Errorf("nobody ever managed to %s", what)
				}
			}
		})
	}
}

// people do random things, possible and impossible ones.
type people struct {
	*world
	random   *rand.Rand
	orders   []domain.OrderID
	sent     []sending
	licences []domain.LicenceID
	did      map[string]int
}

// sending is a submission that may not be placed yet.
type sending struct {
	buyer domain.CustomerID
	order domain.OrderID
}

func pick[V any](p *people, from []V) V { return from[p.random.Intn(len(from))] }

func try[S any, P domain.State[S]](p *people, what string, command domain.Command[S]) {
	p.t.Helper()
	outcome, err := domain.Execute[S, P](ctx, p.log, p.cause(), command)
	p.note(what, len(outcome.Events) > 0, err)
}

func (p *people) note(what string, done bool, err error) {
	p.t.Helper()
	if _, no := domain.IsRefusal(err); err != nil && !no {
		p.t.Fatalf("%s: %v", what, err)
	}
	if done {
		p.did[what]++
	} else {
		p.did["no "+what]++
	}
}

func (p *people) act() {
	p.t.Helper()
	who := pick(p, []domain.CustomerID{alfa, beta, delta})
	switch n := p.random.Intn(100); {
	case n < 5:
		p.changeCatalogue()
	case n < 10:
		p.changeCustomer(who)
	case n < 14:
		id := domain.LicenceID(fmt.Sprintf("l-%d", p.asked))
		try[domain.Licence](p, "grant", domain.GrantLicence{Licence: id, Customer: who, Program: p.program("magazyn"), Edition: domain.SingleStation,
			Version: pick(p, []domain.Version{"2.0", "3.0", "4.0"}), Stations: 1, Activated: p.random.Intn(2) == 0})
		p.licences = append(p.licences, id)
	case n < 45:
		p.fillCart(who)
	case n < 55:
		p.submit(who)
	case n < 70:
		p.pay()
	case n < 90:
		p.work()
	default:
		p.changeOrder()
	}
}

func (p *people) changeCatalogue() {
	version := pick(p, []domain.Version{"3.0", "4.0", "4.1"})
	edition := pick(p, []domain.Edition{domain.SingleStation, domain.MultiStation})
	price := domain.Price{Program: "magazyn", Edition: edition, From: pick(p, []domain.Version{"", "2.0", "3.0", "4.0"}), To: version, Net: domain.Money(1 + p.random.Intn(90000)), VATRate: 23}
	switch p.random.Intn(3) {
	case 0:
		try[domain.Program](p, "release", domain.ReleaseVersion{Program: "magazyn", Edition: edition, Version: version})
	case 1:
		try[domain.Program](p, "price", domain.SetPrice{Price: price})
	default:
		try[domain.Program](p, "withdraw price", domain.WithdrawPrice{Program: "magazyn", Entry: price.Entry()})
	}
}

func (p *people) changeCustomer(who domain.CustomerID) {
	switch p.random.Intn(4) {
	case 0:
		try[domain.Customer](p, "assign", domain.AssignDistributor{Customer: who, Distributor: p.customer(delta)})
	case 1:
		try[domain.Customer](p, "remove", domain.RemoveDistributor{Customer: who})
	case 2:
		try[domain.Customer](p, "grant login", domain.GrantLogin{Customer: who, Account: "user-1", Link: 1 + p.random.Intn(5)})
	default:
		login := p.customer(who).Logins["user-1"]
		letter := domain.RecordLoginLetter{Customer: who, Account: "user-1", Link: login.Link}
		if p.random.Intn(2) == 0 {
			failure := login.Failure.After("no answer", false, p.now)
			letter.Failure = &failure
		}
		try[domain.Customer](p, "login letter", letter)
	}
}

func (p *people) fillCart(who domain.CustomerID) {
	cart := state[domain.Cart](p.world, domain.CartStream(who))
	switch n := p.random.Intn(10); {
	case n == 0 && len(cart.Items) > 0:
		try[domain.Cart](p, "remove item", domain.RemoveFromCart{Buyer: who, Item: pick(p, cart.Items).ID})
	case n == 1:
		try[domain.Cart](p, "recheck", domain.RecheckCart{Buyer: p.customer(who), Wishes: p.wishesOf(who)})
	default:
		licences := append([]domain.LicenceID{"", "l-alfa-2", "l-alfa-3", "l-beta-2", "l-delta-2"}, p.licences...)
		licence, client := pick(p, licences), who
		if licence != "" {
			client = p.licence(licence).Customer
		}
		if client == "" {
			return
		}
		before := len(p.memory.records)
		err := p.want(who, client, licence, p.entry(licence), 2+p.random.Intn(3))
		p.note("add", len(p.memory.records) > before, err)
	}
}

// entry is mostly one that suits the licence.
func (p *people) entry(licence domain.LicenceID) domain.EntryID {
	program := p.program("magazyn")
	if updates := domain.Updates(program, p.licence(licence)); len(updates) > 0 && p.random.Intn(5) > 0 {
		return pick(p, updates).Entry()
	}
	if offer, ok := program.NewOffer(); ok && licence == "" {
		return offer.Entry()
	}
	return pick(p, program.PriceList()).Entry()
}

func (p *people) submit(who domain.CustomerID) {
	if p.random.Intn(3) == 0 && len(p.sent) > 0 { // the process manager finishes what a crash left
		s := pick(p, p.sent)
		p.finish(s)
		return
	}
	order := domain.OrderIDOf(who, fmt.Sprint(p.asked))
	before := len(p.memory.records)
	_, err := domain.Execute[domain.Cart](ctx, p.log, p.cause(), domain.SubmitOrder{Buyer: p.customer(who), Order: order,
		On: domain.Day(p.now.Format(time.DateOnly)), Wishes: p.wishesOf(who)})
	p.note("submit", len(p.memory.records) > before, err)
	if len(p.memory.records) == before {
		return
	}
	p.sent = append(p.sent, sending{who, order})
	if p.random.Intn(4) > 0 {
		p.finish(sending{who, order})
	}
}

func (p *people) finish(s sending) {
	err := p.place(s.buyer, s.order)
	p.note("place", err == nil, err)
	if err == nil && !slices.Contains(p.orders, s.order) {
		p.orders = append(p.orders, s.order)
	}
	p.sent = slices.DeleteFunc(p.sent, func(other sending) bool { return other == s })
}

func (p *people) pay() {
	if len(p.orders) == 0 {
		return
	}
	order := p.order(pick(p, p.orders))
	amount := pick(p, []domain.Money{order.Total.Gross, order.Total.Gross, order.Total.Gross / 2, 100})
	transfer := domain.TransferID(fmt.Sprintf("t-%d", p.asked))
	switch p.random.Intn(4) {
	case 0:
		p.receive(transfer, "", amount)
	case 1:
		p.receive(transfer, order.Order, amount) // and the process manager has not booked it
	default:
		p.receive(transfer, order.Order, amount)
		try[domain.Order](p, "pay", domain.RecordPayment{Order: order.Order, Transfer: transfer, Amount: amount, ValueOn: "2026-03-03"})
	}
}

// work does something that is owed for an order, or fails at it.
func (p *people) work() {
	if len(p.orders) == 0 {
		return
	}
	order := p.order(pick(p, p.orders))
	owed := p.owedNow(order)
	if len(owed) == 0 {
		return
	}
	task := owed[0]
	if p.random.Intn(4) == 0 {
		p.now = p.now.Add(7 * time.Hour) // past the next try
		try[domain.Order](p, "fail", domain.RecordFailure{Order: order.Order, Task: pick(p, owed).ID, Reason: "no answer", Permanent: p.random.Intn(2) == 0, At: p.now})
		return
	}
	p.perform(order, task)
	p.did["work"]++
	p.work()
}

func (p *people) changeOrder() {
	if len(p.orders) == 0 {
		return
	}
	order := p.order(pick(p, p.orders))
	line := pick(p, order.Lines)
	switch p.random.Intn(5) {
	case 3:
		try[domain.Order](p, "expire", domain.ExpireOrder{Order: p.waiting(order.Order), On: pick(p, []domain.Day{"2026-01-01", "2027-01-01"})})
	case 4:
		try[domain.Order](p, "lapse", domain.LapseOrder{Order: order.Order, On: pick(p, []domain.Day{"2027-01-01", "2028-01-01"})})
	case 0:
		try[domain.Order](p, "cancel", domain.CancelOrder{Order: order.Order})
	case 1:
		try[domain.Customer](p, "correct", domain.CorrectActivationEmail{Licence: p.licence(line.Licence), Email: fmt.Sprintf("it-%d@example.com", p.asked)})
	default:
		for _, id := range p.orders {
			for _, line := range p.order(id).Lines {
				corrections := p.customer(line.Client).Corrections[line.Licence]
				if p.order(id).Files[line.Line].Sent > 0 && corrections > 0 {
					try[domain.Order](p, "resend", domain.ResendActivationFile{Order: id, Line: line.Line, Corrections: corrections})
				}
			}
		}
	}
}

// waiting is an order that waits for its money or, if there is none, another one.
func (p *people) waiting(otherwise domain.OrderID) domain.OrderID {
	wait := slices.DeleteFunc(slices.Clone(p.orders), func(id domain.OrderID) bool {
		order := p.order(id)
		return order.PayableUntil() == "" || order.Expired()
	})
	if len(wait) == 0 {
		return otherwise
	}
	return pick(p, wait)
}

// checkAgainstTheLog holds what the views remember against states folded without being stored on the way.
func (w *world) checkAgainstTheLog() {
	w.t.Helper()
	for _, stored := range []struct {
		query string
		fold  func(id string) any
	}{
		{`select program as key, state from programs`, func(id string) any { return w.program(domain.ProgramID(id)) }},
		{`select program as key, state from entitlement_programs`, func(id string) any { return w.program(domain.ProgramID(id)) }},
		{`select licence as key, state from entitlements`, func(id string) any { return w.licence(domain.LicenceID(id)) }},
		{`select buyer as key, state from carts`, func(id string) any {
			cart := state[domain.Cart](w, domain.CartStream(domain.CustomerID(id)))
			for order, submission := range cart.Orders {
				if submission.Returned || w.order(order).Exists() {
					delete(cart.Orders, order)
				}
			}
			return cart
		}},
	} {
		var rows []stateRow
		if err := w.db.Select(&rows, stored.query); err != nil {
			w.t.Fatal(err)
		}
		for _, row := range rows {
			want := must(json.Marshal(stored.fold(row.Key)))
			if string(row.State) != string(want) {
				w.t.Errorf("%s: %s\nstored %s\nlog    %s", stored.query, row.Key, row.State, want)
			}
		}
	}
	if totals := must(w.tables.Totals(ctx)); totals != w.totals() {
		w.t.Errorf("totals %+v, by the log %+v", totals, w.totals())
	}
	if c := w.differ(10); c.Differ() {
		w.t.Errorf("the tables are not what the log says: %v", c.Exceptions)
	}
	w.checkOrdersAgainstTheLog()
	w.checkUpdatesAgainstTheLog()
}

// checkOrdersAgainstTheLog compares status, money and tasks of every order.
func (w *world) checkOrdersAgainstTheLog() {
	w.t.Helper()
	owed := map[domain.OrderID][]domain.Task{}
	for _, row := range must(w.tables.Upcoming(ctx, time.Time{}, 1_000_000)) { // whatever its day
		if row.Stream == domain.OrderStream(row.Order) {
			owed[row.Order] = append(owed[row.Order], row.Task)
		}
	}
	for _, buyer := range []domain.CustomerID{alfa, beta, delta} {
		for _, row := range whole(w.tables.Orders(ctx, buyer, Listing{})) {
			order := w.order(row.Order)
			if row.Status != order.Status() || row.Paid != order.PaidAmount() || row.Total != order.Total || row.Number != order.Number || row.Buyer != order.Buyer ||
				row.PayableUntil != order.PayableUntil() {
				w.t.Errorf("order %s is shown as %+v", row.Order, row)
			}
			byID := func(a, b domain.Task) int { return slices.Compare([]string{a.ID}, []string{b.ID}) }
			want := order.Owed()
			for i := range want {
				want[i].DueOn, want[i].LastOn = "", "" // the board has moments
			}
			slices.SortFunc(want, byID)
			slices.SortFunc(owed[row.Order], byID)
			if fmt.Sprint(want) != fmt.Sprint(owed[row.Order]) {
				w.t.Errorf("order %s owes %v, the board says %v", row.Order, want, owed[row.Order])
			}
		}
	}
}

// checkUpdatesAgainstTheLog compares every step that is offered with what the domain says of licence and program.
func (w *world) checkUpdatesAgainstTheLog() {
	w.t.Helper()
	var rows []struct {
		Licence  domain.LicenceID
		Entry    domain.EntryID
		Net      domain.Money
		Obstacle []byte
	}
	if err := w.db.Select(&rows, `select licence, entry, net, obstacle from updates order by licence, place`); err != nil {
		w.t.Fatal(err)
	}
	var got, want []string
	for _, row := range rows {
		got = append(got, fmt.Sprintf("%s %s %d %s", row.Licence, row.Entry, row.Net, row.Obstacle))
	}
	var licences []domain.LicenceID
	if err := w.db.Select(&licences, `select licence from entitlements order by licence`); err != nil {
		w.t.Fatal(err)
	}
	for _, id := range licences {
		licence := w.licence(id)
		for _, update := range domain.Updates(w.program(licence.Program), licence) {
			obstacle := ""
			if update.Obstacle != nil {
				obstacle = string(must(json.Marshal(update.Obstacle)))
			}
			want = append(want, fmt.Sprintf("%s %s %d %s", id, update.Entry(), update.Net, obstacle))
		}
	}
	check(w.t, "updates", got, want...)
}
