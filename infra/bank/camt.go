package bank

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// ParseCAMT053 reads the statements of a camt.053 file, at least one, in the versions 001.02 to 001.08 and, as far as names have
// stayed, later ones. The file may be UTF-8, ISO 8859-1, ISO 8859-2, Windows-1250 or Windows-1252, as its first line says. Only
// booked entries count. A booking of several payments becomes an entry for each of them when their amounts add up to the booking,
// otherwise one entry without a title for all. A file that is damaged, cut or does not add up is refused whole with a [*ParseError]; only a failure of r
// itself is another error.
//
// Source: ISO 20022, camt.053, BankToCustomerStatement.
func ParseCAMT053(r io.Reader) ([]Statement, error) {
	raw, err := readAll(r)
	if err != nil {
		return nil, err
	}
	return parseCAMT053(raw)
}

func parseCAMT053(raw []byte) ([]Statement, error) {
	text, err := xmlText(raw)
	if err != nil {
		return nil, err
	}
	if err := checkTokens(text); err != nil {
		return nil, err
	}
	guard := newGuard(text)
	p := xmlParser{guard: guard, in: xml.NewTokenDecoder(guard)}
	if err := p.document(); err != nil {
		return nil, guard.refusal(err)
	}
	return p.statements, nil
}

var (
	xmlEncoding  = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']`)
	xmlCodePages = map[string]*charmap.Charmap{
		"utf-8": nil, "utf8": nil, "us-ascii": nil, "iso-8859-1": charmap.ISO8859_1, "iso-8859-2": charmap.ISO8859_2,
		"windows-1250": charmap.Windows1250, "cp1250": charmap.Windows1250, "windows-1252": charmap.Windows1252,
	}
)

// xmlText decodes a file as its first line says.
func xmlText(raw []byte) (string, error) {
	raw = bytes.Trim(raw, blockMarks)
	encoding := "utf-8"
	if declared := xmlEncoding.FindSubmatch(raw[:min(len(raw), 200)]); declared != nil {
		encoding = strings.ToLower(string(declared[1]))
	}
	page, known := xmlCodePages[encoding]
	if !known {
		return "", refuse(1, "the encoding %s is none that banks use (UTF-8, ISO 8859-2, Windows-1250): choose another one when you export the statement", quote(encoding))
	}
	if page == nil && !utf8.Valid(raw) {
		at, _ := damagedUTF8(raw)
		return "", refuse(1+bytes.Count(raw[:at], []byte("\n")), "the file says that it is UTF-8, but here is a byte that is not: another program has saved it; %s", again)
	}
	return decoded(string(raw), page), nil
}

// xmlParser goes through the elements of a file, one entry at a time.
type xmlParser struct {
	guard      *guard
	in         *xml.Decoder
	statements []Statement
	pages      bool // whether the last statement goes on
	entries    int  // so far in the file
}

// otherMessages are what banks export beside statements, and what they take in.
var otherMessages = map[string]string{
	"BkToCstmrAcctRpt":      "camt.052, a report of the running day",
	"BkToCstmrDbtCdtNtfctn": "camt.054, a notification of single bookings",
	"CstmrCdtTrfInitn":      "pain.001, an order to pay",
	"CstmrPmtStsRpt":        "pain.002, a report on orders to pay",
}

// each calls see for every element inside of the current one, up to its end. see must read the element up to its end.
func (p *xmlParser) each(see func(xml.StartElement) error) error {
	for {
		token, err := p.in.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if err := see(t); err != nil {
				return err
			}
		case xml.CharData:
			if p.guard.depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return refuse(p.guard.line(), "%s stands outside of the statement; %s", quote(string(bytes.TrimSpace(t))), again)
			}
		}
	}
}

// document reads the whole file.
func (p *xmlParser) document() error {
	ended := false
	err := p.each(func(root xml.StartElement) error {
		switch {
		case ended:
			return refuse(p.guard.line(), "%s stands behind the end of the statement; %s", quote(root.Name.Local), again)
		case root.Name.Local != "Document":
			return refuse(p.guard.line(), "the file begins with %s and is no camt.053: %s", quote(root.Name.Local), choose)
		}
		ended = true
		return p.each(p.message)
	})
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case p.pages:
		return refuse(p.guard.line(), "the last page of statement %s is missing; %s", quote(p.statements[len(p.statements)-1].Number), again)
	case len(p.statements) == 0:
		return refuse(0, "the file holds no statement; choose a period with a statement when you export")
	}
	for i := range p.statements {
		setKeys(&p.statements[i])
	}
	return nil
}

