package domain

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// timedTerms are terms with the limits of timed.
var timedTerms = Terms{Bank: terms.Bank, PaymentDays: terms.PaymentDays, Limits: &TimeLimits{RemindBeforeDays: 3, RemindAfterDays: 3, ExpireAfterDays: 14, GraceDays: 30}}

// timed is o-1 with limits: due on 24 March, in time until 7 April; 30 days of grace.
func timed(t *testing.T) OrderSubmitted {
	order := submitted(t)
	order.Limits = timedTerms.Limits
	return order
}

// dueOn names what an order with this past owes on a day.
func dueOn(today Day, past ...Event) string {
	var ids []string
	for _, task := range fold[Order](past).Owed() {
		if task.IsDue(today) {
			ids = append(ids, task.ID)
		}
	}
	return strings.Join(ids, " ")
}

// R13: what an order that waits for its money owes, day by day. After a long silence only what still makes sense is done.
func TestWhatFallsDue(t *testing.T) {
	confirmed, reminded, remindedAgain := LetterSent{Order: "o-1", Kind: ConfirmTask}, LetterSent{Order: "o-1", Kind: RemindTask}, LetterSent{Order: "o-1", Kind: RemindAgainTask}
	expired, noted := OrderExpired{"o-1", "2026-05-08"}, LetterSent{Order: "o-1", Kind: ExpiryNoteTask}
	part, full := paid("t-1", 100_00), paid("t-2", 859_76)
	placed := []Event{timed(t), confirmed}
	without := timed(t)
	without.Limits = &TimeLimits{ExpireAfterDays: 14}
	type row struct {
		today Day
		want  string
	}
	for name, c := range map[string]struct {
		past []Event
		rows []row
	}{
		"a portal that runs": {placed, []row{{"2026-03-20", ""}, {"2026-03-21", "reminder"}}},
		"reminded once": {append(placed, reminded), []row{{"2026-03-21", ""}, {"2026-03-26", ""}, {"2026-03-27", "late-reminder"},
			{"2026-04-07", "late-reminder"}, {"2026-04-08", "expiry"}}},
		"reminded twice":                 {append(placed, reminded, remindedAgain), []row{{"2026-04-07", ""}, {"2026-04-08", "expiry"}}},
		"a portal that slept":            {placed, []row{{"2026-03-24", "reminder"}, {"2026-03-25", ""}, {"2026-04-07", "late-reminder"}, {"2026-04-08", "expiry"}, {"2027-01-01", "expiry"}}},
		"no reminders wanted":            {[]Event{without, confirmed}, []row{{"2026-03-24", ""}, {"2026-04-07", ""}, {"2026-04-08", "expiry"}}},
		"unconfirmed":                    {[]Event{timed(t)}, []row{{"2026-03-21", "confirmation"}, {"2026-04-08", "confirmation expiry"}}},
		"confirmed by hand":              {[]Event{timed(t), TaskSkipped{Order: "o-1", Task: "confirmation"}}, []row{{"2026-03-21", "reminder"}}},
		"a part of the money":            {append(placed, part), []row{{"2026-03-12", "balance"}, {"2026-03-21", "balance reminder"}, {"2026-04-08", "balance expiry"}}},
		"and told so":                    {append(placed, part, BalanceLetterSent{Order: "o-1", Payments: 1}), []row{{"2026-03-12", ""}, {"2026-03-21", "reminder"}}},
		"a part before the confirmation": {[]Event{timed(t), part}, []row{{"2026-03-12", "confirmation"}}},
		"which tells of it":              {[]Event{timed(t), part, confirmed}, []row{{"2026-03-12", ""}, {"2026-03-21", "reminder"}}},
		"and of the next one":            {[]Event{timed(t), part, confirmed, paid("t-3", 1)}, []row{{"2026-03-12", "balance-2"}}},
		"another part":                   {append(placed, part, BalanceLetterSent{Order: "o-1", Payments: 1}, paid("t-3", 1)), []row{{"2026-03-12", "balance-2"}}},
		"two parts at once":              {append(placed, part, paid("t-3", 1)), []row{{"2026-03-12", "balance-2"}}},
		"paid":                           {append(placed, full), []row{{"2027-01-01", "mark-paid payment-note activation-1 activation-2"}}},
		"cancelled":                      {append(placed, OrderCancelled{"o-1"}, LicencesReleased{"o-1"}), []row{{"2027-01-01", ""}}},
		"expired":                        {append(placed, expired), []row{{"2026-04-08", "expiry-note"}, {"2026-05-12", "expiry-note"}, {"2026-05-13", "expiry-note lapse"}}},
		"expired unconfirmed":            {[]Event{timed(t), expired}, []row{{"2026-04-08", "expiry-note"}}},
		"expired and told":               {append(placed, expired, noted), []row{{"2026-05-12", ""}, {"2026-05-13", "lapse"}}},
		"a part in the grace":            {append(placed, expired, noted, part), []row{{"2026-05-12", "balance"}, {"2026-05-13", "balance lapse"}}},
		"revived":                        {append(placed, expired, noted, full, OrderRevived{"o-1"}), []row{{"2027-01-01", "mark-paid payment-note activation-1 activation-2"}}},
		"expired and cancelled":          {append(placed, expired, OrderCancelled{"o-1"}), []row{{"2027-01-01", "release"}}},
		"lapsed":                         {append(placed, expired, noted, OrderLapsed{"o-1"}), []row{{"2027-01-01", "release"}}},
		"released":                       {append(placed, expired, noted, OrderLapsed{"o-1"}, LicencesReleased{"o-1"}), []row{{"2027-01-01", ""}}},
		"money for a lapsed one": {append(placed, expired, noted, OrderLapsed{"o-1"}, LicencesReleased{"o-1"}, full),
			[]row{{"2027-01-01", "return"}}},
		"from before the limits": {[]Event{submitted(t), confirmed, part}, []row{{"2036-01-01", ""}}},
		"waits as somebody said": {append(placed, reminded, TaskSkipped{Order: "o-1", Task: "expiry"}), []row{{"2027-01-01", "late-reminder"}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range c.rows {
				if got := dueOn(r.today, slices.Clone(c.past)...); got != r.want {
					t.Errorf("on %s it owes %q, want %q", r.today, got, r.want)
				}
			}
		})
	}
}

