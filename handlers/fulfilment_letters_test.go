package handlers

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// TestLettersAreRecordedWithTheirDigests holds what the log says of each letter that left against the letter itself.
func TestLettersAreRecordedWithTheirDigests(t *testing.T) {
	o := openOffice(t)
	o.Vendor.Terms.Limits = &domain.TimeLimits{RemindBeforeDays: 3, RemindAfterDays: 3, ExpireAfterDays: 14, GraceDays: 30}
	order := o.order()
	perform(o, domain.GrantLogin{Customer: buyerID, Account: "user-1", Link: 1})
	if err := o.greet(t.Context(), buyerID); err != nil {
		t.Fatal(err)
	}
	fulfil := func() {
		t.Helper()
		if err := o.fulfil(t.Context(), orderID); err != nil {
			t.Fatal(err)
		}
	}
	fulfil()
	for i, amount := range []domain.Money{1_00, order.Total.Gross - 1_00} {
		perform(o, domain.RecordPayment{Order: orderID, Transfer: domain.TransferID([]string{"t-1", "t-2"}[i]), Amount: amount, ValueOn: "2026-11-22"})
		fulfil()
	}
	var recorded []domain.SentLetter
	var documents []Attachment
	for _, stream := range []string{domain.CustomerStream(buyerID), domain.OrderStream(orderID)} {
		for record, err := range o.Log.Read(t.Context(), stream, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if letter := domain.LetterOf(record.Event); letter != nil {
				recorded = append(recorded, *letter)
			}
			issued, err := IssuedDocuments(t.Context(), o.Log, o.Paper, record)
			if err != nil {
				t.Fatal(err)
			}
			documents = append(documents, issued...)
		}
	}
	var want []domain.SentLetter
	for _, letter := range o.box {
		sent := domain.SentLetter{MessageID: sentAs(letter).MessageID, Digest: sentAs(letter).Digest}
		for _, file := range letter.Attachments {
			sent.Files = append(sent.Files, digestOf(file.Content))
		}
		want = append(want, sent)
	}
	if len(want) != 6 || !reflect.DeepEqual(recorded, want) { // login, confirmation, balance, payment, two files
		t.Errorf("%d letters left, and the log says\n%+v, want\n%+v", len(o.box), recorded, want)
	}
	if len(documents) != 3 || !strings.HasSuffix(documents[0].Name, "-pl.pdf") || !strings.HasSuffix(documents[1].Name, "-en.pdf") || !strings.HasPrefix(documents[2].Name, "payment-") {
		t.Fatalf("the log knows of %d documents", len(documents))
	}
	if confirmed, paid := o.box[1].Attachments[0], o.box[3].Attachments[0]; !bytes.Equal(documents[0].Content, confirmed.Content) || !bytes.Equal(documents[2].Content, paid.Content) {
		t.Error("written again, the documents are not those that left")
	}
	old := domain.Record{Proposed: domain.Proposed{Event: domain.LetterSent{Order: orderID, Kind: domain.PaymentNoteTask}}, Revision: 99}
	other := domain.Record{Proposed: domain.Proposed{Event: domain.LetterSent{Order: orderID, Kind: domain.PaymentNoteTask, Letter: &domain.SentLetter{Files: []string{"of other bytes"}}}}, Revision: 99}
	for _, record := range []domain.Record{old, other} {
		if unproven, err := IssuedDocuments(t.Context(), o.Log, o.Paper, record); err != nil || len(unproven) != 0 {
			t.Errorf("%d documents have no digest in the log and are written all the same: %v", len(unproven), err)
		}
	}
}
