package handlers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"netrom.pl/portal/domain"
)

// checkpointLetterDelay is how long after midnight the letter to the auditor waits, so that its checkpoint covers the day before.
const checkpointLetterDelay = time.Minute

// checkpointLetterPause is the wait after the letter could not be owed: the list of tasks is looked at every second.
const checkpointLetterPause = time.Minute

// letterDay remembers the day whose letter to the auditor is taken care of.
type letterDay struct {
	mu    sync.Mutex
	on    domain.Day
	again time.Time // not before this moment, after a failure
}

// oweCheckpointLetter makes today's letter to the auditor due, once a checkpoint is there. Days on which the portal did not run are
// left out: the newest checkpoint vouches for their events, too.
func (f *Fulfilment) oweCheckpointLetter(ctx context.Context) error {
	if f.Vendor.AuditorEmail == "" {
		return nil
	}
	f.letterDay.mu.Lock()
	defer f.letterDay.mu.Unlock()
	on := DayOf(f.Now().Add(-checkpointLetterDelay))
	if on <= f.letterDay.on || f.Now().Before(f.letterDay.again) {
		return nil
	}
	f.letterDay.again = f.Now().Add(checkpointLetterPause)
	newest, err := f.Evidence.Newest(0)
	if errors.Is(err, ErrNotSigned) {
		f.letterDay.again = time.Time{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("find a checkpoint for the auditor: %w", err)
	}
	id := domain.NameID("checkpoint-letter", string(on))
	by := domain.Cause{Command: id, Actor: fulfilmentActor, Correlation: id, Causation: id, At: f.Now()}
	owe := domain.OweCheckpointLetter{On: on, Size: newest.Size, Note: string(newest.Note), Stopped: f.Evidence.Witnessed().Ended}
	if _, err := domain.Execute(ctx, f.Log, by, owe); err != nil {
		return fmt.Errorf("owe a checkpoint to the auditor: %w", err)
	}
	f.letterDay.on, f.letterDay.again = on, time.Time{}
	return nil
}

// sendCheckpointLetter sends the newest letter that the auditor is owed, and records that it left, or why it did not.
func (f *Fulfilment) sendCheckpointLetter(ctx context.Context) error {
	var letters domain.CheckpointLetters
	var owed, last domain.Record
	for record, err := range f.Log.Read(ctx, domain.CheckpointLettersStream, 0) {
		if err != nil {
			return fmt.Errorf("read letters to the auditor: %w", err)
		}
		letters.Evolve(record.Event)
		if _, ok := record.Event.(domain.CheckpointLetterOwed); ok {
			owed = record
		}
		last = record
	}
	if task, left := letters.Owed(); !left || task.Failure.NextAt.After(f.Now()) {
		return nil
	}
	record := domain.RecordCheckpointLetter{On: letters.Newest.On}
	if f.Vendor.AuditorEmail == "" {
		record.Dropped = true
	} else if sent, err := f.writeToAuditor(ctx, letters.Newest, owed.Metadata.At); err == nil {
		record.Letter = sent
	} else {
		if ctx.Err() != nil {
			return fmt.Errorf("send checkpoint to the auditor: %w", err)
		}
		f.Logger.Warn("checkpoint letter failed", "day", record.On, "attempt", letters.Failure.Attempt+1, "error", err)
		reason, permanent := reasonOf(err)
		failure := letters.Failure.After(reason, permanent, f.Now())
		record.Failure = &failure
	}
	by := domain.Cause{Command: domain.NameID("checkpoint-letter", string(record.On), fmt.Sprint(letters.Failure.Attempt)),
		Actor: fulfilmentActor, Correlation: owed.Metadata.Correlation, Causation: last.ID, At: f.Now()}
	if _, err := domain.Execute(ctx, f.Log, by, record); err != nil {
		return fmt.Errorf("record letter to the auditor: %w", err)
	}
	return nil
}

func (f *Fulfilment) writeToAuditor(ctx context.Context, owed domain.CheckpointLetterOwed, at time.Time) (*domain.SentLetter, error) {
	letter, err := checkpointLetter(f.Vendor, owed, at)
	if err != nil {
		return nil, err
	}
	return f.send(ctx, letter)
}

// checkpointLetter carries the signed checkpoint out of the house. What it says follows from the log alone, so that a repeated
// sending is the same letter.
func checkpointLetter(vendor Vendor, owed domain.CheckpointLetterOwed, at time.Time) (Letter, error) {
	letter, err := compose("checkpoint", domain.NameID("letter", "checkpoint", string(owed.On)), at, vendor.AuditorEmail,
		letterFacts{Vendor: vendor, Language: vendor.AuditorLanguage, Checkpoint: owed})
	letter.Attachments = []Attachment{{Name: "checkpoint-" + string(owed.On) + ".txt", Type: "text/plain; charset=utf-8", Content: []byte(owed.Note)}}
	return letter, err
}
