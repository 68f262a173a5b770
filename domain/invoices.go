package domain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// InvoiceNumberMax is the longest number of an invoice, in bytes.
// Source: FA(3), field P_2 of type TZnakowy: up to 256 characters.
const InvoiceNumberMax = 256

// KSeFNumber is what the national invoicing system calls an invoice by, for example 5265877635-20250826-0100001AF629-AF: tax number
// of the seller, day, twelve hexadecimal digits and a check sum. Empty: none is known.
type KSeFNumber string

// ErrKSeFNumber says that a text is not a KSeF number.
var ErrKSeFNumber = errors.New("not a KSeF number: copy its 35 characters from KSeF, for example 5265877635-20250826-0100001AF629-AF")

var ksefForm = regexp.MustCompile(`^[0-9]{10}-[0-9]{8}-[0-9A-F]{12}-[0-9A-F]{2}$`)

// ksefChecked is how many characters the check sum covers.
const ksefChecked = 32

// ParseKSeFNumber reads a number as KSeF writes it, with blanks around it and small letters allowed; it returns ErrKSeFNumber.
// Source: Ministry of Finance, KSeF 2.0 documentation, "Numer KSeF - struktura i walidacja".
func ParseKSeFNumber(text string) (KSeFNumber, error) {
	text = strings.ToUpper(strings.TrimSpace(text))
	if !ksefForm.MatchString(text) {
		return "", ErrKSeFNumber
	}
	if _, err := time.Parse("20060102", text[11:19]); err != nil {
		return "", ErrKSeFNumber
	}
	if fmt.Sprintf("%02X", crc8(text[:ksefChecked])) != text[ksefChecked+1:] {
		return "", ErrKSeFNumber
	}
	return KSeFNumber(text), nil
}

// Seller is the tax number that stands in front.
func (n KSeFNumber) Seller() NIP { return NIP(n[:10]) }

