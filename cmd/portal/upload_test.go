package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/bank"
)

// TestStatementsAreUploadedInTheBrowser sends a bank's file with progress, looks at the preview and books it.
func TestStatementsAreUploadedInTheBrowser(t *testing.T) {
	p := startPortal(t)
	day := bank.Date(handlers.DayOf(p.now()))
	entry := func(reference, title string, grosz int64, mark bank.Mark) bank.Entry {
		return bank.Entry{ValueDate: day, BookedOn: day, AmountGrosz: grosz, Mark: mark, BankReference: reference, CustomerReference: "NONREF", Title: title, PayerName: "PLATNIK"}
	}
	statement := bank.Statement{Account: string(p.vendor.Terms.Bank.Account), Number: "77", Currency: "PLN", OpenedOn: day, ClosedOn: day, ClosingGrosz: 11_300,
		Entries: []bank.Entry{entry("A1", "ZA CHLEB", 12_300, bank.Credit), entry("A2", "PROWIZJA", -1_000, bank.Debit)}}
	var content bytes.Buffer
	if err := bank.WriteMT940(&content, statement); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o755); err != nil { // the browser may be another user
		t.Fatal(err)
	}
	sound, cut := filepath.Join(folder, "sound.sta"), filepath.Join(folder, "cut.sta")
	for name, text := range map[string][]byte{sound: content.Bytes(), cut: content.Bytes()[:content.Len()/2]} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	v := visit(t, p)
	v.logInStaff(p, "ksiegowosc")
	v.open("/statements")
	send := func(files ...string) {
		t.Helper()
		v.do(chromedp.SetUploadFiles(chromedp.CSS("#files"), files), chromedp.Click(chromedp.CSS("#upload button")))
	}
	send(sound, cut)
	v.waits("Nic nie zostało zaksięgowane")
	v.sees("cut.sta", "Plik jest uszkodzony albo niepełny", "wiersz")
	send(sound)
	v.waits("Podgląd")
	v.sees("123,00 zł", "-10,00 zł", "w tytule nie ma numeru zamówienia", "wydatek", "PLATNIK")
	v.examine("the preview of a statement")
	v.look(screen)
	v.press("Zaksięguj")
	v.sees("Zaksięgowano", "1 wyciąg", "77", "113,00 zł", "zgadza się")
	v.shoot("ksiegowosc-statements-booked")
	v.open("/transfers")
	v.sees("ZA CHLEB")
}
