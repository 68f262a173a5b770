package domain

import (
	"net/mail"
	"strings"
)

// CustomerID is a registered company; opaque, never a name.
type CustomerID string

// CustomerIDOf is the customer that has this code in the vendor's books.
func CustomerIDOf(code string) CustomerID { return CustomerID(NameID("customer", code)) }

// Language of a customer's pages and letters.
type Language string

// The languages of the portal.
const (
	Polish  Language = "pl"
	English Language = "en"
)

// CustomerRegistered makes a company a customer. Its name and tax number are kept as long as the law says; its
// address can be erased on request. Source: R1.
type CustomerRegistered struct {
	Customer    CustomerID `json:"customer" personal:"subject"`
	Name        string     `json:"name" personal:"legal"`
	NIP         NIP        `json:"nip" personal:"legal"`
	Email       string     `json:"email" personal:"contact"`
	Language    Language   `json:"language"`
	Distributor bool       `json:"distributor"` // may order for clients
}

// DistributorAssigned puts a customer under a distributor, who alone orders its updates from now on. Source: R8.
type DistributorAssigned struct {
	Customer    CustomerID `json:"customer"`
	Distributor CustomerID `json:"distributor"`
}

// DistributorRemoved lets a customer order for itself again.
type DistributorRemoved struct {
	Customer    CustomerID `json:"customer"`
	Distributor CustomerID `json:"distributor"`
}

// ActivationEmailCorrected is the address to which the activation file of one licence goes from now on. Source: R4.
type ActivationEmailCorrected struct {
	Customer CustomerID `json:"customer" personal:"subject"`
	Licence  LicenceID  `json:"licence"`
	Email    string     `json:"email" personal:"contact"`
}

// Customer is a registered company.
type Customer struct {
	ID               CustomerID            `json:"id"`
	Name             string                `json:"name"`
	NIP              NIP                   `json:"nip"`
	Email            string                `json:"email"`
	Language         Language              `json:"language"`
	IsDistributor    bool                  `json:"is_distributor"`
	Distributor      CustomerID            `json:"distributor"` // empty: orders for itself
	ActivationEmails map[LicenceID]string  `json:"activation_emails"`
	Corrections      map[LicenceID]int     `json:"corrections"` // how often an activation e-mail was corrected
	Logins           map[string]LoginState `json:"logins"`      // by account
	Erasures         map[Purpose]Erasure   `json:"erasures,omitempty"`
}

// Evolve folds an event of a customer stream.
func (c *Customer) Evolve(event Event) {
	switch e := event.(type) {
	case CustomerRegistered:
		c.ID, c.Name, c.NIP, c.Email, c.Language, c.IsDistributor = e.Customer, e.Name, e.NIP, e.Email, e.Language, e.Distributor
		c.ActivationEmails, c.Corrections, c.Logins = map[LicenceID]string{}, map[LicenceID]int{}, map[string]LoginState{}
	case DistributorAssigned:
		c.Distributor = e.Distributor
	case DistributorRemoved:
		c.Distributor = ""
	case ActivationEmailCorrected:
		c.ActivationEmails[e.Licence] = e.Email
		c.Corrections[e.Licence]++
	case ErasureProposed, ErasureWithdrawn, ErasureConfirmed, PersonalDataErased:
		c.evolveErasures(event)
	default:
		c.evolveLogins(event)
	}
}

// ActivationEmail is where the activation file of a licence goes: the customer's own address until it is corrected.
func (c Customer) ActivationEmail(licence LicenceID) string {
	if email := c.ActivationEmails[licence]; email != "" {
		return email
	}
	return c.Email
}

// CustomerStream is where a customer's events are.
func CustomerStream(id CustomerID) string { return "customer-" + string(id) }

// RegisterCustomer makes a company a customer. Registering it again with the same facts changes nothing.
type RegisterCustomer struct {
	Customer    CustomerID
	Name        string
	NIP         NIP
	Email       string
	Language    Language
	Distributor bool
}

// Stream of the customer.
func (c RegisterCustomer) Stream() string { return CustomerStream(c.Customer) }

