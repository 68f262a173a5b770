package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// importSizeMax bounds an import file, in bytes.
const importSizeMax = 64 << 20

func openImportFile(name string) (importFile, error) {
	handle, err := os.Open(name)
	if err != nil {
		return importFile{}, fmt.Errorf("open import file: %w", err)
	}
	defer handle.Close()
	raw, err := io.ReadAll(io.LimitReader(handle, importSizeMax+1))
	if err != nil {
		return importFile{}, fmt.Errorf("read import file: %w", err)
	}
	return readImportFile(name, raw)
}

// readImportFile reads strictly: a misspelt field is an error that names its line, and nothing may follow.
func readImportFile(name string, raw []byte) (importFile, error) {
	file := importFile{name: name}
	if len(raw) > importSizeMax {
		return file, fmt.Errorf("read import file %s: it has more than %d MiB; split it", name, importSizeMax>>20)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return file, fmt.Errorf("read import file %s: %w", name, unreadable(raw, err))
	}
	end := decoder.InputOffset()
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return file, fmt.Errorf("read import file %s: line %d: something follows the closing brace", name, lineAt(raw, end))
	}
	return file, nil
}

// unreadable says where and why a text is not the JSON that was expected.
func unreadable(raw []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends before its last brace is closed")
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", lineAt(raw, syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: the value of %s cannot be a %s", lineAt(raw, kind.Offset), kind.Field, kind.Value)
	}
	// The standard library has no type for this error, and no place.
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no field %s here%s", field, linesOf(raw, field))
	}
	return err
}

// lineAt is the number of the line in which a byte stands, from 1.
func lineAt(raw []byte, offset int64) int {
	return 1 + bytes.Count(raw[:min(offset, int64(len(raw)))], []byte("\n"))
}

// linesOf names the lines in which a quoted field name stands before a colon.
func linesOf(raw []byte, field string) string {
	named := regexp.MustCompile(regexp.QuoteMeta(field) + `\s*:`)
	var lines []string
	for number, line := range bytes.Split(raw, []byte("\n")) {
		if named.Match(line) {
			lines = append(lines, strconv.Itoa(number+1))
		}
	}
	if lines == nil {
		return "" // spelt with escapes
	}
	return ": see line " + strings.Join(lines, ", ")
}
