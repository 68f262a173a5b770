package books

import (
	"fmt"
	"time"

	"netrom.pl/portal/domain"
)

// Entry is one event that moves money, as the journal says it. Its debits equal its credits.
type Entry struct {
	Number     Number
	Position   domain.Position
	RecordedAt time.Time
	On         domain.Day // on which it counts
	LateOf     domain.Day // on which it would count if its month were not closed; empty if On is that day
	Event      string     // type of the event
	ID         string     // of the event
	Actor      string
	OnBehalfOf string
	Document   string          // what it is entered from: statement and transfer, or order
	Reverses   domain.Position // of the entry that it takes back, wholly or in part; 0 if it takes back none
	Postings   []Posting
}

// Number is an entry's place in the books of its year: every number from 1 on is given once. Source: Polish Accounting Act, art. 14.
type Number struct {
	Year, Sequence int
}

// String is the number as it is printed: 2026/000017.
func (n Number) String() string { return fmt.Sprintf("%04d/%06d", n.Year, n.Sequence) }

// Posting moves an amount on one account; either Debit or Credit is above 0.
type Posting struct {
	Account Account
	Detail  string
	Debit   domain.Money
	Credit  domain.Money
}

func debit(account Account, detail string, amount domain.Money) Posting {
	return Posting{Account: account, Detail: detail, Debit: amount}
}

func credit(account Account, detail string, amount domain.Money) Posting {
	return Posting{Account: account, Detail: detail, Credit: amount}
}

// balanced tells whether the debits of an entry equal its credits.
func (e *Entry) balanced() bool {
	var sum Turnover
	for _, p := range e.Postings {
		sum = sum.plus(p)
	}
	return sum.Balance() == 0
}
