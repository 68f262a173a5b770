package eventstore

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// plainReader reads a value in the form in which this program writes it, and only in that form: without blanks, members in the order of the
// fields and under exactly their names, each once. It answers where the value ends, or false where the text is anything else, may that be
// good JSON or not: then encoding/json has to say what it is, into a new value. What it does read is what encoding/json would have read,
// in a fourth of the time.
type plainReader func(text []byte, at int, into reflect.Value) (end int, ok bool)

// plainReaderOf makes the reader of a type, nil for a type that it has none for.
func plainReaderOf(t reflect.Type) plainReader {
	pointer := reflect.PointerTo(t)
	switch {
	case t == reflect.TypeFor[time.Time]():
		return readPlainTime
	case pointer.Implements(reflect.TypeFor[json.Unmarshaler]()):
		return nil
	case pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return readPlainText
	}
	switch t.Kind() {
	case reflect.String:
		return readPlainString
	case reflect.Bool:
		return readPlainBool
	case reflect.Int, reflect.Int64:
		return readPlainInt
	case reflect.Uint64:
		return readPlainUint
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return readPlainBytes
		}
		return plainSliceReader(t)
	case reflect.Pointer:
		return plainPointerReader(t)
	case reflect.Map:
		return plainMapReader(t)
	case reflect.Struct:
		return plainStructReader(t)
	}
	return nil
}

// readPlain reads a whole text into what a pointer points to, if it is in the plain form.
func readPlain(read plainReader, text []byte, into reflect.Value) bool {
	if read == nil {
		return false
	}
	end, ok := read(text, 0, into.Elem())
	return ok && end == len(text)
}

// plainField is a member of an object: its name in quotes with the colon, and where its value goes.
type plainField struct {
	key   string
	index []int
	read  plainReader
}

// plainFields lists the members of an object, those of structs without a name of their own in their place; it answers false where they are
// not certain.
func plainFields(t reflect.Type) (fields []plainField, ok bool) {
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
		case field.Anonymous && tag == "" && field.Type.Kind() == reflect.Struct:
			inner, ok := plainFields(field.Type)
			if !ok {
				return nil, false
			}
			for _, f := range inner {
				fields = append(fields, plainField{f.key, append([]int{i}, f.index...), f.read})
			}
		default:
			read := plainReaderOf(field.Type)
			if read == nil || field.Anonymous || !field.IsExported() || name == "" || strings.Contains(options, "string") {
				return nil, false
			}
			fields = append(fields, plainField{`"` + name + `":`, []int{i}, read})
		}
	}
	for i, f := range fields {
		if slices.ContainsFunc(fields[:i], func(other plainField) bool { return other.key == f.key }) {
			return nil, false
		}
	}
	return fields, true
}

func plainStructReader(t reflect.Type) plainReader {
	fields, ok := plainFields(t)
	if !ok {
		return nil
	}
	return func(text []byte, at int, into reflect.Value) (int, bool) {
		if at >= len(text) || text[at] != '{' {
			return at, false
		}
		at++
		first := true
		for i := range fields {
			field, key := &fields[i], at
			if !first {
				if at >= len(text) || text[at] != ',' {
					break
				}
				key++
			}
			if len(text)-key < len(field.key) || string(text[key:key+len(field.key)]) != field.key {
				continue // left out
			}
			end, ok := field.read(text, key+len(field.key), into.FieldByIndex(field.index))
			if !ok {
				return at, false
			}
			at, first = end, false
		}
		return at + 1, at < len(text) && text[at] == '}'
	}
}

func plainSliceReader(t reflect.Type) plainReader {
	read := plainReaderOf(t.Elem())
	if read == nil {
		return nil
	}
	return func(text []byte, at int, into reflect.Value) (int, bool) {
		if isNull(text, at) {
			return at + len(null), true
		}
		if at+1 >= len(text) || text[at] != '[' {
			return at, false
		}
		if at++; text[at] == ']' {
			into.Set(reflect.MakeSlice(t, 0, 0))
			return at + 1, true
		}
		for n := 0; ; n++ {
			into.Grow(1)
			into.SetLen(n + 1)
			end, ok := read(text, at, into.Index(n))
			if !ok || end >= len(text) {
				return at, false
			}
			if text[end] == ']' {
				return end + 1, true
			}
			if at = end + 1; text[end] != ',' {
				return at, false
			}
		}
	}
}

