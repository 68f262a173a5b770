package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/bank"
)

// startPortal runs the portal with demonstration data on a free port and a folder of its own.
func startPortal(t *testing.T) *portal {
	t.Helper()
	return startPortalAs(t, settings{data: dataFolder(t), demo: true})
}

// startPortalAs runs the portal on a free port; with demonstration data if the settings say so.
func startPortalAs(t *testing.T, s settings) *portal {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a postgres server: left out by -short")
	}
	ctx := t.Context()
	var log lockedBuffer
	s.listen = "127.0.0.1:0"
	p, err := openPortal(ctx, s, foundation.Logger(&log, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	if s.demo {
		if err := p.openDemo(ctx, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("portal: %v", err)
		}
		if err := p.close(); err != nil {
			t.Errorf("close portal: %v", err)
		}
		if t.Failed() {
			t.Logf("log of the portal:\n%s", log.String())
		}
	})
	return p
}

// visitor is a person at a browser.
type visitor struct {
	t    *testing.T
	ctx  context.Context
	base string
}

// chromium finds the browser, or says how to get it.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is missing; install it with: make deps")
	return ""
}

// visit opens a fresh browser without memory.
func visit(t *testing.T, p *portal) *visitor {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.NoFirstRun)
	ctx, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	ctx, cancelTimeout := context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(func() { cancelTimeout(); cancel(); cancelAllocator() })
	return &visitor{t: t, ctx: ctx, base: "http://" + p.listener.Addr().String()}
}

func (v *visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		page, _ := chromedp.Run(v.ctx, chromedp.Text(chromedp.CSS("body")))
		v.t.Fatalf("%v; the page says:\n%s", err, page)
	}
}

// ask evaluates JavaScript on the page.
func ask[T any](v *visitor, expression string) T {
	v.t.Helper()
	answer, err := chromedp.Run(v.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		v.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return answer
}

// open goes to a page by its address.
func (v *visitor) open(path string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.base+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// press clicks a button or link by what stands on it and waits for the next page.
func (v *visitor) press(words string) {
	v.t.Helper()
	target := `//main//button[contains(normalize-space(.), "` + words + `")] | //a[contains(normalize-space(.), "` + words + `")]`
	ask[string](v, `document.body.dataset.old = "yes"`)
	v.do(chromedp.Click(target),
		chromedp.WaitReady(chromedp.CSS(`body:not([data-old]) main`)))
}

// tick ticks the row that has all these words.
func (v *visitor) tick(words ...string) {
	v.t.Helper()
	row := "//tr"
	for _, word := range words {
		row += `[contains(normalize-space(.), "` + word + `")]`
	}
	v.do(chromedp.Click(row + `//input[@type="checkbox"]`))
}

// sees fails unless the page says all of this.
func (v *visitor) sees(words ...string) {
	v.t.Helper()
	page := v.text()
	for _, word := range words {
		if !strings.Contains(page, word) {
			v.t.Fatalf("the page does not say %q; it says:\n%s", word, page)
		}
	}
}

func (v *visitor) text() string {
	v.t.Helper()
	page, err := chromedp.Run(v.ctx, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		v.t.Fatal(err)
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(page, "\u00a0", " ")), " ")
}

// eventually opens a page again and again until it says this.
func (v *visitor) eventually(path, words string) {
	v.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		v.open(path)
		if strings.Contains(v.text(), words) {
			return
		}
		if time.Now().After(deadline) {
			v.sees(words)
			return
		}
	}
}

// waits until the page that is open says this by itself.
func (v *visitor) waits(words string) {
	v.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(v.text(), words); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			v.sees(words)
		}
	}
}

func (v *visitor) logIn(user string) {
	v.t.Helper()
	v.open("/login")
	v.do(chromedp.SendKeys(chromedp.CSS("#user"), user), chromedp.SendKeys(chromedp.CSS("#password"), demoPassword(user)))
	v.press("Zaloguj")
}

func (v *visitor) path() string {
	v.t.Helper()
	return ask[string](v, `location.pathname`)
}

// payOrder books a transfer of the whole open amount through a bank's file.
func payOrder(t *testing.T, p *portal, id domain.OrderID) domain.Order {
	t.Helper()
	order, err := domain.Load[domain.Order](t.Context(), p.log, domain.OrderStream(id))
	if err != nil {
		t.Fatal(err)
	}
	day := bank.Date(handlers.DayOf(p.now()))
	statement := bank.Statement{Account: string(order.State.Bank.Account), Number: "1", Currency: "PLN", OpenedOn: day, ClosedOn: day, ClosingGrosz: int64(order.State.Open()),
		Entries: []bank.Entry{{ValueDate: day, BookedOn: day, AmountGrosz: int64(order.State.Open()), Mark: bank.Credit, BankReference: "TEST1", CustomerReference: "NONREF", Title: order.State.Title, PayerName: "PLATNIK"}}}
	var file bytes.Buffer
	if err := bank.WriteMT940(&file, statement); err != nil {
		t.Fatal(err)
	}
	read, err := bank.ParseMT940(&file)
	if err != nil {
		t.Fatal(err)
	}
	run := uuid.NewString()
	bookings, err := foundation.BookStatement(t.Context(), p.log, domain.Cause{Command: run, Actor: "system:test", Correlation: run, At: p.now()}, read[0])
	if err != nil || len(bookings) != 1 || bookings[0].Match == nil {
		t.Fatalf("booked %+v: %v", bookings, err)
	}
	return order.State
}

