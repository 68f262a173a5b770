package bank

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// details is how a bank writes the description of an entry, field 86.
type details interface {
	// read fills in what the description says; it answers false and changes nothing when the description is not of this form.
	read(text string, entry *Entry) bool
}

// dialectOf finds the dialect of a file in the first description that shows it. A file whose descriptions show none is
// refused: taken as titles, they would have the digits of account numbers among which a reference is looked for.
func dialectOf(fields *fieldReader) (details, error) {
	ofEntry := false // whether a field 86 here describes an entry, not the statement
	var plain field
	for {
		f, ok, err := fields.next()
		if !ok || err != nil {
			break // what cannot be read is refused where it stands
		}
		if f.tag != "86" {
			ofEntry = f.tag == "61"
			continue
		}
		if !ofEntry {
			continue
		}
		text := f.joined()
		if d := dialectIn(text); d != nil {
			return d, nil
		}
		if plain.tag == "" && strings.TrimSpace(text) != "" {
			plain = f
		}
	}
	if plain.tag != "" {
		return nil, refuse(plain.line, "description %s has neither subfields such as ~20 nor names such as TYT.:, so who paid for what cannot be told; choose MT940 with subfields, or camt.053, when you export", quote(plain.joined()))
	}
	return &dialects[0], nil
}

// dialectIn recognises the dialect of one description, nil if there is none.
func dialectIn(text string) details {
	start := 0
	for start < min(len(text), codeMax) && (isDigit(text[start]) || text[start] == ' ') {
		start++
	}
	for i := range dialects {
		if d := &dialects[i]; d.slotAt(text, start) >= 0 {
			return d
		}
	}
	if len(partsOf(text)) > 0 {
		return labelled{}
	}
	for i := range text {
		if d := &dialects[0]; d.slotAt(text, i) >= 0 {
			return d
		}
	}
	return nil
}

// codeMax is how many digits and blanks the code of an operation has at most, which stands before the first subfield.
const codeMax = 8

// subfields is a dialect of field 86 whose details are cut into slots with a separator and two digits before each.
// Another dialect of this kind is another value of this type.
type subfields struct {
	separator byte
	title     []int   // slots of the title, in order
	names     [][]int // slots of the other side's name and address; the first group that is not empty counts
	account   []int   // where the other side's account may be, best first
	reference int     // slot with REF and the bank's reference, for field 61 without one; 0: there is no such slot
}

// dialects are tried in this order.
//
// Source: the banks' published descriptions of their MT940 exports: PKO BP (iPKO biznes) and ING with ~, Millennium and banks of the
// MultiCash tradition with <, Pekao and BNP Paribas (BiznesPl@net) with ^, Nordea with +; DFÜ-Abkommen (Anlage 3, MT 940) with ?.
var dialects = []subfields{
	{separator: '~', title: []int{20, 21, 22, 23, 24, 25}, names: [][]int{{32, 33}}, account: []int{38, 29}},
	{separator: '<', title: []int{20, 21, 22, 23, 24, 25, 26}, names: [][]int{{27, 28, 29}, {32, 33}}, account: []int{38, 31}, reference: 63},
	{separator: '^', title: []int{20, 21, 22, 23, 24, 25}, names: [][]int{{32, 33}}, account: []int{38, 31}},
	{separator: '?', title: []int{20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 60, 61, 62, 63}, names: [][]int{{32, 33}}, account: []int{38, 31}},
	{separator: '+', title: []int{20, 21, 22, 23, 24, 25}, names: [][]int{{32, 33}}, account: []int{38, 31}},
}

const (
	slotSize      = 27  // characters of a slot
	slotCount     = 70  // slots are numbered from 00; 40 to 49 do not occur, but telephone numbers with +48 do
	filler        = '˙' // byte 255 of the code pages for Polish, which marks an empty slot
	misreadFiller = 'ÿ' // the same byte where somebody saved the file anew, taking it for Latin-1

	roomOfSlots = 6 * slotSize // bytes that the slots of a title or a name need, as a rule
)

// slotAt reads the number of the slot that begins at this byte of the text, -1 if none does.
func (d *subfields) slotAt(text string, at int) int {
	if at+2 >= len(text) || text[at] != d.separator || !isDigit(text[at+1]) || !isDigit(text[at+2]) {
		return -1
	}
	number := int(text[at+1]-'0')*10 + int(text[at+2]-'0')
	if number >= slotCount || number >= 40 && number < 50 {
		return -1
	}
	return number
}

func (d *subfields) read(text string, entry *Entry) bool {
	var slots [slotCount]string
	if !d.cut(text, &slots) {
		return false
	}
	entry.Title, entry.PayerName, entry.PayerAccount = d.joinTitle(&slots), d.joinName(&slots), d.findAccount(&slots)
	if reference := strings.TrimSpace(slots[d.reference]); d.reference > 0 && strings.HasPrefix(reference, "REF") && !identifies(entry.BankReference) && len(reference) <= referenceMax {
		entry.BankReference = reference
	}
	return true
}

// cut finds the slots. The first slot of a number counts; where the same mark comes again, the payer wrote it.
func (d *subfields) cut(text string, slots *[slotCount]string) (found bool) {
	var seen [slotCount]bool
	open, start := -1, 0
	shut := func(end int) {
		if open >= 0 && strings.ContainsFunc(text[start:end], notFiller) {
			slots[open] = text[start:end]
		}
	}
	for i := 0; ; i++ {
		next := strings.IndexByte(text[i:], d.separator)
		if next < 0 {
			break
		}
		i += next
		if number := d.slotAt(text, i); number >= 0 && !seen[number] {
			shut(i)
			open, start, seen[number] = number, i+3, true
		}
	}
	shut(len(text))
	return open >= 0
}

