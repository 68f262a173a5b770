package activation

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestKeyIsCreatedOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	var wait sync.WaitGroup
	ids := make([]KeyID, 8)
	for i := range ids {
		wait.Go(func() {
			key, err := LoadOrCreateKey(dir)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = key.ID()
		})
	}
	wait.Wait()
	for _, id := range ids {
		if id != ids[0] || len(id) != 16 {
			t.Errorf("keys %q; want one and the same", ids)
		}
	}
	info, err := os.Stat(filepath.Join(dir, KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want mode 0600", info, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v; want the key alone", left, err)
	}
}

func TestKeyFileIsRefused(t *testing.T) {
	good := activeKey.keyText()
	for name, c := range map[string]struct {
		text []byte
		mode os.FileMode
		want string
	}{
		"readable by others": {good, 0o644, "chmod 600"},
		"empty":              {nil, 0o600, "not a PEM block"},
		"cut off":            {good[:len(good)-10], 0o600, "not a PEM block"},
		"two keys":           {append(bytes.Clone(good), good...), 0o600, "not a PEM block"},
		"another kind":       {bytes.ReplaceAll(good, []byte("SIGNING"), []byte("LEADING")), 0o600, "not a PEM block"},
		"another id":         {bytes.Replace(good, []byte(activeKey.ID()), []byte(retiredKey.ID()), 1), 0o600, "Key-Id"},
		"too large":          {bytes.Repeat([]byte("\n"), 5<<10), 0o600, "larger"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, KeyFile)
		if err := os.WriteFile(path, c.text, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadOrCreateKey(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want it to say %q", name, err, c.want)
		}
		if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, c.text) {
			t.Errorf("%s: the file was changed, %v", name, err)
		}
	}
}

func TestKeyKeepsItsSecret(t *testing.T) {
	want := "activation key " + string(activeKey.ID())
	for _, shown := range []string{fmt.Sprint(activeKey), fmt.Sprintf("%+v", activeKey), fmt.Sprintf("%#v", activeKey), fmt.Sprintf("%s", activeKey)} {
		if shown != want {
			t.Errorf("a key prints as %q; want %q", shown, want)
		}
	}
}

func TestGenerateKeyNeedsRandomness(t *testing.T) {
	if _, err := GenerateKey(strings.NewReader("short")); err == nil {
		t.Error("a key of 5 bytes was made")
	}
}

func TestKeyListReadsBack(t *testing.T) {
	text, err := testKeys.Text()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeys(text)
	if err != nil || !reflect.DeepEqual(keys, testKeys) {
		t.Errorf("read back: %+v, %v", keys, err)
	}
	entry := string(activeKey.ID())
	for name, c := range map[string]struct{ text, want string }{
		"not JSON":            {"keys", "invalid"},
		"something behind":    {string(text) + "{}", "more behind"},
		"unknown field":       {strings.Replace(string(text), `"v"`, `"x":1,"v"`, 1), "unknown field"},
		"newer version":       {strings.Replace(string(text), `"v": 1`, `"v": 2`, 1), "newer program"},
		"foreign id":          {strings.Replace(string(text), entry, "0000000000000000", 1), "does not belong"},
		"unknown state":       {strings.Replace(string(text), `"retired"`, `"resting"`, 1), "state"},
		"too large":           {strings.Repeat(" ", KeyListSizeMax+1), "larger"},
		"listed twice":        {strings.Replace(string(text), `"keys": [`, `"keys": [`+first(string(text))+",", 1), "twice"},
		"key of wrong length": {`{"v":1,"keys":[{"id":"e3b0c44298fc1c14","ed25519":"","state":"active"}]}`, "does not belong"},
	} {
		if _, err := ParseKeys([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want it to say %q", name, err, c.want)
		}
	}
}

// first cuts the first entry out of a key list.
func first(text string) string {
	from := strings.Index(text, "[") + 1
	return text[from : from+strings.Index(text[from:], "}")+1]
}

// TestKeysAreRotatedAndRevoked is the life of three keys: files of a retired one stay good for ever, those of a revoked one do not.
func TestKeysAreRotatedAndRevoked(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "keys.json")
	var ids []KeyID
	var files [][]byte
	for range 3 {
		key, keys, err := Open(dir, list)
		if err != nil || len(keys) != len(ids)+1 {
			t.Fatalf("%+v %v", keys, err)
		}
		if again, _, err := Open(dir, list); err != nil || again.ID() != key.ID() {
			t.Fatalf("the second time it is %s: %v", again, err)
		}
		ids, files = append(ids, key.ID()), append(files, mustSign(t, key, testFacts))
		active, err := ReplaceKey(dir, list, key.ID(), Retired)
		if err != nil || active == key.ID() {
			t.Fatalf("after a rotation %s is active: %v", active, err)
		}
	}
	current, _, err := Open(dir, list)
	if err != nil {
		t.Fatal(err)
	}
	if active, err := ReplaceKey(dir, list, ids[1], Revoked); err != nil || active != current.ID() {
		t.Errorf("after a retired key was revoked %s is active: %v", active, err)
	}
	if _, err := ReplaceKey(dir, list, ids[1], Retired); err != nil { // does not bring it back
		t.Error(err)
	}
	keys, err := LoadKeys(list)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, RevokedKey, nil} {
		if _, err := Verify(files[i], keys); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("the file of key %d: %v, want %v", i, err, want)
		}
	}
	if _, err := ReplaceKey(dir, list, strangerKey.ID(), Revoked); err == nil {
		t.Error("a key that there is not was revoked")
	}
}

// TestKeysDoNotChangeByMovingFiles: whoever takes the key away, or puts another one there, stops the signing and no more. A
// rotation that a crash has interrupted comes to its end by the same wish.
func TestKeysDoNotChangeByMovingFiles(t *testing.T) {
	dir := t.TempDir()
	list, path := filepath.Join(dir, "keys.json"), filepath.Join(dir, KeyFile)
	key, _, err := Open(dir, list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, strangerKey.keyText(), 0o600); err != nil { // as a crash leaves it between key and list
		t.Fatal(err)
	}
	if _, _, err := Open(dir, list); err == nil || !strings.Contains(err.Error(), "not the active one on the list") {
		t.Errorf("with another key: %v", err)
	}
	for range 2 {
		if active, err := ReplaceKey(dir, list, key.ID(), Retired); err != nil || active != strangerKey.ID() {
			t.Errorf("brought to its end %s is active: %v", active, err)
		}
	}
	if now, _, err := Open(dir, list); err != nil || now.ID() != strangerKey.ID() {
		t.Errorf("%s %v", now, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir, list); !errors.Is(err, ErrKeyMissing) {
		t.Errorf("without the key: %v", err)
	}
	if active, err := ReplaceKey(dir, list, strangerKey.ID(), Revoked); err != nil || active == strangerKey.ID() {
		t.Errorf("after a lost key was revoked %s is active: %v", active, err)
	}
	if _, keys, err := Open(dir, list); err != nil || len(keys) != 3 || keys[1].State != Revoked {
		t.Errorf("%+v %v", keys, err)
	}
}

func FuzzParseKeys(f *testing.F) {
	text, err := testKeys.Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := ParseKeys(text)
		if err != nil {
			return
		}
		written, err := keys.Text()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseKeys(written)
		if err != nil || len(again) != len(keys) {
			t.Fatalf("read back: %v, %v", again, err)
		}
	})
}
