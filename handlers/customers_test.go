package handlers

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// TestRegister makes a company a customer with a login, as an operator does on the pages. Source: R1, R8.
func TestRegister(t *testing.T) {
	w := newWorld(t)
	v := w.browser("operator-1")
	fields := []string{"code", "K-7", "name", hostile, "nip", "526-025-02-74", "email", "nowy@example.com", "language", "pl"}
	a := v.post("/customers/new", fields...)
	path := "/customers/" + string(domain.CustomerIDOf("K-7"))
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != path+"?done=registered" {
		t.Fatalf("register: %s to %s\n%s", a.Status, a.Header.Get("Location"), a.text)
	}
	v.open(path+"?done=registered").wants(t, "Klient został zarejestrowany", "5260250274", "nowy@example.com", "Jagna&#34; onload")
	events := w.events()
	v.post("/customers/new", fields...)
	if got := w.events(); got != events {
		t.Errorf("the same form again caused %d events", got-events)
	}
	for name, change := range map[string][2]string{"nip": {"nip", "1234567890"}, "email": {"email", "x"}, "no code": {"code", ""}, "other facts": {"name", "Inna"}} {
		wrong := append([]string{}, fields...)
		for i := 0; i < len(wrong); i += 2 {
			if wrong[i] == change[0] {
				wrong[i+1] = change[1]
			}
		}
		if a := v.post("/customers/new", wrong...); a.StatusCode != http.StatusUnprocessableEntity && a.StatusCode != http.StatusConflict {
			t.Errorf("%s: %s", name, a.Status)
		} else {
			a.wants(t, `role="alert"`, `action="/customers/new"`)
		}
	}
	v.post(path+"/distributor", "distributor", string(dystr))
	v.open(path).wants(t, "Dystrybutor Północ")
	if customer := w.customer(domain.CustomerIDOf("K-7")); customer.Distributor != dystr {
		t.Errorf("the distributor is %q", customer.Distributor)
	}
	if a := v.post(path+"/distributor", "distributor", string(kowal)); a.StatusCode != http.StatusConflict {
		t.Errorf("somebody who is no distributor: %s", a.Status)
	}
	v.post(path+"/distributor", "distributor", "")
	if customer := w.customer(domain.CustomerIDOf("K-7")); customer.Distributor != "" {
		t.Errorf("the distributor is still %q", customer.Distributor)
	}
	if a := v.get("/customers/none"); a.StatusCode != http.StatusNotFound {
		t.Errorf("nobody's page: %s", a.Status)
	}
}

// TestLoginsOfCustomers grants, renews and locks a login; every step is a fact in the customer's stream.
func TestLoginsOfCustomers(t *testing.T) {
	w := newWorld(t)
	v := w.browser("operator-1")
	path := "/customers/" + string(kowal)
	v.post(path+"/logins", "user", "kowal-2")
	v.open(path).wants(t, "kowal-2", "czeka na wysłanie")
	for _, step := range []string{"link", "lock", "lock", "unlock"} {
		if a := v.post(path + "/logins/user-kowal-2/" + step); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %s\n%s", step, a.Status, a.text)
		}
	}
	var got []string
	for record, err := range w.log.Read(t.Context(), domain.CustomerStream(kowal), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if record.Metadata.Actor != "user-operator-1" {
			t.Errorf("%s was done by %s", record.Type, record.Metadata.Actor)
		}
		got = append(got, record.Type)
	}
	if want := "[LoginGranted LoginGranted LoginLocked LoginUnlocked]"; fmt.Sprint(got) != want {
		t.Errorf("events %v, want %v", got, want)
	}
	events := w.events()
	for path, status := range map[string]int{
		path + "/logins/user-obcy/lock":                            http.StatusNotFound,
		"/customers/" + string(obcy) + "/logins/user-kowal-2/lock": http.StatusNotFound,
		"/customers/none/logins/user-kowal-2/lock":                 http.StatusNotFound,
	} {
		if a := v.post(path); a.StatusCode != status {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	v.post("/customers/"+string(obcy)+"/logins", "user", "kowal-2").wants(t, "jest już zajęta")
	v.post("/customers/"+string(obcy)+"/logins", "user", "a b").wants(t, "Nazwa użytkownika może mieć")
	if got := w.events(); got != events {
		t.Errorf("refusals caused %d events", got-events)
	}
}

// upload sends a file as a browser does.
func (v *visitor) upload(path, content string) answer {
	v.w.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "klienci.csv")
	if err != nil {
		v.w.t.Fatal(err)
	}
	part.Write([]byte(content))
	form.Close()
	return v.send("POST", path, form.FormDataContentType(), body.String())
}

