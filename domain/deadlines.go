package domain

import (
	"slices"
	"time"
)

// TimeLimits are the vendor's days around the day on which an order is due. An order keeps those under which it was placed.
type TimeLimits struct {
	RemindBeforeDays int `json:"remind_before_days"` // before the due day; 0: no such reminder
	RemindAfterDays  int `json:"remind_after_days"`  // after the due day; 0: no such reminder
	ExpireAfterDays  int `json:"expire_after_days"`  // after the due day, in which the order still waits; from 1
	GraceDays        int `json:"grace_days"`         // after the day of expiry, in which money revives the order; 0: only on that day
}

// StatementDays is for how long after its last day of grace an order is kept: money that was sent on that day stands on a bank
// statement that comes after a weekend or a holiday.
const StatementDays = 4

// OrderExpired says that the money did not come in time. The order keeps its hold on its licences and its prices: money that
// comes by RevivableUntil revives it.
type OrderExpired struct {
	Order          OrderID `json:"order"`
	RevivableUntil Day     `json:"revivable_until"`
}

// OrderRevived says that the whole money has come after the expiry and before the end of the grace; the order goes on as if it had come
// in time.
type OrderRevived struct {
	Order OrderID `json:"order"`
}

// OrderLapsed ends an expired order for good, since the money did not come within the grace either.
type OrderLapsed struct {
	Order OrderID `json:"order"`
}

// BalanceLetterSent says that the word to the buyer about a part payment and what is still open has left; it knew of so many payments.
type BalanceLetterSent struct {
	Order    OrderID     `json:"order"`
	Payments int         `json:"payments"`
	Letter   *SentLetter `json:"letter,omitempty"` // nil: it left before digests were recorded
}

// Expired tells whether the order waits only for late money.
func (o Order) Expired() bool {
	return o.Expiry != nil && !o.Revived && !o.Lapsed && !o.Cancelled
}

// PayableUntil is the last day whose money still counts at the order's prices: of waiting, after the expiry of the grace.
// It is empty for an order that waits as long as it takes, and for one that does not wait.
func (o Order) PayableUntil() Day {
	switch {
	case !o.Exists() || o.over() || o.Covered || o.Limits == nil:
		return ""
	case o.Expiry != nil && !o.isSkipped(string(LapseTask)):
		return o.Expiry.RevivableUntil
	case o.Expiry == nil && !o.isSkipped(string(ExpireTask)):
		return o.DueOn.after(o.Limits.ExpireAfterDays)
	}
	return ""
}

// over tells an order that delivers nothing any more.
func (o Order) over() bool { return o.Cancelled || o.Lapsed }

// owedInTime are the duties of an order that waits for its money: letters, expiry and lapse. Each reminder has a last day, so that
// after a long silence only what still makes sense leaves: once the order has expired neither, once it is due not the one
// before. Once the money covered the order people decide what becomes of it if the bank takes money back; and nothing of this
// happens to an order without limits.
func (o Order) owedInTime(owe func(owed bool, task Task)) {
	if o.Limits == nil || o.over() || o.Covered {
		return
	}
	confirmed := o.Confirmed || o.isSkipped(string(ConfirmTask)) // what is open is told by the confirmation first
	owe((confirmed || o.Expiry != nil) && len(o.Payments) > o.BalanceTold && o.PaidAmount() > 0, Task{Kind: BalanceTask, Copy: len(o.Payments)})
	if o.Expiry != nil {
		owe(!o.hasLeft(ExpiryNoteTask), Task{Kind: ExpiryNoteTask})
		owe(true, Task{Kind: LapseTask, DueOn: o.Expiry.RevivableUntil.after(StatementDays + 1)})
		return
	}
	last := o.PayableUntil()
	owe(confirmed && o.Limits.RemindBeforeDays > 0 && !o.hasLeft(RemindTask),
		Task{Kind: RemindTask, DueOn: o.DueOn.after(-o.Limits.RemindBeforeDays), LastOn: o.DueOn})
	owe(confirmed && o.Limits.RemindAfterDays > 0 && !o.hasLeft(RemindAgainTask),
		Task{Kind: RemindAgainTask, DueOn: o.DueOn.after(o.Limits.RemindAfterDays), LastOn: last})
	owe(true, Task{Kind: ExpireTask, DueOn: last.after(1)})
}

func (o Order) hasLeft(letter TaskKind) bool { return slices.Contains(o.Letters, letter) }

// IsDue tells whether a task is to be done on a day, as far as its own days go; a failure may put it off.
func (t Task) IsDue(today Day) bool {
	return t.DueOn <= today && (t.LastOn == "" || today <= t.LastOn)
}

// From is the first moment at which a task is to be done; zero: at once.
func (t Task) From() time.Time { return begins(t.DueOn) }

// Until is the first moment at which a task makes no sense any more; zero: it always does.
func (t Task) Until() time.Time { return begins(t.LastOn.after(1)) }

// begins is the first moment of a day that was reckoned, zero of no day.
func begins(day Day) time.Time {
	at, err := day.Begins()
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

func (o *Order) evolveDeadlines(event Event) {
	switch e := event.(type) {
	case OrderExpired:
		o.Expiry = &e
	case OrderRevived:
		o.Revived = true
	case OrderLapsed:
		o.Lapsed = true
	case BalanceLetterSent:
		o.BalanceTold = e.Payments
	default:
		return
	}
	o.forgetFailures()
}

// forgetFailures drops the failures of duties that are gone.
func (o *Order) forgetFailures() {
	for task := range o.Failures {
		if !o.owes(task) && !o.isSkipped(task) {
			delete(o.Failures, task)
		}
	}
}

// ExpireOrder ends the waiting for the money of an order.
type ExpireOrder struct {
	Order OrderID
	On    Day // today
}

// Stream of the order.
func (c ExpireOrder) Stream() string { return OrderStream(c.Order) }

// Decide expires an order that owes it by that day; any other stays as it is. The grace begins with the day on which the
// buyer is told, however late that is.
func (c ExpireOrder) Decide(o Order) ([]Event, error) {
	if !o.owesOn(ExpireTask, c.On) {
		return nil, nil
	}
	return []Event{OrderExpired{Order: c.Order, RevivableUntil: c.On.after(o.Limits.GraceDays)}}, nil
}

// LapseOrder ends the grace of an order.
type LapseOrder struct {
	Order OrderID
	On    Day // today
}

// Stream of the order.
func (c LapseOrder) Stream() string { return OrderStream(c.Order) }

// Decide ends an order that owes it by that day; any other stays as it is.
func (c LapseOrder) Decide(o Order) ([]Event, error) {
	if !o.owesOn(LapseTask, c.On) {
		return nil, nil
	}
	return []Event{OrderLapsed{Order: c.Order}}, nil
}

func (o Order) owesOn(kind TaskKind, today Day) bool {
	return slices.ContainsFunc(o.Owed(), func(t Task) bool { return t.Kind == kind && t.IsDue(today) })
}

// RecordBalanceLetter says that the word about a part payment has left. Twice is harmless.
type RecordBalanceLetter struct {
	Order    OrderID
	Payments int // of which the letter knew
	Letter   *SentLetter
}

// Stream of the order.
func (c RecordBalanceLetter) Stream() string { return OrderStream(c.Order) }

// Decide records each letter once, also one that was overtaken by the next payment.
func (c RecordBalanceLetter) Decide(o Order) ([]Event, error) {
	if !o.Exists() || c.Payments <= o.BalanceTold || c.Payments > len(o.Payments) {
		return nil, nil
	}
	return []Event{BalanceLetterSent(c)}, nil
}
