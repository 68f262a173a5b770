package bank

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// Limits of the XML of a statement.
const (
	xmlTokenSizeMax = 16 << 10  // bytes of a tag, a comment or a text between two tags
	xmlDepthMax     = 64        // elements inside each other; camt.053 needs 20
	xmlEntrySizeMax = 128 << 10 // bytes of what becomes one entry, with all its elements
	balancesMax     = 100       // of a statement; banks write up to ten

	entryDepth   = 4 // of Ntry: Document, BkToCstmrStmt, Stmt, Ntry
	paymentDepth = 6 // of TxDtls: Ntry, NtryDtls, TxDtls
)

// guard hands out the tokens of a file as long as they stay within the limits, and knows where they stand.
type guard struct {
	text  string
	in    *xml.Decoder
	depth int
	start int64   // where the last token begins
	begun int64   // where the last part of a statement, entry or payment begins or has ended
	parts []place // the payments (TxDtls) of the entry that is being read
}

// checkTokens refuses texts and tags that are too long before anything is made of them.
func checkTokens(text string) error {
	rest := text
	for len(rest) > 0 {
		end := strings.IndexAny(rest, "<>")
		if end < 0 {
			end = len(rest)
		}
		if end > xmlTokenSizeMax {
			line := 1 + strings.Count(text[:len(text)-len(rest)], "\n")
			return refuse(line, "a text or an element here is longer than %d KiB, so this is no statement: %s", xmlTokenSizeMax>>10, choose)
		}
		rest = rest[min(len(rest), end+1):]
	}
	return nil
}

// place is a part of the text.
type place struct {
	line       int
	start, end int64
}

func newGuard(text string) *guard {
	in := xml.NewDecoder(strings.NewReader(text))
	in.CharsetReader = func(_ string, decoded io.Reader) (io.Reader, error) { return decoded, nil }
	return &guard{text: text, in: in}
}

// Token is [xml.TokenReader.Token]. Entities that a file defines itself are refused with the definition.
func (g *guard) Token() (xml.Token, error) {
	g.start = g.in.InputOffset()
	line := g.line()
	token, err := g.in.RawToken()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case xml.Directive:
		if strings.HasPrefix(strings.ToLower(string(t)), "doctype html") {
			return nil, refuse(line, "the file is a web page, as banks send it when the session has ended: %s", choose)
		}
		return nil, refuse(line, "the file has a document type or entities of its own, which no bank writes; %s", again)
	case xml.StartElement:
		if g.depth++; g.depth > xmlDepthMax {
			return nil, refuse(line, "more than %d elements stand inside each other, which no bank writes; %s", xmlDepthMax, again)
		}
		payment := t.Name.Local == "TxDtls" && g.depth == paymentDepth
		if payment || g.depth <= entryDepth {
			g.begun = g.start
		}
		if payment {
			g.parts = append(g.parts, place{line: line, start: g.start})
		}
		if len(g.parts) > EntriesMax {
			return nil, refuse(line, "a booking has more than %d payments: %s", EntriesMax, shorter)
		}
	case xml.EndElement:
		if t.Name.Local == "TxDtls" && g.depth == paymentDepth && len(g.parts) > 0 {
			g.begun = g.in.InputOffset()
			g.parts[len(g.parts)-1].end = g.begun
		}
		g.depth--
	}
	if g.depth >= entryDepth && g.in.InputOffset()-g.begun > xmlEntrySizeMax {
		return nil, tooLong(line)
	}
	return token, nil
}

func tooLong(line int) error {
	return refuse(line, "the booking or its payments are longer than %d KiB; choose MT940, or camt.053 with the amount of every payment, when you export", xmlEntrySizeMax>>10)
}

// line is where the reader is.
func (g *guard) line() int {
	line, _ := g.in.InputPos()
	return line
}

// raw is a part of the text with line ends as LF. It is refused when it is too long to be kept with an entry.
func (g *guard) raw(p place) (string, error) {
	if p.end-p.start > xmlEntrySizeMax {
		return "", tooLong(p.line)
	}
	return strings.ReplaceAll(g.text[p.start:p.end], "\r\n", "\n"), nil
}

