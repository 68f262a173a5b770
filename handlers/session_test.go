package handlers

import (
	"net/http"
	"strings"
	"testing"
)

// TestLogIn is the LOGOWANIE block. Source: R1, R2.
func TestLogIn(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Demo = []DemoLogin{{Who: "klient", User: "kowal", Password: "secret-kowal"}}
	})
	v := w.anybody()
	a := v.get("/programs")
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/login?next=%2Fprograms" {
		t.Fatalf("a page without a login: %s to %s", a.Status, a.Header.Get("Location"))
	}
	login := v.open("/login?next=%2Fprograms")
	login.wants(t, "LOGOWANIE", "poczta@netrom.pl", `value="/programs"`, "secret-kowal")
	login.lacks(t, "PROGRAMY", "Wyloguj")
	for _, wrong := range [][2]string{{"kowal", "wrong"}, {"nobody", "secret-nobody"}, {"", ""}, {strings.Repeat("x", userNameMax+1), "x"}, {"kowal", strings.Repeat("x", passwordMax+1)}} {
		a := v.post("/login", "user", wrong[0], "password", wrong[1], "next", "/cart")
		if a.StatusCode != http.StatusUnauthorized || len(a.Cookies()) != 0 {
			t.Errorf("%.20q: %s", wrong, a.Status)
		}
		a.wants(t, "Nieznana nazwa użytkownika lub błędne hasło", `value="/cart"`)
	}
	a = v.post("/login", "user", "kowal", "password", "secret-kowal", "next", "/cart?x=1")
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/cart?x=1" {
		t.Fatalf("log in: %s to %s", a.Status, a.Header.Get("Location"))
	}
	cookie := a.Cookies()[0]
	if cookie.Name != "session" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Secure || len(cookie.Value) < 20 {
		t.Errorf("cookie is %v", cookie)
	}
	v.open("/programs").wants(t, "PROGRAMY", "AKTUALIZACJE", "NOWE PROGRAMY", "KOSZYK", "Wyloguj")
	if a := v.get("/login"); a.Header.Get("Location") != "/programs" {
		t.Errorf("the login page of somebody who is logged in leads to %s", a.Header.Get("Location"))
	}
	if a := v.post("/logout"); a.Header.Get("Location") != "/login" {
		t.Errorf("logout leads to %s", a.Header.Get("Location"))
	}
	if len(w.people.sessions) != 0 {
		t.Error("the session outlived the logout")
	}
	v.send("GET", "/programs", "", "", "Cookie", "session="+cookie.Value)
	if a := v.send("GET", "/programs", "", "", "Cookie", "session="+cookie.Value); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the old cookie: %s", a.Status)
	}
}

// TestLogInChangesTheSession ends the session with which somebody came to the login.
func TestLogInChangesTheSession(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	v.post("/login", "user", "obcy", "password", "secret-obcy")
	if len(w.people.sessions) != 1 {
		t.Errorf("%d sessions, want 1", len(w.people.sessions))
	}
	v.open("/programs").wants(t, "Obcy Canary")
}

func TestReturnAfterLoginStaysHere(t *testing.T) {
	for path, want := range map[string]string{
		"/cart": "/cart", "/orders/1?x=y": "/orders/1?x=y", "": "", "cart": "", "//evil.example": "", "/\\evil.example": "", "https://evil.example/": "",
		"/\t/evil.example": "", "/cart\r\nSet-Cookie: x=y": "", "javascript:alert(1)": "", "///evil.example": "", "/%2f/evil.example": "/%2f/evil.example",
	} {
		if got := localPath(path); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

func TestHTTPSBindsTheCookies(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HTTPS = true })
	a := w.anybody().post("/login", "user", "kowal", "password", "secret-kowal")
	cookie := a.Cookies()[0]
	if cookie.Name != "__Host-session" || !cookie.Secure || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("cookie is %v", cookie)
	}
	if a.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security")
	}
}

