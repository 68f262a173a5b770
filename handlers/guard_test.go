package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// callersInTests are everybody who can come to the door.
var callersInTests = []struct {
	user string
	who  callers
}{{"", anonymous}, {"kowal", customers}, {"dystr", customers}, {"jagna", customers}, {"accounting-1", accounting}, {"auditor-1", auditors}, {"operator-1", operators}}

// pathTo fills the gaps of a route with things that do not exist.
func pathTo(route route) string {
	return strings.NewReplacer("{link}", "none", "{licence}", "none", "{item}", "none", "{order}", "none", "{letter}", "none", "{number}", "1", "{file}", "portal.css").Replace(route.Path)
}

// enter logs a caller in at the door of a route.
func (w *world) enter(user string, at door) *visitor {
	switch {
	case user == "":
		return w.anybody()
	case at == api:
		return w.program(user)
	}
	return w.browser(user)
}

// TestEveryRouteRefusesWhomItShould asks for every route as everybody.
func TestEveryRouteRefusesWhomItShould(t *testing.T) {
	w := newWorld(t)
	for _, caller := range callersInTests {
		visitors := map[door]*visitor{page: w.enter(caller.user, page), api: w.enter(caller.user, api), plain: w.anybody()}
		for _, route := range routes() {
			if strings.HasSuffix(route.Path, "/logout") || route.Method == "DELETE" && route.Path == "/api/session" {
				continue // ends the session of the next request
			}
			v := visitors[route.Door]
			a := v.send(route.Method, pathTo(route), "application/x-www-form-urlencoded", "")
			toLogin := a.StatusCode == http.StatusSeeOther && strings.HasPrefix(a.Header.Get("Location"), "/login") && route.Path != "/"
			refused := a.StatusCode == http.StatusForbidden || a.StatusCode == http.StatusUnauthorized && route.Path != "/api/session" && route.Path != "/login" || toLogin
			if may := route.Who&caller.who != 0; may == refused {
				t.Errorf("%q asks %s %s: %s, may is %v", caller.user, route.Method, route.Path, a.Status, may)
			}
			if a.StatusCode >= 500 {
				t.Errorf("%q asks %s %s: %s", caller.user, route.Method, route.Path, a.Status)
			}
			if caller.who != anonymous && route.Who&caller.who == 0 && a.StatusCode != http.StatusForbidden {
				t.Errorf("%q asks %s %s: %s, want 403", caller.user, route.Method, route.Path, a.Status)
			}
		}
	}
}

// TestForeignIsLikeMissing compares what a stranger gets for somebody's things with what it gets for nothing, and the work
// that is done for it, so that time tells nothing either. Source: OWASP ASVS 5.0, 8.2.2.
func TestForeignIsLikeMissing(t *testing.T) {
	w := newWorld(t)
	owner := w.program("kowal")
	owner.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateKowal, newMagazyn}}, http.StatusOK, nil)
	var order orderAnswer
	owner.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	owner.call("POST", "/api/cart/items", map[string]any{"offers": []string{multiKowal}}, http.StatusOK, nil)
	w.settleAll()
	cart := stateOf[domain.Cart](w, domain.CartStream(kowal))
	foreign := map[string]string{"{licence}": string(kowalOld), "{order}": order.ID, "{item}": string(cart.Items[0].ID)}
	before := w.events()
	work, steps := w.watchWork(), 0
	for _, stranger := range []string{"obcy", "dystr", "jagna"} {
		for _, route := range routes() {
			fill := func(values map[string]string) string {
				path := route.Path
				for gap, value := range values {
					path = strings.ReplaceAll(path, gap, value)
				}
				return strings.ReplaceAll(path, "{line}", "1")
			}
			path := fill(foreign)
			if path == strings.ReplaceAll(route.Path, "{line}", "1") {
				continue
			}
			body, contentType := "email=x@example.com&email_again=x@example.com", "application/x-www-form-urlencoded"
			if route.Door == api {
				body, contentType = `{"email":"x@example.com"}`, "application/json"
			}
			v := w.enter(stranger, route.Door)
			v.send(route.Method, path, contentType, body) // what is read once is kept warm
			work.taken()
			theirs := v.send(route.Method, path, contentType, body)
			forTheirs := work.taken()
			missing := v.send(route.Method, fill(map[string]string{"{licence}": "no-such-licence", "{order}": "no-such-order", "{item}": "no-such-item"}), contentType, body)
			if theirs.StatusCode != missing.StatusCode || theirs.text != missing.text || !sameHeaders(theirs.Header, missing.Header) {
				t.Errorf("%s asks %s %s: %s for somebody's, %s for nothing\n%s\n%s", stranger, route.Method, route.Path, theirs.Status, missing.Status, theirs.text, missing.text)
			}
			steps += len(forTheirs)
			if forMissing := work.taken(); !slices.Equal(forTheirs, forMissing) {
				t.Errorf("%s asks %s %s: the work for somebody's is %q, for nothing %q", stranger, route.Method, route.Path, forTheirs, forMissing)
			}
			if theirs.StatusCode < 400 && !strings.Contains(route.Path, "{item}") {
				t.Errorf("%s asks %s %s: %s", stranger, route.Method, route.Path, theirs.Status)
			}
		}
		for _, offer := range []string{updateKowal, multiKowal} {
			w.program(stranger).refused("POST", "/api/cart/items", map[string]any{"offers": []string{offer}}, http.StatusNotFound, domain.NotFound)
		}
	}
	if steps < 30 {
		t.Errorf("%d steps were seen: the work is not observed", steps)
	}
	if after := w.events(); after != before {
		t.Errorf("strangers caused %d events", after-before)
	}
}

