package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is a mail server that answers every verb as it is told. Without an answer of its own a verb is accepted.
type script struct {
	answers map[string]string // by verb: greeting, EHLO, MAIL, RCPT, DATA, "." for the end of data, QUIT
	tls     *tls.Config
	wrapped bool

	mu     sync.Mutex
	heard  []string // commands, in order
	bodies [][]byte // what came between DATA and the end
}

// Answers that are no answers.
const (
	silence = "silence" // says nothing until the other side hangs up
	hangUp  = "hang up"
)

var politely = map[string]string{"greeting": "220 hello", "EHLO": "250-localhost\r\n250 8BITMIME", "DATA": "354 go on", "QUIT": "221 bye", "STARTTLS": "220 go on"}

// start listens on a free port and answers where.
func (s *script) start(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(connection) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}

func (s *script) serve(connection net.Conn) {
	defer func() { connection.Close() }()
	if s.wrapped {
		connection = tls.Server(connection, s.tls)
	}
	in := bufio.NewReader(connection)
	if !s.answer(connection, in, "greeting") {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		s.hear(strings.TrimSpace(line))
		verb := strings.ToUpper(strings.Fields(line + " ?")[0])
		if !s.answer(connection, in, verb) || verb == "QUIT" {
			return
		}
		switch {
		case verb == "STARTTLS":
			connection = tls.Server(connection, s.tls)
			in = bufio.NewReader(connection)
		case verb == "DATA" && s.answers["DATA"] == "":
			if !s.takeBody(in) || !s.answer(connection, in, ".") {
				return
			}
		}
	}
}

// answer says what the script holds for a verb; false means that the conversation is over.
func (s *script) answer(connection net.Conn, in *bufio.Reader, verb string) bool {
	said := s.answers[verb]
	switch said {
	case silence:
		_, _ = in.ReadByte()
		return false
	case hangUp:
		return false
	case "":
		if said = politely[verb]; said == "" {
			said = "250 fine"
		}
	}
	_, err := fmt.Fprintf(connection, "%s\r\n", said)
	return err == nil
}

func (s *script) hear(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, line)
}

func (s *script) takeBody(in *bufio.Reader) bool {
	var body bytes.Buffer
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		body.WriteString(strings.TrimPrefix(line, "."))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, body.Bytes())
	return true
}

func (s *script) received() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies
}

func post(t *testing.T, address string, limit time.Duration) *server {
	t.Helper()
	s, err := parseServer(address)
	if err != nil {
		t.Fatal(err)
	}
	s.limit = limit
	return s
}

const longEnough = 20 * time.Second

func TestSent(t *testing.T) {
	s := &script{}
	letter := example()
	if err := post(t, "smtp://"+s.start(t)+"?tls=none", longEnough).Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	if got := s.received(); len(got) != 1 || !bytes.Equal(got[0], mustCompose(t, letter)) {
		t.Errorf("arrived:\n%s\nwant:\n%s", got, mustCompose(t, letter))
	}
	said := strings.Join(s.heard, "\n")
	for _, want := range []string{"MAIL FROM:<poczta@netrom.example>", "RCPT TO:<biuro@firma.example>", "QUIT"} {
		if !strings.Contains(said, want) {
			t.Errorf("the server heard\n%s\nwithout %s", said, want)
		}
	}
}

// Every verb can be put off, refused, left without an answer, or cut off.
func TestRefusedAtEveryVerb(t *testing.T) {
	steps := map[string]string{"greeting": "connect", "EHLO": "connect", "MAIL": "MAIL", "RCPT": "RCPT", "DATA": "DATA", ".": "end of data"}
	for verb, step := range steps {
		for answer, want := range map[string]struct {
			code      int
			permanent bool
		}{
			"451 4.3.0 <biuro@firma.example> later":       {451, false},
			"550 5.1.1 <biuro@firma.example>: no mailbox": {550, step != "connect"},
			"530 5.7.0 log in first":                      {530, false},
			"nonsense about biuro@firma.example":          {0, false},
			silence:                                       {0, false},
			hangUp:                                        {0, false},
		} {
			t.Run(verb+" "+answer, func(t *testing.T) {
				t.Parallel()
				limit := longEnough
				if answer == silence {
					limit = 300 * time.Millisecond
				}
				s := &script{answers: map[string]string{verb: answer, "HELO": answer}}
				err := post(t, "smtp://"+s.start(t)+"?tls=none", limit).Send(t.Context(), example())
				var failure *Failure
				if !errors.As(err, &failure) {
					t.Fatalf("sent: %v", err)
				}
				if failure.Step != step || failure.Code != want.code || failure.Permanent() != want.permanent {
					t.Errorf("failed with %+v; want step %s, code %d, permanent %t", failure, step, want.code, want.permanent)
				}
				if strings.Contains(err.Error(), "@") || strings.Contains(err.Error(), "firma") {
					t.Errorf("the failure names an address: %v", err)
				}
				if answer == silence && !strings.Contains(err.Error(), "no answer within 300ms") {
					t.Errorf("the failure does not say what is missing: %v", err)
				}
			})
		}
	}
}

// When the connection breaks after the letter left, the next try brings the same bytes under the same Message-ID.
func TestConnectionBreaksAfterTheLetter(t *testing.T) {
	s := &script{answers: map[string]string{".": hangUp}}
	p := post(t, "smtp://"+s.start(t)+"?tls=none", longEnough)
	for range 2 {
		var failure *Failure
		if err := p.Send(t.Context(), example()); !errors.As(err, &failure) || failure.Permanent() {
			t.Fatalf("sent: %v; want a temporary failure", err)
		}
	}
	got := s.received()
	if len(got) != 2 || !bytes.Equal(got[0], got[1]) || !bytes.Contains(got[0], []byte("Message-ID: <"+example().ID+"@netrom.example>\r\n")) {
		t.Errorf("arrived:\n%s", got)
	}
}

