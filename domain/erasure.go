package domain

import (
	"fmt"
)

// Purpose is why a personal text is kept, and so when it may be erased.
type Purpose string

// The purposes. An erasure for LegalPurpose destroys everything about the person.
const (
	ContactPurpose Purpose = "contact" // until the person asks for erasure
	LegalPurpose   Purpose = "legal"   // as long as tax law says
)

// Erased is what is read in place of a personal text whose key was destroyed.
const Erased = "(erased)"

// ErasureProposed says that an operator wants the customer's personal data to be destroyed; another one must agree.
type ErasureProposed struct {
	Customer  CustomerID `json:"customer"`
	Purpose   Purpose    `json:"purpose"`
	By        string     `json:"by"`                   // account
	KeptUntil Day        `json:"kept_until,omitempty"` // last day on which tax law wanted the data; empty: nothing was ever sold
}

// ErasureWithdrawn takes a proposal back.
type ErasureWithdrawn struct {
	Customer CustomerID `json:"customer"`
	Purpose  Purpose    `json:"purpose"`
	By       string     `json:"by"` // account
}

// ErasureConfirmed says that a second operator has agreed. From here on the erasure is owed and cannot be stopped.
type ErasureConfirmed struct {
	Customer CustomerID `json:"customer"`
	Purpose  Purpose    `json:"purpose"`
	By       string     `json:"by"` // account
	// Statements are the bank statements whose payers' data go too: those with the customer's transfers, for LegalPurpose.
	Statements []StatementID `json:"statements,omitempty"`
}

// PersonalDataErased is the certificate: the keys are destroyed, and nothing that was sealed with them can be read again.
type PersonalDataErased struct {
	Customer    CustomerID    `json:"customer"`
	Purpose     Purpose       `json:"purpose"`
	ProposedBy  string        `json:"proposed_by"`
	ConfirmedBy string        `json:"confirmed_by"`
	Keys        []ErasedKey   `json:"keys"` // that were destroyed
	Statements  []StatementID `json:"statements,omitempty"`
	Accounts    []string      `json:"accounts,omitempty"` // that were removed
	Letters     int           `json:"letters"`            // that were removed
}

// ErasedKey names a destroyed key by whose data it sealed and why they were kept.
type ErasedKey struct {
	Subject string  `json:"subject"`
	Purpose Purpose `json:"purpose"`
}

// Erasure is how far the erasure of a customer's data for a purpose has come. The zero value: nobody wants it.
type Erasure struct {
	ProposedBy  string        `json:"proposed_by,omitempty"`
	ConfirmedBy string        `json:"confirmed_by,omitempty"`
	KeptUntil   Day           `json:"kept_until,omitempty"`
	Statements  []StatementID `json:"statements,omitempty"`
	Done        bool          `json:"done,omitempty"`
}

// Owed tells whether two people have agreed and the data are still there.
func (e Erasure) Owed() bool { return e.ConfirmedBy != "" && !e.Done }

// Forgotten tells whether the customer's contact data are gone, or going: nothing more can be sent or sold to it.
func (c Customer) Forgotten() bool {
	for _, erasure := range c.Erasures {
		if erasure.ConfirmedBy != "" || erasure.Done {
			return true
		}
	}
	return false
}

func (c *Customer) evolveErasures(event Event) {
	change := func(purpose Purpose, change func(*Erasure)) {
		erasures := map[Purpose]Erasure{}
		for known, erasure := range c.Erasures {
			erasures[known] = erasure
		}
		erasure := erasures[purpose]
		change(&erasure)
		erasures[purpose] = erasure
		c.Erasures = erasures
	}
	switch e := event.(type) {
	case ErasureProposed:
		change(e.Purpose, func(known *Erasure) { *known = Erasure{ProposedBy: e.By, KeptUntil: e.KeptUntil} })
	case ErasureWithdrawn:
		change(e.Purpose, func(known *Erasure) { *known = Erasure{} })
	case ErasureConfirmed:
		change(e.Purpose, func(known *Erasure) { known.ConfirmedBy, known.Statements = e.By, e.Statements })
	case PersonalDataErased:
		for _, purpose := range e.Purpose.includes() {
			change(purpose, func(known *Erasure) {
				if !known.Done {
					known.ProposedBy, known.ConfirmedBy, known.Done = e.ProposedBy, e.ConfirmedBy, true
				}
				if purpose == e.Purpose {
					known.Statements = e.Statements
				}
			})
		}
		c.erase(e.Purpose)
	}
}

// includes are the purposes whose keys an erasure destroys.
func (p Purpose) includes() []Purpose {
	if p == LegalPurpose {
		return []Purpose{LegalPurpose, ContactPurpose}
	}
	return []Purpose{ContactPurpose}
}

// erase puts [Erased] wherever reading the log again would put it, and gives up the letters that cannot be delivered any more.
func (c *Customer) erase(purpose Purpose) {
	c.Email = Erased
	emails := map[LicenceID]string{}
	for licence := range c.ActivationEmails {
		emails[licence] = Erased
	}
	c.ActivationEmails = emails
	logins := map[string]LoginState{}
	for account, login := range c.Logins {
		login.Sent, login.Failure = login.Link, Failure{}
		logins[account] = login
	}
	c.Logins = logins
	if purpose == LegalPurpose {
		c.Name, c.NIP = Erased, Erased
	}
}

