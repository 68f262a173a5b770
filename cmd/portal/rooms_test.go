package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// doors says which rooms of ours and which foreign packages a room may import; tests may borrow more. Standard library packages
// are allowed unless they are shut. The plan is docs/architecture.md, section 2.
var doors = []struct {
	room   string
	ours   []string
	others []string
	shut   []string
}{
	{room: "domain/histories", ours: []string{"domain"}, others: []string{"pgregory.net/rapid"}, shut: []string{"net/http", "os", "database/sql"}},
	{room: "domain", shut: []string{"os", "net", "net/http", "math/rand", "math/rand/v2", "crypto/rand", "database/sql", "log", "log/slog", "io/fs", "syscall"}},
	{room: "projections/books", ours: []string{"domain"}, shut: []string{"net/http", "os", "database/sql"}},
	{room: "projections", ours: []string{"domain"}, others: []string{"github.com/jmoiron/sqlx", "github.com/lib/pq"}, shut: []string{"net/http", "os"}},
	{room: "handlers", ours: []string{"domain", "projections"},
		others: []string{"github.com/gorilla/mux", "github.com/nicksnyder/go-i18n/v2", "golang.org/x/text", "golang.org/x/sync", "golang.org/x/time", "rsc.io/qr"},
		shut:   []string{"database/sql", "os"}},
	{room: "demo"},
	{room: "scripts"},
	{room: "infra/node", others: anything},
	{room: "infra/bank", others: anything},
	{room: "infra/activation", others: anything},
	{room: "infra/mail", others: anything},
	{room: "infra", ours: []string{"domain", "infra"}, others: anything},
	{room: "cmd", ours: []string{"domain", "projections", "handlers", "infra", "cmd/internal", "demo"}, others: anything},
}

var anything = []string{""}

const module = "netrom.pl/portal/"

func TestNobodyWalksThroughWalls(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && len(entry.Name()) > 2 {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		checkImports(t, filepath.ToSlash(name), path)
		return nil
	})
	if err != nil || files < 20 {
		t.Fatalf("walked %d files: %v", files, err)
	}
}

func checkImports(t *testing.T, name, path string) {
	room := slices.IndexFunc(doors, func(d struct {
		room         string
		ours, others []string
		shut         []string
	}) bool {
		return strings.HasPrefix(name, d.room+"/")
	})
	if room < 0 {
		t.Errorf("%s stands in no room of the plan", name)
		return
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	self := strings.TrimSuffix(name, "/"+filepath.Base(name))
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if ours, ok := strings.CutPrefix(imported, module); ok {
			if ours != self && !leads(doors[room].ours, ours) {
				t.Errorf("%s imports %s: there is no door from %s to it", name, imported, doors[room].room)
			}
			continue
		}
		foreign := strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
		if foreign && !leads(doors[room].others, imported) || slices.Contains(doors[room].shut, imported) {
			t.Errorf("%s imports %s, which %s must not", name, imported, doors[room].room)
		}
	}
}

func leads(doors []string, to string) bool {
	return slices.ContainsFunc(doors, func(door string) bool {
		return door == "" || to == door || strings.HasPrefix(to, door+"/")
	})
}
