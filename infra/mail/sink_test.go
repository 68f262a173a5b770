package mail

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
)

func openSink(t *testing.T) *Sink {
	t.Helper()
	sink, err := NewSink("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
	return sink
}

// Letters arrive over SMTP byte for byte, also with lines that begin with a dot.
func TestSinkKeepsLetters(t *testing.T) {
	sink := openSink(t)
	post, err := SMTP(sink.URL())
	if err != nil {
		t.Fatal(err)
	}
	letter := example()
	letter.Text = ".\n..\n.hidden\n" + letter.Text
	var sending sync.WaitGroup
	for range 8 {
		sending.Go(func() {
			if err := post.Send(t.Context(), letter); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	messages := sink.Messages()
	if len(messages) != 8 {
		t.Fatalf("%d letters arrived", len(messages))
	}
	for _, message := range messages {
		if message.From != letter.From.Email || len(message.To) != 1 || message.To[0] != letter.To || !bytes.Equal(message.Data, mustCompose(t, letter)) {
			t.Errorf("arrived from %s to %s:\n%s", message.From, message.To, message.Data)
		}
	}
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
	var failure *Failure
	if err := post.Send(t.Context(), letter); !errors.As(err, &failure) || failure.Permanent() {
		t.Errorf("sent to a closed sink: %v", err)
	}
	if len(sink.Messages()) != 8 {
		t.Error("a closed sink has forgotten its letters")
	}
}

func TestSinkIsForThisMachine(t *testing.T) {
	for _, listen := range []string{":0", "0.0.0.0:0", "192.0.2.1:25", "mail.example:25", "127.0.0.1"} {
		if sink, err := NewSink(listen); err == nil {
			t.Errorf("a sink listens on %s", listen)
			sink.Close()
		} else if !strings.Contains(err.Error(), "start mail sink") {
			t.Errorf("%s: %v", listen, err)
		}
	}
}
