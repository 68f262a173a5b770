package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// fulfilmentActor is who acts in the metadata of what the process manager does.
const fulfilmentActor = "system:fulfilment"

// graceBeforeFinishing is how long an unfinished submission or booking is left to the request that began it.
const graceBeforeFinishing = 3 * time.Second

// Fulfilment is the hands of the process manager: it does what an order owes, and records in the order's own stream
// that it was done. Before acting it asks that stream, so doing a task twice is harmless but for a letter that left
// without being recorded, which then leaves once more under the same Message-ID. Safe for concurrent use.
type Fulfilment struct {
	Log      domain.Log
	Due      func(ctx context.Context, now time.Time, limit int) ([]projections.TaskRow, error)
	Send     func(ctx context.Context, letter Letter) (Sent, error)
	Sign     func(facts ActivationFacts) (SignedFile, error)
	Paper    Paper
	Credit   func(ctx context.Context, customer domain.CustomerID) ([]domain.TransferID, error) // transfers with a credit of a customer
	Evidence Evidence                                                                           // asked only if the vendor names an auditor
	Link     func(ctx context.Context, account string, link int) (userName, url string, err error)
	Vendor   Vendor
	Now      func() time.Time
	Logger   *slog.Logger

	letterDay letterDay
	turns     turns // one pair of hands at a time on each stream
}

// ActivationFacts is what a signed activation file says. Source: R14.
type ActivationFacts struct {
	FileID      string
	Revision    int // of the licence's files, from 1; a program keeps the highest
	Licence     domain.LicenceID
	Program     domain.ProgramID
	ProgramName string
	Edition     domain.Edition
	Version     domain.Version
	Stations    int
	HolderName  string
	HolderNIP   domain.NIP
	IssuedAt    time.Time
	Order       domain.OrderNumber
	Payment     string            // id of the event that completed the payment
	Distributor domain.CustomerID // who ordered for the holder; empty if it ordered itself
}

// SignedFile is an activation file ready to be sent.
type SignedFile struct {
	Name   string
	Bytes  []byte
	Digest string // SHA-256, hexadecimal
	Key    string // id of the signing key
}

// Undeliverable is an error of Send that knows whether another try makes sense. Its text names nobody.
type Undeliverable interface {
	error
	Permanent() bool
}

// handsMax is how many streams are worked on side by side, tasksMax how many due tasks are fetched at a time: the largest
// orders that can be in all hands do not hide the others.
const (
	handsMax = 4
	tasksMax = (handsMax + 1) * domain.CartItemsMax
)

// brokeReason is all that the log says of a failure that is not about a letter.
const brokeReason = "something broke; the log of the portal says what"

// WorkOff does every task that is due and tells how many streams owe one. A task that fails is recorded with its next
// try, and neither that nor a stream that cannot be worked on at all holds up another one; the error names all of those.
// A stream on which somebody works already is left to them.
func (f *Fulfilment) WorkOff(ctx context.Context) (int, error) {
	owing := f.oweCheckpointLetter(ctx)
	rows, err := f.Due(ctx, f.Now(), tasksMax)
	if err != nil {
		return 0, errors.Join(owing, fmt.Errorf("list due tasks: %w", err))
	}
	streams := map[string]projections.TaskRow{}
	for _, row := range rows {
		if !finishes(row.Task.Kind) || f.Now().Sub(row.Since) >= graceBeforeFinishing {
			streams[row.Stream+string(row.Order)] = row
		}
	}
	var group errgroup.Group
	group.SetLimit(handsMax)
	broken := make(chan error, len(streams))
	for _, row := range streams {
		group.Go(func() error {
			if leave, ok := f.turns.try(row.Stream); ok {
				defer leave()
				broken <- f.finish(ctx, row)
			}
			return nil
		})
	}
	err = errors.Join(owing, group.Wait())
	close(broken)
	for failed := range broken {
		err = errors.Join(err, failed)
	}
	return len(streams), err
}

