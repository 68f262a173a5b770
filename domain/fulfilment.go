package domain

import "slices"

// LetterSent says that a letter of this kind has left; its Message-ID derives from order and kind.
type LetterSent struct {
	Order  OrderID     `json:"order"`
	Kind   TaskKind    `json:"kind"`
	Letter *SentLetter `json:"letter,omitempty"` // nil: it left before digests were recorded
}

// LicencesMarkedPaid says that every licence of the order knows of its payment.
type LicencesMarkedPaid struct {
	Order OrderID `json:"order"`
}

// LicencesMarkedUnpaid says that every licence of the order knows that its payment was taken back.
type LicencesMarkedUnpaid struct {
	Order OrderID `json:"order"`
}

// ActivationFileIssued is the signed file of one line, byte for byte as it goes out; it exists only after the payment.
type ActivationFileIssued struct {
	Order   OrderID    `json:"order"`
	Line    int        `json:"line"`
	Licence LicenceID  `json:"licence"`
	Client  CustomerID `json:"client" personal:"subject"`
	Name    string     `json:"name"`
	File    []byte     `json:"file" personal:"legal"` // names its holder
	Digest  string     `json:"digest"`                // SHA-256 of the file, hexadecimal
	Key     string     `json:"key"`                   // id of the signing key
	Payment string     `json:"payment"`               // id of the event that completed the payment
}

// ActivationFileSent says that the file has left for the licence's address as it was after so many corrections.
type ActivationFileSent struct {
	Order   OrderID   `json:"order"`
	Line    int       `json:"line"`
	Licence LicenceID `json:"licence"`
	Copy    int       `json:"copy"`    // 1 for the first sending
	Address int       `json:"address"` // corrections of the address at that moment

	Letter *SentLetter `json:"letter,omitempty"` // nil: it left before digests were recorded
}

// ActivationFileResendRequested asks for the same file once more, to the corrected address.
type ActivationFileResendRequested struct {
	Order OrderID `json:"order"`
	Line  int     `json:"line"`
	Copy  int     `json:"copy"`
}

func (o *Order) evolveFulfilment(event Event) {
	switch e := event.(type) {
	case LetterSent:
		if e.Kind == ConfirmTask {
			o.Confirmed, o.BalanceTold = true, len(o.Payments)
		}
		o.PaymentNoted = o.PaymentNoted || e.Kind == PaymentNoteTask
		if e.Kind == RemindTask || e.Kind == RemindAgainTask || e.Kind == ExpiryNoteTask {
			o.Letters = append(slices.Clip(o.Letters), e.Kind)
		}
		delete(o.Failures, string(e.Kind))
	case LicencesMarkedPaid:
		o.LicencesPaid = true
		delete(o.Failures, string(MarkPaidTask))
	case LicencesMarkedUnpaid:
		o.LicencesPaid, o.Uncover = false, false
		delete(o.Failures, string(MarkUnpaidTask))
	case ActivationFileIssued:
		file := o.Files[e.Line]
		file.Issued = &e
		o.Files[e.Line] = file
	case ActivationFileSent:
		file := o.Files[e.Line]
		file.Sent, file.Address = e.Copy, e.Address
		o.Files[e.Line] = file
		delete(o.Failures, taskID(ActivateTask, e.Line, e.Copy))
	case ActivationFileResendRequested:
		file := o.Files[e.Line]
		file.Wanted = e.Copy
		o.Files[e.Line] = file
	case TaskFailed:
		o.Failures[e.Task] = e.Failure
	case TaskRetryRequested:
		if failure, failed := o.Failures[e.Task]; failed {
			failure.NextAt = e.NextAt
			o.Failures[e.Task] = failure
		}
		if o.Skipped = slices.DeleteFunc(slices.Clone(o.Skipped), func(task string) bool { return task == e.Task }); len(o.Skipped) == 0 {
			o.Skipped = nil
		}
	case TaskSkipped:
		o.Skipped = append(slices.Clip(o.Skipped), e.Task)
	}
}

// delivered tells whether any activation file was made.
func (o Order) delivered() bool {
	for _, file := range o.Files {
		if file.Issued != nil || file.Sent > 0 {
			return true
		}
	}
	return false
}

func (o Order) isSkipped(task string) bool { return slices.Contains(o.Skipped, task) }

// RecordLetter says that a letter to the buyer has left. Twice is harmless.
type RecordLetter struct {
	Order  OrderID
	Kind   TaskKind
	Letter *SentLetter
}

// Stream of the order.
func (c RecordLetter) Stream() string { return OrderStream(c.Order) }

// Decide records a letter that was owed, and refuses what is none; of balances tells [RecordBalanceLetter].
func (c RecordLetter) Decide(o Order) ([]Event, error) {
	switch c.Kind {
	case ConfirmTask, PaymentNoteTask, RemindTask, RemindAgainTask, ExpiryNoteTask:
	default:
		return nil, refuse(InvalidInput, "field", "kind", "limit", "letters to the buyer")
	}
	if !o.owes(string(c.Kind)) {
		return nil, nil
	}
	return []Event{LetterSent(c)}, nil
}

func (o Order) owes(task string) bool {
	return slices.ContainsFunc(o.Owed(), func(t Task) bool { return t.ID == task })
}

