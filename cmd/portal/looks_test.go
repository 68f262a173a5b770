package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "folder in which TestLooks leaves pictures of the pages, as make shots does")

// axe is the accessibility checker of Deque Systems, unchanged from the npm package of that version (MPL-2.0).
var axe = filepath.Join("testdata", "axe-core-4.10.3", "axe.min.js")

// firstPageBytesMax is what the first page may weigh with everything that belongs to it.
const firstPageBytesMax = 60_000

// look is how a page is looked at.
type look struct {
	width, height int64 // CSS pixels
	scheme        string
}

var (
	phone  = look{390, 844, "light"}
	tablet = look{820, 1180, "dark"}
	zoomed = look{720, 450, "light"} // a screen at 200 % zoom
	screen = look{1440, 900, "light"}
	night  = look{1440, 900, "dark"}
)

func (v *visitor) look(l look) {
	v.t.Helper()
	v.do(chromedp.EmulateViewport(l.width, l.height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}})
		return err
	}))
}

// accessible fails for everything on the page that axe-core calls serious or critical.
func (v *visitor) accessible(name string, l look) {
	v.t.Helper()
	const question = `axe.run(document, {resultTypes: ["violations"], preload: false}).then((r) => r.violations.
		filter((f) => f.impact === "serious" || f.impact === "critical").
		map((f) => f.id + ": " + f.help + "\n" + f.nodes.map((n) => "    " + n.html + "\n    " + n.failureSummary).join("\n")))`
	found, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]string](question, chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatalf("ask axe-core about %s: %v", v.path(), err)
	}
	for _, problem := range found {
		v.t.Errorf("%s (%s), %d wide, %s: %s", name, v.path(), l.width, l.scheme, problem)
	}
}

// inspect looks at a page on a phone and, in the dark, on a screen; and at its width on a tablet, and at 200 % zoom.
func (v *visitor) inspect(path string) {
	v.t.Helper()
	v.open(path)
	v.examine(path)
}

// examine is the same for the page that is open.
func (v *visitor) examine(name string) {
	v.t.Helper()
	checker, err := os.ReadFile(axe)
	if err != nil {
		v.t.Fatal(err)
	}
	v.do(chromedp.Evaluate[chromedp.Void](string(checker)))
	for _, l := range []look{phone, zoomed, tablet, night} {
		v.look(l)
		v.fits(l)
		if l == phone || l == night {
			v.accessible(name, l)
		}
	}
}

// fits fails for a page that is wider than its window.
func (v *visitor) fits(l look) {
	v.t.Helper()
	if wide := ask[int64](v, `document.documentElement.scrollWidth`); wide > l.width {
		v.t.Errorf("%s is %d wide in a window of %d", v.path(), wide, l.width)
	}
}

// tickOn ticks a row of a page.
func (v *visitor) tickOn(path string, words ...string) {
	v.t.Helper()
	v.look(screen)
	v.open(path)
	v.tick(words...)
}

// linkOn is where the first link on a page leads that a CSS selector finds.
func (v *visitor) linkOn(path, selector string) string {
	v.t.Helper()
	v.open(path)
	return ask[string](v, fmt.Sprintf("document.querySelector(%q).pathname", selector))
}

// logInStaff logs somebody of the vendor's people in, who shows a second factor too.
func (v *visitor) logInStaff(p *portal, user string) {
	v.t.Helper()
	v.logIn(user)
	v.showCode(p, user)
}

// showCode shows the second factor of one of the vendor's people.
func (v *visitor) showCode(p *portal, user string) {
	v.t.Helper()
	account, err := p.base.Vault.FindAccount(v.t.Context(), user)
	if err != nil {
		v.t.Fatal(err)
	}
	code, err := p.base.Vault.NextCode(v.t.Context(), account.ID)
	if err != nil {
		v.t.Fatal(err)
	}
	v.fill("code", code)
	v.press("Dalej")
}
