package handlers

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// watching is an open connection on which a page hears of changes.
type watching struct {
	*http.Response
	lines *bufio.Scanner
	leave func()
}

func (v *visitor) watch(path string, headers ...string) watching {
	v.w.t.Helper()
	ctx, leave := context.WithTimeout(context.Background(), 20*time.Second)
	v.w.t.Cleanup(leave)
	request, err := http.NewRequestWithContext(ctx, "GET", v.w.site.URL+path, nil)
	if err != nil {
		v.w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.w.t.Fatal(err)
	}
	v.w.t.Cleanup(func() { response.Body.Close() })
	return watching{response, bufio.NewScanner(response.Body), leave}
}

// hears reads up to a line that begins like this.
func (w watching) hears(t *testing.T, beginning string) string {
	t.Helper()
	for w.lines.Scan() {
		if strings.HasPrefix(w.lines.Text(), beginning) {
			return w.lines.Text()
		}
	}
	t.Fatalf("the connection ended before %q: %v", beginning, w.lines.Err())
	return ""
}

// orderOf buys an update and answers the order's page.
func (v *visitor) orderOf(offer string) (path string, page answer) {
	v.w.t.Helper()
	v.post("/cart/items", "section", "updates", "offer", offer)
	cart := v.open("/cart")
	a := v.post("/orders", "submission", cart.field(v.w.t, submissionForm), "version", cart.field(v.w.t, versionForm))
	path, _, _ = strings.Cut(a.Header.Get("Location"), "?")
	return path, v.open(path)
}

func (w *world) pay(path string, amount domain.Money) {
	w.t.Helper()
	id := domain.OrderID(strings.TrimPrefix(path, "/orders/"))
	do(w, domain.RecordPayment{Order: id, Transfer: domain.TransferID("t-" + w.newID()), Amount: amount, ValueOn: "2026-11-23"})
}

// TestAnOrdersPageHearsOfMoney tells the page of an order at once when something happens to it.
func TestAnOrdersPageHearsOfMoney(t *testing.T) {
	w := newWorld(t)
	w.server.heartbeat = 50 * time.Millisecond
	v := w.browser("kowal")
	path, page := v.orderOf(updateKowal)
	address := page.field(t, `data-changes="([^"]+)"`)
	watched := v.watch(address)
	if watched.Header.Get("Content-Type") != "text/event-stream" || watched.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers are %v", watched.Header)
	}
	watched.hears(t, "retry:")
	watched.hears(t, ":") // still there, and nothing new
	w.pay(path, 100)
	mark := strings.TrimPrefix(watched.hears(t, "data: "), "data: ")
	if !strings.HasPrefix(mark, "partly-paid-100-") {
		t.Errorf("the mark is %q", mark)
	}
	v.open(path).wants(t, "wpłacono część", "seen="+mark, "551,27\u00a0zł")
	again := v.watch(address, "Last-Event-ID", mark)
	again.hears(t, ":")
	w.pay(path, 55127)
	again.hears(t, "event: changed")
	watched.hears(t, "event: changed")
	late := v.watch(address) // as the page was before
	late.hears(t, "event: changed")

	for name, answer := range map[string]answer{
		"a stranger": w.browser("obcy").get(address), "nothing": v.get("/orders/none/changes"),
	} {
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", name, answer.Status)
		}
	}
	if a := v.get(path + "/changes?seen=" + strings.Repeat("x", markMax+1)); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a long mark: %s", a.Status)
	}
	if a := v.send("HEAD", address, "", ""); a.StatusCode != http.StatusOK || a.text != "" {
		t.Errorf("HEAD: %s %q", a.Status, a.text)
	}
	if a := w.anybody().get(address); a.StatusCode != http.StatusSeeOther {
		t.Errorf("nobody: %s", a.Status)
	}

	w.server.StopWatching()
	w.server.StopWatching()
	for _, connection := range []watching{watched, again, late} {
		if _, err := io.ReadAll(connection.Body); err != nil {
			t.Errorf("the server stops: %v", err)
		}
	}
}

// TestWatchersAreCounted keeps one session from taking all connections.
func TestWatchersAreCounted(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	_, page := v.orderOf(updateKowal)
	address := page.field(t, `data-changes="([^"]+)"`)
	var open []watching
	for range watchersEach {
		one := v.watch(address)
		one.hears(t, "retry:")
		open = append(open, one)
	}
	if a := v.get(address); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one too many: %s", a.Status)
	}
	other := w.browser("kowal").watch(address)
	other.hears(t, "retry:")
	open[0].leave()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if one := v.watch(address); one.StatusCode == http.StatusOK {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("after one has left: %s", one.Status)
		}
	}
	var full watchers
	for i := range watchersMax {
		_, leave, ok := full.enter(t.Context(), watcher{session: strconv.Itoa(i)})
		if !ok {
			t.Fatalf("no room for watcher %d", i)
		}
		defer leave()
	}
	if _, _, ok := full.enter(t.Context(), watcher{session: "anybody"}); ok {
		t.Error("there is room for more than all")
	}
	w.server.StopWatching()
}

// watchOrder buys an update and opens the connection of the order's page.
func (v *visitor) watchOrder(offer string) (path string, watched watching) {
	v.w.t.Helper()
	path, page := v.orderOf(offer)
	watched = v.watch(page.field(v.w.t, `data-changes="([^"]+)"`))
	watched.hears(v.w.t, "retry:")
	return path, watched
}

// ends reads until the server ends the connection.
func (w watching) ends(t *testing.T) string {
	t.Helper()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Errorf("the connection does not end: %v", err)
	}
	return string(text)
}

// TestWatchingEndsWithTheSession ends a page's connection at once whatever ends its session, and nobody else's.
func TestWatchingEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(w *world, v *visitor){
		"logout": func(_ *world, v *visitor) { v.post("/logout") },
		"login":  func(_ *world, v *visitor) { v.post("/login", "user", "obcy", "password", "secret-obcy") },
		"lock": func(w *world, _ *visitor) {
			operator := w.browser("operator")
			operator.post("/customers/kowal/logins", "user", "kowal")
			w.people.endAll("user-kowal")
			operator.post("/customers/kowal/logins/user-kowal/lock")
		},
		"new password": func(w *world, _ *visitor) {
			w.anybody().post("/password/good-link", "password", "a long sentence", "password_again", "a long sentence")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.sessionLook = time.Hour // so that only the end itself is told
			v, other := w.browser("kowal"), w.browser("obcy")
			_, watched := v.watchOrder(updateKowal)
			_, stays := other.watchOrder(updateObcy)
			end(w, v)
			watched.ends(t)
			w.server.watchers.mu.Lock()
			open := len(w.server.watchers.open)
			w.server.watchers.mu.Unlock()
			if open != 1 {
				t.Errorf("%d pages watch, not the other one alone", open)
			}
			other.post("/logout")
			stays.ends(t)
		})
	}
}

// TestWatchingEndsWithASessionThatEndedElsewhere looks at the session from time to time, and before anything is told.
func TestWatchingEndsWithASessionThatEndedElsewhere(t *testing.T) {
	for name, look := range map[string]time.Duration{"in time": 20 * time.Millisecond, "before news": time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.sessionLook = look
			v := w.browser("kowal")
			path, watched := v.watchOrder(updateKowal)
			w.people.endAll("user-kowal")
			w.pay(path, 100)
			if text := watched.ends(t); strings.Contains(text, "changed") {
				t.Errorf("a page that is logged out hears %q", text)
			}
		})
	}
}
