package bank

import (
	"io"
	"regexp"
	"strings"
)

// What a file may hold at most. A busy month of a shop is far below.
const (
	FileSizeMax  = 16 << 20 // bytes
	LinesMax     = 500_000
	LineSizeMax  = 4096 // bytes
	EntriesMax   = 25_000
	EntrySizeMax = 8192               // bytes of an entry with its description
	AmountMax    = 10_000_000_000_000 // grosz; EntriesMax of them stay within int64

	numberMax    = 35 // bytes
	referenceMax = 34 // bytes; SWIFT says 16, some banks write longer ones
	quotedMax    = 30 // characters of a file that a refusal shows
)

// again is the advice where the file itself is at fault.
const again = "download the statement from the bank once more and import the whole file"

// ParseMT940 reads the statements of a file, at least one. It knows UTF-8, Windows-1250, ISO 8859-2 and CP852, any line ends, and
// the envelopes of SWIFT. A file that is damaged, cut or does not add up is refused whole with a [*ParseError]; only a failure of
// r itself is another error.
func ParseMT940(r io.Reader) ([]Statement, error) {
	lines, err := readLines(r)
	if err != nil {
		return nil, err
	}
	fields, err := divideFields(lines)
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return nil, refuse(0, "the file holds no statement; choose a period with a statement when you export")
	}
	details, err := dialectOf(fields)
	if err != nil {
		return nil, err
	}
	p := parser{fields: fields, details: details, lastLine: len(lines)}
	var statements []Statement
	for len(p.fields) > 0 {
		statement, err := p.statement()
		if err != nil {
			return nil, err
		}
		statements = append(statements, statement)
	}
	return statements, nil
}

// field is a tag and its lines; the first line is what follows the tag.
type field struct {
	tag   string
	lines []string
	line  int
}

// joined is the text of the field as it was before its lines were cut.
func (f field) joined() string { return strings.Join(f.lines, "") }

// raw is the field as it stands in the file.
func (f field) raw() string { return ":" + f.tag + ":" + strings.Join(f.lines, "\n") }

// endOfMessage is the tag of the line with a hyphen that closes a message.
const endOfMessage = "-"

func divideFields(lines []line) ([]field, error) {
	var fields []field
	open := false // whether the last field can have more lines
	for _, l := range lines {
		tag, text, tagged := cutTag(l.text)
		bare := strings.TrimSpace(l.text)
		switch {
		case tagged:
			fields, open = append(fields, field{tag: tag, lines: []string{text}, line: l.number}), true
		case bare == "-" || strings.HasPrefix(l.text, "-}"):
			fields, open = append(fields, field{tag: endOfMessage, line: l.number}), false
		case bare == "":
		case !open && strings.HasPrefix(l.text, "{") && strings.HasSuffix(bare, "{4:"):
		case !open:
			return nil, refuse(l.number, "%s stands outside of a statement: choose MT940 when you export the statement", quote(l.text))
		default:
			last := &fields[len(fields)-1]
			last.lines = append(last.lines, l.text)
		}
	}
	return fields, nil
}

// cutTag recognises :61:, :60F:, and :NS:, the one tag that Polish banks have added.
func cutTag(line string) (tag, text string, ok bool) {
	rest, found := strings.CutPrefix(line, ":")
	if !found {
		return "", "", false
	}
	tag, text, found = strings.Cut(rest, ":")
	if !found || !tagForm.MatchString(tag) {
		return "", "", false
	}
	return tag, text, true
}

var tagForm = regexp.MustCompile(`^([0-9]{2}[A-Z]?|NS)$`)

// parser goes through the fields of a file from the front.
type parser struct {
	fields   []field // those still to be read
	details  subfields
	lastLine int
	entries  int // so far in the file
}

func (p *parser) sees(tags ...string) bool {
	if len(p.fields) == 0 {
		return false
	}
	for _, tag := range tags {
		if p.fields[0].tag == tag {
			return true
		}
	}
	return false
}

func (p *parser) skip(tags ...string) {
	for p.sees(tags...) {
		p.fields = p.fields[1:]
	}
}

// take gives the next field, which must have one of the tags; what names it for the reader of the refusal.
func (p *parser) take(what string, tags ...string) (field, error) {
	if len(p.fields) == 0 {
		return field{}, refuse(p.lastLine, "the file ends where %s (:%s:) is expected, so it is cut; %s", what, tags[0], again)
	}
	next := p.fields[0]
	if !p.sees(tags...) {
		found := "field :" + next.tag + ":"
		if next.tag == endOfMessage {
			found = "the end of the message"
		}
		return field{}, refuse(next.line, "%s stands where %s (:%s:) is expected; %s", found, what, tags[0], again)
	}
	p.fields = p.fields[1:]
	return next, nil
}

