package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/paper"
)

// rerender writes the order's proforma again from the log alone.
func (o *office) rerender(language domain.Language) []byte {
	o.t.Helper()
	order := o.state()
	file, err := paper.Printer{}.Proforma(order.OrderSubmitted, *order.Proforma, language)
	if err != nil {
		o.t.Fatal(err)
	}
	return file
}

// The proforma is issued before the confirmation, goes with it, and can be written again from the log byte for byte.
func TestProformaGoesWithTheConfirmation(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.work()
	issued := o.state().Proforma
	if issued == nil || issued.Number != "PF 2026/000001" || issued.IssuedOn != "2026-11-22" || issued.Open != order.Total.Gross || issued.BuyerName != "Piekarnia <Złoty> Kłos" {
		t.Fatalf("issued %+v", issued)
	}
	files := o.box[0].Attachments
	if len(files) != 1 || files[0].Name != "proforma-PF-2026-000001.pdf" || files[0].Type != "application/pdf" || !bytes.Equal(files[0].Content, o.rerender(domain.Polish)) {
		t.Fatalf("%d files, %q", len(files), files[0].Name)
	}
	for _, language := range documentLanguages {
		if digest := digestOf(o.rerender(language)); digest != issued.Digests[language] {
			t.Errorf("written again in %s: %s, issued as %s", language, digest, issued.Digests[language])
		}
	}
	o.pay(order.Total.Gross)
	o.clock = o.clock.Add(30 * 24 * time.Hour)
	o.work()
	paid := o.box[1].Attachments
	if len(paid) != 1 || paid[0].Name != "payment-2026-000123.pdf" || !bytes.HasPrefix(paid[0].Content, []byte("%PDF-")) || bytes.Equal(paid[0].Content, files[0].Content) {
		t.Errorf("with the word that the money has come: %d files", len(paid))
	}
	if again := o.state().Proforma; again.Number != issued.Number || again.IssuedOn != issued.IssuedOn {
		t.Errorf("the proforma became %+v", again)
	}
}

// Whoever is interrupted between number, proforma and letter goes on with the same number; other orders get the next ones.
func TestProformaNumbersHaveNoGaps(t *testing.T) {
	o := openOffice(t)
	o.order()
	o.fail = func(Letter) error { return bounced{} }
	o.work()
	o.clock, o.fail = o.state().Failures[string(domain.ConfirmTask)].NextAt, nil
	o.clock = o.clock.Add(400 * 24 * time.Hour) // in the next year
	o.work()
	if number := o.state().ProformaNumber; number != "PF 2026/000001" || len(o.box) != 1 || !bytes.Equal(o.box[0].Attachments[0].Content, o.rerender(domain.Polish)) {
		t.Errorf("after a failure %s, %d letters", number, len(o.box))
	}

	o = openOffice(t)
	o.order()
	by := domain.Cause{Command: "elsewhere", Actor: "system:fulfilment", Correlation: "test", At: o.clock}
	number, err := domain.NumberProforma(t.Context(), o.Log, by, orderID, 2026) // a portal that died behind this
	if err != nil {
		t.Fatal(err)
	}
	o.work()
	if o.state().ProformaNumber != number {
		t.Errorf("numbered %s, issued %s", number, o.state().ProformaNumber)
	}
	for i := range 3 {
		next, err := domain.NumberProforma(t.Context(), o.Log, by, domain.OrderID(fmt.Sprint("other-", i)), 2026)
		if want := domain.ProformaNumber(fmt.Sprintf("PF 2026/%06d", i+2)); err != nil || next != want {
			t.Errorf("%s, %v; want %s", next, err, want)
		}
	}
	if first, err := domain.NumberProforma(t.Context(), o.Log, by, "other-x", 2027); err != nil || first != "PF 2027/000001" {
		t.Errorf("the next year begins with %s, %v", first, err)
	}
}

// altered writes other bytes than were issued.
type altered struct{ paper.Printer }

func (a altered) Proforma(order domain.OrderSubmitted, issued domain.ProformaIssued, language domain.Language) ([]byte, error) {
	file, err := a.Printer.Proforma(order, issued, language)
	return append(file, '\n'), err
}

func TestAnotherProformaThanWasIssuedIsNotSent(t *testing.T) {
	o := openOffice(t)
	o.order()
	o.fail = func(Letter) error { return errors.New("not now") }
	o.work()
	o.clock, o.fail, o.Paper = o.clock.Add(24*time.Hour), nil, altered{}
	o.work()
	if len(o.box) != 0 || o.state().Failures[string(domain.ConfirmTask)].Attempt != 2 {
		t.Errorf("letters %q, failures %+v", o.subjects(), o.state().Failures)
	}
}

