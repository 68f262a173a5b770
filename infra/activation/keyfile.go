package activation

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// KeyFile is the name of the file in which LoadOrCreateKey keeps the private key.
const KeyFile = "activation-signing-key.pem"

// LoadOrCreateKey reads the signing key kept in a folder, or makes one when there is none yet. The file is for its owner
// alone (0600), and is durable before the key is answered. Several programs may call it at the same time and get the same key.
func LoadOrCreateKey(dir string) (Key, error) {
	path := filepath.Join(dir, KeyFile)
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Key{}, fmt.Errorf("create activation key: %w", err)
	}
	if key, err = GenerateKey(rand.Reader); err != nil {
		return Key{}, err
	}
	err = writeDurably(path, key.keyText(), 0o600, os.Link)
	if errors.Is(err, fs.ErrExist) {
		return loadKey(path) // another program was first
	}
	if err != nil {
		return Key{}, fmt.Errorf("create activation key: %w", err)
	}
	return key, nil
}

func loadKey(path string) (Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Key{}, fmt.Errorf("load activation key: %w", err)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return Key{}, fmt.Errorf("load activation key: others may read or write %s (mode %04o): run chmod 600 on it", path, info.Mode().Perm())
	}
	text, err := readAtMost(path, 4<<10)
	if err != nil {
		return Key{}, fmt.Errorf("load activation key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return Key{}, fmt.Errorf("load activation key from %s: %w", path, err)
	}
	return key, nil
}

// LoadKeys reads a key list from a file.
func LoadKeys(path string) (Keys, error) {
	text, err := readAtMost(path, KeyListSizeMax)
	if err != nil {
		return nil, fmt.Errorf("load key list: %w", err)
	}
	keys, err := ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("load key list from %s: %w", path, err)
	}
	return keys, nil
}

// PublishKey puts a key's public half on the list in a file as active and retires the keys that were active before it;
// a key that the list has revoked is refused. A missing file is an empty list. Twice is harmless. It answers the list.
func PublishKey(path string, key Key) (Keys, error) {
	keys, err := LoadKeys(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listed := false
	for i := range keys {
		switch {
		case keys[i].ID == key.ID() && keys[i].State == Revoked:
			return nil, fmt.Errorf("publish key %s: %w", key.ID(), RevokedKey)
		case keys[i].ID == key.ID():
			keys[i].State, listed = Active, true
		case keys[i].State == Active:
			keys[i].State = Retired
		}
	}
	if !listed {
		keys = append(keys, key.Public())
	}
	text, err := keys.Text()
	if err != nil {
		return nil, fmt.Errorf("publish key: %w", err)
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return keys, nil
	}
	if err := writeDurably(path, text, 0o644, os.Rename); err != nil {
		return nil, fmt.Errorf("publish key: %w", err)
	}
	return keys, nil
}

func readAtMost(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return text, err
}

// writeDurably makes a file appear whole or not at all, on disk before it returns. place puts the finished file where it
// belongs: os.Rename replaces what is there, os.Link refuses to.
func writeDurably(path string, content []byte, mode fs.FileMode, place func(from, to string) error) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := file.Chmod(mode); err != nil {
		return err
	}
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := place(file.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
