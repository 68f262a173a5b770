package handlers

import (
	"fmt"
	"strings"
	"time"

	"rsc.io/qr"

	"netrom.pl/portal/domain"
)

// reminderLetter says that the money is due soon.
func reminderLetter(vendor Vendor, d dossier, buyer domain.Customer) (Letter, error) {
	return demand("order-reminder", vendor, d, buyer, domain.RemindTask, d.owedSince(domain.RemindTask))
}

// lateReminderLetter says that the due day has passed, and until when the order still waits.
func lateReminderLetter(vendor Vendor, d dossier, buyer domain.Customer) (Letter, error) {
	return demand("order-late-reminder", vendor, d, buyer, domain.RemindAgainTask, d.owedSince(domain.RemindAgainTask))
}

// expiryLetter says that the order has expired, and until when money still counts at its prices.
func expiryLetter(vendor Vendor, d dossier, buyer domain.Customer) (Letter, error) {
	return demand("order-expired", vendor, d, buyer, domain.ExpiryNoteTask, d.last(func(event domain.Event) bool {
		_, expired := event.(domain.OrderExpired)
		return expired
	}))
}

// balanceLetter says what has arrived and what is still open.
func balanceLetter(vendor Vendor, d dossier, buyer domain.Customer) (Letter, error) {
	return demand("order-balance", vendor, d, buyer, domain.BalanceTask, d.last(func(event domain.Event) bool {
		_, paid := event.(domain.PaymentReceived)
		return paid
	}))
}

// owedSince is when a task with a day of its own came to be owed.
func (d dossier) owedSince(kind domain.TaskKind) time.Time {
	for _, task := range d.Owed() {
		if task.Kind == kind {
			return task.From()
		}
	}
	return time.Time{}
}

// last is when the newest of some events happened.
func (d dossier) last(chosen func(domain.Event) bool) time.Time {
	var at time.Time
	for _, record := range d.records {
		if chosen(record.Event) {
			at = record.Metadata.At
		}
	}
	return at
}

// demand is a letter that asks for what is open now, with a code for the payer's bank. The amount is part of its ID, so that letters
// with the same ID ask for the same.
func demand(letterKind string, vendor Vendor, d dossier, buyer domain.Customer, task domain.TaskKind, at time.Time) (Letter, error) {
	id := domain.NameID("letter", string(d.Order.Order), string(task), fmt.Sprint(len(d.Payments)), fmt.Sprint(int64(d.Open())))
	letter, err := compose(letterKind, id, at, buyer.Email, letterFacts{Vendor: vendor, Language: buyer.Language, Customer: buyer, Order: d.Order})
	if err != nil {
		return letter, err
	}
	code, err := qr.Encode(d.Bank.TransferCode(d.Open(), d.Title), qr.L)
	if err != nil {
		return letter, fmt.Errorf("draw QR code: %w", err)
	}
	name := "transfer-"
	if buyer.Language == domain.Polish {
		name = "przelew-"
	}
	letter.Attachments = []Attachment{{Name: name + strings.ReplaceAll(d.Number.String(), "/", "-") + ".png", Type: "image/png", Content: code.PNG()}}
	return letter, nil
}
