package paper

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"rsc.io/qr"

	"netrom.pl/portal/domain"
)

// orderOf so many lines, in two rates of tax.
func orderOf(lines int) domain.OrderSubmitted {
	o := domain.OrderSubmitted{Order: "o-1", Number: domain.OrderNumber{Year: 2026, Sequence: 123}, Buyer: "alfa", DueOn: "2026-12-06",
		Bank: domain.BankData{Recipient: "NetRom sp. z o.o.", NIP: "1234563218", Account: "84102055580000123400005678"}, Title: "ZAM 2026/000123-38"}
	names := []string{"Magazyn", "Kadry i płace — moduł ewidencji czasu pracy", "Żółta księga"}
	for i := 1; i <= lines; i++ {
		line := domain.Line{Line: i, ProgramName: names[i%3], Edition: domain.SingleStation, Licence: domain.LicenceID(domain.NameID("licence", fmt.Sprint(i))),
			To: "3.0", Stations: 1, UnitNet: domain.Money(499_00 + i), VATRate: 23}
		if i%4 == 0 {
			line.Edition, line.From, line.Stations = domain.MultiStation, "2.0", 12
		}
		if i%10 == 0 {
			line.VATRate = 8
		}
		line.Amounts = domain.AmountsOf(line.UnitNet*domain.Money(line.Stations), line.VATRate)
		o.Lines, o.Total = append(o.Lines, line), o.Total.Plus(line.Amounts)
	}
	return o
}

func proformaOf(o domain.OrderSubmitted) domain.ProformaIssued {
	return domain.ProformaIssued{Order: o.Order, Number: "PF 2026/000077", Buyer: "alfa", BuyerName: "Zakłady „Gżegżółka” sp. z o.o.", BuyerNIP: "5265877635",
		IssuedOn: "2026-11-22", Open: o.Total.Gross, Paper: Version}
}

