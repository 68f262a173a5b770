package handlers

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// plurals of the languages. Source: CLDR plural rules.
var plurals = map[domain.Language][]string{domain.Polish: {"few", "many", "one", "other"}, domain.English: {"one", "other"}}

// messagesIn reads a message file: id to its plural forms; a plain message has the form "".
func messagesIn(t *testing.T, l domain.Language) map[string]map[string]string {
	t.Helper()
	raw, err := os.ReadFile("messages/" + string(l) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	var walk func(prefix string, node map[string]any)
	walk = func(prefix string, node map[string]any) {
		_, plural := node["other"]
		for name, value := range node {
			switch value := value.(type) {
			case map[string]any:
				walk(prefix+name+".", value)
			case string:
				id, form := prefix+name, ""
				if plural {
					id, form = strings.TrimSuffix(prefix, "."), name
				}
				if all[id] == nil {
					all[id] = map[string]string{}
				}
				all[id][form] = value
			}
		}
	}
	walk("", tree)
	return all
}

// TestMessages finds texts that are missing in a language, that nobody says, and whose gaps or plural forms differ.
func TestMessages(t *testing.T) {
	used := wordsUsed(t)
	gap := regexp.MustCompile(`\.[a-z_]+`)
	var first map[string]map[string]string
	for _, l := range languages {
		all := messagesIn(t, l)
		if first == nil {
			first = all
		}
		for id := range used {
			if all[id] == nil {
				t.Errorf("%s: %s is missing", l, id)
			}
		}
		for id, forms := range all {
			if !used[id] {
				t.Errorf("%s: nobody says %s", l, id)
			}
			if _, plain := forms[""]; !plain {
				if got := slices.Sorted(mapKeys(forms)); !slices.Equal(got, plurals[l]) {
					t.Errorf("%s: %s has the forms %v, want %v", l, id, got, plurals[l])
				}
			}
			wanted := gaps(gap, first[id])
			for form, text := range forms {
				if got := gaps(gap, map[string]string{"": text}); text == "" || !slices.Equal(got, wanted) {
					t.Errorf("%s: %s %s has the gaps %v, want %v", l, id, form, got, wanted)
				}
			}
		}
	}
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func gaps(gap *regexp.Regexp, forms map[string]string) []string {
	var found []string
	for _, text := range forms {
		for _, action := range regexp.MustCompile(`\{\{.*?\}\}`).FindAllString(text, -1) {
			found = append(found, gap.FindAllString(action, -1)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// wordsUsed collects the ids that pages and Go files say, and the families whose members come from lists.
func wordsUsed(t *testing.T) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	pages, err := filepath.Glob("pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pages {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\bt "([^"]+)"`).FindAllStringSubmatch(string(raw), -1) {
			used[found[1]] = true
		}
		if page := strings.TrimSuffix(filepath.Base(name), ".html"); !slices.Contains(shared, filepath.ToSlash(name)) && page != "refused" {
			used["title."+page] = true
		}
	}
	for _, id := range textsInGo(t, "*.go") {
		used[id] = true
	}
	family := func(prefix string, members ...string) {
		for _, member := range members {
			used[prefix+member] = true
		}
	}
	family("edition.", string(domain.SingleStation), string(domain.MultiStation))
	family("refusal.", constantsIn(t, "../domain/refusal.go", "", "")...)
	family("refusal.", constantsIn(t, "reply.go", "", "")...)
	family("status.", constantsIn(t, "../domain/fulfilment.go", "OrderStatus", "")...)
	family("task.", constantsIn(t, "../domain/tasks.go", "TaskKind", "")...)
	family("rule.", constantsIn(t, "../domain/matching.go", "", "MatchedBy")...)
	family("books.", booksWords(t)...)
	family("reason.", constantsIn(t, "../domain/matching.go", "", "Unmatched")...)
	family("left.", constantsIn(t, "statements_read.go", "", "Left")...)
	family("fate.", constantsIn(t, "statements_import.go", "", "fate")...)
	family("upload.", "download-again", "choose-form", "shorter-period", "too-many") // as [FileProblem] names remedies
	family("suggested.", constantsIn(t, "../domain/receivables.go", "", "Suggested")...)
	family("released.", constantsIn(t, "../domain/transfers.go", "ReleaseReason", "")...)
	family("refund.", constantsIn(t, "../domain/transfers.go", "RefundState", "")...)
	for _, kind := range domain.Kinds {
		if kind.Type.Kind() == reflect.Struct && kind.Type.NumField() > 0 && kind.Type.Field(0).Type == reflect.TypeFor[domain.TransferID]() && kind.Type.Field(0).Name == "Transfer" {
			used["moved."+kind.Name] = true
		}
	}
	family("part.", constantsIn(t, "lists.go", "", "part")...)
	family("sort.", constantsIn(t, "lists.go", "", "column")...)
	for _, kind := range domain.Kinds {
		used["event."+kind.Name] = true
	}
	family("field.", fieldsWithNames(t)...)
	family("documents.", constantsIn(t, "documents.go", "documentKind", "")...)
	family("invoices.", InvoiceFormats...)
	family("documents.pdf-", string(domain.Polish), string(domain.English))
	family("input.", namedFields...)
	family("way.", "ordered", "letter", "money", "files", "cancelled", "lapsed", "done", "now", "later")
	family("step.", constantsIn(t, "../projections/orders.go", "", "Step")...)
	return used
}

// fieldsWithNames are the fields of events, by their names in the log, that have a name in Polish; the others go by that in the log.
func fieldsWithNames(t *testing.T) []string {
	t.Helper()
	var names []string
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Slice, reflect.Pointer:
			walk(of.Elem())
		case reflect.Struct:
			for i := range of.NumField() {
				name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
				if _, named := spoken[domain.Polish].ready["field."+name]; named {
					names = append(names, name)
				}
				walk(of.Field(i).Type)
			}
		}
	}
	for _, kind := range domain.Kinds {
		walk(kind.Type)
	}
	return names
}

// textsInGo finds the literals that look like the id of a message.
func textsInGo(t *testing.T, pattern string) []string {
	t.Helper()
	id := regexp.MustCompile(`"((?:heading|programs|cart|order|password|done|import|invoices|transfer|age|log)\.[a-z-]+)"`)
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, found := range id.FindAllStringSubmatch(string(raw), -1) {
			ids = append(ids, found[1])
		}
	}
	return ids
}

// constantsIn gives the values of a file's text constants of a type, or of no type, whose names begin like this.
func constantsIn(t *testing.T, name, kind, prefix string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || (spec.Type == nil) != (kind == "") {
			return true
		}
		if spec.Type != nil && fmt.Sprint(spec.Type) != kind || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("no constants of type %q in %s", kind, name)
	}
	return values
}

// TestPolishPlurals says numbers as people do. Source: CLDR plural rules for Polish.
func TestPolishPlurals(t *testing.T) {
	for n, want := range map[int]string{0: "0 programów", 1: "1 program", 2: "2 programy", 5: "5 programów", 12: "12 programów", 22: "22 programy",
		25: "25 programów", 101: "101 programów", 112: "112 programów", 122: "122 programy"} {
		if got, err := spoken[domain.Polish].text("programs.count", "count", n); got != want || err != nil {
			t.Errorf("%d: %q, %v; want %q", n, got, err, want)
		}
	}
	if _, err := spoken[domain.Polish].text("nobody.says-this"); err == nil {
		t.Error("a message that is not there was said")
	}
}

func TestDaysAndMoments(t *testing.T) {
	w := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)
	for _, l := range languages {
		got := spoken[l].moment(w) + "; " + spoken[l].day(DayOf(w))
		if want := map[domain.Language]string{domain.Polish: "23.11.2026 00:30; 23.11.2026", domain.English: "23 November 2026 00:30; 23 November 2026"}[l]; got != want {
			t.Errorf("%s: %s, want %s", l, got, want)
		}
	}
}
