package handlers

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	html "html/template"
	"strings"
	text "text/template"
	"time"

	"netrom.pl/portal/domain"
)

// Vendor is who sells: what it says of itself in letters and on orders.
type Vendor struct {
	Name  string
	Email string // where letters come from, and where questions go (R1)
	URL   string // of the portal, without a slash at the end
	Terms domain.Terms
	// AuditorEmail is where signed checkpoints of the log go every day, in AuditorLanguage; empty: nowhere.
	AuditorEmail    string
	AuditorLanguage domain.Language
	// SecondPersonAbove is how much of a transfer one accountant may match by hand alone.
	SecondPersonAbove domain.Money
}

// Letter is a message that leaves the house. The same letter always has the same ID, date and contents, so that a
// repeated sending can be recognised by whoever receives it.
type Letter struct {
	ID          string // stable Message-ID, without the host
	At          time.Time
	To          string
	Subject     string
	Text        string
	HTML        string
	Attachments []Attachment
}

// Attachment of a letter.
type Attachment struct {
	Name    string
	Type    string // media type
	Content []byte
}

// Sent is by what a letter that has left can be recognised where it is kept.
type Sent struct {
	MessageID string // without angle brackets
	Digest    string // SHA-256 of the message, hexadecimal
}

// send sends a letter and answers what goes into the log of it.
func (f *Fulfilment) send(ctx context.Context, letter Letter) (*domain.SentLetter, error) {
	sent, err := f.Send(ctx, letter)
	if err != nil {
		return nil, err
	}
	record := &domain.SentLetter{MessageID: sent.MessageID, Digest: sent.Digest}
	for _, file := range letter.Attachments {
		record.Files = append(record.Files, digestOf(file.Content))
	}
	return record, nil
}

//go:embed letters
var letterFiles embed.FS

// letterTemplates are parsed once at start, so that a broken one stops the program and not a letter.
var (
	letterTexts = text.Must(text.New("").Funcs(letterFuncs).ParseFS(letterFiles, "letters/*.txt"))
	letterPages = html.Must(html.New("").Funcs(letterFuncs).ParseFS(letterFiles, "letters/*.html"))
)

var letterFuncs = map[string]any{"day": dayText, "month": monthText, "edition": editionText}

// dayText writes a calendar day as people do.
func dayText(language domain.Language, day domain.Day) string {
	t, err := time.Parse(time.DateOnly, string(day))
	if err != nil {
		return string(day)
	}
	months := monthsOf[language]
	return fmt.Sprintf("%d %s %d", t.Day(), months[t.Month()-1], t.Year())
}

// monthText writes a month, such as 2026-11, as it follows "the end of".
func monthText(language domain.Language, month string) string {
	t, err := time.Parse("2006-01", month)
	if err != nil {
		return month
	}
	return fmt.Sprintf("%s %d", monthsOf[language][t.Month()-1], t.Year())
}

var monthsOf = map[domain.Language][12]string{
	domain.Polish:  {"stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września", "października", "listopada", "grudnia"},
	domain.English: {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
}

// editionText names the edition, and the number of stations where there are many.
func editionText(language domain.Language, edition domain.Edition, stations int) (string, error) {
	text, err := spoken[language].text("edition." + string(edition))
	if language == domain.Polish {
		text = "wersja " + text
	}
	if err != nil || edition == domain.SingleStation {
		return text, err
	}
	count, err := spoken[language].text("offer.stations", "count", stations)
	return text + ", " + count, err
}

// letterFacts is what the letters about an order can speak of.
type letterFacts struct {
	Vendor   Vendor
	Language domain.Language
	Customer domain.Customer // whom the letter is for
	Order    domain.Order
	Line     domain.Line
	Serial   string
	File     domain.ActivationFileIssued
	Overpaid domain.Money
	Credit   domain.Money // that pays a part of the order, or all
	ToPay    domain.Money // after it
	UserName string
	URL      string

	Checkpoint domain.CheckpointLetterOwed
}

// compose fills the templates of one kind of letter. The first line of the text is the subject.
func compose(kind, id string, at time.Time, to string, facts letterFacts) (Letter, error) {
	letter := Letter{ID: id, At: at.UTC().Truncate(time.Second), To: to}
	var plain, page bytes.Buffer
	name := kind + "." + string(facts.Language)
	if err := letterTexts.ExecuteTemplate(&plain, name+".txt", facts); err != nil {
		return letter, fmt.Errorf("write letter %s: %w", name, err)
	}
	if err := letterPages.ExecuteTemplate(&page, name+".html", facts); err != nil {
		return letter, fmt.Errorf("write letter %s: %w", name, err)
	}
	subject, body, _ := strings.Cut(plain.String(), "\n")
	letter.Subject, letter.Text, letter.HTML = subject, strings.TrimLeft(body, "\n"), page.String()
	return letter, nil
}

// confirmationLetter confirms the order and says how to pay. Source: R12.
func confirmationLetter(vendor Vendor, d dossier, buyer domain.Customer) (Letter, error) {
	return compose("order-confirmation", letterID(d, domain.ConfirmTask), d.records[0].Metadata.At, buyer.Email,
		letterFacts{Vendor: vendor, Language: buyer.Language, Customer: buyer, Order: d.Order, Credit: d.credited, ToPay: d.Total.Gross - d.credited})
}

// paymentLetter says that the money has arrived and what follows.
func paymentLetter(vendor Vendor, d dossier, buyer domain.Customer) (Letter, error) {
	order, payment := d.whenPaid()
	return compose("payment-received", letterID(d, domain.PaymentNoteTask), payment.Metadata.At, buyer.Email,
		letterFacts{Vendor: vendor, Language: buyer.Language, Customer: buyer, Order: order, Overpaid: d.overpaid})
}

// activationLetter carries the activation file of one line to the licence's address. To a corrected address goes another
// letter. Source: R4, R14.
func activationLetter(vendor Vendor, d dossier, line domain.Line, copy int, issued domain.ActivationFileIssued, holder domain.Customer) (Letter, error) {
	_, payment := d.whenPaid()
	at := payment.Metadata.At
	for _, record := range d.records {
		if e, ok := record.Event.(domain.ActivationFileResendRequested); ok && e.Line == line.Line && e.Copy == copy {
			at = record.Metadata.At
		}
	}
	id := domain.NameID("letter", string(d.Order.Order), string(domain.ActivateTask), fmt.Sprint(line.Line), fmt.Sprint(copy),
		fmt.Sprint(holder.Corrections[line.Licence]))
	letter, err := compose("activation-file", id, at, holder.ActivationEmail(line.Licence),
		letterFacts{Vendor: vendor, Language: holder.Language, Customer: holder, Order: d.Order, Line: line, Serial: line.Licence.Serial(), File: issued})
	letter.Attachments = []Attachment{{Name: issued.Name, Type: "text/plain; charset=utf-8", Content: issued.File}}
	return letter, err
}

// loginLetter announces the user name with a one-time link for setting the password; it never contains a password. Source: R1.
func loginLetter(vendor Vendor, customer domain.Customer, granted domain.LoginGranted, userName, url string, at time.Time) (Letter, error) {
	return compose("login", domain.NameID("letter", granted.Account, fmt.Sprint(granted.Link)), at, customer.Email,
		letterFacts{Vendor: vendor, Language: customer.Language, Customer: customer, UserName: userName, URL: url})
}

func letterID(d dossier, kind domain.TaskKind) string {
	return domain.NameID("letter", string(d.Order.Order), string(kind))
}