// finishes tells whether a task ends what somebody else has begun: a request or an import that did not come to its end.
func finishes(kind domain.TaskKind) bool {
	return kind == domain.PlaceTask || kind == domain.BookTask || kind == domain.ReverseTask
}

// finish does what one row of the task list asks for.
func (f *Fulfilment) finish(ctx context.Context, row projections.TaskRow) error {
	switch row.Task.Kind {
	case domain.PlaceTask:
		return f.place(ctx, row.Buyer, row.Order)
	case domain.BookTask:
		return f.book(ctx, row.Transfer)
	case domain.ReverseTask:
		return f.reverse(ctx, row.Stream)
	case domain.LoginTask:
		return f.greet(ctx, row.Customer)
	case domain.CheckpointTask:
		return f.sendCheckpointLetter(ctx)
	}
	return f.fulfil(ctx, row.Order)
}

// Concerns tells whether an event makes anything due.
func (f *Fulfilment) Concerns(event domain.Event) bool { return f.reaction(event) != nil }

// React does at once what an event makes due. It returns an error only if nothing could be recorded; the event should then come again.
func (f *Fulfilment) React(ctx context.Context, record domain.Record) error {
	reaction := f.reaction(record.Event)
	if reaction == nil {
		return nil
	}
	defer f.turns.take(record.Stream)()
	return reaction(ctx)
}

// reaction is what an event makes due, nil for nothing.
func (f *Fulfilment) reaction(event domain.Event) func(context.Context) error {
	fulfil := func(order domain.OrderID) func(context.Context) error {
		return func(ctx context.Context) error { return f.fulfil(ctx, order) }
	}
	switch e := event.(type) {
	case domain.OrderSubmitted:
		return fulfil(e.Order)
	case domain.PaymentReceived:
		return fulfil(e.Order)
	case domain.PaymentTakenBack:
		return fulfil(e.Order)
	case domain.OrderCancelled:
		return fulfil(e.Order)
	case domain.OrderExpired:
		return fulfil(e.Order)
	case domain.OrderLapsed:
		return fulfil(e.Order)
	case domain.ActivationFileResendRequested:
		return fulfil(e.Order)
	case domain.TaskRetryRequested:
		return fulfil(e.Order)
	case domain.LoginGranted:
		return func(ctx context.Context) error { return f.greet(ctx, e.Customer) }
	case domain.CheckpointLetterOwed:
		return f.sendCheckpointLetter
	case domain.ActivationEmailCorrected:
		return func(ctx context.Context) error { return f.redirect(ctx, e.Licence) }
	}
	return nil
}

// dossier is everything that the log knows of one order.
type dossier struct {
	domain.Order
	records  []domain.Record
	overpaid domain.Money // beyond the order; known only to the letter about the payment
	credited domain.Money // of the buyer's credit; known only to the confirmation letter
}

func (f *Fulfilment) openDossier(ctx context.Context, order domain.OrderID) (dossier, error) {
	return openDossier(ctx, f.Log, order)
}

func openDossier(ctx context.Context, log domain.Log, order domain.OrderID) (dossier, error) {
	var d dossier
	for record, err := range log.Read(ctx, domain.OrderStream(order), 0) {
		if err != nil {
			return d, fmt.Errorf("read order: %w", err)
		}
		d.Evolve(record.Event)
		d.records = append(d.records, record)
	}
	return d, nil
}

// owes tells whether a task is still to be done: what happened while others were done may have made it needless.
func (d dossier) owes(task domain.Task) bool {
	return slices.ContainsFunc(d.Owed(), func(t domain.Task) bool { return t.ID == task.ID })
}

// cause of a step that the process manager takes: it follows from the newest fact of the order.
func (d dossier) cause(task domain.Task, step string, at time.Time) domain.Cause {
	first, last := d.records[0], d.records[len(d.records)-1]
	command := []string{"task", string(d.Order.Order), task.ID, fmt.Sprint(task.Failure.Attempt), step}
	if back := len(d.TakenBack); back > 0 { // what was done before may have to be done again
		command = append(command, fmt.Sprint(back))
	}
	return domain.Cause{
		Command: domain.NameID(command...),
		Actor:   fulfilmentActor, OnBehalfOf: string(d.Buyer), Correlation: first.Metadata.Correlation, Causation: last.ID, At: at,
	}
}

