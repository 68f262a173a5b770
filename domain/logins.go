package domain

// LoginGranted gives the customer an account; Link counts the one-time links that were promised to it.
type LoginGranted struct {
	Customer CustomerID `json:"customer"`
	Account  string     `json:"account"`
	Link     int        `json:"link"`
}

// LoginLetterSent says that user name and one-time link have left by letter.
type LoginLetterSent struct {
	Customer CustomerID  `json:"customer"`
	Account  string      `json:"account"`
	Link     int         `json:"link"`
	Letter   *SentLetter `json:"letter,omitempty"` // nil: it left before digests were recorded
}

// LoginLetterFailed says that the letter could not be delivered, why (without addresses) and when to try again.
type LoginLetterFailed struct {
	Customer CustomerID `json:"customer"`
	Account  string     `json:"account"`
	Link     int        `json:"link"`
	Failure
}

// LoginLetterSkipped says that somebody has decided that the letter need not leave, and why.
type LoginLetterSkipped struct {
	Customer CustomerID `json:"customer" personal:"subject"`
	Account  string     `json:"account"`
	Link     int        `json:"link"`
	Reason   string     `json:"reason" personal:"contact" since:"2"`
}

// LoginLocked says that nobody gets in with the account any more.
type LoginLocked struct {
	Customer CustomerID `json:"customer"`
	Account  string     `json:"account"`
}

// LoginUnlocked lets the account's holder in again.
type LoginUnlocked struct {
	Customer CustomerID `json:"customer"`
	Account  string     `json:"account"`
}

// LoginState is how far the letter with an account's one-time link has come.
type LoginState struct {
	Link    int     `json:"link"`
	Sent    int     `json:"sent"` // number of the last link that left by letter, or whose letter was given up
	Failure Failure `json:"failure"`
	Locked  bool    `json:"locked,omitempty"`
}

func (c *Customer) evolveLogins(event Event) {
	change := func(account string, change func(*LoginState)) {
		login := c.Logins[account]
		change(&login)
		c.Logins[account] = login
	}
	switch e := event.(type) {
	case LoginGranted:
		change(e.Account, func(l *LoginState) { l.Link, l.Failure = e.Link, Failure{} })
	case LoginLetterSent:
		change(e.Account, func(l *LoginState) { l.Sent, l.Failure = e.Link, Failure{} })
	case LoginLetterSkipped:
		change(e.Account, func(l *LoginState) { l.Sent, l.Failure = e.Link, Failure{} })
	case LoginLetterFailed:
		change(e.Account, func(l *LoginState) { l.Failure = e.Failure })
	case LoginLocked:
		change(e.Account, func(l *LoginState) { l.Locked = true })
	case LoginUnlocked:
		change(e.Account, func(l *LoginState) { l.Locked = false })
	}
}

// GrantLogin gives the customer an account, or a fresh one-time link for the account that it has; the letter follows. Source: R1.
type GrantLogin struct {
	Customer CustomerID
	Account  string
	Link     int // number of the promised link; the same number again changes nothing
}

// Stream of the customer.
func (c GrantLogin) Stream() string { return CustomerStream(c.Customer) }

// Decide refuses unknown customers, and links that do not count from 1.
func (c GrantLogin) Decide(known Customer) ([]Event, error) {
	switch {
	case known.ID == "":
		return nil, refuse(NotFound)
	case known.Forgotten():
		return nil, refuse(PersonErased)
	}
	if err := checkText("account", c.Account, IdentityMax); err != nil {
		return nil, err
	}
	if c.Link < 1 {
		return nil, refuse(InvalidInput, "field", "link", "limit", "1")
	}
	if login, ok := known.Logins[c.Account]; ok && login.Link >= c.Link {
		return nil, nil
	}
	return []Event{LoginGranted(c)}, nil
}

// RecordLoginLetter says that the letter has left, or why it has not.
type RecordLoginLetter struct {
	Customer CustomerID
	Account  string
	Link     int
	Letter   *SentLetter // that left
	Failure  *Failure    // nil: it left
}

// Stream of the customer.
func (c RecordLoginLetter) Stream() string { return CustomerStream(c.Customer) }

// Decide records each letter once, and each attempt.
func (c RecordLoginLetter) Decide(known Customer) ([]Event, error) {
	login := known.Logins[c.Account]
	if login.Link != c.Link || login.Sent >= c.Link {
		return nil, nil
	}
	if c.Failure != nil && c.Failure.Attempt <= login.Failure.Attempt {
		return nil, nil
	}
	if c.Failure != nil {
		return []Event{LoginLetterFailed{Customer: c.Customer, Account: c.Account, Link: c.Link, Failure: *c.Failure}}, nil
	}
	return []Event{LoginLetterSent{Customer: c.Customer, Account: c.Account, Link: c.Link, Letter: c.Letter}}, nil
}

// SkipLoginLetter gives up a letter that is owed, with a reason. A fresh link is granted with [GrantLogin]. Twice is harmless.
type SkipLoginLetter struct {
	Customer CustomerID
	Account  string
	Link     int
	Reason   string
}

// Stream of the customer.
func (c SkipLoginLetter) Stream() string { return CustomerStream(c.Customer) }

// Decide refuses a letter that was never owed, and a skip without a reason.
func (c SkipLoginLetter) Decide(known Customer) ([]Event, error) {
	login, granted := known.Logins[c.Account]
	switch {
	case !granted || c.Link < 1 || c.Link > login.Link:
		return nil, refuse(NotFound)
	case login.Link != c.Link || login.Sent >= c.Link:
		return nil, nil
	}
	if err := checkText("reason", c.Reason, ReasonMax); err != nil {
		return nil, err
	}
	return []Event{LoginLetterSkipped(c)}, nil
}

// LockLogin records that an account of the customer is locked, or open again. Twice is harmless.
type LockLogin struct {
	Customer CustomerID
	Account  string
	Locked   bool
}

// Stream of the customer.
func (c LockLogin) Stream() string { return CustomerStream(c.Customer) }

// Decide refuses accounts that the customer does not have.
func (c LockLogin) Decide(known Customer) ([]Event, error) {
	login, granted := known.Logins[c.Account]
	switch {
	case !granted:
		return nil, refuse(NotFound)
	case login.Locked == c.Locked:
		return nil, nil
	case c.Locked:
		return []Event{LoginLocked{Customer: c.Customer, Account: c.Account}}, nil
	}
	return []Event{LoginUnlocked{Customer: c.Customer, Account: c.Account}}, nil
}
