package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"netrom.pl/portal/domain"
)

// Paper writes documents as PDF, with the same bytes for the same facts. It is safe for concurrent use.
type Paper interface {
	// Version of the documents that it writes now; it also writes those of the versions before.
	Version() int
	Proforma(order domain.OrderSubmitted, issued domain.ProformaIssued, language domain.Language) ([]byte, error)
	PaymentConfirmation(confirmed domain.PaymentConfirmation, language domain.Language) ([]byte, error)
}

// documentKind is a document about an order, as it is called in addresses.
type documentKind string

const (
	proformaDocument     documentKind = "proforma"
	confirmationDocument documentKind = "payment-confirmation"
)

// documentLanguages in the order in which pages offer them.
var documentLanguages = []domain.Language{domain.Polish, domain.English}

// document can be fetched about an order.
type document struct {
	Kind     documentKind    `json:"kind"`
	Language domain.Language `json:"language"`
	Name     string          `json:"name"` // in addresses
}

func documentsOf(kinds ...documentKind) []document {
	documents := []document{}
	for _, kind := range kinds {
		for _, language := range documentLanguages {
			documents = append(documents, document{kind, language, string(kind) + "-" + string(language)})
		}
	}
	return documents
}

// documentNamed is the inverse of a document's name.
func documentNamed(name string) (document, bool) {
	for _, d := range documentsOf(proformaDocument, confirmationDocument) {
		if d.Name == name {
			return d, true
		}
	}
	return document{}, false
}

const pdfType = "application/pdf"

// proformaFile is what the PDF of a proforma is saved as.
func proformaFile(number domain.ProformaNumber) string {
	return "proforma-" + strings.NewReplacer(" ", "-", "/", "-").Replace(string(number)) + ".pdf"
}

// confirmationFile is what the PDF of a payment confirmation is saved as.
func confirmationFile(number domain.OrderNumber) string {
	return "payment-" + strings.ReplaceAll(number.String(), "/", "-") + ".pdf"
}

// languageOf the buyer's documents; Polish if it has another one than the portal.
func languageOf(buyer domain.Customer) domain.Language {
	language, ok := knownLanguage(string(buyer.Language))
	if !ok {
		return domain.Polish
	}
	return language
}

// proforma issues the order's proforma if that has not happened yet, and gives it in the buyer's language.
func (f *Fulfilment) proforma(ctx context.Context, d dossier, task domain.Task, buyer domain.Customer) (Attachment, error) {
	issued, files, err := f.issueProforma(ctx, d, task, buyer)
	if err != nil {
		return Attachment{}, fmt.Errorf("issue proforma: %w", err)
	}
	language := languageOf(buyer)
	file := files[language]
	if file == nil {
		if file, err = writeProforma(f.Paper, d.OrderSubmitted, issued, language); err != nil {
			return Attachment{}, err
		}
	}
	return Attachment{Name: proformaFile(issued.Number), Type: pdfType, Content: file}, nil
}

// issueProforma answers the proforma and, if it was issued by this very call, its files.
func (f *Fulfilment) issueProforma(ctx context.Context, d dossier, task domain.Task, buyer domain.Customer) (domain.ProformaIssued, map[domain.Language][]byte, error) {
	if d.Proforma != nil {
		return *d.Proforma, nil, nil
	}
	on := DayOf(f.Now())
	by := d.cause(task, "proforma", f.Now())
	number, err := domain.NumberProforma(ctx, f.Log, by, d.Order.Order, on.Year())
	if err != nil {
		return domain.ProformaIssued{}, nil, err
	}
	issued := domain.ProformaIssued{Order: d.Order.Order, Number: number, Buyer: d.Buyer, BuyerName: buyer.Name, BuyerNIP: buyer.NIP, IssuedOn: on,
		Open: d.Open(), Paper: f.Paper.Version(), Digests: map[domain.Language]string{}}
	files := map[domain.Language][]byte{}
	for _, language := range documentLanguages {
		if files[language], err = f.Paper.Proforma(d.OrderSubmitted, issued, language); err != nil {
			return issued, nil, err
		}
		issued.Digests[language] = digestOf(files[language])
	}
	outcome, err := domain.Execute(ctx, f.Log, by, domain.IssueProforma{ProformaIssued: issued})
	if err != nil || len(outcome.Events) > 0 {
		return issued, files, err
	}
	d, err = f.openDossier(ctx, d.Order.Order) // another portal was first
	if err != nil {
		return issued, nil, err
	}
	return *d.Proforma, nil, nil
}

