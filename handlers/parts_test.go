package handlers

import (
	"html/template"
	"reflect"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// pageOfRows has a table of names, each with a note that may be absent.
func pageOfRows(t *testing.T, l domain.Language) *template.Template {
	t.Helper()
	page := template.New("page")
	return template.Must(page.Funcs(writer{page, t.Name(), l}.functions()).
		Parse(`<table title="{{.Title}}">{{rows "row" .Rows}}</table>{{part "note" .Title}}{{define "row"}}<tr id="{{.Name}}"><td><a href="/x?q={{.Name}}">{{.Name}}{{with .Note}} ({{.}}){{end}}</a></td></tr>{{end}}{{define "note"}}<p>{{.}}</p>{{end}}`))
}

type namedRow struct {
	Name string
	Note *string
}

type tableOfRows struct {
	Title string
	Rows  []namedRow
}

func written(t *testing.T, page *template.Template, data any) string {
	t.Helper()
	var text strings.Builder
	if err := page.Execute(&text, data); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestWrittenPartsAreEscaped writes a hostile value anew and finds it written: both are what html/template makes of it in each place.
func TestWrittenPartsAreEscaped(t *testing.T) {
	page := pageOfRows(t, domain.Polish)
	plain := template.Must(template.New("page").Parse(`<table title="{{.Title}}">{{range .Rows}}<tr id="{{.Name}}"><td><a href="/x?q={{.Name}}">{{.Name}}{{with .Note}} ({{.}}){{end}}</a></td></tr>{{end}}</table><p>{{.Title}}</p>`))
	for _, text := range hostileTexts {
		table := tableOfRows{text, []namedRow{{text, nil}, {text, &text}, {"harmless", nil}}}
		want := written(t, plain, table)
		if strings.Contains(want, "<script>") {
			t.Fatalf("%q is not escaped: %s", text, want)
		}
		for _, when := range []string{"anew", "again"} {
			if got := written(t, page, table); got != want {
				t.Errorf("%q written %s\n got %s\nwant %s", text, when, got, want)
			}
		}
	}
}

// TestWrittenPartsFollowTheirValues changes what a row says, near and far: the page says it too.
func TestWrittenPartsFollowTheirValues(t *testing.T) {
	page := pageOfRows(t, domain.Polish)
	note := "first"
	table := tableOfRows{"t", []namedRow{{"a", &note}}}
	for _, note = range []string{"first", "second", "first", ""} {
		if got := written(t, page, table); !strings.Contains(got, `>a (`+note+`)<`) {
			t.Errorf("with the note %q: %s", note, got)
		}
	}
	table.Rows[0].Note = nil
	if got := written(t, page, table); !strings.Contains(got, ">a</a>") {
		t.Errorf("without a note: %s", got)
	}
}

// TestKeysOfValues makes keys of values that are nearly the same.
func TestKeysOfValues(t *testing.T) {
	type pair struct{ A, B string }
	type inner struct{ hidden int64 }
	empty, word := "", "x"
	moment := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, alike := range [][]any{
		{pair{"ab", "c"}, pair{"a", "bc"}, pair{"", "abc"}, pair{"abc", ""}, pair{"\x01a", ""}, pair{"\x01", "a"}},
		{[]string{}, []string{""}, []string{"", ""}, []string{"x"}, []string{"x", ""}},
		{[][]string{{"x"}, {}}, [][]string{{}, {"x"}}, [][]string{{"x", ""}}},
		{namedRow{}, namedRow{Note: &empty}, namedRow{Note: &word}, namedRow{Name: "x"}},
		{moment, moment.Add(1), moment.Add(-time.Hour), moment.In(poland), time.Time{}},
		{int64(0), int64(1), int64(-1), int64(1 << 40)},
		{uint8(0), uint8(1)},
		{true, false},
		{inner{1}, inner{2}},
		{[2]bool{true, false}, [2]bool{false, true}},
	} {
		keys := map[string]any{}
		for _, value := range alike {
			key, err := appendValue(nil, reflect.ValueOf(value))
			if err != nil {
				t.Fatalf("%#v: %v", value, err)
			}
			if other, taken := keys[string(key)]; taken {
				t.Errorf("%#v and %#v have the same key", value, other)
			}
			keys[string(key)] = value
		}
	}
	for _, value := range []any{map[string]int{}, func() {}, struct{ Any any }{1}, 1.5, struct{ at time.Time }{moment}} {
		if _, err := appendValue(nil, reflect.ValueOf(value)); err == nil {
			t.Errorf("%T has a key", value)
		}
	}
}

// TestMemoryOfPartsIsBounded writes more than fits: what is asked for stays, the memory does not grow, and forgetting empties it.
func TestMemoryOfPartsIsBounded(t *testing.T) {
	var w writtenParts
	part := strings.Repeat("x", 1<<10)
	w.keep("favourite", "y")
	for i := range 3 * partBytesMax / len(part) {
		w.keep(string(rune(i))+"-key", part)
		if _, ok := w.find([]byte("favourite")); !ok {
			t.Fatalf("the favourite was dropped after %d others", i)
		}
	}
	held := 0
	for _, half := range []map[string]string{w.young, w.old} {
		for key, part := range half {
			held += len(key) + len(part)
		}
	}
	if held < partBytesMax || held > 2*partBytesMax {
		t.Errorf("%d bytes are held, want between %d and twice that", held, partBytesMax)
	}
	w.keep("too large", strings.Repeat("x", partBytesMax))
	if _, ok := w.find([]byte("too large")); ok {
		t.Error("a part that fills the memory alone was kept")
	}
	w.forget()
	if _, ok := w.find([]byte("favourite")); ok || w.bytes != 0 {
		t.Error("forgetting left something")
	}
}
