package domain

import "strings"

// digitRun goes through the stretches of digits in a folded title, with single blanks and separators between them: [0-9](?:[ /.-]*[0-9])*.
// gap[i] is what stands before digit i, and the last gap what stands behind the last digit. A gap is 0 (nothing), ' ' or one of the
// separators; a separator wins over the blanks around it.
type digitRun struct {
	before string // the end of what precedes it
	digits []byte
	gap    []byte
	at     int // in the title, where to go on
}

// newDigitRun stands before the first stretch. It has room for the usual ones, and grows for longer ones.
func newDigitRun() digitRun {
	const room = 64
	return digitRun{digits: make([]byte, 0, room), gap: make([]byte, 0, room+1)}
}

// next finds the next stretch; it answers false when there is no more.
func (run *digitRun) next(title string) bool {
	start := run.at
	for start < len(title) && !isDigit(title[start]) {
		start++
	}
	if start == len(title) {
		return false
	}
	run.before = title[max(0, start-labelMax):start]
	run.digits, run.gap = run.digits[:0], append(run.gap[:0], 0)
	var between byte // what stands behind the last digit so far
	for at := start; at < len(title); at++ {
		c := title[at]
		if isDigit(c) {
			run.gap[len(run.gap)-1] = between
			run.digits, run.gap, run.at, between = append(run.digits, c), append(run.gap, 0), at+1, 0
			continue
		}
		if c != ' ' && c != '/' && c != '.' && c != '-' {
			break
		}
		if between == 0 || between == ' ' {
			between = c
		}
	}
	if run.at < len(title) {
		run.gap[len(run.gap)-1] = title[run.at]
	}
	return true
}

// read adds the references in a stretch to those found so far, up to ReferencesMax.
func (run *digitRun) read(found []FoundReference) []FoundReference {
	if len(run.digits) < 10 {
		return found
	}
	if endsInCreditorLabel(run.before) {
		if reference, ok := run.creditorReference(); ok {
			found = addReference(found, reference)
		}
		return found
	}
	labelled := endsInOrderLabel(run.before)
	if labelled {
		if reference, ok := run.from(0); ok {
			found = addReference(found, reference)
		}
	}
	for i := range len(run.digits) - 9 {
		switch {
		case i > 0 && run.gap[i] != ' ':
			continue
		case i == 0 && (labelled || endsGlued(run.before) || endsInForeignLabel(run.before)):
			continue
		}
		if reference, ok := run.alone(i); ok {
			found = addReference(found, reference)
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
	return isCapital(last) || strings.IndexByte("/.-?", last) >= 0
}

// from reads a reference behind the word for an order, from digit i on: ten digits, and check digits when there are any.
func (run *digitRun) from(i int) (FoundReference, bool) {
	rest := digitRun{digits: run.digits[i:], gap: run.gap[i:]}
	if len(rest.digits) < 10 {
		return FoundReference{}, false
	}
	number, ok := orderNumberOf(rest.digits[:10])
	cuts, whole := rest.cuts()
	if !ok || !whole || cuts > 1 {
		return FoundReference{}, false
	}
	if !rest.hasCheckDigits() {
		// A blank in the middle is believed only where a separator or check digits show how the number is meant.
		structured := cuts == 0 || rest.gap[4] != 0 && rest.gap[4] != ' '
		glued := len(rest.digits) > 10 && rest.gap[10] != ' '
		return FoundReference{Number: number}, structured && !glued
	}
	return FoundReference{Number: number, Checked: true}, checkDigitsFit(rest.digits[:12])
}

// alone reads a reference without a word before it: check digits are a must, and either the slash or twelve digits in one
// piece that are not a moment in time.
func (run *digitRun) alone(i int) (FoundReference, bool) {
	reference, ok := run.from(i)
	if !ok || !reference.Checked {
		return FoundReference{}, false
	}
	digits, gap := run.digits[i:], run.gap[i:]
	if end := gap[12]; end == '/' || end == '-' || isCapital(end) {
		return FoundReference{}, false
	}
	if gap[4] == '/' {
		return reference, true
	}
	isolated := len(digits) == 12 && i == 0 && strings.Trim(string(gap[1:12]), "\x00") == ""
	return reference, isolated && !looksLikeDate(string(digits[:8]))
}

// cuts counts the blanks inside the digits where none belongs; whole is false when a separator stands there.
func (run *digitRun) cuts() (cuts int, whole bool) {
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
func (run *digitRun) hasCheckDigits() bool {
	if len(run.digits) < 12 || len(run.digits) > 12 && run.gap[12] == 0 {
		return false
	}
	return run.gap[11] == 0 || run.gap[11] == ' '
}

// creditorReference reads RF, two check digits and ten digits, with blanks anywhere.
func (run *digitRun) creditorReference() (FoundReference, bool) {
	if len(run.digits) < 12 || strings.Trim(string(run.gap[1:12]), "\x00 ") != "" || len(run.digits) > 12 && run.gap[12] == 0 {
		return FoundReference{}, false
	}
	number, ok := orderNumberOf(run.digits[2:12])
	if !ok || string(run.digits[:2]) != checkDigits(string(run.digits[2:12])+creditorLetters) {
		return FoundReference{}, false
	}
	return FoundReference{Number: number, Checked: true}, true
}

// looksLikeDate says whether eight digits can be read as year, month and day.
func looksLikeDate(digits string) bool {
	month, day := digits[4:6], digits[6:]
	return month >= "01" && month <= "12" && day >= "01" && day <= "31"
}