// fulfil does what an order owes and is due, in order. A task that fails is recorded and waits; the tasks behind it go on.
func (f *Fulfilment) fulfil(ctx context.Context, order domain.OrderID) error {
	return f.fulfilThose(ctx, order, func(_ dossier, task domain.Task) bool {
		return task.IsDue(DayOf(f.Now())) && !task.Failure.NextAt.After(f.Now())
	})
}

func (f *Fulfilment) fulfilThose(ctx context.Context, order domain.OrderID, chosen func(dossier, domain.Task) bool) error {
	d, err := f.openDossier(ctx, order)
	if err != nil {
		return err
	}
	for _, task := range d.Owed() {
		if !chosen(d, task) || !d.owes(task) {
			continue
		}
		if err := f.do(ctx, d, task); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("do %s of order %s: %w", task.ID, order, err)
			}
			f.Logger.Warn("task failed", "order", order, "task", task.ID, "attempt", task.Failure.Attempt+1, "error", err)
			failure := domain.RecordFailure{Order: order, Task: task.ID, At: f.Now()}
			failure.Reason, failure.Permanent = reasonOf(err)
			if _, err := domain.Execute(ctx, f.Log, d.cause(task, "failed", f.Now()), failure); err != nil {
				return fmt.Errorf("record that %s failed: %w", task.ID, err)
			}
		}
		if d, err = f.openDossier(ctx, order); err != nil {
			return err
		}
	}
	return nil
}

// reasonOf is what the log may say of an error, and whether another try is pointless.
func reasonOf(err error) (reason string, permanent bool) {
	var refused Undeliverable
	if errors.As(err, &refused) {
		return refused.Error(), refused.Permanent()
	}
	return brokeReason, false
}

func (f *Fulfilment) do(ctx context.Context, d dossier, task domain.Task) error {
	switch task.Kind {
	case domain.ReleaseTask:
		return f.release(ctx, d, task)
	case domain.ConfirmTask:
		d, err := f.useCredit(ctx, d, task)
		if err != nil {
			return err
		}
		return f.writeToBuyer(ctx, d, task, confirmationLetter, f.proforma)
	case domain.ReturnTask:
		return f.returnSurplus(ctx, d, task)
	case domain.MarkPaidTask:
		return f.markPaid(ctx, d, task)
	case domain.MarkUnpaidTask:
		return f.markUnpaid(ctx, d, task)
	case domain.PaymentNoteTask:
		var err error
		if d.overpaid, err = f.overpaid(ctx, d); err != nil {
			return err
		}
		return f.writeToBuyer(ctx, d, task, paymentLetter, f.paymentConfirmation)
	case domain.ActivateTask:
		return f.activate(ctx, d, task)
	case domain.RemindTask:
		return f.writeToBuyer(ctx, d, task, reminderLetter)
	case domain.RemindAgainTask:
		return f.writeToBuyer(ctx, d, task, lateReminderLetter)
	case domain.ExpiryNoteTask:
		return f.writeToBuyer(ctx, d, task, expiryLetter)
	case domain.BalanceTask:
		return f.writeToBuyer(ctx, d, task, balanceLetter)
	case domain.ExpireTask:
		_, err := domain.Execute(ctx, f.Log, d.cause(task, "expire", f.Now()), domain.ExpireOrder{Order: d.Order.Order, On: DayOf(f.Now())})
		return err
	case domain.LapseTask:
		_, err := domain.Execute(ctx, f.Log, d.cause(task, "lapse", f.Now()), domain.LapseOrder{Order: d.Order.Order, On: DayOf(f.Now())})
		return err
	}
	return fmt.Errorf("no hands for a task of kind %q", task.Kind)
}

