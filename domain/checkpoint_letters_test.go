package domain

import (
	"reflect"
	"testing"
	"time"
)

func TestOneCheckpointLetterADay(t *testing.T) {
	owe := func(on Day) OweCheckpointLetter { return OweCheckpointLetter{On: on, Size: 7, Note: "note"} }
	owed := func(on Day, month string) CheckpointLetterOwed {
		return CheckpointLetterOwed{On: on, Month: month, Size: 7, Note: "note"}
	}
	at := time.Date(2026, 11, 22, 0, 1, 0, 0, time.UTC)
	failed := Failure{}.After("smtp 450", false, at)
	for name, c := range map[string]struct {
		given   []Event
		command Command[CheckpointLetters]
		want    []Event
	}{
		"the first one":                          {nil, owe("2026-11-22"), []Event{owed("2026-11-22", "")}},
		"the same day again":                     {[]Event{owed("2026-11-22", "")}, owe("2026-11-22"), nil},
		"a clock that was put back":              {[]Event{owed("2026-11-22", "")}, owe("2026-11-21"), nil},
		"the next day":                           {[]Event{owed("2026-11-22", ""), CheckpointLetterSent{On: "2026-11-22"}}, owe("2026-11-23"), []Event{owed("2026-11-23", "")}},
		"the next day, the last one did not go":  {[]Event{owed("2026-11-22", "")}, owe("2026-11-23"), []Event{owed("2026-11-23", "")}},
		"the first day of a month":               {[]Event{owed("2026-11-30", "")}, owe("2026-12-01"), []Event{owed("2026-12-01", "2026-11")}},
		"the first one of a year":                {[]Event{owed("2026-12-31", "")}, owe("2027-01-01"), []Event{owed("2027-01-01", "2026-12")}},
		"the portal slept over the end of month": {[]Event{owed("2026-08-15", "")}, owe("2026-11-22"), []Event{owed("2026-11-22", "2026-10")}},
		"it left":                                {[]Event{owed("2026-11-22", "")}, RecordCheckpointLetter{On: "2026-11-22"}, []Event{CheckpointLetterSent{On: "2026-11-22"}}},
		"it left, told twice":                    {[]Event{owed("2026-11-22", ""), CheckpointLetterSent{On: "2026-11-22"}}, RecordCheckpointLetter{On: "2026-11-22"}, nil},
		"an older one left":                      {[]Event{owed("2026-11-22", "")}, RecordCheckpointLetter{On: "2026-11-21"}, nil},
		"it failed":                              {[]Event{owed("2026-11-22", "")}, RecordCheckpointLetter{On: "2026-11-22", Failure: &failed}, []Event{CheckpointLetterFailed{"2026-11-22", failed}}},
		"it failed, told twice":                  {[]Event{owed("2026-11-22", ""), CheckpointLetterFailed{"2026-11-22", failed}}, RecordCheckpointLetter{On: "2026-11-22", Failure: &failed}, nil},
		"it left at the second try":              {[]Event{owed("2026-11-22", ""), CheckpointLetterFailed{"2026-11-22", failed}}, RecordCheckpointLetter{On: "2026-11-22"}, []Event{CheckpointLetterSent{On: "2026-11-22"}}},
		"nobody is to get it any more":           {[]Event{owed("2026-11-22", "")}, RecordCheckpointLetter{On: "2026-11-22", Dropped: true}, []Event{CheckpointLetterDropped{"2026-11-22"}}},
		"it was dropped, and is told to be sent": {[]Event{owed("2026-11-22", ""), CheckpointLetterDropped{"2026-11-22"}}, RecordCheckpointLetter{On: "2026-11-22"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var letters CheckpointLetters
			for _, event := range c.given {
				letters.Evolve(event)
			}
			got, err := c.command.Decide(letters)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v %v, want %+v", got, err, c.want)
			}
		})
	}
}
