package handlers

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"netrom.pl/portal/domain"
)

// TestRefusalsLeadToTheirFields fills the operator's forms in wrongly: the summary of the problem leads to the field that it is
// about, and that field alone says that it is wrong and where the reason stands. Source: WCAG 2.2, 3.3.1; WAI-ARIA 1.2, aria-invalid.
func TestRefusalsLeadToTheirFields(t *testing.T) {
	w := newWorld(t)
	v := w.browser("operator-1")
	const customer = "/customers/" + string(kowal)
	v.post("/customers/"+string(obcy)+"/logins", "user", "zajete")
	v.post(customer+"/licences", "code", "L-1", "program", "magazyn", "edition", "single", "version", "2.0", "stations", "1")
	v.post("/catalogue", "program", "faktury", "name", "Faktury")
	price := func(edition, from, to, net, rate string) []string {
		return []string{"edition", edition, "from", from, "to", to, "net", net, "vat_rate", rate}
	}
	licence := func(code, program, version, stations string) []string {
		return []string{"code", code, "program", program, "edition", "single", "version", version, "stations", stations}
	}
	company := func(code, name, nip, email, language string) []string {
		return []string{"code", code, "name", name, "nip", nip, "email", email, "language", language}
	}
	v.post("/customers/new", company("K-1", "Firma", "1234563218", "a@b.example", "pl")...)
	for _, story := range []struct {
		path   string
		fields []string
		wrong  string // id; empty: no field of the page
	}{
		{"/catalogue", []string{"program", "Ż", "name", "x"}, "program"},
		{"/catalogue", []string{"program", "kadry", "name", ""}, "name"},
		{"/catalogue", []string{"program", "magazyn", "name", "Inny"}, "program"},
		{"/catalogue/magazyn/versions", []string{"edition", "single", "version", "x"}, "version"},
		{"/catalogue/magazyn/versions", []string{"edition", "single", "version", "3"}, "version"},
		{"/catalogue/magazyn/versions", []string{"edition", "none", "version", "4.0"}, "released-edition"},
		{"/catalogue/magazyn/prices", price("none", "", "3.0", "1", "23"), "edition"},
		{"/catalogue/magazyn/prices", price("single", "4.0", "3.0", "1", "23"), "from"},
		{"/catalogue/magazyn/prices", price("single", "", "x", "1", "23"), "to"},
		{"/catalogue/magazyn/prices", price("single", "", "9.0", "1", "23"), "to"},
		{"/catalogue/magazyn/prices", price("single", "", "3.0", "-1", "23"), "net"},
		{"/catalogue/magazyn/prices", price("single", "", "3.0", "1", "x"), "vat_rate"},
		{customer + "/logins", []string{"user", "dwa słowa"}, "user"},
		{customer + "/logins", []string{"user", "zajete"}, "user"},
		{customer + "/distributor", []string{"distributor", string(obcy)}, "distributor"},
		{customer + "/licences", licence("", "magazyn", "2.0", "1"), "code"},
		{customer + "/licences", licence("L-1", "faktury", "1.0", "1"), "code"},
		{customer + "/licences", licence("L-2", "none", "2.0", "1"), "program"},
		{customer + "/licences", licence("L-2", "magazyn", "9.0", "1"), "version"},
		{customer + "/licences", licence("L-2", "magazyn", "2.0", "x"), "stations"},
		{"/customers/new", company("", "Firma", "1234563218", "a@b.example", "pl"), "code"},
		{"/customers/new", company("K-1", "Inna", "1234563218", "a@b.example", "pl"), "code"},
		{"/customers/new", company("K-2", "", "1234563218", "a@b.example", "pl"), "name"},
		{"/customers/new", company("K-2", "Firma", "1234567890", "a@b.example", "pl"), "nip"},
		{"/customers/new", company("K-2", "Firma", "1234563218", "x", "pl"), "email"},
		{"/customers/new", company("K-2", "Firma", "1234563218", "a@b.example", "de"), "language"},
		{customer + "/erasure", []string{"wish", "none", "purpose", "contact"}, ""},
	} {
		a := v.post(story.path, story.fields...)
		what := story.path + " " + strings.Join(story.fields, " ")
		inspect(t, what, a.text, domain.Polish)
		root, err := html.Parse(strings.NewReader(a.text))
		if err != nil {
			t.Fatal(err)
		}
		linked, wrong, alerts := "", []string{}, 0
		for node := range root.Descendants() {
			switch {
			case attribute(node, "id") == "problem":
				alerts++
				if link := find(node, "a"); link != nil {
					linked = attribute(link, "href")
				}
			case attribute(node, "aria-invalid") == "true":
				wrong = append(wrong, attribute(node, "id"))
				if reasons := strings.Fields(attribute(node, "aria-describedby")); !slices.Contains(reasons, "problem") {
					t.Errorf("%s: #%s is described by %v", what, attribute(node, "id"), reasons)
				}
			}
		}
		wantLink, wantWrong := "", []string{}
		if story.wrong != "" {
			wantLink, wantWrong = "#"+story.wrong, []string{story.wrong}
		}
		if alerts != 1 || linked != wantLink || !slices.Equal(wrong, wantWrong) {
			t.Errorf("%s: %d summaries lead to %q, wrong are %v; want %q", what, alerts, linked, wrong, story.wrong)
		}
	}
}
