package handlers

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// due makes the office's task list say that these streams owe something.
func (o *office) due(rows ...projections.TaskRow) {
	for i := range rows {
		rows[i].Since = o.clock.Add(-time.Hour)
	}
	o.Due = func(context.Context, time.Time, int) ([]projections.TaskRow, error) { return rows, nil }
}

func TestWhatCannotBeDoneHoldsUpNobodyElse(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.pay(order.Total.Gross)
	sign := o.Sign
	o.Sign = func(facts ActivationFacts) (SignedFile, error) {
		if facts.Licence == "licence-a" {
			return SignedFile{}, errors.New("the holder's name is Kłos and cannot be signed")
		}
		return sign(facts)
	}
	perform(o, domain.GrantLogin{Customer: buyerID, Account: "user-8", Link: 1})
	perform(o, domain.GrantLogin{Customer: buyerID, Account: "user-9", Link: 1})
	link := o.Link
	o.Link = func(ctx context.Context, account string, n int) (string, string, error) {
		if account == "user-8" {
			return "", "", errors.New("there is no such account")
		}
		return link(ctx, account, n)
	}
	o.due(projections.TaskRow{Stream: domain.OrderStream(orderID), Order: orderID, Task: domain.Task{Kind: domain.ActivateTask}},
		projections.TaskRow{Stream: domain.CustomerStream(buyerID), Customer: buyerID, Task: domain.Task{Kind: domain.LoginTask}})
	for range 2 {
		if _, err := o.WorkOff(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	files := o.state().Files
	if files[1].Issued != nil || files[2].Sent != 1 {
		t.Errorf("the file that cannot be signed held up the other one: %q", o.subjects())
	}
	failure := o.state().Failures["activation-1"]
	if failure.Attempt != 1 || failure.Permanent || !failure.NextAt.After(o.clock) {
		t.Errorf("the failure is recorded as %+v", failure)
	}
	buyer, err := domain.Load[domain.Customer](t.Context(), o.Log, domain.CustomerStream(buyerID))
	if err != nil {
		t.Fatal(err)
	}
	if login := buyer.State.Logins["user-8"]; login.Sent != 0 || login.Failure.Attempt != 1 {
		t.Errorf("the login without an account is %+v", login)
	}
	if login := buyer.State.Logins["user-9"]; login.Sent != 1 {
		t.Errorf("the other login waits: %+v", login)
	}
	for _, reason := range []string{failure.Reason, buyer.State.Logins["user-8"].Failure.Reason} {
		if reason != brokeReason {
			t.Errorf("the log keeps the reason %q", reason)
		}
	}
}

func TestABrokenStreamHoldsUpNoOther(t *testing.T) {
	o := openOffice(t)
	o.order()
	o.Log = &deafLog{Log: o.Log, stream: domain.CartStream("nobody")}
	o.due(projections.TaskRow{Stream: domain.CartStream("nobody"), Buyer: "nobody", Order: "nothing", Task: domain.Task{Kind: domain.PlaceTask}},
		projections.TaskRow{Stream: domain.OrderStream(orderID), Order: orderID, Task: domain.Task{Kind: domain.ConfirmTask}})
	o.fail = func(Letter) error { // the broken stream is through with it by then
		time.Sleep(50 * time.Millisecond)
		return nil
	}
	if _, err := o.WorkOff(t.Context()); !errors.Is(err, errDeaf) {
		t.Errorf("the broken stream is not told: %v", err)
	}
	if !o.state().Confirmed {
		t.Error("the confirmation did not leave")
	}
}

var errDeaf = errors.New("the stream cannot be read")

// deafLog cannot read one stream.
type deafLog struct {
	domain.Log
	stream string
}

func (l *deafLog) Read(ctx context.Context, stream string, from domain.Revision) iter.Seq2[domain.Record, error] {
	if stream == l.stream {
		return func(yield func(domain.Record, error) bool) { yield(domain.Record{}, errDeaf) }
	}
	return l.Log.Read(ctx, stream, from)
}

// TestALetterSaysWhatWasTrueWhenItWasOwed sends each letter twice, with more of the order's life in between.
func TestALetterSaysWhatWasTrueWhenItWasOwed(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.pay(order.Total.Gross + 1)
	letters := map[string]Letter{}
	o.fail = func(letter Letter) error {
		first, again := letters[letter.ID]
		if letters[letter.ID] = letter; !again {
			o.crash()
			return nil
		}
		if first.To != letter.To || first.Text != letter.Text || first.HTML != letter.HTML || !first.At.Equal(letter.At) {
			t.Errorf("the second %q differs from the first", letter.Subject)
		}
		return nil
	}
	for range 6 {
		o.workUntilCrash()
		o.pay(5_00)
		o.clock = o.clock.Add(time.Hour)
	}
	if o.state().Status() != domain.Fulfilled || len(letters) != 4 {
		t.Errorf("%d letters, order %s", len(letters), o.state().Status())
	}
}

func TestALetterToAnotherAddressIsAnotherLetter(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.pay(order.Total.Gross)
	byID := map[string]Letter{}
	o.fail = func(letter Letter) error {
		if first, again := byID[letter.ID]; again && first.To != letter.To {
			t.Errorf("%q left for two addresses under one Message-ID", letter.Subject)
		}
		byID[letter.ID] = letter
		if letter.To == "biuro@klos.example" && strings.HasPrefix(letter.Subject, "Plik") {
			o.crash()
		}
		return nil
	}
	for range 3 { // confirmation and payment note leave, the first file is sent and that forgotten
		o.workUntilCrash()
	}
	for _, id := range []domain.LicenceID{"licence-a", "licence-b"} {
		licence, err := domain.Load[domain.Licence](t.Context(), o.Log, domain.LicenceStream(id))
		if err != nil {
			t.Fatal(err)
		}
		perform(o, domain.CorrectActivationEmail{Licence: licence.State, Email: "nowy@klos.example"})
	}
	o.clock = o.clock.Add(time.Hour)
	o.work()
	if o.state().Status() != domain.Fulfilled {
		t.Errorf("order %s", o.state().Status())
	}
}

// TestTheFileThatLeavesIsTheOneInTheLog lets two portals with keys of their own issue the same file at the same time.
func TestTheFileThatLeavesIsTheOneInTheLog(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.pay(order.Total.Gross)
	sign := o.Sign
	first := true
	o.Sign = func(facts ActivationFacts) (SignedFile, error) {
		if first {
			first = false
			d, err := o.openDossier(t.Context(), orderID)
			if err != nil {
				return SignedFile{}, err
			}
			_, payment := d.whenPaid()
			other := domain.ActivationFileIssued{Order: orderID, Line: 1, Licence: "licence-a", Client: buyerID, Name: "file.lic.txt",
				File: []byte("signed by the other portal"), Digest: "d", Key: "other", Payment: payment.ID}
			perform(o, domain.IssueActivationFile{ActivationFileIssued: other})
		}
		return sign(facts)
	}
	o.work()
	for _, letter := range o.box {
		if letter.Attachments != nil && strings.Contains(letter.Text, domain.LicenceID("licence-a").Serial()) &&
			!slices.Equal(letter.Attachments[0].Content, o.state().Files[1].Issued.File) {
			t.Errorf("the letter carries %q, the log %q", letter.Attachments[0].Content, o.state().Files[1].Issued.File)
		}
	}
	if o.state().Status() != domain.Fulfilled {
		t.Errorf("order %s, letters %q", o.state().Status(), o.subjects())
	}
}

func TestACorrectedAddressNeedNotWaitForTheNextTry(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.pay(order.Total.Gross)
	o.fail = func(letter Letter) error {
		if strings.HasPrefix(letter.Subject, "Plik aktywacyjny") && letter.To == "biuro@klos.example" {
			return bounced{permanent: true}
		}
		return nil
	}
	o.work()
	o.fail = nil
	licence, err := domain.Load[domain.Licence](t.Context(), o.Log, domain.LicenceStream("licence-b"))
	if err != nil {
		t.Fatal(err)
	}
	perform(o, domain.CorrectActivationEmail{Licence: licence.State, Email: "nowy@klos.example"})
	records := o.history()
	for range 2 { // the event may come again
		if err := o.React(t.Context(), records[len(records)-1]); err != nil {
			t.Fatal(err)
		}
	}
	if files := o.state().Files; files[1].Sent != 0 || files[2].Sent != 1 || o.box[len(o.box)-1].To != "nowy@klos.example" || len(o.box) != 3 {
		t.Errorf("files %+v, letters %q", files, o.subjects())
	}
}

// TestALargeOrderDoesNotHideTheOthers has somebody at work on an order with all the positions that a cart can hold.
func TestALargeOrderDoesNotHideTheOthers(t *testing.T) {
	o := openOffice(t)
	o.order()
	rows := make([]projections.TaskRow, domain.CartItemsMax)
	for i := range rows {
		rows[i] = projections.TaskRow{Stream: domain.OrderStream("large"), Order: "large", Task: domain.Task{Kind: domain.ActivateTask}}
	}
	rows = append(rows, projections.TaskRow{Stream: domain.OrderStream(orderID), Order: orderID, Task: domain.Task{Kind: domain.ConfirmTask}})
	o.Due = func(_ context.Context, _ time.Time, limit int) ([]projections.TaskRow, error) {
		return rows[:min(limit, len(rows))], nil
	}
	defer o.turns.take(domain.OrderStream("large"))()
	if _, err := o.WorkOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !o.state().Confirmed {
		t.Error("the other order waits for its confirmation")
	}
}
