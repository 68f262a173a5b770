package eventstore

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// Every shape is read and written again to the same bytes: with its keys, without them, and when they were destroyed.
func TestRereadOfEveryShape(t *testing.T) {
	for _, kind := range domain.Kinds {
		c, keys := testCodec(t)
		data, err := c.encode(t.Context(), testProposal(example(kind.Type, "").Interface()))
		if err != nil {
			t.Fatal(err)
		}
		sealed := len(c.byName[kind.Name].sealed)
		if found, err := c.reread(t.Context(), stored(data)); err != nil || found.Schema != kind.Schema || found.Opened != sealed || found.Kept != 0 {
			t.Errorf("%s with its keys: %+v, %v; %d fields are sealed", kind.Name, found, err, sealed)
		}
		clear(keys.keys)
		if found, err := c.reread(t.Context(), stored(data)); err != nil || found.Opened != 0 || found.Kept != sealed {
			t.Errorf("%s without its keys: %+v, %v", kind.Name, found, err)
		}
		c.keys = nil
		if found, err := c.reread(t.Context(), stored(data)); err != nil || found.Kept != sealed {
			t.Errorf("%s for somebody without a vault: %+v, %v", kind.Name, found, err)
		}
	}
}

func TestRereadNamesWhatIsDifferent(t *testing.T) {
	for name, test := range map[string]struct {
		old, new string
		metadata bool
		says     string
		err      error
	}{
		"a blank":           {old: `"language":`, new: `"language": `, says: "data: ", err: ErrRewritten},
		"another order":     {old: `"language":"pl","distributor":false`, new: `"distributor":false,"language":"pl"`, says: "data: ", err: ErrRewritten},
		"a missing field":   {old: `,"distributor":false`, new: ``, says: "data: ", err: ErrRewritten},
		"a moment's form":   {old: `.00000012Z`, new: `.000000120Z`, metadata: true, says: "metadata: ", err: ErrRewritten},
		"an unknown field":  {old: `"language":`, new: `"age":7,"language":`, says: "age"},
		"an unknown schema": {old: `"schema":1`, new: `"schema":7`, metadata: true, says: "schemas 1 to 1"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := testCodec(t)
			data, err := c.encode(t.Context(), testProposal(domain.CustomerRegistered{Customer: "k-1", Name: "Jan Kowalski", NIP: "5260250274", Language: "pl"}))
			if err != nil {
				t.Fatal(err)
			}
			part := &data.Data
			if test.metadata {
				part = &data.Metadata
			}
			if !bytes.Contains(*part, []byte(test.old)) {
				t.Fatalf("%s does not contain %s", *part, test.old)
			}
			*part = bytes.Replace(*part, []byte(test.old), []byte(test.new), 1)
			_, err = c.reread(t.Context(), stored(data))
			if err == nil || test.err != nil && !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "revision 4 of stream-1") {
				t.Errorf("it is told as %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "Kowalski") {
				t.Errorf("personal data in an error: %v", err)
			}
		})
	}
}
