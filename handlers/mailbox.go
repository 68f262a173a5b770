package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"regexp"
	"strconv"

	"netrom.pl/portal/domain"
)

// Mailbox is where the letters of a demonstration end up instead of leaving. Letters lists them, newest first,
// without text and attachments; Letter answers ErrNoLetter for a name that is not there.
type Mailbox interface {
	Letters(ctx context.Context) ([]StoredLetter, error)
	Letter(ctx context.Context, name string) (StoredLetter, error)
}

// ErrNoLetter says that there is no letter of this name.
var ErrNoLetter = errors.New("no such letter")

// StoredLetter is a letter with the name under which it is kept: ASCII letters, digits and -._ only.
type StoredLetter struct {
	Name string
	Letter
}

type mailboxView struct {
	Letters []StoredLetter
}

func (s *Server) showMailbox(c *call) (reply, error) {
	if s.Mailbox == nil {
		return reply{}, domain.Refusal{Code: domain.NotFound}
	}
	letters, err := s.Mailbox.Letters(c.Context())
	return reply{page: "mailbox", view: mailboxView{Letters: letters}}, err
}

// letter is the one that the request names.
func (s *Server) letter(c *call) (StoredLetter, error) {
	name, err := c.name("letter")
	if err != nil {
		return StoredLetter{}, err
	}
	if s.Mailbox == nil {
		return StoredLetter{}, domain.Refusal{Code: domain.NotFound}
	}
	letter, err := s.Mailbox.Letter(c.Context(), name)
	if errors.Is(err, ErrNoLetter) {
		return StoredLetter{}, domain.Refusal{Code: domain.NotFound}
	}
	return letter, err
}

func (s *Server) showLetter(c *call) (reply, error) {
	letter, err := s.letter(c)
	return reply{page: "letter", view: letter}, err
}

// showLetterHTML shows a letter's formatted text as a mail program would: alone, and able to do nothing.
func (s *Server) showLetterHTML(c *call) (reply, error) {
	letter, err := s.letter(c)
	if err != nil {
		return reply{}, err
	}
	return reply{download: &download{contentType: "text/html; charset=utf-8", content: []byte(letter.HTML), policy: letterPolicy(letter.HTML)}}, nil
}

// styles finds what a letter says about its looks.
var styles = regexp.MustCompile(`(?s)<style>(.*?)</style>| style="([^"]*)"`)

// letterPolicy admits exactly the styles that stand in the letter, by their digests, and no script, image or form.
// Source: Content Security Policy Level 3, section 6.7.3 (hashes of elements and of style attributes).
func letterPolicy(page string) string {
	admitted := "'none'"
	seen := map[string]bool{}
	for _, found := range styles.FindAllStringSubmatch(page, -1) {
		style := found[1] + html.UnescapeString(found[2])
		if seen[style] {
			continue
		}
		if seen[style] = true; len(seen) == 1 {
			admitted = "'unsafe-hashes'"
		}
		sum := sha256.Sum256([]byte(style))
		admitted += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + admitted + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
}

func (s *Server) downloadAttachment(c *call) (reply, error) {
	letter, err := s.letter(c)
	if err != nil {
		return reply{}, err
	}
	name, err := c.name("number")
	if err != nil {
		return reply{}, err
	}
	number, err := strconv.Atoi(name)
	if err != nil || number < 1 || number > len(letter.Attachments) {
		return reply{}, domain.Refusal{Code: domain.NotFound}
	}
	file := letter.Attachments[number-1]
	return reply{download: &download{contentType: "application/octet-stream", name: file.Name, content: file.Content}}, nil
}
