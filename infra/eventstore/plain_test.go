package eventstore

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// readAsJSON is what encoding/json reads, as strictly as [codec.decode] wants it.
func readAsJSON(t reflect.Type, text []byte) (reflect.Value, error) {
	value := reflect.New(t)
	from := json.NewDecoder(bytes.NewReader(text))
	from.DisallowUnknownFields()
	err := from.Decode(value.Interface())
	return value, err
}

// samePlain reads a text in both ways: what the plain reader reads, encoding/json reads as the same. It answers whether the plain one read it.
func samePlain(t *testing.T, of reflect.Type, text []byte) bool {
	t.Helper()
	value := reflect.New(of)
	if !readPlain(plainReaderOf(of), text, value) {
		return false
	}
	want, err := readAsJSON(of, text)
	if err != nil || !reflect.DeepEqual(value.Interface(), want.Interface()) {
		t.Fatalf("%q is read plainly as %+v; want %+v, %v", text, value.Elem(), want.Elem(), err)
	}
	return true
}

// plainTexts are events of every kind in the form in which they are written.
func plainTexts(t testing.TB) (types []reflect.Type, texts [][]byte) {
	for _, kind := range domain.Kinds {
		for _, value := range []reflect.Value{example(kind.Type, "żółw <&> \"x\" \u2028\n"), example(kind.Type, ""), reflect.Zero(kind.Type)} {
			text, err := json.Marshal(value.Interface())
			if err != nil {
				t.Fatal(err)
			}
			types, texts = append(types, kind.Type), append(texts, text)
		}
	}
	about, err := json.Marshal(example(reflect.TypeFor[metadata](), "").Interface())
	if err != nil {
		t.Fatal(err)
	}
	return append(types, reflect.TypeFor[metadata]()), append(texts, about)
}

func TestWhatIsWrittenIsReadPlainly(t *testing.T) {
	types, texts := plainTexts(t)
	for i, text := range texts {
		if !samePlain(t, types[i], text) {
			t.Errorf("%s is left to encoding/json: %s", types[i], text)
		}
	}
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) < len(domain.Kinds) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	known, err := newRegistry(domain.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var kept golden
		if err := json.Unmarshal(file, &kept); err != nil {
			t.Fatal(err)
		}
		if !samePlain(t, known.byName[kept.Type].Type, compact(t, kept.Data)) || !samePlain(t, reflect.TypeFor[metadata](), compact(t, kept.Metadata)) {
			t.Errorf("%s is left to encoding/json", path)
		}
	}
}

func TestOnlyThePlainFormIsReadPlainly(t *testing.T) {
	line := reflect.TypeFor[domain.ActivationFileSent]()
	for _, text := range []string{
		``, `{`, `null`, `[]`, `{}x`, `{} `, ` {}`, `{"order":"o"`, `{"order":"o",}`, `{,"order":"o"}`, `{"order" :"o"}`, `{"order": "o"}`, `{"Order":"o"}`,
		`{"order":"o","order":"p"}`, `{"line":1,"order":"o"}`, `{"order":null}`, `{"order":1}`, `{"order":"o","line":"1"}`, `{"order":"o","line":1.0}`, `{"order":"o","line":1e0}`,
		`{"order":"o","line":01}`, `{"order":"o","line":-0}`, `{"order":"o","line":-}`, `{"order":"o","line":99999999999999999999}`, `{"order":"o","knight":true}`,
		"{\"order\":\"a\nb\"}", `{"order":"\x"}`, `{"order":"\`, `{"order":"o}`,
	} {
		if readPlain(plainReaderOf(line), []byte(text), reflect.New(line)) {
			t.Errorf("%s is read plainly", text)
		}
	}
	for _, text := range []string{`{}`, `{"order":"o","line":-7}`, `{"line":1,"licence":"l"}`, `{"order":"\u00f3\ud83d\ude00\n","line":0}`, "{\"order\":\"\xff ó\"}", `{"order":"\ud800"}`} {
		if !samePlain(t, line, []byte(text)) {
			t.Errorf("%s is left to encoding/json", text)
		}
	}
}

// damages of a text, each at a place.
var damages = []func(random *rand.Rand, text []byte, at int) []byte{
	func(random *rand.Rand, text []byte, at int) []byte { text[at] = byte(random.IntN(256)); return text },
	func(random *rand.Rand, text []byte, at int) []byte {
		const letters = `0123456789-+.eE"\/{}[]:, ntu`
		text[at] = letters[random.IntN(len(letters))]
		return text
	},
	func(random *rand.Rand, text []byte, at int) []byte { return append(text[:at:at], text[at+1:]...) },
	func(random *rand.Rand, text []byte, at int) []byte { return text[:at] },
	func(random *rand.Rand, text []byte, at int) []byte {
		pieces := []string{" ", "\n", `\n`, `\u0000`, `\ud83d`, "null", "true", "1e3", ".5", `,"x":1`, `,"line":2`, "[]", "{}", "\xc5", "ł", `""`}
		return append(text[:at:at], append([]byte(pieces[random.IntN(len(pieces))]), text[at:]...)...)
	},
	func(random *rand.Rand, text []byte, _ int) []byte { // two members change places, or one comes twice
		members := strings.Split(strings.Trim(string(text), "{}"), ",")
		a, b := random.IntN(len(members)), random.IntN(len(members))
		if members[a], members[b] = members[b], members[a]; random.IntN(2) == 0 {
			members[a] = members[b]
		}
		return []byte("{" + strings.Join(members, ",") + "}")
	},
	func(_ *rand.Rand, text []byte, at int) []byte {
		return append(text[:at:at], bytes.ToUpper(text[at:])...)
	},
}

// Whatever is made of an event: what is read plainly is what encoding/json reads, and what that refuses is not read.
func TestDamagedEventsAreReadAsByJSON(t *testing.T) {
	types, texts := plainTexts(t)
	random := rand.New(rand.NewPCG(13, 14))
	plain, left := 0, 0
	for i, whole := range texts {
		for range 150 {
			text := bytes.Clone(whole)
			for range 1 + random.IntN(2) {
				if len(text) > 0 {
					text = damages[random.IntN(len(damages))](random, text, random.IntN(len(text)))
				}
			}
			if samePlain(t, types[i], text) {
				plain++
			} else {
				left++
			}
		}
	}
	if plain < 1_000 || left < 1_000 {
		t.Errorf("%d damaged events were read plainly and %d left to encoding/json: the test shows nothing", plain, left)
	}
}

func FuzzPlain(f *testing.F) {
	types, texts := plainTexts(f)
	for i, text := range texts {
		f.Add(i, text)
	}
	f.Fuzz(func(t *testing.T, i int, text []byte) {
		if i >= 0 && i < len(types) {
			samePlain(t, types[i], text)
		}
	})
}

// BenchmarkDecode reads an event of an order as it comes from the log.
func BenchmarkDecode(b *testing.B) {
	c, _ := testCodec(b)
	data, err := c.encode(b.Context(), testProposal(example(reflect.TypeFor[domain.PaymentReceived](), "").Interface()))
	if err != nil {
		b.Fatal(err)
	}
	event := stored(data)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.decode(b.Context(), event); err != nil {
			b.Fatal(err)
		}
	}
}