func sameHeaders(a, b http.Header) bool {
	a, b = a.Clone(), b.Clone()
	a.Del("Date")
	b.Del("Date")
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// TestNothingOfOthersIsShown looks for a stranger's name in everything that others can see.
func TestNothingOfOthersIsShown(t *testing.T) {
	w := newWorld(t)
	for _, user := range []string{"kowal", "dystr", "jagna", "accounting-1", "auditor-1"} {
		for _, route := range routes() {
			if route.Method == get {
				w.enter(user, route.Door).get(pathTo(route)).lacks(t, "Obcy Canary", "obcy@example.com", obcyOld.Serial())
			}
		}
	}
}

// TestHeadersStandOnEveryAnswer asks for every route, and for what goes wrong.
func TestHeadersStandOnEveryAnswer(t *testing.T) {
	w := newWorld(t)
	var answers []answer
	for _, caller := range []string{"", "kowal", "operator-1"} {
		for _, route := range routes() {
			v := w.enter(caller, route.Door)
			answers = append(answers, v.send(route.Method, pathTo(route), "", ""))
		}
		v := w.enter(caller, page)
		answers = append(answers, v.get("/no/such/page"), v.get("/api/no-such"), v.send("PUT", "/cart", "", ""), v.send("OPTIONS", "/cart", "", ""),
			v.send("POST", "/orders", "text/plain", "x"), v.send("POST", "/orders", "", "", "Sec-Fetch-Site", "cross-site"), v.get("/static/none"))
	}
	v := w.browser("kowal")
	w.people.trouble = errors.New("the database is gone: canary-secret")
	broken := []answer{v.get("/programs"), v.get("/api/programs"), v.get("/no/such/page")}
	broken[1] = v.send("GET", "/api/programs", "", "", "Authorization", "Bearer x")
	for _, a := range broken {
		if a.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s with a broken database: %s", a.Request.URL, a.Status)
		}
		a.lacks(t, "canary-secret")
	}
	w.people.trouble = fmt.Errorf("append: %w", domain.ErrConflict)
	if a := v.get("/programs"); a.StatusCode != http.StatusConflict {
		t.Errorf("a contended stream: %s", a.Status)
	}
	for _, a := range append(answers, broken...) {
		policy := a.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s %s: the policy %q lacks %q", a.Request.Method, a.Request.URL, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe-inline") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy is %q", a.Request.URL, policy)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", a.Request.Method, a.Request.URL, name, got)
			}
		}
		if static := strings.HasPrefix(a.Request.URL.Path, "/static/") && a.StatusCode == 200; !static && a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control is %q", a.Request.URL, a.Header.Get("Cache-Control"))
		}
	}
}

