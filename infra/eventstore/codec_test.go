package eventstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/domain"
)

// testKeys keep keys in memory.
type testKeys struct {
	keys map[string][]byte
	err  error
}

func (k *testKeys) Key(_ context.Context, subject, purpose string) ([]byte, error) {
	name := subject + "/" + purpose
	if k.keys[name] == nil {
		k.keys[name] = bytes.Repeat([]byte{byte(len(k.keys) + 1)}, sealKeyBytes)
	}
	return k.keys[name], k.err
}

func (k *testKeys) Find(_ context.Context, subject, purpose string) ([]byte, bool, error) {
	key, ok := k.keys[subject+"/"+purpose]
	return key, ok, k.err
}

// counting is a reader of the bytes 0, 1, 2 and so on: the same nonces in every run.
type counting struct{ next byte }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.next
		c.next++
	}
	return len(p), nil
}

func testCodec(t testing.TB) (*codec, *testKeys) {
	t.Helper()
	known, err := newRegistry(domain.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	keys := &testKeys{keys: map[string][]byte{}}
	return &codec{known, sealer{keys, &counting{}}}, keys
}

const testID = "0b1e4d2a-7f44-5d11-9c35-6c1a2f0e9b77"

func testProposal(event domain.Event) domain.Proposed {
	return domain.Proposed{ID: testID, Event: event, Metadata: domain.Metadata{
		Actor: "user-7", OnBehalfOf: "customer-3", Correlation: "request-1", Causation: "command-9",
		Schema: domain.SchemaOf(event), At: time.Date(2026, 3, 29, 0, 59, 59, 120, time.UTC)}}
}

// stored is the event as the server would give it back.
func stored(e esdb.EventData) *esdb.RecordedEvent {
	return &esdb.RecordedEvent{EventID: e.EventID, EventType: e.EventType, StreamID: "stream-1", EventNumber: 4,
		Position: esdb.Position{Commit: 99, Prepare: 99}, Data: e.Data, UserMetadata: e.Metadata}
}

// example fills every field with something that says where it is.
func example(t reflect.Type, path string) reflect.Value {
	v := reflect.New(t).Elem()
	switch known := v.Addr().Interface().(type) {
	case *time.Time:
		*known = time.Date(2026, 7, 1, 8, 30, 0, 5000, time.UTC)
		return v
	case *domain.OrderNumber:
		*known = domain.OrderNumber{Year: 2026, Sequence: 123}
		return v
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString("the " + path)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(crc32.ChecksumIEEE([]byte(path)) % 1_000_000))
	case reflect.Uint64:
		v.SetUint(uint64(crc32.ChecksumIEEE([]byte(path))))
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("the bytes of " + path))
			break
		}
		for i := range 2 {
			v.Set(reflect.Append(v, example(t.Elem(), fmt.Sprintf("%s %d", path, i))))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(example(t.Key(), path+" key"), example(t.Elem(), path+" value"))
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(example(t.Elem(), path))
	case reflect.Struct:
		for i := range t.NumField() {
			field := t.Field(i)
			if field.Tag.Get("json") != "-" {
				v.Field(i).Set(example(field.Type, strings.TrimSpace(path+" "+strings.ToLower(field.Name))))
			}
		}
	default:
		panic("no example of " + t.String())
	}
	return v
}

func TestEveryKindIsReadAsItWasWritten(t *testing.T) {
	for _, kind := range domain.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			c, _ := testCodec(t)
			for _, event := range []domain.Event{example(kind.Type, "").Interface(), reflect.Zero(kind.Type).Interface()} {
				proposed := testProposal(event)
				data, err := c.encode(t.Context(), proposed)
				if err != nil {
					t.Fatal(err)
				}
				record, err := c.decode(t.Context(), stored(data))
				if err != nil {
					t.Fatalf("%v\n%s", err, data.Data)
				}
				if !reflect.DeepEqual(record.Proposed, proposed) {
					t.Errorf("read    %+v\nwritten %+v\nstored  %s", record.Proposed, proposed, data.Data)
				}
				if record.Type != kind.Name || record.Stream != "stream-1" || record.Revision != 4 || record.Position != 99 {
					t.Errorf("the record is %+v", record)
				}
			}
		})
	}
}

func TestPersonalTextIsNeverStored(t *testing.T) {
	c, _ := testCodec(t)
	checked := 0
	for _, s := range c.byName {
		event := example(s.Type, "")
		data, err := c.encode(t.Context(), testProposal(event.Interface()))
		if err != nil {
			t.Fatal(err)
		}
		bytesStored := slicesOf(data.Data, data.Metadata)
		for _, field := range s.sealed {
			text := plain(event.FieldByIndex(field.index), field)
			for _, form := range [][]byte{text, base64.StdEncoding.AppendEncode(nil, text)} {
				if bytes.Contains(bytesStored, form) {
					t.Errorf("%s: %s is stored readably: %s", s.Name, field.name, data.Data)
				}
			}
			checked++
		}
	}
	if checked < 9 {
		t.Errorf("only %d personal fields were found", checked)
	}
}

