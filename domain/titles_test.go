package domain

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file that testdata does not have yet")

const (
	titlesGolden = "testdata/titles.golden"
	titlesShown  = 80    // of each family, in full
	titlesRead   = 4_000 // of each family, as a digest
)

// pieces are what titles are put together from.
var pieces = map[string][]string{
	"people": {"wpłata", "ZAPLATA ZA", "za program ", "Dziękujemy!", "zamówienie nr ", "ZAM", "zam.", "Zamówienia", "ZAM�WIENIE ", "ORDER NO. ", "order", "RF", "rf ", " ", " ", " ", "/", "-", ".", ",", ":", "#", "nr ",
		"2026", "2026/000123", "2026/000123-38", "000123", "38", "ZAM 2026/000123-38", "zam2026/000124-36", "20260012338", "202600012338", "RF46 2026000123", "2026 000124 36", "1999/000001", "2099/999999"},
	"banks": {"FV ", "FV/", "faktura nr ", "FAKTURA VAT NR ", "NIP", "NIP ", "REGON:", "KSEF ", "UMOWA", "z dnia ", "DNIA", "KONTO", "TEL.", "/VAT/230,00", "/IDC/1234563218", "/INV/", "/INV/ FV 12/2026", "/TXT/", "FV/1/11/2026, FV/2/11/2026",
		"5265877635-20250826-0100001AF629-3C", "5265877635 20250826 0100001AF6293C", "84102055580000123400005678", "PL84 1020 5558 0000 1234 0000 5678", "2026-11-21", "20261121 1230", "1234563218", "2026/000125-34", "ZAM 2026/000126-32", "A", "Z", " "},
	"hostile": {"\x00", "\x80", "\xff", "\xc5", "\u0301", "\u200b", "\u00a0", "\u2028", "\r\n", "\t", "\u2044", "\u2013", "\u2212", "\\", "_", "ſ", "ı", "ß", "ŹŻ", "ł", "İ", "٣", "２", "日本", "😀", "?", "ZAM?W", "ZAM????WIEN", "ZAMOWIEN", "ZAMxxxxWIENUMERNO", "ZAM",
		"0", "9", "2026", "/", "-", ".", " ", "NR", "NUMER", "NO", "RF", "INV/", "/INV/", "/TXT/", "F", "INV", "VAT", "PRO", "KOR", "~", "{}", "[", "`", "@", "/INV//INV/", "2026/000123-38"},
	"digits": {"0", "1", "2", "20", "202", "2026", "26", "0", "00", "000", "3", "38", "9", " ", " ", "/", "-", ".", "  ", "/ ", " -", "ZAM ", "ORDER", "RF"},
	"payers": {"FIRMA ", "Alfa ", "ALFA ", "beta ", "BETA HURT ", "Sp. z o.o. ", "sp z oo,", "S.A. ", "spółka ", "z ", "ograniczoną ", "odpowiedzialnością ", "JAN ", "NOWAK ", "ul. ", "Długa ", "1", "-", "\"", "żółw ", "Zolw Jan Nowak ", "K ", "SK", "\u00a0"},
}

// titleOf puts a title together.
func titleOf(random *rand.Rand, family []string) string {
	var title strings.Builder
	for range 1 + random.IntN(9) {
		title.WriteString(family[random.IntN(len(family))])
	}
	text := []byte(title.String())
	for range random.IntN(3) { // mangled as banks do it: a byte changed or cut
		at := random.IntN(len(text))
		switch random.IntN(4) {
		case 0:
			text[at] = byte(random.IntN(256))
		case 1:
			text = append(text[:at:at], append([]byte(" "), text[at:]...)...)
		}
	}
	return string(text)
}

// reading is everything that is found in a title.
type reading struct {
	Title    string
	Folded   string
	Found    []FoundReference `json:",omitempty"`
	Mistyped bool             `json:",omitempty"`
	Near     []OrderNumber    `json:",omitempty"`
	Invoices []string         `json:",omitempty"`
	Words    []string         `json:",omitempty"`
	Matches  [3]string        // the text as a title, as a title from a payer who is known, and as the payer's name
}