// statement reads a statement with all its pages. A page that is not the last closes with :62M:, the next opens with :60M:.
func (p *parser) statement() (Statement, error) {
	whole, last, err := p.page("60F")
	if err != nil {
		return Statement{}, err
	}
	for !last {
		line := p.lastLine
		if len(p.fields) > 0 {
			line = p.fields[0].line
		}
		next, lastNow, err := p.page("60M")
		if err != nil {
			return Statement{}, err
		}
		if next.Account != whole.Account || sheet(next.Number) != sheet(whole.Number) || next.Currency != whole.Currency || next.OpeningGrosz != whole.ClosingGrosz {
			return Statement{}, refuse(line, "the page that begins here does not continue statement %s of account %s; %s", whole.Number, whole.Account, again)
		}
		whole.Entries = append(whole.Entries, next.Entries...)
		whole.ClosingGrosz, whole.ClosedOn, last = next.ClosingGrosz, next.ClosedOn, lastNow
	}
	setKeys(&whole)
	return whole, nil
}

// sheet is the number of a statement without that of its page.
func sheet(number string) string {
	number, _, _ = strings.Cut(number, "/")
	return number
}

// page reads from :20: to the closing balance and what may follow it, and checks that it adds up.
func (p *parser) page(openingTag string) (s Statement, last bool, err error) {
	if err := p.head(&s); err != nil {
		return s, false, err
	}
	opening, err := p.balance("the opening balance", openingTag)
	if err != nil {
		return s, false, err
	}
	s.OpeningGrosz, s.OpenedOn, s.Currency = opening.grosz, opening.on, opening.currency
	sum := s.OpeningGrosz
	for p.sees("61") {
		entry, err := p.entry()
		if err != nil {
			return s, false, err
		}
		sum += entry.AmountGrosz
		s.Entries = append(s.Entries, entry)
	}
	last = !p.sees("62M")
	closing, err := p.balance("the next entry (:61:) or the closing balance", "62F", "62M")
	if err != nil {
		return s, false, err
	}
	s.ClosingGrosz, s.ClosedOn = closing.grosz, closing.on
	switch {
	case closing.currency != s.Currency:
		return s, false, refuse(closing.line, "the statement opens in %s and closes in %s; %s", s.Currency, closing.currency, again)
	case closing.on < s.OpenedOn:
		return s, false, refuse(closing.line, "the statement closes on %s, before it opens on %s; %s", closing.on, s.OpenedOn, again)
	case sum != s.ClosingGrosz:
		return s, false, refuse(closing.line, "opening balance and movements give %s, the closing balance says %s, so entries are missing or changed; %s",
			amountText(sum), amountText(s.ClosingGrosz), again)
	}
	p.skip("64", "65", "86", "NS")
	p.skip(endOfMessage)
	return s, last, nil
}

func (p *parser) head(s *Statement) error {
	if _, err := p.take("the beginning of a statement", "20"); err != nil {
		return err
	}
	p.skip("21", "NS")
	account, err := p.take("the account", "25")
	if err != nil {
		return err
	}
	if s.Account, err = parseAccount(account); err != nil {
		return err
	}
	p.skip("NS")
	number, err := p.take("the number of the statement", "28C", "28")
	if err != nil {
		return err
	}
	s.Number = strings.TrimSpace(number.joined())
	if s.Number == "" || len(s.Number) > numberMax {
		return refuse(number.line, "the number of the statement is empty or longer than %d bytes; %s", numberMax, again)
	}
	p.skip("NS")
	return nil
}

// entry reads field 61 and its description, which some banks spread over two fields 86.
func (p *parser) entry() (Entry, error) {
	head, err := p.take("an entry", "61")
	if err != nil {
		return Entry{}, err
	}
	if p.entries++; p.entries > EntriesMax {
		return Entry{}, refuse(head.line, "the file has more than %d entries: export a shorter period", EntriesMax)
	}
	e, err := parseEntry(head)
	if err != nil {
		return Entry{}, err
	}
	e.Raw = head.raw()
	text, last := "", head
	for p.sees("86") && len(e.Raw) <= EntrySizeMax {
		last, p.fields = p.fields[0], p.fields[1:]
		text += last.joined()
		e.Raw += "\n" + last.raw()
	}
	if len(e.Raw) > EntrySizeMax {
		return Entry{}, refuse(last.line, "the entry with its description is longer than %d bytes; %s", EntrySizeMax, again)
	}
	if !p.details.read(text, &e) {
		e.Title = strings.TrimSpace(text)
	}
	return e, nil
}
