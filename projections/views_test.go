package projections

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

var ctx = context.Background()

// check compares lists that people can read.
func check(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// must is for answers that cannot fail in a test.
func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// whole is a list that was asked for as one page.
func whole[V any](list []V, total int, err error) []V {
	if err != nil || total != len(list) {
		panic(fmt.Sprintf("%d rows of %d: %v", len(list), total, err))
	}
	return list
}

// owned tells what a viewer sees in PROGRAMY.
func (w *world) owned(viewer domain.CustomerID) []string {
	w.settle()
	var seen []string
	for _, e := range whole(w.tables.Entitlements(ctx, viewer, Listing{})) {
		text := fmt.Sprintf("%s of %s: %s %s %s x%d", e.Licence, e.CustomerName[:strings.Index(e.CustomerName, " ")], e.ProgramName, e.Edition, e.Version, e.Stations)
		for _, fact := range []struct {
			holds bool
			word  string
		}{{e.Paid, "paid"}, {e.Activated, "activated"}, {e.PendingOrder != "", fmt.Sprintf("ordered %s %s in %s", e.PendingEdition, e.PendingVersion, e.PendingNumber)},
			{e.FileSent, fmt.Sprintf("sent line %d", e.Line)}, {e.MayResend, "may resend"}} {
			if fact.holds {
				text += ", " + fact.word
			}
		}
		again, ok := must2(w.tables.Entitlement(ctx, viewer, e.Licence))
		if !ok || again != e {
			w.t.Errorf("licence %s alone: %+v, in the list: %+v", e.Licence, again, e)
		}
		seen = append(seen, text+", to "+e.Email)
	}
	return seen
}

func must2[V any](v V, ok bool, err error) (V, bool) {
	if err != nil {
		panic(err)
	}
	return v, ok
}

// offered tells what a viewer sees in AKTUALIZACJE.
func (w *world) offered(viewer domain.CustomerID) []string {
	w.settle()
	var seen []string
	for _, o := range whole(w.tables.Updates(ctx, viewer, Listing{})) {
		text := fmt.Sprintf("%s for %d", o.ID, o.Net)
		if o.Obstacle != nil {
			text += fmt.Sprintf(" but %s %v", o.Obstacle.Code, o.Obstacle.Facts)
		}
		seen = append(seen, text)
	}
	return seen
}

// A licence goes from granted over an ordered and paid update to the new file: R3, R4.
func TestEntitlementsTellOrderedPaidAndActivatedApart(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	const idle = "l-alfa-3 of ALFA: Magazyn single 3.0 x1, paid, activated, to alfa@example.com"
	check(t, "granted", w.owned(alfa), idle, "l-alfa-2 of ALFA: Magazyn single 2.0 x1, paid, activated, to alfa@example.com")

	w.mustTick(alfa, Pick{Offer: "l-alfa-2:magazyn-single-2.0-3.0", Item: "i-1"})
	order := w.submit(alfa, "s-1")
	check(t, "ordered", w.owned(alfa), idle,
		"l-alfa-2 of ALFA: Magazyn single 2.0 x1, paid, activated, ordered single 3.0 in 2026/000001, to alfa@example.com")

	w.receive("t-1", order, 18450)
	w.book("t-1", order, 18450)
	w.perform(w.order(order), domain.Task{Kind: domain.MarkPaidTask})
	check(t, "paid", w.owned(alfa), idle, "l-alfa-2 of ALFA: Magazyn single 3.0 x1, paid, to alfa@example.com")

	do[domain.Customer](w, domain.CorrectActivationEmail{Licence: w.licence("l-alfa-2"), Email: "it@example.com"})
	w.fulfil(order)
	check(t, "sent", w.owned(alfa), idle, "l-alfa-2 of ALFA: Magazyn single 3.0 x1, paid, activated, sent line 1, to it@example.com")

	do[domain.Customer](w, domain.CorrectActivationEmail{Licence: w.licence("l-alfa-2"), Email: "office@example.com"})
	check(t, "corrected", w.owned(alfa), idle, "l-alfa-2 of ALFA: Magazyn single 3.0 x1, paid, activated, sent line 1, may resend, to office@example.com")

	do[domain.Order](w, domain.ResendActivationFile{Order: order, Line: 1, Corrections: 2})
	check(t, "wanted again", w.owned(alfa), idle, "l-alfa-2 of ALFA: Magazyn single 3.0 x1, paid, activated, sent line 1, to office@example.com")
	w.fulfil(order)
	check(t, "sent again", w.owned(alfa), idle, "l-alfa-2 of ALFA: Magazyn single 3.0 x1, paid, activated, sent line 1, to office@example.com")
}

// A new program shows as ordered and unpaid; when the order is cancelled it is gone.
func TestEntitlementsOfANewProgram(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.mustTick(beta, Pick{Offer: "magazyn-single-new-3.0", Item: "i-1"})
	order := w.submit(beta, "s-1")
	licence := w.order(order).Lines[0].Licence
	const idle = "l-beta-2 of BETA: Magazyn single 2.0 x1, paid, activated, to beta@example.com"
	want := []string{idle, string(licence) + " of BETA: Magazyn single 3.0 x1, ordered single 3.0 in 2026/000001, to beta@example.com"}
	if "l-beta-2" != whole(w.tables.Entitlements(ctx, beta, Listing{}))[0].Licence {
		slices.Reverse(want) // by serial number
	}
	check(t, "ordered", w.owned(beta), want...)
	check(t, "its update", w.offered(beta), w.sorted(beta,
		"l-beta-2:magazyn-single-2.0-3.0 for 15000", "l-beta-2:magazyn-multi-3.0-3.0 for 9900 but multi-station-needs-latest map[version:3.0]",
		string(licence)+":magazyn-multi-3.0-3.0 for 9900 but licence-not-paid map[]")...)

	do[domain.Order](w, domain.CancelOrder{Order: order})
	w.fulfil(order)
	check(t, "cancelled", w.owned(beta), idle)
	if _, ok := must2(w.tables.Entitlement(ctx, beta, licence)); ok {
		t.Error("a withdrawn licence is still found")
	}
}

// sorted puts wanted rows, grouped by licence, into the order of the viewer's entitlements.
func (w *world) sorted(viewer domain.CustomerID, want ...string) []string {
	var sorted []string
	for _, e := range whole(w.tables.Entitlements(ctx, viewer, Listing{})) {
		for _, row := range want {
			if strings.HasPrefix(row, string(e.Licence)+":") {
				sorted = append(sorted, row)
			}
		}
	}
	return sorted
}

// R5, R6, R8: a distributor sees its own programs first, then those of its clients, and orders their updates; a client looks on.
func TestDistributorAndClient(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	do[domain.Customer](w, domain.AssignDistributor{Customer: alfa, Distributor: w.customer(delta)})
	check(t, "distributor's programs", w.owned(delta),
		"l-delta-2 of DELTA: Magazyn single 2.0 x1, paid, activated, to delta@example.com",
		"l-alfa-3 of ALFA: Magazyn single 3.0 x1, paid, activated, to alfa@example.com",
		"l-alfa-2 of ALFA: Magazyn single 2.0 x1, paid, activated, to alfa@example.com")
	check(t, "distributor's updates", w.offered(delta),
		"l-delta-2:magazyn-single-2.0-3.0 for 15000",
		"l-delta-2:magazyn-multi-3.0-3.0 for 9900 but multi-station-needs-latest map[version:3.0]",
		"l-alfa-3:magazyn-multi-3.0-3.0 for 9900",
		"l-alfa-2:magazyn-single-2.0-3.0 for 15000",
		"l-alfa-2:magazyn-multi-3.0-3.0 for 9900 but multi-station-needs-latest map[version:3.0]")
	const no = " but ordered-by-distributor map[distributor:DELTA sp. z o.o.]"
	check(t, "client's updates", w.offered(alfa),
		"l-alfa-3:magazyn-multi-3.0-3.0 for 9900"+no, "l-alfa-2:magazyn-single-2.0-3.0 for 15000"+no, "l-alfa-2:magazyn-multi-3.0-3.0 for 9900"+no)
	if err := w.tick(alfa, Pick{Offer: "l-alfa-2:magazyn-single-2.0-3.0", Item: "i-1"}); !refused(err, domain.OrderedByDistributor) {
		t.Errorf("client orders its update: %v", err)
	}
	w.mustTick(delta, Pick{Offer: "l-alfa-2:magazyn-single-2.0-3.0", Item: "i-1"}, Pick{Offer: "magazyn-single-new-3.0", Client: alfa, Item: "i-2"},
		Pick{Offer: "magazyn-single-new-3.0", Item: "i-3"})
	w.mustTick(alfa, Pick{Offer: "magazyn-single-new-3.0", Item: "i-4"})
	var items []string
	w.settle()
	for _, item := range must(w.tables.Cart(ctx, delta)).Items {
		items = append(items, fmt.Sprintf("%s %s for %s %s", item.ProgramName, item.To, item.ClientName, item.Serial))
	}
	check(t, "distributor's cart", items, "Magazyn 3.0 for ALFA sp. z o.o. HSR4-MCOK-66IB", "Magazyn 3.0 for ALFA sp. z o.o. ", "Magazyn 3.0 for DELTA sp. z o.o. ")

	do[domain.Customer](w, domain.RemoveDistributor{Customer: alfa})
	if got := w.owned(delta); len(got) != 1 {
		t.Errorf("the former distributor still sees %v", got)
	}
	check(t, "updates on its own again", w.offered(alfa),
		"l-alfa-3:magazyn-multi-3.0-3.0 for 9900",
		"l-alfa-2:magazyn-single-2.0-3.0 for 15000 but update-in-cart map[]",
		"l-alfa-2:magazyn-multi-3.0-3.0 for 9900 but multi-station-needs-latest map[version:3.0]")
}

func refused(err error, code string) bool {
	refusal, ok := domain.IsRefusal(err)
	return ok && refusal.Code == code
}

// What is in a cart or ordered is not offered twice, and says where it is.
func TestUpdatesInCartAndOrdered(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.mustTick(beta, Pick{Offer: "l-beta-2:magazyn-single-2.0-3.0", Item: "i-1"})
	const later = "l-beta-2:magazyn-multi-3.0-3.0 for 9900 but "
	check(t, "in cart", w.offered(beta), "l-beta-2:magazyn-single-2.0-3.0 for 15000 but update-in-cart map[]", later+"multi-station-needs-latest map[version:3.0]")
	order := w.submit(beta, "s-1")
	waiting := fmt.Sprintf("update-already-ordered map[number:2026/000001 order:%s]", order)
	check(t, "ordered", w.offered(beta), "l-beta-2:magazyn-single-2.0-3.0 for 15000 but "+waiting, later+waiting)
	do[domain.Order](w, domain.CancelOrder{Order: order})
	w.fulfil(order)
	check(t, "cancelled", w.offered(beta), "l-beta-2:magazyn-single-2.0-3.0 for 15000", later+"multi-station-needs-latest map[version:3.0]")
}

// A change of the catalogue reaches every licence. R6, R7, R9.
func TestCatalogueChangesOffers(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	check(t, "new programs", w.onSale(), "magazyn-single-new-3.0 Magazyn for 40000 + 23 %")
	do[domain.Program](w, domain.SetPrice{Price: domain.Price{Program: "magazyn", Edition: domain.SingleStation, From: "2.0", To: "3.0", Net: 12000, VATRate: 8}})
	do[domain.Program](w, domain.ReleaseVersion{Program: "magazyn", Edition: domain.SingleStation, Version: "4.0"})
	do[domain.Program](w, domain.SetPrice{Price: domain.Price{Program: "magazyn", Edition: domain.SingleStation, To: "4.0", Net: 50000, VATRate: 23}})
	do[domain.Program](w, domain.SetPrice{Price: domain.Price{Program: "faktury", Edition: domain.SingleStation, To: "1.0", Net: 100, VATRate: 5}})
	check(t, "cheaper, and the multi-station edition starts at a version that has none", w.offered(beta), "l-beta-2:magazyn-single-2.0-3.0 for 12000")
	check(t, "the newest is sold", w.onSale(), "faktury-single-new-1.0 Faktury for 100 + 5 %", "magazyn-single-new-4.0 Magazyn for 50000 + 23 %")
	do[domain.Program](w, domain.WithdrawPrice{Program: "magazyn", Entry: "magazyn-single-2.0-3.0"})
	do[domain.Program](w, domain.WithdrawPrice{Program: "faktury", Entry: "faktury-single-new-1.0"})
	check(t, "withdrawn", w.offered(beta))
	check(t, "no longer sold", w.onSale(), "magazyn-single-new-4.0 Magazyn for 50000 + 23 %")
}

func (w *world) onSale() []string {
	w.settle()
	var seen []string
	for _, o := range whole(w.tables.NewPrograms(ctx, Listing{})) {
		seen = append(seen, fmt.Sprintf("%s %s for %d + %d %%", o.ID, o.ProgramName, o.Net, o.VATRate))
	}
	return seen
}

// What belongs to others does not exist.
func TestForeignIsMissing(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.mustTick(alfa, Pick{Offer: "l-alfa-2:magazyn-single-2.0-3.0", Item: "i-1"})
	order := w.submit(alfa, "s-1")
	w.settle()
	do[domain.Customer](w, domain.AssignDistributor{Customer: beta, Distributor: w.customer(delta)})
	w.settle()
	for _, viewer := range []domain.CustomerID{beta, delta, "c-nobody", ""} {
		if _, ok := must2(w.tables.Entitlement(ctx, viewer, "l-alfa-2")); ok {
			t.Errorf("%q sees the licence", viewer)
		}
		if _, ok := must2(w.tables.Order(ctx, viewer, order)); ok {
			t.Errorf("%q sees the order", viewer)
		}
		for _, pick := range []Pick{{Offer: "l-alfa-3:magazyn-multi-3.0-3.0"}, {Offer: "magazyn-single-new-3.0", Client: alfa},
			{Offer: "none-single-new-1.0"}, {Offer: "none:none"}, {Offer: ""}, {Offer: ":"}} {
			if _, _, err := w.tables.Wishes(ctx, viewer, []Pick{pick}); !refused(err, domain.NotFound) {
				t.Errorf("%q picks %+v: %v", viewer, pick, err)
			}
		}
	}
	if len(must(w.tables.Clients(ctx, "", Listing{}))) != 0 || len(whole(w.tables.Entitlements(ctx, "", Listing{}))) != 0 || len(whole(w.tables.Updates(ctx, "", Listing{}))) != 0 || len(whole(w.tables.Orders(ctx, beta, Listing{}))) != 0 {
		t.Error("somebody sees what is not theirs")
	}
}

// The facts behind picks are those of the log, in the order of the picks.
func TestWishesAreTheFactsOfTheLog(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	do[domain.Customer](w, domain.AssignDistributor{Customer: alfa, Distributor: w.customer(delta)})
	do[domain.Customer](w, domain.CorrectActivationEmail{Licence: w.licence("l-alfa-3"), Email: "it@example.com"})
	w.settle()
	buyer, wishes, err := w.tables.Wishes(ctx, delta, []Pick{
		{Offer: "magazyn-single-new-3.0", Item: "i-1"},
		{Offer: "l-alfa-3:magazyn-multi-3.0-3.0", Stations: 4, Item: "i-2"},
		{Offer: "magazyn-single-new-2.0", Client: alfa, Item: "i-3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []domain.Wish{
		{Item: "i-1", Entry: "magazyn-single-new-3.0", Client: w.customer(delta), Program: w.program("magazyn")},
		{Item: "i-2", Entry: "magazyn-multi-3.0-3.0", Client: w.customer(alfa), Program: w.program("magazyn"), Licence: w.licence("l-alfa-3"), Stations: 4},
		{Item: "i-3", Entry: "magazyn-single-new-2.0", Client: w.customer(alfa), Program: w.program("magazyn")},
	}
	if !reflect.DeepEqual(buyer, w.customer(delta)) || !reflect.DeepEqual(wishes, want) {
		t.Errorf("got  %+v\nwant %+v", wishes, want)
	}
}

// Facts are remembered while the views stand still, and nobody is told by this memory what they may not know.
func TestFactsAreRemembered(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.settle()
	update := Pick{Offer: "l-alfa-2:magazyn-single-2.0-3.0", Item: "i-1"}
	price := func(viewer domain.CustomerID) domain.Money {
		_, wishes, err := w.tables.Wishes(ctx, viewer, []Pick{update})
		if err != nil {
			t.Fatal(err)
		}
		return wishes[0].Program.Prices["magazyn-single-2.0-3.0"].Net
	}
	if got := price(alfa); got != 15000 {
		t.Fatalf("the price is %d", got)
	}
	// Behind the view's back: whoever asks the table now gets another answer.
	w.db.MustExec(`update programs set state = replace(state::text, '15000', '14000')::json`)
	w.mustTick(alfa, Pick{Offer: "magazyn-single-new-3.0", Item: "i-2"}) // no fact changes
	w.settle()
	if got := price(alfa); got != 15000 {
		t.Errorf("asked for the price again, the table was read: %d", got)
	}
	if _, _, err := w.tables.Wishes(ctx, beta, []Pick{update}); !refused(err, domain.NotFound) {
		t.Errorf("a stranger is told what is remembered: %v", err)
	}
	do[domain.Program](w, domain.SetPrice{Price: domain.Price{Program: "magazyn", Edition: domain.SingleStation, From: "2.0", To: "3.0", Net: 20000, VATRate: 23}})
	do[domain.Customer](w, domain.AssignDistributor{Customer: alfa, Distributor: w.customer(delta)})
	w.settle()
	if got := price(delta); got != 20000 {
		t.Errorf("after a change the distributor is told the price %d", got)
	}
}

// The cart shows what changed, waits for a submission to be placed, and comes back when it cannot be.
func TestCart(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	if page := must(w.tables.Cart(ctx, alfa)); page.Version != 0 || len(page.Items) != 0 || page.Total.Gross != 0 {
		t.Errorf("cart of somebody who never had one: %+v", page)
	}
	w.mustTick(alfa, Pick{Offer: "l-alfa-2:magazyn-single-2.0-3.0", Item: "i-1"}, Pick{Offer: "l-alfa-3:magazyn-multi-3.0-3.0", Stations: 3, Item: "i-2"},
		Pick{Offer: "magazyn-single-new-3.0", Item: "i-3"})
	do[domain.Cart](w, domain.RemoveFromCart{Buyer: alfa, Item: "i-3"})
	check(t, "filled", w.cart(alfa), "version 4, 447,00 zł + 102,81 zł", "i-1 HSR4-MCOK-66IB x1 150,00 zł", "i-2 A6JO-JTU5-OS5C x3 297,00 zł")

	do[domain.Program](w, domain.SetPrice{Price: domain.Price{Program: "magazyn", Edition: domain.SingleStation, From: "2.0", To: "3.0", Net: 20000, VATRate: 23}})
	do[domain.Program](w, domain.WithdrawPrice{Program: "magazyn", Entry: "magazyn-multi-3.0-3.0"})
	do[domain.Cart](w, domain.RecheckCart{Buyer: w.customer(alfa), Wishes: w.wishesOf(alfa)})
	check(t, "rechecked", w.cart(alfa), "version 6, 200,00 zł + 46,00 zł", "i-1 HSR4-MCOK-66IB x1 200,00 zł", "notice i-1 HSR4-MCOK-66IB was 150,00 zł", "notice i-2 A6JO-JTU5-OS5C: not-on-price-list")

	order := w.send(alfa, "s-1")
	check(t, "submitted", w.cart(alfa), "version 7, 0,00 zł + 0,00 zł, pending")
	do[domain.Licence](w, domain.OrderLicence{Order: "o-other", Line: domain.Line{Line: 1, Licence: "l-alfa-2", Edition: domain.SingleStation, From: "2.0", To: "3.0", Stations: 1}})
	if err := w.place(alfa, order); !refused(err, domain.CartChanged) {
		t.Fatalf("place: %v", err)
	}
	check(t, "returned", w.cart(alfa), "version 8, 0,00 zł + 0,00 zł", "notice i-1 HSR4-MCOK-66IB: update-already-ordered")
	w.mustTick(alfa, Pick{Offer: "magazyn-single-new-3.0", Item: "i-4"})
	w.submit(alfa, "s-2")
	check(t, "placed", w.cart(alfa), "version 10, 0,00 zł + 0,00 zł")
	if rows := lines(t, w.db, "cart_items"); len(rows) != 0 {
		t.Errorf("licences in carts: %v", rows)
	}
}

func (w *world) cart(buyer domain.CustomerID) []string {
	w.settle()
	page := must(w.tables.Cart(ctx, buyer))
	head := strings.ReplaceAll(fmt.Sprintf("version %d, %s + %s", page.Version, page.Total.Net, page.Total.VAT), "\u00a0", " ")
	if page.Pending != "" {
		head += ", pending"
	}
	seen := []string{head}
	for _, item := range page.Items {
		seen = append(seen, strings.ReplaceAll(fmt.Sprintf("%s %s x%d %s", item.ID, item.Serial, item.Stations, item.Amounts.Net), "\u00a0", " "))
	}
	for _, notice := range page.Notices {
		text := fmt.Sprintf("notice %s %s", notice.ID, notice.Serial)
		if notice.Reason != nil {
			text += ": " + notice.Reason.Code
		} else {
			text += strings.ReplaceAll(fmt.Sprintf(" was %s", notice.Old), "\u00a0", " ")
		}
		seen = append(seen, text)
	}
	return seen
}

// An order passes its states; its buyer sees lines, steps and where to pay. R11-R14.
func TestOrders(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.mustTick(alfa, Pick{Offer: "l-alfa-2:magazyn-single-2.0-3.0", Item: "i-1"})
	first := w.submit(alfa, "s-1")
	w.mustTick(alfa, Pick{Offer: "magazyn-single-new-3.0", Item: "i-2"})
	second := w.submit(alfa, "s-2")
	check(t, "submitted", w.orders(alfa), "2026/000002 awaiting-payment 0,00 zł of 492,00 zł", "2026/000001 awaiting-payment 0,00 zł of 184,50 zł")
	w.receive("t-1", first, 10000)
	w.book("t-1", first, 10000)
	do[domain.Order](w, domain.CancelOrder{Order: second})
	check(t, "partly paid, cancelled", w.orders(alfa), "2026/000002 cancelled 0,00 zł of 492,00 zł", "2026/000001 partly-paid 100,00 zł of 184,50 zł")
	w.book("t-2", first, 8450)
	check(t, "paid", w.orders(alfa), "2026/000002 cancelled 0,00 zł of 492,00 zł", "2026/000001 paid 184,50 zł of 184,50 zł")
	w.fulfil(first)
	check(t, "fulfilled", w.orders(alfa), "2026/000002 cancelled 0,00 zł of 492,00 zł", "2026/000001 fulfilled 184,50 zł of 184,50 zł")

	row, ok := must2(w.tables.Order(ctx, alfa, first))
	if !ok {
		t.Fatal("the buyer does not find its order")
	}
	var steps []string
	for _, step := range row.Steps {
		steps = append(steps, fmt.Sprintf("%s %d %d", step.What, step.Amount, step.Line))
	}
	check(t, "steps", steps, "submitted 0 0", "payment 10000 0", "payment 8450 0", "confirmation-sent 0 0", "payment-noted 0 0", "file-sent 0 1")
	known := w.order(first)
	line := OrderLine{Line: known.Lines[0], ClientName: "ALFA sp. z o.o.", Serial: "HSR4-MCOK-66IB", FileIssued: true, FileSent: true}
	if row.Bank != known.Bank || row.Title != known.Title || row.DueOn != known.DueOn || row.Total != known.Total || !reflect.DeepEqual(row.Lines, []OrderLine{line}) {
		t.Errorf("order: %+v", row)
	}
	if row.At.IsZero() || !row.At.Equal(row.Steps[0].At.Truncate(time.Microsecond)) {
		t.Errorf("submitted at %v, its first step at %v", row.At, row.Steps[0].At)
	}
}

func (w *world) orders(buyer domain.CustomerID) []string {
	w.settle()
	var seen []string
	for _, o := range whole(w.tables.Orders(ctx, buyer, Listing{})) {
		seen = append(seen, strings.ReplaceAll(fmt.Sprintf("%s %s %s of %s", o.Number, o.Status, o.Paid, o.Total.Gross), "\u00a0", " "))
	}
	return seen
}

// A file of an older order that is sent again does not hide the newer one of the same licence.
func TestTheNewestFileOfALicenceCounts(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	deliver := func(offer, submission string, stations int) domain.OrderID {
		w.mustTick(alfa, Pick{Offer: offer, Item: domain.ItemID(submission), Stations: stations})
		order := w.submit(alfa, submission)
		w.book(domain.TransferID(submission), order, w.order(order).Total.Gross)
		w.fulfil(order)
		w.settle()
		return order
	}
	older := deliver("l-alfa-2:magazyn-single-2.0-3.0", "s-1", 0)
	newer := deliver("l-alfa-2:magazyn-multi-3.0-3.0", "s-2", 5)
	do[domain.Customer](w, domain.CorrectActivationEmail{Licence: w.licence("l-alfa-2"), Email: "it@example.com"})
	do[domain.Order](w, domain.ResendActivationFile{Order: older, Line: 1, Corrections: 1})
	w.fulfil(older)
	w.settle()
	e, _ := must2(w.tables.Entitlement(ctx, alfa, "l-alfa-2"))
	if e.Order != newer || !e.MayResend || !e.Activated || e.Stations != 5 {
		t.Errorf("entitlement: %+v", e)
	}
}

func TestCustomers(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	do[domain.Customer](w, domain.AssignDistributor{Customer: beta, Distributor: w.customer(delta)})
	w.settle()
	want := CustomerRow{ID: beta, Name: "BETA sp. z o.o.", NIP: "5260250274", Email: "beta@example.com", Language: domain.Polish, Distributor: delta, DistributorName: "DELTA sp. z o.o."}
	if row, ok := must2(w.tables.Customer(ctx, beta)); !ok || row != want {
		t.Errorf("customer: %+v", row)
	}
	if _, ok := must2(w.tables.Customer(ctx, "c-nobody")); ok {
		t.Error("found nobody")
	}
	if clients := must(w.tables.Clients(ctx, delta, Listing{})); !reflect.DeepEqual(clients, []CustomerRow{want}) {
		t.Errorf("clients: %+v", clients)
	}
	var all []string
	for _, row := range whole(w.tables.AllCustomers(ctx, Listing{})) {
		all = append(all, fmt.Sprintf("%s %t", row.ID, row.IsDistributor))
	}
	check(t, "all", all, "c-alfa false", "c-beta false", "c-delta true")
}

// The sums of the tables are those of the log.
func TestTransfersAndTotals(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	for i, buyer := range []domain.CustomerID{alfa, beta, delta} {
		w.mustTick(buyer, Pick{Offer: "magazyn-single-new-3.0", Item: "i-1"})
		order := w.submit(buyer, "s-1")
		switch i {
		case 0:
			w.receive("t-1", order, 50000)
			w.book("t-1", order, 50000)
			w.fulfil(order)
		case 1:
			w.receive("t-2", order, 100)
		case 2:
			do[domain.Order](w, domain.CancelOrder{Order: order})
		}
	}
	w.receive("t-3", "", 777)
	w.settle()
	var transfers, unmatched []string
	for _, row := range whole(w.tables.Transfers(ctx, Listing{})) {
		transfers = append(transfers, fmt.Sprintf("%s %d %s %s %q", row.Transfer, row.Amount, row.Number, row.Rule, row.Title))
	}
	for _, row := range whole(w.tables.Transfers(ctx, Listing{Only: "waits"})) {
		unmatched = append(unmatched, string(row.Transfer))
	}
	check(t, "transfers", transfers, `t-3 777   "za program`+"\ufffd"+`"`, `t-2 100 2026/000002 reference-2 "ZAM 2026/000002-13"`, `t-1 50000 2026/000001 reference-2 "ZAM 2026/000001-16"`)
	check(t, "unmatched", unmatched, "t-3")
	if totals := must(w.tables.Totals(ctx)); totals != w.totals() || totals.Orders != 3 {
		t.Errorf("totals %+v, by the log %+v", totals, w.totals())
	}
}

// totals adds up the log.
func (w *world) totals() Totals {
	var ledger Ledger
	for record := range w.log.History(ctx, 0) {
		ledger.See(record)
	}
	return ledger.Totals()
}

// board tells what is owed.
func (w *world) board() []string {
	w.settle()
	var seen []string
	for _, row := range must(w.tables.Tasks(ctx, w.now.Add(time.Hour))) {
		seen = append(seen, fmt.Sprintf("%s %s", row.Task.ID, row.Task.Kind))
	}
	slices.Sort(seen)
	return seen
}

func TestTasks(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	check(t, "nothing", w.board())
	if _, ok := must2(w.tables.NextDue(ctx)); ok {
		t.Error("nothing is owed, but something is due")
	}
	do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: "user-1", Link: 1})
	check(t, "login", w.board(), "login-user-1 login")
	do[domain.Customer](w, domain.RecordLoginLetter{Customer: alfa, Account: "user-1", Link: 1})
	check(t, "letter left", w.board())
	do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: "user-1", Link: 2})
	check(t, "another link", w.board(), "login-user-1 login")
	do[domain.Customer](w, domain.RecordLoginLetter{Customer: alfa, Account: "user-1", Link: 2})

	w.mustTick(alfa, Pick{Offer: "l-alfa-2:magazyn-single-2.0-3.0", Item: "i-1"})
	order := w.send(alfa, "s-1")
	check(t, "sent", w.board(), "place-"+string(order)+" place")
	row := must(w.tables.Tasks(ctx, w.now.Add(time.Hour)))[0]
	if row.Buyer != alfa || row.Customer != alfa || row.Order != order || row.Stream != "cart-c-alfa" || !row.DueAt.Equal(w.now.Truncate(time.Microsecond)) || row.Since != row.DueAt {
		t.Errorf("task: %+v at %v", row, w.now)
	}
	if err := w.place(alfa, order); err != nil {
		t.Fatal(err)
	}
	check(t, "placed", w.board(), "confirmation confirmation")
	w.receive("t-1", order, 18450)
	check(t, "matched", w.board(), "book book", "confirmation confirmation")
	w.book("t-1", order, 18450)
	check(t, "booked", w.board(), "activation-1 activation", "confirmation confirmation", "mark-paid mark-paid", "payment-note payment-note")
	do[domain.Transfer](w, domain.ReceiveTransfer{TransferReceived: domain.TransferReceived{Transfer: "t-2", Amount: 1}})
	w.book("t-2", order, 1)
	do[domain.Transfer](w, domain.ReceiveTransfer{TransferReceived: domain.TransferReceived{Transfer: "t-2", Amount: 1}, Matches: []domain.TransferMatched{{Transfer: "t-2", Order: order, Amount: 1}}})
	check(t, "booked before it was matched", w.board(), "activation-1 activation", "confirmation confirmation", "mark-paid mark-paid", "payment-note payment-note", "return return")
	w.fulfil(order)
	check(t, "done", w.board())
	do[domain.Order](w, domain.ResendActivationFile{Order: order, Line: 1, Corrections: 1})
	check(t, "once more", w.board(), "activation-1-2 activation")
	w.fulfil(order)

	w.mustTick(beta, Pick{Offer: "l-beta-2:magazyn-single-2.0-3.0", Item: "i-2"})
	second := w.submit(beta, "s-1")
	do[domain.Order](w, domain.CancelOrder{Order: second})
	check(t, "cancelled", w.board(), "release release")
	w.fulfil(second)
	check(t, "released", w.board())
}