// Decide refuses malformed facts and other facts under the same identity.
func (c RegisterCustomer) Decide(known Customer) ([]Event, error) {
	if err := checkText("customer", string(c.Customer), IdentityMax); err != nil {
		return nil, err
	}
	if err := checkText("name", c.Name, NameMax); err != nil {
		return nil, err
	}
	if nip, err := ParseNIP(string(c.NIP)); err != nil || nip != c.NIP {
		return nil, refuse(InvalidInput, "field", "nip", "limit", "10")
	}
	if err := checkEmail("email", c.Email); err != nil {
		return nil, err
	}
	if c.Language != Polish && c.Language != English {
		return nil, refuse(InvalidInput, "field", "language", "limit", "pl, en")
	}
	switch {
	case known.ID == "":
		return []Event{CustomerRegistered(c)}, nil
	case known.Forgotten():
		return nil, refuse(PersonErased)
	}
	if c != (RegisterCustomer{known.ID, known.Name, known.NIP, known.Email, known.Language, known.IsDistributor}) {
		return nil, refuse(AlreadyExists, "what", string(c.Customer))
	}
	return nil, nil
}

func checkEmail(field, email string) error {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || address.Name != "" || len(email) > EmailMax || strings.ContainsAny(email, "\r\n\x00 \"") {
		return refuse(InvalidInput, "field", field, "limit", "name@example.com")
	}
	return nil
}

// AssignDistributor puts a customer under a distributor. Orders already submitted stay as they are; carts are checked
// again when they are submitted.
type AssignDistributor struct {
	Customer    CustomerID
	Distributor Customer // as the log knows it
}

// Stream of the customer.
func (c AssignDistributor) Stream() string { return CustomerStream(c.Customer) }

// Decide refuses whoever is not a distributor, and distributors of distributors.
func (c AssignDistributor) Decide(known Customer) ([]Event, error) {
	switch {
	case known.ID == "" || c.Distributor.ID == "":
		return nil, refuse(NotFound)
	case !c.Distributor.IsDistributor || c.Distributor.ID == known.ID:
		return nil, refuse(NotADistributor)
	case known.IsDistributor:
		return nil, refuse(DistributorHasNone)
	case known.Distributor == c.Distributor.ID:
		return nil, nil
	}
	return []Event{DistributorAssigned{Customer: c.Customer, Distributor: c.Distributor.ID}}, nil
}

// RemoveDistributor lets a customer order for itself again. Removing twice changes nothing.
type RemoveDistributor struct {
	Customer CustomerID
}

// Stream of the customer.
func (c RemoveDistributor) Stream() string { return CustomerStream(c.Customer) }

// Decide refuses unknown customers.
func (c RemoveDistributor) Decide(known Customer) ([]Event, error) {
	switch {
	case known.ID == "":
		return nil, refuse(NotFound)
	case known.Distributor == "":
		return nil, nil
	}
	return []Event{DistributorRemoved{Customer: c.Customer, Distributor: known.Distributor}}, nil
}

// CorrectActivationEmail changes where the activation file of one licence goes. The address it has already changes
// nothing. After the file was sent, a correction allows sending it again. Source: R4.
type CorrectActivationEmail struct {
	Licence Licence // as the log knows it
	Email   string
}

// Stream of the customer who owns the licence.
func (c CorrectActivationEmail) Stream() string { return CustomerStream(c.Licence.Customer) }

// Decide refuses malformed addresses.
func (c CorrectActivationEmail) Decide(owner Customer) ([]Event, error) {
	if owner.ID == "" || !c.Licence.Exists() {
		return nil, refuse(NotFound)
	}
	if owner.Forgotten() {
		return nil, refuse(PersonErased)
	}
	if err := checkEmail("email", c.Email); err != nil {
		return nil, err
	}
	if owner.ActivationEmail(c.Licence.ID) == c.Email {
		return nil, nil
	}
	return []Event{ActivationEmailCorrected{Customer: owner.ID, Licence: c.Licence.ID, Email: c.Email}}, nil
}