// writeProforma writes a proforma again and sees to it that it is the one that was issued.
func writeProforma(paper Paper, order domain.OrderSubmitted, issued domain.ProformaIssued, language domain.Language) ([]byte, error) {
	file, err := paper.Proforma(order, issued, language)
	if err != nil {
		return nil, err
	}
	if digest := digestOf(file); digest != issued.Digests[language] {
		return nil, fmt.Errorf("write proforma %s: its digest is %s, but %s was issued; the program is not the one that wrote it", issued.Number, digest, issued.Digests[language])
	}
	return file, nil
}

// IssuedDocuments writes again the documents whose digests a record has: a proforma in both languages, and the confirmation that went with
// the letter about a payment. A confirmation that would not be the same bytes, since the buyer's name has changed meanwhile, is left out, and
// so is every document whose names were erased.
func IssuedDocuments(ctx context.Context, log domain.Log, paper Paper, record domain.Record) ([]Attachment, error) {
	switch e := record.Event.(type) {
	case domain.ProformaIssued:
		return issuedProforma(ctx, log, paper, e)
	case domain.LetterSent:
		if e.Kind == domain.PaymentNoteTask && e.Letter != nil {
			return sentConfirmation(ctx, log, paper, e, record.Revision)
		}
	}
	return nil, nil
}

func issuedProforma(ctx context.Context, log domain.Log, paper Paper, issued domain.ProformaIssued) ([]Attachment, error) {
	if issued.BuyerName == "" {
		return nil, nil
	}
	d, err := openDossier(ctx, log, issued.Order)
	if err != nil {
		return nil, err
	}
	var files []Attachment
	for _, language := range documentLanguages {
		content, err := writeProforma(paper, d.OrderSubmitted, issued, language)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(proformaFile(issued.Number), ".pdf") + "-" + string(language) + ".pdf"
		files = append(files, Attachment{Name: name, Type: pdfType, Content: content})
	}
	return files, nil
}

// sentConfirmation writes the confirmation as things stood when its letter left.
func sentConfirmation(ctx context.Context, log domain.Log, paper Paper, sent domain.LetterSent, at domain.Revision) ([]Attachment, error) {
	d, err := openDossier(ctx, log, sent.Order)
	if err != nil {
		return nil, err
	}
	d.records = slices.DeleteFunc(d.records, func(r domain.Record) bool { return r.Revision > at })
	buyer, err := domain.Load[domain.Customer](ctx, log, domain.CustomerStream(d.Buyer))
	if err != nil || buyer.State.Name == "" {
		return nil, err
	}
	content, err := paper.PaymentConfirmation(d.confirmation(buyer.State), languageOf(buyer.State))
	if err != nil || !slices.Contains(sent.Letter.Files, digestOf(content)) {
		return nil, err
	}
	return []Attachment{{Name: confirmationFile(d.Number), Type: pdfType, Content: content}}, nil
}

