package handlers

import (
	"bytes"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

var lettersTo = flag.String("letters", "", "folder `DIR` into which the letters about deadlines are written, to be read")

// timedOffice has an order of 22 November, 246,00 zł, due on 6 December, in time until 20 December, with 30 days of grace.
func timedOffice(t *testing.T) *office {
	o := openOffice(t)
	o.Vendor.Terms.Limits = &domain.TimeLimits{RemindBeforeDays: 3, RemindAfterDays: 3, ExpireAfterDays: 14, GraceDays: 30}
	o.order()
	return o
}

// diary works twice a day until the end of a day and tells what left on which.
func (o *office) diary(until domain.Day) []string {
	o.t.Helper()
	var entries []string
	for ; DayOf(o.clock) <= until; o.clock = o.clock.AddDate(0, 0, 1) {
		before := len(o.box)
		o.work()
		o.work()
		for _, letter := range o.box[before:] {
			entries = append(entries, fmt.Sprintf("%s %s", DayOf(o.clock), letter.Subject))
		}
	}
	return entries
}

func (o *office) expect(until domain.Day, want ...string) {
	o.t.Helper()
	if got := o.diary(until); !slices.Equal(got, want) {
		o.t.Fatalf("until %s left\n%s\nwant\n%s", until, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// says looks for facts in both parts of the newest letter.
func (o *office) says(facts ...string) Letter {
	o.t.Helper()
	letter := o.box[len(o.box)-1]
	for part, text := range map[string]string{"text": letter.Text, "page": letter.HTML} {
		for _, fact := range facts {
			if !strings.Contains(text, fact) {
				o.t.Errorf("the %s of %q does not say %q:\n%s", part, letter.Subject, fact, text)
			}
		}
	}
	return letter
}

func TestAnOrderExpiresAndLateMoneyRevivesIt(t *testing.T) {
	o := timedOffice(t)
	gross := o.state().Total.Gross
	o.expect("2026-12-02", "2026-11-22 Potwierdzenie zamówienia 2026/000123")
	o.expect("2026-12-08", "2026-12-03 Zamówienie 2026/000123: termin zapłaty mija 6 grudnia 2026")
	reminder := o.says("6 grudnia 2026", gross.String(), o.state().Title, "84 1020 5558 0000 1234 0000 5678", "kod QR w załączniku")
	if begins, err := domain.Day("2026-12-03").Begins(); err != nil || !reminder.At.Equal(begins) {
		t.Errorf("the reminder is dated %s", reminder.At)
	}
	if code := reminder.Attachments[0]; code.Name != "przelew-2026-000123.png" || code.Type != "image/png" {
		t.Errorf("attached is %s, %s", code.Name, code.Type)
	} else if _, err := png.Decode(bytes.NewReader(code.Content)); err != nil {
		t.Errorf("the code is no picture: %v", err)
	}
	o.expect("2026-12-20", "2026-12-09 Zamówienie 2026/000123: minął termin zapłaty")
	o.says("20 grudnia 2026", gross.String(), "anulować")
	o.expect("2027-01-04", "2026-12-21 Zamówienie 2026/000123 wygasło")
	o.says("20 stycznia 2027", gross.String(), "po cenach, które w nim zapisano", "anulować", "Najpóźniej")
	if o.state().Status() != domain.ExpiredStatus {
		t.Fatalf("it is %s", o.state().Status())
	}

	o.pay(100_00)
	o.expect("2027-01-10", "2027-01-05 Zamówienie 2026/000123: wpłata dotarła, pozostaje "+(gross-100_00).String())
	o.says(domain.Money(100_00).String(), (gross - 100_00).String(), "20 stycznia 2027")
	o.pay(gross - 100_00)
	if got := o.diary("2027-01-11"); len(got) != 3 || got[0] != "2027-01-11 Wpłata za zamówienie 2026/000123 dotarła" {
		t.Fatalf("after the rest: %q", got)
	}
	for _, part := range []string{o.box[len(o.box)-3].Text, o.box[len(o.box)-3].HTML} {
		if !strings.Contains(part, "przyszła w dodatkowym terminie") {
			t.Errorf("the letter of the payment does not speak of the grace:\n%s", part)
		}
	}
	o.expect("2027-03-31")
	if o.state().Status() != domain.Fulfilled || len(o.state().Owed()) != 0 {
		t.Errorf("it is %s and owes %v", o.state().Status(), o.state().Owed())
	}
}

func TestAnOrderLapsesAndGivesItsLicencesUp(t *testing.T) {
	o := timedOffice(t)
	o.diary("2027-01-24") // the grace ends on 20 January; four days are for the last statements
	if o.state().Status() != domain.ExpiredStatus {
		t.Fatalf("it is %s", o.state().Status())
	}
	o.expect("2027-01-25")
	licence, err := domain.Load[domain.Licence](t.Context(), o.Log, domain.LicenceStream("licence-a"))
	if err != nil {
		t.Fatal(err)
	}
	if !o.state().Released || !licence.State.Withdrawn {
		t.Errorf("order %+v, licence %+v", o.state(), licence.State)
	}
	o.pay(o.state().Total.Gross)
	o.expect("2027-02-10")
	if o.state().Status() != domain.LapsedStatus || o.state().Files[1].Issued != nil {
		t.Errorf("money after the end made it %s", o.state().Status())
	}
}

// After a month of silence the buyer gets one letter, and the whole grace.
func TestAPortalThatSleptWritesOnce(t *testing.T) {
	o := timedOffice(t)
	o.work()
	o.box, o.clock = nil, time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)
	o.expect("2027-03-31", "2027-03-01 Zamówienie 2026/000123 wygasło")
	o.says("31 marca 2027")
	o.pay(o.state().Total.Gross)
	o.work()
	if o.state().Status() != domain.Fulfilled {
		t.Errorf("it is %s", o.state().Status())
	}
}

func TestNoReminderOfWhatIsPaidOrCancelled(t *testing.T) {
	t.Run("paid", func(t *testing.T) {
		o := timedOffice(t)
		o.work()
		o.pay(o.state().Total.Gross)
		o.work()
		o.expect("2027-03-01")
	})
	t.Run("paid while another letter leaves", func(t *testing.T) {
		o := timedOffice(t)
		o.diary("2026-12-02")
		o.pay(1_00) // now the balance letter and the reminder are due together
		rest := o.state().Open()
		o.fail = func(Letter) error {
			o.fail = nil
			o.pay(rest)
			return nil
		}
		sent := len(o.box)
		o.work()
		o.work()
		if got := o.subjects()[sent:]; len(got) != 4 || !strings.Contains(got[0], "pozostaje") || !strings.Contains(got[1], "dotarła") {
			t.Errorf("left: %q", got)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		o := timedOffice(t)
		o.work()
		perform(o, domain.CancelOrder{Order: orderID})
		o.expect("2027-03-01")
	})
}

// A letter that is sent once more is the same; one that asks for another amount is another one.
func TestLettersThatAskForMoneyComeAgain(t *testing.T) {
	o := timedOffice(t)
	o.diary("2026-12-02")
	twice := func() (Letter, Letter) {
		t.Helper()
		sent := len(o.box)
		o.workUntilSent(sent)
		o.work()
		if len(o.box) != sent+2 {
			t.Fatalf("left: %q", o.subjects()[sent:])
		}
		return o.box[sent], o.box[sent+1]
	}
	first, again := twice()
	if first.ID != again.ID || first.Text != again.Text || first.HTML != again.HTML || !first.At.Equal(again.At) || !bytes.Equal(first.Attachments[0].Content, again.Attachments[0].Content) {
		t.Errorf("the same reminder came as\n%+v\nand\n%+v", first, again)
	}
	o.pay(1_00)
	o.clock = o.clock.Add(time.Hour)
	balance, _ := twice()
	if balance.ID == first.ID {
		t.Error("another letter has the same ID")
	}
}

// workUntilSent works until one letter has left, and crashes before that is written down.
func (o *office) workUntilSent(sent int) {
	o.t.Helper()
	o.fail = func(Letter) error { o.crash(); return nil }
	o.workUntilCrash()
	o.fail = nil
	if len(o.box) != sent+1 {
		o.t.Fatalf("%d letters left before the crash", len(o.box)-sent)
	}
}

// Every letter about an order's days in both languages, in every state in which it leaves: with -letters FOLDER to be read.
func TestDeadlineLettersSayTheSameInBothParts(t *testing.T) {
	for _, language := range []domain.Language{domain.Polish, domain.English} {
		o := timedOffice(t)
		d, err := o.openDossier(t.Context(), orderID)
		if err != nil {
			t.Fatal(err)
		}
		buyer := domain.Customer{ID: buyerID, Name: "Kłos", Email: "biuro@klos.example", Language: language}
		part := domain.PaymentReceived{Order: orderID, Transfer: "t", Amount: 100_00, ValueOn: "2026-12-01"}
		expired := domain.OrderExpired{Order: orderID, RevivableUntil: "2027-01-20"}
		for name, c := range map[string]struct {
			compose func(Vendor, dossier, domain.Customer) (Letter, error)
			past    []domain.Event
			facts   []domain.Day
		}{
			"reminder":           {reminderLetter, nil, []domain.Day{"2026-12-06"}},
			"reminder-part":      {reminderLetter, []domain.Event{part}, []domain.Day{"2026-12-06"}},
			"late-reminder":      {lateReminderLetter, nil, []domain.Day{"2026-12-06", "2026-12-20"}},
			"late-reminder-part": {lateReminderLetter, []domain.Event{part}, []domain.Day{"2026-12-06", "2026-12-20"}},
			"expired":            {expiryLetter, []domain.Event{expired}, []domain.Day{"2027-01-20"}},
			"expired-part":       {expiryLetter, []domain.Event{part, expired}, []domain.Day{"2027-01-20"}},
			"balance":            {balanceLetter, []domain.Event{part}, []domain.Day{"2026-12-06", "2026-12-20"}},
			"balance-expired":    {balanceLetter, []domain.Event{expired, part}, []domain.Day{"2027-01-20"}},
		} {
			d := d
			for _, event := range c.past {
				d.Evolve(event)
			}
			letter, err := c.compose(o.Vendor, d, buyer)
			if err != nil {
				t.Fatal(err)
			}
			o.box = append(o.box, letter)
			facts := []string{d.Number.String(), d.Open().String(), d.Title, d.Bank.Account.Grouped(), o.Vendor.URL + "/orders/" + string(orderID), o.Vendor.Email}
			for _, day := range c.facts {
				facts = append(facts, dayText(language, day))
			}
			if strings.HasSuffix(name, "part") {
				facts = append(facts, d.PaidAmount().String())
			}
			o.says(facts...)
			if *lettersTo != "" {
				for ending, text := range map[string]string{".txt": letter.Subject + "\n\n" + letter.Text, ".html": letter.HTML} {
					if err := os.WriteFile(filepath.Join(*lettersTo, name+"."+string(language)+ending), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}
