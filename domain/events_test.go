package domain

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mentioned are the types that the states fold and the decisions answer, as this package's source names them.
func mentioned(t *testing.T) map[string]bool {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Recv == nil || function.Body == nil {
				continue
			}
			decides, folds := function.Name.Name == "Decide", strings.HasPrefix(strings.ToLower(function.Name.Name), "evolve")
			ast.Inspect(function.Body, func(node ast.Node) bool {
				switch n := node.(type) {
				case *ast.CaseClause:
					for _, name := range n.List {
						if id, ok := name.(*ast.Ident); ok && folds && ast.IsExported(id.Name) {
							types[id.Name] = true
						}
					}
				case *ast.TypeAssertExpr:
					if id, ok := n.Type.(*ast.Ident); ok && folds {
						types[id.Name] = true
					}
				case *ast.CompositeLit:
					if list, ok := n.Type.(*ast.ArrayType); ok && decides && list.Elt.(*ast.Ident).Name == "Event" {
						for _, event := range n.Elts {
							types[typeName(event)] = true
						}
					}
				}
				return true
			})
		}
	}
	delete(types, "") // a variable; its type is folded somewhere
	return types
}

// typeName is the type of X{...}, X(c) or c.X, as far as the expression itself tells.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.CompositeLit:
		return e.Type.(*ast.Ident).Name
	case *ast.CallExpr:
		return e.Fun.(*ast.Ident).Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func TestKindsAreComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, k := range Kinds {
		if listed[k.Name] || k.Schema < 1 || SchemaOf(reflect.Zero(k.Type).Interface()) != k.Schema {
			t.Errorf("%s is listed wrongly", k.Name)
		}
		listed[k.Name] = true
	}
	found := mentioned(t)
	if len(found) < 30 {
		t.Errorf("the source mentions no more than %d events", len(found))
	}
	for name := range found {
		if !listed[name] {
			t.Errorf("%s is decided or folded, but not listed in Kinds", name)
		}
	}
}

func TestUnlistedEventIsAMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an event that is not listed has a schema")
		}
	}()
	SchemaOf("something")
}

var jsonName = regexp.MustCompile(`^[a-z]+(_[a-z]+)*(,omitempty)?$`)

// Every field of every event has a JSON name of its own, also those of embedded and nested structs.
func TestJSONNames(t *testing.T) {
	var check func(at string, of reflect.Type, names map[string]bool)
	check = func(at string, of reflect.Type, names map[string]bool) {
		switch of.Kind() {
		case reflect.Slice, reflect.Pointer, reflect.Map:
			check(at, of.Elem(), map[string]bool{})
			return
		case reflect.Struct:
		default:
			return
		}
		if _, isText := reflect.New(of).Interface().(interface{ UnmarshalText([]byte) error }); isText {
			return
		}
		for i := range of.NumField() {
			field := of.Field(i)
			tag := field.Tag.Get("json")
			if field.Anonymous && tag == "" {
				check(at, field.Type, names)
				continue
			}
			name, _, _ := strings.Cut(tag, ",")
			if !jsonName.MatchString(tag) || names[name] {
				t.Errorf("%s.%s is called %q", at, field.Name, tag)
			}
			names[name] = true
			check(at+"."+field.Name, field.Type, map[string]bool{})
		}
	}
	for _, k := range Kinds {
		check(k.Name, k.Type, map[string]bool{})
	}
}

// Personal fields are text or bytes of the event itself, and the event says whose they are.
func TestPersonalFields(t *testing.T) {
	sealed := 0
	for _, k := range Kinds {
		subjects, personal := 0, 0
		for _, field := range reflect.VisibleFields(k.Type) {
			isText, isBytes := field.Type.Kind() == reflect.String, field.Type == reflect.TypeFor[[]byte]()
			tag, tagged := field.Tag.Lookup("personal")
			switch {
			case tag == "subject" && isText:
				subjects++
			case (tag == "legal" || tag == "contact") && (isText || isBytes):
				personal++
			case tagged:
				t.Errorf("%s.%s: personal:%q on %s", k.Name, field.Name, tag, field.Type)
			case strings.Contains(field.Name, "Email"), strings.HasPrefix(field.Name, "Payer"), strings.HasPrefix(field.Name, "Payee"),
				field.Name == "Reason" && isText && len(field.Index) == 1 && k.Name != "MessagePoisoned": // the others are the portal's own words
				t.Errorf("%s.%s is not sealed", k.Name, field.Name)
			}
		}
		if personal > 0 && subjects != 1 || personal == 0 && subjects > 0 {
			t.Errorf("%s has %d personal fields of %d subjects", k.Name, personal, subjects)
		}
		for _, field := range reflect.VisibleFields(k.Type) {
			if !field.Anonymous && nestedPersonal(field.Type) {
				t.Errorf("%s.%s has personal fields inside, where nobody seals them", k.Name, field.Name)
			}
		}
		sealed += personal
	}
	if sealed < 9 {
		t.Errorf("only %d fields are sealed", sealed)
	}
}

func nestedPersonal(of reflect.Type) bool {
	switch of.Kind() {
	case reflect.Slice, reflect.Pointer, reflect.Map:
		return nestedPersonal(of.Elem())
	case reflect.Struct:
		for _, field := range reflect.VisibleFields(of) {
			if _, tagged := field.Tag.Lookup("personal"); tagged || !field.Anonymous && nestedPersonal(field.Type) {
				return true
			}
		}
	}
	return false
}

// What is written to JSON reads back as the same event.
func TestEventsSurviveJSON(t *testing.T) {
	for _, k := range Kinds {
		event := reflect.New(k.Type)
		count := 0
		fill(event.Elem(), &count)
		back := reflect.New(k.Type)
		text := asJSON(t, event.Interface())
		if err := json.Unmarshal([]byte(text), back.Interface()); err != nil || !reflect.DeepEqual(event.Interface(), back.Interface()) {
			t.Errorf("%s: %v\n%s\n%s", k.Name, err, text, asJSON(t, back.Interface()))
		}
	}
}

// fill gives every field a value of its own.
func fill(v reflect.Value, count *int) {
	*count++
	switch v.Interface().(type) {
	case OrderNumber:
		v.Set(reflect.ValueOf(OrderNumber{Year: 2026, Sequence: *count}))
		return
	case time.Time:
		v.Set(reflect.ValueOf(noon.Add(time.Duration(*count))))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *count))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*count))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(*count))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), count)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, count)
		fill(value, count)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), count)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), count)
		}
	default:
		panic(fmt.Sprintf("no value for %s", v.Type()))
	}
}