// KeptUntil is the last day on which tax law wants data about a deal, from its last document: five years from the end of
// the year in which the tax fell due, and the tax for a year falls due in the next one. Empty for no document.
// Source: Ordynacja podatkowa, art. 70 § 1 and 86 § 1; ustawa o rachunkowości, art. 74.
func KeptUntil(lastDocument Day) Day {
	year := lastDocument.Year()
	if year == 0 {
		return ""
	}
	const dueAfterYears, keptYears = 1, 5
	return Day(fmt.Sprintf("%04d-12-31", year+dueAfterYears+keptYears))
}

// ErasureFacts are what other streams say of a customer whose data are to be erased.
type ErasureFacts struct {
	On           Day           // today
	OpenOrders   int           // neither cancelled nor delivered, of the customer or for it
	LastDocument Day           // of an order, a payment or a bank statement; empty: nothing was ever sold
	Statements   []StatementID // with the customer's transfers
}

func (f ErasureFacts) check(purpose Purpose) error {
	if f.OpenOrders > 0 {
		return refuse(OrdersStillOpen, "count", fmt.Sprint(f.OpenOrders))
	}
	if until := KeptUntil(f.LastDocument); purpose == LegalPurpose && f.On <= until {
		return refuse(KeptByLaw, "until", string(until))
	}
	return nil
}

// ProposeErasure is the first of two people's wish. The same wish again changes nothing.
type ProposeErasure struct {
	Customer CustomerID
	Purpose  Purpose
	By       string // account
	Facts    ErasureFacts
}

// Stream of the customer.
func (c ProposeErasure) Stream() string { return CustomerStream(c.Customer) }

// Decide refuses while orders are open, and legal data that the law still wants.
func (c ProposeErasure) Decide(known Customer) ([]Event, error) {
	switch {
	case known.ID == "":
		return nil, refuse(NotFound)
	case c.Purpose != ContactPurpose && c.Purpose != LegalPurpose:
		return nil, refuse(InvalidInput, "field", "purpose", "limit", "contact, legal")
	case known.Erasures[c.Purpose].ProposedBy != "":
		return nil, nil
	}
	if err := checkText("by", c.By, IdentityMax); err != nil {
		return nil, err
	}
	if err := c.Facts.check(c.Purpose); err != nil {
		return nil, err
	}
	return []Event{ErasureProposed{Customer: c.Customer, Purpose: c.Purpose, By: c.By, KeptUntil: KeptUntil(c.Facts.LastDocument)}}, nil
}

// WithdrawErasure takes a proposal back before it is confirmed; whoever proposed it may, and everybody else. Twice is harmless.
type WithdrawErasure struct {
	Customer CustomerID
	Purpose  Purpose
	By       string // account
}

// Stream of the customer.
func (c WithdrawErasure) Stream() string { return CustomerStream(c.Customer) }

// Decide refuses what two people have agreed on.
func (c WithdrawErasure) Decide(known Customer) ([]Event, error) {
	switch erasure := known.Erasures[c.Purpose]; {
	case known.ID == "":
		return nil, refuse(NotFound)
	case erasure.ConfirmedBy != "":
		return nil, refuse(ErasureAgreed)
	case erasure.ProposedBy == "":
		return nil, nil
	}
	return []Event{ErasureWithdrawn(c)}, nil
}

// ConfirmErasure is the second person's agreement. Twice is harmless.
type ConfirmErasure struct {
	Customer CustomerID
	Purpose  Purpose
	By       string // account
	Facts    ErasureFacts
}

// Stream of the customer.
func (c ConfirmErasure) Stream() string { return CustomerStream(c.Customer) }

// Decide refuses the person who has proposed it, and checks again what could have changed since.
func (c ConfirmErasure) Decide(known Customer) ([]Event, error) {
	switch erasure := known.Erasures[c.Purpose]; {
	case known.ID == "" || erasure.ProposedBy == "":
		return nil, refuse(NotFound)
	case erasure.ConfirmedBy != "":
		return nil, nil
	case erasure.ProposedBy == c.By:
		return nil, refuse(NeedsSecondPerson)
	}
	if err := checkText("by", c.By, IdentityMax); err != nil {
		return nil, err
	}
	if err := c.Facts.check(c.Purpose); err != nil {
		return nil, err
	}
	confirmed := ErasureConfirmed{Customer: c.Customer, Purpose: c.Purpose, By: c.By}
	if c.Purpose == LegalPurpose {
		confirmed.Statements = c.Facts.Statements
	}
	return []Event{confirmed}, nil
}

// KeysToDestroy are those that seal the customer's data for a purpose.
func (e Erasure) KeysToDestroy(customer CustomerID, purpose Purpose) []ErasedKey {
	var keys []ErasedKey
	for _, included := range purpose.includes() {
		keys = append(keys, ErasedKey{Subject: string(customer), Purpose: included})
	}
	for _, statement := range e.Statements {
		keys = append(keys, ErasedKey{Subject: string(statement), Purpose: LegalPurpose})
	}
	return keys
}

// RecordErasure certifies that the data are gone. A log that was restored from before the agreement is told again, by the
// list of what was forgotten. Twice is harmless.
type RecordErasure struct {
	PersonalDataErased
}

// Stream of the customer.
func (c RecordErasure) Stream() string { return CustomerStream(c.Customer) }

// Decide certifies once.
func (c RecordErasure) Decide(known Customer) ([]Event, error) {
	switch {
	case known.ID == "":
		return nil, refuse(NotFound)
	case known.Erasures[c.Purpose].Done:
		return nil, nil
	}
	return []Event{c.PersonalDataErased}, nil
}
