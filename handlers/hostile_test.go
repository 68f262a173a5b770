package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// hostileTexts hurt somewhere: in HTML, attributes, templates, SQL, headers, logs, paths, spreadsheets, terminals or decoders.
var hostileTexts = []string{
	hostile, `<img src=x onerror=alert(1)>`, `"><svg/onload=alert(1)>`, `javascript:alert(1)`, `{{.Account}}${7*7}<%= 7*7 %>`, `'; drop table orders; --`,
	"x\r\nSet-Cookie: session=evil\r\n\r\n", "\x00", "\xff\xfe\xc0\xaf", "../../../../etc/passwd", `=HYPERLINK("http://evil.example")`, "\x1b[31mred\x1b[0m",
	"\u202egpj.exe", "ｆｕｌｌｗｉｄｔｈ", strings.Repeat("ż", 5000), strings.Repeat("9", 400), "-1", "1e309", "NaN", " ", "\u200b", "null", "%00%0d%0a", "🧨",
}

// formFields are the names of every field of every form.
var formFields = []string{"user", "password", "password_again", "next", "code", "email", "email_again", "meant", "section", "offer", "client", "submission", "version",
	"name", "nip", "language", "distributor", "program", "edition", "stations", "activated", "from", "to", "net", "vat_rate", "entry", "reason", "purpose", "wish", "text", "q", "only", "sort", "page", "upload", "files", "order", "amount", "seen", "credit", "reversal", "paid_on"}

// TestHostileTextInEveryField sends each text in every field of every form, and in every query, as whoever may: nothing breaks, and
// nothing of it comes back as anything but text.
func TestHostileTextInEveryField(t *testing.T) {
	w := newWorld(t)
	do(w, domain.GrantLogin{Customer: kowal, Account: "user-kowal", Link: 1})
	w.transferIn("t-hostile", 100, "\u202e"+hostile)
	w.settle()
	users := map[callers]string{customers: "kowal", accounting: "accounting-1", auditors: "auditor-1", operators: "operator-1", anonymous: ""}
	visitors := map[callers]*visitor{}
	for who, user := range users {
		visitors[who] = w.enter(user, page)
	}
	for _, route := range routes() {
		if route.Door != page || strings.HasPrefix(route.Path, "/mailbox") || route.Path == "/logout" {
			continue
		}
		for who, v := range visitors {
			if route.Who&who == 0 || who != anonymous && route.Who&anonymous != 0 {
				continue
			}
			path := strings.NewReplacer("{customer}", "kowal", "{account}", "user-kowal", "{program}", "magazyn", "{stream}", "customer-kowal", "{task}", "login-user-kowal",
				"{transfer}", "t-hostile", "{number}", "1", "{licence}", string(kowalOld), "{link}", "good-link", "{line}", "1").Replace(route.Path)
			for _, text := range hostileTexts {
				form := url.Values{}
				for _, field := range formFields {
					form.Set(field, text)
				}
				var a answer
				if route.Method == get {
					a = v.get(strings.NewReplacer("{order}", "none", "{item}", "none").Replace(path) + "?" + form.Encode())
				} else {
					a = v.send(route.Method, strings.NewReplacer("{order}", "none", "{item}", "none").Replace(path), "application/x-www-form-urlencoded", form.Encode())
				}
				harmless(t, a, route.Method+" "+path, text)
			}
		}
	}
	for _, path := range []string{"/customers", "/customers/kowal", "/catalogue", "/catalogue/magazyn", "/tasks", "/licences", "/sales"} {
		a := visitors[operators].open(path)
		harmless(t, a, "afterwards "+path, "")
		inspect(t, path, a.text, domain.Polish)
	}
	for _, path := range []string{"/transfers", "/transfers/t-hostile"} {
		a := visitors[accounting].open(path)
		harmless(t, a, "afterwards "+path, "")
		inspect(t, path, a.text, domain.Polish)
	}
}

// harmless holds an answer to a hostile text against what every answer promises.
func harmless(t *testing.T, a answer, what, text string) {
	t.Helper()
	if a.StatusCode >= http.StatusInternalServerError {
		t.Errorf("%s with %.30q: %s\n%.300s", what, text, a.Status, a.text)
	}
	for _, live := range []string{"<script>alert", "<img src=x", "<svg/onload", `href="javascript:`, `src="javascript:`} {
		if strings.Contains(a.text, live) {
			t.Errorf("%s with %.30q answers %s", what, text, live)
		}
	}
	if location := a.Header.Get("Location"); location != "" && (!strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") || strings.HasPrefix(location, "/\\")) {
		t.Errorf("%s with %.30q leads to %q", what, text, location)
	}
	for _, cookie := range a.Cookies() {
		if strings.Contains(cookie.Value, "evil") {
			t.Errorf("%s with %.30q sets %v", what, text, cookie)
		}
	}
}
