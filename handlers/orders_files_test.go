package handlers

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/witness"
)

// TestAFileHasTheProofOfItsRelease downloads an activation file and, as soon as a checkpoint covers it, the proof that a payment released it.
func TestAFileHasTheProofOfItsRelease(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	path, _ := v.orderOf(updateKowal)
	id := domain.OrderID(strings.TrimPrefix(path, "/orders/"))
	w.pay(path, 10000)
	w.pay(path, 45227)
	payment := w.lastOf(domain.OrderStream(id), "PaymentReceived")
	file := []byte("signed\x00file")
	do(w, domain.IssueActivationFile{ActivationFileIssued: domain.ActivationFileIssued{Order: id, Line: 1, Licence: kowalOld, Client: kowal,
		Name: "magazyn.lic.txt", File: file, Digest: digestOf(file), Key: "k", Payment: payment.ID}})
	w.settle()
	v.open(path).wants(t, `href="`+path+`/files/1/proof"`, "Dowód wydania to podpisany wyciąg")
	if a := v.get(path + "/files/1/proof"); a.StatusCode != http.StatusConflict || !strings.Contains(a.text, "Dowodu jeszcze nie ma") {
		t.Errorf("before a checkpoint: %s\n%s", a.Status, a.text)
	}
	w.sign()
	signedAgain := false // while the proof is put together
	w.server.Evidence = meanwhile{w.server.Evidence, func() {
		if !signedAgain {
			signedAgain = true
			w.pay(path, 1)
			w.sign()
		}
	}}
	proof := v.open(path + "/files/1/proof")
	if got := proof.Header.Get("Content-Disposition"); got != "attachment; filename*=UTF-8''magazyn.lic.txt.proof" {
		t.Errorf("the proof is saved as %s", got)
	}
	keys, err := witness.LoadKeys(filepath.Join(w.signs, witness.KeysFile))
	if err != nil {
		t.Fatal(err)
	}
	release, err := witness.CheckRelease([]byte(proof.text), []byte(v.open(path+"/files/1").text), keys)
	if err != nil || release.PaymentID() != payment.ID || release.Payment.Entry.Position != payment.Position {
		t.Errorf("the proof says that %s released the file, want %s: %v", release.PaymentID(), payment.ID, err)
	}
	if got := w.program("kowal").call("GET", "/api"+path+"/files/1/proof", nil, http.StatusOK, nil); got.text != proof.text {
		t.Error("a program gets another proof")
	}
	for who, paths := range map[*visitor][]string{v: {path + "/files/2/proof", path + "/files/x/proof", "/orders/none/files/1/proof"},
		w.browser("obcy"): {path + "/files/1/proof"}, w.browser("dystr"): {path + "/files/1/proof"}} {
		for _, path := range paths {
			if a := who.get(path); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", path, a.Status)
			}
		}
	}
}

// meanwhile is evidence that changes when it was asked.
type meanwhile struct {
	Evidence
	change func()
}

func (m meanwhile) Prove(ctx context.Context, at domain.Position) (Proof, error) {
	proof, err := m.Evidence.Prove(ctx, at)
	m.change()
	return proof, err
}

// lastOf is the last event of a type in a stream.
func (w *world) lastOf(stream, kind string) (last domain.Record) {
	w.t.Helper()
	for record, err := range w.log.Read(w.t.Context(), stream, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		if record.Type == kind {
			last = record
		}
	}
	if last.ID == "" {
		w.t.Fatalf("%s has no %s", stream, kind)
	}
	return last
}
