package bank

import (
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// line is one line of a file, without its end.
type line struct {
	number int // from 1
	text   string
}

// lineReader cuts a file into lines and decodes them one by one.
type lineReader struct {
	rest   string
	page   *charmap.Charmap // nil: UTF-8
	end    byte             // what ends a line
	number int              // of the last line that was read
}

func newLineReader(file string, page *charmap.Charmap) *lineReader {
	end := byte('\n')
	if strings.IndexByte(file, end) < 0 {
		end = '\r'
	}
	return &lineReader{rest: file, page: page, end: end}
}

// blockMarks stand around blocks and files: ASCII 1 to 3, the end mark of old systems, the byte order mark.
const blockMarks = "\x01\x02\x03\x1a\ufeff"

// next gives the next line; it answers false behind the last one.
func (r *lineReader) next() (line, bool, error) {
	if len(r.rest) == 0 {
		return line{}, false, nil
	}
	r.number++
	if r.number > LinesMax {
		return line{}, false, refuse(r.number, "the file has more than %d lines: %s", LinesMax, shorter)
	}
	piece := r.rest
	if end := strings.IndexByte(r.rest, r.end); end >= 0 {
		piece, r.rest = r.rest[:end], r.rest[end+1:]
	} else {
		r.rest = ""
	}
	for len(piece) > 0 && piece[len(piece)-1] == '\r' {
		piece = piece[:len(piece)-1]
	}
	if len(piece) > LineSizeMax {
		return line{}, false, refuse(r.number, "the line is longer than %d bytes, so this is not an MT940 file: %s", LineSizeMax, choose)
	}
	text := decoded(piece, r.page)
	if text != "" && !(isPrintable(text[0]) && isPrintable(text[len(text)-1])) {
		text = strings.Trim(text, blockMarks)
	}
	for i := range len(text) {
		if text[i] < ' ' && text[i] != '\t' {
			return line{}, false, refuse(r.number, "the line holds characters that belong to no text: %s", choose)
		}
	}
	return line{r.number, text}, true, nil
}

// isPrintable is true of every ASCII character that belongs to a text.
func isPrintable(b byte) bool { return b >= ' ' && b < 0x7f }

// field is a tag and its lines; the first line is what follows the tag.
type field struct {
	tag   string
	first string
	more  []string // the lines behind the first
	line  int
}

// joined is the text of the field as it was before its lines were cut.
func (f field) joined() string {
	if len(f.more) == 0 {
		return f.first
	}
	return string(f.appendText(nil))
}

// appendText appends what joined gives.
func (f field) appendText(text []byte) []byte {
	text = append(text, f.first...)
	for _, line := range f.more {
		text = append(text, line...)
	}
	return text
}

// appendRaw appends the field as it stands in the file.
func (f field) appendRaw(raw []byte) []byte {
	raw = append(append(append(raw, ':'), f.tag...), ':')
	raw = append(raw, f.first...)
	for _, line := range f.more {
		raw = append(append(raw, '\n'), line...)
	}
	return raw
}

// endOfMessage is the tag of the line with a hyphen that closes a message.
const endOfMessage = "-"

// fieldReader puts lines together to fields.
type fieldReader struct {
	lines   *lineReader
	ahead   line // read already, belongs to the next field
	isAhead bool
}

// next gives the next field; it answers false behind the last one.
func (r *fieldReader) next() (field, bool, error) {
	for {
		l, ok, err := r.line()
		if !ok || err != nil {
			return field{}, false, err
		}
		tag, text, tagged := cutTag(l.text)
		bare := strings.TrimSpace(l.text)
		switch {
		case tagged:
			return r.collect(field{tag: tag, first: text, line: l.number})
		case endsMessage(l.text):
			return field{tag: endOfMessage, line: l.number}, true, nil
		case bare == "":
		case strings.HasPrefix(l.text, "{") && strings.HasSuffix(bare, "{4:"):
		default:
			return field{}, false, refuse(l.number, "%s stands outside of a statement: %s", quote(l.text), choose)
		}
	}
}

// linesUsual is how many lines a field of several has behind its first at the most, as a rule: SWIFT allows six in all.
const linesUsual = 5

// collect adds the lines that belong to a field; blank ones do not.
func (r *fieldReader) collect(f field) (field, bool, error) {
	for {
		l, ok, err := r.line()
		if !ok || err != nil {
			return f, err == nil, err
		}
		if _, _, tagged := cutTag(l.text); tagged || endsMessage(l.text) {
			r.ahead, r.isAhead = l, true
			return f, true, nil
		}
		if strings.TrimSpace(l.text) != "" {
			if f.more == nil {
				f.more = make([]string, 0, linesUsual)
			}
			f.more = append(f.more, l.text)
		}
	}
}

func (r *fieldReader) line() (line, bool, error) {
	if r.isAhead {
		r.isAhead = false
		return r.ahead, true, nil
	}
	return r.lines.next()
}

func endsMessage(text string) bool {
	return strings.HasPrefix(text, "-}") || strings.TrimSpace(text) == "-"
}

// cutTag recognises :61:, :60F:, and :NS:, the one tag that Polish banks have added.
func cutTag(line string) (tag, text string, ok bool) {
	if len(line) < 4 || line[0] != ':' {
		return "", "", false
	}
	end := strings.IndexByte(line[1:min(len(line), 5)], ':')
	if end < 0 {
		return "", "", false
	}
	tag = line[1 : 1+end]
	digits := end >= 2 && isDigit(tag[0]) && isDigit(tag[1])
	letter := end == 2 || end == 3 && tag[2] >= 'A' && tag[2] <= 'Z'
	if tag != "NS" && !(digits && letter) {
		return "", "", false
	}
	return tag, line[2+end:], true
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
