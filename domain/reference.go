package domain

import (
	"errors"
	"strconv"
)

// OrderNumber is what people call an order by: the year and its place among that year's orders, from 1.
// The zero value means no order; as text, and so in JSON, it is the empty string.
type OrderNumber struct{ Year, Sequence int }

// Limits of an order number. The narrow range of years keeps strangers' numbers from looking like ours.
const (
	OrderYearMin     = 2000
	OrderYearMax     = 2099
	OrderSequenceMax = 999_999

	yearDigits      = 4
	sequenceDigits  = 6
	orderNumberSize = yearDigits + len("/") + sequenceDigits
)

// ErrOrderNumber says that a text is not an order number.
var ErrOrderNumber = errors.New("not an order number: write the year, a slash and six digits, for example 2026/000123")

// String writes the number for people and programs: 2026/000123.
func (n OrderNumber) String() string {
	if n == (OrderNumber{}) {
		return ""
	}
	text := appendPadded(make([]byte, 0, orderNumberSize), n.Year, yearDigits)
	return string(appendPadded(append(text, '/'), n.Sequence, sequenceDigits))
}

// ParseOrderNumber reads what String writes, and nothing else; it returns ErrOrderNumber.
func ParseOrderNumber(text string) (OrderNumber, error) {
	if len(text) != orderNumberSize || text[4] != '/' {
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
func (n OrderNumber) digits() string {
	text := appendPadded(make([]byte, 0, orderNumberSize), n.Year, yearDigits)
	return string(appendPadded(text, n.Sequence, sequenceDigits))
}

// appendPadded writes a number that is not below 0 with zeros in front, so that it has at least so many digits.
func appendPadded(text []byte, n, digits int) []byte {
	number := strconv.Itoa(n)
	for range digits - len(number) {
		text = append(text, '0')
	}
	return append(text, number...)
}

// orderNumberOf reads ten digits.
func orderNumberOf[T string | []byte](digits T) (OrderNumber, bool) {
	if len(digits) != 10 {
		return OrderNumber{}, false
	}
	whole := 0
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return OrderNumber{}, false
		}
		whole = whole*10 + int(digits[i]-'0')
	}
	number := OrderNumber{Year: whole / (OrderSequenceMax + 1), Sequence: whole % (OrderSequenceMax + 1)}
	return number, number.Year >= OrderYearMin && number.Year <= OrderYearMax && number.Sequence >= 1
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
func FindReferences(text string) []FoundReference { return findReferences(foldTitle(text)) }

func findReferences(title string) []FoundReference {
	var found []FoundReference
	run := newDigitRun()
	for run.next(title) {
		if found = run.read(found); len(found) == ReferencesMax {
			break
		}
	}
	return found
}

// mistypedReference says whether a folded title names an order with check digits that are wrong: somebody meant one of our orders, but
// nobody can tell which.
func mistypedReference(title string) bool {
	run := newDigitRun()
	for run.next(title) {
		if len(run.digits) >= 12 && run.hasCheckDigits() && !checkDigitsFit(run.digits[:12]) && endsInOrderLabel(run.before) {
			return true
		}
	}
	return false
}

// nearReferences are the order numbers that a folded title with wrong check digits could mean: those whose reference differs from it in one
// digit, or in two neighbours that changed places.
func nearReferences(title string) []OrderNumber {
	var near []OrderNumber
	run := newDigitRun()
	for run.next(title) {
		if len(run.digits) < 12 || !run.hasCheckDigits() || !endsInOrderLabel(run.before) || len(near) >= ReferencesMax {
			continue
		}
		digits := [12]byte(run.digits)
		try := func() {
			if number, ok := orderNumberOf(string(digits[:10])); ok && checkDigitsFit(digits[:]) {
				near = append(near, number)
			}
		}
		for i, right := range digits {
			for digit := byte('0'); digit <= '9'; digit++ {
				if digits[i] = digit; digit != right {
					try()
				}
			}
			if digits[i] = right; i > 0 && right != digits[i-1] {
				digits[i], digits[i-1] = digits[i-1], right
				try()
				digits[i], digits[i-1] = right, digits[i]
			}
		}
	}
	return near
}

// addReference keeps one entry per order; check digits seen once are enough. Behind the last entry that there is room for nothing is added.
func addReference(found []FoundReference, reference FoundReference) []FoundReference {
	if len(found) == ReferencesMax {
		return found
	}
	for i := range found {
		if found[i].Number == reference.Number {
			found[i].Checked = found[i].Checked || reference.Checked
			return found
		}
	}
	return append(found, reference)
}
