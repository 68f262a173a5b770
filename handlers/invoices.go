package handlers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"netrom.pl/portal/domain"
)

// Handover is what the payments of a month come to for the vendor's books, where the invoices are made.
type Handover struct {
	Month    domain.Month
	Position domain.Position // of the newest event of its orders
	Billed   []Billed        // by order number
}

// Billed is one invoice to be made, or one that is known already.
type Billed struct {
	Order     domain.Order
	BuyerName string
	BuyerNIP  domain.NIP
	domain.Billing
	Invoice *domain.InvoiceRecorded // nil: none is known
}

// HandoverOf reads the orders anew from the log and says what a month's payments of them come to. Orders without any are left out.
func HandoverOf(ctx context.Context, log domain.Log, month domain.Month, orders []domain.OrderID) (Handover, error) {
	handover := Handover{Month: month}
	buyers := map[domain.CustomerID]domain.Customer{}
	for _, id := range orders {
		loaded, err := domain.Load[domain.Order](ctx, log, domain.OrderStream(id))
		if err != nil {
			return handover, err
		}
		order := loaded.State
		for _, billing := range order.Billings() {
			if billing.Month != month {
				continue
			}
			buyer, known := buyers[order.Buyer]
			if !known {
				customer, err := domain.Load[domain.Customer](ctx, log, domain.CustomerStream(order.Buyer))
				if err != nil {
					return handover, err
				}
				buyer = customer.State
				buyers[order.Buyer] = buyer
			}
			billed := Billed{Order: order, BuyerName: buyer.Name, BuyerNIP: buyer.NIP, Billing: billing}
			if i := slices.IndexFunc(order.Invoices, func(i domain.InvoiceRecorded) bool { return i.Advance == billing.Advance() }); i >= 0 && billing.Kind != domain.CorrectionBilling {
				billed.Invoice = &order.Invoices[i]
			}
			handover.Billed, handover.Position = append(handover.Billed, billed), max(handover.Position, loaded.Last.Position)
		}
	}
	slices.SortFunc(handover.Billed, func(a, b Billed) int { return cmp.Compare(a.Order.Number.String(), b.Order.Number.String()) })
	return handover, nil
}

