package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/mail"
	"netrom.pl/portal/infra/postgres"
	"netrom.pl/portal/infra/vault"
	"netrom.pl/portal/projections"
)

// eraser destroys what two operators have agreed to forget: the list first, so that it is never forgotten to forget; then
// letters, keys and accounts; then the certificate, which the views fold; and last the traces in the database's files. Every step
// can be repeated, so after a crash it begins again. Not for use by several goroutines at once.
type eraser struct {
	base    *foundation.Foundation
	log     domain.Log
	tables  *projections.Tables
	list    forgotten
	settle  func(context.Context, domain.Position) error // waits until all views have seen a position
	forget  func()                                       // drops what this process remembers of the log and of pages; nil: nothing
	now     func() time.Time
	logger  *slog.Logger
	checked bool // whether keys came back with a backup
}

// erasing is one erasure on its way.
type erasing struct {
	certificate domain.PersonalDataErased
	texts       []string // that tell a letter to or about the person
}

// run does what is owed, and answers the certificates. The first time it waits until the views show the whole log.
func (e *eraser) run(ctx context.Context) ([]domain.PersonalDataErased, error) {
	if !e.checked {
		if err := e.settleAll(ctx); err != nil {
			return nil, err
		}
	}
	owed, err := e.owed(ctx)
	if err != nil {
		return nil, err
	}
	certificates, err := e.erase(ctx, owed)
	if err != nil {
		return certificates, err
	}
	return certificates, e.scrub(ctx)
}

// forgetAgain erases what stands on the list or in the log and is there again, because a backup was restored.
func (e *eraser) forgetAgain(ctx context.Context) error {
	listed, err := e.list.read()
	if err != nil {
		return err
	}
	if err := e.list.add(listed); err != nil { // where it does not stand yet
		return err
	}
	again, err := e.returned(ctx, listed)
	if err != nil {
		return err
	}
	if len(again) > 0 {
		e.logger.Warn("a backup has brought back what was forgotten; it is forgotten again", "erasures", len(again))
	}
	_, err = e.erase(ctx, again)
	return err
}

// owed is what two people have agreed on and nobody has certified.
func (e *eraser) owed(ctx context.Context) ([]erasing, error) {
	customers, err := e.tables.Erasures(ctx, projections.ErasureOwed)
	if err != nil {
		return nil, err
	}
	var owed []erasing
	for _, customer := range customers {
		for purpose, erasure := range customer.Erasures {
			if erasure.Owed() {
				owed = append(owed, erasing{certificate: certificateOf(customer.ID, purpose, erasure)})
			}
		}
	}
	if !e.checked { // the log may be newer than the vault, and the list may be lost
		again, err := e.returned(ctx, nil)
		if err != nil {
			return nil, err
		}
		owed, e.checked = append(owed, again...), true
	}
	return owed, nil
}

func certificateOf(customer domain.CustomerID, purpose domain.Purpose, erasure domain.Erasure) domain.PersonalDataErased {
	return domain.PersonalDataErased{Customer: customer, Purpose: purpose, ProposedBy: erasure.ProposedBy, ConfirmedBy: erasure.ConfirmedBy,
		Keys: erasure.KeysToDestroy(customer, purpose), Statements: erasure.Statements}
}

// returned is what was forgotten, as the list or the views say, and is not: its key is there, or the log does not know of it.
func (e *eraser) returned(ctx context.Context, listed []domain.PersonalDataErased) ([]erasing, error) {
	customers, err := e.tables.Erasures(ctx, projections.ErasureProposed, projections.ErasureOwed, projections.ErasureDone)
	if err != nil {
		return nil, err
	}
	certified := map[erasureID]bool{}
	all := slices.Clone(listed)
	for _, customer := range customers {
		for purpose, erasure := range customer.Erasures {
			if erasure.Done {
				certificate := certificateOf(customer.ID, purpose, erasure)
				certified[idOf(certificate)] = true
				all = append(all, certificate)
			}
		}
	}
	var keys []vault.KeyID
	for _, certificate := range all {
		keys = append(keys, keysOf(certificate)...)
	}
	found, err := e.base.Vault.Alive(ctx, keys...)
	if err != nil {
		return nil, err
	}
	alive := map[vault.KeyID]bool{}
	for _, key := range found {
		alive[key] = true
	}
	var again []erasing
	for _, certificate := range all {
		if !certified[idOf(certificate)] || slices.ContainsFunc(keysOf(certificate), func(key vault.KeyID) bool { return alive[key] }) {
			again = append(again, erasing{certificate: certificate})
		}
	}
	return again, nil
}

func keysOf(certificate domain.PersonalDataErased) []vault.KeyID {
	var keys []vault.KeyID
	for _, key := range certificate.Keys {
		keys = append(keys, vault.KeyID{Subject: key.Subject, Purpose: string(key.Purpose)})
	}
	return keys
}