func notFiller(r rune) bool { return r != ' ' && r != '\u00a0' && r != filler && r != misreadFiller }

// joinTitle puts the slots together without blanks: a word or a number goes on in the next slot.
func (d *subfields) joinTitle(slots *[slotCount]string) string {
	title := make([]byte, 0, roomOfSlots)
	for _, slot := range d.title {
		title = append(title, slots[slot]...)
	}
	return string(bytes.TrimSpace(title))
}

// joinName puts a blank behind a slot that was not full, where the bank cut between name and address.
func (d *subfields) joinName(slots *[slotCount]string) string {
	for _, group := range d.names {
		text := make([]byte, 0, roomOfSlots)
		for _, slot := range group {
			if len(text) > 0 && slots[slot] != "" && utf8.RuneCount(text)%slotSize != 0 {
				text = append(text, ' ')
			}
			text = append(text, slots[slot]...)
		}
		if name := oneBlank(string(text)); name != "" {
			return name
		}
	}
	return ""
}

func (d *subfields) findAccount(slots *[slotCount]string) string {
	for _, slot := range d.account {
		if account := accountIn(slots[slot]); account != "" {
			return account
		}
	}
	return ""
}

// accountIn gives the NRB or foreign IBAN that a text is, or nothing.
func accountIn(text string) string {
	text = strings.ReplaceAll(text, " ", "")
	if account := strings.TrimPrefix(text, "PL"); validNRB(account) {
		return account
	}
	if validIBAN(text) {
		return text
	}
	return ""
}

// oneBlank puts one blank where there are several and takes them off both ends.
func oneBlank(text string) string {
	blank := true // before the character, or the beginning
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf || text[i] < ' ' || text[i] == ' ' && blank {
			return strings.Join(strings.Fields(text), " ")
		}
		blank = text[i] == ' '
	}
	if blank {
		return strings.TrimSuffix(text, " ")
	}
	return text
}

// labelled is the dialect of mBank: free text whose parts stand behind names, with semicolons between them, like
// 770 PRZELEW; Z RACH.: 27...; OD: FIRMA; TYT.: ZAM 2026/000123-38; TNR: 179171073864111.010001.
// The last of them is the bank's own number of the transfer.
//
// Source: mBank CompanyNet, BRESOK, Opis formatu pliku eksportu wyciągów dziennych MT940.
type labelled struct{}

// iphMax is how many digits the short form of a virtual account has at most.
const iphMax = 14

// labels are the names of parts that are read.
const (
	labelFrom  = "Z RACH."
	labelTo    = "NA RACH."
	labelPayer = "OD"
	labelPayee = "DLA"
	labelTitle = "TYT."
	labelID    = "TNR"
	labelIPH   = "ID IPH" // short form of the virtual account, filled up with X
)

// part is a piece of a description behind a label.
type part struct {
	label      string
	start, end int // of the label with the semicolon before it; of the label, where the value begins
}

// partsOf finds the labels in a description: at its beginning or behind a semicolon, and before a colon.
func partsOf(text string) []part {
	var parts []part
	for at := 0; ; {
		start := at
		for at < len(text) && (text[at] == ';' || text[at] == ' ') {
			at++
		}
		for _, label := range []string{labelFrom, labelTo, labelPayer, labelPayee, labelTitle, labelID, labelIPH} {
			end := at + len(label)
			if end < len(text) && text[end] == ':' && strings.EqualFold(text[at:end], label) {
				parts = append(parts, part{label, start, end + 1})
			}
		}
		next := strings.IndexByte(text[at:], ';')
		if next < 0 {
			return parts
		}
		at += next
	}
}

// read takes the number at the end off first and then all behind the first TYT.: as the title, for the payer may write
// semicolons and names of parts as well.
func (labelled) read(text string, entry *Entry) bool {
	parts := partsOf(text)
	if len(parts) == 0 {
		return false
	}
	if last := parts[len(parts)-1]; last.label == labelID {
		number, _, _ := strings.Cut(text[last.end:], ";")
		if number = strings.ReplaceAll(number, " ", ""); identifies(number) && len(number) <= referenceMax {
			entry.BankReference = number
		}
		text, parts = text[:last.start], parts[:len(parts)-1]
	}
	for i, p := range parts {
		if p.label == labelTitle {
			entry.Title = trimPart(text[p.end:])
			break
		}
		value := text[p.end:]
		if i+1 < len(parts) {
			value = text[p.end:parts[i+1].start]
		}
		switch p.label {
		case labelFrom, labelTo:
			value, _, _ = strings.Cut(value, ";")
			entry.PayerAccount = accountIn(value)
		case labelIPH:
			value, _, _ = strings.Cut(value, ";")
			if digits := strings.TrimLeft(strings.TrimSpace(value), "X"); digits != "" && len(digits) <= iphMax && strings.Trim(digits, "0123456789") == "" {
				entry.PaidTo = digits
			}
		case labelPayer, labelPayee:
			entry.PayerName = trimPart(value)
		}
	}
	return true
}

func trimPart(text string) string { return strings.TrimRight(oneBlank(text), "; ") }