func TestExpireOrder(t *testing.T) {
	expire := func(on Day) ExpireOrder { return ExpireOrder{Order: "o-1", On: on} }
	t.Run("the day after the last", func(t *testing.T) {
		s := given[Order](t, timed(t)).when(expire("2026-04-07")).then().
			when(expire("2026-04-08")).then(OrderExpired{"o-1", "2026-05-08"})
		if order := s.fold(s.past); order.Status() != ExpiredStatus || order.PayableUntil() != "2026-05-08" {
			t.Errorf("it is %s, payable until %s", order.Status(), order.PayableUntil())
		}
	})
	t.Run("the grace begins when the buyer can know", func(t *testing.T) {
		given[Order](t, timed(t)).when(expire("2026-12-30")).then(OrderExpired{"o-1", "2027-01-29"})
	})
	for name, past := range map[string][]Event{
		"no order":         nil,
		"no limits":        {submitted(t)},
		"paid":             {timed(t), paid("t-1", 859_76)},
		"cancelled":        {timed(t), OrderCancelled{"o-1"}},
		"expired already":  {timed(t), OrderExpired{"o-1", "2026-05-08"}},
		"lapsed":           {timed(t), OrderExpired{"o-1", "2026-05-08"}, OrderLapsed{"o-1"}},
		"somebody says no": {timed(t), TaskSkipped{Order: "o-1", Task: "expiry"}},
	} {
		t.Run("never: "+name, func(t *testing.T) { given[Order](t, past...).when(expire("2036-01-01")).then() })
	}
}

