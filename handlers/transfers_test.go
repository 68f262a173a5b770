package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// transferIn arranges money that no rule has matched, from an account that is known.
func (w *world) transferIn(id domain.TransferID, amount domain.Money, title string) string {
	w.t.Helper()
	do(w, domain.ReceiveTransfer{TransferReceived: domain.TransferReceived{Transfer: id, Statement: "s-1", Account: terms.Bank.Account, Amount: amount,
		ValueOn: "2026-11-22", BookedOn: "2026-11-22", BankReference: "ref-" + string(id), Title: title, PayerName: "KUŹNIA KOWAL",
		PayerAccount: "12102055580000123400009999"}})
	w.settle()
	return "/transfers/" + string(id)
}

// decided wants a form to have led back to the transfer's page, with that news.
func decided(t *testing.T, a answer, path, done string) {
	t.Helper()
	if want := path + "?done=" + done; a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != want {
		t.Fatalf("%s to %q, want %s\n%.2000s", a.Status, a.Header.Get("Location"), want, a.text)
	}
}

// refusedWith wants the page again, with the reason why nothing was done.
func refusedWith(t *testing.T, a answer, status int, texts ...string) {
	t.Helper()
	if a.StatusCode != status || !strings.Contains(a.text, `role="alert"`) {
		t.Errorf("%s, want %d with an alert\n%.2000s", a.Status, status, a.text)
	}
	a.wants(t, texts...)
}

func bucketsOf(w *world, path string) domain.Buckets {
	return stateOf[domain.Transfer](w, domain.TransferStream(domain.TransferID(strings.TrimPrefix(path, "/transfers/")))).Buckets()
}

func smallLimit(o *Options) { o.Vendor.SecondPersonAbove = 100_00 }

// TestQueueOfTransfers says why money waits and whom it may be meant for; what is decided leaves the queue and stays in the list.
func TestQueueOfTransfers(t *testing.T) {
	w := newWorld(t, smallLimit)
	order, _ := w.browser("kowal").orderOf(updateKowal)
	number := stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(strings.TrimPrefix(order, "/orders/")))).Number.String()
	path := w.transferIn("t-1", 50_00, "za program")
	w.settleAll()
	anna := w.browser("accounting-1")
	queue := anna.open("/transfers")
	queue.wants(t, "Czeka na decyzję", "w tytule nie ma numeru zamówienia", path+"?order="+strings.Replace(number, "/", "%2f", 1)+"#match", "nazwa płatnika jak klienta", "Kuźnia Kowal")
	anna.open(path+"?order="+number).wants(t, `value="`+number+`"`, "Przypisz ręcznie", "KUŹNIA KOWAL", "12102055580000123400009999", "wpłynęło 50,00")

	form := func(order, amount, reason, seen string) answer {
		return anna.post(path+"/matches", "order", order, "amount", amount, "reason", reason, "seen", seen)
	}
	events := w.events()
	refusedWith(t, form("2026/999999", "", "x", "5000"), http.StatusUnprocessableEntity, "Nie ma zamówienia o tym numerze", `href="#order-1"`)
	refusedWith(t, form(number, "dużo", "x", "5000"), http.StatusUnprocessableEntity, `href="#amount-1"`, `value="dużo"`)
	refusedWith(t, form(number, "50,01", "x", "5000"), http.StatusConflict, "Do rozdysponowania jest 50,00")
	refusedWith(t, form(number, "", " ", "5000"), http.StatusUnprocessableEntity, "Powód", `href="#reason"`)
	refusedWith(t, form(number, "", "x", "4999"), http.StatusConflict, "W międzyczasie ktoś zmienił")
	refusedWith(t, form(number, "", "x", ""), http.StatusConflict, "W międzyczasie ktoś zmienił")
	if after := w.events(); after != events {
		t.Errorf("refused forms wrote %d events", after-events)
	}
	decided(t, form("zam "+number, "20,00", "klient potwierdził "+hostile, "5000"), path, "matched")
	refusedWith(t, form("zam "+number, "20,00", "klient potwierdził", "5000"), http.StatusConflict, "W międzyczasie") // sent twice
	decided(t, form(number, "", "reszta", "3000"), path, "matched")
	if b := bucketsOf(w, path); b.Orders != 50_00 || b.Unmatched != 0 {
		t.Errorf("the money is at %+v", b)
	}
	if paid := stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(strings.TrimPrefix(order, "/orders/")))).PaidAmount(); paid != 50_00 {
		t.Errorf("the order has %s", paid)
	}
	w.settleAll()
	anna.open(path+"?done=matched").wants(t, "Pieniądze są przypisane", "ręcznie", "Jagna&#34; onload", "user-accounting-1")
	anna.open("/transfers").lacks(t, "Czeka na decyzję")
	for _, q := range []string{"50,00", "kuznia", number, "2026-11-22", "00009999"} {
		anna.open("/transfers?q="+q).wants(t, path, number)
	}
	anna.open("/transfers?q=51,00").wants(t, "Niczego takiego nie ma")
	anna.open("/transfers?only=waits").lacks(t, path)
	anna.open("/transfers?sort=-amount").wants(t, path, `aria-sort="descending"`)
}