// What happens after the server has taken the letter is no reason to send it again.
func TestConnectionBreaksAfterTheAnswer(t *testing.T) {
	for _, answer := range []string{hangUp, "421 closing", "500 what?"} {
		s := &script{answers: map[string]string{"QUIT": answer}}
		if err := post(t, "smtp://"+s.start(t)+"?tls=none", longEnough).Send(t.Context(), example()); err != nil {
			t.Errorf("QUIT is answered with %s: %v", answer, err)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	err = post(t, "smtp://"+listener.Addr().String()+"?tls=none", longEnough).Send(t.Context(), example())
	var failure *Failure
	if !errors.As(err, &failure) || failure.Permanent() || failure.Step != "connect" || !strings.Contains(err.Error(), "refused") {
		t.Errorf("sent: %v; want a temporary failure that says why", err)
	}
}

// The end of the context ends the conversation at once, and is no failure of the letter.
func TestContextEnds(t *testing.T) {
	for _, verb := range []string{"greeting", "EHLO", "MAIL", "."} {
		s := &script{answers: map[string]string{verb: silence}}
		p := post(t, "smtp://"+s.start(t)+"?tls=none", time.Hour)
		ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
		err := p.Send(ctx, example())
		stop()
		var failure *Failure
		if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &failure) {
			t.Errorf("silence at %s: %v", verb, err)
		}
	}
}

func TestUnfitLetterIsNotSent(t *testing.T) {
	s := &script{}
	letter := example()
	letter.Subject = "A\r\nBcc: all@firma.example"
	err := post(t, "smtp://"+s.start(t)+"?tls=none", longEnough).Send(t.Context(), letter)
	var failure *Failure
	if !errors.As(err, &failure) || !failure.Permanent() || len(s.heard) != 0 {
		t.Errorf("sent: %v, the server heard %q", err, s.heard)
	}
}

// certificate makes a certificate for 127.0.0.1 and the pool that trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}, pool
}

func TestProtectedConnections(t *testing.T) {
	server, trusted := certificate(t)
	withLogin := map[string]string{"EHLO": "250-localhost\r\n250-STARTTLS\r\n250 AUTH PLAIN", "AUTH": "235 2.7.0 welcome"}
	for name, c := range map[string]struct {
		script *script
		mode   string
		roots  *x509.CertPool
		want   string // part of the failure; empty if the letter is sent
	}{
		"starttls":             {&script{tls: server, answers: withLogin}, "starttls", trusted, ""},
		"starttls untrusted":   {&script{tls: server, answers: withLogin}, "starttls", nil, "certificate"},
		"starttls not offered": {&script{}, "starttls", trusted, "STARTTLS"},
		"tls":                  {&script{tls: server, wrapped: true, answers: map[string]string{"EHLO": "250-localhost\r\n250 AUTH PLAIN", "AUTH": "235 welcome"}}, "tls", trusted, ""},
		"tls untrusted":        {&script{tls: server, wrapped: true}, "tls", nil, "certificate"},
		"password on loopback": {&script{answers: map[string]string{"EHLO": "250-localhost\r\n250 AUTH PLAIN", "AUTH": "235 welcome"}}, "none", nil, ""},
		"wrong password":       {&script{tls: server, answers: map[string]string{"EHLO": withLogin["EHLO"], "AUTH": "535 5.7.8 u@netrom.example: no"}}, "starttls", trusted, "check user and password"},
	} {
		t.Run(name, func(t *testing.T) {
			p := post(t, "smtp://u%40netrom.example:secret@"+c.script.start(t)+"?tls="+c.mode, longEnough)
			p.roots = c.roots
			err := p.Send(t.Context(), example())
			var failure *Failure
			switch {
			case c.want == "" && (err != nil || len(c.script.received()) != 1):
				t.Errorf("not sent: %v", err)
			case c.want != "" && (!errors.As(err, &failure) || failure.Permanent() || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v; want a temporary failure that says %q", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "@")) {
				t.Errorf("the failure tells too much: %v", err)
			}
		})
	}
}

func TestAddressOfTheServer(t *testing.T) {
	for address, want := range map[string]string{
		"smtp://mail.example":                       "mail.example:587",
		"smtp://mail.example/":                      "mail.example:587",
		"smtp://mail.example?tls=tls":               "mail.example:465",
		"smtp://localhost?tls=none":                 "localhost:25",
		"smtp://u:p@[::1]:2525?tls=none":            "::1:2525",
		"smtp://u%40example:p%2F@mail.example:2525": "mail.example:2525",
	} {
		s, err := parseServer(address)
		if err != nil || fmt.Sprintf("%s:%d", s.host, s.port) != want {
			t.Errorf("%s: %+v, %v; want %s", address, s, err, want)
		}
	}
	for _, address := range []string{"", "mail.example:25", "http://mail.example", "smtp://", "smtp://mail.example/x", "smtp://mail.example?tls=maybe",
		"smtp://mail.example?tls=none&tls=tls", "smtp://mail.example?ssl=1", "smtp://mail.example:0", "smtp://mail.example:99999",
		"smtp://u:secret@mail.example?tls=none", "smtp://secret@mail.example", "smtp://u:secret@mail.example:x", "smtp://u:secret@[mail"} {
		post, err := SMTP(address)
		if err == nil || post != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v", address, post, err)
		}
	}
}