// slicesOf joins byte slices, with everything in base64 decoded behind.
func slicesOf(parts ...[]byte) []byte {
	all := bytes.Join(parts, []byte("\n"))
	for _, text := range bytes.Split(all, []byte{'"'}) {
		if decoded, err := base64.StdEncoding.DecodeString(string(text)); err == nil {
			all = append(append(all, '\n'), decoded...)
		}
	}
	return all
}

func registered(name string) domain.CustomerRegistered {
	return domain.CustomerRegistered{Customer: "k-1", Name: name, Email: "a@example.pl"}
}

func TestWhatKeysDo(t *testing.T) {
	ctx := t.Context()
	c, keys := testCodec(t)
	written := registered("Jan Kowalski")
	data, err := c.encode(ctx, testProposal(written))
	if err != nil {
		t.Fatal(err)
	}
	file := domain.ActivationFileIssued{Client: "k-1", File: []byte("licence of Jan")}
	fileData, err := c.encode(ctx, testProposal(file))
	if err != nil {
		t.Fatal(err)
	}
	read := func(data esdb.EventData) domain.Event {
		record, err := c.decode(ctx, stored(data))
		if err != nil {
			t.Fatal(err)
		}
		return record.Event
	}

	delete(keys.keys, "k-1/contact")
	want := written
	want.Email = Erased
	if got := read(data); got != want {
		t.Errorf("with the contact key destroyed: %+v", got)
	}
	delete(keys.keys, "k-1/legal")
	if got := read(fileData).(domain.ActivationFileIssued); got.File != nil {
		t.Errorf("with the legal key destroyed the file is %q", got.File)
	}
	c.keys = nil
	want.Name, want.Email = Sealed, Sealed
	if got := read(data); got != want {
		t.Errorf("without keys: %+v", got)
	}
	if _, err := c.encode(ctx, testProposal(written)); err == nil || !strings.Contains(err.Error(), "without keys") {
		t.Errorf("writing without keys: %v", err)
	}
	if _, err := c.encode(ctx, testProposal(domain.OrderCancelled{Order: "o-1"})); err != nil {
		t.Errorf("writing what is not personal without keys: %v", err)
	}

	c.keys, keys.err = keys, errors.New("vault is away")
	if _, err := c.decode(ctx, stored(data)); !errors.Is(err, keys.err) || judge(err) != passing {
		t.Errorf("with the vault away: %v, to be tried again: %v", err, judge(err) == passing)
	}
	if _, err := c.encode(ctx, testProposal(written)); !errors.Is(err, keys.err) {
		t.Errorf("with the vault away: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	type stranger struct{}
	older := testProposal(domain.OrderCancelled{})
	older.Metadata.Schema = 7
	for name, test := range map[string]struct {
		proposed domain.Proposed
		says     string
	}{
		"a type that is not listed": {domain.Proposed{ID: testID, Event: stranger{}}, "domain.Kinds"},
		"no event":                  {domain.Proposed{ID: testID}, "domain.Kinds"},
		"a pointer":                 {domain.Proposed{ID: testID, Event: &domain.OrderCancelled{}}, "domain.Kinds"},
		"no id":                     {domain.Proposed{Event: domain.OrderCancelled{}}, "UUID"},
		"the nil id":                {domain.Proposed{ID: uuid.Nil.String(), Event: domain.OrderCancelled{}}, "UUID"},
		"another schema":            {older, "schema 7"},
		"nobody's personal data":    {testProposal(domain.CustomerRegistered{Name: "Jan"}), "whose data"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := testCodec(t)
			if _, err := c.encode(t.Context(), test.proposed); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; wanted a word about %s", err, test.says)
			} else if strings.Contains(err.Error(), "Jan") {
				t.Errorf("personal data in an error: %v", err)
			}
		})
	}
}

