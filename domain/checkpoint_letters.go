package domain

// CheckpointLetterOwed says that the auditor is to get a letter with a signed checkpoint of the log, and with which.
type CheckpointLetterOwed struct {
	On      Day    `json:"on"`                // the letter's day; one letter a day
	Month   string `json:"month,omitempty"`   // such as 2026-11: the letter is the first one since this month has ended
	Size    int64  `json:"size"`              // events before the checkpoint
	Note    string `json:"note"`              // the signed checkpoint
	Stopped bool   `json:"stopped,omitempty"` // nothing newer will be signed until somebody has looked why
}

// CheckpointLetterSent says that the letter of a day has left.
type CheckpointLetterSent struct {
	On     Day         `json:"on"`
	Letter *SentLetter `json:"letter,omitempty"`
}

// CheckpointLetterFailed says that the letter could not be delivered, why (without addresses) and when to try again.
type CheckpointLetterFailed struct {
	On Day `json:"on"`
	Failure
}

// CheckpointLetterDropped says that the letter has not left, and will not, because the vendor names no auditor any more.
type CheckpointLetterDropped struct {
	On Day `json:"on"`
}

// CheckpointLettersStream is where all letters to the auditor are written down.
const CheckpointLettersStream = "auditor-checkpoints"

// CheckpointLetters are the letters to the auditor. Only the newest one matters: an older one that has not left would say less.
type CheckpointLetters struct {
	Newest  CheckpointLetterOwed `json:"newest"`
	Over    bool                 `json:"over,omitempty"` // it has left, or was dropped
	Failure Failure              `json:"failure"`        // of the newest attempt
}

// Evolve folds an event of the letters' stream.
func (l *CheckpointLetters) Evolve(event Event) {
	switch e := event.(type) {
	case CheckpointLetterOwed:
		*l = CheckpointLetters{Newest: e}
	case CheckpointLetterSent:
		l.Over = true
	case CheckpointLetterFailed:
		l.Failure = e.Failure
	case CheckpointLetterDropped:
		l.Over = true
	}
}

// Owed is the task that is left to do; ok is false when there is none.
func (l CheckpointLetters) Owed() (task Task, ok bool) {
	return Task{ID: string(CheckpointTask), Kind: CheckpointTask, Failure: l.Failure}, l.Newest.On != "" && !l.Over
}

// OweCheckpointLetter wants the letter of a day to leave. Twice is harmless: the first checkpoint of a day stays.
type OweCheckpointLetter struct {
	On      Day
	Size    int64
	Note    string
	Stopped bool
}

// Stream of the letters.
func (c OweCheckpointLetter) Stream() string { return CheckpointLettersStream }

// Decide owes one letter a day, and says which is the first one after the end of a month.
func (c OweCheckpointLetter) Decide(known CheckpointLetters) ([]Event, error) {
	if c.On <= known.Newest.On {
		return nil, nil
	}
	owed := CheckpointLetterOwed{On: c.On, Size: c.Size, Note: c.Note, Stopped: c.Stopped}
	if last := known.Newest.On; last != "" && last.month() != c.On.month() {
		owed.Month = (Day(c.On.month()) + "-01").after(-1).month()
	}
	return []Event{owed}, nil
}

// month of the day, such as 2026-11.
func (d Day) month() string { return string(d[:len("2026-11")]) }

// RecordCheckpointLetter records what became of the letter of a day. Twice is harmless.
type RecordCheckpointLetter struct {
	On      Day
	Letter  *SentLetter // that left
	Dropped bool        // nobody is to get it any more
	Failure *Failure    // nil: it left, or was dropped
}

// Stream of the letters.
func (c RecordCheckpointLetter) Stream() string { return CheckpointLettersStream }

// Decide records the end of each letter once, and each attempt.
func (c RecordCheckpointLetter) Decide(known CheckpointLetters) ([]Event, error) {
	switch {
	case known.Newest.On != c.On, known.Over:
		return nil, nil
	case c.Failure != nil && c.Failure.Attempt <= known.Failure.Attempt:
		return nil, nil
	case c.Failure != nil:
		return []Event{CheckpointLetterFailed{On: c.On, Failure: *c.Failure}}, nil
	case c.Dropped:
		return []Event{CheckpointLetterDropped{On: c.On}}, nil
	}
	return []Event{CheckpointLetterSent{On: c.On, Letter: c.Letter}}, nil
}
