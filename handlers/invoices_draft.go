package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"netrom.pl/portal/domain"
)

// invoiceDraft has the names and the nesting of FA(3), as far as the portal knows what belongs there. It is no structured invoice: the
// books complete, number and send it.
// Source: Ministry of Finance, logical structure FA(3).
type invoiceDraft struct {
	Order    string        `json:"ZamowieniePortalu"`
	Header   draftHeader   `json:"Naglowek"`
	Seller   draftParty    `json:"Podmiot1"`
	Buyer    draftParty    `json:"Podmiot2"`
	Contents draftContents `json:"Fa"`
}

type draftHeader struct {
	Form    string `json:"KodFormularza"`
	Variant int    `json:"WariantFormularza"`
}

type draftParty struct {
	NIP  domain.NIP `json:"NIP,omitempty"`
	Name string     `json:"Nazwa"`
}

type draftContents struct {
	Currency string            `json:"KodWaluty"`
	IssuedOn domain.Day        `json:"P_1,omitempty"`
	Number   string            `json:"P_2,omitempty"`
	PaidOn   domain.Day        `json:"P_6"`
	Sums     map[string]string `json:"Sumy"`
	Gross    string            `json:"P_15"`
	Kind     string            `json:"RodzajFaktury"`
	Advances []draftAdvance    `json:"FakturaZaliczkowa,omitempty"`
	Lines    []draftLine       `json:"FaWiersz,omitempty"`
	Ordered  *draftOrder       `json:"Zamowienie,omitempty"`
}

type draftAdvance struct {
	KSeF   domain.KSeFNumber `json:"NrKSeFFaZaliczkowej,omitempty"`
	Number string            `json:"NrFaZaliczkowej,omitempty"`
}

type draftOrder struct {
	Gross string      `json:"WartoscZamowienia"`
	Lines []draftLine `json:"ZamowienieWiersz"`
}

type draftLine struct {
	Number   int    `json:"NrWiersza"`
	Name     string `json:"P_7"`
	Unit     string `json:"P_8A"`
	Quantity string `json:"P_8B"`
	UnitNet  string `json:"P_9A"`
	Net      string `json:"P_11"`
	Rate     string `json:"P_12"`
}

// draftKinds are the kinds of FA(3).
var draftKinds = map[domain.BillingKind]string{domain.FullBilling: "VAT", domain.AdvanceBilling: "ZAL", domain.SettlementBilling: "ROZ", domain.CorrectionBilling: "KOR"}

// sumFields are the fields for net and tax of a rate; the rate 0 has no tax.
var sumFields = map[domain.VATRate][2]string{23: {"P_13_1", "P_14_1"}, 8: {"P_13_2", "P_14_2"}, 5: {"P_13_3", "P_14_3"}, 0: {"P_13_6_1", ""}}

const draftNote = "SZKIC: to nie jest faktura ustrukturyzowana ani plik do wysłania do KSeF. Pola nazwano jak w strukturze FA(3); program księgowy uzupełnia je, nadaje numer i wysyła."

// Draft writes the hand-over as JSON in the shape of FA(3), clearly called a draft. A rate of tax without a field there is an error.
func (h Handover) Draft() ([]byte, error) {
	drafts := []invoiceDraft{}
	for _, b := range h.Billed {
		draft, err := draftOf(b)
		if err != nil {
			return nil, fmt.Errorf("draft the invoice of order %s: %w", b.Order.Number, err)
		}
		drafts = append(drafts, draft)
	}
	invoices, err := json.Marshal(drafts)
	if err != nil {
		return nil, fmt.Errorf("write drafts: %w", err)
	}
	sum := sha256.Sum256(invoices)
	file, err := json.MarshalIndent(struct {
		Note     string          `json:"uwaga"`
		Month    domain.Month    `json:"miesiac"`
		Position domain.Position `json:"pozycja_dziennika"`
		Digest   string          `json:"sha256_faktur_bez_odstepow"`
		Invoices json.RawMessage `json:"faktury"`
	}{draftNote, h.Month, h.Position, hex.EncodeToString(sum[:]), invoices}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write drafts: %w", err)
	}
	return append(file, '\n'), nil
}

func draftOf(b Billed) (invoiceDraft, error) {
	draft := invoiceDraft{Order: b.Order.Number.String(), Header: draftHeader{"FA", 3},
		Seller: draftParty{b.Order.Bank.NIP, b.Order.Bank.Recipient}, Buyer: draftParty{b.BuyerNIP, b.BuyerName},
		Contents: draftContents{Currency: "PLN", PaidOn: b.PaidOn, Sums: map[string]string{}, Gross: b.Total.Gross.Decimal(), Kind: draftKinds[b.Kind]}}
	if b.Invoice != nil {
		draft.Contents.Number, draft.Contents.IssuedOn = b.Invoice.Invoice, b.Invoice.IssuedOn
	}
	for _, rate := range b.Rates {
		fields, known := sumFields[rate.Rate]
		if !known {
			return draft, fmt.Errorf("FA(3) has no field for the rate of %d%%; take the CSV", rate.Rate)
		}
		draft.Contents.Sums[fields[0]] = rate.Net.Decimal()
		if fields[1] != "" {
			draft.Contents.Sums[fields[1]] = rate.VAT.Decimal()
		}
	}
	var lines []draftLine
	for _, line := range b.Order.Lines {
		lines = append(lines, draftLine{line.Line, line.ProgramName + " " + string(line.To), "szt.", strconv.Itoa(line.Stations), line.UnitNet.Decimal(), line.Net.Decimal(), strconv.Itoa(int(line.VATRate))})
	}
	switch b.Kind {
	case domain.FullBilling:
		draft.Contents.Lines = lines
	case domain.SettlementBilling:
		draft.Contents.Lines, draft.Contents.Advances = lines, advancesOf(b.Order)
	case domain.AdvanceBilling:
		draft.Contents.Ordered = &draftOrder{b.Order.Total.Gross.Decimal(), lines}
	}
	return draft, nil
}

// advancesOf an order that are known by their numbers; one in KSeF is named by that number alone.
func advancesOf(order domain.Order) []draftAdvance {
	var advances []draftAdvance
	for _, invoice := range order.Invoices {
		switch {
		case invoice.Advance == "":
		case invoice.KSeF != "":
			advances = append(advances, draftAdvance{KSeF: invoice.KSeF})
		default:
			advances = append(advances, draftAdvance{Number: invoice.Invoice})
		}
	}
	return advances
}