// A failed task is due again when its failure says so, and keeps the moment since when it is owed.
func TestFailedTasksWait(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.mustTick(alfa, Pick{Offer: "magazyn-single-new-3.0", Item: "i-1"})
	order := w.submit(alfa, "s-1")
	since := w.now.Truncate(time.Microsecond)
	failedAt := w.now
	do[domain.Order](w, domain.RecordFailure{Order: order, Task: "confirmation", Reason: "greylisted", At: failedAt})
	w.settle()
	due := failedAt.Add(10 * time.Second).Truncate(time.Microsecond)
	if at, ok := must2(w.tables.NextDue(ctx)); !ok || !at.Equal(due) {
		t.Errorf("next due at %v, want %v", at, due)
	}
	if rows := must(w.tables.Due(ctx, due.Add(-time.Microsecond), 10)); len(rows) != 0 {
		t.Errorf("due too early: %+v", rows)
	}
	rows := must(w.tables.Due(ctx, due, 10))
	if len(rows) != 1 || !rows[0].Since.Equal(since) || rows[0].Task.Failure.Attempt != 1 || rows[0].Task.Failure.Reason != "greylisted" {
		t.Errorf("due: %+v", rows)
	}
	do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: "user-1", Link: 1})
	w.settle()
	first := must(w.tables.Due(ctx, w.now.Add(time.Hour), 1))
	if len(first) != 1 || first[0].Task.Kind != domain.ConfirmTask {
		t.Errorf("the most overdue task first, one at a time: %+v", first)
	}
}

// The task list names nobody: no name, tax number, address or word of a payer is in its tables.
func TestTasksHoldNoPersonalData(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	do[domain.Customer](w, domain.GrantLogin{Customer: alfa, Account: "user-1", Link: 1})
	do[domain.Customer](w, domain.CorrectActivationEmail{Licence: w.licence("l-alfa-2"), Email: "it@example.com"})
	w.mustTick(alfa, Pick{Offer: "magazyn-single-new-3.0", Item: "i-1"})
	order := w.submit(alfa, "s-1")
	w.receive("t-1", order, 10)
	w.settle()
	held := append(lines(t, w.db, "tasks"), lines(t, w.db, "task_streams")...)
	for _, personal := range []string{"ALFA", "1234563218\",\"email", "example.com", "Kowalski"} {
		for _, row := range held {
			if strings.Contains(row, personal) {
				t.Errorf("%q is in %s", personal, row)
			}
		}
	}
	if len(held) < 5 {
		t.Errorf("only %d rows to look at", len(held))
	}
}