// erase forgets people. What the log has about them is read as long as that can be done.
func (e *eraser) erase(ctx context.Context, people []erasing) (certificates []domain.PersonalDataErased, err error) {
	if len(people) == 0 {
		return nil, nil
	}
	var keys []vault.KeyID
	for i := range people {
		if people[i].texts, err = e.textsOf(ctx, people[i].certificate); err != nil {
			return nil, err
		}
		certificates = append(certificates, people[i].certificate)
		keys = append(keys, keysOf(people[i].certificate)...)
	}
	if err := e.list.add(certificates); err != nil {
		return nil, err
	}
	if err := e.removeLetters(ctx, people); err != nil {
		return nil, err
	}
	if _, err := e.base.Vault.Destroy(ctx, keys...); err != nil {
		return nil, err
	}
	for i := range people {
		if certificates[i], err = e.certify(ctx, people[i].certificate); err != nil {
			return certificates[:i], err
		}
	}
	if e.forget != nil {
		e.forget()
	}
	return certificates, e.removeLetters(ctx, people) // one more may have been on its way
}

// textsOf are the addresses that the customer ever had, and if everything goes, its name and tax number.
func (e *eraser) textsOf(ctx context.Context, certificate domain.PersonalDataErased) ([]string, error) {
	var texts []string
	for record, err := range e.log.Read(ctx, domain.CustomerStream(certificate.Customer), 0) {
		if err != nil {
			return nil, fmt.Errorf("read what is to be forgotten: %w", err)
		}
		switch event := record.Event.(type) {
		case domain.CustomerRegistered:
			texts = append(texts, event.Email)
			if certificate.Purpose == domain.LegalPurpose {
				texts = append(texts, event.Name, string(event.NIP))
			}
		case domain.ActivationEmailCorrected:
			texts = append(texts, event.Email)
		}
	}
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" || text == domain.Erased }), nil
}

// removeLetters deletes the stored letters in which one of the people is named, and counts them.
func (e *eraser) removeLetters(ctx context.Context, people []erasing) error {
	dir := filepath.Join(e.base.Dir, lettersFolder)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil // all of them were sent
	}
	folder, err := mail.Folder(dir)
	if err != nil {
		return err
	}
	_, err = folder.Remove(ctx, func(letter mail.Letter) bool {
		for i := range people {
			if slices.ContainsFunc(people[i].texts, func(text string) bool { return names(letter, text) }) {
				people[i].certificate.Letters++
				return true
			}
		}
		return false
	})
	return errors.Join(err, folder.Close())
}

// names tells whether a text stands anywhere in a letter.
func names(letter mail.Letter, text string) bool {
	for _, part := range []string{letter.To, letter.Subject, letter.Text, letter.HTML} {
		if strings.Contains(part, text) {
			return true
		}
	}
	return slices.ContainsFunc(letter.Attachments, func(file mail.Attachment) bool {
		return strings.Contains(file.Name, text) || strings.Contains(string(file.Content), text)
	})
}

// certify removes the accounts, which cannot be used for anything any more, and records that everything is gone. A log that
// is older than the customer needs no certificate.
func (e *eraser) certify(ctx context.Context, certificate domain.PersonalDataErased) (domain.PersonalDataErased, error) {
	accounts, err := e.base.Vault.DeleteAccountsOf(ctx, string(certificate.Customer))
	if err != nil {
		return certificate, err
	}
	certificate.Accounts = accounts
	id := domain.NameID("erasure", string(certificate.Customer), string(certificate.Purpose))
	by := domain.Cause{Command: id, Actor: "system:erasure", OnBehalfOf: string(certificate.Customer), Correlation: id, Causation: id, At: e.now()}
	_, err = domain.Execute(ctx, e.log, by, domain.RecordErasure{PersonalDataErased: certificate})
	if no, refused := domain.IsRefusal(err); refused && no.Code == domain.NotFound {
		return certificate, nil
	}
	return certificate, err
}

// scrub clears the database's files of what was destroyed, once the views have forgotten it.
func (e *eraser) scrub(ctx context.Context) error {
	epoch, owed, err := e.base.Vault.ToScrub(ctx)
	if err != nil || !owed {
		return err
	}
	if err := e.settleAll(ctx); err != nil {
		return err
	}
	if e.forget != nil {
		e.forget() // what was read until now
	}
	if err := e.base.DropRebuilt(ctx); err != nil { // it may show what is forgotten now
		return err
	}
	tables, err := e.base.Vault.Tables(ctx)
	if err != nil {
		return err
	}
	for _, table := range projections.Personal {
		tables = append(tables, foundation.ViewsSchema+"."+table)
	}
	err = postgres.Scrub(ctx, e.base.DB, tables...)
	if errors.Is(err, postgres.ErrNotScrubbed) {
		e.logger.Warn("the database's own files were not cleared of what was forgotten", "error", err)
		err = nil
	}
	if err != nil {
		return err
	}
	return e.base.Vault.Scrubbed(ctx, epoch)
}

// settleAll waits until the views show the whole log.
func (e *eraser) settleAll(ctx context.Context) error {
	progress, err := e.tables.Progress(ctx)
	if err != nil {
		return err
	}
	slowest := domain.Position(0)
	for i, view := range projections.All() {
		if at := progress[view.Name]; i == 0 || at < slowest {
			slowest = at
		}
	}
	last, err := e.base.LastPosition(ctx, slowest)
	if err != nil {
		return err
	}
	if err := e.settle(ctx, last); err != nil {
		return fmt.Errorf("wait for the views to forget: %w", err)
	}
	return nil
}