func digestOf(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// paymentConfirmation confirms the payment to the buyer in its language.
func (f *Fulfilment) paymentConfirmation(_ context.Context, d dossier, _ domain.Task, buyer domain.Customer) (Attachment, error) {
	file, err := f.Paper.PaymentConfirmation(d.confirmation(buyer), languageOf(buyer))
	return Attachment{Name: confirmationFile(d.Number), Type: pdfType, Content: file}, err
}

// confirmation is what there is to confirm of a paid order: how it stood when it last became paid. What came afterwards does not change it.
func (d dossier) confirmation(buyer domain.Customer) domain.PaymentConfirmation {
	confirmed := domain.PaymentConfirmation{BuyerName: buyer.Name, BuyerNIP: buyer.NIP}
	var order domain.Order
	for _, record := range d.records {
		before := order.Paid()
		if order.Evolve(record.Event); order.Paid() && !before {
			confirmed.Order, confirmed.On = order, DayOf(record.Metadata.At)
		}
	}
	return confirmed
}

// downloadDocument hands a document about an order to its buyer.
func (s *Server) downloadDocument(c *call) (reply, error) {
	return s.sendDocument(c, func(order domain.Order) bool { return order.Buyer == c.customer() })
}

// downloadSaleDocument hands a document about any order to the vendor's people.
func (s *Server) downloadSaleDocument(c *call) (reply, error) {
	return s.sendDocument(c, func(domain.Order) bool { return true })
}

func (s *Server) sendDocument(c *call, may func(domain.Order) bool) (reply, error) {
	name, err := c.name("order")
	if err != nil {
		return reply{}, err
	}
	text, err := c.name("document")
	if err != nil {
		return reply{}, err
	}
	wanted, known := documentNamed(text)
	d, err := openDossier(c.Context(), s.Log, domain.OrderID(name))
	if err != nil {
		return reply{}, err
	}
	if !known || !d.Exists() || !may(d.Order) {
		return reply{}, domain.Refusal{Code: domain.NotFound}
	}
	file, err := s.writeDocument(c.Context(), d, wanted)
	if err != nil {
		return reply{}, err
	}
	return reply{download: file}, nil
}

// writeDocument writes what is known of an order. A document that does not exist yet, or whose names were erased, is not found.
func (s *Server) writeDocument(ctx context.Context, d dossier, wanted document) (*download, error) {
	missing := domain.Refusal{Code: domain.NotFound}
	if wanted.Kind == proformaDocument {
		if d.Proforma == nil || d.Proforma.BuyerName == "" {
			return nil, missing
		}
		file, err := writeProforma(s.Paper, d.OrderSubmitted, *d.Proforma, wanted.Language)
		return &download{contentType: pdfType, name: proformaFile(d.Proforma.Number), content: file}, err
	}
	buyer, err := domain.Load[domain.Customer](ctx, s.Log, domain.CustomerStream(d.Buyer))
	if err != nil {
		return nil, err
	}
	if !d.Paid() || buyer.State.Name == "" {
		return nil, missing
	}
	file, err := s.Paper.PaymentConfirmation(d.confirmation(buyer.State), wanted.Language)
	return &download{contentType: pdfType, name: confirmationFile(d.Number), content: file}, err
}

// orderDocuments is what a page or a program is told about an order's documents.
type orderDocuments struct {
	Proforma  domain.ProformaNumber `json:"proforma,omitempty"`
	Documents []document            `json:"documents"`
	Invoices  []orderInvoice        `json:"invoices"`

	DocumentsAt string `json:"-"` // address of the order, under which they lie
}

// orderInvoice is an invoice of the vendor's books.
type orderInvoice struct {
	Invoice  string            `json:"invoice"`
	KSeF     domain.KSeFNumber `json:"ksef,omitempty"`
	IssuedOn domain.Day        `json:"issued_on"`
	Advance  domain.Month      `json:"advance,omitempty"` // whose part payments it is for
}

// papers are a document in every language.
type papers struct {
	Kind  documentKind
	Files []document
}

// Papers are the documents by kind.
func (o orderDocuments) Papers() []papers {
	var list []papers
	for _, d := range o.Documents {
		if len(list) == 0 || list[len(list)-1].Kind != d.Kind {
			list = append(list, papers{Kind: d.Kind})
		}
		last := &list[len(list)-1]
		last.Files = append(last.Files, d)
	}
	return list
}

// HasPapers tells whether there is anything to be listed.
func (o orderDocuments) HasPapers() bool { return len(o.Documents)+len(o.Invoices) > 0 }

// documentsOfOrder puts together what its events have made.
func documentsOfOrder(proforma domain.ProformaNumber, paid bool, invoices []domain.InvoiceRecorded) orderDocuments {
	var kinds []documentKind
	if proforma != "" {
		kinds = append(kinds, proformaDocument)
	}
	if paid {
		kinds = append(kinds, confirmationDocument)
	}
	o := orderDocuments{Proforma: proforma, Documents: documentsOf(kinds...), Invoices: []orderInvoice{}}
	for _, i := range invoices {
		o.Invoices = append(o.Invoices, orderInvoice{Invoice: i.Invoice, KSeF: i.KSeF, IssuedOn: i.IssuedOn, Advance: i.Advance})
	}
	return o
}
