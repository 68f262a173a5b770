package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// billedWorld has one order of kowal, paid in two months, and one of obcy, whose name a spreadsheet would take for a formula.
func billedWorld(t *testing.T) (w *world, kowals, obcys string) {
	w = newWorld(t, func(o *Options) {
		o.Workbook = func(sheets []Sheet) ([]byte, error) { return fmt.Append(nil, sheets), nil }
	})
	kowals, _ = w.browser("kowal").orderOf(updateKowal)
	w.pay(kowals, 10000)
	w.payOn(kowals, 45227, "2026-10-31")
	w.register("formula", "=HYPERLINK(\"x\") ŁÓDŹ", false)
	var order orderAnswer
	program := w.program("obcy")
	program.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
	program.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	obcys = "/orders/" + order.ID
	w.pay(obcys, 110577)
	w.settleAll()
	return w, kowals, obcys
}

// payOn books money with a day of value of its own.
func (w *world) payOn(path string, amount domain.Money, on domain.Day) {
	w.t.Helper()
	do(w, domain.RecordPayment{Order: domain.OrderID(strings.TrimPrefix(path, "/orders/")), Transfer: domain.TransferID("t-" + w.newID()), Amount: amount, ValueOn: on})
}

func TestInvoicesForTheBooks(t *testing.T) {
	w, _, _ := billedWorld(t)
	v := w.browser("accounting-1")
	v.open("/invoices").wants(t, `href="/invoices/2026-11/csv"`, `href="/invoices/2026-10/json"`, "szkic FA(3)")
	october, november := v.open("/invoices/2026-10/csv"), v.open("/invoices/2026-11/csv")
	if again := v.open("/invoices/2026-11/csv"); again.text != november.text {
		t.Error("the same month gave other bytes")
	}
	head, body, _ := strings.Cut(november.text, "\r\n")
	sum := sha256.Sum256([]byte(body))
	if !strings.HasPrefix(head, "\ufeffZestawienie do faktur;2026-11;pozycja dziennika;") || !strings.HasSuffix(head, ";"+hex.EncodeToString(sum[:])) {
		t.Errorf("the first line is %q", head)
	}
	october.wants(t, "2026/000001;zaliczka;2026-10;2026-10-31;Kuźnia Kowal;1234563218;23%;367,70;84,57;452,27;;;\r\n")
	november.wants(t, strings.Join(handoverColumns, ";"), "2026/000001;rozliczenie;;2026-11-23;Kuźnia Kowal;1234563218;23%;81,30;18,70;100,00;;;\r\n",
		"2026/000002;faktura;;2026-11-23;Obcy Canary;1234563218;23%;899,00;206,77;1105,77;;;\r\n")
	v.open("/invoices/2026-11/xlsx").wants(t, "Faktury 2026-11", "rozliczenie", hex.EncodeToString(sum[:]))

	orders, err := OrdersPaidIn(t.Context(), w.log, "2026-11")
	if err != nil {
		t.Fatal(err)
	}
	handover, err := HandoverOf(t.Context(), w.log, "2026-11", orders)
	if err != nil {
		t.Fatal(err)
	}
	if fromLog, err := handover.CSV(); err != nil || string(fromLog) != november.text {
		t.Errorf("the log alone says, %v,\n%s\nthe page\n%s", err, fromLog, november.text)
	}
	for _, path := range []string{"/invoices/2026-13/csv", "/invoices/2026-11/pdf", "/invoices/x/csv"} {
		if a := v.get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}

// A cell that begins like a formula is written so that it is none, and read back as it was.
func TestCellsAreNoFormulas(t *testing.T) {
	for text, cell := range map[string]string{"=1+1": "'=1+1", "+48": "'+48", "-5": "'-5", "@x": "'@x", "\tx": "'\tx", "'quoted'": "'quoted'", "x=1": "x=1", "": ""} {
		if harmlessCell(text) != cell || plainCell(cell) != text {
			t.Errorf("%q is written %q and read back %q", text, harmlessCell(text), plainCell(cell))
		}
	}
	file, err := Handover{Month: "2026-11", Billed: []Billed{{BuyerName: "=cmd|' /C calc'!A0", Billing: domain.Billing{Rates: []domain.RateAmounts{{Rate: 23, Amounts: domain.Amounts{Net: -100}}}}}}}.CSV()
	if err != nil || !strings.Contains(string(file), ";'=cmd|' /C calc'!A0;") || !strings.Contains(string(file), ";-1,00;") {
		t.Errorf("%v\n%s", err, file)
	}
}

func TestInvoiceDraft(t *testing.T) {
	w, _, _ := billedWorld(t)
	v := w.browser("accounting-1")
	var draft struct {
		Note     string `json:"uwaga"`
		Invoices []struct {
			Order  string `json:"ZamowieniePortalu"`
			Buyer  struct{ NIP, Nazwa string }
			Fa     map[string]any
			Seller map[string]string `json:"Podmiot1"`
		} `json:"faktury"`
	}
	if err := json.Unmarshal([]byte(v.open("/invoices/2026-11/json").text), &draft); err != nil {
		t.Fatal(err)
	}
	if len(draft.Invoices) != 2 || !strings.HasPrefix(draft.Note, "SZKIC") {
		t.Fatalf("%+v", draft)
	}
	settlement, full := draft.Invoices[0], draft.Invoices[1]
	if settlement.Order != "2026/000001" || settlement.Fa["RodzajFaktury"] != "ROZ" || settlement.Fa["P_15"] != "100.00" || settlement.Seller["NIP"] != "1234563218" {
		t.Errorf("%+v", settlement)
	}
	sums := full.Fa["Sumy"].(map[string]any)
	if full.Fa["RodzajFaktury"] != "VAT" || sums["P_13_1"] != "899.00" || sums["P_14_1"] != "206.77" || len(full.Fa["FaWiersz"].([]any)) != 1 {
		t.Errorf("%+v", full)
	}
	v.open("/invoices/2026-10/json").wants(t, `"RodzajFaktury": "ZAL"`, `"WartoscZamowienia": "552.27"`)
	unknown := Handover{Billed: []Billed{{Billing: domain.Billing{Rates: []domain.RateAmounts{{Rate: 7}}}}}}
	if _, err := unknown.Draft(); err == nil {
		t.Error("a rate without a field in FA(3) was left out in silence")
	}
}

// Accounting fills the list in and gives it back: every number is recorded, and shown to the buyer.
func TestNumbersOfInvoicesComeBack(t *testing.T) {
	w, kowals, obcys := billedWorld(t)
	v := w.browser("accounting-1")
	fill := func(text, row, numbers string) string {
		i := strings.Index(text, row)
		if i < 0 {
			t.Fatalf("no row %q in\n%s", row, text)
		}
		end := i + strings.Index(text[i:], ";;;\r\n")
		return text[:end] + ";" + numbers + text[end+len(";;;"):]
	}
	october := fill(v.open("/invoices/2026-10/csv").text, "2026/000001", "FZAL 1/10/2026;;5.11.2026")
	november := fill(v.open("/invoices/2026-11/csv").text, "2026/000001", "FV 7/11/2026;1234563218-20261105-0100001AF629-AA;2026-11-05")
	imported := func(text, location string) {
		t.Helper()
		if a := v.upload("/invoices", text); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != location {
			t.Fatalf("%s to %q\n%s", a.Status, a.Header.Get("Location"), a.text)
		}
	}
	imported(october, "/invoices?recorded=1")
	imported(november, "/invoices?recorded=1") // the row of the other order waits for its number
	imported(november, "/invoices?recorded=0")
	v.open("/invoices?recorded=1").wants(t, "Zapisano dane 1 faktury.")
	w.settleAll()
	w.browser("kowal").open(kowals).wants(t, "Faktura FV 7/11/2026, wystawiona 05.11.2026", "KSeF 1234563218-20261105-0100001AF629-AA", "Faktura FZAL 1/10/2026", "zaliczka za 2026-10")
	w.browser("obcy").open(obcys).lacks(t, "Faktura FV")
	v.open("/invoices/2026-11/csv").wants(t, ";FV 7/11/2026;1234563218-20261105-0100001AF629-AA;2026-11-05\r\n")
	v.open("/invoices/2026-10/csv").wants(t, ";FZAL 1/10/2026;;2026-11-05\r\n")
	v.open("/invoices/2026-11/json").wants(t, `"NrFaZaliczkowej": "FZAL 1/10/2026"`, `"P_2": "FV 7/11/2026"`)

	later := "order;invoice;ksef;issued_on\n2026/000002;FV 8/11/2026;;2026-11-06\n"
	imported(later, "/invoices?recorded=1")
	imported(strings.Replace(later, ";;", ";1234563218-20261105-0100001AF62A-C5;", 1), "/invoices?recorded=1") // KSeF answers later
}

func TestAnImportOfInvoicesIsAllOrNothing(t *testing.T) {
	w, _, _ := billedWorld(t)
	v := w.browser("accounting-1")
	before := w.events()
	refused := func(text string, wants ...string) {
		t.Helper()
		a := v.upload("/invoices", text)
		if a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%q: %s", text, a.Status)
		}
		a.wants(t, append(wants, "Nic nie zostało zapisane")...)
	}
	const head, good = "order;invoice;ksef;issued_on;advance\n", "2026/000001;FV 1;;2026-11-05;\n"
	refused(head+good+"2026/000009;FV 2;;2026-11-05;\n", "Nie ma zamówienia 2026/000009", ">3</th>")
	refused(head+good+"2026/000002;FV 1;;2026-11-05;\n", "Numer FV 1 należy już do zamówienia 2026/000001")
	refused(head+good+"2026/000001;FV 2;;2026-11-05;\n", "Zamówienie 2026/000001 ma już fakturę FV 1")
	refused(head+good+"2026/000002;FV 2;;2026-11-05;2026-09\n", "Zaliczka za", "2026-11")
	refused(head+good+"2026/000002;FV 2;;2027-01-05;\n", "Data wystawienia", "2026-11-23")
	refused(head+good+"2026/000002;FV 2;8992630753-20240105-2C53E1BFBC51-E9;2026-11-05;\n", "Numer KSeF", "35 znaków")
	refused(head+good+"2026/000002;FV 2;5265877635-20250826-0100001AF629-AF;2026-11-05;\n", "innego sprzedawcy")
	refused(head+"zam;;;5 listopada;\n", "2026/000123", "Brakuje numeru faktury", "To nie jest dzień")
	refused("zamówienie;rodzaj;numer faktury;data wystawienia\n2026/000001;korekta;FK 1;2026-11-05\n", "korygujących")
	refused(head, "W żadnym wierszu nie ma numeru faktury")
	refused("a;b\n1;2\n", "Brakuje wiersza nagłówków")
	refused(head+"2026/000001;\"FV 1;;2026-11-05;\n", "Cudzysłów jest otwarty")
	if after := w.events(); after != before {
		t.Errorf("refused imports wrote %d events", after-before)
	}
	if a := v.upload("/invoices", head+strings.Repeat(good, invoiceUploadMax/len(good)+1)); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a file that is too large: %s", a.Status)
	}
	if a := v.post("/invoices", "file", "x"); a.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("no file: %s", a.Status)
	}
	rows, mistakes := ReadInvoices([]byte(head+strings.Repeat(good, InvoiceRowsMax+1)), domain.English)
	if len(mistakes) != 1 || mistakes[0].Line != InvoiceRowsMax+2 || len(rows) != InvoiceRowsMax+1 {
		t.Errorf("too many rows: %d, %+v", len(rows), mistakes)
	}
	windows := []byte("Zam\xf3wienie;Numer faktury;Data wystawienia\n2026/000001;FV \xa3\xd3D\x8f 1;05.11.2026\n")
	if rows, mistakes := ReadInvoices(windows, domain.Polish); len(mistakes) > 0 || len(rows) != 1 || rows[0].Invoice != "FV ŁÓDŹ 1" || rows[0].IssuedOn != "2026-11-05" {
		t.Errorf("Windows-1250: %+v %+v", rows, mistakes)
	}
	if !slices.Equal(InvoiceFormats, []string{"csv", "xlsx", "json"}) {
		t.Errorf("formats %q", InvoiceFormats)
	}
}