func TestPeopleBuyInTheBrowser(t *testing.T) {
	p := startPortal(t)

	t.Run("a customer buys an update and a new program, pays, and gets its files", func(t *testing.T) {
		v := visit(t, p)
		v.open("/updates") // R1: nothing without a login
		v.sees("LOGOWANIE", "poczta@netrom.pl")
		v.logIn(customerUser)
		v.open("/programs") // R2, R3, R4
		v.sees("PROGRAMY", "AKTUALIZACJE", "NOWE PROGRAMY", "KOSZYK", "Magazyn", "biuro@zloty-klos.example")
		v.press("AKTUALIZACJE") // R6, R7
		v.sees("4.1 → 5.0", "5.0")
		v.tick("Faktura", "4.1 → 5.0")
		v.press("Zaznaczone pozycje do koszyka") // R10
		v.press("NOWE PROGRAMY")
		v.tick("Środki Trwałe")
		v.press("Zaznaczone pozycje do koszyka")
		v.press("KOSZYK") // R11
		v.sees("Faktura", "Środki Trwałe", "179,00 zł", "690,00 zł", "1 068,87 zł")
		v.press("Wyślij")
		order := domain.OrderID(strings.TrimPrefix(v.path(), "/orders/"))
		v.sees("84 1020 5558 0000 1234 0000 5678", "1 068,87 zł", "ZAM ")
		ordered := v.path()
		v.eventually("/mailbox", "Potwierdzenie zamówienia") // R12
		if strings.Contains(v.text(), "Plik aktywacyjny") {
			t.Fatal("an activation file left before the money") // R13, R14
		}
		v.open(ordered)
		payOrder(t, p, order)
		v.waits("zrealizowane") // the page changes by itself
		v.eventually("/mailbox", "Plik aktywacyjny: Środki Trwałe")
		v.eventually("/mailbox", "Plik aktywacyjny: Faktura")
		v.eventually("/orders/"+string(order), "wysłan")
		v.eventually("/programs", "Środki Trwałe")
	})

	t.Run("a distributor's client may look and is told whom to ask", func(t *testing.T) { // R8
		v := visit(t, p)
		v.logIn(clientUser)
		v.press("AKTUALIZACJE")
		v.sees("Dystrybucja Beta", "1.0 → 2.0")
		if boxes := ask[int](v, `document.querySelectorAll('input[type=checkbox]').length`); boxes != 0 {
			t.Errorf("%d rows can be ticked", boxes)
		}
	})

	t.Run("a distributor orders for its clients, with a number of stations", func(t *testing.T) { // R5, R6, R7
		v := visit(t, p)
		v.logIn(distributorUser)
		v.sees("Warsztat Gamma", "Delta Trading")
		v.press("AKTUALIZACJE")
		v.look(screen) // where tables have heads
		const ticked = `document.querySelectorAll('tbody input[type=checkbox]:checked').length`
		v.do(chromedp.Click(chromedp.CSS(`thead input[type=checkbox]`)))
		if all := ask[int](v, `document.querySelectorAll('tbody input[type=checkbox]').length`); all == 0 || ask[int](v, ticked) != all {
			t.Errorf("the checkbox in the head ticked %d of %d rows", ask[int](v, ticked), all)
		}
		v.do(chromedp.Click(chromedp.CSS(`thead input[type=checkbox]`)))
		if left := ask[int](v, ticked); left != 0 {
			t.Errorf("%d rows are left ticked", left)
		}
		v.tick("Warsztat Gamma", "Magazyn", "1.0 → 3.0")
		v.do(chromedp.SetValue(`//tr[contains(., "Faktura")][contains(., "Dystrybucja Beta")]//input[@type="number"]`, "7"))
		v.tick("Dystrybucja Beta", "Faktura", "wielostanowiskow")
		v.press("Zaznaczone pozycje do koszyka")
		v.press("KOSZYK")
		v.sees("Warsztat Gamma", "449,00 zł", "693,00 zł") // 7 × 99,00
		v.press("Wyślij")
		v.sees("ZAM ")
	})
}

func TestPagesAreForThoseWhoMaySeeThem(t *testing.T) {
	p := startPortal(t)
	for _, path := range []string{"/programs", "/cart", "/orders", "/transfers", "/tasks", "/customers"} {
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		response, err := client.Get("http://" + p.listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusSeeOther || !strings.HasPrefix(response.Header.Get("Location"), "/login") {
			t.Errorf("%s: %s to %q", path, response.Status, response.Header.Get("Location"))
		}
	}
}
