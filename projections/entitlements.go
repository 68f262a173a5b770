package projections

import (
	"netrom.pl/portal/domain"
)

// Entitlement is a program that a customer owns or has ordered. Paid, Activated and a pending order are three separate
// facts: a paid licence can have an unpaid update on its way. Source: R3-R5.
type Entitlement struct {
	Licence        domain.LicenceID
	Serial         string
	Customer       domain.CustomerID
	CustomerName   string
	Program        domain.ProgramID
	ProgramName    string
	Edition        domain.Edition
	Version        domain.Version
	Stations       int
	Email          string // to which the activation file goes
	Paid           bool
	Activated      bool // the activation file of the current version was issued
	PendingOrder   domain.OrderID
	PendingNumber  string
	PendingEdition domain.Edition
	PendingVersion domain.Version
	// Order and Line of the last activation file that the portal issued for the licence; empty and 0 if none.
	Order     domain.OrderID
	Line      int
	FileSent  bool
	MayResend bool // the address was corrected after that file had left
}

// Offer is a row of the updates or of the new programs. Source: R6-R9.
type Offer struct {
	ID             string // names the row towards [Tables.Wishes]
	Entry          domain.EntryID
	Licence        domain.LicenceID // empty for a new program, like everything else about a licence
	Serial         string
	Client         domain.CustomerID
	ClientName     string
	Program        domain.ProgramID
	ProgramName    string
	Edition        domain.Edition
	From, To       domain.Version
	Stations       int // of the licence
	ToMultiStation bool
	Net            domain.Money // of one licence, or of one station
	VATRate        domain.VATRate
	// Obstacle says why the row cannot be ticked; nil if it can.
	Obstacle *domain.Refusal
}

// Pick is a ticked row.
type Pick struct {
	Offer    string
	Client   domain.CustomerID // who gets a new program; empty: the buyer
	Stations int               // wanted in the multi-station edition
	Item     domain.ItemID     // identity of the cart position that it becomes
}
