package domain

import (
	"fmt"
	"slices"
	"time"
)

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

// TaskFailed says that a task could not be done, why (without personal data), and when it will be tried again.
type TaskFailed struct {
	Order OrderID `json:"order"`
	Task  string  `json:"task"`
	Failure
}

// TaskRetryRequested says that somebody wants a task to be tried at NextAt, however long it would wait otherwise; it takes
// back a skip.
type TaskRetryRequested struct {
	Order  OrderID   `json:"order"`
	Task   string    `json:"task"`
	NextAt time.Time `json:"next_at"`
}

// TaskSkipped says that somebody has decided that a task need not be done any more, and why. What it would have sent stays
// unsent.
type TaskSkipped struct {
	Order  OrderID    `json:"order"`
	Task   string     `json:"task"`
	Buyer  CustomerID `json:"buyer,omitempty" personal:"subject"` // since schema 2
	Reason string     `json:"reason" personal:"contact" since:"2"`
}

// Failure is an unsuccessful try. Attempt counts from 1.
type Failure struct {
	Attempt   int       `json:"attempt"`
	Reason    string    `json:"reason"`
	Permanent bool      `json:"permanent"` // the other side says that trying again is pointless
	NextAt    time.Time `json:"next_at"`
}

// retryAfter is the wait after each failed attempt; the last one repeats. A permanent failure waits the longest at once.
var retryAfter = []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}

// After is the failure that follows this one.
func (f Failure) After(reason string, permanent bool, at time.Time) Failure {
	wait := retryAfter[min(f.Attempt, len(retryAfter)-1)]
	if permanent {
		wait = retryAfter[len(retryAfter)-1]
	}
	return Failure{Attempt: f.Attempt + 1, Reason: reason, Permanent: permanent, NextAt: at.UTC().Add(wait)}
}

// TaskKind is what has to be done.
type TaskKind string

// The tasks of the process manager.
const (
	PlaceTask       TaskKind = "place"        // finish a submission
	ReleaseTask     TaskKind = "release"      // give up the hold of a cancelled or lapsed order on its licences
	ConfirmTask     TaskKind = "confirmation" // letter: order received, pay here (R12)
	MarkPaidTask    TaskKind = "mark-paid"    // tell the licences
	MarkUnpaidTask  TaskKind = "mark-unpaid"  // tell the licences that the payment was taken back
	ReturnTask      TaskKind = "return"       // give back money that the order does not need
	PaymentNoteTask TaskKind = "payment-note" // letter: the money has arrived
	ActivateTask    TaskKind = "activation"   // issue and send the activation file of a line (R14)
	BookTask        TaskKind = "book"         // book a matched transfer on its order
	ReverseTask     TaskKind = "reverse"      // take back the money of a transfer that a reversal was found to take back
	LoginTask       TaskKind = "login"        // letter: user name and one-time link (R1)

	CheckpointTask TaskKind = "checkpoint-letter" // letter to the auditor: a signed checkpoint of the log

	RemindTask      TaskKind = "reminder"      // letter: the money is due soon
	RemindAgainTask TaskKind = "late-reminder" // letter: the due day has passed
	BalanceTask     TaskKind = "balance"       // letter: a part of the money has arrived, this is still open
	ExpireTask      TaskKind = "expiry"        // end the waiting for the money
	ExpiryNoteTask  TaskKind = "expiry-note"   // letter: the order has expired
	LapseTask       TaskKind = "lapse"         // end the grace
)

// Task is one thing that is owed. ID is unique within its stream and always the same for the same duty.
type Task struct {
	ID      string
	Kind    TaskKind
	Line    int // of the order; 0 when it concerns the whole
	Copy    int // which sending of an activation file; of a balance letter how many payments it knows of
	DueOn   Day // first Polish day on which it is to be done; empty: at once
	LastOn  Day // last day on which it makes sense; empty: always
	Failure Failure
}

