package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/bank"
	"netrom.pl/portal/infra/mail"
)

// storyPatience bounds how long a story waits for a page, a letter or a view; a busy machine needs some of it.
const storyPatience = 40 * time.Second

// windowLife bounds how long one person stays at the browser.
const windowLife = 5 * time.Minute

// stage is one running portal and one browser for many stories. Each story has companies of its own.
type stage struct {
	portal  *portal
	browser context.Context
	letters *mail.Outbox
	made    int // companies so far
}

func openStage(t *testing.T) *stage {
	t.Helper()
	dir := dataFolder(t)
	p := startPortalAs(t, settings{data: dir, demo: true})
	letters, err := mail.Folder(filepath.Join(dir, lettersFolder))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { letters.Close() })
	ctx := startBrowser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return &stage{portal: p, browser: ctx, letters: letters}
}

// window is a person at the browser, who has never been here.
func (s *stage) window(t *testing.T) *visitor {
	t.Helper()
	ctx, cancel := chromedp.NewContext(s.browser, chromedp.WithNewBrowserContext())
	ctx, cancelTimeout := context.WithTimeout(ctx, windowLife)
	t.Cleanup(func() { cancelTimeout(); cancel() })
	return &visitor{t: t, ctx: ctx, base: s.portal.vendor.URL, password: password}
}

// owns is a licence of a story: a program at a version.
func owns(program domain.ProgramID, version domain.Version) importLicence {
	return importLicence{Program: program, Edition: domain.SingleStation, Version: version, Stations: 1, Activated: true}
}

// company registers a customer with programs and a login.
func (s *stage) company(t *testing.T, name string, change func(*importCustomer), licences ...importLicence) company {
	t.Helper()
	c := s.customer(t, name, licences...)
	if change != nil {
		change(&c)
	}
	made := register(t, s.portal, c)[0]
	s.settle(t)
	return made
}

// customer is one that is not yet registered.
func (s *stage) customer(t *testing.T, name string, licences ...importLicence) importCustomer {
	t.Helper()
	s.made++
	c := importCustomer{Code: fmt.Sprintf("S-%d", s.made), Name: name, NIP: nipOf(t, 88820020+s.made), Email: fmt.Sprintf("biuro@firma-%d.example", s.made),
		Language: domain.Polish, User: fmt.Sprintf("firma-%d", s.made)}
	for i, licence := range licences {
		licence.Code = fmt.Sprintf("%s-%d", c.Code, i+1)
		c.Licences = append(c.Licences, licence)
	}
	return c
}

// settle waits until the pages show everything that has happened.
func (s *stage) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), storyPatience)
	defer cancel()
	last, err := s.portal.base.LastPosition(ctx, 0)
	if err == nil {
		err = s.portal.settle(ctx, last, "programs", "entitlements", "customers", "orders", "carts", "payments", "tasks")
	}
	if err != nil {
		t.Fatalf("wait for the views: %v", err)
	}
}

// letter waits for a letter to an address whose subject has these words.
func (s *stage) letter(t *testing.T, to, words string) mail.Letter {
	t.Helper()
	var found []mail.Letter
	await(t, "letter "+words+" to "+to, func() bool {
		found = s.lettersTo(t, to, words)
		return len(found) > 0
	})
	return found[0]
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(storyPatience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// lettersTo an address whose subject has these words, so far.
func (s *stage) lettersTo(t *testing.T, to, words string) []mail.Letter {
	t.Helper()
	stored, err := s.letters.List()
	if err != nil {
		t.Fatal(err)
	}
	var found []mail.Letter
	for _, one := range stored {
		if one.To != to || !strings.Contains(one.Subject, words) {
			continue
		}
		letter, _, err := s.letters.Read(one.Name)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, letter)
	}
	return found
}

// pay books a transfer for an order, in grosz; 0: all that is open. It returns when the order's page may show it.
func (s *stage) pay(t *testing.T, id domain.OrderID, grosz int64) {
	t.Helper()
	order, err := domain.Load[domain.Order](t.Context(), s.portal.log, domain.OrderStream(id))
	if err != nil {
		t.Fatal(err)
	}
	if grosz == 0 {
		grosz = int64(order.State.Open())
	}
	booked := book(t, s.portal, bank.Entry{AmountGrosz: grosz, Title: order.State.Title, PayerName: "PLATNIK"})
	if booked[0].Match == nil {
		t.Fatalf("the transfer found no order: %s", booked[0].Reason)
	}
	s.settle(t)
}

// scripts switches JavaScript in the pages on and off.
func (v *visitor) scripts(on bool) {
	v.t.Helper()
	v.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	}))
}

// tabsMax is how often the Tab key may be needed to get anywhere on a page.
const tabsMax = 80

// tabTo presses the Tab key until the focus is on what an XPath finds. The focus must be seen and go down the page.
func (v *visitor) tabTo(xpath string) {
	v.t.Helper()
	found := ask[bool](v, fmt.Sprintf(`(() => { const e = document.evaluate(%q, document, null, XPathResult.FIRST_ORDERED_NODE_TYPE, null).singleNodeValue;
		window.wanted = e; window.last = document.activeElement; return e !== null; })()`, xpath))
	if !found {
		v.t.Fatalf("there is no %s on %s: %s", xpath, v.path(), v.text())
	}
	const step = `(() => { const e = document.activeElement, s = getComputedStyle(e), before = window.last;
		window.last = e;
		if (e === document.body || before === document.body) return e === window.wanted ? "there" : "";
		if (before !== e && !(before.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING)) return "the focus jumps back to " + e.outerHTML;
		if (s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 2) return "the focus cannot be seen on " + e.outerHTML;
		const box = e.getBoundingClientRect();
		if (box.bottom <= 0 || box.top >= innerHeight) return "the focus is outside of the window on " + e.outerHTML;
		return e === window.wanted ? "there" : ""; })()`
	for range tabsMax {
		v.do(chromedp.KeyEvent("\t"))
		switch said := ask[string](v, step); said {
		case "":
		case "there":
			return
		default:
			v.t.Fatalf("%s: %s", v.path(), said)
		}
	}
	v.t.Fatalf("%s: %d times Tab do not lead to %s", v.path(), tabsMax, xpath)
}
