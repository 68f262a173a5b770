package main

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/mail"
)

// TestALetterIsKnownByWhatIsKept compares what the log gets of a letter with the file that was kept of it.
func TestALetterIsKnownByWhatIsKept(t *testing.T) {
	folder, err := mail.Folder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	letter := handlers.Letter{ID: "0b9ff3a6", At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), To: "biuro@klos.example", Subject: "Zamówienie", Text: "Dziękujemy.\n",
		Attachments: []handlers.Attachment{{Name: "a.txt", Type: "text/plain", Content: []byte("a")}}}
	send := sending(folder, handlers.Vendor{Name: "NetRom", Email: "poczta@netrom.pl"})
	sent, err := send(t.Context(), letter)
	if err != nil {
		t.Fatal(err)
	}
	_, raw, err := folder.Read("0b9ff3a6.eml")
	if err != nil {
		t.Fatal(err)
	}
	if digest := sha256.Sum256(raw); sent.Digest != hex.EncodeToString(digest[:]) || sent.MessageID != "0b9ff3a6@netrom.pl" {
		t.Errorf("it is known as %+v, the file has %x", sent, digest)
	}
	letter.To = ""
	if _, err := send(t.Context(), letter); err == nil {
		t.Error("a letter to nobody left")
	}
}