// numberOf is the number of an order on whose page somebody is.
func (w *world) numberOf(path string) string {
	w.t.Helper()
	return stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(strings.TrimPrefix(path, "/orders/")))).Number.String()
}

// TestOneTransferIsMatchedWithSeveralOrders gives one transfer to many orders in one form: all of it or nothing, and each refusal names
// its row and keeps what was typed.
func TestOneTransferIsMatchedWithSeveralOrders(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Vendor.SecondPersonAbove = domain.MoneyMax })
	v, anna := w.browser("obcy"), w.browser("accounting-1")
	var orders []domain.Order
	for range 3 {
		path, _ := v.orderOf(newMagazyn)
		orders = append(orders, stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(strings.TrimPrefix(path, "/orders/")))))
	}
	gross := orders[0].Total.Gross
	amount := 2*gross + 100_00
	one, two, three := orders[0].Number.String(), orders[1].Number.String(), orders[2].Number.String()
	path := w.transferIn("t-1", amount, "za programy")
	send := func(fields ...string) answer {
		return anna.post(path+"/matches", append(fields, "reason", "lista od klienta", "seen", fmt.Sprint(int64(amount)))...)
	}
	anna.open(path).lacks(t, `id="order-2"`)
	more := send("wish", "more", "order", one, "amount", "")
	if more.StatusCode != http.StatusOK {
		t.Fatalf("more rows: %s", more.Status)
	}
	more.wants(t, `id="order-5"`, `value="`+one+`"`, `value="lista od klienta"`, "Razem "+gross.String()+", do rozdysponowania "+amount.String())
	more.lacks(t, `id="order-6"`, `role="alert"`)
	events := w.events()
	refusedWith(t, send("order", one, "amount", "", "order", "2026/999999", "amount", "1,00"), http.StatusUnprocessableEntity,
		"Wiersz 2: Nie ma zamówienia o tym numerze", `href="#order-2"`, `value="2026/999999"`, `value="1,00"`)
	refusedWith(t, send("order", one, "amount", "dużo", "order", two, "amount", ""), http.StatusUnprocessableEntity, "Wiersz 1:", `href="#amount-1"`)
	refusedWith(t, send("order", one, "amount", "", "order", "", "amount", "", "order", one, "amount", "1,00"), http.StatusConflict,
		"Wiersz 2: Zamówienie "+one+" jest już w innym wierszu", `href="#order-2"`)
	refusedWith(t, send("order", one, "amount", "", "order", two, "amount", plainAmount(gross+1)), http.StatusConflict, "Wiersz 2: Do zapłaty za zamówienie "+two, `href="#amount-2"`)
	refusedWith(t, send("order", one, "amount", "", "order", two, "amount", "", "order", three, "amount", plainAmount(gross)), http.StatusConflict,
		"Wiersz 3: Do rozdysponowania jest 100,00", `href="#amount-3"`)
	refusedWith(t, send(), http.StatusUnprocessableEntity, "Nie ma zamówienia o tym numerze", `href="#order-1"`)
	var many []string
	for range domain.MatchPartsMax + 1 {
		many = append(many, "order", one, "amount", "1,00")
	}
	refusedWith(t, send(many...), http.StatusUnprocessableEntity, "20")
	if after := w.events(); after != events {
		t.Errorf("refused forms wrote %d events", after-events)
	}
	decided(t, send("order", one, "amount", "", "order", "", "amount", "", "order", "zam "+two, "amount", "", "order", three, "amount", ""), path, "matched")
	if b := bucketsOf(w, path); b.Orders != amount || b.Unmatched != 0 {
		t.Errorf("the money is at %+v", b)
	}
	for i, want := range []domain.Money{gross, gross, 100_00} {
		if paid := stateOf[domain.Order](w, domain.OrderStream(orders[i].Order)).PaidAmount(); paid != want {
			t.Errorf("order %d has %s, want %s", i, paid, want)
		}
	}
}

