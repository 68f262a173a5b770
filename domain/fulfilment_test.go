package domain

import (
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)

// The file of each line of o-1.
func issued(t *testing.T, line int) ActivationFileIssued {
	t.Helper()
	return ActivationFileIssued{Order: "o-1", Line: line, Licence: submitted(t).Lines[line-1].Licence, Client: "alfa", Name: "MAGAZYN.lic.txt",
		File: []byte("signed"), Digest: "d", Key: "k", Payment: "e-1"}
}

func sentFile(t *testing.T, line, copy, address int) ActivationFileSent {
	t.Helper()
	return ActivationFileSent{Order: "o-1", Line: line, Licence: submitted(t).Lines[line-1].Licence, Copy: copy, Address: address}
}

// owed names what an order with this past owes.
func owed(past ...Event) []string {
	var ids []string
	for _, task := range fold[Order](past).Owed() {
		ids = append(ids, task.ID)
	}
	return ids
}

// R12-R14: what is owed, from the order to the last activation file.
func TestWhatIsOwed(t *testing.T) {
	confirmed, full := LetterSent{Order: "o-1", Kind: ConfirmTask}, paid("t-1", 859_76)
	markedPaid, noted := LicencesMarkedPaid{"o-1"}, LetterSent{Order: "o-1", Kind: PaymentNoteTask}
	takenBack := PaymentTakenBack{Order: "o-1", Transfer: "t-1", Amount: 859_76, Booking: 1, Why: ReleasedReversed}
	resend := ActivationFileResendRequested{Order: "o-1", Line: 1, Copy: 2}
	start := []Event{submitted(t)}
	with := func(events ...Event) []Event { return slices.Concat(start, events) }
	for name, c := range map[string]struct {
		past []Event
		want []string
	}{
		"nothing before the order":                      {nil, nil},
		"the confirmation":                              {start, []string{"confirmation"}},
		"nothing while the money is on its way":         {with(confirmed), nil},
		"nothing for a part of the money":               {with(confirmed, paid("t-1", 859_75)), nil},
		"everything once it is paid":                    {with(confirmed, full), []string{"mark-paid", "payment-note", "activation-1", "activation-2"}},
		"the confirmation too if it is late":            {with(full), []string{"confirmation", "mark-paid", "payment-note", "activation-1", "activation-2"}},
		"one by one":                                    {with(confirmed, full, markedPaid, noted, issued(t, 1), sentFile(t, 1, 1, 0)), []string{"activation-2"}},
		"nothing in the end":                            {with(confirmed, full, markedPaid, noted, sentFile(t, 1, 1, 0), sentFile(t, 2, 1, 0)), nil},
		"one copy more on request":                      {with(confirmed, full, markedPaid, noted, sentFile(t, 1, 1, 0), sentFile(t, 2, 1, 0), resend), []string{"activation-1-2"}},
		"nothing after the copy":                        {with(confirmed, full, markedPaid, noted, sentFile(t, 1, 1, 0), sentFile(t, 2, 1, 0), resend, sentFile(t, 1, 2, 1)), nil},
		"the release of a cancelled order":              {with(OrderCancelled{"o-1"}), []string{"release"}},
		"first that its licences are not paid any more": {with(confirmed, full, markedPaid, takenBack, OrderCancelled{"o-1"}), []string{"mark-unpaid"}},
		"then the release":                              {with(confirmed, full, markedPaid, takenBack, OrderCancelled{"o-1"}, LicencesMarkedUnpaid{"o-1"}), []string{"release"}},
		"the release when nobody is to tell licences":   {with(confirmed, full, markedPaid, takenBack, OrderCancelled{"o-1"}, TaskSkipped{Order: "o-1", Task: "mark-unpaid"}), []string{"release"}},
		"nothing after the release":                     {with(OrderCancelled{"o-1"}, LicencesReleased{"o-1"}), nil},
		"the return of money that comes late":           {with(OrderCancelled{"o-1"}, LicencesReleased{"o-1"}, full), []string{"return"}},
		"the return of what is too much":                {with(confirmed, full, markedPaid, noted, sentFile(t, 1, 1, 0), sentFile(t, 2, 1, 0), paid("t-2", 1)), []string{"return"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := owed(c.past...); !slices.Equal(got, c.want) {
				t.Errorf("owes %v, want %v", got, c.want)
			}
		})
	}
}

func TestTaskNames(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range []TaskKind{ReleaseTask, ConfirmTask, MarkPaidTask, PaymentNoteTask, RemindTask, RemindAgainTask, ExpireTask, ExpiryNoteTask, LapseTask} {
		seen[taskID(kind, 0, 0)] = true
	}
	for line := 1; line <= 112; line++ {
		for copy := 1; copy <= 12; copy++ {
			if id := taskID(ActivateTask, line, copy); seen[id] {
				t.Errorf("two tasks are %s", id)
			} else {
				seen[id] = true
			}
		}
	}
	if taskID(ActivateTask, 1, 0) != taskID(ActivateTask, 1, 1) {
		t.Error("the first sending has two names")
	}
}

