package handlers

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// TestMatrix draws every module of the code where it belongs, and nothing else.
func TestMatrix(t *testing.T) {
	const text = "1234563218|PL|84102055580000123400005678|123456|NetRom|Zam 2026/000123|||"
	drawn, err := matrixOf(text)
	if err != nil {
		t.Fatal(err)
	}
	if drawn.Size != 33+2*quietZone { // version 4
		t.Errorf("%d modules wide", drawn.Size)
	}
	black := map[[2]int]bool{}
	for _, run := range strings.Split(strings.TrimPrefix(drawn.Path, "M"), "M") {
		var x, y, width, back int
		if n, err := fmt.Sscanf(run, "%d %dh%dv1h-%dz", &x, &y, &width, &back); n != 4 || err != nil || width < 1 || width != back {
			t.Fatalf("%q: %v", run, err)
		}
		for i := range width {
			black[[2]int{x + i, y}] = true
		}
	}
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	for y := range drawn.Size {
		for x := range drawn.Size {
			if black[[2]int{x, y}] != code.Black(x-quietZone, y-quietZone) {
				t.Fatalf("module %d, %d has the wrong colour", x, y)
			}
		}
	}
	if _, err := matrixOf(strings.Repeat("x", 5000)); err == nil {
		t.Error("a text that does not fit was drawn")
	}
}

func TestWays(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	steps := func(names ...string) (list []orderStep) {
		for i, name := range names {
			list = append(list, orderStep{What: name, At: at.Add(time.Duration(i) * time.Hour)})
		}
		return list
	}
	for _, test := range []struct {
		order orderView
		want  string
	}{
		{orderView{Status: domain.AwaitingPayment, Open: 5, Steps: steps(projections.StepSubmitted)}, "ordered done 09, letter now, money later, files later"},
		{orderView{Status: domain.AwaitingPayment, Open: 5, Steps: steps(projections.StepSubmitted, projections.StepConfirmationSent)}, "ordered done 09, letter done 10, money now, files later"},
		{orderView{Status: domain.PartlyPaid, Open: 5, Steps: steps(projections.StepSubmitted, projections.StepConfirmationSent, projections.StepPayment)}, "ordered done 09, letter done 10, money now, files later"},
		{orderView{Status: domain.PaidStatus, Steps: steps(projections.StepSubmitted, projections.StepConfirmationSent, projections.StepPayment, projections.StepPayment, projections.StepFileSent)}, "ordered done 09, letter done 10, money done 12, files now"},
		{orderView{Status: domain.Fulfilled, Steps: steps(projections.StepSubmitted, projections.StepConfirmationSent, projections.StepPayment, projections.StepFileSent)}, "ordered done 09, letter done 10, money done 11, files done 12"},
		{orderView{Status: domain.CancelledStatus, Open: 5, Steps: steps(projections.StepSubmitted, projections.StepCancelled)}, "ordered done 09, letter now, cancelled done 10"},
	} {
		var got []string
		for _, m := range wayOf(test.order) {
			text := m.What + " " + m.State
			if !m.At.IsZero() {
				text += m.At.Format(" 15")
			}
			got = append(got, text)
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: %s, want %s", test.order.Status, strings.Join(got, ", "), test.want)
		}
	}
}

// TestAnOrderFromTheTransferToItsFile looks at the page of an order on its way. Source: R12-R14.
func TestAnOrderFromTheTransferToItsFile(t *testing.T) {
	w := newWorld(t)
	v := w.browser("kowal")
	path, page := v.orderOf(updateKowal)
	id := domain.OrderID(strings.TrimPrefix(path, "/orders/"))
	page.wants(t, `data-copy="84102055580000123400005678"`, `data-copy="552,27"`, "Kod QR z danymi do przelewu", `role="img"`, "Wpłata – później")
	whole := page.field(t, `shape-rendering="crispEdges">.*<path d="([^"]+)"`)
	if a := v.get(path + "/files/1"); a.StatusCode != http.StatusNotFound {
		t.Fatalf("a file before the money: %s", a.Status) // R14
	}
	w.pay(path, 10000)
	w.settle()
	part := v.open(path)
	part.wants(t, "Wpłacono dotąd", `data-copy="452,27"`)
	if part.field(t, `shape-rendering="crispEdges">.*<path d="([^"]+)"`) == whole {
		t.Error("the code does not ask for the open balance")
	}
	w.pay(path, 45227)

	do(w, domain.IssueActivationFile{ActivationFileIssued: domain.ActivationFileIssued{Order: id, Line: 1, Licence: kowalOld, Client: kowal,
		Name: "magazyn.lic", File: []byte("signed\x00file"), Digest: strings.Repeat("0", 64), Key: "k", Payment: "payment"}})
	do(w, domain.RecordActivationFileSent{ActivationFileSent: domain.ActivationFileSent{Order: id, Line: 1, Licence: kowalOld, Copy: 1}})
	w.settle()
	done := v.open(path)
	done.wants(t, "Pliki – zrobione", "Pobierz plik", `href="`+path+`/files/1"`, "Popraw adres")
	done.lacks(t, "Dane do przelewu", "Kod QR", "data-changes", "Wyślij plik ponownie")
	file := v.open(path + "/files/1")
	if file.text != "signed\x00file" || file.Header.Get("Content-Disposition") != "attachment; filename*=UTF-8''magazyn.lic" {
		t.Errorf("the file is %q as %v", base64.StdEncoding.EncodeToString([]byte(file.text)), file.Header)
	}
	api := w.program("kowal")
	if got := api.call("GET", "/api"+path+"/files/1", nil, http.StatusOK, nil); got.text != "signed\x00file" {
		t.Errorf("a program gets %q", got.text)
	}
	for who, paths := range map[*visitor][]string{v: {path + "/files/0", path + "/files/2", path + "/files/x", "/orders/none/files/1"},
		w.browser("obcy"): {path + "/files/1"}, w.browser("dystr"): {path + "/files/1"}} {
		for _, path := range paths {
			if a := who.get(path); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", path, a.Status)
			}
		}
	}

	v.post("/licences/"+string(kowalOld)+"/activation-email", "email", "it@example.com", "email_again", "it@example.com")
	v.open(path).wants(t, "Wyślij plik ponownie", `name="back" value="order"`)
	again := v.post("/licences/"+string(kowalOld)+"/activation-file", "back", "order")
	if again.Header.Get("Location") != path+"?resent" {
		t.Fatalf("sent again: %s to %q", again.Status, again.Header.Get("Location"))
	}
	resent := v.open(again.Header.Get("Location"))
	resent.wants(t, "zostanie wysłany ponownie")
	resent.lacks(t, "Wyślij plik ponownie")
}
