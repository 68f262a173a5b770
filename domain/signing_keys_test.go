package domain

import (
	"errors"
	"reflect"
	"testing"
)

func TestKeysChangeOnlyByTwo(t *testing.T) {
	const anna, olga = "user-anna", "user-olga"
	proposed := KeyChangeProposed{Use: CheckpointKeys, Change: RevokeKey, Key: "log+1", By: anna}
	withdrawn := KeyChangeWithdrawn{Use: CheckpointKeys, Change: RevokeKey, Key: "log+1", By: olga}
	confirmed := KeyChangeConfirmed{Use: CheckpointKeys, Change: RevokeKey, Key: "log+1", ProposedBy: anna, By: olga}
	changed := KeyChanged{Use: CheckpointKeys, Change: RevokeKey, Key: "log+1", Active: "log+2", ProposedBy: anna, ConfirmedBy: olga}
	confirm := func(by string) ConfirmKeyChange {
		return ConfirmKeyChange{Use: CheckpointKeys, Change: RevokeKey, Key: "log+1", By: by}
	}
	record := RecordKeyChange{Use: CheckpointKeys, Key: "log+1", Active: "log+2"}
	rotate := proposed
	rotate.Change = RotateKey
	strange, unnamed, keyless := proposed, proposed, proposed
	strange.Use, unnamed.By, keyless.Key = "letters", "", ""
	for name, c := range map[string]struct {
		given   []Event
		command Command[SigningKeys]
		want    []Event
		refused string
	}{
		"one proposes":                      {nil, ProposeKeyChange{proposed}, []Event{proposed}, ""},
		"proposed twice":                    {[]Event{proposed}, ProposeKeyChange{proposed}, nil, ""},
		"another change of the same key":    {[]Event{proposed}, ProposeKeyChange{rotate}, nil, SecondPersonAwaited},
		"a use that there is not":           {nil, ProposeKeyChange{strange}, nil, InvalidInput},
		"by nobody":                         {nil, ProposeKeyChange{unnamed}, nil, InvalidInput},
		"of no key":                         {nil, ProposeKeyChange{keyless}, nil, InvalidInput},
		"no change":                         {nil, ProposeKeyChange{KeyChangeProposed{Use: ActivationKeys, Key: "k", By: anna}}, nil, InvalidInput},
		"the same one confirms":             {[]Event{proposed}, confirm(anna), nil, SamePerson},
		"another one confirms":              {[]Event{proposed}, confirm(olga), []Event{confirmed}, ""},
		"confirmed twice":                   {[]Event{proposed, confirmed}, confirm(anna), nil, ""},
		"nobody has proposed":               {nil, confirm(olga), nil, NotFound},
		"another change was proposed":       {[]Event{rotate}, confirm(olga), nil, NotFound},
		"it was withdrawn":                  {[]Event{proposed, withdrawn}, confirm(olga), nil, NotFound},
		"it was made":                       {[]Event{proposed, confirmed, changed}, confirm(olga), nil, NotFound},
		"taken back":                        {[]Event{proposed}, WithdrawKeyChange{withdrawn}, []Event{withdrawn}, ""},
		"taken back twice":                  {[]Event{proposed, withdrawn}, WithdrawKeyChange{withdrawn}, nil, ""},
		"taken back after two have agreed":  {[]Event{proposed, confirmed}, WithdrawKeyChange{withdrawn}, nil, KeyChangeAgreed},
		"made":                              {[]Event{proposed, confirmed}, record, []Event{changed}, ""},
		"made twice":                        {[]Event{proposed, confirmed, changed}, record, nil, ""},
		"made before the second has agreed": {[]Event{proposed}, record, nil, ""},
		"the next change of the same key":   {[]Event{proposed, confirmed, changed}, ProposeKeyChange{rotate}, []Event{rotate}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var keys SigningKeys
			for _, event := range c.given {
				keys.Evolve(event)
			}
			got, err := c.command.Decide(keys)
			if c.refused != "" {
				if !errors.Is(err, Refusal{Code: c.refused}) {
					t.Errorf("%+v %v, want %s", got, err, c.refused)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v %v, want %+v", got, err, c.want)
			}
		})
	}
}
