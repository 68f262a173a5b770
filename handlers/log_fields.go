package handlers

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"netrom.pl/portal/domain"
)

// fieldsMax is how many fields of an event its page shows; the stored bytes below have them all.
const fieldsMax = 400

// eventField is a field of an event as people read it.
type eventField struct {
	Label string
	Value string
	Path  string // of what the value names; empty: nowhere
}

// readableFields lists the fields of an event, those of its parts too. With sealed, a word stands instead of what is personal.
func readableFields(event domain.Event, w *words, sealed bool) []eventField {
	value, f := reflect.ValueOf(event), fieldList{words: w, sealed: w.ready["log.sealed"]}
	if sealed {
		value = sealPersonal(value, f.sealed)
	}
	f.addStruct("", value)
	return f.fields
}

type fieldList struct {
	words  *words
	sealed string
	fields []eventField
}

func (f *fieldList) addStruct(prefix string, value reflect.Value) {
	for i := range value.NumField() {
		field := value.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case !field.IsExported() || name == "-":
		case field.Anonymous:
			f.addStruct(prefix, value.Field(i))
		case isPersonal(field) && field.Type.Kind() == reflect.Slice && value.Field(i).IsNil():
			f.add(prefix+f.words.field(name), f.sealed, "")
		default:
			f.addValue(prefix+f.words.field(name), value.Field(i))
		}
	}
}

func (f *fieldList) add(label, value, path string) {
	if value != "" && len(f.fields) < fieldsMax {
		f.fields = append(f.fields, eventField{Label: label, Value: value, Path: path})
	}
}

func (f *fieldList) addValue(label string, value reflect.Value) {
	if text, path, ok := f.words.valueOf(value); ok {
		f.add(label, text, path)
		return
	}
	switch value.Kind() {
	case reflect.Struct:
		f.addStruct(label+" › ", value)
	case reflect.Pointer:
		if !value.IsNil() {
			f.addValue(label, value.Elem())
		}
	case reflect.Slice:
		for i := range value.Len() {
			f.addValue(label+" "+strconv.Itoa(i+1), value.Index(i))
		}
	default:
		f.add(label, fmt.Sprint(value.Interface()), "")
	}
}

// field is what a field is called; one without a word of its own is called as in the stored bytes.
func (w *words) field(name string) string {
	return w.or("field."+name, strings.ReplaceAll(name, "_", " "))
}

// eventName is what a type of event is called.
func (w *words) eventName(kind string) string { return w.or("event."+kind, kind) }

// or is a message without gaps, or something else when there is none: the log also has words of former times.
func (w *words) or(id, otherwise string) string {
	if text, ok := w.ready[id]; ok {
		return text
	}
	return otherwise
}

// valueOf writes a value as people read it, and says where it leads; ok is false for what has parts.
func (w *words) valueOf(value reflect.Value) (text, path string, ok bool) {
	of := func(field, id string) (string, string, bool) {
		return id, "/log?" + url.Values{field: {id}}.Encode(), true
	}
	switch v := value.Interface().(type) {
	case domain.OrderID:
		return of("order", string(v))
	case domain.CustomerID:
		return of("customer", string(v))
	case domain.OrderNumber:
		return of("order", v.String())
	case domain.Day:
		return w.day(v), "", true
	case time.Time:
		return w.moment(v), "", true
	case domain.Edition:
		return w.or("edition."+string(v), string(v)), "", true
	case domain.VATRate:
		return fmt.Sprintf("%d%%", v), "", true
	case domain.Refusal:
		return w.or("refusal."+v.Code, v.Code), "", true
	case bool:
		return w.ready[map[bool]string{true: "log.yes", false: "log.no"}[v]], "", true
	case []byte:
		text, err := w.text("log.bytes", "count", len(v))
		return text, "", err == nil
	case map[string]string:
		var pairs []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, key+": "+v[key])
		}
		return strings.Join(pairs, ", "), "", true
	case fmt.Stringer:
		return v.String(), "", true
	}
	return "", "", false
}

// sealPersonal is a copy of an event in which a word stands instead of every personal text, and nothing instead of every
// other personal value.
func sealPersonal(value reflect.Value, instead string) reflect.Value {
	sealed := reflect.New(value.Type()).Elem()
	switch value.Kind() {
	case reflect.Struct:
		sealed.Set(value)
		for i := range value.NumField() {
			switch field := value.Type().Field(i); {
			case !field.IsExported():
			case !isPersonal(field):
				sealed.Field(i).Set(sealPersonal(value.Field(i), instead))
			case field.Type.Kind() == reflect.String && value.Field(i).Len() > 0:
				sealed.Field(i).SetString(instead)
			default:
				sealed.Field(i).SetZero()
			}
		}
	case reflect.Slice:
		if value.IsNil() {
			return value
		}
		sealed.Set(reflect.MakeSlice(value.Type(), value.Len(), value.Len()))
		for i := range value.Len() {
			sealed.Index(i).Set(sealPersonal(value.Index(i), instead))
		}
	case reflect.Pointer:
		if value.IsNil() {
			return value
		}
		sealed.Set(reflect.New(value.Type().Elem()))
		sealed.Elem().Set(sealPersonal(value.Elem(), instead))
	default:
		return value
	}
	return sealed
}

// isPersonal tells the fields that are sealed in the log from the one that names whose they are.
func isPersonal(field reflect.StructField) bool {
	kept := field.Tag.Get("personal")
	return kept == "legal" || kept == "contact"
}
