package domain

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSkipAndRetry tells how a task is given up, taken back and hurried, and that no way leads around the payment.
func TestSkipAndRetry(t *testing.T) {
	confirmed, full := LetterSent{Order: "o-1", Kind: ConfirmTask}, paid("t-1", 859_76)
	markedPaid, noted := LicencesMarkedPaid{"o-1"}, LetterSent{Order: "o-1", Kind: PaymentNoteTask}
	skip := func(task string) SkipTask { return SkipTask{Order: "o-1", Task: task, Reason: "delivered by hand"} }
	retry := func(task string) RetryTask { return RetryTask{Order: "o-1", Task: task, At: noon} }
	skipped := func(task string) TaskSkipped {
		return TaskSkipped{Order: "o-1", Task: task, Buyer: "alfa", Reason: "delivered by hand"}
	}
	requested := func(task string) TaskRetryRequested {
		return TaskRetryRequested{Order: "o-1", Task: task, NextAt: noon}
	}
	failed := TaskFailed{Order: "o-1", Task: "activation-1", Failure: Failure{Attempt: 3, Reason: "550", NextAt: noon.Add(time.Hour)}}
	past := []Event{submitted(t), confirmed, full, markedPaid, noted}

	t.Run("a file that need not go", func(t *testing.T) {
		given[Order](t, past...).when(skip("activation-1")).then(skipped("activation-1"))
		if got := owed(append(past, skipped("activation-1"))...); !slices.Equal(got, []string{"activation-2"}) {
			t.Errorf("owes %v", got)
		}
	})
	t.Run("a skipped file is not a sent one", func(t *testing.T) {
		order := fold[Order](append(slices.Clone(past), sentFile(t, 1, 1, 0), skipped("activation-2")))
		if order.Status() != PaidStatus {
			t.Errorf("the order is %s", order.Status())
		}
	})
	t.Run("a skip is taken back", func(t *testing.T) {
		given[Order](t, append(slices.Clone(past), skipped("activation-1"))...).when(retry("activation-1")).then(requested("activation-1"))
		if got := owed(append(slices.Clone(past), skipped("activation-1"), requested("activation-1"))...); !slices.Equal(got, []string{"activation-1", "activation-2"}) {
			t.Errorf("owes %v", got)
		}
	})
	t.Run("a failed task is hurried and keeps its count", func(t *testing.T) {
		given[Order](t, append(slices.Clone(past), failed)...).when(retry("activation-1")).then(requested("activation-1"))
		failure := fold[Order](append(slices.Clone(past), failed, requested("activation-1"))).Failures["activation-1"]
		if failure.Attempt != 3 || !failure.NextAt.Equal(noon) {
			t.Errorf("the failure is %+v", failure)
		}
	})
	t.Run("what is due anyway needs no hurry", func(t *testing.T) {
		given[Order](t, past...).when(retry("activation-1")).then()
	})
	t.Run("no file before the money, by no wish", func(t *testing.T) {
		given[Order](t, submitted(t), confirmed).when(retry("activation-1")).refused(NotFound)
		given[Order](t, submitted(t), confirmed).when(skip("activation-1")).refused(NotFound)
		given[Order](t, submitted(t), requested("activation-1"), skipped("payment-note")).when(IssueActivationFile{issued(t, 1)}).refused(OrderNotPaid)
	})
	t.Run("what binds two streams cannot be skipped", func(t *testing.T) {
		given[Order](t, submitted(t), full).when(skip("mark-paid")).refused(TaskNotSkippable)
		given[Order](t, submitted(t), OrderCancelled{"o-1"}).when(skip("release")).refused(TaskNotSkippable)
	})
	t.Run("a reason of bounded length", func(t *testing.T) {
		for _, reason := range []string{"", strings.Repeat("x", ReasonMax+1), "line\nbreak"} {
			given[Order](t, past...).when(SkipTask{Order: "o-1", Task: "activation-1", Reason: reason}).refused(InvalidInput, "field", "reason", "limit", "500")
		}
	})
}

// TestLoginLetterSkipped gives a login letter up; only a fresh link brings a letter again.
func TestLoginLetterSkipped(t *testing.T) {
	granted := LoginGranted{Customer: "alfa", Account: "user-1", Link: 1}
	skip := SkipLoginLetter{Customer: "alfa", Account: "user-1", Link: 1, Reason: "told by telephone"}
	given[Customer](t, alfaRegistered, granted).when(skip).then(LoginLetterSkipped(skip))
	given[Customer](t, alfaRegistered, granted, LoginLetterSkipped(skip)).when(RecordLoginLetter{Customer: "alfa", Account: "user-1", Link: 1}).then()
	given[Customer](t, alfaRegistered, granted, LoginLetterSent{Customer: "alfa", Account: "user-1", Link: 1}).when(skip).then()
	given[Customer](t, alfaRegistered).when(skip).refused(NotFound)
	given[Customer](t, alfaRegistered, granted).when(SkipLoginLetter{Customer: "alfa", Account: "user-1", Link: 1}).refused(InvalidInput, "field", "reason", "limit", "500")
	again := GrantLogin{Customer: "alfa", Account: "user-1", Link: 2}
	given[Customer](t, alfaRegistered, granted, LoginLetterSkipped(skip)).when(again).then(LoginGranted(again))
}

// TestLockLogin locks an account and lets its holder in again; a fresh link does not unlock it.
func TestLockLogin(t *testing.T) {
	granted := LoginGranted{Customer: "alfa", Account: "user-1", Link: 1}
	lock, unlock := LockLogin{Customer: "alfa", Account: "user-1", Locked: true}, LockLogin{Customer: "alfa", Account: "user-1"}
	locked, unlocked := LoginLocked{"alfa", "user-1"}, LoginUnlocked{"alfa", "user-1"}
	given[Customer](t, alfaRegistered, granted).when(unlock).then().when(lock).then(locked).when(unlock).then(unlocked)
	given[Customer](t, alfaRegistered).when(lock).refused(NotFound)
	if !fold[Customer]([]Event{alfaRegistered, granted, locked, LoginGranted{"alfa", "user-1", 2}}).Logins["user-1"].Locked {
		t.Error("a fresh link has unlocked the account")
	}
}
