package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"netrom.pl/portal/domain"
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

// accessible fails for everything on the page that axe-core calls serious or critical, and for a page that does
// not fit its window.
func (v *visitor) accessible(l look) {
	v.t.Helper()
	const question = `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.
		filter((f) => f.impact === "serious" || f.impact === "critical").
		map((f) => f.id + ": " + f.help + "\n" + f.nodes.map((n) => "    " + n.html + "\n    " + n.failureSummary).join("\n")))`
	found, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]string](question, chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatalf("ask axe-core about %s: %v", v.path(), err)
	}
	for _, problem := range found {
		v.t.Errorf("%s, %d wide, %s: %s", v.path(), l.width, l.scheme, problem)
	}
	v.fits(l)
}

// inspect looks at a page on a phone and, in the dark, on a screen and a tablet.
func (v *visitor) inspect(path string) {
	v.t.Helper()
	checker, err := os.ReadFile(axe)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, l := range []look{phone, night} {
		v.look(l)
		v.open(path)
		v.do(chromedp.Evaluate[chromedp.Void](string(checker)))
		v.accessible(l)
	}
	v.look(tablet)
	v.fits(tablet)
}

// fits fails for a page that is wider than its window.
func (v *visitor) fits(l look) {
	v.t.Helper()
	if wide := ask[int64](v, `document.documentElement.scrollWidth`); wide > l.width {
		v.t.Errorf("%s is %d wide in a window of %d", v.path(), wide, l.width)
	}
}

// TestLooks looks at the pages on a phone and, in the dark, on a screen.
func TestLooks(t *testing.T) {
	p := startPortal(t)
	v := visit(t, p)
	pages := func(who string, paths ...string) {
		t.Helper()
		for _, path := range paths {
			v.inspect(path)
			v.shoot(who, path)
		}
	}
	v.open("/login")
	weight := ask[int](v, `[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.transferSize, 0)`)
	if weight == 0 || weight > firstPageBytesMax {
		t.Errorf("the first page weighs %d bytes", weight)
	}
	if elsewhere := ask[[]string](v, `performance.getEntriesByType("resource").map((e) => e.name).filter((name) => !name.startsWith(location.origin + "/"))`); len(elsewhere) > 0 {
		t.Errorf("the first page asks others: %v", elsewhere)
	}
	pages("", "/login", "/mailbox", "/no-such-page")
	v.logIn(customerUser)
	v.tickOn("/updates", "Faktura", "4.1 → 5.0")
	v.press("Zaznaczone pozycje do koszyka")
	v.tickOn("/new-programs", "Środki Trwałe")
	v.press("Zaznaczone pozycje do koszyka")
	pages("klient", "/programs", "/updates", "/new-programs", "/cart")
	v.open("/cart")
	v.press("Wyślij")
	order := v.path()
	v.eventually(order, "potwierdzenie wysłane")
	pages("klient", order, "/orders", v.linkOn("/programs", `a[href*="activation-email"]`))
	payOrder(t, p, domain.OrderID(strings.TrimPrefix(order, "/orders/")))
	v.eventually(order, "zrealizowane")
	pages("zaplacone", order)
	v = visit(t, p)
	v.logIn(distributorUser)
	pages("dystrybutor", "/programs", "/updates", "/new-programs")
	v = visit(t, p)
	v.logInStaff(p, "ksiegowosc")
	pages("ksiegowosc", "/transfers", "/statements", "/months", "/sales", strings.Replace(order, "/orders/", "/sales/", 1))
	v = visit(t, p)
	v.logInStaff(p, "audytor")
	trace := "/log/trace?of=" + strings.TrimPrefix(order, "/orders/")
	pages("audytor", "/log", trace, "/log/streams", v.linkOn(trace, `a[href^="/log/events/"]`))
	v.open(trace)
	pages("audytor", ask[string](v, `(({pathname, search}) => pathname + search)(document.querySelector('a[href^="/log/streams?"]'))`))
	v = visit(t, p)
	v.logInStaff(p, "operator")
	pages("operator", "/customers", "/customers/new", "/customers/import", v.linkOn("/customers", `tbody a[href^="/customers/"]`), "/licences",
		"/catalogue", v.linkOn("/catalogue", `a[href^="/catalogue/"]`), "/tasks")
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
	account, err := p.base.Vault.FindAccount(v.t.Context(), user)
	if err != nil {
		v.t.Fatal(err)
	}
	code, err := p.base.Vault.NextCode(v.t.Context(), account.ID)
	if err != nil {
		v.t.Fatal(err)
	}
	v.do(chromedp.SendKeys(chromedp.CSS("#code"), code))
	v.press("Dalej")
}

// shown are the pictures in docs/shots.
var shown = map[string][]look{
	"/login": {phone, screen}, "klient/programs": {phone, screen}, "klient/updates": {screen}, "klient/cart": {phone, screen},
	"klient/order": {phone, tablet, screen}, "zaplacone/order": {screen}, "dystrybutor/updates": {tablet, screen},
}

// shoot takes the pictures of a page that belong into the documentation, if they are wanted.
func (v *visitor) shoot(who, path string) {
	v.t.Helper()
	if *shots == "" {
		return
	}
	name := path
	if strings.HasPrefix(path, "/orders/") {
		name = "/order"
	}
	for _, l := range shown[who+name] {
		v.look(l)
		v.open(path)
		picture, err := chromedp.Run(v.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			v.t.Fatal(err)
		}
		file := strings.Trim(strings.ReplaceAll(who+name, "/", "-"), "-") + fmt.Sprintf("-%d.png", l.width)
		if err := os.WriteFile(filepath.Join(*shots, file), smaller(v.t, picture), 0o644); err != nil {
			v.t.Fatal(err)
		}
	}
}

// smaller writes a picture with the 256 colours that occur most often in it; the others become the nearest of them.
func smaller(t *testing.T, picture []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	bounds, count := full.Bounds(), map[color.RGBA]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)]++
		}
	}
	var all color.Palette
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.Color) int { return count[b.(color.RGBA)] - count[a.(color.RGBA)] })
	few := image.NewPaletted(bounds, all[:min(len(all), 256)])
	nearest := map[color.RGBA]uint8{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)
			index, known := nearest[c]
			if !known {
				index = uint8(few.Palette.Index(c))
				nearest[c] = index
			}
			few.SetColorIndex(x, y, index)
		}
	}
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&file, few); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
