package domain

import (
	"context"
	"errors"
	"fmt"
)

// ProformaNumber is what people call a proforma by, for example PF 2026/000123: a series of its own, apart from orders and invoices.
type ProformaNumber string

// proformaNumberOf is the number with this place in its year.
func proformaNumberOf(year, sequence int) ProformaNumber {
	return ProformaNumber(fmt.Sprintf("PF %04d/%06d", year, sequence))
}

// ProformaNumberAssigned gives the next number of a year's proformas to an order.
type ProformaNumberAssigned struct {
	Order    OrderID        `json:"order"`
	Number   ProformaNumber `json:"number"`
	Sequence int            `json:"sequence"` // its place among the year's, from 1
}

// ProformaNumbers is the register of one year's proformas.
type ProformaNumbers struct {
	Last    int
	ByOrder map[OrderID]ProformaNumber
}

// Evolve folds an event of a register stream.
func (n *ProformaNumbers) Evolve(event Event) {
	if e, ok := event.(ProformaNumberAssigned); ok {
		if n.ByOrder == nil {
			n.ByOrder = map[OrderID]ProformaNumber{}
		}
		n.Last, n.ByOrder[e.Order] = e.Sequence, e.Number
	}
}

// ProformaNumbersStream is the register of a year.
func ProformaNumbersStream(year int) string { return fmt.Sprintf("proformas-%04d", year) }

// AssignProformaNumber gives an order's proforma its number; asking again answers with no events, the number stays.
type AssignProformaNumber struct {
	Order OrderID
	Year  int
}

// Stream of the year's register.
func (c AssignProformaNumber) Stream() string { return ProformaNumbersStream(c.Year) }

// Decide counts up by one.
func (c AssignProformaNumber) Decide(n ProformaNumbers) ([]Event, error) {
	if _, ok := n.ByOrder[c.Order]; ok {
		return nil, nil
	}
	return []Event{ProformaNumberAssigned{Order: c.Order, Number: proformaNumberOf(c.Year, n.Last+1), Sequence: n.Last + 1}}, nil
}

// NumberProforma gives the number of the order's proforma, which stays the same whoever asks and however often.
func NumberProforma(ctx context.Context, log Log, by Cause, order OrderID, year int) (ProformaNumber, error) {
	if _, err := Execute(ctx, log, by, AssignProformaNumber{Order: order, Year: year}); err != nil {
		return "", fmt.Errorf("assign proforma number: %w", err)
	}
	register, err := Load[ProformaNumbers](ctx, log, ProformaNumbersStream(year))
	if err != nil {
		return "", err
	}
	number, ok := register.State.ByOrder[order]
	if !ok {
		return "", errors.New("assign proforma number: the register forgot the order")
	}
	return number, nil
}

// ProformaIssued is the proforma of an order. With the order it is all that the document says, so that it can be written again
// at any time, byte for byte; Digests prove it.
type ProformaIssued struct {
	Order     OrderID             `json:"order"`
	Number    ProformaNumber      `json:"number"`
	Buyer     CustomerID          `json:"buyer" personal:"subject"`
	BuyerName string              `json:"buyer_name" personal:"legal"`
	BuyerNIP  NIP                 `json:"buyer_nip" personal:"legal"`
	IssuedOn  Day                 `json:"issued_on"`
	Open      Money               `json:"open"`    // to be paid at that moment
	Paper     int                 `json:"paper"`   // version of what writes the document
	Digests   map[Language]string `json:"digests"` // SHA-256 of the PDF in each language, hexadecimal
}

// IssueProforma puts the proforma of an order into the log, before the buyer gets it with the confirmation.
type IssueProforma struct {
	ProformaIssued
}

// Stream of the order.
func (c IssueProforma) Stream() string { return OrderStream(c.Order) }

// Decide gives an order one proforma, and none to an order that is over.
func (c IssueProforma) Decide(o Order) ([]Event, error) {
	switch {
	case !o.Exists() || o.Buyer != c.Buyer:
		return nil, refuse(NotFound)
	case o.ProformaNumber != "":
		return nil, nil
	case o.over():
		return nil, refuse(OrderNotOpen)
	}
	return []Event{c.ProformaIssued}, nil
}

// PaymentConfirmation is what the confirmation of an order's payment says: the money that covered the order, as it was known then.
type PaymentConfirmation struct {
	Order     Order
	BuyerName string
	BuyerNIP  NIP
	On        Day // when the money was booked
}
