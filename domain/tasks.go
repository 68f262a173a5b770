package domain

import (
	"fmt"
	"slices"
	"time"
)

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
