package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/node"
	"netrom.pl/portal/infra/paper"
)

// office is a process manager on a real log, with a letter box that can be told to fail.
type office struct {
	*Fulfilment
	t     *testing.T
	clock time.Time
	mu    sync.Mutex
	box   []Letter
	fail  func(Letter) error // nil: every letter leaves
	crash context.CancelFunc // ends what workUntilCrash has begun
	step  int
}

// keyring keeps the keys of personal data for a test.
type keyring struct {
	mu   sync.Mutex
	keys map[string][]byte
}

func (k *keyring) Key(_ context.Context, subject, purpose string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := subject + "/" + purpose
	if k.keys[name] == nil {
		key := sha256.Sum256([]byte(name))
		k.keys[name] = key[:]
	}
	return k.keys[name], nil
}

func (k *keyring) Find(ctx context.Context, subject, purpose string) ([]byte, bool, error) {
	key, err := k.Key(ctx, subject, purpose)
	return key, true, err
}

func openOffice(t *testing.T) *office {
	t.Helper()
	server, err := node.Start(t.Context(), node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log, err := eventstore.Open(eventstore.Options{URL: server.ConnectionString(), Keys: &keyring{keys: map[string][]byte{}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(log.Close(), server.Stop()); err != nil {
			t.Error(err)
		}
	})
	account, err := domain.ParseNRB("84102055580000123400005678")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, clock: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	o.Fulfilment = &Fulfilment{
		Log: log, Send: o.send, Now: func() time.Time { return o.clock }, Logger: slog.New(slog.DiscardHandler),
		Sign: func(facts ActivationFacts) (SignedFile, error) {
			text := fmt.Appendf(nil, "%+v", facts)
			digest := sha256.Sum256(text)
			return SignedFile{Name: "file.lic.txt", Bytes: text, Digest: hex.EncodeToString(digest[:]), Key: "key"}, nil
		},
		Paper:  paper.Printer{},
		Credit: func(context.Context, domain.CustomerID) ([]domain.TransferID, error) { return nil, nil },
		Link: func(_ context.Context, account string, link int) (string, string, error) {
			return "user", fmt.Sprintf("https://portal.example/password/%s-%d", account, link), nil
		},
		Vendor: Vendor{Name: "NetRom", Email: "poczta@netrom.pl", URL: "https://portal.example",
			Terms: domain.Terms{Bank: domain.BankData{Recipient: "NetRom", NIP: "1234563218", Account: account}, PaymentDays: 14}},
	}
	return o
}

func (o *office) send(_ context.Context, letter Letter) (Sent, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		if err := o.fail(letter); err != nil {
			return Sent{}, err
		}
	}
	o.box = append(o.box, letter)
	return sentAs(letter), nil
}

// sentAs is what the post of the tests makes of a letter.
func sentAs(letter Letter) Sent {
	return Sent{MessageID: letter.ID + "@netrom.pl", Digest: digestOf([]byte(letter.Text))}
}

func perform[S any, P domain.State[S]](o *office, command domain.Command[S]) {
	o.t.Helper()
	o.step++
	by := domain.Cause{Command: fmt.Sprint("test ", o.step), Actor: "user-1", Correlation: "test", At: o.clock}
	if _, err := domain.Execute[S, P](o.t.Context(), o.Log, by, command); err != nil {
		o.t.Fatalf("%T: %v", command, err)
	}
}

const (
	buyerID = domain.CustomerID("buyer")
	orderID = domain.OrderID("0b9ff3a6-0000-5000-8000-000000000001")
)

// order places an order of two new programs.
func (o *office) order() domain.Order {
	o.t.Helper()
	perform(o, domain.RegisterCustomer{Customer: buyerID, Name: "Piekarnia <Złoty> Kłos", NIP: "7770005511", Email: "biuro@klos.example", Language: domain.Polish})
	var lines []domain.Line
	for i, licence := range []domain.LicenceID{"licence-a", "licence-b"} {
		line := domain.Line{Line: i + 1, Client: buyerID, Program: "magazyn", ProgramName: "Magazyn", Licence: licence, Edition: domain.SingleStation,
			To: "3.0", Stations: 1, UnitNet: 10_000, VATRate: 23, Amounts: domain.AmountsOf(10_000, 23)}
		lines = append(lines, line)
		perform(o, domain.OrderLicence{Order: orderID, Line: line})
	}
	perform(o, domain.PlaceOrder{Order: orderID, Number: domain.OrderNumber{Year: 2026, Sequence: 123}, Buyer: buyerID, Lines: lines, Terms: o.Vendor.Terms, On: "2026-11-22"})
	return o.state()
}

func (o *office) pay(amount domain.Money) {
	o.t.Helper()
	perform(o, domain.RecordPayment{Order: orderID, Transfer: domain.TransferID(fmt.Sprint("transfer-", o.step)), Amount: amount, ValueOn: "2026-11-23"})
}

func (o *office) state() domain.Order {
	o.t.Helper()
	loaded, err := domain.Load[domain.Order](o.t.Context(), o.Log, domain.OrderStream(orderID))
	if err != nil {
		o.t.Fatal(err)
	}
	return loaded.State
}

func (o *office) work() {
	o.t.Helper()
	if err := o.fulfil(o.t.Context(), orderID); err != nil {
		o.t.Fatal(err)
	}
}

// workUntilCrash works until a letter box calls crash: what it answers then is written down by nobody.
func (o *office) workUntilCrash() {
	o.t.Helper()
	ctx, crash := context.WithCancel(o.t.Context())
	defer crash()
	o.crash = crash
	if err := o.fulfil(ctx, orderID); err != nil && ctx.Err() == nil {
		o.t.Fatal(err)
	}
}

func (o *office) subjects() []string {
	var subjects []string
	for _, letter := range o.box {
		subjects = append(subjects, letter.Subject)
	}
	return subjects
}

// bounced is a letter that the other side refuses.
type bounced struct{ permanent bool }

func (bounced) Error() string     { return "smtp 550" }
func (b bounced) Permanent() bool { return b.permanent }

func TestLettersOfAnOrder(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.work()
	o.work()
	if got := o.subjects(); !slices.Equal(got, []string{"Potwierdzenie zamówienia 2026/000123"}) {
		t.Fatalf("letters before the payment: %q", got)
	}
	for _, fact := range []string{"84 1020 5558 0000 1234 0000 5678", order.Title, domain.Money(24_600).String(), "6 grudnia 2026", "NIP 1234563218"} {
		for _, part := range []string{o.box[0].Text, o.box[0].HTML} {
			if !strings.Contains(part, fact) {
				t.Errorf("the confirmation does not say %q:\n%s", fact, part)
			}
		}
	}

	o.pay(order.Total.Gross - 1)
	o.work()
	if len(o.box) != 1 || o.state().Files[1].Issued != nil {
		t.Fatalf("a part of the money released something: %q", o.subjects())
	}

	o.pay(1)
	o.work()
	if len(o.box) != 4 || o.state().Status() != domain.Fulfilled || len(o.state().Owed()) != 0 {
		t.Fatalf("after the payment: %q, %s, owed %v", o.subjects(), o.state().Status(), o.state().Owed())
	}
	for i, letter := range o.box[2:] {
		if len(letter.Attachments) != 1 || !slices.Equal(letter.Attachments[0].Content, o.state().Files[i+1].Issued.File) {
			t.Errorf("letter %q carries another file than the log", letter.Subject)
		}
	}
	if strings.Contains(o.box[2].HTML, "<Złoty>") {
		t.Error("the company's name is not escaped")
	}
}

// R14: the file names the payment that completed the money, also where a small rest was waived or the bank has taken an earlier payment back.
func TestTheFileNamesThePaymentThatCompletedTheMoney(t *testing.T) {
	completed := func(o *office) string { // the newest payment's event
		d, err := o.openDossier(o.t.Context(), orderID)
		if err != nil {
			o.t.Fatal(err)
		}
		id := ""
		for _, record := range d.records {
			if _, ok := record.Event.(domain.PaymentReceived); ok {
				id = record.ID
			}
		}
		return id
	}
	for name, pay := range map[string]func(o *office, due domain.Money){
		"in one":              func(o *office, due domain.Money) { o.pay(due) },
		"in two":              func(o *office, due domain.Money) { o.pay(due / 2); o.pay(due - due/2) },
		"waived":              func(o *office, due domain.Money) { o.pay(due - 50) },
		"a part, then waived": func(o *office, due domain.Money) { o.pay(100); o.pay(due - 150) },
		"taken back and paid again": func(o *office, due domain.Money) {
			o.pay(due)
			perform(o, domain.TakePaymentBack{PaymentTakenBack: domain.PaymentTakenBack{Order: orderID, Transfer: o.state().Payments[0].Transfer, Amount: due,
				ValueOn: "2026-11-24", Booking: 1, Why: domain.ReleasedReversed}})
			o.pay(due)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t)
			o.Vendor.Terms.Tolerance = 50
			pay(o, o.order().Total.Gross)
			want := completed(o)
			o.work()
			for line, file := range o.state().Files {
				if file.Issued == nil || file.Issued.Payment != want || !strings.Contains(string(file.Issued.File), "Payment:"+want) {
					t.Errorf("the file of line %d does not name the payment %s", line, want)
				}
			}
			if len(o.state().Files) != 2 || o.state().Status() != domain.Fulfilled {
				t.Errorf("%d files, %s", len(o.state().Files), o.state().Status())
			}
		})
	}
}