// Owed is what has to be done for the order: now, from the task's day on or, after a failure, at the failure's NextAt; in the order in which
// it is to be done. It is empty for an order that is complete. What was skipped is not owed.
func (o Order) Owed() []Task {
	var tasks []Task
	owe := func(owed bool, task Task) {
		if task.ID = taskID(task.Kind, task.Line, task.Copy); owed && !o.isSkipped(task.ID) {
			task.Failure = o.Failures[task.ID]
			tasks = append(tasks, task)
		}
	}
	if !o.Exists() {
		return nil
	}
	// Licences that learn only after the release that the payment is gone would be held again, for ever.
	owe(o.over() && !o.Released && (!o.Uncover || o.isSkipped(string(MarkUnpaidTask))), Task{Kind: ReleaseTask})
	owe(!o.Confirmed && !o.over() && !o.Expired(), Task{Kind: ConfirmTask})
	owe(o.Uncover, Task{Kind: MarkUnpaidTask})
	owe(o.Surplus() > 0, Task{Kind: ReturnTask})
	if !o.Paid() {
		o.owedInTime(owe)
		return tasks
	}
	owe(!o.LicencesPaid, Task{Kind: MarkPaidTask})
	owe(!o.PaymentNoted, Task{Kind: PaymentNoteTask})
	for _, line := range o.Lines {
		file := o.Files[line.Line]
		owe(file.Sent < max(file.Wanted, 1), Task{Kind: ActivateTask, Line: line.Line, Copy: file.Sent + 1})
	}
	return tasks
}

func taskID(kind TaskKind, line, copy int) string {
	switch {
	case line == 0 && copy <= 1:
		return string(kind)
	case line == 0:
		return fmt.Sprintf("%s-%d", kind, copy)
	case copy <= 1:
		return fmt.Sprintf("%s-%d", kind, line)
	}
	return fmt.Sprintf("%s-%d-%d", kind, line, copy)
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

// RecordFailure says that a task could not be done; it stays owed.
type RecordFailure struct {
	Order  OrderID
	Task   string
	Reason string // without addresses or names
	// Permanent means that the other side says that trying again is pointless.
	Permanent bool
	At        time.Time
}

// Stream of the order.
func (c RecordFailure) Stream() string { return OrderStream(c.Order) }

// Decide counts the attempt and says when the next one is. What is told before that moment is the same attempt told twice.
func (c RecordFailure) Decide(o Order) ([]Event, error) {
	last := o.Failures[c.Task]
	if !o.owes(c.Task) || c.At.Before(last.NextAt) {
		return nil, nil
	}
	return []Event{TaskFailed{Order: c.Order, Task: c.Task, Failure: last.After(c.Reason, c.Permanent, c.At)}}, nil
}

// RetryTask wants a task to be done now: one that waits after a failure, or one that was skipped. Twice is harmless.
type RetryTask struct {
	Order OrderID
	Task  string
	At    time.Time
}

// Stream of the order.
func (c RetryTask) Stream() string { return OrderStream(c.Order) }

// Decide refuses what is neither owed by now nor skipped; a task that is due anyway needs no wish.
func (c RetryTask) Decide(o Order) ([]Event, error) {
	owed := slices.ContainsFunc(o.Owed(), func(t Task) bool { return t.ID == c.Task && t.IsDue(DayOf(c.At)) })
	switch {
	case !o.isSkipped(c.Task) && !owed:
		return nil, refuse(NotFound)
	case !o.isSkipped(c.Task) && !o.Failures[c.Task].NextAt.After(c.At):
		return nil, nil
	}
	return []Event{TaskRetryRequested{Order: c.Order, Task: c.Task, NextAt: c.At.UTC()}}, nil
}

// SkipTask gives up a letter or an activation file that is owed, with a reason. It can be taken back with [RetryTask].
// Nothing leaves through it, so what waits for money goes on waiting. Twice is harmless. Source: R14.
type SkipTask struct {
	Order  OrderID
	Task   string
	Reason string
}

// Stream of the order.
func (c SkipTask) Stream() string { return OrderStream(c.Order) }

// Decide refuses what is not owed, a skip without a reason, and duties between the portal's own streams: an order whose
// licences do not know of its payment would stay half done for ever.
func (c SkipTask) Decide(o Order) ([]Event, error) {
	if o.isSkipped(c.Task) {
		return nil, nil
	}
	i := slices.IndexFunc(o.Owed(), func(t Task) bool { return t.ID == c.Task })
	if i < 0 {
		return nil, refuse(NotFound)
	}
	if !o.Owed()[i].Kind.Skippable() {
		return nil, refuse(TaskNotSkippable)
	}
	if err := checkText("reason", c.Reason, ReasonMax); err != nil {
		return nil, err
	}
	return []Event{TaskSkipped{Order: c.Order, Task: c.Task, Buyer: o.Buyer, Reason: c.Reason}}, nil
}

// Skippable tells what may stay undone for good: what goes out of the house, and the ends of waiting.
func (k TaskKind) Skippable() bool {
	switch k {
	case ConfirmTask, PaymentNoteTask, ActivateTask, LoginTask, RemindTask, RemindAgainTask, BalanceTask, ExpireTask, ExpiryNoteTask, LapseTask:
		return true
	}
	return false
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
