package handlers

import (
	"context"
	"fmt"

	"netrom.pl/portal/domain"
)

// activate issues the file of a line if that has not happened yet, and sends it to the licence's address.
func (f *Fulfilment) activate(ctx context.Context, d dossier, task domain.Task) error {
	line := d.Lines[task.Line-1]
	holder, err := domain.Load[domain.Customer](ctx, f.Log, domain.CustomerStream(line.Client))
	if err != nil {
		return err
	}
	issued := d.Files[line.Line].Issued
	if issued == nil {
		if issued, err = f.issue(ctx, d, task, line, holder.State); err != nil {
			return fmt.Errorf("issue activation file of line %d: %w", line.Line, err)
		}
	}
	letter, err := activationLetter(f.Vendor, d, line, task.Copy, *issued, holder.State)
	if err != nil {
		return err
	}
	sent, err := f.send(ctx, letter)
	if err != nil {
		return err
	}
	_, err = domain.Execute(ctx, f.Log, d.cause(task, "sent", f.Now()), domain.RecordActivationFileSent{ActivationFileSent: domain.ActivationFileSent{
		Order: d.Order.Order, Line: line.Line, Licence: line.Licence, Copy: task.Copy, Address: holder.State.Corrections[line.Licence], Letter: sent}})
	return err
}

func (f *Fulfilment) issue(ctx context.Context, d dossier, task domain.Task, line domain.Line, holder domain.Customer) (*domain.ActivationFileIssued, error) {
	_, payment := d.whenPaid()
	revision, err := f.fileRevision(ctx, line.Licence, d.Order.Order)
	if err != nil {
		return nil, err
	}
	facts := ActivationFacts{
		FileID: domain.NameID("activation-file", string(d.Order.Order), fmt.Sprint(line.Line)), Revision: revision,
		Licence: line.Licence, Program: line.Program, ProgramName: line.ProgramName, Edition: line.Edition, Version: line.To,
		Stations: line.Stations, HolderName: holder.Name, HolderNIP: holder.NIP, IssuedAt: payment.Metadata.At,
		Order: d.Number, Payment: payment.ID,
	}
	if d.Buyer != line.Client {
		facts.Distributor = d.Buyer
	}
	signed, err := f.Sign(facts)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	issued := domain.ActivationFileIssued{Order: d.Order.Order, Line: line.Line, Licence: line.Licence, Client: line.Client,
		Name: signed.Name, File: signed.Bytes, Digest: signed.Digest, Key: signed.Key, Payment: payment.ID}
	outcome, err := domain.Execute(ctx, f.Log, d.cause(task, "issue", f.Now()), domain.IssueActivationFile{ActivationFileIssued: issued})
	if err != nil || len(outcome.Events) > 0 {
		return &issued, err
	}
	d, err = f.openDossier(ctx, d.Order.Order) // another portal was first, perhaps with a key of its own
	return d.Files[line.Line].Issued, err
}

// whenPaid is the order as it was when the money last came to cover its gross amount, and the record of the payment that completed
// it, also where a small rest was waived; the zero record before that. What comes on top later does not change it.
func (d dossier) whenPaid() (paid domain.Order, payment domain.Record) {
	var order domain.Order
	var last domain.Record
	for _, record := range d.records {
		if _, ok := record.Event.(domain.PaymentReceived); ok {
			last = record
		}
		before := order.Paid()
		if order.Evolve(record.Event); order.Paid() && !before {
			paid, payment = order, last
		}
	}
	return paid, payment
}

// fileRevision counts the versions that a licence was paid for, up to and with this order.
func (f *Fulfilment) fileRevision(ctx context.Context, licence domain.LicenceID, order domain.OrderID) (int, error) {
	revision := 0
	for record, err := range f.Log.Read(ctx, domain.LicenceStream(licence), 0) {
		if err != nil {
			return 0, fmt.Errorf("read licence: %w", err)
		}
		switch e := record.Event.(type) {
		case domain.LicenceGranted:
			revision++
		case domain.LicencePaid:
			revision++
			if e.Order == order {
				return revision, nil
			}
		}
	}
	return 0, fmt.Errorf("licence %s does not know that order %s was paid", licence, order)
}

// redirect sends a file that its old address has refused to the corrected one, without waiting for the next try. Source: R4.
func (f *Fulfilment) redirect(ctx context.Context, licence domain.LicenceID) error {
	var order domain.OrderID
	for record, err := range f.Log.Read(ctx, domain.LicenceStream(licence), 0) {
		if err != nil {
			return fmt.Errorf("read licence: %w", err)
		}
		if e, ok := record.Event.(domain.LicencePaid); ok {
			order = e.Order
		}
	}
	if order == "" {
		return nil
	}
	defer f.turns.take(domain.OrderStream(order))()
	return f.fulfilThose(ctx, order, func(d dossier, task domain.Task) bool {
		return task.Kind == domain.ActivateTask && task.Failure.Attempt > 0 && d.Lines[task.Line-1].Licence == licence
	})
}