func TestACorrectedAddressGetsTheSameFileAgain(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.pay(order.Total.Gross)
	o.work()
	licence, err := domain.Load[domain.Licence](t.Context(), o.Log, domain.LicenceStream("licence-b"))
	if err != nil {
		t.Fatal(err)
	}
	perform(o, domain.CorrectActivationEmail{Licence: licence.State, Email: "nowy@klos.example"})
	perform(o, domain.ResendActivationFile{Order: orderID, Line: 2, Corrections: 1})
	sent := len(o.box)
	o.work()
	if len(o.box) != sent+1 || o.box[sent].To != "nowy@klos.example" {
		t.Fatalf("%d letters", len(o.box)-sent)
	}
	if first, again := o.box[sent-1], o.box[sent]; first.ID == again.ID || !slices.Equal(first.Attachments[0].Content, again.Attachments[0].Content) {
		t.Error("it is not the same file under a new Message-ID")
	}
}

func TestARepeatedLetterIsTheSameLetter(t *testing.T) {
	o := openOffice(t)
	order := o.order()
	o.pay(order.Total.Gross)
	o.clock = o.clock.Add(time.Hour)
	letters := map[string]Letter{}
	o.fail = func(letter Letter) error {
		first, again := letters[letter.ID]
		if letters[letter.ID] = letter; !again {
			o.crash()
			return nil
		}
		if fmt.Sprint(first) != fmt.Sprint(letter) {
			t.Errorf("the second %q differs from the first", letter.Subject)
		}
		o.clock = o.clock.Add(time.Hour)
		return nil
	}
	for range 10 {
		o.workUntilCrash()
	}
	if len(letters) != 4 || o.state().Status() != domain.Fulfilled {
		t.Errorf("%d letters, order %s", len(letters), o.state().Status())
	}
}

