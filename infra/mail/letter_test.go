package mail

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden letters in testdata anew")

func example() Letter {
	return Letter{
		ID: "4f3c1a52-0d9e-5f43-8a7c-1e5b1c9d2f10", At: time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC),
		From: Address{"NetRom – portal", "poczta@netrom.example"}, To: "biuro@firma.example", ToName: "Przykładowa Spółka z o.o.",
		Subject: "Plik aktywacyjny: Kadry i Płace 5.2, zamówienie 2026/000123 – dziękujemy za zakup i życzymy przyjemnej pracy",
		Text:    "Dzień dobry,\n\nw załączniku plik aktywacyjny.\n.\n-- \nNetRom\n",
		HTML:    "<!doctype html>\n<p>Dzień dobry,</p>\n<p>w załączniku <strong>plik aktywacyjny</strong>.</p>\n",
		Attachments: []Attachment{
			{"KADRY-K7QX-r1.lic.txt", "text/plain; charset=utf-8", []byte("-----BEGIN NETROM ACTIVATION FILE-----\nŁ\n")},
			{"zamówienie.bin", "application/octet-stream", bytes.Repeat([]byte{0, 255, '\n'}, 100)},
		},
	}
}

func mustCompose(t testing.TB, letter Letter) []byte {
	t.Helper()
	raw, err := Compose(letter)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The kinds of letters look as the files in testdata, byte for byte.
func TestComposed(t *testing.T) {
	plain, page := example(), example()
	plain.HTML, plain.Attachments, plain.ToName, plain.Subject = "", nil, "", "Order 2026/000123"
	page.Attachments = nil
	for name, letter := range map[string]Letter{"plain": plain, "page": page, "attachments": example()} {
		raw := mustCompose(t, letter)
		file := "testdata/" + name + suffix
		if *update {
			if err := os.WriteFile(file, raw, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, want) {
			t.Errorf("%s is composed as\n%s\nwant\n%s", name, raw, want)
		}
		read, err := Parse(raw)
		if err != nil || !reflect.DeepEqual(read, letter) {
			t.Errorf("%s reads as\n%+v, %v; want\n%+v", name, read, err, letter)
		}
		if again := mustCompose(t, letter); !bytes.Equal(raw, again) {
			t.Errorf("%s is composed otherwise a second time", name)
		}
	}
}

// lineMax is a line of 76 characters behind the longest name of a header, and its end. Source: RFC 2045, RFC 2047.
const lineMax = len("Subject: ") + 76 + 2

// No line is longer than it should be, every line ends with CRLF, and nothing is outside ASCII.
func TestComposedIsSafeToSend(t *testing.T) {
	letter := example()
	letter.Text += strings.Repeat("zażółć gęślą jaźń ", 500) + "\r\nend\r"
	letter.ToName, letter.Subject = strings.Repeat("ż", 100), strings.Repeat("ó", 200)
	for line := range strings.SplitAfterSeq(string(mustCompose(t, letter)), "\n") {
		if len(line) > lineMax && !strings.HasPrefix(line, "Content-") {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
		if line != "" && !strings.HasSuffix(line, "\r\n") || strings.Count(line, "\r") > 1 {
			t.Errorf("a line does not end with CRLF alone: %q", line)
		}
		if regexp.MustCompile(`[^\x00-\x7f]`).MatchString(line) {
			t.Errorf("a line is not ASCII: %q", line)
		}
	}
}

// Letters that differ in anything have different boundaries; those of one letter are not in its text.
func TestBoundariesCannotBeForged(t *testing.T) {
	letter := example()
	boundaries := letter.boundaries()
	letter.Text += "\n--" + boundaries.mixed + "--\n\n--" + boundaries.alternative + "\nContent-Type: text/html\n\nforged\n"
	read, err := Parse(mustCompose(t, letter))
	if err != nil || !reflect.DeepEqual(read, letter) {
		t.Errorf("reads as %+v, %v", read, err)
	}
}

func TestUnfitLetters(t *testing.T) {
	for want, spoil := range map[string]func(*Letter){
		"subject holds":                  func(l *Letter) { l.Subject = "A\r\nBcc: all@firma.example" },
		"subject is longer":              func(l *Letter) { l.Subject = strings.Repeat("x", subjectMax+1) },
		"recipient's name holds":         func(l *Letter) { l.ToName = "A\nBcc: all@firma.example" },
		"sender's name holds":            func(l *Letter) { l.From.Name = "A\rB" },
		"id holds":                       func(l *Letter) { l.ID = "a>\r\nX: b" },
		"id is not":                      func(l *Letter) { l.ID = "../a" },
		"recipient's address":            func(l *Letter) { l.To = "a@firma.example, b@firma.example" },
		"recipient's address is not":     func(l *Letter) { l.To = "a@firma.example\r\nRCPT TO:<b@firma.example>" },
		"address is not one":             func(l *Letter) { l.To = "Jan <a@firma.example>" },
		"address is not one in":          func(l *Letter) { l.To = "żółw@firma.example" },
		"recipient's address is not one": func(l *Letter) { l.To = "" },
		"address":                        func(l *Letter) { l.To = strings.Repeat("a", 260) + "@firma.example" },
		"sender's address":               func(l *Letter) { l.From.Email = "nobody" },
		"no date":                        func(l *Letter) { l.At = time.Time{} },
		"no subject or no text":          func(l *Letter) { l.Text = "" },
		"no subject":                     func(l *Letter) { l.Subject = "" },
		"text is larger":                 func(l *Letter) { l.HTML = strings.Repeat("x", bodyMax+1) },
		"not UTF-8":                      func(l *Letter) { l.Text = "\xff" },
		"broken UTF-8":                   func(l *Letter) { l.Subject = "\xff" },
		"more than":                      func(l *Letter) { l.Attachments = make([]Attachment, attachmentsMax+1) },
		"name of an attachment holds":    func(l *Letter) { l.Attachments[0].Name = "a\"\r\nX: b" },
		"name of an attachment is empty": func(l *Letter) { l.Attachments[0].Name = "../a" },
		"name of an attachment is":       func(l *Letter) { l.Attachments[0].Name = ".." },
		"type of an attachment holds":    func(l *Letter) { l.Attachments[0].MIMEType = "text/plain\r\nX: b" },
		"type of an attachment is not":   func(l *Letter) { l.Attachments[0].MIMEType = "text" },
		"type of an attachment":          func(l *Letter) { l.Attachments[0].MIMEType = "multipart/mixed; boundary=x" },
		"attachments are larger":         func(l *Letter) { l.Attachments[0].Content = make([]byte, LetterSizeMax/2+1) },
	} {
		letter := example()
		spoil(&letter)
		raw, err := Compose(letter)
		var failure *Failure
		if !errors.As(err, &failure) || !failure.Permanent() || !strings.Contains(err.Error(), want) || raw != nil {
			t.Errorf("composed, or refused without saying %q: %v", want, err)
		}
		if err != nil && strings.Contains(err.Error(), "firma.example") {
			t.Errorf("the refusal names an address: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(mustCompose(f, example()))
	f.Add([]byte("From: a@b\nTo: a@b\nDate: Sat, 21 Nov 2026 10:30:00 +0000\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n--x--\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		letter, err := Parse(raw)
		if err == nil && letter.At.IsZero() && letter.To == "" {
			t.Fatalf("reads as nothing: %+v", letter)
		}
	})
}

// Whatever a letter says, it is refused for good, or what arrives says the same and has no header of its author's making.
func FuzzCompose(f *testing.F) {
	f.Add("Temat", "Jan Kowalski", "a@firma.example", "Treść\n", "a.txt")
	f.Add("0", "0", "F@0", ".\t\r\f\t", "$")
	f.Add("A\r\nBcc: x@y", "\u0085", "<a@b>", ".\n..\n", "..")
	f.Fuzz(func(t *testing.T, subject, toName, to, text, file string) {
		letter := example()
		letter.Subject, letter.ToName, letter.To, letter.Text, letter.Attachments[0].Name = subject, toName, to, text, file
		raw, err := Compose(letter)
		var failure *Failure
		if err != nil {
			if !errors.As(err, &failure) || !failure.Permanent() {
				t.Fatal(err)
			}
			return
		}
		head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		headers := regexp.MustCompile(`(?m)^[^ \t\r\n]`).FindAll(head, -1)
		if len(headers) != 8 {
			t.Fatalf("the letter has %d headers:\n%s", len(headers), head)
		}
		read, err := Parse(raw)
		if err != nil || read.To != to || read.Text != strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text) || len(read.Attachments) != 2 {
			t.Fatalf("reads as %+v, %v", read, err)
		}
	})
}
