package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"

	portalmail "netrom.pl/portal/infra/mail"
)

// postbox reads what arrived at the demonstration's mail server.
type postbox struct {
	sink *portalmail.Sink
}

// message is a letter as its reader sees it.
type message struct {
	to          []string
	subject     string
	text        string
	attachments [][]byte
}

func (p *postbox) count() int { return len(p.sink.Messages()) }

// await waits for a letter that arrived after the first so many.
func (p *postbox) await(ctx context.Context, after int, wanted func(message) bool) (message, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, letterPatience, errors.New("it did not come in time"))
	defer cancel()
	for {
		for _, raw := range p.sink.Messages()[after:] {
			m, err := openMessage(raw.Data)
			if err != nil {
				return m, fmt.Errorf("read letter: %w", err)
			}
			if m.to = raw.To; wanted(m) {
				return m, nil
			}
		}
		select {
		case <-ctx.Done():
			return message{}, context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func openMessage(raw []byte) (message, error) {
	var m message
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	if m.subject, err = (&mime.WordDecoder{}).DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		return m, err
	}
	return m, m.open(parsed.Header.Get("Content-Type"), parsed.Header.Get("Content-Transfer-Encoding"), "", parsed.Body)
}

// open takes one part of the message apart.
func (m *message) open(contentType, encoding, disposition string, body io.Reader) error {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.open(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part.Header.Get("Content-Disposition"), part); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(encoding) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(disposition, "attachment"):
		m.attachments = append(m.attachments, content)
	case kind == "text/plain":
		m.text += strings.ReplaceAll(string(content), "\r\n", "\n")
	}
	return nil
}
