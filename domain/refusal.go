package domain

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Refusal is the business saying no. Code is one of the constants below and names the sentence that the door says
// in the customer's language; Facts fill its gaps. Refusals with the same code match with errors.Is.
type Refusal struct {
	Code  string            `json:"code"`
	Facts map[string]string `json:"facts,omitempty"`
}

// Error is the refusal for a log line: code only, because facts can name people.
func (r Refusal) Error() string { return "refused: " + r.Code }

// Is compares codes.
func (r Refusal) Is(target error) bool {
	var other Refusal
	return errors.As(target, &other) && other.Code == r.Code
}

func refuse(code string, facts ...string) Refusal {
	r := Refusal{Code: code}
	for i := 0; i+1 < len(facts); i += 2 {
		if r.Facts == nil {
			r.Facts = map[string]string{}
		}
		r.Facts[facts[i]] = facts[i+1]
	}
	return r
}

// IsRefusal tells whether err is the business saying no, and which no.
func IsRefusal(err error) (Refusal, bool) {
	var r Refusal
	return r, errors.As(err, &r)
}

// The ways in which the business says no.
const (
	InvalidInput            = "invalid-input"              // Facts: field, limit
	NotFound                = "not-found"                  // missing, or not visible to whom asks
	AlreadyExists           = "already-exists"             // Facts: what
	ProgramNotListed        = "program-not-listed"         // Facts: program
	VersionNotReleased      = "version-not-released"       // Facts: program, version
	NotADistributor         = "not-a-distributor"          // the named distributor only buys for itself
	DistributorHasNone      = "distributor-has-none"       // a distributor cannot have a distributor itself
	OrderedByDistributor    = "ordered-by-distributor"     // R8. Facts: distributor
	NotYourClient           = "not-your-client"            // ordering for somebody else's client
	NotOnPriceList          = "not-on-price-list"          // no price for this step
	LicenceNotPaid          = "licence-not-paid"           // the licence itself still waits for its money
	UpdateAlreadyOrdered    = "update-already-ordered"     // Facts: order
	UpdateInCart            = "update-in-cart"             // another position of the cart concerns the same licence
	MultiStationNeedsLatest = "multi-station-needs-latest" // R7. Facts: version
	VersionIsOlder          = "version-is-older"           // the entry does not start at the licence's version
	StationsOutOfRange      = "stations-out-of-range"      // Facts: min, max
	CartFull                = "cart-full"                  // Facts: max
	CartEmpty               = "cart-empty"
	CartChanged             = "cart-changed" // prices or possibilities changed, or another window changed the cart
	OrderNotOpen            = "order-not-open"
	OrderPaidAlready        = "order-paid-already"
	OrderHasPayments        = "order-has-payments" // cannot be cancelled, money has come
	OrderNotPaid            = "order-not-paid"     // R13, R14
	AddressUnchanged        = "address-unchanged"  // sent already to this very address
	NotYetSent              = "not-yet-sent"
	TaskNotSkippable        = "task-not-skippable"
	PeriodNotOver           = "period-not-over"         // its books cannot be closed yet. Facts: day
	OrdersStillOpen         = "orders-still-open"       // personal data are needed until then. Facts: count
	KeptByLaw               = "kept-by-law"             // legal data, too early. Facts: until
	NeedsSecondPerson       = "needs-second-person"     // whoever proposed it cannot confirm it
	ErasureAgreed           = "erasure-agreed"          // two people have confirmed it; it cannot be withdrawn
	KeyChangeAgreed         = "key-change-agreed"       // two people have confirmed it; it cannot be withdrawn
	PersonErased            = "person-erased"           // the customer's data were erased, nothing can be sent or sold to it
	SamePerson              = "same-person"             // the second person must be another one
	SecondPersonAwaited     = "second-person-awaited"   // a proposal waits and must be decided first
	OrderRepeated           = "order-repeated"          // one match names it twice. Facts: order
	MoreThanOpen            = "more-than-open"          // Facts: order, open
	MoreThanUnmatched       = "more-than-unmatched"     // Facts: unmatched
	MoneyMoved              = "money-moved"             // somebody has decided about it meanwhile
	PayerUnknown            = "payer-unknown"           // there is no account to send the money back to
	PayerErased             = "payer-erased"            // nothing more can be written down about the transfer
	RefundOver              = "refund-over"             // paid, rejected, or not confirmed
	ImportConflict          = "statement-conflict"      // the same statement number with other contents
	InvoiceConflict         = "invoice-conflict"        // the order has an invoice for this money already, or other facts about it. Facts: order, invoice
	InvoiceOfOtherOrder     = "invoice-of-other-order"  // Facts: invoice, order
	InvoiceOfOtherSeller    = "invoice-of-other-seller" // its KSeF number is not the vendor's. Facts: invoice, nip
)

// limits of text that comes from outside, in bytes
const (
	NameMax     = 200
	EmailMax    = 254
	IdentityMax = 100
)

func checkText(field, text string, max int) error {
	if text == "" || len(text) > max || !utf8.ValidString(text) {
		return refuse(InvalidInput, "field", field, "limit", fmt.Sprint(max))
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return refuse(InvalidInput, "field", field, "limit", fmt.Sprint(max))
		}
	}
	return nil
}