// issueProforma does what the process manager does before the confirmation.
func (w *world) issueProforma(order domain.OrderID) {
	w.t.Helper()
	f := Fulfilment{Log: w.log, Paper: paper.Printer{}, Now: w.server.Now}
	d, err := f.openDossier(w.t.Context(), order)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := f.issueProforma(w.t.Context(), d, domain.Task{ID: string(domain.ConfirmTask)}, w.customer(d.Buyer)); err != nil {
		w.t.Fatal(err)
	}
	w.settleAll()
}

// Documents are there for the buyer and for accounting, in both languages, and for nobody else.
func TestDocumentsOfAnOrder(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	path, page := v.orderOf(updateKowal)
	page.lacks(t, "Dokumenty")
	if a := v.get(path + "/documents/proforma-pl"); a.StatusCode != http.StatusNotFound {
		t.Errorf("before it is issued: %s", a.Status)
	}
	id := domain.OrderID(strings.TrimPrefix(path, "/orders/"))
	w.issueProforma(id)
	v.open(path).wants(t, "Dokumenty", "Faktura proforma PF 2026/000001", `href="`+path+`/documents/proforma-pl"`, "PDF po angielsku")
	v.open(path).lacks(t, "Potwierdzenie wpłaty")
	w.pay(path, 55227)
	do(w, domain.RecordInvoice{On: "2026-11-22", InvoiceRecorded: domain.InvoiceRecorded{Order: id, Invoice: "FV <7>/11/2026", KSeF: "1234563218-20261105-0100001AF629-AA", IssuedOn: "2026-11-05"}})
	w.settle()
	v.open(path).wants(t, "Potwierdzenie wpłaty", "Faktura FV &lt;7&gt;/11/2026, wystawiona 05.11.2026", "KSeF 1234563218-20261105-0100001AF629-AA", "numer faktury zapisany")

	program, accounting := w.program("kowal"), w.browser("accounting-1")
	accounting.open("/sales/"+string(id)).wants(t, "Faktura proforma PF 2026/000001", `href="/sales/`+string(id)+`/documents/payment-confirmation-en"`)
	for _, d := range documentsOf(proformaDocument, confirmationDocument) {
		got := v.open(path + "/documents/" + d.Name)
		if got.Header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(got.text, "%PDF-") || !strings.HasSuffix(got.Header.Get("Content-Disposition"), ".pdf") {
			t.Errorf("%s: %v", d.Name, got.Header)
		}
		for who, address := range map[*visitor]string{program: "/api" + path, accounting: "/sales/" + string(id)} {
			if again := who.open(address + "/documents/" + d.Name); again.text != got.text {
				t.Errorf("%s/documents/%s are other bytes", address, d.Name)
			}
		}
		for _, who := range []string{"obcy", "dystr"} {
			if a := w.browser(who).get(path + "/documents/" + d.Name); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s gets %s: %s", who, d.Name, a.Status)
			}
		}
	}
	for _, name := range []string{"proforma", "proforma-de", "invoice-pl", "x"} {
		if a := v.get(path + "/documents/" + name); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", name, a.Status)
		}
	}
	erased := dossier{Order: domain.Order{Proforma: &domain.ProformaIssued{Number: "PF 2026/000001", Paper: 1, IssuedOn: "2026-11-22"}}}
	if file, err := w.server.writeDocument(t.Context(), erased, document{Kind: proformaDocument, Language: domain.Polish}); file != nil || !errors.Is(err, domain.Refusal{Code: domain.NotFound}) {
		t.Errorf("a proforma whose buyer was erased: %v, %v", file, err)
	}
	var told struct {
		Proforma  string
		Documents []struct{ Kind, Language, Name string }
		Invoices  []map[string]string
	}
	program.call("GET", "/api"+path, nil, http.StatusOK, &told)
	names := []string{}
	for _, d := range told.Documents {
		names = append(names, d.Name)
	}
	if told.Proforma != "PF 2026/000001" || !slices.Equal(names, []string{"proforma-pl", "proforma-en", "payment-confirmation-pl", "payment-confirmation-en"}) ||
		len(told.Invoices) != 1 || told.Invoices[0]["ksef"] != "1234563218-20261105-0100001AF629-AA" || told.Invoices[0]["issued_on"] != "2026-11-05" {
		t.Errorf("a program is told %+v", told)
	}
}
