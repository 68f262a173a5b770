package bank

import (
	"io"
	"slices"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// ParseMT940 reads the statements of an MT940 file, at least one, in any dialect of field 86 that this package knows. The file may
// be UTF-8, Windows-1250, ISO 8859-2 or CP852, with any line ends and the envelopes of SWIFT. A file that is damaged, cut or
// does not add up is refused whole with a [*ParseError]; only a failure of r itself is another error.
func ParseMT940(r io.Reader) ([]Statement, error) {
	raw, err := readAll(r)
	if err != nil {
		return nil, err
	}
	return parseMT940(raw)
}

func parseMT940(raw []byte) ([]Statement, error) {
	page, err := codePageOf(raw)
	if err != nil {
		return nil, err
	}
	file := string(raw)
	details, err := dialectOf(newFieldReader(file, page))
	if err != nil {
		return nil, err
	}
	p := parser{fields: newFieldReader(file, page), details: details}
	p.advance()
	var statements []Statement
	for p.more || p.broken != nil {
		statement, err := p.statement()
		if err != nil {
			return nil, err
		}
		statements = append(statements, statement)
	}
	if len(statements) == 0 {
		return nil, refuse(0, "the file holds no statement; choose a period with a statement when you export")
	}
	return statements, nil
}

func newFieldReader(file string, page *charmap.Charmap) *fieldReader {
	return &fieldReader{lines: newLineReader(file, page)}
}

// parser goes through the fields of a file.
type parser struct {
	fields  *fieldReader
	field   field // the next one, if there is more
	more    bool
	broken  error // why the next field cannot be read
	details details
	entries int    // so far in the file
	text    []byte // of the entry that is read
	raw     []byte
}

func (p *parser) advance() { p.field, p.more, p.broken = p.fields.next() }

func (p *parser) sees(tags ...string) bool { return p.more && slices.Contains(tags, p.field.tag) }

func (p *parser) skip(tags ...string) {
	for p.sees(tags...) {
		p.advance()
	}
}

// here is the line of the next field, or the last line of a file that has ended.
func (p *parser) here() int {
	if p.more {
		return p.field.line
	}
	return p.fields.lines.number
}

// take gives the next field, which must have one of the tags; what names it for the reader of the refusal.
func (p *parser) take(what string, tags ...string) (field, error) {
	switch {
	case p.broken != nil:
		return field{}, p.broken
	case !p.more:
		return field{}, refuse(p.here(), "the file ends where %s (:%s:) is expected, so it is cut; %s", what, tags[0], again)
	case !p.sees(tags...):
		found := "field :" + p.field.tag + ":"
		if p.field.tag == endOfMessage {
			found = "the end of the message"
		}
		return field{}, refuse(p.here(), "%s stands where %s (:%s:) is expected; %s", found, what, tags[0], again)
	}
	next := p.field
	p.advance()
	return next, nil
}

// statement reads a statement with all its pages. A page that is not the last closes with :62M:, the next opens with :60M:.
func (p *parser) statement() (Statement, error) {
	whole, last, err := p.page("60F")
	if err != nil {
		return Statement{}, err
	}
	for !last {
		line := p.here()
		next, lastNow, err := p.page("60M")
		if err != nil {
			return Statement{}, err
		}
		if err := whole.goOn(line, next); err != nil {
			return Statement{}, err
		}
		last = lastNow
	}
	setKeys(&whole)
	return whole, nil
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
	if p.sees("61") {
		s.Entries = make([]Entry, 0, p.entriesAhead())
	}
	for p.sees("61") {
		entry, err := p.entry()
		if err != nil {
			return s, false, err
		}
		s.Entries = append(s.Entries, entry)
	}
	last = !p.sees("62M")
	closing, err := p.balance("the next entry (:61:) or the closing balance", "62F", "62M")
	if err != nil {
		return s, false, err
	}
	if err := s.close(opening, closing); err != nil {
		return s, false, err
	}
	p.skip("64", "65", "86", "NS")
	p.skip(endOfMessage)
	return s, last, nil
}

// entriesAhead is about how many entries stand before the next closing balance, where one is the next field.
func (p *parser) entriesAhead() int {
	page, _, _ := strings.Cut(p.fields.lines.rest, "\n:62")
	return min(1+strings.Count(page, "\n:61:"), EntriesMax)
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
	s.Number = strings.Clone(strings.TrimSpace(number.joined()))
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
		return Entry{}, refuse(head.line, "the file has more than %d entries: %s", EntriesMax, shorter)
	}
	p.text, p.raw = p.text[:0], head.appendRaw(p.raw[:0])
	last := head.line
	for p.sees("86") && len(p.raw) <= EntrySizeMax {
		last = p.here()
		p.text = p.field.appendText(p.text)
		p.raw = p.field.appendRaw(append(p.raw, '\n'))
		p.advance()
	}
	raw := string(p.raw)
	head.first = raw[len(":61:"):][:len(head.first)] // so that the entry does not keep the whole file in memory
	e, err := parseEntry(head)
	if err != nil {
		return Entry{}, err
	}
	if len(raw) > EntrySizeMax {
		return Entry{}, refuse(last, "the entry with its description is longer than %d bytes; %s", EntrySizeMax, again)
	}
	e.Raw = raw
	if text := string(p.text); !p.details.read(text, &e) {
		e.Title = strings.TrimSpace(text)
	}
	return e, nil
}
