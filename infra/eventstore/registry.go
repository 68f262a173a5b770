package eventstore

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"netrom.pl/portal/domain"
)

// registry knows how each kind of event is stored, by name and by Go type.
type registry struct {
	byName map[string]shape
	byType map[reflect.Type]shape
}

// shape is a kind with its fields that are sealed. Subject is the index of the field that says with whose key.
type shape struct {
	domain.Kind
	subject []int
	sealed  []sealedField
	plain   plainReader // nil: encoding/json reads everything
}

// reads tells whether events of a schema can be read and written again. An older schema has the same JSON, but for fields
// that it does not have yet.
func (s shape) reads(schema int) bool { return schema >= 1 && schema <= s.Schema }

type sealedField struct {
	index   []int
	name    string // in JSON; part of what the seal vouches for
	purpose string
	bytes   bool // []byte instead of a string
	since   int  // schema; in older events the field lies open
}

// personalTag marks fields: "subject" names the person or document, every other value is the purpose of a sealed field.
// sinceTag is the first schema in which it is sealed; without it that is the first of all.
const (
	personalTag = "personal"
	sinceTag    = "since"
)

func newRegistry(kinds []domain.Kind) (registry, error) {
	r := registry{byName: map[string]shape{}, byType: map[reflect.Type]shape{}}
	for _, kind := range kinds {
		s, err := shapeOf(kind)
		if err != nil {
			return registry{}, fmt.Errorf("register event %s: %w", kind.Name, err)
		}
		if _, taken := r.byName[kind.Name]; taken {
			return registry{}, fmt.Errorf("register event %s: the name is taken", kind.Name)
		}
		r.byName[kind.Name], r.byType[kind.Type] = s, s
	}
	return r, nil
}

func shapeOf(kind domain.Kind) (shape, error) {
	s := shape{Kind: kind, plain: plainReaderOf(kind.Type)}
	if kind.Type.Kind() != reflect.Struct {
		return s, fmt.Errorf("%s is not a struct", kind.Type)
	}
	for _, field := range reflect.VisibleFields(kind.Type) {
		purpose, personal := field.Tag.Lookup(personalTag)
		switch {
		case !personal:
			if !field.Anonymous && hidesPersonal(field.Type) {
				return s, fmt.Errorf("field %s has personal fields inside, where they would not be sealed", field.Name)
			}
		case purpose == "subject":
			if s.subject != nil || field.Type.Kind() != reflect.String {
				return s, fmt.Errorf("field %s cannot be the subject: one text is wanted", field.Name)
			}
			s.subject = field.Index
		default:
			isBytes := field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Uint8
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || purpose == "" || !isBytes && field.Type.Kind() != reflect.String {
				return s, fmt.Errorf("field %s cannot be sealed: a text or bytes with a JSON name and a purpose are wanted", field.Name)
			}
			since := 1
			if text, later := field.Tag.Lookup(sinceTag); later {
				var err error
				if since, err = strconv.Atoi(text); err != nil || since < 2 || since > kind.Schema {
					return s, fmt.Errorf("field %s cannot be sealed since schema %q: 2 to %d are possible", field.Name, text, kind.Schema)
				}
			}
			s.sealed = append(s.sealed, sealedField{index: field.Index, name: name, purpose: purpose, bytes: isBytes, since: since})
		}
	}
	if len(s.sealed) > 0 && s.subject == nil {
		return s, fmt.Errorf("no field is tagged %s:\"subject\"", personalTag)
	}
	return s, nil
}

// hidesPersonal tells whether a tag lies where shapeOf does not look: inside lists, maps, pointers or named fields.
func hidesPersonal(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Pointer, reflect.Map:
		return hidesPersonal(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			field := t.Field(i)
			if _, personal := field.Tag.Lookup(personalTag); personal || field.IsExported() && hidesPersonal(field.Type) {
				return true
			}
		}
	}
	return false
}