func TestDecodeIsLoud(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*esdb.RecordedEvent)
		says   string
	}{
		"an unknown type":  {func(e *esdb.RecordedEvent) { e.EventType = "CustomerKnighted" }, "does not know the type"},
		"a newer schema":   {replace("UserMetadata", `"schema":1`, `"schema":2`), "schema 2"},
		"an older schema":  {replace("UserMetadata", `"schema":1`, `"schema":0`), "reads schemas 1 to 1"},
		"no metadata":      {func(e *esdb.RecordedEvent) { e.UserMetadata = nil }, "metadata"},
		"an unknown field": {replace("Data", `"customer"`, `"title":"Sir","customer"`), "title"},
		"not JSON":         {func(e *esdb.RecordedEvent) { e.Data = []byte("{") }, "EOF"},
		"plain text where a seal belongs": {func(e *esdb.RecordedEvent) {
			e.Data = []byte(`{"customer":"k-1","name":"Jan"}`)
		}, "field name: it is not sealed"},
		"a seal from another event": {func(e *esdb.RecordedEvent) { e.EventID = uuid.New() }, "field name: the sealed text was changed"},
		"a seal from another field": {func(e *esdb.RecordedEvent) {
			e.Data = bytes.Replace(bytes.Replace(bytes.Replace(e.Data, []byte(`"nip"`), []byte(`"x"`), 1),
				[]byte(`"name"`), []byte(`"nip"`), 1), []byte(`"x"`), []byte(`"name"`), 1)
		}, "the sealed text was changed"},
		"a seal of another subject": {replace("Data", `"customer":"k-1"`, `"customer":"k-2"`), "the sealed text was changed"},
		"a shortened seal": {func(e *esdb.RecordedEvent) {
			at := bytes.Index(e.Data, []byte(sealPrefix)) + len(sealPrefix)
			e.Data = append(e.Data[:at:at], e.Data[at+44:]...)
		}, "the sealed text was changed"},
		"no positions": {func(e *esdb.RecordedEvent) { e.Position.Commit = math.MaxUint64 }, "22.6"},
	} {
		t.Run(name, func(t *testing.T) {
			c, keys := testCodec(t)
			if _, err := keys.Key(t.Context(), "k-2", "legal"); err != nil {
				t.Fatal(err)
			}
			data, err := c.encode(t.Context(), testProposal(domain.CustomerRegistered{Customer: "k-1", Name: "Jan Kowalski", NIP: "5260250274"}))
			if err != nil {
				t.Fatal(err)
			}
			event := stored(data)
			test.change(event)
			_, err = c.decode(t.Context(), event)
			if err == nil || judge(err) != final {
				t.Fatalf("read as if nothing had happened, or to be tried again: %v", err)
			}
			for _, part := range []string{test.says, event.EventType, "stream-1", "revision 4", "position ", "schema"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v\ndoes not name %s", err, part)
				}
			}
			if strings.Contains(err.Error(), "Kowalski") {
				t.Errorf("personal data in an error: %v", err)
			}
		})
	}
}

func replace(field, old, new string) func(*esdb.RecordedEvent) {
	return func(e *esdb.RecordedEvent) {
		part := &e.Data
		if field == "UserMetadata" {
			part = &e.UserMetadata
		}
		*part = bytes.Replace(*part, []byte(old), []byte(new), 1)
	}
}

// Every changed bit of a sealed text is noticed.
func TestChangedSeals(t *testing.T) {
	c, keys := testCodec(t)
	key, err := keys.Key(t.Context(), "k-1", "legal")
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.sealText(key, "place", []byte("Jan Kowalski"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(text), sealPrefix))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(sealed) * 8 {
		changed := bytes.Clone(sealed)
		changed[bit/8] ^= 1 << (bit % 8)
		if opened, err := openText(key, "place", base64.StdEncoding.AppendEncode([]byte(sealPrefix), changed)); err == nil {
			t.Fatalf("bit %d changed, opened as %q", bit, opened)
		}
	}
	if _, err := openText(key[:16], "place", text); err == nil {
		t.Error("a short key was accepted")
	}
	again, err := c.sealText(key, "place", []byte("Jan Kowalski"))
	if err != nil || bytes.Equal(again, text) {
		t.Errorf("sealed twice with the same nonce: %v", err)
	}
}

func TestRegistryRefuses(t *testing.T) {
	type inner struct {
		Name string `json:"name" personal:"legal"`
	}
	type noSubject struct {
		Name string `json:"name" personal:"legal"`
	}
	type twoSubjects struct {
		A string `json:"a" personal:"subject"`
		B string `json:"b" personal:"subject"`
	}
	type number struct {
		Who string `json:"who" personal:"subject"`
		Age int    `json:"age" personal:"legal"`
	}
	type noName struct {
		Who  string `json:"who" personal:"subject"`
		Name string `personal:"legal"`
	}
	type inList struct {
		Who   string  `json:"who" personal:"subject"`
		Names []inner `json:"names"`
	}
	type inMap struct {
		Names map[string]*inner `json:"names"`
	}
	for _, event := range []any{noSubject{}, twoSubjects{}, number{}, noName{}, inList{}, inMap{}, 7} {
		kind := domain.Kind{Name: fmt.Sprintf("%T", event), Schema: 1, Type: reflect.TypeOf(event)}
		if _, err := newRegistry([]domain.Kind{kind}); err == nil {
			t.Errorf("%T was registered", event)
		}
	}
	kind := domain.Kinds[0]
	if _, err := newRegistry([]domain.Kind{kind, kind}); err == nil {
		t.Error("a name was registered twice")
	}
	type embedding struct {
		Who string `json:"who" personal:"subject"`
		inner
	}
	s, err := shapeOf(domain.Kind{Name: "Embedding", Schema: 1, Type: reflect.TypeFor[embedding]()})
	if err != nil || len(s.sealed) != 1 || s.sealed[0].name != "name" {
		t.Errorf("a personal field of an embedded struct: %+v, %v", s, err)
	}
}