// refusal says in our words why the XML cannot be read on.
func (g *guard) refusal(err error) error {
	var refused *ParseError
	if errors.As(err, &refused) {
		return refused
	}
	line := g.line()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.HasSuffix(err.Error(), "unexpected EOF") {
		return refuse(line, "the file ends inside of a statement, so it is cut; %s", again)
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return refuse(line, "this is not well-formed XML (%s); %s", syntax.Msg, again)
	}
	return refuse(line, "this is no statement (%s); %s", quote(err.Error()), again)
}

// The elements of camt.053 that are read, by local name: so every version and every prefix of the name space is understood.
//
// Source: ISO 20022, camt.053.001.02 to camt.053.001.08, BankToCustomerStatement.
type (
	xmlAmount struct {
		Value    string `xml:",chardata"`
		Currency string `xml:"Ccy,attr"`
	}
	xmlDay struct {
		Day    string `xml:"Dt"`
		Moment string `xml:"DtTm"`
	}
	xmlAccount struct {
		IBAN  string `xml:"Id>IBAN"`
		Other string `xml:"Id>Othr>Id"`
	}
	xmlBalance struct {
		Code   string    `xml:"Tp>CdOrPrtry>Cd"`
		Kind   string    `xml:"Tp>SubTp>Cd"`
		Amount xmlAmount `xml:"Amt"`
		Mark   string    `xml:"CdtDbtInd"`
		On     xmlDay    `xml:"Dt"`

		line int
	}
	xmlEntry struct {
		Amount   xmlAmount `xml:"Amt"`
		Mark     string    `xml:"CdtDbtInd"`
		Reversal string    `xml:"RvslInd"`
		Status   struct {
			Text string `xml:",chardata"` // to version 07
			Code string `xml:"Cd"`        // from version 08
		} `xml:"Sts"`
		BookedOn  xmlDay       `xml:"BookgDt"`
		ValueOn   xmlDay       `xml:"ValDt"`
		Reference string       `xml:"AcctSvcrRef"`
		Payments  []xmlPayment `xml:"NtryDtls>TxDtls"`
	}
	xmlPayment struct {
		Reference       string     `xml:"Refs>AcctSvcrRef"`
		EndToEnd        string     `xml:"Refs>EndToEndId"`
		Amount          xmlAmount  `xml:"Amt"` // from version 03
		Mark            string     `xml:"CdtDbtInd"`
		Moved           xmlAmount  `xml:"AmtDtls>TxAmt>Amt"`
		Debtor          xmlParty   `xml:"RltdPties>Dbtr"`
		DebtorAccount   xmlAccount `xml:"RltdPties>DbtrAcct"`
		Creditor        xmlParty   `xml:"RltdPties>Cdtr"`
		CreditorAccount xmlAccount `xml:"RltdPties>CdtrAcct"`
		Title           []string   `xml:"RmtInf>Ustrd"`
		Structured      []struct {
			Reference string   `xml:"CdtrRefInf>Ref"`
			More      []string `xml:"AddtlRmtInf"`
		} `xml:"RmtInf>Strd"`
	}
	xmlParty struct {
		Name  string `xml:"Nm"`
		Party string `xml:"Pty>Nm"` // from version 08
	}
)

func (p xmlParty) name() string { return oneBlank(p.Name + " " + p.Party) }

// date takes the civil day that the bank wrote, whatever its clock said.
func (d xmlDay) date(line int) (Date, error) {
	text := strings.TrimSpace(d.Day)
	if text == "" {
		text = strings.TrimSpace(d.Moment)
	}
	return parseISODate(line, text)
}

// title joins what the payer wrote with what it chose from a form.
func (p xmlPayment) title() string {
	parts := slices.Clone(p.Title)
	for _, s := range p.Structured {
		parts = append(append(parts, s.Reference), s.More...)
	}
	return oneBlank(strings.Join(parts, " "))
}
