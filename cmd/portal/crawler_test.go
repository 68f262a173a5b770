package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"netrom.pl/portal/handlers"
)

// addressesMax bounds how many different addresses one crawler asks for.
const addressesMax = 3000

// identityLength is how long identities are that stand in paths.
const identityLength = 36

// crawler is somebody who follows every link, submits every search form, and guesses.
type crawler struct {
	*crowd
	viewer string
	client *http.Client
	token  string // for the API; empty for nobody
	known  map[string]bool
	next   []string
}

// routeLine is a line of the list of routes.
type routeLine struct{ method, path, door, who string }

// routesOf reads the golden list of the whole surface.
func routesOf(t *testing.T) []routeLine {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "handlers", "testdata", "routes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []routeLine
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			t.Fatalf("cannot read route %q", line)
		}
		all = append(all, routeLine{fields[0], fields[1], fields[2], fields[3]})
	}
	return all
}

var gap = regexp.MustCompile(`\{[a-z]+\}`)

// guesses fills the gaps of a path with everybody's identities.
func (c *crowd) guesses(path string) []string {
	name := gap.FindString(path)
	if name == "" {
		return []string{path}
	}
	fill := c.ids[name]
	switch name {
	case "{line}", "{number}":
		fill = []string{"1"}
	case "{stream}":
		for _, order := range c.ids["{order}"] {
			fill = append(fill, "order-"+order)
		}
	case "{document}":
		fill = []string{"proforma-pl", "payment-confirmation-pl"}
	case "{report}":
		fill = []string{"journal", "open"}
	case "{month}":
		fill = []string{string(handlers.DayOf(time.Now()))[:len("2006-01")]}
	}
	if fill == nil { // of a kind that this test plants nothing of
		fill = []string{"none", "csv", "magazyn"}
	}
	var paths []string
	for _, id := range fill {
		paths = append(paths, c.guesses(strings.Replace(path, name, url.PathEscape(id), 1))...)
	}
	return paths
}

// crawl looks at everything as one viewer; the empty name is nobody.
func (c *crowd) crawl(viewer string) {
	c.t.Helper()
	w := &crawler{crowd: c, viewer: viewer, client: comeIn(c.t, c.portal, viewer), known: map[string]bool{}}
	if strings.HasPrefix(viewer, "zuser-") {
		w.token = asProgram(c.t, c.portal, viewer).token
	}
	w.add("/")
	for _, route := range routesOf(c.t) {
		if route.method == http.MethodGet {
			w.add(c.guesses(route.path)...)
		}
	}
	for _, page := range []string{"/programs", "/updates", "/new-programs", "/orders", "/cart", "/customers", "/licences", "/sales", "/transfers", "/log", "/tasks"} {
		for _, secret := range c.canaries {
			if secret.what == "omega's tax number" || secret.what == "gamma's name" || secret.what == "tau's serial number" {
				w.add(page + "?q=" + url.QueryEscape(secret.text))
			}
		}
	}
	for len(w.next) > 0 {
		path := w.next[0]
		w.next = w.next[1:]
		w.get(path)
	}
	if viewer == "" || w.token != "" {
		w.guess()
	}
	if len(w.known) > addressesMax {
		c.t.Errorf("%q has more than %d addresses", viewer, addressesMax)
	}
}

// add plans to look at addresses that are new.
func (w *crawler) add(paths ...string) {
	for _, path := range paths {
		if !w.known[path] && len(w.known) <= addressesMax {
			w.known[path] = true
			w.next = append(w.next, path)
		}
	}
}

func (w *crawler) get(path string) {
	w.t.Helper()
	answer, sent := w.ask(http.MethodGet, path, "", "")
	if location := answer.Header.Get("Location"); location != "" {
		w.follow(path, location)
	}
	switch contentType, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";"); contentType {
	case "text/html":
		root, err := html.Parse(bytes.NewReader(sent))
		if err != nil {
			w.t.Fatal(err)
		}
		w.links(path, root)
	case "application/json":
		var value any
		if err := json.Unmarshal(sent, &value); err != nil {
			w.t.Errorf("%s: %v", path, err)
		}
	}
}

// ask sends a request and holds the answer against what the viewer may see.
func (w *crawler) ask(method, path, contentType, body string) (*http.Response, []byte) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.portal.vendor.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if strings.HasPrefix(path, "/api/") && w.token != "" {
		request.Header.Set("Authorization", "Bearer "+w.token)
	}
	answer, err := w.client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	var sent []byte
	if answer.Header.Get("Content-Type") != "text/event-stream" { // which has no end, and says only that something changed
		if sent, err = io.ReadAll(answer.Body); err != nil {
			w.t.Fatal(err)
		}
	}
	if method == http.MethodGet && answer.StatusCode == http.StatusOK && w.theirs(path) {
		w.t.Errorf("%q gets %s, which is somebody else's", w.viewer, path)
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		w.t.Errorf("%q asks %s %s: %s", w.viewer, method, path, answer.Status)
	}
	var header bytes.Buffer
	if err := answer.Header.Write(&header); err != nil {
		w.t.Fatal(err)
	}
	w.shown(w.viewer, method+" "+path, path+body, slices.Concat(header.Bytes(), w.readable(sent)))
	return answer, sent
}

