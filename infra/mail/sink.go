package mail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Limits of a sink.
const (
	sinkMessagesMax   = 100_000
	sinkRecipientsMax = 100
	sinkPatience      = 30 * time.Second
)

// Sink is a mail server on this machine that keeps every letter it gets and passes on none. Safe for concurrent use.
type Sink struct {
	server   *smtp.Server
	listener net.Listener
	ended    chan struct{}

	mu       sync.Mutex
	messages []Message
}

// Message is a letter as it came over the wire.
type Message struct {
	From string
	To   []string
	Data []byte // headers and body, with CRLF
}

// NewSink starts a mail server on an address of this machine, such as 127.0.0.1:0 for any free port.
func NewSink(listen string) (*Sink, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("start mail sink: %w", err)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("start mail sink on %s: it keeps everybody's letters, so it only listens on this machine: use 127.0.0.1:0", listen)
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("start mail sink: %w", err)
	}
	s := &Sink{listener: listener, ended: make(chan struct{})}
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: s}, nil }))
	s.server.Domain = "localhost"
	s.server.MaxRecipients, s.server.MaxMessageBytes = sinkRecipientsMax, LetterSizeMax
	s.server.ReadTimeout, s.server.WriteTimeout = sinkPatience, sinkPatience
	s.server.ErrorLog = log.New(io.Discard, "", 0) // clients that hang up are no concern of the sink
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(listener) // ends with an error when Close ends it
	}()
	return s, nil
}

// Addr is where the sink listens, as host:port.
func (s *Sink) Addr() string { return s.listener.Addr().String() }

// URL is the sink's address as SMTP reads it.
func (s *Sink) URL() string { return "smtp://" + s.Addr() + "?tls=none" }

// Messages lists what has arrived, in order of arrival. What is in the list does not change any more.
func (s *Sink) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.messages)
}

// Close ends the server and every conversation with it. What has arrived stays readable. Twice is harmless.
func (s *Sink) Close() error {
	err := s.server.Close()
	<-s.ended
	if err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close mail sink: %w", err)
	}
	return nil
}

func (s *Sink) keep(message Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.messages) >= sinkMessagesMax {
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "The sink is full"}
	}
	s.messages = append(s.messages, message)
	return nil
}

// sinkSession is one conversation.
type sinkSession struct {
	sink    *Sink
	message Message
}

func (c *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	c.message.From = from
	return nil
}

func (c *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.message.To = append(c.message.To, to)
	return nil
}

func (c *sinkSession) Data(r io.Reader) error {
	var data bytes.Buffer
	if _, err := data.ReadFrom(r); err != nil {
		return err
	}
	c.message.Data = data.Bytes()
	return c.sink.keep(c.message)
}

func (c *sinkSession) Reset() { c.message = Message{} }

func (c *sinkSession) Logout() error { return nil }