// RecordLicencesPaid says that the licences know of the payment. Twice is harmless.
type RecordLicencesPaid struct {
	Order OrderID
}

// Stream of the order.
func (c RecordLicencesPaid) Stream() string { return OrderStream(c.Order) }

// Decide records it once.
func (c RecordLicencesPaid) Decide(o Order) ([]Event, error) {
	if !o.owes(string(MarkPaidTask)) {
		return nil, nil
	}
	return []Event{LicencesMarkedPaid(c)}, nil
}

// RecordLicencesUnpaid says that the licences know that the payment was taken back. Twice is harmless.
type RecordLicencesUnpaid struct {
	Order OrderID
}

// Stream of the order.
func (c RecordLicencesUnpaid) Stream() string { return OrderStream(c.Order) }

// Decide records it once, also when new money has come meanwhile: then the licences are told of that next.
func (c RecordLicencesUnpaid) Decide(o Order) ([]Event, error) {
	if !o.owes(string(MarkUnpaidTask)) {
		return nil, nil
	}
	return []Event{LicencesMarkedUnpaid(c)}, nil
}

// RecordRelease says that an order that is cancelled or has lapsed holds no licence any more. Twice is harmless.
type RecordRelease struct {
	Order OrderID
}

// Stream of the order.
func (c RecordRelease) Stream() string { return OrderStream(c.Order) }

// Decide records it once.
func (c RecordRelease) Decide(o Order) ([]Event, error) {
	if !o.owes(string(ReleaseTask)) {
		return nil, nil
	}
	return []Event{LicencesReleased(c)}, nil
}

// IssueActivationFile puts the signed file of a line into the log. Source: R14.
type IssueActivationFile struct {
	ActivationFileIssued
}

// Stream of the order.
func (c IssueActivationFile) Stream() string { return OrderStream(c.Order) }

// Decide refuses every file of an order whose money does not cover its gross amount; a line gets one file.
func (c IssueActivationFile) Decide(o Order) ([]Event, error) {
	switch {
	case !o.Paid():
		return nil, refuse(OrderNotPaid)
	case c.Line < 1 || c.Line > len(o.Lines) || o.Lines[c.Line-1].Licence != c.Licence || o.Lines[c.Line-1].Client != c.Client:
		return nil, refuse(NotFound)
	case o.Files[c.Line].Issued != nil:
		return nil, nil
	}
	return []Event{c.ActivationFileIssued}, nil
}

// RecordActivationFileSent says that a file has left. Twice is harmless.
type RecordActivationFileSent struct {
	ActivationFileSent
}

// Stream of the order.
func (c RecordActivationFileSent) Stream() string { return OrderStream(c.Order) }

// Decide records each copy that was owed once, and only of a file that exists.
func (c RecordActivationFileSent) Decide(o Order) ([]Event, error) {
	if o.Files[c.Line].Issued == nil {
		return nil, refuse(OrderNotPaid)
	}
	if !o.owes(taskID(ActivateTask, c.Line, c.Copy)) {
		return nil, nil
	}
	return []Event{c.ActivationFileSent}, nil
}

// ResendActivationFile asks for a file once more after its address was corrected. Source: R4.
type ResendActivationFile struct {
	Order       OrderID
	Line        int
	Corrections int // of the licence's address by now
}

// Stream of the order.
func (c ResendActivationFile) Stream() string { return OrderStream(c.Order) }

// Decide refuses a file that has not left yet, and an address that has it already.
func (c ResendActivationFile) Decide(o Order) ([]Event, error) {
	file := o.Files[c.Line]
	switch {
	case !o.Exists() || file.Sent == 0:
		return nil, refuse(NotYetSent)
	case file.Wanted > file.Sent:
		return nil, nil
	case c.Corrections <= file.Address:
		return nil, refuse(AddressUnchanged)
	}
	return []Event{ActivationFileResendRequested{Order: c.Order, Line: c.Line, Copy: file.Sent + 1}}, nil
}

// OrderStatus is what the buyer is told about an order.
type OrderStatus string

// The states of an order, in the order in which it passes them; an order can be cancelled while nothing was paid, and expires when
// the money does not come in time.
const (
	AwaitingPayment OrderStatus = "awaiting-payment"
	PartlyPaid      OrderStatus = "partly-paid"
	PaidStatus      OrderStatus = "paid"
	Fulfilled       OrderStatus = "fulfilled" // every activation file has been sent
	CancelledStatus OrderStatus = "cancelled"
	ExpiredStatus   OrderStatus = "expired" // waits only for late money
	LapsedStatus    OrderStatus = "lapsed"  // ended without its money
)

// Status of a submitted order.
func (o Order) Status() OrderStatus {
	sent := 0
	for _, file := range o.Files {
		sent += min(file.Sent, 1)
	}
	switch {
	case o.Cancelled:
		return CancelledStatus
	case o.Lapsed:
		return LapsedStatus
	case o.Expired():
		return ExpiredStatus
	case !o.Paid() && o.PaidAmount() > 0:
		return PartlyPaid
	case !o.Paid():
		return AwaitingPayment
	case sent < len(o.Lines):
		return PaidStatus
	}
	return Fulfilled
}