func (f *Fulfilment) release(ctx context.Context, d dossier, task domain.Task) error {
	by := d.cause(task, "release", f.Now())
	for _, line := range d.Lines {
		if _, err := domain.Execute(ctx, f.Log, by, domain.WithdrawLicenceOrder{Order: d.Order.Order, Licence: line.Licence}); err != nil {
			return fmt.Errorf("withdraw line %d: %w", line.Line, err)
		}
	}
	_, err := domain.Execute(ctx, f.Log, by, domain.RecordRelease{Order: d.Order.Order})
	return err
}

func (f *Fulfilment) markPaid(ctx context.Context, d dossier, task domain.Task) error {
	by := d.cause(task, "mark", f.Now())
	for _, line := range d.Lines {
		if _, err := domain.Execute(ctx, f.Log, by, domain.MarkLicencePaid{Order: d.Order.Order, Licence: line.Licence}); err != nil {
			return fmt.Errorf("mark line %d paid: %w", line.Line, err)
		}
	}
	_, err := domain.Execute(ctx, f.Log, by, domain.RecordLicencesPaid{Order: d.Order.Order})
	return err
}

// enclosure makes a file that goes with a letter to the buyer.
type enclosure func(context.Context, dossier, domain.Task, domain.Customer) (Attachment, error)

func (f *Fulfilment) writeToBuyer(ctx context.Context, d dossier, task domain.Task, compose func(Vendor, dossier, domain.Customer) (Letter, error), enclosed ...enclosure) error {
	buyer, err := domain.Load[domain.Customer](ctx, f.Log, domain.CustomerStream(d.Buyer))
	if err != nil {
		return err
	}
	letter, err := compose(f.Vendor, d, buyer.State)
	if err != nil {
		return err
	}
	for _, make := range enclosed {
		file, err := make(ctx, d, task, buyer.State)
		if err != nil {
			return err
		}
		letter.Attachments = append(letter.Attachments, file)
	}
	sent, err := f.send(ctx, letter)
	if err != nil {
		return err
	}
	by := d.cause(task, "sent", f.Now())
	if task.Kind == domain.BalanceTask {
		_, err = domain.Execute(ctx, f.Log, by, domain.RecordBalanceLetter{Order: d.Order.Order, Payments: task.Copy, Letter: sent})
	} else {
		_, err = domain.Execute(ctx, f.Log, by, domain.RecordLetter{Order: d.Order.Order, Kind: task.Kind, Letter: sent})
	}
	return err
}

// place finishes a submission whose request did not come to its end.
func (f *Fulfilment) place(ctx context.Context, buyer domain.CustomerID, order domain.OrderID) error {
	cart, err := domain.Load[domain.Cart](ctx, f.Log, domain.CartStream(buyer))
	if err != nil {
		return err
	}
	by := domain.Cause{Command: domain.NameID("finish", string(order), fmt.Sprint(cart.Revision)), Actor: fulfilmentActor,
		OnBehalfOf: string(buyer), Correlation: cart.Last.Metadata.Correlation, Causation: cart.Last.ID, At: f.Now()}
	_, err = domain.Place(ctx, f.Log, by, buyer, order, f.Vendor.Terms)
	if _, returned := domain.IsRefusal(err); returned {
		return nil // the buyer finds the positions in the cart again
	}
	return err
}

// markUnpaid tells the licences of an order that its payment was taken back.
func (f *Fulfilment) markUnpaid(ctx context.Context, d dossier, task domain.Task) error {
	by := d.cause(task, "unmark", f.Now())
	for _, line := range d.Lines {
		if _, err := domain.Execute(ctx, f.Log, by, domain.WithdrawLicencePayment{Order: d.Order.Order, Licence: line.Licence}); err != nil {
			return fmt.Errorf("mark line %d unpaid: %w", line.Line, err)
		}
	}
	_, err := domain.Execute(ctx, f.Log, by, domain.RecordLicencesUnpaid{Order: d.Order.Order})
	return err
}
