package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/activation"
	"netrom.pl/portal/infra/bank"
	"netrom.pl/portal/infra/mail"
)

func (p *play) nothingTooEarly(ctx context.Context) (string, error) {
	for _, order := range p.bought {
		for record, err := range p.portal.log.Read(ctx, domain.OrderStream(order.ID), 0) {
			if err != nil {
				return "", err
			}
			if _, issued := record.Event.(domain.ActivationFileIssued); issued {
				return "", fmt.Errorf("order %s has an activation file and no payment", order.Number)
			}
		}
	}
	return "none", nil
}

// pay writes a statement with one transfer for every order that still waits for money, also those of earlier runs.
func (p *play) pay(ctx context.Context) (string, error) {
	statement := bank.Statement{Account: string(p.portal.vendor.Terms.Bank.Account), Number: strings.ReplaceAll(p.portal.now().UTC().Format("060102150405.000000"), ".", ""), Currency: "PLN",
		OpeningGrosz: 0, OpenedOn: p.today(), ClosedOn: p.today()}
	for _, buyer := range []*shopper{p.customer, p.distributor} {
		orders, err := buyer.orders(ctx)
		if err != nil {
			return "", err
		}
		for _, order := range orders {
			if order.Status != domain.AwaitingPayment && order.Status != domain.PartlyPaid {
				continue
			}
			statement.ClosingGrosz += int64(order.Open)
			statement.Entries = append(statement.Entries, bank.Entry{ValueDate: p.today(), BookedOn: p.today(), AmountGrosz: int64(order.Open), Mark: bank.Credit,
				BankReference: "DEMO" + strings.ReplaceAll(string(order.ID), "-", "")[:12], CustomerReference: "NONREF",
				Title: order.Title, PayerName: "DEMONSTRACJA", PayerAccount: "27114020040000300201355387"})
		}
	}
	path := filepath.Join(p.dir, "statement-"+statement.Number+".sta")
	if err := p.writeStatement(path, statement); err != nil {
		return "", err
	}
	if err := p.refuseDamaged(ctx, path); err != nil {
		return "", err
	}
	booked, err := p.importStatement(ctx, path)
	if err != nil {
		return "", err
	}
	if booked != len(statement.Entries) {
		return "", fmt.Errorf("%d of %d transfers were booked", booked, len(statement.Entries))
	}
	return fmt.Sprintf("%d transfers, %s", booked, domain.Money(statement.ClosingGrosz)), nil
}

func (p *play) today() bank.Date { return bank.Date(handlers.DayOf(p.portal.now())) }

func (p *play) writeStatement(path string, statement bank.Statement) error {
	var file bytes.Buffer
	if err := bank.WriteMT940(&file, statement); err != nil {
		return fmt.Errorf("write statement: %w", err)
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("make folder of statements: %w", err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write statement: %w", err)
	}
	return nil
}

// refuseDamaged cuts the file in the middle: nothing of it may be booked.
func (p *play) refuseDamaged(ctx context.Context, path string) error {
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = bank.ParseMT940(bytes.NewReader(whole[:len(whole)*2/3]))
	var damaged *bank.ParseError
	if !errors.As(err, &damaged) {
		return fmt.Errorf("a statement cut in the middle was not refused with its line: %v", err)
	}
	return nil
}

func (p *play) importStatement(ctx context.Context, path string) (booked int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	statements, err := bank.ParseMT940(file)
	if err != nil {
		return 0, err
	}
	for _, statement := range statements {
		bookings, err := foundation.BookStatement(ctx, p.portal.log, p.importer.cause("statement", path, uuid.NewString()), statement)
		if err != nil {
			return booked, err
		}
		for _, booking := range bookings {
			if booking.Match == nil {
				return booked, fmt.Errorf("transfer %s found no order: %s", booking.BankReference, booking.Reason)
			}
			if !booking.Known {
				booked++
				p.paid = append(p.paid, booking.Match.Number)
			}
		}
	}
	return booked, nil
}

func (p *play) payAgain(ctx context.Context) (string, error) {
	files, err := filepath.Glob(filepath.Join(p.dir, "*.sta"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		booked, err := p.importStatement(ctx, file)
		if err != nil {
			return "", err
		}
		if booked != 0 {
			return "", fmt.Errorf("%s booked %d transfers again", filepath.Base(file), booked)
		}
	}
	return fmt.Sprintf("%d statements so far", len(files)), nil
}

// activationFiles waits for the file of every line that this run ordered, and verifies each with the vendor's public key.
func (p *play) activationFiles(ctx context.Context) (string, error) {
	count := 0
	for _, order := range p.bought {
		for _, line := range order.Lines {
			letter, err := p.letter.await(ctx, 0, func(m mail.Letter) bool {
				return len(m.Attachments) == 1 && bytes.Contains(m.Attachments[0].Content, []byte("-----BEGIN")) && strings.Contains(m.Text, line.Licence.Serial()) && strings.Contains(m.Text, order.Number)
			})
			if err != nil {
				return "", fmt.Errorf("wait for the activation file of licence %s: %w", line.Licence.Serial(), err)
			}
			facts, err := activation.Verify(letter.Attachments[0].Content, p.portal.publicKeys)
			if err != nil {
				return "", fmt.Errorf("verify the file of licence %s: %w", line.Licence.Serial(), err)
			}
			if facts.LicenceID != string(line.Licence) || facts.Order != order.Number {
				return "", fmt.Errorf("the file of licence %s speaks of another one", line.Licence.Serial())
			}
			if err := p.sentToItsAddress(ctx, letter, line.Licence); err != nil {
				return "", err
			}
			count++
		}
	}
	return fmt.Sprintf("%d files", count), nil
}

func (p *play) sentToItsAddress(ctx context.Context, letter mail.Letter, licence domain.LicenceID) error {
	owned, err := domain.Load[domain.Licence](ctx, p.portal.log, domain.LicenceStream(licence))
	if err != nil {
		return err
	}
	owner, err := domain.Load[domain.Customer](ctx, p.portal.log, domain.CustomerStream(owned.State.Customer))
	if err != nil {
		return err
	}
	if letter.To != owner.State.ActivationEmail(licence) {
		return fmt.Errorf("the file of licence %s went to another address", licence.Serial())
	}
	return nil
}

func (p *play) fulfilled(ctx context.Context) (string, error) {
	deadline := p.portal.now().Add(letterPatience)
	for i, buyer := range []*shopper{p.customer, p.distributor} {
		for {
			order, err := buyer.order(ctx, p.bought[i].ID)
			if err != nil {
				return "", err
			}
			if order.Status == domain.Fulfilled {
				break
			}
			if p.portal.now().After(deadline) {
				return "", fmt.Errorf("order %s is still %s", order.Number, order.Status)
			}
			time.Sleep(20 * time.Millisecond)
		}
		programs, err := buyer.programs(ctx)
		if err != nil {
			return "", err
		}
		for _, line := range p.bought[i].Lines {
			if !slices.ContainsFunc(programs, func(o ownedProgram) bool { return o.Licence == line.Licence && o.Paid && o.Activated }) {
				return "", fmt.Errorf("licence %s is not shown as paid and activated", line.Licence.Serial())
			}
		}
	}
	return fmt.Sprintf("%d orders", len(p.bought)), nil
}

func (p *play) rebuilt(ctx context.Context) (string, error) {
	tables, err := compareWithRebuild(ctx, p.portal.base, p.portal.views)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d tables", tables), nil
}
