package handlers

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// purchase plays an order from the click to the activation files, and gives the letters that left.
func (w *world) purchase(user string) (orderAnswer, []Letter) {
	w.t.Helper()
	ctx := context.Background()
	var letters []Letter
	post := &Fulfilment{Log: w.log, Credit: w.server.Tables.TransfersWithCredit, Paper: w.server.Paper, Now: func() time.Time { return time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC) }, Logger: slog.New(slog.DiscardHandler), Vendor: w.server.Vendor,
		Send: func(_ context.Context, letter Letter) (Sent, error) {
			letters = append(letters, letter)
			return sentAs(letter), nil
		},
		Sign: func(facts ActivationFacts) (SignedFile, error) {
			file := fmt.Appendf(nil, "%+v", facts)
			return SignedFile{Name: "file.lic.txt", Bytes: file, Digest: digestOf(file), Key: "k"}, nil
		}}
	buyer := w.program(user)
	buyer.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
	var order orderAnswer
	buyer.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "trace")
	placed := stateOf[domain.Order](w, domain.OrderStream(domain.OrderID(order.ID)))
	if err := post.fulfil(ctx, placed.Order); err != nil {
		w.t.Fatal(err)
	}
	transfer := domain.TransferReceived{Transfer: "t-trace", Statement: "s-trace", Account: terms.Bank.Account, Amount: placed.Total.Gross, ValueOn: "2026-11-26",
		BookedOn: "2026-11-26", Title: placed.Title, PayerName: "Obcy Canary", PayerAccount: "x", Raw: "x"}
	statement := domain.StatementImported{Statement: "s-trace", Account: terms.Bank.Account, Number: "7", ClosedOn: "2026-11-26", Transfers: []domain.TransferID{"t-trace"}}
	by := domain.Cause{Command: "import-run", Actor: "system:import", Correlation: "import-run", Causation: "import-run", At: time.Date(2026, 11, 26, 8, 59, 0, 0, time.UTC)}
	if _, err := NewCashier(w.log).Book(ctx, by, statement, []domain.TransferReceived{transfer}); err != nil {
		w.t.Fatal(err)
	}
	if err := post.fulfil(ctx, placed.Order); err != nil {
		w.t.Fatal(err)
	}
	w.settleAll()
	w.sign()
	return order, letters
}

// TestFromANumberToTheProof follows an auditor who has nothing but an order's number: two clicks lead to the proof that its
// activation file was released by a payment.
func TestFromANumberToTheProof(t *testing.T) {
	w := newWorld(t)
	order, letters := w.purchase("obcy")
	v := w.browser("auditor-1")
	v.open("/log").wants(t, `action="/log/trace"`)
	page := v.open("/log/trace?of=" + strings.ReplaceAll(order.Number, "/", "%2F")) // the first click
	inspect(t, "/log/trace", page.text, domain.English)
	page.wants(t, "released by a payment", "Order submitted", "Statement imported", "Transfer received", "Activation file issued", "Activation file sent",
		"import-run", "user-obcy", "orders, ", `<svg width=`, "the longest gap: 3 d")
	page.lacks(t, "NO PAYMENT", "not yet", "Obcy Canary", "obcy@example.com")
	if len(letters) != 3 {
		t.Fatalf("%d letters left", len(letters))
	}
	for _, letter := range letters {
		page.wants(t, "&lt;"+letter.ID+"@netrom.pl&gt;")
	}
	proofs := regexp.MustCompile(`href="(/log/events/\d+/proof)"`).FindAllStringSubmatch(page.text, -1)
	if len(proofs) != 2 {
		t.Fatalf("the page has the proofs %v", proofs)
	}
	payment, file := v.open(proofs[0][1]), v.open(proofs[1][1]) // the second click
	for i, proof := range []answer{payment, file} {
		if want := []string{"PaymentReceived-", "ActivationFileIssued-"}[i]; !strings.Contains(proof.Header.Get("Content-Disposition"), want) {
			t.Errorf("proof %d is %s", i, proof.Header.Get("Content-Disposition"))
		}
	}
	for _, of := range []string{order.ID, "import-run"} {
		v.open("/log/trace?of="+of).wants(t, "Payment booked")
	}
	v.open("/log/trace").lacks(t, "Nothing was found")
	for _, none := range []string{"2099/000001", "nobody"} {
		v.open("/log/trace?of="+none).wants(t, "Nothing was found")
	}
	if a := v.get("/log/trace?of=%00"); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a text that nothing can be called: %s", a.Status)
	}
}

