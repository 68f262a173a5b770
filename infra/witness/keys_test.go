package witness

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// TestKeysAreRotatedAndRevoked is the life of three keys: what a retired one signed stays good, what a revoked one signed does not.
func TestKeysAreRotatedAndRevoked(t *testing.T) {
	dir, export := t.TempDir(), t.TempDir()
	var signed []Checkpoint
	for size := 100; size <= 300; size += 100 {
		signed = append(signed, witnessed(t, dir, export, history(1, size)))
		if err := os.Remove(filepath.Join(dir, KeyFile)); err != nil {
			t.Fatal(err)
		}
	}
	rotated := witnessed(t, dir, export, history(1, 300)) // nothing is new but the key
	if rotated.Size != 300 || rotated.Key == signed[2].Key || rotated.Origin != signed[0].Origin {
		t.Errorf("after a rotation %+v is signed", rotated)
	}
	keys := keysIn(t, export)
	if len(keys) != 4 || keys[0].State != Retired || keys[3].State != Active {
		t.Fatalf("the list is\n%s", keys.Text())
	}
	for i, c := range signed {
		if again, err := keys.Open(c.Note); err != nil || again.Size != int64(100*(i+1)) || again.Key != c.Key {
			t.Errorf("the checkpoint of a retired key: %+v %v", again, err)
		}
	}
	// The second key is revoked by hand.
	list := filepath.Join(dir, KeysFile)
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("retired "+keys[1].Text), []byte("revoked "+keys[1].Text), 1)
	if err := os.WriteFile(list, text, 0o644); err != nil {
		t.Fatal(err)
	}
	witnessed(t, dir, export, history(1, 300)) // nothing is new but the list
	if keys = keysIn(t, export); keys[1].State != Revoked {
		t.Errorf("the copied list is\n%s", keys.Text())
	}
	if _, err := keys.Open(signed[1].Note); !errors.Is(err, ErrRevoked) {
		t.Errorf("the checkpoint of the revoked key: %v", err)
	}
	if _, err := keys.Open(signed[0].Note); err != nil {
		t.Errorf("the checkpoint of a retired key: %v", err)
	}
}

// TestARevokedKeySignsNothing: its newest checkpoint binds nobody either, so the next key begins with the log as it is.
func TestARevokedKeySignsNothing(t *testing.T) {
	dir, export := t.TempDir(), t.TempDir()
	witnessed(t, dir, export, history(1, 100))
	list := filepath.Join(dir, KeysFile)
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, bytes.Replace(text, []byte("\nactive "), []byte("\nrevoked "), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), KeyFile) {
		t.Fatalf("a revoked key goes on: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, KeyFile)); err != nil {
		t.Fatal(err)
	}
	if again := witnessed(t, dir, export, history(1, 90)); again.Size != 90 {
		t.Errorf("signed %+v", again)
	}
	if c, err := LoadCheckpoint(filepath.Join(export, "checkpoint"), keysIn(t, dir)); err != nil || c.Size != 90 {
		t.Errorf("copied is %+v: %v", c, err)
	}
}

func TestTheKeyFileIsForItsOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "witness")
	key, keys, err := LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, KeyFile): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has the mode %v, want %v: %v", name, info.Mode(), mode, err)
		}
	}
	again, _, err := LoadOrCreateKey(dir)
	if err != nil || again.public != key.public || len(keys) != 1 || keys[0].Text != key.public {
		t.Errorf("the second time it is %s, the first %s: %v", again, key, err)
	}
	private, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if shown := fmt.Sprintf("%v %+v %#v", key, key, key); strings.Contains(shown, "PRIVATE") || strings.Contains(shown, string(private[40:])) {
		t.Errorf("the key prints as %s", shown)
	}
	if err := os.Chmod(filepath.Join(dir, KeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadOrCreateKey(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key file that others can read: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, KeyFile), []byte("PRIVATE+KEY+x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, KeyFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadOrCreateKey(dir); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a broken key file: %v", err)
	}
}

func TestKeyListsAreReadStrictly(t *testing.T) {
	_, one, err := note.GenerateKey(rand.Reader, "log.example/one")
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := note.GenerateKey(rand.Reader, "log.example/two")
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := ParseKeys([]byte("# mine\n\nactive " + one + "\r\n")); err != nil || len(keys) != 1 {
		t.Errorf("%v %v", keys, err)
	}
	for _, text := range []string{"good " + one, "active", "active x", "active " + one + "\nretired " + one, "active " + one + "\nretired " + other, "active " + one + " x"} {
		if _, err := ParseKeys([]byte(text)); err == nil {
			t.Errorf("accepted is %q", text)
		}
	}
}

// TestCheckpointsAreReadStrictly signs texts that are no checkpoints with the right key.
func TestCheckpointsAreReadStrictly(t *testing.T) {
	key, keys, err := LoadOrCreateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	good := Checkpoint{Origin: key.Origin(), Size: 7}.text()
	stranger, _, err := note.GenerateKey(rand.Reader, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := note.NewSigner(stranger)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		good:                 true,
		good + "extension\n": true,
		strings.Replace(good, "\n7\n", "\n07\n", 1):                     false,
		strings.Replace(good, "\n7\n", "\n0\n", 1):                      false,
		strings.Replace(good, "\n7\n", "\n-7\n", 1):                     false,
		strings.Replace(good, "A=\n", "B=\n", 1):                        false,
		strings.Replace(good, "A=\n", "=\n", 1):                         false,
		strings.TrimSuffix(good, good[strings.Index(good, "\n7\n")+3:]): false,
		"another.example" + good:                                        false,
		"\n":                                                            false,
	} {
		signed, err := note.Sign(&note.Note{Text: text}, cosigner, key.signer)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := keys.Open(signed); (err == nil) != want || want && (c.Size != 7 || c.Key != key.id()) {
			t.Errorf("%q is read as %+v: %v", text, c, err)
		}
		if alone, err := note.Sign(&note.Note{Text: text}, cosigner); err != nil {
			t.Fatal(err)
		} else if _, err := keys.Open(alone); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%q signed by a stranger: %v", text, err)
		}
	}
}
