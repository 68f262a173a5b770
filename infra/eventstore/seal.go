package eventstore

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"netrom.pl/portal/domain"
)

// Keys gives the keys of personal fields, 32 bytes each, by the person or document and by why the data is kept.
type Keys interface {
	// Key answers the key, making it if there is none; it is durable before the answer, so before any event sealed with it.
	Key(ctx context.Context, subject, purpose string) ([]byte, error)
	// Find never makes a key; ok is false when there is none, or none any more because it was destroyed.
	Find(ctx context.Context, subject, purpose string) (key []byte, ok bool, err error)
}

// What is read in place of a personal text that cannot be shown; personal bytes are nil then.
const (
	Erased = domain.Erased // its key was destroyed
	Sealed = "(sealed)"    // the store was opened without keys
)

const (
	sealPrefix   = "sealed:v1:"
	sealKeyBytes = 32
	nonceBytes   = 12 // of AES-GCM
)

// sealer turns personal fields into text that says nothing without the key: AES-256-GCM with a random nonce. The seal
// vouches for event and field, so a sealed text cannot be moved elsewhere.
type sealer struct {
	keys Keys
	rand io.Reader
}

// seal replaces the sealed fields of event, which is addressable. Empty fields stay empty.
func (s sealer) seal(ctx context.Context, of shape, schema int, id string, event reflect.Value) error {
	for _, field := range of.sealed {
		value := event.FieldByIndex(field.index)
		if value.Len() == 0 || schema < field.since {
			continue
		}
		subject := event.FieldByIndex(of.subject).String()
		switch {
		case s.keys == nil:
			return fmt.Errorf("seal field %s: the log was opened without keys; it can only be read", field.name)
		case subject == "":
			return fmt.Errorf("seal field %s: the event does not say whose data it is", field.name)
		}
		key, err := s.keys.Key(ctx, subject, field.purpose)
		if err != nil {
			return fmt.Errorf("seal field %s: find the key: %w", field.name, err)
		}
		text, err := s.sealText(key, id+"/"+field.name, plain(value, field))
		if err != nil {
			return fmt.Errorf("seal field %s: %w", field.name, err)
		}
		put(value, field, text)
	}
	return nil
}

// open is the inverse of seal. A seal that does not fit is an error: somebody changed the log.
func (s sealer) open(ctx context.Context, of shape, schema int, id string, event reflect.Value) error {
	for _, field := range of.sealed {
		value := event.FieldByIndex(field.index)
		if value.Len() == 0 || schema < field.since {
			continue
		}
		if s.keys == nil {
			hide(value, field, Sealed)
			continue
		}
		key, ok, err := s.keys.Find(ctx, event.FieldByIndex(of.subject).String(), field.purpose)
		if err != nil {
			return fmt.Errorf("open field %s: find the key: %w", field.name, keysAway{err})
		}
		if !ok {
			hide(value, field, Erased)
			continue
		}
		text, err := openText(key, id+"/"+field.name, plain(value, field))
		if err != nil {
			return fmt.Errorf("open field %s: %w", field.name, err)
		}
		put(value, field, text)
	}
	return nil
}

func plain(value reflect.Value, field sealedField) []byte {
	if field.bytes {
		return value.Bytes()
	}
	return []byte(value.String())
}

func put(value reflect.Value, field sealedField, text []byte) {
	if field.bytes {
		value.SetBytes(text)
	} else {
		value.SetString(string(text))
	}
}

func hide(value reflect.Value, field sealedField, placeholder string) {
	if field.bytes {
		value.SetZero()
	} else {
		value.SetString(placeholder)
	}
}

func (s sealer) sealText(key []byte, place string, text []byte) ([]byte, error) {
	box, err := boxOf(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, box.NonceSize(), box.NonceSize()+len(text)+box.Overhead())
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	sealed := box.Seal(nonce, nonce, text, []byte(place))
	return base64.StdEncoding.AppendEncode([]byte(sealPrefix), sealed), nil
}

var errSealBroken = errors.New("the sealed text was changed, or is not from this event")

func openText(key []byte, place string, text []byte) ([]byte, error) {
	box, err := boxOf(key)
	if err != nil {
		return nil, err
	}
	encoded, ok := bytes.CutPrefix(text, []byte(sealPrefix))
	if !ok {
		return nil, fmt.Errorf("it is not sealed as %s", strings.TrimSuffix(sealPrefix, ":"))
	}
	sealed, err := base64.StdEncoding.AppendDecode(nil, encoded)
	if err != nil || len(sealed) < box.NonceSize() {
		return nil, errSealBroken
	}
	opened, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], []byte(place))
	if err != nil {
		return nil, errSealBroken
	}
	return opened, nil
}

func boxOf(key []byte) (cipher.AEAD, error) {
	if len(key) != sealKeyBytes {
		return nil, fmt.Errorf("the key has %d bytes instead of %d", len(key), sealKeyBytes)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
