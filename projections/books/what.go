package books

// What a reconciliation says, in codes; pages and programs have words for them.
const (
	// what must agree
	transfersOfStatements = "transfers-of-statements"
	bankAgrees            = "bank-agrees"
	paidOutAgrees         = "paid-out-agrees"
	matchedAndPaid        = "matched-and-paid"
	unmatchedAgrees       = "unmatched-agrees"
	prepaidAgrees         = "prepaid-agrees"
	creditAgrees          = "credit-agrees"
	refundsAgree          = "refunds-agree"
	ordersNumbered        = "orders-numbered"
	licencesTold          = "licences-told"
	deliveredAgrees       = "delivered-agrees"

	// what the portal has still to do; an exception after a day
	paymentsDiffer      = "payments-differ"
	licencesNotReleased = "licences-not-released"
	licencesNotTold     = "licences-not-told"
	licencesDiffer      = "licences-differ"
	fileNotIssued       = "file-not-issued"
	transferMissing     = "transfer-missing"    // detail: its stream
	orderNotSubmitted   = "order-not-submitted" // has a number
	periodNotSealed     = "period-not-sealed"

	// exceptions
	issuedUnpaid      = "issued-unpaid"        // detail: line
	licenceNotOfOrder = "licence-not-of-order" // detail: order
	licenceUnpaid     = "licence-unpaid"       // detail: order
	overmatched       = "overmatched"          // detail: by how much
	orderUnknown      = "order-unknown"
	statementUnknown  = "statement-unknown"
	statementGap      = "statement-gap"  // detail: with what it begins
	numberGap         = "number-gap"     // detail: the number that was the next
	periodDiffers     = "period-differs" // detail: the digest that was sealed
	unbalanced        = "unbalanced"
	moreExceptions    = "more" // detail: how many

	agreeing  = "yes"
	differing = "no"
)

// Whats lists the codes of what a reconciliation says.
var Whats = []string{transfersOfStatements, bankAgrees, paidOutAgrees, matchedAndPaid, unmatchedAgrees, prepaidAgrees, creditAgrees, refundsAgree, ordersNumbered, licencesTold, deliveredAgrees,
	paymentsDiffer, licencesNotReleased, licencesNotTold, licencesDiffer, fileNotIssued, transferMissing, orderNotSubmitted, periodNotSealed,
	issuedUnpaid, licenceNotOfOrder, licenceUnpaid, overmatched, orderUnknown, statementUnknown, statementGap, numberGap, periodDiffers, unbalanced, moreExceptions}