// TestTwoPeopleMatchSeveralOrders has the second person agree to the whole.
func TestTwoPeopleMatchSeveralOrders(t *testing.T) {
	w := newWorld(t, smallLimit)
	v, anna, olga := w.browser("obcy"), w.browser("accounting-1"), w.browser("accounting-2")
	first, _ := v.orderOf(newMagazyn)
	second, _ := v.orderOf(newMagazyn)
	one, two := w.numberOf(first), w.numberOf(second)
	path := w.transferIn("t-1", 120_00, "za programy")
	decided(t, anna.post(path+"/matches", "order", one, "amount", "60,00", "order", two, "amount", "60,00", "reason", "lista", "seen", "12000"), path, "match-proposed")
	if b := bucketsOf(w, path); b.Orders != 0 {
		t.Errorf("one person moved %s", b.Orders)
	}
	olga.open(path).wants(t, one, two, "lista", "zaproponowano przypisanie 120,00\u00a0zł: "+one+", "+two)
	decided(t, olga.post(path+"/matches/1", "wish", "confirm"), path, "matched")
	if b := bucketsOf(w, path); b.Orders != 120_00 {
		t.Errorf("the money is at %+v", b)
	}
}

// TestTwoPeopleMatchMuch lets nobody match more than the vendor's limit alone, in one piece or in many.
func TestTwoPeopleMatchMuch(t *testing.T) {
	w := newWorld(t, smallLimit)
	order, _ := w.browser("obcy").orderOf(newMagazyn)
	number := stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(strings.TrimPrefix(order, "/orders/")))).Number.String()
	path := w.transferIn("t-1", 500_00, "za program")
	anna, olga := w.browser("accounting-1"), w.browser("accounting-2")
	match := func(amount string, seen domain.Money) answer {
		return anna.post(path+"/matches", "order", number, "amount", amount, "reason", "telefon", "seen", fmt.Sprint(int64(seen)))
	}
	decided(t, match("60,00", 500_00), path, "matched")
	decided(t, match("60,00", 440_00), path, "match-proposed")
	anna.open(path).wants(t, "Musi to zatwierdzić inna osoba", "Wycofaj propozycję")
	olga.open(path).wants(t, "Zatwierdź przypisanie", "Odrzuć propozycję")
	olga.open("/transfers").wants(t, "propozycja przypisania czeka na drugą osobę")
	refusedWith(t, anna.post(path+"/matches/1", "wish", "confirm"), http.StatusConflict, "musi podjąć druga osoba")
	refusedWith(t, match("1,00", 440_00), http.StatusConflict, "czeka już propozycja")
	refusedWith(t, olga.post(path+"/matches/1", "wish", "burn"), http.StatusUnprocessableEntity)
	refusedWith(t, olga.post(path+"/matches/7", "wish", "confirm"), http.StatusNotFound)
	refusedWith(t, olga.post(path+"/matches/1", "wish", "reject"), http.StatusUnprocessableEntity, "Powód")
	decided(t, olga.post(path+"/matches/1", "wish", "reject", "reason", "inny klient"), path, "match-rejected")
	decided(t, match("", 440_00), path, "match-proposed")
	decided(t, olga.post(path+"/matches/2", "wish", "confirm"), path, "matched")
	decided(t, olga.post(path+"/matches/2", "wish", "confirm"), path, "matched") // twice is harmless
	if b := bucketsOf(w, path); b.Orders != 500_00 {
		t.Errorf("the money is at %+v", b)
	}
	olga.open(path).wants(t, "propozycja przypisania odrzucona", "inny klient", "zaproponowano przypisanie 440,00", "user-accounting-2")
}

