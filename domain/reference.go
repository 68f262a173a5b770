package domain

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// OrderNumber is what people call an order by: the year and its place among that year's orders, from 1.
// The zero value means no order; as text, and so in JSON, it is the empty string.
type OrderNumber struct{ Year, Sequence int }

// Limits of an order number. The narrow range of years keeps strangers' numbers from looking like ours.
const (
	OrderYearMin     = 2000
	OrderYearMax     = 2099
	OrderSequenceMax = 999_999
)

// ErrOrderNumber says that a text is not an order number.
var ErrOrderNumber = errors.New("not an order number: write the year, a slash and six digits, for example 2026/000123")

// String writes the number for people and programs: 2026/000123.
func (n OrderNumber) String() string {
	if n == (OrderNumber{}) {
		return ""
	}
	return fmt.Sprintf("%04d/%06d", n.Year, n.Sequence)
}

// ParseOrderNumber reads what String writes, and nothing else; it returns ErrOrderNumber.
func ParseOrderNumber(text string) (OrderNumber, error) {
	if len(text) != len("2026/000123") || text[4] != '/' {
		return OrderNumber{}, ErrOrderNumber
	}
	number, ok := orderNumberOf(text[:4] + text[5:])
	if !ok {
		return OrderNumber{}, ErrOrderNumber
	}
	return number, nil
}

// MarshalText writes what String writes.
func (n OrderNumber) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what MarshalText writes; the empty text is the zero value.
func (n *OrderNumber) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*n = OrderNumber{}
		return nil
	}
	number, err := ParseOrderNumber(string(text))
	if err != nil {
		return err
	}
	*n = number
	return nil
}

// Reference is the title to put on the transfer: ZAM 2026/000123-38. The last two digits are check digits by ISO 7064
// MOD 97-10 over year and sequence, so that one mistyped digit or two swapped ones never lead to somebody else's order.
func (n OrderNumber) Reference() string { return "ZAM " + n.String() + "-" + checkDigits(n.digits()) }

// CreditorReference is the same for structured fields: RF46 2026000123. Source: ISO 11649.
func (n OrderNumber) CreditorReference() string {
	return "RF" + checkDigits(n.digits()+creditorLetters) + " " + n.digits()
}

// creditorLetters is RF as ISO 11649 counts letters: A is 10.
const creditorLetters = "2715"

// digits is the number without its slash.
func (n OrderNumber) digits() string { return fmt.Sprintf("%04d%06d", n.Year, n.Sequence) }

// orderNumberOf reads ten digits.
func orderNumberOf(digits string) (OrderNumber, bool) {
	if len(digits) != 10 || !onlyDigits(digits) {
		return OrderNumber{}, false
	}
	year, _ := strconv.Atoi(digits[:4])
	sequence, _ := strconv.Atoi(digits[4:])
	ok := year >= OrderYearMin && year <= OrderYearMax && sequence >= 1 && sequence <= OrderSequenceMax
	return OrderNumber{Year: year, Sequence: sequence}, ok
}

// ReferencesMax is how many orders one title can name; a transfer's title has no room for more.
const ReferencesMax = 100

// FoundReference is an order number seen in a transfer's title. Checked means that its check digits were there and right;
// without check digits it is no more than a hint for a person.
type FoundReference struct {
	Number  OrderNumber `json:"number"`
	Checked bool        `json:"checked"`
}

// FindReferences finds our references in a transfer's title as people type them and banks mangle them: in any case, without
// slash, dash, blanks or diacritics, with one blank or line break somewhere in the digits, or as an ISO 11649 reference.
// A reference with wrong check digits is not found at all. A number without check digits counts only behind the word for an
// order; with check digits it may also stand alone, but not behind a word such as FV or NIP that claims it for something else.
// Each order is named once, in order of appearance, ReferencesMax of them at most.
func FindReferences(text string) []FoundReference {
	title := foldTitle(text)
	var found []FoundReference
	for _, at := range digitRuns.FindAllStringIndex(title, -1) {
		before := title[max(0, at[0]-labelMax):at[0]]
		for _, reference := range readRun(before, title[at[0]:at[1]], title[at[1]:]) {
			if found = addReference(found, reference); len(found) == ReferencesMax {
				return found
			}
		}
	}
	return found
}

// MistypedReference says whether a title names an order with check digits that are wrong: somebody meant one of our orders, but
// nobody can tell which.
func MistypedReference(text string) bool {
	title := foldTitle(text)
	for _, at := range digitRuns.FindAllStringIndex(title, -1) {
		if !orderLabel.MatchString(title[max(0, at[0]-labelMax):at[0]]) {
			continue
		}
		run := scanRun(title[at[0]:at[1]], title[at[1]:])
		if _, ok := run.from(0); !ok && len(run.digits) >= 12 && run.hasCheckDigits() && run.digits[10:12] != checkDigits(run.digits[:10]) {
			return true
		}
	}
	return false
}

