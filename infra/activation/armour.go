package activation

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// The marker lines, and how many columns the lines between them have.
const (
	beginMarker = "-----BEGIN NETROM ACTIVATION FILE-----"
	endMarker   = "-----END NETROM ACTIVATION FILE-----"
	columns     = 64
)

// armour writes bytes as a block of text that survives mail.
func armour(content []byte) []byte {
	text := base64.StdEncoding.EncodeToString(content)
	var b bytes.Buffer
	b.WriteString(beginMarker + "\n")
	for len(text) > 0 {
		size := min(columns, len(text))
		b.WriteString(text[:size] + "\n")
		text = text[size:]
	}
	b.WriteString(endMarker + "\n")
	return b.Bytes()
}

// dearmour finds the block in a file and decodes it.
func dearmour(file []byte) ([]byte, error) {
	if len(file) > FileSizeMax {
		return nil, TooLarge
	}
	var text strings.Builder
	inside, complete := false, false
	for line := range strings.Lines(strings.ReplaceAll(string(file), "\r", "\n")) {
		line = unquote(line)
		switch {
		case line == beginMarker && (inside || complete):
			return nil, TrailingData
		case line == beginMarker:
			inside = true
		case line == endMarker && inside:
			inside, complete = false, true
		case inside:
			text.WriteString(line)
		}
	}
	switch {
	case inside:
		return nil, Truncated
	case !complete:
		return nil, NoBlock
	}
	return decode(text.String())
}

// decode reads base64 whose '=' at the end may have been lost.
func decode(text string) ([]byte, error) {
	text = strings.TrimRight(text, "=")
	content, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil && len(text)%4 == 1 && !strings.ContainsFunc(text, notBase64) {
		return nil, Truncated
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", BadBase64, err)
	}
	return content, nil
}

func notBase64(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '+' && r != '/'
}

// unquote takes away what mail programs put around a line: a byte order mark, quotation marks and blanks.
func unquote(line string) string {
	return strings.TrimRight(strings.TrimLeft(strings.TrimPrefix(line, "\ufeff"), "> \t"), " \t\n\u00a0")
}
