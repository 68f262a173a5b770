package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"netrom.pl/portal/domain"
)

// saying gives the texts of the pages in a language by their ids, as title.cart.
func saying(t *testing.T, l domain.Language) func(id string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "handlers", "messages", string(l)+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	return func(id string) string {
		t.Helper()
		var node any = tree
		for part := range strings.SplitSeq(id, ".") {
			branch, _ := node.(map[string]any)
			node = branch[part]
		}
		text, ok := node.(string)
		if !ok {
			t.Fatalf("nobody says %s in %s", id, l)
		}
		return text
	}
}

// way is how somebody takes the main way, from the login to the activation file.
type way struct {
	name     string
	look     look
	language domain.Language
	keyboard bool
	scripts  bool
}

// Source: WCAG 2.2, 2.1.1 Keyboard, 2.4.3 Focus Order, 2.4.7 Focus Visible, 1.4.10 Reflow, 3.1.1 Language of Page.
var ways = []way{
	{"by keyboard alone", screen, domain.Polish, true, true},
	{"without JavaScript", night, domain.Polish, false, false},
	{"without JavaScript by keyboard in English", screen, domain.English, true, false},
	{"on a phone", phone, domain.Polish, false, true},
	{"on a narrow phone in English", look{320, 640, "light"}, domain.English, false, true},
}

func (w way) story(s *stage, t *testing.T) {
	c := s.company(t, "Firma w Drodze", func(c *importCustomer) { c.Language = w.language }, owns("magazyn", "2.0"))
	v := s.window(t)
	v.keyboard = w.keyboard
	v.look(w.look)
	v.scripts(w.scripts)
	s.walk(v, w.look, w.language, c)
}

// walk buys an update and a new program, and stays until the files have come.
func (s *stage) walk(v *visitor, l look, language domain.Language, c company) {
	v.t.Helper()
	say := saying(v.t, language)
	arrived := func(path string) {
		v.t.Helper()
		if v.path() != path && path != "" {
			v.t.Fatalf("this is %s, not %s", v.path(), path)
		}
		if spoken := ask[string](v, `document.documentElement.lang`); spoken != string(language) {
			v.t.Errorf("%s says that it speaks %q", v.path(), spoken)
		}
		v.fits(l)
	}
	v.open("/login")
	if language != domain.Polish {
		v.press("English")
	}
	arrived("/login")
	v.enter(c.User, say("login.enter"))
	arrived("/programs")
	v.press(say("title.updates"))
	arrived("/updates")
	v.tick("Magazyn", "2.0 → 3.0")
	v.press(say("offer.to-cart"))
	v.press(say("title.new-programs"))
	arrived("/new-programs")
	v.tick("Faktura")
	v.press(say("offer.to-cart"))
	v.press(say("title.cart"))
	arrived("/cart")
	v.press(say("cart.send"))
	arrived("")
	v.sees(say("order.submitted"), "84 1020 5558 0000 1234 0000 5678")
	order := v.path()
	s.pay(v.t, domain.OrderID(strings.TrimPrefix(order, "/orders/")), 0)
	v.eventually(order, say("order.file-sent"))
	await(v.t, "both activation files", func() bool {
		return len(s.lettersTo(v.t, c.Email, map[domain.Language]string{domain.Polish: "Plik aktywacyjny", domain.English: "Activation file"}[language])) == 2
	})
	arrived(order)
	v.press(say("title.programs"))
	v.sees("Faktura", "3.0")
	v.press(say("layout.logout"))
	arrived("/login")
}

// unpaid is the page of an order that waits for its money, and the order.
func (s *stage) unpaid(t *testing.T, name string) (*visitor, domain.Order) {
	t.Helper()
	c := s.company(t, name, nil, owns("magazyn", "2.0"))
	v := s.window(t)
	v.look(screen)
	v.logIn(c.User)
	order := v.buyUpdate("Magazyn", "2.0 → 3.0")
	v.waits("potwierdzenie wysłane") // the page changes by itself once more
	return v, s.load(t, order)
}

func (s *stage) copies(t *testing.T) {
	v, order := s.unpaid(t, "Kopia Danych")
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		may := browser.SetPermissionParams{Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
			Origin: v.base, BrowserContextID: chromedp.FromContext(v.ctx).BrowserContextID}
		if _, err := chromedp.CallBrowser(v.ctx, browser.SetPermission, may); err != nil {
			t.Fatal(err)
		}
	}
	for field, want := range map[string]string{
		"Odbiorca": order.Bank.Recipient, "Numer rachunku": string(order.Bank.Account), "Tytuł przelewu": order.Title, "Kwota do zapłaty": "367,77",
	} {
		v.do(chromedp.Click(`//button[@aria-label="Kopiuj: ` + field + `"]`))
		got, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`navigator.clipboard.readText()`, chromedp.EvalAwaitPromise))
		if err != nil || got != want {
			t.Errorf("%s: copied %q, want %q (error: %v)", field, got, want, err)
		}
		if said := ask[string](v, `document.getElementById("news").textContent`); said != "Skopiowano" {
			t.Errorf("%s: readers of the screen hear %q", field, said)
		}
	}
}

func (s *stage) prints(t *testing.T) {
	v, order := s.unpaid(t, "Wydruk Zamówienia")
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		return err
	}))
	printed := v.text() // innerText leaves out what is not shown
	for _, wanted := range []string{order.Number.String(), "Odbiorca", "84 1020 5558 0000 1234 0000 5678", order.Title, "367,77 zł", "Termin płatności", "Magazyn", "2.0 → 3.0", "zeskanuj"} {
		if !strings.Contains(printed, wanted) {
			t.Errorf("the print does not say %q:\n%s", wanted, printed)
		}
	}
	for _, useless := range []string{"AKTUALIZACJE", "Wyloguj", "English", "Kopiuj", "anulować", "Anuluj", "Dziękujemy"} {
		if strings.Contains(printed, useless) {
			t.Errorf("the print says %q", useless)
		}
	}
	if size := ask[float64](v, `document.querySelector("figure.code svg").getBoundingClientRect().width`); size < 100 {
		t.Errorf("the code to scan is printed %v wide", size)
	}
	pdf, err := chromedp.Run(v.ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		t.Fatalf("print: %.20q, %v", pdf, err)
	}
	if pages := bytes.Count(pdf, []byte("/Type /Page\n")) + bytes.Count(pdf, []byte("/Type /Page/")); pages != 1 {
		t.Errorf("the order of one line is printed on %d pages", pages)
	}
}