// NearReferences are the order numbers that a title with wrong check digits could mean: those whose reference differs from it in one
// digit, or in two neighbours that changed places.
func NearReferences(text string) []OrderNumber {
	title := foldTitle(text)
	var near []OrderNumber
	for _, at := range digitRuns.FindAllStringIndex(title, -1) {
		run := scanRun(title[at[0]:at[1]], title[at[1]:])
		if !orderLabel.MatchString(title[max(0, at[0]-labelMax):at[0]]) || len(run.digits) < 12 || !run.hasCheckDigits() || len(near) >= ReferencesMax {
			continue
		}
		try := func(digits []byte) {
			number, ok := orderNumberOf(string(digits[:10]))
			if ok && string(digits[10:]) == checkDigits(string(digits[:10])) {
				near = append(near, number)
			}
		}
		for i := range 12 {
			digits := []byte(run.digits[:12])
			for wrong, digit := digits[i], byte('0'); digit <= '9'; digit++ {
				if digits[i] = digit; digit != wrong {
					try(digits)
				}
			}
			if digits = []byte(run.digits[:12]); i > 0 && digits[i] != digits[i-1] {
				digits[i], digits[i-1] = digits[i-1], digits[i]
				try(digits)
			}
		}
	}
	return near
}

// addReference keeps one entry per order; check digits seen once are enough.
func addReference(found []FoundReference, reference FoundReference) []FoundReference {
	for i := range found {
		if found[i].Number == reference.Number {
			found[i].Checked = found[i].Checked || reference.Checked
			return found
		}
	}
	return append(found, reference)
}

// labelMax is how far before a number its label is looked for, in bytes.
const labelMax = 48

var (
	digitRuns = regexp.MustCompile(`[0-9](?:[ /.-]*[0-9])*`)
	// orderLabel is the word for an order as it survives: ZAM, ZAMOWIENIE, ZAM?WIENIA NR, ORDER NO.
	orderLabel = regexp.MustCompile(`(?:ZAM(?:OW|[^0-9 ]{1,4}WIE[A-Z]*)?|ORDER)[ .:#/-]*(?:(?:NR|NUMER|NO)[ .:#-]*)?$`)
	// creditorLabel stands before the check digits of an ISO 11649 reference.
	creditorLabel = regexp.MustCompile(`(?:^|[^A-Z0-9])RF ?$`)
	// foreignLabel is a word that claims the number behind it for something else than an order.
	foreignLabel = regexp.MustCompile(`(?:^|[^A-Z])(?:F|FV|FA|FS|FVS|FVAT|FAK[A-Z]*|VAT|INV[A-Z]*|PRO|PROF[A-Z]*|PF|RACH[A-Z]*|RK|KOR[A-Z]*|NOTA|NOTY|` +
		`NIP|REGON|PESEL|KRS|IBAN|NRB|KONT[A-Z]*|TEL[A-Z]*|KSEF|UMOW[A-Z]*|DOK[A-Z]*|WZ|IDC|DN|DNIA|DATA)[ .:#]*(?:(?:NR|NUMER|NO|VAT)[ .:#]*)?$`)
)

// foldTitle writes a title in capital ASCII letters, with single blanks and plain separators; what has no place there becomes '?'.
func foldTitle(text string) string {
	folded := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if unicode.Is(unicode.Mn, r) {
			return -1 // an accent written as a character of its own
		}
		switch r = unicode.ToUpper(r); r {
		case 'Ą':
			return 'A'
		case 'Ć':
			return 'C'
		case 'Ę':
			return 'E'
		case 'Ł':
			return 'L'
		case 'Ń':
			return 'N'
		case 'Ó':
			return 'O'
		case 'Ś':
			return 'S'
		case 'Ź', 'Ż':
			return 'Z'
		case '\\', '_', '\u2044':
			return '/'
		case '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2212':
			return '-'
		}
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return strings.Join(strings.Fields(folded), " ")
}

// digitRun is a stretch of digits and what stands between them: gap[i] comes before digit i and the last gap behind the
// last digit. A gap is 0 (nothing), ' ' or one of the separators; a separator wins over the blanks around it.
type digitRun struct {
	digits string
	gap    []byte
}