func plainPointerReader(t reflect.Type) plainReader {
	read := plainReaderOf(t.Elem())
	if read == nil {
		return nil
	}
	return func(text []byte, at int, into reflect.Value) (int, bool) {
		if isNull(text, at) {
			return at + len(null), true
		}
		into.Set(reflect.New(t.Elem()))
		return read(text, at, into.Elem())
	}
}

func plainMapReader(t reflect.Type) plainReader {
	read := plainReaderOf(t.Elem())
	if read == nil || t.Key().Kind() != reflect.String || reflect.PointerTo(t.Key()).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	return func(text []byte, at int, into reflect.Value) (int, bool) {
		if isNull(text, at) {
			return at + len(null), true
		}
		if at+1 >= len(text) || text[at] != '{' {
			return at, false
		}
		into.Set(reflect.MakeMap(t))
		if at++; text[at] == '}' {
			return at + 1, true
		}
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		for {
			end, ok := readPlainString(text, at, key)
			if !ok || end >= len(text) || text[end] != ':' {
				return at, false
			}
			value.SetZero()
			if end, ok = read(text, end+1, value); !ok || end >= len(text) {
				return at, false
			}
			into.SetMapIndex(key, value)
			if text[end] == '}' {
				return end + 1, true
			}
			if at = end + 1; text[end] != ',' {
				return at, false
			}
		}
	}
}

const null = "null"

// isNull says whether no slice, or nothing to point to, is written at a place.
func isNull(text []byte, at int) bool {
	return len(text)-at >= len(null) && string(text[at:at+len(null)]) == null
}

// cutString finds the end of a string that begins at a place. A plain one is what stands between the quotes.
func cutString(text []byte, at int) (inside []byte, end int, plain, ok bool) {
	if at >= len(text) || text[at] != '"' {
		return nil, at, false, false
	}
	plain, ascii := true, true
	for end = at + 1; end < len(text); end++ {
		switch c := text[end]; {
		case c == '"':
			inside = text[at+1 : end]
			return inside, end + 1, plain && (ascii || utf8.Valid(inside)), true
		case c == '\\':
			plain = false
			end++
		case c < ' ':
			return nil, at, false, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, at, false, false
}

func readPlainString(text []byte, at int, into reflect.Value) (int, bool) {
	inside, end, plain, ok := cutString(text, at)
	switch {
	case !ok:
		return at, false
	case plain:
		into.SetString(string(inside))
		return end, true
	}
	var said string
	if err := json.Unmarshal(text[at:end], &said); err != nil {
		return at, false
	}
	into.SetString(said)
	return end, true
}

func readPlainBytes(text []byte, at int, into reflect.Value) (int, bool) {
	if isNull(text, at) {
		return at + len(null), true
	}
	inside, end, plain, ok := cutString(text, at)
	if !ok || !plain {
		return at, false
	}
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(inside)))
	n, err := base64.StdEncoding.Decode(decoded, inside)
	into.SetBytes(decoded[:n])
	return end, err == nil
}

func readPlainText(text []byte, at int, into reflect.Value) (int, bool) {
	inside, end, plain, ok := cutString(text, at)
	return end, ok && plain && into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(inside) == nil
}

func readPlainTime(text []byte, at int, into reflect.Value) (int, bool) {
	_, end, plain, ok := cutString(text, at)
	return end, ok && plain && into.Addr().Interface().(*time.Time).UnmarshalJSON(text[at:end]) == nil
}

func readPlainBool(text []byte, at int, into reflect.Value) (int, bool) {
	for _, value := range [...]bool{true, false} {
		if word := strconv.FormatBool(value); bytes.HasPrefix(text[at:], []byte(word)) {
			into.SetBool(value)
			return at + len(word), true
		}
	}
	return at, false
}

func readPlainInt(text []byte, at int, into reflect.Value) (int, bool) {
	if at < len(text) && text[at] == '-' {
		n, end, ok := plainDigits(text, at+1)
		into.SetInt(-n)
		return end, ok && n > 0
	}
	n, end, ok := plainDigits(text, at)
	into.SetInt(n)
	return end, ok
}

func readPlainUint(text []byte, at int, into reflect.Value) (int, bool) {
	n, end, ok := plainDigits(text, at)
	into.SetUint(uint64(n))
	return end, ok
}

// plainDigits reads a whole number that surely fits.
func plainDigits(text []byte, at int) (n int64, end int, ok bool) {
	const digitsMax = 18
	for end = at; end < len(text) && end-at < digitsMax && text[end] >= '0' && text[end] <= '9'; end++ {
		n = n*10 + int64(text[end]-'0')
	}
	return n, end, end > at && (text[at] != '0' || end == at+1)
}
