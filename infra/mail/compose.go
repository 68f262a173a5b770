package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"
)

// Compose writes a letter as it goes over the wire. Equal letters give equal bytes: the date is the letter's own, and the
// boundaries between its parts derive from its content. The error is a permanent *Failure.
// Source: RFC 5322 (headers), RFC 2046 (parts), RFC 2047 and 2231 (letters outside ASCII), RFC 3834 (Auto-Submitted).
func Compose(l Letter) ([]byte, error) {
	if refused := l.check(); refused != nil {
		return nil, refused
	}
	var b bytes.Buffer
	from, to := mail.Address{Name: l.From.Name, Address: l.From.Email}, mail.Address{Name: l.ToName, Address: l.To}
	for _, header := range [][2]string{
		{"From", fold(from.String())},
		{"To", fold(to.String())},
		{"Subject", fold(mime.QEncoding.Encode("utf-8", l.Subject))},
		{"Date", l.At.UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<" + l.MessageID() + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
	} {
		b.WriteString(header[0] + ": " + header[1] + "\r\n")
	}
	boundaries := l.boundaries()
	body := l.words(boundaries.alternative)
	if len(l.Attachments) > 0 {
		body = part{kind: multipartKind("mixed", boundaries.mixed), boundary: boundaries.mixed, parts: append([]part{body}, l.files()...)}
	}
	b.WriteString("Content-Type: " + body.kind + "\r\n")
	if body.encoding != "" {
		b.WriteString("Content-Transfer-Encoding: " + body.encoding + "\r\n")
	}
	b.WriteString("\r\n")
	if err := body.write(&b); err != nil {
		return nil, fmt.Errorf("compose letter: %w", err)
	}
	if b.Len() > LetterSizeMax {
		return nil, unfit("the letter is larger than %d MiB", LetterSizeMax>>20)
	}
	return b.Bytes(), nil
}

// MessageID is what the letter is known by wherever it goes: its ID and the sender's host, without angle brackets.
func (l Letter) MessageID() string {
	return l.ID + "@" + l.From.Email[strings.LastIndexByte(l.From.Email, '@')+1:]
}

// fold breaks a long header behind each encoded word.
func fold(value string) string {
	return strings.NewReplacer("?= =?", "?=\r\n =?", "?= <", "?=\r\n <").Replace(value)
}

// part is a leaf with its content, or a group of parts with a boundary between them.
type part struct {
	kind, encoding, disposition string
	content                     []byte
	boundary                    string
	parts                       []part
}

func multipartKind(kind, boundary string) string {
	return mime.FormatMediaType("multipart/"+kind, map[string]string{"boundary": boundary})
}

// words is the text, and the same as HTML if there is such a part.
func (l Letter) words(boundary string) part {
	text := part{kind: "text/plain; charset=utf-8", encoding: "quoted-printable", content: []byte(l.Text)}
	if l.HTML == "" {
		return text
	}
	page := part{kind: "text/html; charset=utf-8", encoding: "quoted-printable", content: []byte(l.HTML)}
	return part{kind: multipartKind("alternative", boundary), boundary: boundary, parts: []part{text, page}}
}

func (l Letter) files() []part {
	var parts []part
	for _, attachment := range l.Attachments {
		kind, parameters, _ := mime.ParseMediaType(attachment.MIMEType) // has been checked
		parts = append(parts, part{kind: mime.FormatMediaType(kind, parameters), encoding: "base64", content: attachment.Content,
			disposition: mime.FormatMediaType("attachment", map[string]string{"filename": attachment.Name})})
	}
	return parts
}

// boundaries derive from everything in the letter, so that no text can hold the boundary of its own letter.
func (l Letter) boundaries() (b struct{ mixed, alternative string }) {
	facts := sha256.New()
	add := func(texts ...string) {
		for _, text := range texts {
			fmt.Fprintf(facts, "%d:%s", len(text), text)
		}
	}
	add(l.ID, l.At.UTC().Format(time.RFC3339Nano), l.From.Name, l.From.Email, l.To, l.ToName, l.Subject, l.Text, l.HTML)
	for _, attachment := range l.Attachments {
		add(attachment.Name, attachment.MIMEType, string(attachment.Content))
	}
	digest := hex.EncodeToString(facts.Sum(nil)[:20])
	b.mixed, b.alternative = "m-"+digest, "a-"+digest
	return b
}

// write writes what comes behind the part's header.
func (p part) write(w io.Writer) error {
	switch {
	case p.boundary != "":
		return p.writeParts(w)
	case p.encoding == "base64":
		return writeBase64(w, p.content)
	}
	quoted := quotedprintable.NewWriter(w)
	if _, err := quoted.Write(bytes.ReplaceAll(p.content, []byte("\r\n"), []byte("\n"))); err != nil {
		return err
	}
	return quoted.Close()
}

func (p part) writeParts(w io.Writer) error {
	group := multipart.NewWriter(w)
	if err := group.SetBoundary(p.boundary); err != nil {
		return err
	}
	for _, inner := range p.parts {
		header := textproto.MIMEHeader{"Content-Type": {inner.kind}}
		if inner.encoding != "" {
			header.Set("Content-Transfer-Encoding", inner.encoding)
		}
		if inner.disposition != "" {
			header.Set("Content-Disposition", inner.disposition)
		}
		content, err := group.CreatePart(header)
		if err != nil {
			return err
		}
		if err := inner.write(content); err != nil {
			return err
		}
	}
	return group.Close()
}

// base64Columns is the longest line of an encoded attachment. Source: RFC 2045, section 6.8.
const base64Columns = 76

func writeBase64(w io.Writer, content []byte) error {
	text := base64.StdEncoding.EncodeToString(content)
	for len(text) > 0 {
		size := min(base64Columns, len(text))
		if _, err := io.WriteString(w, text[:size]+"\r\n"); err != nil {
			return err
		}
		text = text[size:]
	}
	return nil
}