func TestLetters(t *testing.T) {
	confirmed, noted := LetterSent{Order: "o-1", Kind: ConfirmTask}, LetterSent{Order: "o-1", Kind: PaymentNoteTask}
	given[Order](t, submitted(t)).
		when(RecordLetter(noted)).then(). // not owed before the money is there
		when(RecordLetter(confirmed)).then(confirmed).
		when(recordOf(paid("t-1", 859_76))).happened().
		when(RecordLetter(noted)).then(noted).
		when(RecordLetter{Order: "o-1", Kind: "spam"}).refused(InvalidInput, "field", "kind", "limit", "letters to the buyer").
		when(RecordLetter{Order: "o-1", Kind: MarkPaidTask}).refused(InvalidInput, "field", "kind", "limit", "letters to the buyer")
	given[Order](t).when(RecordLetter(confirmed)).then()
	given[Order](t, submitted(t), OrderCancelled{"o-1"}).when(RecordLetter(confirmed)).then()
}

func TestLicencesAreMarkedPaidAfterTheMoney(t *testing.T) {
	marked := LicencesMarkedPaid{"o-1"}
	given[Order](t, submitted(t), paid("t-1", 859_75)).when(RecordLicencesPaid(marked)).then().
		when(recordOf(paid("t-2", 1))).happened().
		when(RecordLicencesPaid(marked)).then(marked)
	given[Order](t).when(RecordLicencesPaid(marked)).then()
}

// R14: never before the money, and each line once.
func TestIssueActivationFile(t *testing.T) {
	issue := func(change func(*ActivationFileIssued)) IssueActivationFile {
		e := issued(t, 1)
		change(&e)
		return IssueActivationFile{e}
	}
	same := func(*ActivationFileIssued) {}
	for name, past := range map[string][]Event{
		"no order":          nil,
		"an unpaid order":   {submitted(t)},
		"one grosz short":   {submitted(t), paid("t-1", 859_75)},
		"a cancelled order": {submitted(t), OrderCancelled{"o-1"}, paid("t-1", 859_76)},
	} {
		t.Run("never for "+name, func(t *testing.T) {
			given[Order](t, past...).when(issue(same)).refused(OrderNotPaid).
				when(RecordActivationFileSent{sentFile(t, 1, 1, 0)}).refused(OrderNotPaid).
				when(ResendActivationFile{Order: "o-1", Line: 1, Corrections: 1}).refused(NotYetSent)
		})
	}
	full := []Event{submitted(t), paid("t-1", 859_76)}
	t.Run("once for each line", func(t *testing.T) {
		s := given[Order](t, full...).when(issue(same)).then(issued(t, 1)).when(IssueActivationFile{issued(t, 2)}).then(issued(t, 2))
		s.when(issue(func(e *ActivationFileIssued) { e.File = []byte("another") })).then()
	})
	for name, change := range map[string]func(*ActivationFileIssued){
		"a line that is not there": func(e *ActivationFileIssued) { e.Line = 3 },
		"line zero":                func(e *ActivationFileIssued) { e.Line = 0 },
		"the licence of the other": func(e *ActivationFileIssued) { e.Line = 2 },
		"a client that is not its": func(e *ActivationFileIssued) { e.Client = "beta" },
	} {
		t.Run("never for "+name, func(t *testing.T) {
			given[Order](t, full...).when(issue(change)).refused(NotFound)
		})
	}
}

func TestRecordActivationFileSent(t *testing.T) {
	past := []Event{submitted(t), paid("t-1", 859_76), issued(t, 1)}
	sent := func(line, copy, address int) RecordActivationFileSent {
		return RecordActivationFileSent{sentFile(t, line, copy, address)}
	}
	t.Run("once", func(t *testing.T) {
		given[Order](t, past...).when(sent(1, 1, 0)).then(sentFile(t, 1, 1, 0)).when(sent(1, 1, 3)).then()
	})
	t.Run("not before it is issued", func(t *testing.T) {
		given[Order](t, past...).when(sent(2, 1, 0)).refused(OrderNotPaid)
	})
	t.Run("not a copy that nobody asked for", func(t *testing.T) {
		given[Order](t, past...).when(sent(1, 2, 0)).then().when(sent(1, 1, 0)).happened().when(sent(1, 2, 0)).then()
	})
}

