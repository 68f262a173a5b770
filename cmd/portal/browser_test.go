package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"os/exec"
	"slices"
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
	t        *testing.T
	ctx      context.Context
	base     string
	password string // empty: as the demonstration shows it
	keyboard bool   // has no mouse
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

// startBrowser starts a browser without memory, which ends with the test.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.NoFirstRun)
	ctx, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() { cancel(); cancelAllocator() })
	return ctx
}

// visit opens a fresh browser without memory.
func visit(t *testing.T, p *portal) *visitor {
	t.Helper()
	ctx, cancelTimeout := context.WithTimeout(startBrowser(t), 90*time.Second)
	t.Cleanup(cancelTimeout)
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
	v.pressAt(`//button[contains(normalize-space(.), "` + words + `")] | //a[contains(normalize-space(.), "` + words + `")]`)
}

// pressAt clicks what an XPath finds, and waits for the next page.
func (v *visitor) pressAt(target string) {
	v.t.Helper()
	ask[string](v, `document.body.dataset.old = "yes"`)
	if v.keyboard {
		v.tabTo(target)
		v.do(chromedp.KeyEvent("\r"))
	} else {
		v.do(chromedp.Click(target))
	}
	v.do(chromedp.WaitReady(chromedp.CSS(`body:not([data-old]) main`)))
}

// tick ticks the row that has all these words.
func (v *visitor) tick(words ...string) {
	v.t.Helper()
	row := "//tr"
	for _, word := range words {
		row += `[contains(normalize-space(.), "` + word + `")]`
	}
	box := row + `//input[@type="checkbox"]`
	if v.keyboard {
		v.tabTo(box)
		v.do(chromedp.KeyEvent(" "))
		return
	}
	v.do(chromedp.Click(box))
}

// fill types into the field with an id, after what stands there.
func (v *visitor) fill(id, text string) {
	v.t.Helper()
	if v.keyboard {
		v.tabTo(`//*[@id="` + id + `"]`)
		v.do(chromedp.KeyEvent(text))
		return
	}
	v.do(chromedp.SendKeys(chromedp.CSS("#"+id), text))
}

// row is what the row says that has all these words; empty when there is none.
func (v *visitor) row(words ...string) string {
	v.t.Helper()
	for _, row := range ask[[]string](v, `[...document.querySelectorAll("tbody tr")].map((row) => row.innerText)`) {
		row = strings.Join(strings.Fields(row), " ")
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(row, word) }) {
			return row
		}
	}
	return ""
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

// lacks fails if the page says one of these.
func (v *visitor) lacks(words ...string) {
	v.t.Helper()
	page := v.text()
	for _, word := range words {
		if strings.Contains(page, word) {
			v.t.Errorf("%s says %q:\n%s", v.path(), word, page)
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
	v.enter(user, "Zaloguj")
}

// enter fills in the LOGOWANIE block, whose button has these words.
func (v *visitor) enter(user, words string) {
	v.t.Helper()
	v.fill("user", user)
	v.fill("password", cmp.Or(v.password, demoPassword(user)))
	v.press(words)
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