func TestABadAddressHoldsUpNobodyElse(t *testing.T) {
	for _, permanent := range []bool{false, true} {
		o := openOffice(t)
		order := o.order()
		o.pay(order.Total.Gross)
		o.fail = func(letter Letter) error {
			if strings.HasPrefix(letter.Subject, "Potwierdzenie") {
				return bounced{permanent}
			}
			return nil
		}
		o.work()
		failure := o.state().Failures[string(domain.ConfirmTask)]
		if len(o.box) != 3 || failure.Attempt != 1 || failure.Reason != "smtp 550" || failure.Permanent != permanent || !failure.NextAt.After(o.clock) {
			t.Fatalf("letters %q, failure %+v", o.subjects(), failure)
		}
		o.work() // not before its time
		if o.state().Failures[string(domain.ConfirmTask)].Attempt != 1 {
			t.Error("tried again at once")
		}
		o.clock, o.fail = failure.NextAt, nil
		o.work()
		if len(o.box) != 4 || len(o.state().Owed()) != 0 {
			t.Errorf("after the repair: %q, owed %v", o.subjects(), o.state().Owed())
		}
	}
}

func TestACancelledOrderGivesUpItsLicences(t *testing.T) {
	o := openOffice(t)
	o.order()
	perform(o, domain.CancelOrder{Order: orderID})
	o.work()
	licence, err := domain.Load[domain.Licence](t.Context(), o.Log, domain.LicenceStream("licence-a"))
	if err != nil {
		t.Fatal(err)
	}
	if licence.State.Exists() || len(o.box) != 0 || len(o.state().Owed()) != 0 {
		t.Errorf("licence %+v, letters %q, owed %v", licence.State, o.subjects(), o.state().Owed())
	}
}

func TestALoginIsAnnouncedOnce(t *testing.T) {
	o := openOffice(t)
	perform(o, domain.RegisterCustomer{Customer: buyerID, Name: "Omega", NIP: "7770005511", Email: "hello@omega.example", Language: domain.English})
	perform(o, domain.GrantLogin{Customer: buyerID, Account: "user-7", Link: 1})
	for range 2 {
		if err := o.greet(t.Context(), buyerID); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.box) != 1 || !strings.Contains(o.box[0].Text, "https://portal.example/password/user-7-1") || o.box[0].Subject != "Your access to the portal of NetRom" {
		t.Errorf("letters: %+v", o.box)
	}
}
