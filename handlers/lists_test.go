package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

func TestListAddresses(t *testing.T) {
	plain := list{Path: "/updates", Number: 1, Total: 250, Rows: 100}
	deep := list{Path: "/updates", Number: 3, Total: 250, Rows: 50, Search: "łódź & co", Only: partPossible, Sort: columnPrice, Descending: true}
	deepQuery := "/updates?only=possible&page=3&q=" + url.QueryEscape("łódź & co") + "&sort=-price"
	for _, test := range []struct{ what, got, want string }{
		{"plain page 1", plain.At(1), "/updates"},
		{"plain page 2", plain.At(2), "/updates?page=2"},
		{"sorted once", plain.By(columnPrice), "/updates?sort=price"},
		{"sorted twice", list{Path: "/updates", Sort: columnPrice, Number: 2}.By(columnPrice), "/updates?sort=-price"},
		{"sorted three times", list{Path: "/updates", Sort: columnPrice, Descending: true}.By(columnPrice), "/updates"},
		{"everything kept", deep.At(3), deepQuery},
		{"after adding", plain.after("added", "2"), "/updates?added=2"},
		{"after adding on page 3", deep.after("added", "2"), "/updates?added=2&" + strings.TrimPrefix(deepQuery, "/updates?")},
		{"rows", fmt.Sprint(plain.First(), plain.Last(), deep.First(), deep.Last()), "1 100 201 250"},
		{"neighbours", fmt.Sprint(plain.Prev(), plain.Next(), deep.Prev(), deep.Next(), deep.Pages()), "0 2 2 0 3"},
		{"everything at once", fmt.Sprint(list{Rows: 7, Total: 7}.First(), list{Rows: 7, Total: 7}.Last()), "1 7"},
		{"directions", plain.Direction(columnPrice) + " " + deep.Direction(columnPrice) + " " + deep.Direction(columnProgram), "none descending none"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", test.what, test.got, test.want)
		}
	}
}

func TestFigures(t *testing.T) {
	for n, want := range map[int]string{0: "0", 9999: "9999", 10000: "10\u00a0000", 1234567: "1\u00a0234\u00a0567"} {
		if got := spoken[domain.Polish].figure(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	if got := spoken[domain.English].figure(20000); got != "20,000" {
		t.Errorf("20000 is %s", got)
	}
}

// TestLongLists pages through, searches and sorts what a distributor and its client own.
func TestLongLists(t *testing.T) {
	w := newWorld(t)
	const each = 110
	for i := range each {
		w.grant(domain.LicenceID(fmt.Sprintf("many-%03d", i)), jagna, "2.0")
	}
	w.settle()
	v := w.browser("dystr")
	first := v.open("/programs")
	first.wants(t, "111 programów", "1–100 z 111", `href="/programs?page=2"`, `scope="rowgroup"`, "Następna strona")
	first.lacks(t, "Poprzednia strona")
	second := v.open("/programs?page=2")
	second.wants(t, "101–111 z 111", `href="/programs"`)
	if rows := strings.Count(first.text, "<tr id=") + strings.Count(second.text, "<tr id="); rows != 111 {
		t.Errorf("both pages have %d rows, want 111", rows)
	}
	if a := v.get("/programs?page=3&q=&sort=-serial"); a.Header.Get("Location") != "/programs?sort=-serial" {
		t.Errorf("behind the last page: %s to %q", a.Status, a.Header.Get("Location"))
	}
	serial := domain.LicenceID("many-007").Serial()
	found := v.open("/programs?q=" + strings.ToLower(serial))
	found.wants(t, "1 program<", serial, `value="`+strings.ToLower(serial)+`"`)
	v.open("/programs?q=nobody").wants(t, "Niczego takiego nie ma")
	v.open("/programs?only=unpaid").wants(t, "Niczego takiego nie ma")
	v.open("/updates?sort=-price").lacks(t, `scope="rowgroup"`)
	v.open("/updates?q="+serial+"&only=possible").wants(t, "1 aktualizacja")

	var all struct {
		Programs []ownedProgram
		Total    int
	}
	api := w.program("dystr")
	if api.call("GET", "/api/programs", nil, http.StatusOK, &all); len(all.Programs) != 111 || all.Total != 111 {
		t.Errorf("a program that does not ask for a page gets %d of %d", len(all.Programs), all.Total)
	}
	if api.call("GET", "/api/programs?page=2", nil, http.StatusOK, &all); len(all.Programs) != 11 {
		t.Errorf("page 2 has %d programs", len(all.Programs))
	}
	for _, query := range []string{"page=0", "page=x", "page=10001", "sort=nip", "only=mine", "q=" + strings.Repeat("x", searchMax+1), "q=%00", "q=%ff"} {
		api.refused("GET", "/api/programs?"+query, nil, http.StatusUnprocessableEntity, domain.InvalidInput)
		for _, path := range []string{"/programs?", "/updates?", "/new-programs?", "/orders?"} {
			if a := v.get(path + query); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.text, "Dozwolone") {
				t.Errorf("%s%s: %s", path, query, a.Status)
			}
		}
	}
	if a := v.get("/new-programs?client_q=" + strings.Repeat("x", searchMax+1)); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a long name of a client: %s", a.Status)
	}
}