// TestTwoPeopleSendMoneyBack refunds what is unmatched to the account that it came from.
func TestTwoPeopleSendMoneyBack(t *testing.T) {
	w := newWorld(t, smallLimit)
	path := w.transferIn("t-1", 80_00, "pomyłka")
	anna, olga := w.browser("accounting-1"), w.browser("accounting-2")
	propose := func(amount, seen string) answer {
		return anna.post(path+"/refunds", "amount", amount, "reason", "wpłata omyłkowa", "seen", seen)
	}
	refusedWith(t, propose("80,01", "8000"), http.StatusConflict, "Do rozdysponowania jest 80,00", `value="80,01"`, `value="wpłata omyłkowa"`)
	refusedWith(t, propose("x", "8000"), http.StatusUnprocessableEntity, "Kwota")
	decided(t, propose("30,00", "8000"), path, "refund-proposed")
	decided(t, propose("", "5000"), path, "refund-proposed")
	refusedWith(t, anna.post(path+"/refunds/1", "wish", "confirm"), http.StatusConflict, "musi podjąć druga osoba")
	refusedWith(t, olga.post(path+"/refunds/1", "wish", "paid", "paid_on", "2026-11-23"), http.StatusConflict, "jeszcze nie zatwierdzony")
	olga.open(path).wants(t, "zwrot 30,00", "Zatwierdź zwrot", "12102055580000123400009999")
	decided(t, olga.post(path+"/refunds/1", "wish", "confirm"), path, "refund-confirmed")
	decided(t, olga.post(path+"/refunds/2", "wish", "reject", "reason", "jednak na zamówienie"), path, "refund-rejected")
	anna.open("/transfers").wants(t, "zatwierdzony, do zapłaty")
	for _, day := range []string{"", "jutro", "2026-11-24"} {
		refusedWith(t, olga.post(path+"/refunds/1", "wish", "paid", "paid_on", day), http.StatusUnprocessableEntity)
	}
	refusedWith(t, anna.post(path+"/refunds/1", "wish", "paid", "paid_on", "2026-11-23"), http.StatusConflict, "musi podjąć druga osoba")
	anna.open(path).lacks(t, "Zwrot zapłacony")
	olga.open(path).wants(t, "Zwrot zapłacony", "ZWROT T-1-1")
	decided(t, olga.post(path+"/refunds/1", "wish", "paid", "paid_on", "2026-11-23"), path, "refund-paid")
	if b := bucketsOf(w, path); b.Refunds != 30_00 || b.Unmatched != 50_00 {
		t.Errorf("the money is at %+v", b)
	}
	anna.open(path).wants(t, "zwrot 30,00\u00a0zł zapłacony", "zwrot 50,00\u00a0zł odrzucony")
}