func (p *xmlParser) message(message xml.StartElement) error {
	name := message.Name.Local
	if what, other := otherMessages[name]; other {
		return refuse(p.guard.line(), "this is %s, and no statement: %s", what, choose)
	}
	if name != "BkToCstmrStmt" {
		return refuse(p.guard.line(), "%s is no statement: %s", quote(name), choose)
	}
	return p.each(func(part xml.StartElement) error {
		if part.Name.Local != "Stmt" {
			return p.in.Skip()
		}
		return p.statement(p.guard.line())
	})
}

// xmlStatement is a statement whose elements are still being read.
type xmlStatement struct {
	Statement
	line                              int
	account                           xmlAccount
	id, electronicNumber, paperNumber string
	opening, previous, closing        *xmlBalance
	entryCurrency                     string
	balances                          int
}

func (p *xmlParser) statement(line int) error {
	s := xmlStatement{line: line}
	err := p.each(func(part xml.StartElement) error {
		switch part.Name.Local {
		case "Id":
			return p.in.DecodeElement(&s.id, &part)
		case "ElctrncSeqNb":
			return p.in.DecodeElement(&s.electronicNumber, &part)
		case "LglSeqNb":
			return p.in.DecodeElement(&s.paperNumber, &part)
		case "Acct":
			return p.in.DecodeElement(&s.account, &part)
		case "Bal":
			return p.balance(part, &s)
		case "Ntry":
			return p.entry(part, &s)
		}
		return p.in.Skip()
	})
	if err != nil {
		return err
	}
	if err := s.complete(); err != nil {
		return err
	}
	return p.add(s)
}

// balance keeps the balances that count: what the account held before the first entry and behind the last one.
func (p *xmlParser) balance(start xml.StartElement, s *xmlStatement) error {
	b := xmlBalance{line: p.guard.line()}
	if err := p.in.DecodeElement(&b, &start); err != nil {
		return err
	}
	if s.balances++; s.balances > balancesMax {
		return refuse(b.line, "the statement has more than %d balances; %s", balancesMax, again)
	}
	kinds := map[string]**xmlBalance{"OPBD": &s.opening, "PRCD": &s.previous, "CLBD": &s.closing}
	kept, counts := kinds[strings.TrimSpace(b.Code)]
	if !counts {
		return nil
	}
	if *kept != nil {
		return refuse(b.line, "the statement has two balances %s; %s", b.Code, again)
	}
	*kept = &b
	return nil
}

// complete fills in the statement from its elements and checks that it adds up.
func (s *xmlStatement) complete() error {
	if s.opening == nil {
		s.opening = s.previous
	}
	if s.opening == nil || s.closing == nil {
		return refuse(s.line, "the statement has no opening balance (OPBD) or no closing balance (CLBD); choose camt.053 with balances, or MT940, when you export")
	}
	account := s.account.IBAN
	if account == "" {
		account = s.account.Other
	}
	var err error
	if s.Account, err = parseNRB(s.line, account); err != nil {
		return err
	}
	for _, number := range []string{s.id, s.paperNumber, s.electronicNumber} {
		if number = oneBlank(number); number != "" {
			s.Number = number
		}
	}
	if s.Number == "" || len(s.Number) > numberMax {
		return refuse(s.line, "the number of the statement is empty or longer than %d bytes; %s", numberMax, again)
	}
	opening, err := s.opening.balance()
	if err != nil {
		return err
	}
	closing, err := s.closing.balance()
	if err != nil {
		return err
	}
	if s.entryCurrency != "" && s.entryCurrency != opening.currency {
		return refuse(s.line, "the balances are in %s and the entries in %s; %s", opening.currency, s.entryCurrency, again)
	}
	return s.Statement.close(opening, closing)
}

// add takes a statement in, or the next page of one: its opening balance is marked as being in between (INTM).
func (p *xmlParser) add(s xmlStatement) error {
	goesOn, page := s.closing.between(), s.opening.between()
	if page != p.pages {
		return refuse(s.line, "a page of the statement is missing before this one; %s", again)
	}
	if p.pages = goesOn; !page {
		p.statements = append(p.statements, s.Statement)
		return nil
	}
	return p.statements[len(p.statements)-1].goOn(s.line, s.Statement)
}

func (b *xmlBalance) between() bool { return strings.TrimSpace(b.Kind) == "INTM" }

func (b *xmlBalance) balance() (balance, error) {
	mark, err := xmlMark(b.line, b.Mark, "")
	if err != nil {
		return balance{}, err
	}
	on, err := b.On.date(b.line)
	if err != nil {
		return balance{}, err
	}
	grosz, err := b.Amount.grosz(b.line)
	return balance{grosz: grosz * mark.sign(), on: on, currency: b.Amount.Currency, line: b.line}, err
}