func TestOneTimeLink(t *testing.T) {
	w := newWorld(t)
	v := w.anybody()
	v.open("/password/good-link").wants(t, `action="/password/good-link"`)
	for _, wrong := range [][3]string{
		{"good-link", "long enough password", "another long password"}, {"good-link", "short", "short"}, {"good-link", strings.Repeat("x", 2000), strings.Repeat("x", 2000)},
		{"used-link", "long enough password", "long enough password"},
	} {
		if a := v.post("/password/"+wrong[0], "password", wrong[1], "password_again", wrong[2]); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%.40q: %s", wrong, a.Status)
		}
	}
	a := v.post("/password/good-link", "password", "long enough password", "password_again", "long enough password")
	if a.StatusCode != http.StatusSeeOther || len(a.Cookies()) != 0 {
		t.Fatalf("set password: %s", a.Status)
	}
	v.open(a.Header.Get("Location")).wants(t, "Hasło zostało ustalone")
}

func TestProgramsLogInAndOut(t *testing.T) {
	w := newWorld(t)
	v := w.anybody()
	v.refused("POST", "/api/session", map[string]string{"user": "kowal", "password": "wrong"}, http.StatusUnauthorized, wrongCredentials)
	a := v.send("GET", "/api/programs", "", "")
	if a.StatusCode != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("without a token: %s %v", a.Status, a.Header)
	}
	v = w.program("kowal")
	v.call("GET", "/api/programs", nil, http.StatusOK, nil)
	v.call("DELETE", "/api/session", nil, http.StatusNoContent, nil)
	v.refused("GET", "/api/programs", nil, http.StatusUnauthorized, loginNeeded)
}

// TestCookieIsNoToken keeps pages and programs apart: a cookie opens no door of the API, a token no page.
func TestCookieIsNoToken(t *testing.T) {
	w := newWorld(t)
	w.browser("kowal").refused("GET", "/api/programs", nil, http.StatusUnauthorized, loginNeeded)
	if a := w.program("kowal").get("/programs"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a page with a token: %s", a.Status)
	}
}

func TestLanguages(t *testing.T) {
	w := newWorld(t)
	v := w.anybody()
	v.open("/login").wants(t, `lang="pl"`, "LOGOWANIE")
	a := v.get("/login?next=%2Fcart&lang=en")
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/login?next=%2Fcart" {
		t.Fatalf("switch: %s to %s", a.Status, a.Header.Get("Location"))
	}
	v.open("/login").wants(t, `lang="en"`, "LOG IN")
	v.post("/login", "user", "kowal", "password", "secret-kowal")
	v.open("/programs").wants(t, "PROGRAMS", "2 programs")
	v.get("/programs?lang=pl")
	v.open("/programs").wants(t, "2 programy")
	w.browser("auditor-1").open("/tasks").wants(t, `lang="en"`, "TASKS")
	p := w.program("kowal")
	if got := p.refused("GET", "/api/orders/none", nil, http.StatusNotFound, "not-found", "Accept-Language", "en-GB,en;q=0.9"); got.Title != "Not found" {
		t.Errorf("in English: %+v", got)
	}
	if got := p.refused("GET", "/api/orders/none", nil, http.StatusNotFound, "not-found"); got.Title != "Nie znaleziono" {
		t.Errorf("in the account's language: %+v", got)
	}
}

// TestDeviceCookie lets a browser that has logged in before show it, so that a stranger's guesses do not count against it.
func TestDeviceCookie(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HTTPS = false })
	v := w.browser("kowal")
	v.post("/logout")
	a := v.post("/login", "user", "kowal", "password", "wrong")
	if w.people.device != "device-of-kowal" || a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the browser shows the device %q: %s", w.people.device, a.Status)
	}
	if len(a.Cookies()) != 0 {
		t.Errorf("a wrong password gets the cookies %v", a.Cookies())
	}
	w.anybody().post("/login", "user", "kowal", "password", "wrong")
	if w.people.device != "" {
		t.Errorf("a browser that has never been here shows the device %q", w.people.device)
	}
}