// Late money within the grace counts as if it had come in time, at the frozen price.
func TestReviveOrder(t *testing.T) {
	expired := []Event{timed(t), OrderExpired{"o-1", "2026-05-08"}}
	t.Run("by the whole amount", func(t *testing.T) {
		s := given[Order](t, expired...).when(recordOf(paid("t-1", 859_76))).then(paid("t-1", 859_76), OrderRevived{"o-1"})
		if order := s.fold(s.past); order.Status() != PaidStatus || !order.Paid() || order.Expired() {
			t.Errorf("it is %s", order.Status())
		}
		s.when(IssueActivationFile{issued(t, 1)}).then(issued(t, 1)).
			when(LapseOrder{"o-1", "2036-01-01"}).then()
	})
	t.Run("by the last of several parts", func(t *testing.T) {
		given[Order](t, expired...).when(recordOf(paid("t-1", 859_75))).then(paid("t-1", 859_75)).
			when(IssueActivationFile{issued(t, 1)}).refused(OrderNotPaid).
			when(recordOf(paid("t-2", 1))).then(paid("t-2", 1), OrderRevived{"o-1"})
	})
	t.Run("not before the expiry, and once", func(t *testing.T) {
		given[Order](t, timed(t)).when(recordOf(paid("t-1", 859_76))).then(paid("t-1", 859_76))
		given[Order](t, append(expired, paid("t-1", 859_76), OrderRevived{"o-1"})...).when(recordOf(paid("t-2", 5))).then(paid("t-2", 5))
	})
	t.Run("not a cancelled or lapsed one", func(t *testing.T) {
		for _, end := range []Event{OrderCancelled{"o-1"}, OrderLapsed{"o-1"}} {
			s := given[Order](t, append(slices.Clone(expired), end)...).when(recordOf(paid("t-1", 859_76))).then(paid("t-1", 859_76))
			if order := s.fold(s.past); order.Paid() {
				t.Errorf("%T is paid", end)
			}
		}
	})
}

func TestLapseOrder(t *testing.T) {
	expired := []Event{timed(t), OrderExpired{"o-1", "2026-05-08"}}
	lapse := func(on Day) LapseOrder { return LapseOrder{Order: "o-1", On: on} }
	t.Run("after the grace and its last statements", func(t *testing.T) {
		s := given[Order](t, expired...).when(lapse("2026-05-12")).then().when(lapse("2026-05-13")).then(OrderLapsed{"o-1"}).
			when(CancelOrder{"o-1"}).refused(OrderNotOpen)
		if order := s.fold(s.past); order.Status() != LapsedStatus || order.PayableUntil() != "" {
			t.Errorf("it is %s", order.Status())
		}
		s.when(RecordRelease{"o-1"}).then(LicencesReleased{"o-1"})
	})
	given[Order](t, timed(t)).when(lapse("2036-01-01")).then()
	given[Order](t, append(expired, TaskSkipped{Order: "o-1", Task: "lapse"})...).when(lapse("2036-01-01")).then()
}

// The hold of an expired order blocks its licences, so its buyer may give it up at once.
func TestCancelExpiredOrder(t *testing.T) {
	expired := []Event{timed(t), OrderExpired{"o-1", "2026-05-08"}}
	given[Order](t, expired...).when(CancelOrder{"o-1"}).then(OrderCancelled{"o-1"})
	given[Order](t, append(expired, paid("t-1", 1))...).when(CancelOrder{"o-1"}).refused(OrderHasPayments)
}

