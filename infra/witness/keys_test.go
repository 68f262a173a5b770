package witness

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// replace rotates or revokes a key of a folder.
func replace(t *testing.T, dir, name string, to State) string {
	t.Helper()
	active, err := ReplaceKey(dir, name, to)
	if err != nil {
		t.Fatal(err)
	}
	return active
}

// TestKeysAreRotatedAndRevoked is the life of four keys: what a retired one signed stays good, what a revoked one signed does not.
func TestKeysAreRotatedAndRevoked(t *testing.T) {
	dir, export := t.TempDir(), t.TempDir()
	var signed []Checkpoint
	for size := 100; size <= 300; size += 100 {
		signed = append(signed, witnessed(t, dir, export, history(1, size)))
		if active := replace(t, dir, signed[len(signed)-1].Key, Retired); active == signed[len(signed)-1].Key {
			t.Errorf("the key %s stays active", active)
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
	if active := replace(t, dir, keys[1].Text, Revoked); active != rotated.Key {
		t.Errorf("after a retired key was revoked %s is active", active)
	}
	if active := replace(t, dir, keys[1].Text, Retired); active != rotated.Key || keysIn(t, dir)[1].State != Revoked {
		t.Error("a revoked key came back")
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
	if _, err := ReplaceKey(dir, "stranger", Retired); err == nil {
		t.Error("a key that there is not was retired")
	}
}

// TestARunningWitnessTakesOverAChangedKey: what two people have agreed on does not wait for a restart.
func TestARunningWitnessTakesOverAChangedKey(t *testing.T) {
	dir, export := t.TempDir(), t.TempDir()
	log := history(1, 200)
	w := open(t, dir, export, &log)
	catchUp := func() Checkpoint {
		t.Helper()
		if err := w.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.signed
	}
	first := catchUp()
	second := replace(t, dir, first.Key, Retired)
	if c := catchUp(); c.Key != second || c.Size != 200 || c.Root != first.Root {
		t.Errorf("after a rotation %+v is signed", c)
	}
	third := replace(t, dir, second, Revoked)
	log = history(1, 250)
	c := catchUp()
	if c.Key != third || c.Size != 250 {
		t.Errorf("after a revocation %+v is signed", c)
	}
	if err := OpenFolder(export).Check(c.Tree()); err != nil {
		t.Error(err)
	}
}

// TestAnInterruptedRotationComesToItsEnd: a crash between the new key and the list is brought to its end by the same wish, and until then
// nothing is signed.
func TestAnInterruptedRotationComesToItsEnd(t *testing.T) {
	dir := t.TempDir()
	old := witnessed(t, dir, "", history(1, 10)).Key
	list, err := os.ReadFile(filepath.Join(dir, KeysFile))
	if err != nil {
		t.Fatal(err)
	}
	successor := replace(t, dir, old, Retired)
	if err := os.WriteFile(filepath.Join(dir, KeysFile), list, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "not the active one on the list") {
		t.Fatalf("in between a witness opens: %v", err)
	}
	for range 2 {
		if active := replace(t, dir, old, Retired); active != successor {
			t.Errorf("the second try makes %s, the first made %s", active, successor)
		}
	}
	if c := witnessed(t, dir, "", history(1, 20)); c.Key != successor {
		t.Errorf("signed is %+v", c)
	}
}

// TestKeysDoNotChangeByMovingFiles: whoever takes the key away, or puts another one there, stops the witness and no more.
func TestKeysDoNotChangeByMovingFiles(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	witnessed(t, dir, "", history(1, 10))
	witnessed(t, other, "", history(1, 10))
	path := filepath.Join(dir, KeyFile)
	strange, err := os.ReadFile(filepath.Join(other, KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, strange, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "not the active one on the list") {
		t.Errorf("with another key: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrKeyMissing) {
		t.Errorf("without the key: %v", err)
	}
	lost := keysIn(t, dir)[0].ID()
	if active := replace(t, dir, lost, Retired); active == lost || witnessed(t, dir, "", history(1, 20)).Key != active {
		t.Errorf("after a lost key was replaced %s is active", active)
	}
}

// TestARevokedKeySignsNothing: its newest checkpoint binds nobody either, so the next key begins with the log as it is.
func TestARevokedKeySignsNothing(t *testing.T) {
	dir, export := t.TempDir(), t.TempDir()
	revoked := witnessed(t, dir, export, history(1, 100)).Key
	private, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	replace(t, dir, revoked, Revoked)
	successor, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, KeyFile), private, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), KeyFile) {
		t.Fatalf("a revoked key goes on: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, KeyFile), successor, 0o600); err != nil {
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
