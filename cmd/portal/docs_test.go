package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

var update = flag.Bool("update", false, "write docs/events.md anew")

// TestEventsAreDocumented holds docs/events.md against the code: every event with its meaning, fields and seals.
func TestEventsAreDocumented(t *testing.T) {
	comments := eventComments(t)
	var doc strings.Builder
	doc.WriteString("# Events\n\nEvery event ever stored, in the order of `domain/events.go`. Generated: `go test ./cmd/portal -run TestEventsAreDocumented -update`.\n" +
		"Sealed fields are encrypted with a key of the subject; *legal* ones are kept as long as the law says, *contact* ones until the person asks for erasure.\n")
	for _, kind := range domain.Kinds {
		if comments[kind.Name] == "" {
			t.Errorf("%s has no comment", kind.Name)
		}
		fmt.Fprintf(&doc, "\n## %s (schema %d)\n\n%s\n\n| field | type | |\n| --- | --- | --- |\n", kind.Name, kind.Schema, comments[kind.Name])
		writeFields(&doc, kind.Type)
	}
	path := filepath.Join("..", "..", "docs", "events.md")
	if *update {
		if err := os.WriteFile(path, []byte(doc.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(stored) != doc.String() {
		t.Error("docs/events.md is not what the code says; write it anew with -update")
	}
}

func writeFields(doc *strings.Builder, event reflect.Type) {
	for i := range event.NumField() {
		field := event.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			writeFields(doc, field.Type)
			continue
		}
		note := map[string]string{"subject": "subject of the seals", "legal": "sealed, legal", "contact": "sealed, contact"}[field.Tag.Get("personal")]
		if since := field.Tag.Get("since"); since != "" {
			note += " (since schema " + since + ")"
		}
		fmt.Fprintf(doc, "| `%s` | %s | %s |\n", name, strings.ReplaceAll(field.Type.String(), "domain.", ""), note)
	}
}

// eventComments reads what stands above each type of the domain.
func eventComments(t *testing.T) map[string]string {
	t.Helper()
	comments := map[string]string{}
	files, err := filepath.Glob(filepath.Join("..", "..", "domain", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			if general, ok := declaration.(*ast.GenDecl); ok && general.Tok == token.TYPE {
				comments[general.Specs[0].(*ast.TypeSpec).Name.Name] = strings.Join(strings.Fields(general.Doc.Text()), " ")
			}
		}
	}
	return comments
}