func TestBalanceLetter(t *testing.T) {
	told := func(payments int) RecordBalanceLetter { return RecordBalanceLetter{Order: "o-1", Payments: payments} }
	given[Order](t, timed(t)).when(told(1)).then().
		when(recordOf(paid("t-1", 1))).happened().when(told(1)).then(BalanceLetterSent{Order: "o-1", Payments: 1}).
		when(recordOf(paid("t-2", 1))).happened().when(recordOf(paid("t-3", 1))).happened().
		when(told(2)).then(BalanceLetterSent{Order: "o-1", Payments: 2}). // it was on its way when the third part came
		when(told(3)).then(BalanceLetterSent{Order: "o-1", Payments: 3})
	given[Order](t).when(told(1)).then()
}

func TestDayOfIsTheDateInPoland(t *testing.T) {
	for _, from := range []time.Time{{}, time.Date(-1, 12, 31, 23, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 22, 0, 0, 0, time.UTC)} {
		for hours := range 400 {
			at := from.Add(time.Duration(hours) * 22 * time.Hour)
			if got, want := DayOf(at), Day(at.In(Poland).Format(time.DateOnly)); got != want {
				t.Fatalf("%v is of the day %s; want %s", at, got, want)
			}
		}
	}
}

func TestDaysOfTheClockChange(t *testing.T) {
	for day, want := range map[Day]string{"2026-03-29": "2026-03-28T23:00:00Z", "2026-03-30": "2026-03-29T22:00:00Z", "2026-10-26": "2026-10-25T23:00:00Z"} {
		begins, err := day.Begins()
		if got := begins.UTC().Format(time.RFC3339); err != nil || got != want {
			t.Errorf("%s begins at %s (%v), want %s", day, got, err, want)
		}
		if DayOf(begins) != day || DayOf(begins.Add(-time.Nanosecond)) == day {
			t.Errorf("%s begins within another day", day)
		}
	}
	if begins, err := Day("2026-02-30").Begins(); err == nil {
		t.Errorf("2026-02-30 begins at %s", begins)
	}
}

// patience is one order through months of random days on which the portal may sleep, with random payments, judged by what happened and
// not by the order's own state.
type patience struct {
	*rapid.T
	past    []Event
	today   Day
	letters map[string]int
}

func (p *patience) do(command Command[Order]) []Event {
	events, err := command.Decide(fold[Order](p.past))
	if _, no := IsRefusal(err); err != nil && !no {
		p.Fatal(err)
	}
	p.past = append(p.past, events...)
	return events
}

// work does what is due, as the process manager does; any try may fail.
func (p *patience) work() {
	for _, task := range fold[Order](p.past).Owed() {
		if !task.IsDue(p.today) {
			continue
		}
		if rapid.IntRange(0, 4).Draw(p.T, "fails") == 0 {
			p.do(RecordFailure{Order: "o-1", Task: task.ID, Reason: "451"})
			continue
		}
		switch task.Kind {
		case ExpireTask:
			p.do(ExpireOrder{"o-1", p.today})
		case LapseTask:
			p.do(LapseOrder{"o-1", p.today})
		case ReleaseTask:
			p.do(RecordRelease{"o-1"})
		case MarkPaidTask:
			p.do(RecordLicencesPaid{"o-1"})
		case ReturnTask:
			for _, give := range fold[Order](p.past).Returns(p.today) {
				p.do(TakePaymentBack{PaymentTakenBack{Order: "o-1", Transfer: give.Transfer, Amount: give.Amount, ValueOn: give.On, Booking: 1, Why: give.Why}})
			}
		case ActivateTask:
			line := fold[Order](p.past).Lines[task.Line-1]
			p.do(IssueActivationFile{ActivationFileIssued{Order: "o-1", Line: line.Line, Licence: line.Licence, Client: line.Client}})
			p.do(RecordActivationFileSent{ActivationFileSent{Order: "o-1", Line: line.Line, Licence: line.Licence, Copy: task.Copy}})
		case BalanceTask:
			p.letters[task.ID] += len(p.do(RecordBalanceLetter{Order: "o-1", Payments: task.Copy}))
		default:
			p.letters[task.ID] += len(p.do(RecordLetter{Order: "o-1", Kind: task.Kind}))
		}
	}
}

