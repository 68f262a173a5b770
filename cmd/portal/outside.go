package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"

	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/activation"
	"netrom.pl/portal/infra/mail"
)

// sending hands letters of the process manager to the post, in the vendor's name.
func sending(post mail.Post, vendor handlers.Vendor) func(context.Context, handlers.Letter) (handlers.Sent, error) {
	return func(ctx context.Context, letter handlers.Letter) (handlers.Sent, error) {
		out := mail.Letter{ID: letter.ID, At: letter.At, From: mail.Address{Name: vendor.Name, Email: vendor.Email}, To: letter.To, Subject: letter.Subject, Text: letter.Text, HTML: letter.HTML}
		for _, a := range letter.Attachments {
			out.Attachments = append(out.Attachments, mail.Attachment{Name: a.Name, MIMEType: a.Type, Content: a.Content})
		}
		message, err := mail.Compose(out)
		if err != nil {
			return handlers.Sent{}, err
		}
		digest := sha256.Sum256(message)
		return handlers.Sent{MessageID: out.MessageID(), Digest: hex.EncodeToString(digest[:])}, post.Send(ctx, out)
	}
}

// signing makes activation files with the vendor's key as it is at that moment: two operators may change it.
func signing(current func() (activation.Key, activation.Keys, error)) func(handlers.ActivationFacts) (handlers.SignedFile, error) {
	return func(f handlers.ActivationFacts) (handlers.SignedFile, error) {
		facts := activation.Facts{
			FileID: f.FileID, LicenceID: string(f.Licence), Revision: f.Revision, Product: string(f.Program), ProductName: f.ProgramName,
			VersionMax: string(f.Version), Edition: string(f.Edition), Stations: f.Stations, Serial: f.Licence.Serial(),
			Holder:   activation.Holder{Name: f.HolderName, NIP: string(f.HolderNIP)},
			IssuedAt: f.IssuedAt, NotBefore: f.IssuedAt, Order: f.Order.String(), Payment: f.Payment, Distributor: string(f.Distributor),
		}
		key, _, err := current()
		if err != nil {
			return handlers.SignedFile{}, err
		}
		file, err := activation.Sign(key, facts)
		if err != nil {
			return handlers.SignedFile{}, err
		}
		return handlers.SignedFile{Name: activation.FileName(facts), Bytes: file, Digest: activation.Digest(file), Key: string(key.ID())}, nil
	}
}

// mailbox shows the letters of a demonstration that did not leave.
type mailbox struct{ folder *mail.Outbox }

// Letters is [handlers.Mailbox].
func (m mailbox) Letters(context.Context) ([]handlers.StoredLetter, error) {
	stored, err := m.folder.List()
	if err != nil {
		return nil, err
	}
	var letters []handlers.StoredLetter
	for _, s := range stored {
		letters = append(letters, handlers.StoredLetter{Name: s.Name, Letter: handlers.Letter{At: s.At, To: s.To, Subject: s.Subject}})
	}
	return letters, nil
}

// Letter is [handlers.Mailbox].
func (m mailbox) Letter(_ context.Context, name string) (handlers.StoredLetter, error) {
	letter, _, err := m.folder.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return handlers.StoredLetter{}, handlers.ErrNoLetter
	}
	if err != nil {
		return handlers.StoredLetter{}, err
	}
	out := handlers.StoredLetter{Name: name, Letter: handlers.Letter{ID: letter.ID, At: letter.At, To: letter.To, Subject: letter.Subject, Text: letter.Text, HTML: letter.HTML}}
	for _, a := range letter.Attachments {
		out.Attachments = append(out.Attachments, handlers.Attachment{Name: a.Name, Type: a.MIMEType, Content: a.Content})
	}
	return out, nil
}