func readTitle(m Matcher, text string, amount Money) reading {
	key, _ := nameKey(text)
	read := reading{Title: text, Folded: foldTitle(text), Found: FindReferences(text), Mistyped: mistypedReference(foldTitle(text)), Near: nearReferences(foldTitle(text)),
		Invoices: findInvoices(foldTitle(text)), Words: strings.Fields(key)}
	for i, received := range []TransferReceived{{Title: text}, {Title: text, PayerAccount: "known"}, {PayerName: text}} {
		received.Transfer, received.Account, received.Amount = "t", "84102055580000123400005678", amount
		finding := m.Match(received)
		line := []string{finding.Rule + finding.Reason}
		for _, part := range finding.Parts {
			line = append(line, fmt.Sprint(part.Number, "=", part.Amount))
		}
		if finding.Credit != nil {
			line = append(line, fmt.Sprint(finding.Credit.Customer, "=", finding.Credit.Amount))
		}
		for _, s := range finding.Suggestions {
			line = append(line, fmt.Sprint(s.Number, "?", s.Amount, strings.Join(s.Why, "+"), s.BuyerName))
		}
		read.Matches[i] = strings.Join(line, " ")
	}
	return read
}

// openTitles are orders that the titles of this test can mean.
func openTitles() Matcher {
	waiting := &Receivables{}
	for i, name := range []string{"Alfa sp. z o.o.", "BETA", "Beta Hurt S.A.", "Żółw Jan Nowak", "Firma"} {
		buyer := CustomerID(fmt.Sprint("c-", i))
		waiting.Name(buyer, name)
		for n := range 4 {
			waiting.Put(Payable{Order: OrderID(fmt.Sprint("o-", i, "-", n)), Number: OrderNumber{2026, 123 + i*4 + n}, Buyer: buyer, BuyerName: name,
				Account: "84102055580000123400005678", Open: Money(100 * (n + 1)), Over: n == 3 && i > 2})
		}
	}
	waiting.Paid("known", "c-1")
	return Matcher{Order: waiting.Order, Waiting: func() *Receivables { return waiting },
		Invoice: func(number string) (OrderNumber, bool) {
			return OrderNumber{2026, 124}, strings.HasPrefix(number, "FV")
		}}
}

// What is found in a title, and which orders it leads to, never changes by accident: orders are booked by it.
func TestTitlesAreReadAsEver(t *testing.T) {
	matcher := openTitles()
	var got strings.Builder
	for _, family := range []string{"people", "banks", "hostile", "digits", "payers"} {
		random := rand.New(rand.NewPCG(7, 8))
		digest := sha256.New()
		for i := range titlesRead {
			line, err := json.Marshal(readTitle(matcher, titleOf(random, pieces[family]), Money(100*(1+i%5))))
			if err != nil {
				t.Fatal(err)
			}
			if digest.Write(append(line, '\n')); i < titlesShown {
				fmt.Fprintf(&got, "%s\n", line)
			}
		}
		fmt.Fprintf(&got, "%d titles of %s: sha256 %x\n", titlesRead, family, digest.Sum(nil))
	}
	golden(t, got.String())
}

func golden(t *testing.T, got string) {
	t.Helper()
	want, err := os.ReadFile(titlesGolden)
	if errors.Is(err, fs.ErrNotExist) && *update {
		if err = os.MkdirAll("testdata", 0o755); err == nil {
			err = os.WriteFile(titlesGolden, []byte(got), 0o644)
		}
		want = []byte(got)
	}
	if err != nil {
		t.Fatal(err)
	}
	lines, wanted := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(lines), len(wanted)) {
		if i >= len(lines) || i >= len(wanted) || lines[i] != wanted[i] {
			t.Fatalf("%s, line %d: read as\n%s\nwant\n%s", titlesGolden, i+1, strings.Join(lines[min(i, len(lines)):min(i+1, len(lines))], ""), strings.Join(wanted[min(i, len(wanted)):min(i+1, len(wanted))], ""))
		}
	}
}
