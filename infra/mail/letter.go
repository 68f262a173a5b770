// Package mail sends letters: to a mail server, or into a folder where a demonstration shows them. It also holds a small
// mail server that keeps what it gets, for tests and demonstrations.
package mail

import (
	"context"
	"fmt"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Address is a mail address, in ASCII, with the name that goes with it; the name may be empty.
type Address struct{ Name, Email string }

// Letter is one letter to one person. Sending an equal letter again sends equal bytes under the same Message-ID, so that
// the reader's side can tell a repetition.
type Letter struct {
	ID          string    // names the letter for ever: left part of the Message-ID; ASCII letters, digits, '.', '_' and '-'
	At          time.Time // Date of the letter
	From        Address
	To          string
	ToName      string // may be empty
	Subject     string
	Text        string // lines end with LF, CRLF or CR
	HTML        string // the same for programs that show it; empty if there is no such part
	Attachments []Attachment
}

// Attachment is a file that goes with a letter.
type Attachment struct {
	Name     string // shown to the reader; a path in it is refused
	MIMEType string // such as text/plain; charset=utf-8
	Content  []byte
}

// Post takes letters away. Send returns nil only when the letter is safe with the other side. A *Failure says that this
// letter could not be sent and whether another try makes sense; any other error is not about the letter, for example the end of ctx. When the
// connection breaks after the letter left, nobody knows whether it arrived: Send answers a temporary Failure, and
// the next try may bring the reader a second copy with the same Message-ID. Safe for concurrent use.
type Post interface {
	Send(ctx context.Context, letter Letter) error
}

// Limits of a letter.
const (
	idMax          = 120 // bytes
	emailMax       = 254 // bytes; RFC 5321, section 4.5.3.1.3 less the angle brackets
	nameMax        = 200 // bytes of a person's or a file's name
	subjectMax     = 400 // bytes
	bodyMax        = 1 << 20
	attachmentsMax = 20
	LetterSizeMax  = 16 << 20 // bytes of the whole letter as it is sent
)

// Failure says that a letter could not be sent. Its text names no person and no address, so that it may be kept and shown.
type Failure struct {
	Step      string // what failed: compose, connect, MAIL, RCPT, DATA, end of data
	Code      int    // answer of the mail server; 0 if there was none
	Reason    string
	permanent bool
}

// Error says what failed and why.
func (f *Failure) Error() string {
	return fmt.Sprintf("send letter: %s: %s", f.Step, f.Reason)
}

// Permanent says that trying again with the same letter is pointless.
func (f *Failure) Permanent() bool { return f.permanent }

// unfit is the failure of a letter that cannot be composed.
func unfit(format string, args ...any) *Failure {
	return &Failure{Step: "compose", Reason: fmt.Sprintf(format, args...), permanent: true}
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$`)

// check says why a letter cannot be composed. A line break in anything that becomes a header would let its author write headers of his own.
func (l Letter) check() *Failure {
	for _, header := range []struct {
		name, value string
		max         int
	}{
		{"id", l.ID, idMax}, {"sender's name", l.From.Name, nameMax}, {"recipient's name", l.ToName, nameMax}, {"subject", l.Subject, subjectMax},
	} {
		if err := checkHeader(header.name, header.value, header.max); err != nil {
			return err
		}
	}
	switch {
	case !idPattern.MatchString(l.ID):
		return unfit("the id is not made of ASCII letters, digits, dots, dashes and underscores")
	case l.At.IsZero():
		return unfit("the letter has no date")
	case l.Subject == "" || l.Text == "":
		return unfit("the letter has no subject or no text")
	case len(l.Text) > bodyMax || len(l.HTML) > bodyMax:
		return unfit("the text is larger than %d bytes", bodyMax)
	case !utf8.ValidString(l.Text) || !utf8.ValidString(l.HTML):
		return unfit("the text is not UTF-8")
	case !validEmail(l.From.Email):
		return unfit("the sender's address is not one in ASCII, such as name@example.com: correct the vendor's address")
	case !validEmail(l.To):
		return unfit("the recipient's address is not one in ASCII, such as name@example.com: correct the address")
	case len(l.Attachments) > attachmentsMax:
		return unfit("the letter has more than %d attachments", attachmentsMax)
	}
	size := 0
	for _, attachment := range l.Attachments {
		if err := attachment.check(); err != nil {
			return err
		}
		size += len(attachment.Content)
	}
	if size > LetterSizeMax/2 {
		return unfit("the attachments are larger than %d MiB together", LetterSizeMax>>21)
	}
	return nil
}

func (a Attachment) check() *Failure {
	if err := checkHeader("name of an attachment", a.Name, nameMax); err != nil {
		return err
	}
	if a.Name == "" || strings.ContainsAny(a.Name, `/\`) || strings.Trim(a.Name, ".") == "" {
		return unfit("the name of an attachment is empty or a path")
	}
	if err := checkHeader("type of an attachment", a.MIMEType, nameMax); err != nil {
		return err
	}
	kind, parameters, err := mime.ParseMediaType(a.MIMEType)
	if err != nil || !strings.Contains(kind, "/") || strings.HasPrefix(kind, "multipart/") || mime.FormatMediaType(kind, parameters) == "" {
		return unfit("the type of an attachment is not one such as text/plain; charset=utf-8")
	}
	return nil
}

func checkHeader(name, value string, max int) *Failure {
	switch {
	case len(value) > max:
		return unfit("the %s is longer than %d bytes", name, max)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, isControl):
		return unfit("the %s holds a line break, another control character or broken UTF-8", name)
	}
	return nil
}

// isControl covers everything that any mail program could take for the end of a line.
func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

// validEmail admits a bare address in printable ASCII.
func validEmail(text string) bool {
	if text == "" || len(text) > emailMax || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text && address.Name == "" && !strings.HasSuffix(text, "@")
}
