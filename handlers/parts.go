package handlers

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"html/template"
	"reflect"
	"strings"
	"sync"
	"time"

	"netrom.pl/portal/domain"
)

// partBytesMax is how much one half of the memory of parts may hold, in bytes; a row of a table and its key take one or two KiB.
const partBytesMax = 4 << 20

// writtenParts are rows of tables and other parts of pages as they were last written, because writing one costs ten times as much as
// finding it. A part depends on nothing but its template, the language and the values in it, and these are its key: a row that has changed in
// any way is another one. What has not been asked for lately makes room. The zero value is empty. Safe for concurrent use.
type writtenParts struct {
	mu    sync.Mutex
	young map[string]string // HTML by key
	old   map[string]string // what was young before
	bytes int               // in young
}

// partsWritten by this process.
var partsWritten writtenParts

// ForgetWritten drops what this process remembers of the pages it wrote, so that nothing of what was erased stays in memory. A page that is being
// written at this moment may bring something back until the next time.
func ForgetWritten() { partsWritten.forget() }

func (w *writtenParts) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.young, w.old, w.bytes = nil, nil, 0
}

func (w *writtenParts) find(key []byte) (part string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if part, ok = w.young[string(key)]; ok {
		return part, true
	}
	if part, ok = w.old[string(key)]; ok {
		w.add(string(key), part)
	}
	return part, ok
}

func (w *writtenParts) keep(key, part string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(key, part)
}

// add needs the lock.
func (w *writtenParts) add(key, part string) {
	size := len(key) + len(part)
	if w.young == nil || w.bytes+size > partBytesMax {
		w.young, w.old, w.bytes = map[string]string{}, w.young, 0
	}
	if _, known := w.young[key]; !known && size <= partBytesMax {
		w.young[key] = part
		w.bytes += size
	}
}

// writer writes parts of a page, or finds them written. html/template escapes them as it does everything else.
type writer struct {
	page *template.Template
	name string // of the page
	l    domain.Language
}

// functions of the writer for the templates of its page.
func (w writer) functions() template.FuncMap { return template.FuncMap{"rows": w.rows, "part": w.part} }

// rows writes each element of a slice with the template of that name.
func (w writer) rows(name string, slice any) (template.HTML, error) {
	values := reflect.ValueOf(slice)
	if values.Kind() != reflect.Slice {
		return "", fmt.Errorf("write rows %s: %T is no slice", name, slice)
	}
	return w.write(name, values.Type().Elem(), values.Len(), values.Index)
}

// part writes a value with the template of that name.
func (w writer) part(name string, value any) (template.HTML, error) {
	v := reflect.ValueOf(value)
	return w.write(name, v.Type(), 1, func(int) reflect.Value { return v })
}

func (w writer) write(name string, kind reflect.Type, n int, value func(int) reflect.Value) (template.HTML, error) {
	key := make([]byte, 0, 1<<10)
	for _, text := range []string{string(w.l), w.name, name, kind.String()} {
		key = appendText(key, text)
	}
	whose := len(key)
	anew := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(anew)
	all := make([]string, n)
	for i := range all {
		var err error
		if key, err = appendValue(key[:whose], value(i)); err != nil {
			return "", fmt.Errorf("remember %s: %w", name, err)
		}
		written, ok := partsWritten.find(key)
		if !ok {
			anew.Reset()
			if err := w.page.ExecuteTemplate(anew, name, value(i).Interface()); err != nil {
				return "", err
			}
			written = anew.String()
			partsWritten.keep(string(key), written)
		}
		all[i] = written
	}
	return template.HTML(strings.Join(all, "")), nil // by html/template
}

// appendValue adds a value to a key, such that different values of one type make different keys. Maps, interfaces and functions
// make none.
func appendValue(key []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() {
	case reflect.String:
		return appendText(key, v.String()), nil
	case reflect.Bool:
		if v.Bool() {
			return append(key, 1), nil
		}
		return append(key, 0), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(key, v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(key, v.Uint()), nil
	case reflect.Pointer:
		if v.IsNil() {
			return append(key, 0), nil
		}
		return appendValue(append(key, 1), v.Elem())
	case reflect.Slice, reflect.Array:
		return appendEach(binary.AppendUvarint(key, uint64(v.Len())), v.Len(), v.Index)
	case reflect.Struct:
		if v.Type() != timeType {
			return appendEach(key, v.NumField(), v.Field)
		}
		if v.CanInterface() { // not in a field that has no exported name
			return v.Interface().(time.Time).AppendBinary(key)
		}
	}
	return key, fmt.Errorf("a %s has no key", v.Type())
}

var timeType = reflect.TypeFor[time.Time]()

func appendEach(key []byte, n int, part func(int) reflect.Value) (_ []byte, err error) {
	for i := range n {
		if key, err = appendValue(key, part(i)); err != nil {
			return key, err
		}
	}
	return key, nil
}

func appendText(key []byte, text string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(text))), text...)
}