// TestTheOtherLanguageKeepsTheList leads from a page of a list to the same page in the other language.
func TestTheOtherLanguageKeepsTheList(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	v.open("/programs?q=magazyn&sort=-serial").wants(t, `href="?lang=en&amp;q=magazyn&amp;sort=-serial"`)
	if a := v.get("/programs?lang=en&q=magazyn&sort=-serial"); a.Header.Get("Location") != "/programs?q=magazyn&sort=-serial" {
		t.Errorf("%s to %q", a.Status, a.Header.Get("Location"))
	}
	v.open("/programs?q=magazyn&sort=-serial").wants(t, "2 programs", `value="magazyn"`)
	v.post("/cart/items", "section", "updates").wants(t, `href="/?lang=pl"`)
}

// TestTickingAsAWhole needs no script: a button ticks everything that can be ticked and keeps what was typed.
func TestTickingAsAWhole(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	v.open("/updates").wants(t, `name="tick" value="all"`)
	all := v.post("/cart/items", "section", "updates", "stations:"+multiKowal, "7", "tick", "all")
	all.wants(t, `id="`+updateKowal+`" checked`, `id="`+multiKowal+`" checked`, `value="7"`, `name="tick" value="none"`)
	none := v.post("/cart/items", "section", "updates", "offer", updateKowal, "stations:"+multiKowal, "7", "tick", "none")
	none.wants(t, `value="7"`, `name="tick" value="all"`)
	none.lacks(t, " checked")
	if n := len(stateOf[domain.Cart](w, domain.CartStream(kowal)).Items); n != 0 {
		t.Errorf("ticking put %d positions into the cart", n)
	}
	added := v.post("/cart/items", "section", "updates", "q", "magazyn", "sort", "-price", "offer", updateKowal)
	if want := "/updates?added=1&q=magazyn&sort=-price"; added.Header.Get("Location") != want {
		t.Errorf("after adding: %s, want %s", added.Header.Get("Location"), want)
	}
	wrong := v.post("/cart/items", "section", "updates")
	wrong.wants(t, `href="#list"`, `id="list"`, "Jest problem")
}

// TestChoosingAmongManyClients shows a distributor's clients a hundred at a time.
func TestChoosingAmongManyClients(t *testing.T) {
	w := newWorld(t)
	distributor := w.customer(dystr)
	for i := range clientsListed {
		id := domain.CustomerID(fmt.Sprintf("client-%03d", i))
		w.register(id, fmt.Sprintf("Żółw %03d", i), false)
		do(w, domain.AssignDistributor{Customer: id, Distributor: distributor})
	}
	w.settle()
	v := w.browser("dystr")
	many := v.open("/new-programs")
	many.wants(t, "Znajdź klienta", "pierwszych 100 klientów")
	if n := strings.Count(many.text, "<option value=\""); n < clientsListed || n > clientsListed+10 {
		t.Errorf("%d options", n)
	}
	one := v.open("/new-programs?client_q=zolw+042")
	one.wants(t, "Żółw 042", `name="client_q" value="zolw 042"`)
	one.lacks(t, "Żółw 041", "pierwszych 100 klientów")
	w.browser("kowal").open("/new-programs").lacks(t, "Znajdź klienta")
}