// judge reads the whole past: how the order ended, and what was done with which money.
func (p *patience) judge(due Money) {
	var money Money
	var expired, revived, ended bool
	for _, event := range p.past {
		covered := money >= due
		switch e := event.(type) {
		case PaymentReceived:
			money += e.Amount
		case PaymentTakenBack:
			if money -= e.Amount; !ended && money < due {
				p.Fatalf("gave back %s that it needs: %+v", e.Amount, p.past)
			}
		case OrderExpired:
			if covered || expired || ended {
				p.Fatalf("expired with %s: %+v", money, p.past)
			}
			expired = true
		case OrderRevived:
			if !expired || revived || ended || !covered {
				p.Fatalf("revived with %s: %+v", money, p.past)
			}
			revived = true
		case OrderLapsed:
			if !expired || revived || ended || covered {
				p.Fatalf("lapsed with %s: %+v", money, p.past)
			}
			ended = true
		case OrderCancelled:
			if money > 0 || ended {
				p.Fatalf("cancelled with %s: %+v", money, p.past)
			}
			ended = true
		case LicencesReleased:
			if !ended {
				p.Fatalf("released while it waits: %+v", p.past)
			}
		case LicencesMarkedPaid, ActivationFileIssued, ActivationFileSent:
			if !covered || ended || expired && !revived {
				p.Fatalf("%T with %s of %s: %+v", event, money, due, p.past)
			}
		}
	}
	for letter, times := range p.letters {
		if times > 1 {
			p.Fatalf("%s left %d times: %+v", letter, times, p.past)
		}
	}
	order := fold[Order](p.past)
	for task := range order.Failures {
		if !order.owes(task) {
			p.Fatalf("failure of %s, which is not owed: %+v", task, p.past)
		}
	}
}

// Whatever the days bring: no paid order expires, nothing is delivered unpaid, every letter leaves at most once, and in
// the end every order is paid or over and keeps no money that it does not need.
func TestDeadlinesHold(t *testing.T) {
	placed := timed(t)
	rapid.Check(t, func(t *rapid.T) {
		limits := TimeLimits{RemindBeforeDays: rapid.IntRange(0, 13).Draw(t, "before"), ExpireAfterDays: rapid.IntRange(1, 20).Draw(t, "expire"),
			GraceDays: rapid.IntRange(0, 30).Draw(t, "grace")}
		limits.RemindAfterDays = rapid.IntRange(0, limits.ExpireAfterDays-1).Draw(t, "after")
		placed := placed
		placed.Limits = &limits
		p := &patience{T: t, past: []Event{placed}, today: "2026-03-10", letters: map[string]int{}}
		due := placed.Total.Gross
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				amount := rapid.SampledFrom([]Money{1, due / 3, due / 2, due - 1, due}).Draw(t, "amount")
				p.do(RecordPayment{Order: "o-1", Transfer: TransferID(fmt.Sprint("t-", step)), Amount: amount, ValueOn: p.today})
			case 1:
				if rapid.IntRange(0, 3).Draw(t, "cancels") == 0 {
					p.do(CancelOrder{"o-1"})
				}
			case 2, 3:
				p.today = p.today.after(rapid.IntRange(2, 40).Draw(t, "sleep"))
			default:
				p.today = p.today.after(1)
			}
			p.work()
			p.judge(due)
		}
		for range 100 { // enough tries for the last of the failures
			p.today = p.today.after(30)
			p.work()
		}
		p.judge(due)
		order := fold[Order](p.past)
		if !order.Paid() && !order.over() {
			t.Fatalf("it waits for ever: %+v", p.past)
		}
		if order.Surplus() > 0 {
			t.Fatalf("it keeps %s that it does not need: %+v", order.Surplus(), p.past)
		}
	})
}