// crc8 is the check sum with polynomial 0x07 and start 0x00.
func crc8(text string) byte {
	var sum byte
	for i := range len(text) {
		sum ^= text[i]
		for range 8 {
			if high := sum & 0x80; high != 0 {
				sum = sum<<1 ^ 0x07
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

// Month is a calendar month in Poland, as 2006-01. The zero value is no month.
type Month string

// Month of the day; the zero value for no day.
func (d Day) Month() Month {
	if d.Year() == 0 {
		return ""
	}
	return Month(d[:len("2006-01")])
}

// InvoiceRecorded says that the vendor's books have an invoice for the order. It comes a second time with the KSeF number where
// that was given later.
type InvoiceRecorded struct {
	Order    OrderID    `json:"order"`
	Invoice  string     `json:"invoice"` // its number
	KSeF     KSeFNumber `json:"ksef,omitempty"`
	IssuedOn Day        `json:"issued_on"`
	Advance  Month      `json:"advance,omitempty"` // whose part payments it is for; empty: for the order, or what was left of it
}

// InvoiceNumberClaimed says to which order the number of an invoice, or its KSeF number, belongs. It is the only event of its stream.
type InvoiceNumberClaimed struct {
	Invoice string      `json:"invoice"`
	Order   OrderID     `json:"order"`
	Number  OrderNumber `json:"number"`
}

// InvoiceNumber is the number of an invoice and whose it is.
type InvoiceNumber struct {
	InvoiceNumberClaimed
}

// Evolve folds an event of the number's stream.
func (n *InvoiceNumber) Evolve(event Event) {
	if e, ok := event.(InvoiceNumberClaimed); ok {
		n.InvoiceNumberClaimed = e
	}
}

// InvoiceStream is where it stands whose the number of an invoice is, or a KSeF number. Case, blanks and Polish accents make no
// difference. Load [InvoiceNumber] from it to find the order: an empty one means that nobody knows the number.
func InvoiceStream(number string) string {
	return "invoice-" + NameID("invoice", strings.ReplaceAll(foldTitle(number), " ", ""))
}

// ClaimInvoiceNumber gives a number to an order. Twice is harmless.
type ClaimInvoiceNumber struct {
	InvoiceNumberClaimed
}

// Stream of the number.
func (c ClaimInvoiceNumber) Stream() string { return InvoiceStream(c.Invoice) }

// Decide refuses a number that another order has.
func (c ClaimInvoiceNumber) Decide(known InvoiceNumber) ([]Event, error) {
	switch known.Order {
	case "":
		return []Event{c.InvoiceNumberClaimed}, nil
	case c.Order:
		return nil, nil
	}
	return nil, refuse(InvoiceOfOtherOrder, "invoice", known.Invoice, "order", known.Number.String())
}

// RecordInvoice writes down what the vendor's books say. The same again changes nothing.
type RecordInvoice struct {
	InvoiceRecorded
	On Day // today
}

// Stream of the order.
func (c RecordInvoice) Stream() string { return OrderStream(c.Order) }

// Decide refuses a second invoice for the same money, other facts about a known one, an invoice of tomorrow, an advance in a
// month without a payment, and a KSeF number of another seller.
func (c RecordInvoice) Decide(o Order) ([]Event, error) {
	if err := c.check(o); err != nil {
		return nil, err
	}
	for _, known := range o.Invoices {
		sameMoney, sameNumber := known.Advance == c.Advance, InvoiceStream(known.Invoice) == InvoiceStream(c.Invoice)
		switch {
		case !sameMoney && !sameNumber:
		case !sameMoney || !sameNumber || known.IssuedOn != c.IssuedOn || known.KSeF != "" && c.KSeF != "" && known.KSeF != c.KSeF:
			return nil, refuse(InvoiceConflict, "order", o.Number.String(), "invoice", known.describe())
		case c.KSeF == "" || known.KSeF == c.KSeF:
			return nil, nil
		}
	}
	return []Event{c.InvoiceRecorded}, nil
}

func (c RecordInvoice) check(o Order) error {
	if !o.Exists() {
		return refuse(NotFound)
	}
	if err := checkText("invoice", c.Invoice, InvoiceNumberMax); err != nil {
		return err
	}
	switch ksef, err := ParseKSeFNumber(string(c.KSeF)); {
	case !strings.ContainsFunc(c.Invoice, unicode.IsDigit) || strings.TrimSpace(c.Invoice) != c.Invoice:
		return refuse(InvalidInput, "field", "invoice", "limit", fmt.Sprint(InvoiceNumberMax))
	case c.IssuedOn.Year() == 0 || c.On < c.IssuedOn:
		return refuse(InvalidInput, "field", "issued_on", "limit", string(c.On))
	case c.KSeF != "" && (err != nil || ksef != c.KSeF):
		return refuse(InvalidInput, "field", "ksef", "limit", "35")
	case c.KSeF != "" && o.Bank.NIP != "" && c.KSeF.Seller() != o.Bank.NIP:
		return refuse(InvoiceOfOtherSeller, "invoice", string(c.KSeF), "nip", string(o.Bank.NIP))
	case c.Advance != "" && !slices.ContainsFunc(o.Payments, func(p PaymentReceived) bool { return p.ValueOn.Month() == c.Advance }):
		return refuse(InvalidInput, "field", "advance", "limit", cmp.Or(o.paymentMonths(), "-"))
	}
	return nil
}

// describe names an invoice for a person.
func (i InvoiceRecorded) describe() string {
	text := i.Invoice + ", " + string(i.IssuedOn)
	if i.KSeF != "" {
		text += ", KSeF " + string(i.KSeF)
	}
	return text
}

// paymentMonths lists the months in which money came, for a person.
func (o Order) paymentMonths() string {
	var months []string
	for _, payment := range o.Payments {
		months = append(months, string(payment.ValueOn.Month()))
	}
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(months))), ", ")
}

// evolveInvoice keeps the newest facts about each invoice.
func (o *Order) evolveInvoice(e InvoiceRecorded) {
	invoices := slices.Clone(o.Invoices)
	if i := slices.IndexFunc(invoices, func(known InvoiceRecorded) bool { return known.Advance == e.Advance }); i >= 0 {
		invoices[i] = e
	} else {
		invoices = append(invoices, e)
	}
	o.Invoices = invoices
}

// AddInvoice writes an invoice down: its numbers are claimed for the order, then the order knows them. Every step can be
// repeated. Everybody is asked before the first step, so that a refusal leaves nothing behind.
func AddInvoice(ctx context.Context, log Log, by Cause, record RecordInvoice) (Outcome, error) {
	order, err := Load[Order](ctx, log, record.Stream())
	if err != nil {
		return Outcome{}, err
	}
	if events, err := record.Decide(order.State); err != nil || len(events) == 0 {
		return Outcome{Position: order.Last.Position}, err
	}
	var claims []ClaimInvoiceNumber
	for _, number := range []string{record.Invoice, string(record.KSeF)} {
		claim := ClaimInvoiceNumber{InvoiceNumberClaimed{Invoice: number, Order: record.Order, Number: order.State.Number}}
		known, err := Load[InvoiceNumber](ctx, log, claim.Stream())
		if err != nil {
			return Outcome{}, err
		}
		if _, err := claim.Decide(known.State); err != nil {
			return Outcome{}, err
		}
		if number != "" {
			claims = append(claims, claim)
		}
	}
	by.Command = NameID("invoice", string(record.Order), record.Invoice, string(record.KSeF))
	for _, claim := range claims {
		if _, err := Execute(ctx, log, by, claim); err != nil {
			return Outcome{}, err
		}
	}
	return Execute(ctx, log, by, record)
}

// ksefInTitle is a KSeF number in a folded title without blanks; banks may lose the dashes.
var ksefInTitle = regexp.MustCompile(`([0-9]{10})-?([0-9]{8})-?([0-9A-F]{12})-?([0-9A-F]{2})`)

// findKSeFNumbers finds the KSeF numbers in a folded title, with or without
// dashes. Each is named once; one with a wrong check sum is not found.
func findKSeFNumbers(title string) []KSeFNumber {
	const digits = 10 + 8 + 12 + 2 // hexadecimal ones
	seen := 0
	for i := range len(title) {
		if isDigit(title[i]) || title[i] >= 'A' && title[i] <= 'F' {
			seen++
		}
	}
	if seen < digits {
		return nil
	}
	var found []KSeFNumber
	text := strings.ReplaceAll(title, " ", "")
	for len(text) > 0 {
		at := ksefInTitle.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		parts := ksefInTitle.FindStringSubmatch(text)
		number, err := ParseKSeFNumber(strings.Join(parts[1:], "-"))
		if err != nil {
			text = text[at[0]+1:] // digits before it may have been taken for its beginning
			continue
		}
		if !slices.Contains(found, number) {
			found = append(found, number)
		}
		text = text[at[1]:]
	}
	return found
}