func scanRun(text, after string) digitRun {
	run := digitRun{gap: []byte{0}}
	digits := make([]byte, 0, len(text))
	for i := range len(text) {
		last := len(run.gap) - 1
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
			run.gap = append(run.gap, 0)
		case run.gap[last] == 0 || run.gap[last] == ' ':
			run.gap[last] = c
		}
	}
	run.digits = string(digits)
	if after != "" {
		run.gap[len(run.gap)-1] = after[0]
	}
	return run
}

// readRun reads one stretch of digits: before is the end of what precedes it, after is all that follows.
func readRun(before, text, after string) []FoundReference {
	run := scanRun(text, after)
	if creditorLabel.MatchString(before) {
		return run.creditorReference()
	}
	var found []FoundReference
	labelled := orderLabel.MatchString(before)
	if labelled {
		if reference, ok := run.from(0); ok {
			found = append(found, reference)
		}
	}
	for i := range run.digits {
		switch {
		case i > 0 && run.gap[i] != ' ':
			continue
		case i == 0 && (labelled || foreignLabel.MatchString(before) || endsGlued(before)):
			continue
		}
		if reference, ok := run.alone(i); ok {
			found = append(found, reference)
		}
	}
	return found
}

// endsGlued says whether a number behind this text is part of a longer word or document number.
func endsGlued(before string) bool {
	if before == "" {
		return false
	}
	last := before[len(before)-1]
	return last >= 'A' && last <= 'Z' || strings.IndexByte("/.-?", last) >= 0
}

// from reads a reference behind the word for an order, from digit i on: ten digits, and check digits when there are any.
func (run digitRun) from(i int) (FoundReference, bool) {
	run = digitRun{digits: run.digits[i:], gap: run.gap[i:]}
	if len(run.digits) < 10 {
		return FoundReference{}, false
	}
	number, ok := orderNumberOf(run.digits[:10])
	cuts, whole := run.cuts()
	if !ok || !whole || cuts > 1 {
		return FoundReference{}, false
	}
	if !run.hasCheckDigits() {
		// A blank in the middle is believed only where a separator or check digits show how the number is meant.
		structured := cuts == 0 || run.gap[4] != 0 && run.gap[4] != ' '
		glued := len(run.digits) > 10 && run.gap[10] != ' '
		return FoundReference{Number: number}, structured && !glued
	}
	return FoundReference{Number: number, Checked: true}, run.digits[10:12] == checkDigits(run.digits[:10])
}

// alone reads a reference without a word before it: check digits are a must, and either the slash or twelve digits in one
// piece that are not a moment in time.
func (run digitRun) alone(i int) (FoundReference, bool) {
	reference, ok := run.from(i)
	if !ok || !reference.Checked {
		return FoundReference{}, false
	}
	digits, gap := run.digits[i:], run.gap[i:]
	if end := gap[12]; end == '/' || end == '-' || end >= 'A' && end <= 'Z' {
		return FoundReference{}, false
	}
	if gap[4] == '/' {
		return reference, true
	}
	isolated := len(digits) == 12 && i == 0 && strings.Trim(string(gap[1:12]), "\x00") == ""
	return reference, isolated && !looksLikeDate(digits[:8])
}

// cuts counts the blanks inside the digits where none belongs; whole is false when a separator stands there.
func (run digitRun) cuts() (cuts int, whole bool) {
	for i := 1; i < 10; i++ {
		switch {
		case run.gap[i] == 0 || i == 4:
		case run.gap[i] == ' ':
			cuts++
		default:
			return 0, false
		}
	}
	return cuts, true
}

// hasCheckDigits says whether exactly two digits follow the ten: glued to them, behind a separator, or behind a blank.
func (run digitRun) hasCheckDigits() bool {
	if len(run.digits) < 12 || len(run.digits) > 12 && run.gap[12] == 0 {
		return false
	}
	return run.gap[11] == 0 || run.gap[11] == ' '
}

// creditorReference reads RF, two check digits and ten digits, with blanks anywhere.
func (run digitRun) creditorReference() []FoundReference {
	if len(run.digits) < 12 || strings.Trim(string(run.gap[1:12]), "\x00 ") != "" || len(run.digits) > 12 && run.gap[12] == 0 {
		return nil
	}
	number, ok := orderNumberOf(run.digits[2:12])
	if !ok || run.digits[:2] != checkDigits(run.digits[2:12]+creditorLetters) {
		return nil
	}
	return []FoundReference{{Number: number, Checked: true}}
}

// looksLikeDate says whether eight digits can be read as year, month and day.
func looksLikeDate(digits string) bool {
	month, day := digits[4:6], digits[6:]
	return month >= "01" && month <= "12" && day >= "01" && day <= "31"
}
