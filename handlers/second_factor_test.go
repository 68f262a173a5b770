package handlers

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// TestSecondFactor lets staff in with password and code, and with the password alone to no page at all.
func TestSecondFactor(t *testing.T) {
	w := newWorld(t)
	v := w.anybody()
	a := v.post("/login", "user", "operator-1", "password", "secret-operator-1", "next", "/tasks")
	if a.Header.Get("Location") != "/second-factor?next=%2Ftasks" {
		t.Fatalf("the password leads to %s (%s)", a.Header.Get("Location"), a.Status)
	}
	half := a.Cookies()[0].Value
	ask := v.open("/second-factor?next=%2Ftasks")
	ask.wants(t, `autocomplete="one-time-code"`, `value="/tasks"`)
	ask.lacks(t, "<svg", "KLIENCI")
	for _, route := range routes() {
		if route.Who&anonymous != 0 || route.Path == secondFactorPath {
			continue
		}
		v.token = half
		a := v.send(route.Method, pathTo(route), "application/x-www-form-urlencoded", "")
		ok := a.StatusCode == http.StatusSeeOther && strings.HasPrefix(a.Header.Get("Location"), secondFactorPath)
		if route.Door == api {
			ok = a.StatusCode == http.StatusUnauthorized && strings.Contains(a.text, secondFactorNeeded)
		}
		if !ok {
			t.Errorf("%s %s with half a login: %s %s", route.Method, route.Path, a.Status, a.Header.Get("Location"))
		}
	}
	v.token = ""
	for _, code := range []string{"", "654321", strings.Repeat("1", codeMax+1), hostile} {
		a := v.post("/second-factor", "code", code, "next", "/tasks")
		if a.StatusCode != http.StatusUnauthorized || len(a.Cookies()) != 0 {
			t.Errorf("code %.20q: %s", code, a.Status)
		}
		a.wants(t, "Ten kod nie działa", `value="/tasks"`)
	}
	a = v.post("/second-factor", "code", goodCode, "next", "//evil.example")
	if a.Header.Get("Location") != "/customers" || a.Cookies()[0].Value == half {
		t.Errorf("the code leads to %s with the cookie %v", a.Header.Get("Location"), a.Cookies())
	}
	if len(w.people.sessions) != 1 {
		t.Errorf("%d sessions, want the whole one only", len(w.people.sessions))
	}
	v.open("/tasks").wants(t, "ZADANIA")
	if a := v.get("/second-factor"); a.Header.Get("Location") != "/customers" {
		t.Errorf("the form after the login leads to %s", a.Header.Get("Location"))
	}
	if a := w.browser("kowal").get("/second-factor"); a.StatusCode != http.StatusForbidden {
		t.Errorf("a customer at the second factor: %s", a.Status)
	}
}

// TestEnrolment shows the secret as picture and text until the first code, and the recovery codes once.
func TestEnrolment(t *testing.T) {
	w := newWorld(t)
	v := w.anybody()
	v.post("/login", "user", "auditor-new", "password", "secret-auditor-new")
	for _, l := range languages {
		v.get("/second-factor?lang=" + string(l))
		page := v.open("/second-factor")
		page.wants(t, "<svg class=\"qr\"", "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")
		inspect(t, "/second-factor", page.text, l)
	}
	if a := v.post("/second-factor", "code", "000000"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.text, "GEZD") {
		t.Errorf("a wrong first code: %s", a.Status)
	}
	codes := v.post("/second-factor", "code", goodCode)
	codes.wants(t, "AAAA-BBBB-CCCC-DDDD", `href="/tasks"`)
	inspect(t, "recovery codes", codes.text, "en")
	v.open("/tasks")
	if log := w.logged.String(); strings.Contains(log, "AAAA") || strings.Contains(log, "GEZD") {
		t.Error("the log tells a secret")
	}
}

// TestProgramsOfStaff log in with a code; without one they learn that one is needed only after the right password.
func TestProgramsOfStaff(t *testing.T) {
	w := newWorld(t)
	v := w.anybody()
	session := func(user, password, code string) map[string]string {
		return map[string]string{"user": user, "password": password, "code": code}
	}
	v.refused("POST", "/api/session", session("operator-1", "wrong", goodCode), http.StatusUnauthorized, wrongCredentials)
	v.refused("POST", "/api/session", session("operator-1", "secret-operator-1", ""), http.StatusUnauthorized, secondFactorNeeded)
	v.refused("POST", "/api/session", session("operator-1", "secret-operator-1", "000000"), http.StatusUnauthorized, wrongCode)
	v.refused("POST", "/api/session", session("auditor-new", "secret-auditor-new", goodCode), http.StatusUnauthorized, secondFactorNeeded)
	v.call("POST", "/api/session", session("operator-1", "secret-operator-1", goodCode), http.StatusCreated, nil)
	v.call("POST", "/api/session", map[string]string{"user": "kowal", "password": "secret-kowal"}, http.StatusCreated, nil)
	if len(w.people.sessions) != 2 {
		t.Errorf("%d sessions, want 2", len(w.people.sessions))
	}
}

// TestDemoCodes are shown on the login page of a demonstration, for staff and nobody else.
func TestDemoCodes(t *testing.T) {
	next := "271828"
	w := newWorld(t, func(o *Options) {
		o.Demo = []DemoLogin{{Who: "klient", User: "kowal", Password: "x"}, {Who: "operator", User: "operator-1", Password: "x",
			NextCode: func(context.Context) (string, error) { return next, nil }}}
	})
	w.anybody().open("/login").wants(t, "271828", "Tylko w wersji demonstracyjnej")
	next = ""
	w.anybody().open("/login").wants(t, "za chwilę następny")
}

// TestEnrolmentURI names the vendor and nobody else, in a form that every app reads.
func TestEnrolmentURI(t *testing.T) {
	if uri := enrolmentURI("Zażółć & Co", "X"); uri != "otpauth://totp/Za%C5%BC%C3%B3%C5%82%C4%87%20&%20Co?secret=X&issuer=Za%C5%BC%C3%B3%C5%82%C4%87%20%26%20Co" {
		t.Errorf("uri %s", uri)
	}
}
