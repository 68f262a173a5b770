package witness

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// asking answers as the portal does that has a folder.
func asking(dir string) func(context.Context, int64) ([]byte, error) {
	return func(_ context.Context, oldSize int64) ([]byte, error) {
		prover := NewProver(dir, events{})
		c, err := prover.Newest()
		if err != nil {
			return nil, err
		}
		continuation, err := prover.Continue(c, oldSize)
		return continuation.Text(), err
	}
}

func openCosigner(t *testing.T, dir string) *Cosigner {
	t.Helper()
	c, err := OpenCosigner(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACosignerFollowsALogAsItGrowsAndChangesItsKey(t *testing.T) {
	portal, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	if _, err := openCosigner(t, state).Advance(t.Context(), nil, noon, asking(portal)); !errors.Is(err, ErrNotCovered) {
		t.Fatalf("of a log without a checkpoint: %v", err)
	}
	for _, size := range []int{1, 1, 255, 256, 257, 700} {
		signed := witnessed(t, portal, "", history(1, size))
		cosigner := openCosigner(t, state)
		cosigned, err := cosigner.Advance(t.Context(), keysIn(t, portal), noon, asking(portal))
		if err != nil || cosigned.Size != int64(size) || cosigned.Root != signed.Root {
			t.Fatalf("of %d events %+v is cosigned: %v", size, cosigned, err)
		}
		kept, err := LoadCheckpoint(filepath.Join(state, CheckpointFile), keysIn(t, portal))
		if err != nil || !reflect.DeepEqual(kept, cosigned) {
			t.Errorf("kept is %+v: %v", kept, err)
		}
		key, err := ParseCosignerKey(cosigner.Key().String())
		if err != nil {
			t.Fatal(err)
		}
		if at, err := key.CosignedAt(kept); err != nil || !at.Equal(noon) {
			t.Errorf("cosigned at %v: %v", at, err)
		}
		if _, err := key.CosignedAt(signed); !errors.Is(err, ErrNotCosigned) {
			t.Errorf("what the log alone has signed: %v", err)
		}
		if other := openCosigner(t, t.TempDir()).Key(); other.Name() == key.Name() {
			t.Error("two witnesses have one name")
		} else if _, err := other.CosignedAt(kept); !errors.Is(err, ErrNotCosigned) {
			t.Errorf("what another witness has cosigned: %v", err)
		}
	}
	if err := os.RemoveAll(filepath.Join(state, EvidenceFolder)); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, KeyFile: 0o600} {
		if info, err := os.Stat(filepath.Join(state, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q has the mode %v: %v", name, info.Mode(), err)
		}
	}
}

// TestACosignerRefuses holds what a portal may offer to a cosigner that has seen 300 events of it.
func TestACosignerRefuses(t *testing.T) {
	portal, backup, stranger := t.TempDir(), t.TempDir(), t.TempDir()
	copied := func(to, from string) {
		t.Helper()
		if err := errors.Join(os.CopyFS(to, os.DirFS(from)), os.Chmod(filepath.Join(to, KeyFile), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	witnessed(t, portal, "", history(1, 200))
	copied(backup, portal)
	witnessed(t, portal, "", history(1, 300))
	witnessed(t, stranger, "", history(1, 300))
	keys := keysIn(t, portal)

	wentOn, same := t.TempDir(), t.TempDir()
	copied(wentOn, backup)
	copied(same, backup)
	other := append(slices.Clone(history(1, 200)), history(2, 500)[200:]...)
	witnessed(t, wentOn, "", other[:400])
	witnessed(t, same, "", other[:300])

	// A portal that lies on purpose keeps the true tree for proofs, and shows the newest checkpoint of the other history.
	lying := func(_ context.Context, oldSize int64) ([]byte, error) {
		truth, err := NewProver(portal, events{}).Newest()
		if err != nil {
			return nil, err
		}
		proven, err := NewProver(portal, events{}).Continue(truth, oldSize)
		if err != nil {
			return nil, err
		}
		lie, err := NewProver(wentOn, events{}).Newest()
		proven.Note = lie.Note
		return proven.Text(), err
	}
	forged := func(ctx context.Context, oldSize int64) ([]byte, error) {
		text, err := asking(portal)(ctx, oldSize)
		return []byte(strings.Replace(string(text), "\n300\n", "\n301\n", 1)), err
	}
	for name, story := range map[string]struct {
		ask      func(context.Context, int64) ([]byte, error)
		want     error
		evidence int
	}{
		"a backup was restored":                          {asking(backup), ErrRollback, 2},
		"a backup was restored and went on writing":      {asking(wentOn), ErrSplitView, 2},
		"a backup was restored and wrote just as many":   {asking(same), ErrSplitView, 2},
		"another history with the proof of the true one": {lying, ErrSplitView, 2},
		"another portal answers":                         {asking(stranger), ErrOtherLog, 2},
		"the checkpoint was changed on its way":          {forged, ErrOtherLog, 2},
		"something else answers":                         {func(context.Context, int64) ([]byte, error) { return []byte("<html>\n\n"), nil }, nil, 0},
		"nobody answers":                                 {func(context.Context, int64) ([]byte, error) { return nil, os.ErrDeadlineExceeded }, os.ErrDeadlineExceeded, 0},
		"it answers for another size than it was asked":  {func(ctx context.Context, _ int64) ([]byte, error) { return asking(wentOn)(ctx, 100) }, ErrSplitView, 2},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			cosigner := openCosigner(t, state)
			before, err := cosigner.Advance(t.Context(), keys, noon, asking(portal))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // twice keeps the evidence once
				_, err = cosigner.Advance(t.Context(), keys, noon, story.ask)
				if err == nil || story.want != nil && !errors.Is(err, story.want) {
					t.Fatalf("the cosigner answers %v", err)
				}
			}
			if kept, err := LoadCheckpoint(filepath.Join(state, CheckpointFile), keys); err != nil || !reflect.DeepEqual(kept, before) {
				t.Errorf("it has cosigned %+v: %v", kept, err)
			}
			evidence, err := filepath.Glob(filepath.Join(state, EvidenceFolder, "*"))
			if err != nil || len(evidence) != story.evidence {
				t.Fatalf("evidence: %q %v", evidence, err)
			}
			for _, file := range evidence {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if offered := strings.HasSuffix(file, ".offered"); !offered && string(text) != string(before.Note) {
					t.Errorf("%s is not what was cosigned:\n%s", file, text)
				} else if _, err := ParseContinuation(text); offered && err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
			if again, err := cosigner.Advance(t.Context(), keys, noon, asking(portal)); err != nil || again.Size != 300 {
				t.Errorf("afterwards the true log is answered with %+v: %v", again, err)
			}
		})
	}
}

// TestACosignerGoesOnAfterTheLogsKeyWasRotated: its own cosignature says what it has seen.
func TestACosignerGoesOnAfterTheLogsKeyWasRotated(t *testing.T) {
	portal, state := t.TempDir(), t.TempDir()
	first := witnessed(t, portal, "", history(1, 10)).Key
	cosigner := openCosigner(t, state)
	if _, err := cosigner.Advance(t.Context(), keysIn(t, portal), noon, asking(portal)); err != nil {
		t.Fatal(err)
	}
	old := keysIn(t, portal)
	replace(t, portal, first, Retired)
	witnessed(t, portal, "", history(1, 20))
	if _, err := cosigner.Advance(t.Context(), old, noon, asking(portal)); !errors.Is(err, ErrOtherLog) || !errors.Is(err, ErrUnknownKey) {
		t.Errorf("before it was told of the new key: %v", err)
	}
	if c, err := cosigner.Advance(t.Context(), keysIn(t, portal), noon, asking(portal)); err != nil || c.Size != 20 {
		t.Errorf("%+v %v", c, err)
	}
	if err := os.WriteFile(filepath.Join(state, CheckpointFile), witnessed(t, portal, "", history(1, 20)).Note, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cosigner.Advance(t.Context(), keysIn(t, portal), noon, asking(portal)); err == nil || !strings.Contains(err.Error(), "is not what this witness wrote") {
		t.Errorf("somebody has put another checkpoint into its folder: %v", err)
	}
}

// TestCosignaturesAreC2SPs holds a cosignature against the specification, computed here from its own words.
// Source: C2SP, tlog-cosignature, section "Ed25519 signed message".
func TestCosignaturesAreC2SPs(t *testing.T) {
	seed := strings.Repeat("\x07", ed25519.SeedSize)
	private := ed25519.NewKeyFromSeed([]byte(seed))
	public := private.Public().(ed25519.PublicKey)
	dir := t.TempDir()
	sum := sha256.Sum256([]byte("witness.example/w1\n\x04" + string(public)))
	text := fmt.Sprintf("PRIVATE+KEY+witness.example/w1+%x+%s\n", sum[:4], base64.StdEncoding.EncodeToString([]byte("\x04"+seed)))
	if err := os.WriteFile(filepath.Join(dir, KeyFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	key := openCosigner(t, dir).key
	if want := fmt.Sprintf("witness.example/w1+%x+%s", sum[:4], base64.StdEncoding.EncodeToString([]byte("\x04"+string(public)))); key.String() != want {
		t.Errorf("the key is %s, want %s", key, want)
	}
	body := "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	signature, err := key.at(noon).Sign([]byte(body))
	if err != nil || len(signature) != 72 {
		t.Fatalf("%x %v", signature, err)
	}
	unix := noon.Unix()
	for i := range 8 {
		if signature[i] != byte(unix>>(56-8*i)) {
			t.Errorf("byte %d of the moment is %x", i, signature[i])
		}
	}
	if !ed25519.Verify(public, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", unix, body), signature[8:]) {
		t.Error("the signature is not one of the specified message")
	}
	signed, err := note.Sign(&note.Note{Text: body}, key.at(noon))
	if err != nil {
		t.Fatal(err)
	}
	for _, changed := range []string{strings.Replace(string(signed), "20852163", "20852164", 1), strings.Replace(string(signed), "w1 ", "w2 ", 1)} {
		if _, err := key.CosignedAt(Checkpoint{Note: []byte(changed)}); !errors.Is(err, ErrNotCosigned) {
			t.Errorf("a changed note: %v", err)
		}
	}
	if (CosignerKey{}).Verify([]byte(body), signature) {
		t.Error("no key at all verifies")
	}
}

func TestCosignerKeysAreReadStrictly(t *testing.T) {
	good := openCosigner(t, t.TempDir()).Key().String()
	name, rest, _ := strings.Cut(good, "+")
	logKey := witnessKey(t)
	for _, text := range []string{"", "x", name, name + "+00000000+" + rest[9:], good[:len(good)-4], "+" + rest, "a b+" + rest, logKey, name + "x+" + rest} {
		if key, err := ParseCosignerKey(text); err == nil {
			t.Errorf("%q is read as %s", text, key)
		}
	}
	dir := t.TempDir()
	for _, text := range []string{"", "PRIVATE+KEY+x", strings.TrimPrefix(good, "PRIVATE")} {
		if err := os.WriteFile(filepath.Join(dir, KeyFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCosigner(dir); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Errorf("a key file with %q: %v", text, err)
		}
	}
	key := openCosigner(t, t.TempDir()).key
	if shown := fmt.Sprintf("%v %+v %#v %s", key, key, key, key); strings.Contains(shown, base64.StdEncoding.EncodeToString(key.private.Seed())[4:20]) {
		t.Errorf("the key prints as %s", shown)
	}
}

func witnessKey(t *testing.T) string {
	dir := t.TempDir()
	witnessed(t, dir, "", events{})
	return keysIn(t, dir)[0].Text
}

func FuzzParseContinuation(f *testing.F) {
	f.Add([]byte("old 0\n\nlog\n1\nAAAA\n\n— log x\n"))
	f.Add([]byte("old 3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseContinuation(text)
		if err == nil && string(c.Text()) != string(text) {
			t.Fatalf("%q reads as %q", text, c.Text())
		}
	})
}