const goodSheet = "code;name;nip;email;language;distributor;distributor_code;user\r\n" +
	"C-1;\"Klient; pierwszy\";526-025-02-74;c1@example.com;pl;;C-2;c1\r\n" +
	"C-2;Dystrybutor Żółw;1234563218;c2@example.com;en;tak;;\r\n"

// TestImportCustomers shows what would be written, writes nothing before it is confirmed, and nothing twice.
func TestImportCustomers(t *testing.T) {
	w := newWorld(t)
	v := w.browser("operator-1")
	before := w.events()
	preview := v.upload("/customers/import", "\ufeff"+goodSheet)
	preview.wants(t, "Podgląd: 2 klientów", "Klient; pierwszy", "Dystrybutor Żółw", "Zapisz (2 nowych klientów)", `action="/customers/import/confirm"`)
	v.upload("/customers/import", strings.Replace(goodSheet, "Żółw", "\xaf\xf3\xb3w", 1)).wants(t, "Dystrybutor Żółw") // Windows-1250
	if got := w.events(); got != before {
		t.Fatalf("the preview caused %d events", got-before)
	}
	if a := v.post("/customers/import/confirm", "text", goodSheet); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("confirm: %s\n%s", a.Status, a.text)
	}
	first := w.customer(domain.CustomerIDOf("C-1"))
	if first.Name != "Klient; pierwszy" || first.Distributor != domain.CustomerIDOf("C-2") || len(first.Logins) != 1 {
		t.Errorf("imported %+v", first)
	}
	if got := w.events(); got != before+4 {
		t.Errorf("the import caused %d events, want 4", got-before)
	}
	v.post("/customers/import/confirm", "text", goodSheet)
	if got := w.events(); got != before+4 {
		t.Errorf("the same import again caused %d events", got-before-4)
	}
	v.upload("/customers/import", goodSheet).wants(t, "już jest", "Zapisz (0 nowych")
}

// TestImportMistakes names each mistake by line and column, and writes nothing.
func TestImportMistakes(t *testing.T) {
	w := newWorld(t)
	v := w.browser("operator-1")
	before := w.events()
	header := "code,name,nip,email,language,distributor,distributor_code,user\n"
	row := "M-1,Firma,5260250274,m@example.com,pl,,,\n"
	for name, c := range map[string]struct {
		text  string
		wants []string
	}{
		"a wrong tax number":       {header + row + "M-2,F,123,m@example.com,pl,,,\n", []string{">3<", "<code>nip</code>"}},
		"a wrong address":          {header + "M-2,F,5260250274,m,pl,,,\n", []string{">2<", "<code>email</code>"}},
		"another language":         {header + "M-2,F,5260250274,m@example.com,de,,,\n", []string{"<code>language</code>"}},
		"neither yes nor no":       {header + "M-2,F,5260250274,m@example.com,pl,maybe,,\n", []string{"<code>distributor</code>"}},
		"no distributor":           {header + "M-2,F,5260250274,m@example.com,pl,,M-9,\n", []string{"<code>distributor_code</code>"}},
		"twice":                    {header + row + row, []string{">3<", "<code>code</code>", "wierszu 2"}},
		"a user name that is gone": {header + "M-2,F,5260250274,m@example.com,pl,,,kowal 1\n", []string{"<code>user</code>"}},
		"a column that is unknown": {"code,name,nip,email,language,phone\n" + row, []string{">1<", "<code>phone</code>"}},
		"a column that is missing": {"code,name,nip,email\n", []string{"<code>language</code>", "Brakuje"}},
		"too few cells":            {header + "M-2,F\n" + row, []string{">2<", "Wiersz ma 2 pól, a nagłówek 8"}},
		"an open quotation mark":   {header + "M-2,\"F,5260250274\n", []string{"Cudzysłów"}},
		"no rows":                  {header, []string{"żadnego wiersza"}},
		"nothing":                  {"", []string{"żadnego wiersza"}},
		"too many rows":            {header + manyRows(importRowsMax+1), []string{fmt.Sprintf(">%d<", importRowsMax+2), "Prosimy go podzielić"}},
		"hostile text":             {"<script>alert(1)</script>,x\n", []string{"&lt;script&gt;"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, a := range []answer{v.upload("/customers/import", c.text), v.post("/customers/import/confirm", "text", c.text)} {
				if a.StatusCode != http.StatusUnprocessableEntity {
					t.Errorf("%s", a.Status)
				}
				a.wants(t, c.wants...)
				a.lacks(t, `action="/customers/import/confirm"`, "<script>")
			}
		})
	}
	if a := v.upload("/customers/import", header+strings.Repeat("x", importBytesMax)); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a file that is too large: %s", a.Status)
	}
	if got := w.events(); got != before {
		t.Errorf("mistakes caused %d events", got-before)
	}
}

