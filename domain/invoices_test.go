package domain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// The first number is the example of the Ministry's documentation; the second one, of a help page, has a wrong check sum there.
func TestKSeFNumber(t *testing.T) {
	for text, want := range map[string]KSeFNumber{
		"5265877635-20250826-0100001AF629-AF":   "5265877635-20250826-0100001AF629-AF",
		" 5265877635-20250826-0100001af629-af ": "5265877635-20250826-0100001AF629-AF",
		"8992630753-20240105-2C53E1BFBC51-E8":   "8992630753-20240105-2C53E1BFBC51-E8",
		"8992630753-20240105-2C53E1BFBC51-E9":   "",
		"5265877635-20250826-0100001AF692-AF":   "", // two digits swapped
		"5265877635-20251326-0100001AF629-B7":   "", // no such month
		"526587763520250826 0100001AF629-AF":    "",
		"":                                      "",
	} {
		got, err := ParseKSeFNumber(text)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrKSeFNumber) {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	if day := "5265877635-20251326-0100001AF629-"; crc8(day[:ksefChecked]) != 0xB7 {
		t.Errorf("the check sum of the impossible day is %02X, so the day is not what was refused", crc8(day[:ksefChecked]))
	}
}

func TestKSeFNumbersInTitles(t *testing.T) {
	const one, other = "5265877635-20250826-0100001AF629-AF", "8992630753-20240105-2C53E1BFBC51-E8"
	for title, want := range map[string][]KSeFNumber{
		"zapłata za " + one:                               {one},
		"KSEF 5265877635-20250826-010\r\n0001AF629-AF":    {one},
		"5265877635202508260100001af629af":                {one},
		"FV 12 NR 5265877635 20250826 0100001AF629 AF":    {one},
		one + ", " + strings.ToLower(other) + " i " + one: {one, other},
		"8992630753-20240105-2C53E1BFBC51-E9":             nil,
		"ZAM 2026/000123-38":                              nil,
		"":                                                nil,
	} {
		if got := findKSeFNumbers(foldTitle(title)); !slices.Equal(got, want) {
			t.Errorf("%q has %q, want %q", title, got, want)
		}
	}
}

const alfaKSeF KSeFNumber = "1234563218-20261105-0100001AF629-AA"

// recorded is the invoice of the stories.
func recorded(change func(*InvoiceRecorded)) RecordInvoice {
	c := RecordInvoice{On: "2026-11-22", InvoiceRecorded: InvoiceRecorded{Order: "o-1", Invoice: "FV 7/11/2026", IssuedOn: "2026-11-05"}}
	if change != nil {
		change(&c.InvoiceRecorded)
	}
	return c
}

func TestRecordInvoice(t *testing.T) {
	submitted := OrderSubmitted{Order: "o-1", Number: OrderNumber{2026, 123}, Buyer: "alfa", Total: Amounts{Gross: 100_00},
		Bank: BankData{NIP: "1234563218"}}
	paid := []Event{submitted, PaymentReceived{Order: "o-1", Transfer: "t-1", Amount: 40_00, ValueOn: "2026-10-31"},
		PaymentReceived{Order: "o-1", Transfer: "t-2", Amount: 60_00, ValueOn: "2026-11-02"}}
	order := func() *scene[Order] { return given[Order](t, paid...) }
	plain := recorded(nil)
	withKSeF := recorded(func(i *InvoiceRecorded) { i.KSeF = alfaKSeF })
	advance := recorded(func(i *InvoiceRecorded) { i.Invoice, i.Advance = "FZAL 3/10/2026", "2026-10" })

	order().when(withKSeF).then(withKSeF.InvoiceRecorded).when(plain).then() // what is not said again stays
	order().when(plain).then(plain.InvoiceRecorded).when(withKSeF).then(withKSeF.InvoiceRecorded)
	order().when(advance).then(advance.InvoiceRecorded).when(plain).then(plain.InvoiceRecorded)
	given[Order](t, submitted).when(plain).then(plain.InvoiceRecorded) // it may come before the money

	conflict := func(change func(*InvoiceRecorded), known string) {
		t.Helper()
		order().when(withKSeF).happened().when(advance).happened().when(recorded(change)).refused(InvoiceConflict, "order", "2026/000123", "invoice", known)
	}
	whole := "FV 7/11/2026, 2026-11-05, KSeF " + string(alfaKSeF)
	conflict(func(i *InvoiceRecorded) { i.Invoice = "FV 8/11/2026" }, whole)
	conflict(func(i *InvoiceRecorded) { i.IssuedOn = "2026-11-06" }, whole)
	conflict(func(i *InvoiceRecorded) { i.KSeF = "1234563218-20261105-0100001AF62A-C5" }, whole)
	conflict(func(i *InvoiceRecorded) { i.Invoice, i.Advance = "FV 8/11/2026", "2026-10" }, "FZAL 3/10/2026, 2026-11-05")
	order().when(advance).happened().when(recorded(func(i *InvoiceRecorded) { i.Invoice = "fzal 3/10/2026" })).
		refused(InvoiceConflict, "order", "2026/000123", "invoice", "FZAL 3/10/2026, 2026-11-05")

	refused := func(change func(*InvoiceRecorded), code string, facts ...string) {
		t.Helper()
		order().when(recorded(change)).refused(code, facts...)
	}
	refused(func(i *InvoiceRecorded) { i.Invoice = "" }, InvalidInput, "field", "invoice", "limit", "256")
	refused(func(i *InvoiceRecorded) { i.Invoice = "brak" }, InvalidInput, "field", "invoice", "limit", "256")
	refused(func(i *InvoiceRecorded) { i.Invoice = " FV 7" }, InvalidInput, "field", "invoice", "limit", "256")
	refused(func(i *InvoiceRecorded) { i.Invoice = "FV 7\n8" }, InvalidInput, "field", "invoice", "limit", "256")
	refused(func(i *InvoiceRecorded) { i.IssuedOn = "2026-11-23" }, InvalidInput, "field", "issued_on", "limit", "2026-11-22")
	refused(func(i *InvoiceRecorded) { i.IssuedOn = "5.11.2026" }, InvalidInput, "field", "issued_on", "limit", "2026-11-22")
	refused(func(i *InvoiceRecorded) { i.KSeF = alfaKSeF[:34] + "0" }, InvalidInput, "field", "ksef", "limit", "35")
	refused(func(i *InvoiceRecorded) { i.KSeF = "5265877635-20250826-0100001AF629-AF" }, InvoiceOfOtherSeller,
		"invoice", "5265877635-20250826-0100001AF629-AF", "nip", "1234563218")
	refused(func(i *InvoiceRecorded) { i.Advance = "2026-09" }, InvalidInput, "field", "advance", "limit", "2026-10, 2026-11")
	given[Order](t).when(plain).refused(NotFound)
}

func TestClaimInvoiceNumber(t *testing.T) {
	claim := func(invoice string, order OrderID) ClaimInvoiceNumber {
		return ClaimInvoiceNumber{InvoiceNumberClaimed{Invoice: invoice, Order: order, Number: OrderNumber{2026, 7}}}
	}
	first := claim("FV 7/11/2026", "o-1")
	given[InvoiceNumber](t).when(first).then(first.InvoiceNumberClaimed).
		when(claim("fv7/11/2026", "o-2")).refused(InvoiceOfOtherOrder, "invoice", "FV 7/11/2026", "order", "2026/000007")
	for _, same := range []string{"fv 7/11/2026", "FV7/11/2026", "FV  7 / 11 / 2026"} {
		if InvoiceStream(same) != first.Stream() {
			t.Errorf("%s has another stream than %s", same, first.Invoice)
		}
	}
	if InvoiceStream("FV 71/1/2026") == first.Stream() {
		t.Error("another number has the same stream")
	}
}

// An invoice is written down as a whole or, where a number is somebody else's, not at all; after an outage the same again ends it.
func TestAddInvoice(t *testing.T) {
	ctx, log := context.Background(), &memory{}
	place := func(order OrderID, sequence int) {
		placed := PlaceOrder{Order: order, Number: OrderNumber{2026, sequence}, Buyer: "alfa", Terms: terms, On: "2026-11-01"}
		if _, err := Execute(ctx, log, by("place "+string(order)), placed); err != nil {
			t.Fatal(err)
		}
	}
	place("o-1", 1)
	place("o-2", 2)
	first := recorded(nil)
	for outageAt := log.appends + 1; outageAt <= log.appends+2; outageAt++ {
		log.outage = func(append int) outage {
			if append == outageAt {
				return unanswered
			}
			return working
		}
		if _, err := AddInvoice(ctx, log, by("import"), first); err != nil && !errors.Is(err, errOutage) {
			t.Fatal(err)
		}
	}
	log.outage = nil
	if _, err := AddInvoice(ctx, log, by("import"), first); err != nil {
		t.Fatal(err)
	}
	if claims, invoices := eventsOf[InvoiceNumberClaimed](log), eventsOf[InvoiceRecorded](log); len(claims) != 1 || len(invoices) != 1 {
		t.Errorf("%+v, %+v", claims, invoices)
	}
	before := len(log.records)
	stolen := recorded(func(i *InvoiceRecorded) { i.Order = "o-2" })
	if _, err := AddInvoice(ctx, log, by("import"), stolen); !errors.Is(err, Refusal{Code: InvoiceOfOtherOrder}) || len(log.records) != before {
		t.Errorf("the number of another order: %v, %d events", err, len(log.records)-before)
	}
	owner, err := Load[InvoiceNumber](ctx, log, InvoiceStream("fv 7/11/2026"))
	if err != nil || owner.State.Order != "o-1" || owner.State.Number != (OrderNumber{2026, 1}) {
		t.Errorf("the number belongs to %+v, %v", owner.State, err)
	}
}