// OrdersPaidIn finds the orders on which money moved in a month in the log itself, however long that takes.
func OrdersPaidIn(ctx context.Context, log domain.Log, month domain.Month) ([]domain.OrderID, error) {
	found := map[domain.OrderID]bool{}
	for record, err := range log.History(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		switch e := record.Event.(type) {
		case domain.PaymentReceived:
			if e.ValueOn.Month() == month {
				found[e.Order] = true
			}
		case domain.PaymentTakenBack:
			if e.ValueOn.Month() == month {
				found[e.Order] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// billingKinds as they are called in the files for Polish books.
var billingKinds = map[domain.BillingKind]string{domain.FullBilling: "faktura", domain.AdvanceBilling: "zaliczka",
	domain.SettlementBilling: "rozliczenie", domain.CorrectionBilling: "korekta"}

// Columns of the hand-over. Those of the invoice are filled in by whoever makes it, and taken back by [ReadInvoices].
const (
	columnOrder    = "Zamówienie"
	columnKind     = "Rodzaj"
	columnAdvance  = "Zaliczka za"
	columnInvoice  = "Numer faktury"
	columnKSeF     = "Numer KSeF"
	columnIssuedOn = "Data wystawienia"
)

var handoverColumns = []string{columnOrder, columnKind, columnAdvance, "Data wpłaty", "Nabywca", "NIP nabywcy", "Stawka VAT", "Netto", "VAT", "Brutto",
	columnInvoice, columnKSeF, columnIssuedOn}

// Rows are the lines of the hand-over in the order of its columns: one for each invoice and rate of tax. Cells are texts, amounts and days.
func (h Handover) Rows() [][]any {
	var rows [][]any
	for _, b := range h.Billed {
		invoice := domain.InvoiceRecorded{}
		if b.Invoice != nil {
			invoice = *b.Invoice
		}
		for _, rate := range b.Rates {
			rows = append(rows, []any{b.Order.Number.String(), billingKinds[b.Kind], string(b.Advance()), b.PaidOn, b.BuyerName, string(b.BuyerNIP),
				fmt.Sprintf("%d%%", rate.Rate), rate.Net, rate.VAT, rate.Gross, invoice.Invoice, string(invoice.KSeF), invoice.IssuedOn})
		}
	}
	return rows
}

// CSV writes the hand-over for a Polish spreadsheet: semicolons, decimal commas, a byte order mark, and no cell that it would take for a
// formula. The first line says of what it is made and the SHA-256 of all lines below it.
func (h Handover) CSV() ([]byte, error) {
	var body bytes.Buffer
	if err := writeSheet(&body, append([][]any{texts(handoverColumns...)}, h.Rows()...)); err != nil {
		return nil, err
	}
	var file bytes.Buffer
	file.WriteString("\ufeff")
	if err := writeSheet(&file, [][]any{h.about(body.Bytes())}); err != nil {
		return nil, err
	}
	file.Write(body.Bytes())
	return file.Bytes(), nil
}

// Write the hand-over as csv, xlsx or json.
func (h Handover) Write(format string, workbook Workbook) ([]byte, error) {
	switch format {
	case "csv":
		return h.CSV()
	case "json":
		return h.Draft()
	case "xlsx":
		sheets, err := h.Sheets()
		if err != nil {
			return nil, err
		}
		return workbook(sheets)
	}
	return nil, fmt.Errorf("no format %q: there are csv, xlsx and json", format)
}

// about is the line above: what this is, of which month, up to which position of the log, and the digest of what follows.
func (h Handover) about(body []byte) []any {
	sum := sha256.Sum256(body)
	return texts("Zestawienie do faktur", string(h.Month), "pozycja dziennika", fmt.Sprint(h.Position), "SHA-256 wierszy poniżej", hex.EncodeToString(sum[:]))
}

func texts(values ...string) []any {
	cells := make([]any, len(values))
	for i, value := range values {
		cells[i] = value
	}
	return cells
}

func writeSheet(into *bytes.Buffer, rows [][]any) error {
	w := csv.NewWriter(into)
	w.Comma, w.UseCRLF = ';', true
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			switch c := cell.(type) {
			case domain.Money:
				cells[i] = strings.Replace(c.Decimal(), ".", ",", 1)
			default:
				cells[i] = harmlessCell(fmt.Sprint(c))
			}
		}
		if err := w.Write(cells); err != nil {
			return fmt.Errorf("write sheet: %w", err)
		}
	}
	if w.Flush(); w.Error() != nil {
		return fmt.Errorf("write sheet: %w", w.Error())
	}
	return nil
}

// harmlessCell keeps a spreadsheet from taking a text for a formula. Source: OWASP, CSV Injection.
func harmlessCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}

// plainCell is the inverse of harmlessCell.
func plainCell(cell string) string {
	if rest, marked := strings.CutPrefix(cell, "'"); marked && harmlessCell(rest) != rest {
		return rest
	}
	return cell
}

// Workbook writes tables in sheets: their names, headings and rows of texts, amounts and days.
type Workbook func(sheets []Sheet) ([]byte, error)

// Sheet of a workbook.
type Sheet struct {
	Name     string
	Headings []string
	Rows     [][]any
}

// Sheets are the hand-over and, beside it, what the first line of [Handover.CSV] says.
func (h Handover) Sheets() ([]Sheet, error) {
	var body bytes.Buffer
	if err := writeSheet(&body, append([][]any{texts(handoverColumns...)}, h.Rows()...)); err != nil {
		return nil, err
	}
	about := h.about(body.Bytes())
	return []Sheet{{Name: "Faktury " + string(h.Month), Headings: handoverColumns, Rows: h.Rows()},
		{Name: "Opis", Headings: []string{"Zestawienie do faktur", string(h.Month)}, Rows: [][]any{{about[2], about[3]}, {"SHA-256 wierszy w CSV", about[5]}}}}, nil
}