// TestNoGETChangesAnything walks through all pages and counts events; that somebody looked at the log is one of another kind.
func TestNoGETChangesAnything(t *testing.T) {
	w := newWorld(t)
	before, _ := w.business()
	for _, caller := range callersInTests {
		for _, route := range routes() {
			if route.Method != get {
				continue
			}
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				a := w.enter(caller.user, route.Door).send(method, pathTo(route)+"?lang=en&added=1&submitted&offer="+newMagazyn, "", "")
				if method == "HEAD" && a.text != "" {
					t.Errorf("HEAD %s has a body", route.Path)
				}
			}
		}
	}
	if after, _ := w.business(); after != before {
		t.Errorf("GETs caused %d events", after-before)
	}
}

// TestOtherSitesCannotAct sends every unsafe route from elsewhere, as a browser would.
func TestOtherSitesCannotAct(t *testing.T) {
	w := newWorld(t)
	before := w.events()
	v := w.browser("kowal")
	for _, route := range routes() {
		if route.Method == get {
			continue
		}
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			a := v.send(route.Method, pathTo(route), "application/x-www-form-urlencoded", "offer="+newMagazyn, header...)
			if a.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s with %v: %s", route.Method, route.Path, header, a.Status)
			}
		}
	}
	v.open("/programs")
	if after := w.events(); after != before {
		t.Errorf("other sites caused %d events", after-before)
	}
}

func TestWrongRequests(t *testing.T) {
	w := newWorld(t)
	v, browser := w.program("kowal"), w.browser("kowal")
	items := "/api/cart/items"
	for _, wrong := range []struct {
		contentType, body string
		status            int
		code              string
	}{
		{"text/plain", "x", 415, unsupportedContent},
		{"", `{"offers":[]}`, 415, unsupportedContent},
		{"application/json", "", 400, malformedRequest},
		{"application/json", "{", 400, malformedRequest},
		{"application/json", `{"offers":["x"]} {}`, 400, malformedRequest},
		{"application/json", `{"offers":["x"],"price":1}`, 400, malformedRequest},
		{"application/json", `{"offers":"x"}`, 400, malformedRequest},
		{"application/json", `{"offers":["x"],"stations":{"x":1e99}}`, 400, malformedRequest},
		{"application/json", `{"offers":["` + strings.Repeat("x", bodyMax) + `"]}`, 413, requestTooLarge},
	} {
		a := v.send("POST", items, wrong.contentType, wrong.body)
		var p problemAnswer
		if err := json.Unmarshal([]byte(a.text), &p); err != nil || a.StatusCode != wrong.status || p.Code != wrong.code {
			t.Errorf("%.60s as %q: %s %+v, want %d %s", wrong.body, wrong.contentType, a.Status, p, wrong.status, wrong.code)
		}
	}
	for _, wrong := range []struct {
		contentType, body string
		status            int
	}{
		{"application/json", "{}", 415}, {"", "offer=x", 415}, {"application/x-www-form-urlencoded", "offer=%zz", 400},
		{"application/x-www-form-urlencoded", "offer=" + strings.Repeat("x", bodyMax), 413}, {"application/x-www-form-urlencoded", "", 422},
	} {
		if a := browser.send("POST", "/cart/items", wrong.contentType, wrong.body); a.StatusCode != wrong.status {
			t.Errorf("form %.40q as %q: %s, want %d", wrong.body, wrong.contentType, a.Status, wrong.status)
		}
	}
	if a := browser.send("POST", "/updates", "", ""); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST /updates: %s, Allow %q", a.Status, a.Header.Get("Allow"))
	}
	v.seen = "soon"
	v.refused("GET", "/api/programs", nil, http.StatusBadRequest, malformedRequest)
}