func manyRows(n int) string {
	var rows strings.Builder
	for i := range n {
		fmt.Fprintf(&rows, "R-%d,F,5260250274,m@example.com,pl,,,\n", i)
	}
	return rows.String()
}

// TestCatalogue lists a program, releases a version, sets and withdraws a price, and shows who did it when.
func TestCatalogue(t *testing.T) {
	w := newWorld(t)
	v := w.browser("operator-1")
	v.open("/catalogue").wants(t, "Magazyn &lt;&amp;&gt;", "/catalogue/magazyn")
	step := func(path string, fields ...string) {
		t.Helper()
		if a := v.post(path, fields...); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %s\n%s", path, a.Status, a.text)
		}
	}
	step("/catalogue", "program", "faktury", "name", "Faktury")
	step("/catalogue/faktury/versions", "edition", "single", "version", "2.0")
	step("/catalogue/faktury/prices", "edition", "single", "from", "", "to", "2.0", "net", "1 234,56", "vat_rate", "23")
	step("/catalogue/faktury/prices", "edition", "single", "from", "", "to", "2.0", "net", "999", "vat_rate", "23")
	v.open("/catalogue/faktury").wants(t, "PriceSet", "234,56", "999,00", "user-operator-1")
	step("/catalogue/faktury/prices/withdraw", "entry", "faktury-single-new-2.0")
	v.open("/catalogue/faktury").wants(t, "PriceWithdrawn")
	if program := stateOf[domain.Program](w, domain.ProgramStream("faktury")); len(program.Prices) != 0 || program.Highest(domain.SingleStation) != "2.0" {
		t.Errorf("the program is %+v", program)
	}
	before := w.events()
	for path, fields := range map[string][]string{
		"/catalogue":                  {"program", "Ż", "name", "x"},
		"/catalogue/magazyn/versions": {"edition", "single", "version", "x"},
		"/catalogue/magazyn/prices":   {"edition", "single", "to", "3.0", "net", "-1", "vat_rate", "23"},
	} {
		if a := v.post(path, fields...); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	if a := v.post("/catalogue/none/versions", "edition", "single", "version", "1.0"); a.StatusCode != http.StatusNotFound {
		t.Errorf("a program that is not there: %s", a.Status)
	}
	if got := w.events(); got != before {
		t.Errorf("refusals caused %d events", got-before)
	}
}

// TestGrantLicenceOnPage records a copy once, and finds it again.
func TestGrantLicenceOnPage(t *testing.T) {
	w := newWorld(t)
	v := w.browser("operator-1")
	path := "/customers/" + string(kowal)
	fields := []string{"code", "L-77", "program", "magazyn", "edition", "single", "version", "2.0", "stations", "1", "activated", "yes"}
	for range 2 {
		if a := v.post(path+"/licences", fields...); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s\n%s", a.Status, a.text)
		}
	}
	serial := domain.LicenceIDOf("L-77").Serial()
	v.open(path).wants(t, serial)
	v.open("/licences?q="+serial).wants(t, serial, "Kuźnia Kowal", "1 licencja")
	v.open("/licences?q=nothing").wants(t, "Nic nie znaleziono")
	v.post(path+"/licences", "code", "L-78", "program", "magazyn", "edition", "multi", "version", "3.0", "stations", "1").wants(t, "Liczba stanowisk musi wynosić", `value="L-78"`)
	if a := v.get("/licences?q=" + strings.Repeat("x", searchMax+1)); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a long search: %s", a.Status)
	}
	for _, query := range []string{"q=%00", "q=%ff", "page=0", "page=x", "page=999999999999"} {
		if a := v.get("/customers?" + query); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s", query, a.Status)
		}
	}
}

// TestPagesOfALongList walks through a list page by page.
func TestPagesOfALongList(t *testing.T) {
	w := newWorld(t)
	for i := range listRows {
		w.register(domain.CustomerID(fmt.Sprintf("many-%03d", i)), fmt.Sprintf("Many %03d", i), false)
	}
	w.settle()
	v := w.browser("operator-1")
	seen := 0
	first := v.open("/customers")
	first.wants(t, `rel="next"`, "1–100 z 104")
	first.lacks(t, `rel="prev"`)
	second := v.open("/customers?page=2")
	second.wants(t, `rel="prev"`)
	second.lacks(t, `rel="next"`)
	for _, a := range []answer{first, second} {
		seen += strings.Count(a.text, `href="/customers/many-`)
	}
	if seen != listRows {
		t.Errorf("two pages show %d of %d", seen, listRows)
	}
	v.open("/customers?q=001+MANY").wants(t, "Many 001", "1 klient")
	v.open("/customers?q=kuznia").wants(t, "Kuźnia Kowal", "1 klient")
	v.open("/sales?sort=-gross&only=open").wants(t, "Nic nie znaleziono")
}