// TestARefundToAnotherAccount is said loudly to whoever confirms it, and settled by the statement that shows it.
func TestARefundToAnotherAccount(t *testing.T) {
	w := newWorld(t)
	path := w.transferIn("t-1", 80_00, "pomyłka")
	anna, olga := w.browser("accounting-1"), w.browser("accounting-2")
	const payer, other = "12102055580000123400009999", "84 1020 5558 0000 1234 0000 5678"
	propose := func(account, name, reason string) answer {
		return anna.post(path+"/refunds", "amount", "80,00", "seen", "8000", "payee_account", account, "payee_name", name, "reason", reason)
	}
	events := w.events()
	refusedWith(t, propose("84 1020 5558 0000 1234 0000 5679", "Jan", "x"), http.StatusUnprocessableEntity, "cyfry kontrolne",
		`href="#refund-payee_account-0"`, `value="84 1020 5558 0000 1234 0000 5679"`, "<details open>")
	refusedWith(t, propose("", "Jan Nowy", "x"), http.StatusUnprocessableEntity, `href="#refund-payee_account-0"`)
	refusedWith(t, propose(other, "", "x"), http.StatusUnprocessableEntity, "Odbiorca", `href="#refund-payee_name-0"`)
	refusedWith(t, propose(other, "Jan Nowy", " "), http.StatusUnprocessableEntity, "Powód", `href="#refund-reason-0"`)
	if after := w.events(); after != events {
		t.Errorf("refused forms wrote %d events", after-events)
	}
	decided(t, propose(other, "Jan Nowy", "zmienił bank"), path, "refund-proposed")
	refusedWith(t, anna.post(path+"/refunds/1", "wish", "confirm"), http.StatusConflict, "musi podjąć druga osoba")
	olga.open(path).wants(t, "Uwaga: to inny rachunek niż ten, z którego przyszły pieniądze ("+payer+")", "Zatwierdź zwrot na inny rachunek",
		"84102055580000123400005678", "Jan Nowy", "zmienił bank", "na inny rachunek")
	w.settleAll()
	olga.open("/transfers").wants(t, "na inny rachunek")
	decided(t, olga.post(path+"/refunds/1", "wish", "confirm"), path, "refund-confirmed")
	debit := domain.ReversalReceived{Reversal: "d-1", Statement: "s-2", Account: terms.Bank.Account, Amount: 80_00, ValueOn: "2026-11-24", BookedOn: "2026-11-24", PayerAccount: payer}
	imported := func(account string) []Departure {
		debit.PayerAccount = account
		departures, err := NewCashier(w.log).BookOutgoing(t.Context(), domain.Cause{Command: w.newID(), Actor: "system:import", At: w.server.Now()}, []Outgoing{{Line: 1, ReversalReceived: debit}})
		if err != nil {
			t.Fatal(err)
		}
		return departures
	}
	if d := imported(payer); d[0].Refund != 0 {
		t.Errorf("money that went to the payer settles it: %+v", d)
	}
	if d := imported("84102055580000123400005678"); d[0].Refund != 1 || d[0].Transfer != "t-1" {
		t.Errorf("the debit settles %+v", d)
	}
	if refund := stateOf[domain.Transfer](w, domain.TransferStream("t-1")).Refunds[0]; refund.State != domain.RefundPaidOut {
		t.Errorf("the refund is %+v", refund)
	}
	anna.open(path).lacks(t, "Uwaga: to inny rachunek")
}

// TestAReversalIsLinkedByHand takes the money back from the order, and names the files that are out already.
func TestAReversalIsLinkedByHand(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Vendor.SecondPersonAbove = domain.MoneyMax })
	order, _ := w.purchase("kowal")
	id := domain.OrderID(order.ID)
	paid := stateOf[domain.Order](w, domain.OrderStream(id))
	path := "/transfers/" + string(paid.Payments[0].Transfer)
	do(w, domain.ReceiveReversal{ReversalReceived: domain.ReversalReceived{Reversal: "r-1", Statement: "s-2", Account: terms.Bank.Account, Amount: paid.PaidAmount(),
		ValueOn: "2026-11-22", BookedOn: "2026-11-22", BankReference: "rc-1", Title: "storno " + hostile, PayerName: "KUŹNIA"}})
	w.settleAll()
	anna := w.browser("accounting-1")
	anna.open("/transfers").wants(t, "Cofnięcia bez przelewu", "rc-1", "storno Jagna&#34;")
	anna.open(path).wants(t, "Czy bank cofnął właśnie ten przelew?", `value="r-1"`)
	refusedWith(t, anna.post(path+"/reversals", "reversal", "r-1"), http.StatusUnprocessableEntity, "Powód")
	refusedWith(t, anna.post(path+"/reversals", "reversal", "r-9", "reason", "x"), http.StatusNotFound)
	decided(t, anna.post(path+"/reversals", "reversal", "r-1", "reason", "ten sam płatnik"), path, "reversal-linked")
	decided(t, anna.post(path+"/reversals", "reversal", "r-1", "reason", "ten sam płatnik"), path, "reversal-linked") // twice is harmless
	if b := bucketsOf(w, path); b.Reversed != paid.PaidAmount() || b.Orders != 0 || b.Unmatched != 0 {
		t.Errorf("the money is at %+v", b)
	}
	if stateOf[domain.Order](w, domain.OrderStream(id)).Paid() {
		t.Error("the order counts as paid")
	}
	w.settleAll()
	file := paid.Files[1].Issued
	if file == nil {
		t.Fatal("no file was issued")
	}
	anna.open(path).wants(t, "bank cofnął", "Pliki aktywacyjne już wysłane", file.Name)
	anna.open("/transfers").lacks(t, "Cofnięcia bez przelewu")
	anna.open("/sales/"+order.ID).wants(t, "Pliki aktywacyjne już wysłane", file.Name, "Bank cofnął")
	w.browser("kowal").open("/orders/"+order.ID).wants(t, "Bank cofnął", "Dane do przelewu")
}

