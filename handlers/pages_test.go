package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"netrom.pl/portal/domain"
)

// box is a mailbox with one hostile letter.
type box struct{}

var letterInBox = StoredLetter{Name: "letter-1", Letter: Letter{At: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), To: hostile, Subject: hostile, Text: hostile,
	HTML:        `<!doctype html><style>p{color:red}</style><p style="margin:0">x</p><p style="margin:0">y</p><script>alert(1)</script>`,
	Attachments: []Attachment{{Name: "zażółć \"1\".txt", Type: "text/html", Content: []byte("<script>alert(1)</script>")}}}}

func (box) Letters(context.Context) ([]StoredLetter, error) { return []StoredLetter{letterInBox}, nil }

func (box) Letter(_ context.Context, name string) (StoredLetter, error) {
	if name != letterInBox.Name {
		return StoredLetter{}, ErrNoLetter
	}
	return letterInBox, nil
}

// TestPagesAreWellFormed opens every page in both languages, with hostile names on it, and parses it.
func TestPagesAreWellFormed(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Mailbox = box{}
		o.Demo = []DemoLogin{{Who: hostile, User: hostile, Password: hostile}}
	})
	api := w.program("dystr")
	api.call("POST", "/api/cart/items", map[string]any{"offers": []string{updateJagna, newMagazyn}, "client": "jagna"}, http.StatusOK, nil)
	var order orderAnswer
	api.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	api.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}, "client": "jagna"}, http.StatusOK, nil)
	do(w, domain.ReceiveTransfer{TransferReceived: domain.TransferReceived{Transfer: "t1", Statement: "s1", Account: terms.Bank.Account, Amount: 100,
		ValueOn: "2026-11-22", BookedOn: "2026-11-22", Title: hostile, PayerName: hostile, PayerAccount: "x", Raw: "x"}})
	do(w, domain.GrantLogin{Customer: kowal, Account: "user-kowal", Link: 1})
	w.settle()

	seen := 0
	look := func(v *visitor, path string) {
		for _, l := range languages {
			v.get(path + "?lang=" + string(l))
			page := v.open(path)
			seen += strings.Count(page.text, "alert(")
			inspect(t, path, page.text, l)
		}
	}
	for _, path := range []string{"/login", "/password/" + "good-link", "/mailbox", "/mailbox/letter-1"} {
		look(w.anybody(), path)
	}
	distributor := w.browser("dystr")
	for _, path := range []string{"/programs", "/updates", "/new-programs", "/cart", "/orders", "/orders/" + order.ID, "/licences/" + string(jagnaOld) + "/activation-email"} {
		look(distributor, path)
	}
	for _, path := range []string{"/programs", "/updates", "/new-programs", "/cart", "/orders"} {
		look(w.browser("jagna"), path)
	}
	look(w.browser("accounting-1"), "/transfers")
	look(w.browser("accounting-1"), "/transfers/t1")
	look(w.browser("accounting-1"), "/statements")
	look(w.browser("auditor-1"), "/tasks")
	operator := w.browser("operator-1")
	operator.post("/customers/jagna/logins", "user", "jagna")
	for _, path := range []string{"/customers", "/customers/new", "/customers/import", "/customers/jagna", "/licences", "/sales", "/sales/" + order.ID,
		"/catalogue", "/catalogue/magazyn", "/tasks"} {
		look(operator, path)
	}
	look(w.browser("accounting-1"), "/sales/"+order.ID)
	look(w.browser("accounting-1"), "/months")
	w.sign()
	auditor := w.browser("auditor-1")
	for _, path := range []string{"/log", "/log/streams", "/log/trace", fmt.Sprintf("/log/events/%d", w.firstOf("customer-jagna").Position), "/log/events/" + w.firstOf("transfer-t1").ID} {
		look(auditor, path)
	}
	if seen < 40 {
		t.Errorf("the hostile name was shown %d times: the pages are too empty for this test", seen)
	}
	do(w, domain.SetPrice{Price: domain.Price{Program: "magazyn", Edition: domain.SingleStation, To: "3.0", Net: 99900, VATRate: 23}})
	distributor.open("/cart").wants(t, "1 position has changed", "Update the cart")
	changed := distributor.post("/orders", "submission", "y", "version", "0")
	changed.wants(t, "Jagna&#34; onload", "The cart has changed")
	for _, answer := range []answer{
		changed, distributor.get("/no/such/<script>alert(1)</script>"), distributor.post("/orders/" + hostileName() + "/cancel"),
		distributor.post("/login", "user", hostile, "password", hostile, "next", `/"><script>`),
		distributor.post("/licences/"+string(jagnaOld)+"/activation-email", "email", hostile, "email_again", hostile),
		distributor.post("/cart/items", "section", hostile, "offer", hostile, "client", hostile),
	} {
		inspect(t, answer.Request.URL.Path, answer.text, domain.English)
	}
}

func hostileName() string { return "%3Cscript%3Ealert(1)%3C%2Fscript%3E" }

