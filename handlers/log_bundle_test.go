package handlers

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/witness"
)

// TestAuditorsTakeAnOrderAway downloads the bundle of an order, which is about the order alone, and checks it with nothing but the keys.
func TestAuditorsTakeAnOrderAway(t *testing.T) {
	w := newWorld(t)
	order, _ := w.purchase("obcy")
	v := w.browser("auditor-1")
	path := "/log/orders/" + order.ID + "/bundle"
	v.open("/log/trace?of="+order.ID).wants(t, `href="`+path+`"`, "Download evidence bundle")
	file := v.open(path)
	if got := file.Header.Get("Content-Disposition"); got != "attachment; filename*=UTF-8''bundle-"+strings.ReplaceAll(order.Number, "/", "-")+".zip" {
		t.Errorf("it is saved as %s", got)
	}
	file.lacks(t, "Obcy Canary", "obcy@example.com")
	keys, err := witness.LoadKeys(filepath.Join(w.signs, witness.KeysFile))
	if err != nil {
		t.Fatal(err)
	}
	b, err := witness.ReadBundle(bytes.NewReader([]byte(file.text)), int64(len(file.text)), keys)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, proof := range b.Proofs {
		kinds[proof.Entry.Type]++
	}
	if b.Question != (witness.Question{Order: order.Number}) || kinds["StatementImported"] != 1 || kinds["PaymentReceived"] != 1 || kinds["ActivationFileIssued"] != 1 || kinds["LogInspected"] != 0 {
		t.Errorf("asked %v, it holds %v", b.Question, kinds)
	}
	if look := w.lastOf(domain.InspectionsStream("2026-11-22"), "LogInspected").Event.(domain.LogInspected); look.What != domain.BundleInspection ||
		look.Asked["order"] != order.Number || look.Answered != len(b.Proofs) {
		t.Errorf("the look is written down as %+v", look)
	}
	w.pay("/orders/"+order.ID, 1)
	if again := v.open(path); again.text != file.text {
		t.Error("at the same checkpoint it is another file")
	}
	for _, unknown := range []string{"/log/orders/none/bundle", "/log/orders/%00/bundle"} {
		if a := v.get(unknown); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", unknown, a.Status)
		}
	}
}

// TestNoBundleBeforeACheckpoint asks for the bundle of an order that no checkpoint covers.
func TestNoBundleBeforeACheckpoint(t *testing.T) {
	w := newWorld(t)
	buyer := w.browser("kowal")
	path, _ := buyer.orderOf(updateKowal)
	v := w.browser("auditor-1")
	ask := func(when string) {
		t.Helper()
		if a := v.get("/log" + path + "/bundle"); a.StatusCode != http.StatusConflict || !strings.Contains(a.text, "There is no proof yet") {
			t.Errorf("%s: %s", when, a.Status)
		}
	}
	ask("before the first checkpoint")
	w.sign()
	v.open("/log" + path + "/bundle")
	path, _ = buyer.orderOf(multiKowal)
	ask("before the next one")
}
