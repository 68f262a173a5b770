package activation

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// ErrKeyMissing says that there is no private key for a list.
var ErrKeyMissing = errors.New("the signing key is missing: put it back from its backup, or let two operators make a new one with portal key")

// Open reads the signing key kept in a folder and the list in a file, on which it must be the active one. Without a list, or with
// an empty one, it makes what is missing. Twice is harmless, also at the same time. Other keys come by [ReplaceKey] alone.
func Open(dir, list string) (Key, Keys, error) {
	keys, err := LoadKeys(list)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Key{}, nil, err
	}
	path := filepath.Join(dir, KeyFile)
	if len(keys) == 0 {
		key, err := LoadOrCreateKey(dir)
		if err != nil {
			return Key{}, nil, err
		}
		keys = Keys{key.Public()}
		return key, keys, keys.write(list)
	}
	key, err := loadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Key{}, nil, fmt.Errorf("load activation key: %s: %w", path, ErrKeyMissing)
	}
	if err != nil {
		return Key{}, nil, err
	}
	if at := keys.find(key.ID()); at < 0 || keys[at].State != Active {
		return Key{}, nil, fmt.Errorf("%s is not the active one on the list %s: put back what belongs together; keys change by portal key", key, list)
	}
	return key, keys, nil
}

// ReplaceKey retires or revokes a key of a list and answers the id of the active one. An active key gets a successor in the folder, and
// its private half is gone. After a crash the same call brings it to its end; twice is harmless.
func ReplaceKey(dir, list string, id KeyID, to State) (active KeyID, err error) {
	keys, err := LoadKeys(list)
	if err != nil {
		return "", err
	}
	at := keys.find(id)
	if at < 0 {
		return "", fmt.Errorf("replace activation key: %.20q stands not in %s", id, list)
	}
	if keys[at].State == Active {
		key, err := loadKey(filepath.Join(dir, KeyFile))
		if errors.Is(err, fs.ErrNotExist) || err == nil && keys.find(key.ID()) >= 0 { // otherwise a crash has left its successor
			if key, err = GenerateKey(rand.Reader); err == nil {
				err = writeDurably(filepath.Join(dir, KeyFile), key.keyText(), 0o600, os.Rename)
			}
		}
		if err != nil {
			return "", fmt.Errorf("replace activation key: %w", err)
		}
		successor := key.Public()
		successor.Products = keys[at].Products
		keys = append(keys, successor)
	}
	if keys[at].State != Revoked {
		keys[at].State = to
	}
	for _, key := range keys {
		if key.State == Active {
			active = key.ID
		}
	}
	return active, keys.write(list)
}

// find answers the index of the key with an id; -1 if there is none.
func (keys Keys) find(id KeyID) int {
	return slices.IndexFunc(keys, func(key PublicKey) bool { return key.ID == id })
}

func (keys Keys) write(path string) error {
	text, err := keys.Text()
	if err != nil {
		return err
	}
	if err := writeDurably(path, text, 0o644, os.Rename); err != nil {
		return fmt.Errorf("write key list: %w", err)
	}
	return nil
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
