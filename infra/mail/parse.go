package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// partsMax and depthMax bound how a letter may be put together.
const (
	partsMax = 100
	depthMax = 4
)

// Parse reads a letter as Compose writes it, so that a person can see what a reader would see. Line ends of the texts
// come back as LF.
func Parse(raw []byte) (Letter, error) {
	if len(raw) > LetterSizeMax {
		return Letter{}, fmt.Errorf("read letter: larger than %d MiB", LetterSizeMax>>20)
	}
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Letter{}, fmt.Errorf("read letter: %w", err)
	}
	letter, err := parseHeader(message.Header)
	if err != nil {
		return Letter{}, fmt.Errorf("read letter: %w", err)
	}
	reader := partReader{letter: &letter}
	if err := reader.read(message.Header.Get, message.Body, 0); err != nil {
		return Letter{}, fmt.Errorf("read letter: %w", err)
	}
	return letter, nil
}

// parseHead reads the headers of a letter whose end may be missing.
func parseHead(raw []byte) (Letter, error) {
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Letter{}, err
	}
	return parseHeader(message.Header)
}

func parseHeader(header mail.Header) (Letter, error) {
	var letter Letter
	for name, set := range map[string]func(*mail.Address){
		"From": func(a *mail.Address) { letter.From = Address{a.Name, a.Address} },
		"To":   func(a *mail.Address) { letter.To, letter.ToName = a.Address, a.Name },
	} {
		address, err := mail.ParseAddress(header.Get(name))
		if err != nil {
			return letter, fmt.Errorf("header %s: %w", name, err)
		}
		set(address)
	}
	at, err := header.Date()
	if err != nil {
		return letter, err
	}
	letter.At = at.UTC()
	if letter.Subject, err = new(mime.WordDecoder).DecodeHeader(header.Get("Subject")); err != nil {
		return letter, err
	}
	letter.ID, _, _ = strings.Cut(strings.Trim(header.Get("Message-ID"), "<>"), "@")
	return letter, nil
}

// partReader takes a letter apart.
type partReader struct {
	letter *Letter
	parts  int
}

// read reads one part, whose header answers get.
func (r *partReader) read(get func(string) string, body io.Reader, depth int) error {
	if r.parts++; r.parts > partsMax || depth > depthMax {
		return errors.New("it has too many parts")
	}
	kind, parameters, err := mime.ParseMediaType(get("Content-Type"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		return r.readParts(multipart.NewReader(body, parameters["boundary"]), depth)
	}
	content, err := io.ReadAll(decoded(get("Content-Transfer-Encoding"), body))
	if err != nil {
		return err
	}
	disposition, names, err := mime.ParseMediaType(get("Content-Disposition"))
	if err == nil && disposition == "attachment" {
		r.letter.Attachments = append(r.letter.Attachments, Attachment{Name: names["filename"], MIMEType: get("Content-Type"), Content: content})
		return nil
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	switch kind {
	case "text/plain":
		r.letter.Text += text
	case "text/html":
		r.letter.HTML += text
	default:
		return fmt.Errorf("it has a part of type %.100q that is no attachment", kind)
	}
	return nil
}

func (r *partReader) readParts(group *multipart.Reader, depth int) error {
	for {
		inner, err := group.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.read(inner.Header.Get, inner, depth+1); err != nil {
			return err
		}
	}
}

func decoded(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}