// theirs tells whether a path names something that the viewer may not see; files may say so in a form that cannot be searched.
func (w *crawler) theirs(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	return slices.ContainsFunc(w.canaries, func(c *canary) bool {
		return len(c.text) >= identityLength && strings.Contains(path, c.text) && !slices.Contains(c.may, w.viewer)
	})
}

// links plans to look at everything to which a page leads.
func (w *crawler) links(page string, root *html.Node) {
	for node := range root.Descendants() {
		if node.Type != html.ElementNode {
			continue
		}
		for _, a := range node.Attr {
			switch {
			case a.Key == "href" || a.Key == "src":
				w.follow(page, a.Val)
			case a.Key == "action" && valueOf(node, "method") == "get":
				w.follow(page, a.Val)
			case strings.HasPrefix(a.Key, "data-") && strings.HasPrefix(a.Val, "/"):
				w.follow(page, a.Val)
			}
		}
	}
}

func valueOf(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (w *crawler) follow(page, link string) {
	from, err := url.Parse(page)
	if err != nil {
		w.t.Fatal(err)
	}
	to, err := from.Parse(link)
	if err != nil {
		w.t.Errorf("%s leads to %q: %v", page, link, err)
		return
	}
	if to.Host == "" && (to.Scheme == "" || to.Scheme == "http") && to.Query().Get("lang") == "" {
		to.Fragment = ""
		w.add(to.String())
	}
}

// guess tries to act on what belongs to others, in every way that a customer has. Nothing may come of it.
func (w *crawler) guess() {
	w.t.Helper()
	before := w.events()
	foreign := &crowd{ids: map[string][]string{}}
	for name, ids := range w.ids {
		for _, id := range ids {
			if !w.mayTouch(id) {
				foreign.ids[name] = append(foreign.ids[name], id)
			}
		}
	}
	for _, route := range routesOf(w.t) {
		if route.method == http.MethodGet || gap.FindString(route.path) == "" {
			continue
		}
		for _, path := range foreign.guesses(route.path) {
			w.act(route, path, url.Values{"email": {"thief@example.com"}, "email_again": {"thief@example.com"}}, `{"email": "thief@example.com"}`)
		}
	}
	for _, client := range append(foreign.ids["{customer}"], "") {
		for _, offer := range foreign.ids["{offer}"] {
			w.act(routeLine{method: http.MethodPost, door: "api"}, "/api/cart/items", nil, fmt.Sprintf(`{"offers": [%q], "client": %q}`, offer, client))
		}
		if client != "" {
			w.act(routeLine{method: http.MethodPost, door: "api"}, "/api/cart/items", nil, fmt.Sprintf(`{"offers": [%q], "client": %q}`, w.fresh, client))
		}
	}
	for _, offer := range foreign.ids["{offer}"] {
		w.act(routeLine{method: http.MethodPost}, "/cart/items", url.Values{"section": {"updates"}, "offer": {offer}}, "")
	}
	if after := w.events(); after != before {
		w.t.Errorf("%q has caused %d events by guessing", w.viewer, after-before)
	}
}

func (w *crawler) act(route routeLine, path string, form url.Values, body string) {
	w.t.Helper()
	contentType, sent := "application/x-www-form-urlencoded", form.Encode()
	if route.door == "api" {
		contentType, sent = "application/json", body
	}
	answer, _ := w.ask(route.method, path, contentType, sent)
	login := answer.StatusCode == http.StatusSeeOther && strings.HasPrefix(answer.Header.Get("Location"), "/login")
	gone := strings.Contains(path, "/cart/items/") // from one's own cart: what is not in it need not be removed
	if answer.StatusCode < http.StatusBadRequest && !login && !gone {
		w.t.Errorf("%q asks %s %s: %s to %q", w.viewer, route.method, path, answer.Status, answer.Header.Get("Location"))
	}
}

// mayTouch tells whether an identity is of the viewer, or of one of its clients.
func (w *crawler) mayTouch(id string) bool {
	for _, canary := range w.canaries {
		if canary.text == id {
			return slices.Contains(canary.may, w.viewer)
		}
	}
	return false
}

// events counts everything in the log.
func (w *crawler) events() int {
	w.t.Helper()
	count := 0
	for _, err := range w.portal.base.Log.History(w.t.Context(), 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		count++
	}
	return count
}
