package bank

import (
	"fmt"
	"strings"
)

// Statement is what one account held and what moved on it from its opening to its closing balance.
type Statement struct {
	Account      string // NRB: 26 digits with correct check digits
	Number       string // as the bank counts its statements, field 28C or ElctrncSeqNb; banks start again every year
	Currency     string // three letters of ISO 4217; all amounts are hundredths of it
	OpeningGrosz int64  // negative: the account was overdrawn
	ClosingGrosz int64
	OpenedOn     Date
	ClosedOn     Date
	Entries      []Entry // in the order of the file; none if nothing moved
}

// close sets the balances and checks that the entries lead from the one to the other.
func (s *Statement) close(opening, closing balance) error {
	s.OpeningGrosz, s.OpenedOn, s.Currency = opening.grosz, opening.on, opening.currency
	s.ClosingGrosz, s.ClosedOn = closing.grosz, closing.on
	sum := s.OpeningGrosz
	for _, entry := range s.Entries {
		sum += entry.AmountGrosz
	}
	switch {
	case closing.currency != s.Currency:
		return refuse(closing.line, "the statement opens in %s and closes in %s; %s", s.Currency, closing.currency, again)
	case closing.on < s.OpenedOn:
		return refuse(closing.line, "the statement closes on %s, before it opens on %s; %s", closing.on, s.OpenedOn, again)
	case sum != s.ClosingGrosz:
		return refuse(closing.line, "opening balance and movements give %s, the closing balance says %s, so entries are missing or changed; %s",
			amountText(sum), amountText(s.ClosingGrosz), again)
	}
	return nil
}

// goOn adds the next page of the statement, which begins at a line of the file.
func (s *Statement) goOn(line int, next Statement) error {
	if next.Account != s.Account || sheet(next.Number) != sheet(s.Number) || next.Currency != s.Currency || next.OpeningGrosz != s.ClosingGrosz {
		return refuse(line, "the page that begins here does not continue statement %s of account %s; %s", s.Number, s.Account, again)
	}
	s.Entries = append(s.Entries, next.Entries...)
	s.ClosingGrosz, s.ClosedOn = next.ClosingGrosz, next.ClosedOn
	return nil
}

// sheet is the number of a statement without that of its page.
func sheet(number string) string {
	number, _, _ = strings.Cut(number, "/")
	return number
}

// Entry is one booking of the bank, or one of the payments in it.
type Entry struct {
	ValueDate         Date
	BookedOn          Date  // the value date where the bank gives no entry date
	AmountGrosz       int64 // signed by its effect on the account: money in is positive
	Mark              Mark
	BankReference     string // of this booking: TNR of mBank, what is behind // in field 61, AcctSvcrRef; may be empty
	CustomerReference string // often NONREF; EndToEndId, often NOTPROVIDED
	Title             string // what the payer wrote; the bank's 27-character slots joined without a blank
	PayerName         string // the other party, often with its address
	PayerAccount      string // of the other party: NRB or foreign IBAN with correct check digits, or empty
	PaidTo            string `json:",omitempty"` // virtual account that the payer used, NRB or the bank's short form (up to 14 digits); empty: the account itself
	Raw               string // fields 61 and 86, or Ntry, or TxDtls of several in one Ntry, as the bank sent them, in UTF-8, lines parted by LF

	// Key is the same for the same booking in every export of the same account, in whatever form, and differs between bookings,
	// also between two equal ones of one day. It is a digest of account, currency, value date, mark, amount, and the bank's
	// reference or else booking date, title and the other side's account; so it tells nothing about the payer.
	Key string

	Line int // of field 61, Ntry or TxDtls in the file, from 1
}

// Mark says which way the money went.
type Mark string

// The marks of field 61. A reversed credit takes money back, a reversed debit gives it back.
const (
	Credit         Mark = "C"
	Debit          Mark = "D"
	ReversedCredit Mark = "RC"
	ReversedDebit  Mark = "RD"
)

// sign is +1 where the mark adds to the account and -1 where it takes.
func (m Mark) sign() int64 {
	if m == Credit || m == ReversedDebit {
		return 1
	}
	return -1
}

// Date is a civil day as 2006-01-02, without time zone: banks book days, not instants.
type Date string

// ParseError says where a file stops making sense and what to do about it. Nothing of such a file may be booked.
type ParseError struct {
	Line   int // from 1; where the file is cut, its last line; 0 means the file as a whole
	Reason string
}

func (e *ParseError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

func refuse(line int, format string, args ...any) *ParseError {
	return &ParseError{Line: line, Reason: fmt.Sprintf(format, args...)}
}

// Remedy is what to do about a file that was refused.
type Remedy string

// The remedies. Reason says the same in more words.
const (
	DownloadAgain Remedy = "download-again" // it is damaged
	ChooseForm    Remedy = "choose-form"    // it is something else, or the bank leaves out too much in this form
	ShorterPeriod Remedy = "shorter-period" // it is too long
)

// Remedy tells what to do about the file.
func (e *ParseError) Remedy() Remedy {
	switch {
	case strings.HasSuffix(e.Reason, again):
		return DownloadAgain
	case strings.HasSuffix(e.Reason, shorter):
		return ShorterPeriod
	}
	return ChooseForm
}