// inspect parses a page and holds it against what every page promises.
func inspect(t *testing.T, path, text string, l domain.Language) {
	t.Helper()
	balanced(t, path, text)
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	speaks(t, path, root, l)
	ids, labels := map[string]int{}, map[string]bool{}
	var fragments []string
	var controls []*html.Node
	headings := 0
	for node := range root.Descendants() {
		if node.Type != html.ElementNode {
			continue
		}
		switch node.Data {
		case "iframe", "object", "embed":
			t.Errorf("%s: the page has a <%s>", path, node.Data)
		case "script":
			if !strings.HasPrefix(attribute(node, "src"), "/static/portal.js?") || node.FirstChild != nil {
				t.Errorf("%s: a <script> that is not the portal's file", path)
			}
		case "html":
			if attribute(node, "lang") != string(l) {
				t.Errorf("%s: lang is %q, want %q", path, attribute(node, "lang"), l)
			}
		case "h1":
			headings++
		case "table":
			if find(node, "caption") == nil || find(node, "th") == nil {
				t.Errorf("%s: a table without caption or headers", path)
			}
		case "label":
			labels[attribute(node, "for")] = true
		case "input", "select", "textarea":
			if attribute(node, "type") != "hidden" {
				controls = append(controls, node)
			}
		}
		for _, a := range node.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(strings.ToLower(a.Val), "javascript:") {
				t.Errorf("%s: <%s> has %s=%q", path, node.Data, a.Key, a.Val)
			}
			if a.Key == "id" {
				ids[a.Val]++
			}
			if to, within := strings.CutPrefix(a.Val, "#"); within && a.Key == "href" {
				fragments = append(fragments, to)
			}
			if (a.Key == "href" || a.Key == "src" || a.Key == "action") && strings.Contains(a.Val, "//") {
				t.Errorf("%s: the page refers to %s", path, a.Val)
			}
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%s: %d elements have the id %q", path, n, id)
		}
	}
	for _, to := range fragments {
		if ids[to] == 0 {
			t.Errorf("%s: a link leads to #%s, which is not there", path, to)
		}
	}
	for _, control := range controls {
		if !labels[attribute(control, "id")] && attribute(control, "aria-label") == "" {
			t.Errorf("%s: nothing says what <%s name=%q> is for", path, control.Data, attribute(control, "name"))
		}
	}
	if headings != 1 {
		t.Errorf("%s: %d main headings, want 1", path, headings)
	}
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func find(node *html.Node, name string) *html.Node {
	for child := range node.Descendants() {
		if child.Type == html.ElementNode && child.Data == name {
			return child
		}
	}
	return nil
}

// balanced checks that every element is closed where it should be, which a forgiving parser does not tell.
func balanced(t *testing.T, path, text string) {
	t.Helper()
	void := map[string]bool{"meta": true, "link": true, "input": true, "br": true}
	var open []string
	for tokens := html.NewTokenizer(strings.NewReader(text)); ; {
		switch tokens.Next() {
		case html.ErrorToken:
			if !errors.Is(tokens.Err(), io.EOF) || len(open) != 0 {
				t.Errorf("%s: %v with %v open", path, tokens.Err(), open)
			}
			return
		case html.StartTagToken:
			if name, _ := tokens.TagName(); !void[string(name)] {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Errorf("%s: </%s> closes %v", path, name, open)
				return
			}
			open = open[:len(open)-1]
		}
	}
}

// TestMailbox shows letters as they are, and lets them do nothing.
func TestMailbox(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Mailbox = box{} })
	v := w.anybody()
	v.open("/mailbox").wants(t, "/mailbox/letter-1", "1 list")
	v.open("/mailbox/letter-1").wants(t, "&lt;script&gt;", "22.11.2026 10:00", "/mailbox/letter-1/attachments/1")
	letter := v.open("/mailbox/letter-1/html")
	policy := letter.Header.Get("Content-Security-Policy")
	if letter.text != letterInBox.HTML || !strings.Contains(policy, "sandbox") || !strings.Contains(policy, "default-src 'none'") || strings.Count(policy, "'sha256-") != 2 {
		t.Errorf("the policy is %q", policy)
	}
	file := v.open("/mailbox/letter-1/attachments/1")
	if file.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment; filename*=UTF-8''za%C5%BC") {
		t.Errorf("the attachment's headers are %v", file.Header)
	}
	for _, path := range []string{"/mailbox/none", "/mailbox/none/html", "/mailbox/letter-1/attachments/0", "/mailbox/letter-1/attachments/2", "/mailbox/letter-1/attachments/x", "/mailbox/..%2fx"} {
		if a := v.get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	without := newWorld(t).anybody()
	for _, path := range []string{"/mailbox", "/mailbox/letter-1", "/mailbox/letter-1/html", "/mailbox/letter-1/attachments/1"} {
		if a := without.get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s without a mailbox: %s", path, a.Status)
		}
	}
}