func proforma(t testing.TB, o domain.OrderSubmitted, issued domain.ProformaIssued, language domain.Language) []byte {
	t.Helper()
	pdf, err := Printer{}.Proforma(o, issued, language)
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

func confirmation(t testing.TB, language domain.Language) []byte {
	t.Helper()
	order := domain.Order{OrderSubmitted: orderOf(3), Payments: []domain.PaymentReceived{{Amount: 1000_00, ValueOn: "2026-11-20"}, {Amount: 900_00, ValueOn: "2026-11-22"}}}
	pdf, err := Printer{}.PaymentConfirmation(domain.PaymentConfirmation{Order: order, BuyerName: "Łącznik", BuyerNIP: "5265877635", On: "2026-11-22"}, language)
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

func says(t *testing.T, pdf []byte, texts ...string) {
	t.Helper()
	whole := read(t, pdf).text()
	for _, text := range texts {
		if !strings.Contains(whole, text) {
			t.Errorf("the document does not say %q:\n%s", text, whole)
		}
	}
}

func TestProforma(t *testing.T) {
	o := orderOf(3)
	says(t, proforma(t, o, proformaOf(o), domain.Polish), "Faktura proforma", "PF 2026/000077", "22.11.2026", "2026/000123", "06.12.2026", "NetRom sp. z o.o.", "NIP 1234563218",
		"Zakłady „Gżegżółka” sp. z o.o.", "NIP 5265877635", "Kadry i płace — moduł", "Żółta księga", "jednostanowiskowa, 3.0, nr", o.Lines[0].Licence.Serial(), "499,01", "114,77", "613,78",
		"Razem", "1 497,06", "344,32", "1 841,38", "VAT 23%", "Do zapłaty", "1 841,38 zł", "84 1020 5558 0000 1234 0000 5678", "ZAM 2026/000123-38", "To nie jest faktura VAT", "Strona 1 z 1")
	says(t, proforma(t, o, proformaOf(o), domain.English), "Proforma invoice", "single-station, 3.0, no.", "To be paid", "This is not a VAT invoice", "Page 1 of 1")
	part := proformaOf(o)
	part.Open -= 500_00
	says(t, proforma(t, o, part, domain.Polish), "Zapłacono wcześniej", "500,00 zł", "1 341,38 zł")
	if _, err := (Printer{}).Proforma(o, domain.ProformaIssued{IssuedOn: "2026-11-22", Paper: Version + 1}, domain.Polish); err == nil {
		t.Error("a proforma of a later version was written")
	}
	if _, err := (Printer{}).Proforma(o, proformaOf(o), "de"); err == nil {
		t.Error("a proforma in a language without words was written")
	}
}

func TestPaymentConfirmation(t *testing.T) {
	says(t, confirmation(t, domain.Polish), "Potwierdzenie wpłaty", "Zamówienie 2026/000123", "Opłacone dnia", "Łącznik", "20.11.2026", "1 000,00 zł", "900,00 zł",
		"Razem wpłaty", "1 900,00 zł", "1 841,38 zł", "Nadpłata", "58,62 zł")
	says(t, confirmation(t, domain.English), "Confirmation of payment", "Overpaid")
	moved := domain.Order{OrderSubmitted: orderOf(3), Payments: []domain.PaymentReceived{{Amount: 1841_38, ValueOn: "2026-11-20"}, {Amount: 1841_36, ValueOn: "2026-11-24"}},
		TakenBack: []domain.PaymentTakenBack{{Amount: 1841_38, ValueOn: "2026-11-23"}}, Waived: 2}
	back, err := Printer{}.PaymentConfirmation(domain.PaymentConfirmation{Order: moved, BuyerName: "x", On: "2026-11-24"}, domain.Polish)
	if err != nil {
		t.Fatal(err)
	}
	says(t, back, "23.11.2026\n-1 841,38 zł", "Razem wpłaty\n1 841,36 zł", "Umorzona reszta\n0,02 zł")
	order := domain.Order{OrderSubmitted: orderOf(1)}
	for i := range 60 {
		order.Payments = append(order.Payments, domain.PaymentReceived{Amount: domain.Money(10_00 + i), ValueOn: "2026-11-20"})
	}
	pdf, err := Printer{}.PaymentConfirmation(domain.PaymentConfirmation{Order: order, BuyerName: "x", On: "2026-11-22"}, domain.Polish)
	if err != nil {
		t.Fatal(err)
	}
	says(t, pdf, "… 20.11.2026", "355,95 zł", "617,70 zł") // the first 35 together, and all
}

// The code below the table asks for what is open, in the form of the banks' recommendation.
func TestTransferCodeOnProforma(t *testing.T) {
	o := orderOf(3)
	issued := proformaOf(o)
	issued.Open = 1234_56
	const want = "1234563218|PL|84102055580000123400005678|123456|NetRom sp. z o.o.|ZAM 2026/000123-38|||"
	matrix, err := qr.Encode(want, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	modules := read(t, proforma(t, o, issued, domain.Polish)).matrix(t, 0, matrix.Size)
	if text, err := decodeQR(modules); text != want || err != nil {
		t.Errorf("the code says %q, %v; want %q", text, err, want)
	}
	for y := range modules {
		for x := range modules {
			if modules[y][x] != matrix.Black(x, y) {
				t.Fatalf("module %d, %d has the wrong colour", x, y)
			}
		}
	}
	issued.Open = 0
	says(t, proforma(t, o, issued, domain.Polish), "0,00 zł")
	if read(t, proforma(t, o, issued, domain.Polish)).hasCode() {
		t.Error("a code asks for nothing")
	}
}

// hasCode tells whether the first page has many small black squares.
func (r reading) hasCode() bool {
	small := 0
	for _, b := range r.boxes[0] {
		if b.width < 20 && max(b.height, -b.height) < 4 {
			small++
		}
	}
	return small > 50
}

// An order of many lines goes on from page to page with the same head and its running totals, which add up.
func TestManyPages(t *testing.T) {
	for _, lines := range []int{0, 1, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 500} {
		o := orderOf(lines)
		pages := read(t, proforma(t, o, proformaOf(o), domain.English)).pages
		seen, carried := 0, ""
		for i, page := range pages {
			text := strings.Join(page, "\n") + "\n"
			if !strings.Contains(text, "No.\nProgram\nStat.") || !strings.Contains(text, fmt.Sprintf("Page %d of %d", i+1, len(pages))) {
				t.Fatalf("page %d of %d lines has no head or foot:\n%s", i+1, lines, text)
			}
			if _, brought, ok := strings.Cut(text, "Brought forward\n"); i > 0 && seen > 0 && (!ok || !strings.HasPrefix(brought, carried)) {
				t.Fatalf("page %d of %d lines brings forward %.40q, not %q", i+1, lines, brought, carried)
			}
			seen += strings.Count(text, ", no. ") + strings.Count(text, ", no.\n")
			var sum domain.Amounts
			for _, line := range o.Lines[:seen] {
				sum = sum.Plus(line.Amounts)
			}
			carried = strings.Join([]string{plain(sum.Net), plain(sum.VAT), plain(sum.Gross)}, "\n")
			name := "Carried forward\n"
			if i == len(pages)-1 {
				name = "Total\n"
			}
			if !strings.Contains(text, name+carried) {
				t.Fatalf("page %d of %d lines does not say %q", i+1, lines, name+carried)
			}
		}
		if seen != lines {
			t.Errorf("%d of %d lines on %d pages", seen, lines, len(pages))
		}
	}
}

// plain is an amount as it is drawn, with plain blanks.
func plain(m domain.Money) string { return strings.ReplaceAll(amount(m), "\u00a0", " ") }

// Whatever people are called, the document is written, and nothing in it looks like something else.
func TestHostileNames(t *testing.T) {
	for name, want := range map[string]string{
		strings.Repeat("Żółć", 50):                      "ŻółćŻółć",
		strings.Repeat("W", 200):                        "WWWW",
		"\u202egpj.exe\u202c sp. z o.o.":                "gpj.exe sp. z o.o.",
		"חברה בע״מ":                                     "□",
		"🧨🧨 Petarda | PL | 123":                         "□□ Petarda | PL | 123",
		"(a) \\(b\\) <<c>> %%EOF endstream endobj":      "(a) \\(b\\) <<c>> %%EOF endstream endobj",
		"a\u0000b\r\nc\td\u00a0e\u2028f":                "ab c d e f",
		"e\u0301cole \xff Ω Ω":                          "ecole",
		strings.Repeat("bardzo długa nazwa ", 10) + ".": "bardzo długa nazwa",
	} {
		o := orderOf(3)
		o.Bank.Recipient, o.Lines[1].ProgramName, o.Lines[1].To = name, name, domain.Version(name)
		o.Lines[0].Amounts = domain.Amounts{Net: domain.MoneyMax, VAT: domain.MoneyMax, Gross: domain.MoneyMax}
		o.Title = name
		issued := proformaOf(o)
		issued.BuyerName, issued.Open = name, 1
		says(t, proforma(t, o, issued, domain.Polish), want, "100 000 000 000,00")
		order := domain.Order{OrderSubmitted: o, Payments: []domain.PaymentReceived{{Amount: domain.MoneyMax, ValueOn: "2026-11-20"}}}
		if _, err := (Printer{}).PaymentConfirmation(domain.PaymentConfirmation{Order: order, BuyerName: name, On: "2026-11-22"}, domain.Polish); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Every rate from 0 to 100 at once leaves no room, and ends all the same.
func TestEveryRateOfTax(t *testing.T) {
	o := orderOf(101)
	for i := range o.Lines {
		o.Lines[i].VATRate = domain.VATRate(i)
	}
	says(t, proforma(t, o, proformaOf(o), domain.Polish), "VAT 100%", "pozostałe stawki", "To nie jest faktura VAT")
}

func digest(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// digestsOfVersion1 are the documents as version 1 wrote them. A change of one of them changes documents that were issued: it needs a
// new [Version] beside the old one. Another Go release may compress otherwise; then the program must stay with the release before.
var digestsOfVersion1 = []string{
	"db29b60799329cafdd531466a4a5bff8153c71c392cac31e439d1f91d2dd4603",
	"0fe0eab42a084baabb11341bdbc76dd138db78a81121f478ac54dec2373058d4",
	"f743f4ed569ec281681b9f76268671b02fbbb8d2b5decc4ac6c4419f2013b45d",
	"b51c6e3d6a517fb5c0e73056e769eb2f25a2fed71f539358831e82bedff8f451",
	"d00a4ba7c2b5fed9674e9f8218043ab8d9ec43c69603b12bff04db0bd242525b",
	"084d53bf16ca2754cda29c08253b5fb1e66d9f6a75acd174abba92a5027ab341",
	"66c508ec5a8ffc35f85b254caf8b968e17611513022648cb8b4af0c827bc68e8",
	"fdfe5a15c409767a97a9afebce7c010124c6bc7dda1cf3b32ae6ffd58152747c",
}

func everything(t testing.TB) (digests []string) {
	for _, language := range []domain.Language{domain.Polish, domain.English} {
		for _, lines := range []int{1, 3, 40} {
			o := orderOf(lines)
			digests = append(digests, digest(proforma(t, o, proformaOf(o), language)))
		}
		digests = append(digests, digest(confirmation(t, language)))
	}
	return digests
}

func TestVersion1NeverChanges(t *testing.T) {
	got := everything(t)
	if want := strings.Join(digestsOfVersion1, "\n"); strings.Join(got, "\n") != want {
		t.Errorf("documents are\n%s\nwere\n%s", strings.Join(got, "\n"), want)
	}
}

const inAnotherProcess = "PAPER_TEST_PRINT_DIGESTS"

// The same bytes come out again and again, side by side, and in other processes with another time zone and locale.
func TestSameBytesEverywhere(t *testing.T) {
	want := everything(t)
	if os.Getenv(inAnotherProcess) != "" {
		fmt.Println("digests", strings.Join(want, " "))
		return
	}
	for range 5 {
		if again := everything(t); strings.Join(again, " ") != strings.Join(want, " ") {
			t.Fatalf("the same facts gave\n%q and\n%q", want, again)
		}
	}
	t.Run("side by side", func(t *testing.T) {
		for range 4 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				if again := everything(t); strings.Join(again, " ") != strings.Join(want, " ") {
					t.Errorf("the same facts gave\n%q and\n%q", want, again)
				}
			})
		}
	})
	for _, environment := range [][]string{{"TZ=Asia/Tokyo", "LANG=ja_JP.UTF-8"}, {"TZ=America/Los_Angeles", "LC_ALL=C", "GOMAXPROCS=1"}} {
		process := exec.Command(os.Args[0], "-test.run=^TestSameBytesEverywhere$")
		process.Env = append(append(os.Environ(), environment...), inAnotherProcess+"=1")
		out, err := process.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("digests "+strings.Join(want, " ")+"\n")) {
			t.Errorf("with %v: %v\n%s", environment, err, out)
		}
	}
}
