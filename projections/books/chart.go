package books

import "netrom.pl/portal/domain"

// Account is an account of the chart, by its name in reports and exports.
type Account string

// The chart of accounts. docs/accounts.md says what each of them holds.
const (
	Bank        Account = "bank"        // money on the vendor's bank accounts, as far as the portal moves it; detail: the account number
	Unmatched   Account = "unmatched"   // came in and belongs to no order yet; detail: the transfer
	Credit      Account = "credit"      // belongs to a customer, for a later order or to be refunded; detail: the customer
	Prepayments Account = "prepayments" // paid on an order and not yet delivered; detail: the order
	Refunds     Account = "refunds"     // confirmed to be paid back; detail: the transfer
	Waived      Account = "waived"      // small differences that the vendor lets go; detail: the order
	Sales       Account = "sales"       // delivered, net; detail: the order
	VAT         Account = "vat"         // on what was delivered; detail: the order
)

// Chart lists the accounts in the order of the reports.
var Chart = []Account{Bank, Unmatched, Credit, Prepayments, Refunds, Waived, Sales, VAT}

// Turnover is what went through an account.
type Turnover struct {
	Debit, Credit domain.Money
}

// Balance is the debit side less the credit side: positive for what the vendor has, negative for what it owes or has earned.
func (t Turnover) Balance() domain.Money { return t.Debit - t.Credit }

func (t Turnover) plus(p Posting) Turnover {
	return Turnover{Debit: t.Debit + p.Debit, Credit: t.Credit + p.Credit}
}