// R4: a correction after the file was sent allows sending it again, to the corrected address and no other.
func TestResendActivationFile(t *testing.T) {
	past := []Event{submitted(t), paid("t-1", 859_76), issued(t, 1), sentFile(t, 1, 1, 2)}
	resend := func(corrections int) ResendActivationFile {
		return ResendActivationFile{Order: "o-1", Line: 1, Corrections: corrections}
	}
	t.Run("after a correction", func(t *testing.T) {
		given[Order](t, past...).when(resend(3)).then(ActivationFileResendRequested{Order: "o-1", Line: 1, Copy: 2}).
			when(resend(4)).then(). // it has not left yet and will go to the newest address
			when(RecordActivationFileSent{sentFile(t, 1, 2, 4)}).happened().
			when(resend(4)).refused(AddressUnchanged).
			when(resend(5)).then(ActivationFileResendRequested{Order: "o-1", Line: 1, Copy: 3})
	})
	t.Run("not to the same address", func(t *testing.T) {
		given[Order](t, past...).when(resend(2)).refused(AddressUnchanged)
	})
	t.Run("not before the first sending", func(t *testing.T) {
		given[Order](t, past[:3]...).when(resend(3)).refused(NotYetSent)
		given[Order](t, past...).when(ResendActivationFile{Order: "o-1", Line: 2, Corrections: 3}).refused(NotYetSent)
		given[Order](t, past...).when(ResendActivationFile{Order: "o-1", Line: 9, Corrections: 3}).refused(NotYetSent)
		given[Order](t).when(resend(3)).refused(NotYetSent)
	})
}

func TestFailures(t *testing.T) {
	fail := func(task string, at time.Time) RecordFailure {
		return RecordFailure{Order: "o-1", Task: task, Reason: "451", At: at}
	}
	t.Run("the waits grow, then stay", func(t *testing.T) {
		s, at := given[Order](t, submitted(t)), noon
		for attempt, wait := range []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 6 * time.Hour} {
			want := Failure{Attempt: attempt + 1, Reason: "451", NextAt: at.Add(wait)}
			s.when(fail("confirmation", at)).then(TaskFailed{Order: "o-1", Task: "confirmation", Failure: want})
			at = want.NextAt
		}
		if tasks := s.fold(s.past).Owed(); len(tasks) != 1 || tasks[0].Failure.Attempt != 7 {
			t.Errorf("owed is %+v", tasks)
		}
	})
	t.Run("what will never work waits longest", func(t *testing.T) {
		permanent := fail("confirmation", noon)
		permanent.Permanent = true
		given[Order](t, submitted(t)).when(permanent).then(TaskFailed{Order: "o-1", Task: "confirmation",
			Failure: Failure{Attempt: 1, Reason: "451", Permanent: true, NextAt: noon.Add(6 * time.Hour)}})
	})
	t.Run("in local time it is the same moment", func(t *testing.T) {
		local := noon.In(time.FixedZone("CET", 3600))
		given[Order](t, submitted(t)).when(fail("confirmation", local)).then(TaskFailed{Order: "o-1", Task: "confirmation",
			Failure: Failure{Attempt: 1, Reason: "451", NextAt: noon.Add(10 * time.Second)}})
	})
	t.Run("of what is not owed", func(t *testing.T) {
		given[Order](t, submitted(t)).when(fail("activation-1", noon)).then().when(fail("", noon)).then()
		given[Order](t, submitted(t), LetterSent{Order: "o-1", Kind: ConfirmTask}).when(fail("confirmation", noon)).then()
		given[Order](t).when(fail("confirmation", noon)).then()
	})
	t.Run("of one line hold up no other", func(t *testing.T) {
		past := []Event{submitted(t), paid("t-1", 859_76), issued(t, 1), issued(t, 2)}
		given[Order](t, past...).when(fail("activation-1", noon)).happened().
			when(RecordActivationFileSent{sentFile(t, 2, 1, 0)}).then(sentFile(t, 2, 1, 0))
	})
}

// A failure is forgotten with the task that it belongs to.
func TestFailuresEnd(t *testing.T) {
	failed := func(task string) Event {
		return TaskFailed{Order: "o-1", Task: task, Failure: Failure{Attempt: 1, NextAt: noon}}
	}
	full := paid("t-1", 859_76)
	for name, past := range map[string][]Event{
		"confirmation": {submitted(t), failed("confirmation"), LetterSent{Order: "o-1", Kind: ConfirmTask}},
		"cancelled":    {submitted(t), failed("confirmation"), OrderCancelled{"o-1"}},
		"release":      {submitted(t), OrderCancelled{"o-1"}, failed("release"), LicencesReleased{"o-1"}},
		"mark-paid":    {submitted(t), full, failed("mark-paid"), LicencesMarkedPaid{"o-1"}},
		"payment-note": {submitted(t), full, failed("payment-note"), LetterSent{Order: "o-1", Kind: PaymentNoteTask}},
		"activation":   {submitted(t), full, issued(t, 1), failed("activation-1"), sentFile(t, 1, 1, 0)},
		"second copy": {submitted(t), full, issued(t, 1), sentFile(t, 1, 1, 0), ActivationFileResendRequested{"o-1", 1, 2},
			failed("activation-1-2"), sentFile(t, 1, 2, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			if failures := fold[Order](past).Failures; len(failures) != 0 {
				t.Errorf("failures stay: %+v", failures)
			}
		})
	}
}
