package paper

import (
	"fmt"
	"strings"
	"time"

	"netrom.pl/portal/domain"
)

// labels are the words of the documents in one language. They belong to [Version]: other words are another version.
type labels struct {
	proforma, notAnInvoice, confirmation, confirmed          string
	issuedOn, order, dueOn, seller, buyer, nip, account      string
	item, stations, unitNet, net, rate, vat, gross, licence  string
	single, multi, amountsIn, carried, brought, total, toPay string
	received, paidBefore, recipient, title, scan, page       string
	valueOn, sum, overpaid, ordered, program, paidOn         string
	otherRates, waived                                       string
}

var spoken = map[domain.Language]labels{
	domain.Polish: {
		proforma: "Faktura proforma", confirmation: "Potwierdzenie wpłaty",
		notAnInvoice: "To nie jest faktura VAT: dokument zachęca do zapłaty, nie jest dowodem księgowym i nie uprawnia do odliczenia podatku. " +
			"Fakturę VAT wystawiamy po otrzymaniu zapłaty.",
		confirmed: "Potwierdzamy, że zamówienie zostało opłacone w całości. To nie jest faktura VAT: fakturę wystawiamy osobno.",
		issuedOn:  "Data wystawienia", order: "Zamówienie", dueOn: "Termin płatności", seller: "Sprzedawca", buyer: "Nabywca", nip: "NIP", account: "Rachunek",
		item: "Lp.", program: "Program", stations: "Stan.", unitNet: "Cena netto", net: "Netto", rate: "VAT", vat: "Kwota VAT", gross: "Brutto",
		licence: "nr", single: "jednostanowiskowa", multi: "wielostanowiskowa", amountsIn: "Kwoty w złotych (PLN)",
		carried: "Do przeniesienia", brought: "Z przeniesienia", total: "Razem", toPay: "Do zapłaty", paidBefore: "Zapłacono wcześniej",
		recipient: "Odbiorca", title: "Tytuł przelewu", scan: "Kod do przelewu w aplikacji banku", page: "Strona %d z %d",
		valueOn: "Data wpływu", received: "Wpłynęło", sum: "Razem wpłaty", overpaid: "Nadpłata", ordered: "Wartość zamówienia brutto",
		paidOn: "Opłacone dnia", otherRates: "pozostałe stawki", waived: "Umorzona reszta",
	},
	domain.English: {
		proforma: "Proforma invoice", confirmation: "Confirmation of payment",
		notAnInvoice: "This is not a VAT invoice: it asks for payment, is no accounting document and gives no right to deduct tax. " +
			"We issue the VAT invoice when the payment has arrived.",
		confirmed: "We confirm that the order has been paid in full. This is not a VAT invoice: we issue that separately.",
		issuedOn:  "Issued on", order: "Order", dueOn: "Payment due on", seller: "Seller", buyer: "Buyer", nip: "Tax no. (NIP)", account: "Account",
		item: "No.", program: "Program", stations: "Stat.", unitNet: "Unit net", net: "Net", rate: "VAT", vat: "VAT amount", gross: "Gross",
		licence: "no.", single: "single-station", multi: "multi-station", amountsIn: "Amounts in złoty (PLN)",
		carried: "Carried forward", brought: "Brought forward", total: "Total", toPay: "To be paid", paidBefore: "Paid before",
		recipient: "Recipient", title: "Transfer title", scan: "Code for the transfer in a Polish bank's app", page: "Page %d of %d",
		valueOn: "Value date", received: "Received", sum: "Payments in all", overpaid: "Overpaid", ordered: "Order, gross",
		paidOn: "Paid on", otherRates: "other rates", waived: "Rest waived",
	},
}

// labelsOf a language that the documents know.
func labelsOf(language domain.Language) (labels, error) {
	words, ok := spoken[language]
	if !ok {
		return words, fmt.Errorf("no documents in language %q", language)
	}
	return words, nil
}

// day as it is written in both languages' documents: 22.11.2026.
func day(d domain.Day) string {
	at, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return at.Format("02.01.2006")
}

// amount without its currency, which paidOn above the table.
func amount(m domain.Money) string {
	return strings.TrimSuffix(m.String(), "\u00a0zł")
}

// edition of a line: what is bought, and from which version.
func (w labels) edition(line domain.Line) string {
	text := w.single
	if line.Edition == domain.MultiStation {
		text = w.multi
	}
	if line.From != "" {
		return fmt.Sprintf("%s, %s → %s", text, line.From, line.To)
	}
	return fmt.Sprintf("%s, %s", text, line.To)
}