// TestStreamsSideBySide shows several streams in the order of the log.
func TestStreamsSideBySide(t *testing.T) {
	w := newWorld(t)
	order, _ := w.purchase("obcy")
	v := w.browser("auditor-1")
	page := v.open("/log/streams?stream=order-" + order.ID + "+cart-obcy&stream=transfer-t-trace")
	inspect(t, "/log/streams", page.text, domain.English)
	var positions []string
	for _, found := range regexp.MustCompile(`href="/log/events/(\d+)"`).FindAllStringSubmatch(page.text, -1) {
		positions = append(positions, fmt.Sprintf("%012s", found[1]))
	}
	if len(positions) < 8 || !slices.IsSorted(positions) {
		t.Errorf("the events stand at %v", positions)
	}
	page.wants(t, "Cart submitted", "Order submitted", "Transfer received", "Payment booked")
	page.lacks(t, "Order number assigned")
	v.open("/log/streams").wants(t, "Streams (6 at most")
	v.open("/log/streams?stream=none").wants(t, "Nothing was found")
	for _, wrong := range []string{"stream=%00", "stream=a+b+c+d+e+f+g", "stream=a&after=x"} {
		if a := v.get("/log/streams?" + wrong); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s", wrong, a.Status)
		}
	}
}

// TestTheDrawingIsTrue holds the drawing against the log: time runs downwards, long gaps are longer, no link starts in the future.
func TestTheDrawingIsTrue(t *testing.T) {
	if a, b, c := gapHeight(0), gapHeight(time.Minute), gapHeight(72*time.Hour); a != 0 || b <= a || c <= b || gapHeight(1e6*time.Hour) > gapHeightMax {
		t.Errorf("gaps of 0, a minute and three days are %d, %d and %d high", a, b, c)
	}
	for d, want := range map[time.Duration]string{-time.Hour: "0 ms", 12 * time.Millisecond: "12 ms", 3200 * time.Millisecond: "3 s", 125 * time.Second: "2 min 5 s",
		3*time.Hour + 5*time.Minute: "3 h 5 min", 76 * time.Hour: "3 d 4 h"} {
		if got := span(d); got != want {
			t.Errorf("%v is said as %q, want %q", d, got, want)
		}
	}
	if d := spoken[domain.Polish].draw(nil); len(d.Dots) != 0 {
		t.Errorf("nothing is drawn as %+v", d)
	}
	w := newWorld(t)
	order, _ := w.purchase("obcy")
	page := w.browser("auditor-1").open("/log/trace?of=" + order.ID)
	last, dots := 0, regexp.MustCompile(`<circle class="\w*" cx="(\d+)" cy="(\d+)"`).FindAllStringSubmatch(page.text, -1)
	for _, dot := range dots {
		var y int
		fmt.Sscan(dot[2], &y)
		if y <= last {
			t.Errorf("a dot at %d below one at %d", y, last)
		}
		last = y
	}
	links := regexp.MustCompile(`class="link" d="M\d+ (\d+)C[\d ]+ (\d+)"`).FindAllStringSubmatch(page.text, -1)
	if len(dots) < 12 || len(links) < 6 {
		t.Errorf("%d dots and %d links", len(dots), len(links))
	}
	for _, link := range links {
		var from, to int
		fmt.Sscan(link[1], &from)
		if fmt.Sscan(link[2], &to); from >= to {
			t.Errorf("an effect at %d above its cause at %d", to, from)
		}
	}
	if bytes.Contains([]byte(page.text), []byte("style=")) {
		t.Error("the drawing has styles of its own, which the page's policy forbids")
	}
}
