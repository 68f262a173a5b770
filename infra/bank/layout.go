package bank

import (
	"strings"
	"unicode/utf8"
)

// slotCharacters is the width of a subfield of field 86. Banks cut texts at it anywhere, also inside words and numbers.
const slotCharacters = 27

// layout is how a bank divides field 86: subfields of a separator and two digits. Another bank of this kind is one more row in
// layouts.
type layout struct {
	separator    byte
	title        []string
	payerName    []string
	payerAccount []string
}

// layouts are tried in this order. Source: descriptions of the MT940 exports of iPKO biznes and ING Business.
var layouts = []layout{{
	separator:    '~',
	title:        []string{"20", "21", "22", "23", "24", "25"},
	payerName:    []string{"32", "33"},
	payerAccount: []string{"38"},
}}

// layoutOf finds the layout of a file in the first field 86 that has subfields. A file whose fields 86 all lack them is refused:
// read as plain text, the payer's account number would stand in the title and could be taken for a reference.
func layoutOf(fields []field) (layout, error) {
	var plain *field
	for i := 1; i < len(fields); i++ {
		if fields[i].tag != "86" || fields[i-1].tag != "61" {
			continue
		}
		text := fields[i].joined()
		for _, l := range layouts {
			if len(l.divide(text)) > 0 {
				return l, nil
			}
		}
		if plain == nil && strings.TrimSpace(text) != "" {
			plain = &fields[i]
		}
	}
	if plain != nil {
		return layout{}, refuse(plain.line, "field :86: has no subfields like ~20: this bank's layout cannot be read yet; export the statement in the layout of iPKO biznes or ING, or book its transfers by hand")
	}
	return layouts[0], nil
}

type subfield struct{ number, text string }

// divide gives the subfields in their order; what stands before the first is the bank's code and is left out.
func (l layout) divide(text string) []subfield {
	var found []subfield
	start := -1
	for i := 0; i < len(text); i++ {
		if text[i] != l.separator || !digits(text, i+1, i+3) {
			continue
		}
		if start >= 0 {
			found = append(found, subfield{text[start+1 : start+3], text[start+3 : i]})
		}
		start = i
	}
	if start >= 0 {
		found = append(found, subfield{text[start+1 : start+3], text[start+3:]})
	}
	return found
}

// describe fills in what field 86 says. A text without subfields, as some banks give their own fees, is the title.
func (l layout) describe(e *Entry, text string) {
	parts := l.divide(text)
	if len(parts) == 0 {
		e.Title = strings.TrimSpace(text)
		return
	}
	e.Title = strings.TrimSpace(strings.Join(pick(parts, l.title), ""))
	e.PayerName = joinName(pick(parts, l.payerName))
	e.PayerAccount = strings.TrimPrefix(bare(strings.Join(pick(parts, l.payerAccount), "")), "PL")
}

func pick(parts []subfield, numbers []string) []string {
	var texts []string
	for _, number := range numbers {
		for _, part := range parts {
			if part.number == number {
				texts = append(texts, part.text)
			}
		}
	}
	return texts
}

// joinName puts a blank behind a slot that is not full: there the bank began a new line of the address.
func joinName(slots []string) string {
	var name strings.Builder
	for _, slot := range slots {
		name.WriteString(slot)
		if utf8.RuneCountInString(slot) < slotCharacters {
			name.WriteByte(' ')
		}
	}
	return strings.TrimSpace(name.String())
}

// bare is an account number without what people put between its digits.
func bare(account string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(account))
}

// digits says whether text has only digits from one index up to the other.
func digits(text string, from, to int) bool {
	if to > len(text) || from >= to {
		return false
	}
	for _, c := range []byte(text[from:to]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