// TestCreditIsShownToItsOwner shows what a customer has paid too much, and what was paid of an order with it, to the customer and to
// the vendor's people, and to nobody else.
func TestCreditIsShownToItsOwner(t *testing.T) {
	w := newWorld(t)
	v, stranger, anna := w.browser("kowal"), w.browser("obcy"), w.browser("accounting-1")
	first, _ := v.orderOf(updateKowal)
	v.open("/orders").lacks(t, "Nadpłata")
	order := func(path string) domain.Order {
		return stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(strings.TrimPrefix(path, "/orders/"))))
	}
	gross, number, by := order(first).Total.Gross, order(first).Number, domain.Cause{Command: "book", Actor: "system:import", At: w.server.Now()}
	do(w, domain.ReceiveTransfer{TransferReceived: domain.TransferReceived{Transfer: "t-1", Statement: "s-1", Account: terms.Bank.Account, Amount: gross + 100_00,
		ValueOn: "2026-11-22", BookedOn: "2026-11-22", PayerAccount: "12102055580000123400009999"},
		Matches: []domain.TransferMatched{{Transfer: "t-1", Order: order(first).Order, Number: number, Amount: gross, Rule: domain.MatchedByReference}},
		Credits: []domain.TransferCredited{{Transfer: "t-1", Customer: kowal, Amount: 100_00, Why: domain.ReleasedOverpaid, Order: order(first).Order}}})
	if err := bookTransfer(t.Context(), w.log, by, "t-1"); err != nil {
		t.Fatal(err)
	}
	w.settleAll()
	v.open("/orders").wants(t, "Nadpłata: 100,00")
	stranger.open("/orders").lacks(t, "Nadpłata")
	v.open(first).lacks(t, "z nadpłaty")
	anna.open("/sales/"+string(order(first).Order)).wants(t, "Nadpłata kupującego", "100,00")
	anna.open("/transfers/t-1").wants(t, "nadpłata: Kuźnia Kowal", "jako nadpłata: Kuźnia Kowal", `name="credit" value="kowal"`)
	anna.open("/transfers?only=credit").wants(t, "/transfers/t-1")

	second, _ := v.orderOf(newMagazyn)
	do(w, domain.UseCredit{Transfer: "t-1", Order: order(second), On: "2026-11-22"})
	if err := bookTransfer(t.Context(), w.log, by, "t-1"); err != nil {
		t.Fatal(err)
	}
	w.settleAll()
	v.open("/orders").lacks(t, "Nadpłata")
	v.open(second).wants(t, "W tym z nadpłaty", "100,00")
	anna.open("/sales/"+string(order(second).Order)).wants(t, "W tym z nadpłaty")
	gone := anna.post("/transfers/t-1/refunds", "amount", "1,00", "reason", "x", "seen", "10000", "credit", "kowal")
	refusedWith(t, gone, http.StatusConflict, "W międzyczasie ktoś zmienił")
}

// TestAWaivedRestIsNotAskedFor shows no transfer for what was waived.
func TestAWaivedRestIsNotAskedFor(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Vendor.Terms.Tolerance = 10 })
	v := w.browser("kowal")
	path, page := v.orderOf(updateKowal)
	page.wants(t, "Dane do przelewu")
	w.pay(path, stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(strings.TrimPrefix(path, "/orders/")))).Total.Gross-7)
	w.settleAll()
	paid := v.open(path)
	paid.wants(t, "Darowano", "0,07")
	paid.lacks(t, "Dane do przelewu")
}