// TestConsistencyToken waits for what the reader did last, and says so when that cannot be seen yet.
func TestConsistencyToken(t *testing.T) {
	w := newWorld(t)
	w.server.patience = 100 * time.Millisecond
	v, browser := w.program("kowal"), w.browser("kowal")
	far := fmt.Sprint(uint64(1) << 60)
	v.seen = far
	start := time.Now()
	a := v.call("GET", "/api/programs", nil, http.StatusServiceUnavailable, nil)
	if waited := time.Since(start); a.Header.Get("Retry-After") != "1" || waited < w.server.patience || waited > settleMax {
		t.Errorf("Retry-After is %q after %v", a.Header.Get("Retry-After"), waited)
	}
	late := browser.send("GET", "/programs", "", "", "Cookie", "consistency="+far)
	late.wants(t, "Zmiana została przyjęta, ale jeszcze jej tu nie widać", "2 programy")
	if a := browser.send("GET", "/orders/none", "", "", "Cookie", "consistency="+far); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("an order that is perhaps not visible yet: %s", a.Status)
	}
	v.seen = ""
	a = v.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
	if a.Header.Get("Consistency-Token") == "" {
		t.Error("a command answers without a token")
	}
	added := browser.post("/cart/items", "section", "new-programs", "offer", updateKowal)
	if cookie := added.Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "consistency=") || !strings.Contains(cookie, "HttpOnly") {
		t.Errorf("a command on a page answers with the cookie %q", cookie)
	}
}

// TestLogSaysNothingAboutAnybody looks for what people sent in the lines about their requests.
func TestLogSaysNothingAboutAnybody(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	v.get("/orders/canary-path?canary-query=1")
	v.post("/licences/"+string(kowalOld)+"/activation-email", "email", "canary@example.com", "email_again", "canary@example.com")
	v.get("/password/canary-link")
	lines := w.logged.String()
	for _, canary := range []string{"canary", "secret-kowal", "Kuźnia", "example.com"} {
		if strings.Contains(lines, canary) {
			t.Errorf("the log says %q:\n%s", canary, lines)
		}
	}
	for line := range strings.Lines(lines) {
		var entry struct {
			ID, Route, Actor string
			Status           int
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.ID == "" || entry.Route == "" || entry.Status == 0 {
			t.Errorf("log line %s", line)
		}
	}
	if !strings.Contains(lines, `"route":"/orders/{order}"`) || !strings.Contains(lines, `"actor":"user-kowal"`) {
		t.Errorf("the log is\n%s", lines)
	}
}

// TestPanicIsAnswered says the request's id and nothing else.
func TestPanicIsAnswered(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Ready = func(context.Context) error { panic("canary") } })
	a := w.anybody().get("/health/ready")
	var p problemAnswer
	if err := json.Unmarshal([]byte(a.text), &p); err != nil || a.StatusCode != http.StatusInternalServerError || p.Code != broken {
		t.Errorf("%s %s", a.Status, a.text)
	}
	a.lacks(t, "canary")
	log := w.logged.String()
	if !strings.Contains(log, "canary") {
		t.Error("the panic is not in the log")
	}
	if id := strings.Fields(p.Detail); !strings.Contains(log, strings.TrimSuffix(id[len(id)-1], ".")) {
		t.Errorf("%q names no request of the log", p.Detail)
	}
}

func TestHealth(t *testing.T) {
	var trouble error
	w := newWorld(t, func(o *Options) { o.Ready = func(context.Context) error { return trouble } })
	v := w.anybody()
	v.open("/health/live")
	v.open("/health/ready")
	trouble = errors.New("canary")
	a := v.get("/health/ready")
	if a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("not ready: %s", a.Status)
	}
	a.lacks(t, "canary")
}

func TestStaticFilesAreKept(t *testing.T) {
	w := newWorld(t)
	a := w.anybody().open("/static/portal.css")
	if a.Header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(a.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("headers are %v", a.Header)
	}
	if again := w.anybody().send("GET", "/static/portal.css", "", "", "If-None-Match", a.Header.Get("ETag")); again.StatusCode != http.StatusNotModified || again.text != "" {
		t.Errorf("asked again: %s", again.Status)
	}
	if path := httptest.NewRequest("GET", "/static/../pages/cart.html", nil).URL.Path; w.anybody().get(path).StatusCode == http.StatusOK {
		t.Error("a page's source can be fetched")
	}
}
