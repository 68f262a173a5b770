package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// sendLimit bounds the whole conversation with the mail server about one letter, from the connection to its last word.
const sendLimit = 60 * time.Second

// server is a mail server reached over SMTP, with a connection of its own for every letter.
type server struct {
	host    string
	port    int
	wrapped bool // TLS from the first byte
	options []gomail.Option
	roots   *x509.CertPool // nil: those of the system
	limit   time.Duration
}

// SMTP reads where the mail server is: smtp://[user:password@]host[:port][?tls=none|starttls|tls].
// Without tls it is starttls, and a server that does not offer that is refused; with tls=none a password is only sent
// to a server on this machine. Without a port it is 25, 587 or 465, in that order. Nothing is connected yet.
func SMTP(address string) (Post, error) {
	s, err := parseServer(address)
	if err != nil {
		return nil, fmt.Errorf("read mail server address: %w: write smtp://user:password@host:port?tls=starttls", err)
	}
	return s, nil
}

// parseServer never repeats the address in an error, because it may hold a password.
func parseServer(address string) (*server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "smtp" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return nil, errors.New("it is not a URL of this form")
	}
	for name, values := range u.Query() {
		if name != "tls" || len(values) != 1 {
			return nil, fmt.Errorf("parameter %.20q is not known, or given twice", name)
		}
	}
	s := &server{host: u.Hostname(), limit: sendLimit}
	login := gomail.SMTPAuthAutoDiscover
	switch mode := u.Query().Get("tls"); mode {
	case "none":
		s.port, s.options, login = 25, append(s.options, gomail.WithTLSPolicy(gomail.NoTLS)), gomail.SMTPAuthPlain
	case "", "starttls":
		s.port, s.options = 587, append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case "tls":
		s.port, s.options, s.wrapped = 465, append(s.options, gomail.WithTLSPolicy(gomail.TLSOpportunistic)), true
	default:
		return nil, fmt.Errorf("tls=%.20q is not none, starttls or tls", mode)
	}
	if u.Port() != "" {
		if s.port, err = strconv.Atoi(u.Port()); err != nil || s.port < 1 || s.port > 65535 {
			return nil, errors.New("the port is not a number from 1 to 65535")
		}
	}
	password, has := u.User.Password()
	switch {
	case u.User == nil:
		return s, nil
	case !has:
		return nil, errors.New("there is a user and no password")
	case login == gomail.SMTPAuthPlain && !isLoopback(s.host):
		return nil, errors.New("the password would cross the network unprotected, tls=none is for a server on this machine")
	}
	s.options = append(s.options, gomail.WithSMTPAuth(login), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	return s, nil
}

func isLoopback(host string) bool {
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}

// Send hands one letter over; see Post.
func (s *server) Send(ctx context.Context, letter Letter) error {
	raw, err := Compose(letter)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	failure := s.converse(limited, letter, raw)
	if failure != nil && ctx.Err() != nil {
		return fmt.Errorf("send letter: %w", context.Cause(ctx))
	}
	if failure != nil && limited.Err() != nil {
		failure.Reason = fmt.Sprintf("no answer within %s", s.limit)
	}
	if failure != nil {
		return failure
	}
	return nil
}

// converse speaks with the server until it has taken the letter. Whatever happens behind that point is no failure.
func (s *server) converse(ctx context.Context, letter Letter, raw []byte) *Failure {
	client, failure := s.connect(ctx)
	if failure != nil {
		return failure
	}
	defer client.Close()
	if err := client.Mail("<" + letter.From.Email + ">"); err != nil {
		return answered("MAIL", err)
	}
	if err := client.Rcpt("<" + letter.To + ">"); err != nil {
		return answered("RCPT", err)
	}
	content, err := client.Data()
	if err != nil {
		return answered("DATA", err)
	}
	if _, err := content.Write(raw); err != nil {
		return answered("DATA", err)
	}
	if err := content.Close(); err != nil {
		return answered("end of data", err)
	}
	_ = client.Quit() // politeness: the letter is safe with the server
	return nil
}

// connect opens a connection that breaks when ctx ends, introduces itself, protects the connection and logs in. A failure
// here is about the server or our login there, never about the letter.
func (s *server) connect(ctx context.Context) (*smtp.Client, *Failure) {
	encryption := &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, RootCAs: s.roots}
	dial := func(context.Context, string, string) (net.Conn, error) {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(s.host, strconv.Itoa(s.port)))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = connection.Close() }) // wakes whoever waits for the server
		if s.wrapped {
			return tls.Client(connection, encryption), nil
		}
		return connection, nil
	}
	// The client's own limit, set anew at several steps, stays behind the one that ctx sets for the whole conversation.
	options := append([]gomail.Option{gomail.WithTimeout(2 * s.limit), gomail.WithTLSConfig(encryption), gomail.WithDialContextFunc(dial),
		gomail.WithoutSMTPUTF8()}, s.options...)
	client, err := gomail.NewClient(s.host, options...)
	if err != nil {
		return nil, answered("connect", err)
	}
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		failure := answered("connect", err)
		failure.permanent = false
		return nil, failure
	}
	return connection, nil
}

// enhancedCode is what many servers begin their answer with. Source: RFC 3463.
var enhancedCode = regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}\b`)

// answered makes a Failure of what the server answered, or of the lack of an answer. Servers repeat addresses in their
// answers, so only the codes are kept. A code that is about our login with the server is no judgement on the letter.
func answered(step string, err error) *Failure {
	var answer *textproto.Error
	if !errors.As(err, &answer) {
		reason := "the connection broke: " + err.Error()
		if strings.Contains(reason, "@") {
			reason = "the connection broke"
		}
		return &Failure{Step: step, Reason: reason}
	}
	code := strconv.Itoa(answer.Code)
	if enhanced := enhancedCode.FindString(answer.Msg); enhanced != "" {
		code += " " + enhanced
	}
	switch answer.Code {
	case 530, 534, 535, 538:
		return &Failure{Step: step, Code: answer.Code, Reason: "the mail server wants another login (" + code + "): check user and password"}
	}
	if answer.Code >= 500 {
		return &Failure{Step: step, Code: answer.Code, Reason: "the mail server refused it for good (" + code + ")", permanent: true}
	}
	return &Failure{Step: step, Code: answer.Code, Reason: "the mail server put it off (" + code + ")"}
}
