package witness

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTheTreeFollowsTheLog grows a log in steps, with a new witness each time, and compares with a tree made at once.
func TestTheTreeFollowsTheLog(t *testing.T) {
	all := history(1, 700)
	dir, export := t.TempDir(), filepath.Join(t.TempDir(), "export")
	for _, size := range []int{0, 1, 2, 255, 256, 257, 300, 300, 700} {
		signed := witnessed(t, dir, export, all[:size])
		if signed.Size != int64(size) {
			t.Fatalf("signed %d of %d events", signed.Size, size)
		}
		if size == 0 {
			continue
		}
		for _, folder := range []string{dir, export} {
			c, err := LoadCheckpoint(filepath.Join(folder, "checkpoint"), keysIn(t, folder))
			if err != nil || !reflect.DeepEqual(c, signed) {
				t.Errorf("%s has %+v, want %+v: %v", folder, c, signed, err)
			}
			if err := OpenFolder(folder).Check(signed.Tree()); err != nil {
				t.Error(err)
			}
		}
	}
	var want frontier
	for _, e := range all {
		if _, err := want.add(leafHash(entryOf(t, e))); err != nil {
			t.Fatal(err)
		}
	}
	root, err := want.root()
	if signed, loadErr := LoadCheckpoint(filepath.Join(export, "daily", "2026-11-22"), keysIn(t, dir)); err != nil || loadErr != nil || signed.Root != root {
		t.Errorf("the day's checkpoint has the root %s, want %s: %v %v", signed.Root, root, err, loadErr)
	}
	for _, name := range []string{"tile/0/000.p", "tile/0/001.p", "tile/entries/000.p"} { // full ones are there
		if _, err := os.Stat(filepath.Join(export, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}

// TestContradictionsAreNotSigned: after each of these the witness refuses loudly, and what it signed before stays as it was.
func TestContradictionsAreNotSigned(t *testing.T) {
	all := history(1, 400)
	edited := slices.Clone(all)
	edited[150].Data = []byte(`{"amount":1}`)
	lastEdited := slices.Clone(all[:300])
	lastEdited[299].Data = []byte(`{"amount":1}`)
	for name, story := range map[string]struct {
		restored int    // the data folder goes back to where it was with so many events; -1: stays; 0: is lost but for its key
		log      events // that the witness meets after 300 were signed
	}{
		"the log is restored from a backup":                         {-1, all[:200]},
		"the last signed event is edited":                           {-1, lastEdited},
		"log and data folder are restored":                          {200, all[:200]},
		"log and data folder are restored, and other things happen": {100, append(slices.Clone(all[:120]), history(2, 400)[120:]...)},
		"the tree is deleted and the log edited":                    {0, edited},
		"the tree is deleted and the log cut":                       {0, all[:299]},
	} {
		t.Run(name, func(t *testing.T) {
			dir, export, backup := filepath.Join(t.TempDir(), "witness"), t.TempDir(), t.TempDir()
			if story.restored >= 0 {
				witnessed(t, dir, "", all[:story.restored])
				if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
			}
			signed := witnessed(t, dir, export, all[:300])
			if story.restored >= 0 {
				if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(backup)), os.Chmod(filepath.Join(dir, KeyFile), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			if err := open(t, dir, export, story.log).Run(t.Context()); !errors.Is(err, ErrContradiction) {
				t.Errorf("the witness answers %v", err)
			}
			c, err := LoadCheckpoint(filepath.Join(export, "checkpoint"), keysIn(t, export))
			if err != nil || !reflect.DeepEqual(c, signed) {
				t.Errorf("where checkpoints are copied to is %+v now: %v", c, err)
			}
			if err := OpenFolder(export).Check(signed.Tree()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSplitViewIsNotSigned: two portals with the same key and different logs copy to the same folder.
func TestSplitViewIsNotSigned(t *testing.T) {
	one, other, export := t.TempDir(), t.TempDir(), t.TempDir()
	witnessed(t, one, "", events{}) // makes the key
	if err := errors.Join(os.CopyFS(other, os.DirFS(one)), os.Chmod(filepath.Join(other, KeyFile), 0o600)); err != nil {
		t.Fatal(err)
	}
	signed := witnessed(t, one, export, history(1, 50))
	w := open(t, other, export, history(2, 60))
	if err := w.CatchUp(t.Context()); !errors.Is(err, ErrContradiction) {
		t.Errorf("the second history is signed: %v", err)
	}
	if _, err := w.folder.readCheckpoint(w.keys); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a checkpoint of the second history was left behind: %v", err)
	}
	if c, err := LoadCheckpoint(filepath.Join(export, "checkpoint"), keysIn(t, one)); err != nil || c.Root != signed.Root {
		t.Errorf("the first history's checkpoint is gone: %v", err)
	}
	// Without the common folder both are signed, and whoever sees both sees the lie.
	second := witnessed(t, other, "", history(2, 50))
	report, err := Verify(t.Context(), history(1, 50), []Named{{"one", signed}, {"other", second}}, nil)
	if err != nil || report.Difference == nil || report.Difference.Kind != SplitView {
		t.Errorf("two checkpoints that contradict each other: %+v %v", report.Difference, err)
	}
}

func TestAnotherLogsFolderIsLeftAlone(t *testing.T) {
	export := t.TempDir()
	first := witnessed(t, t.TempDir(), export, history(1, 50))
	w := open(t, t.TempDir(), export, history(2, 60))
	if err := w.CatchUp(t.Context()); err == nil || !strings.Contains(err.Error(), "another log") {
		t.Errorf("copying over another log's checkpoints: %v", err)
	}
	if w.signed.Size != 60 {
		t.Error("its own checkpoint was not signed")
	}
	if c, err := LoadCheckpoint(filepath.Join(export, "checkpoint"), keysIn(t, export)); err != nil || c.Root != first.Root {
		t.Errorf("the other log's checkpoint is gone: %v", err)
	}
}

// TestRunSignsTheLastWord ends a witness whose log grew after its last look.
func TestRunSignsTheLastWord(t *testing.T) {
	all := history(1, 80)
	w := open(t, t.TempDir(), "", all[:50])
	if err := w.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.options.Log, w.options.Every = all, time.Hour
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ended); err != nil || w.signed.Size != 80 {
		t.Errorf("signed %d of 80 events: %v", w.signed.Size, err)
	}
}

// powerCut is a disk that fails from one write on; the write that fails may be whole or not begun.
type powerCut struct {
	quick
	left int
	torn func(path string, content []byte, mode fs.FileMode) error
}

var errPowerCut = errors.New("power cut")

func (p *powerCut) write(path string, content []byte, mode fs.FileMode) error {
	if p.left--; p.left > 0 {
		return p.quick.write(path, content, mode)
	}
	return errors.Join(errPowerCut, p.torn(path, content, mode))
}

// TestEveryWriteMayBeTheLast cuts the power at every single write while a tree grows over the edge of a tile, and while a
// lost one is built again, and goes on with a new witness.
func TestEveryWriteMayBeTheLast(t *testing.T) {
	all := history(1, 270)
	grown, exported := t.TempDir(), t.TempDir()
	witnessed(t, grown, exported, all[:250])
	for name, torn := range map[string]func(string, []byte, fs.FileMode) error{
		"not begun": func(string, []byte, fs.FileMode) error { return nil },
		"whole":     quick{}.write,
	} {
		for story, lost := range map[string]string{"growing": "nothing", "built again": "tile"} {
			t.Run(story+", "+name, func(t *testing.T) {
				for cut := 1; ; cut++ {
					dir, export := filepath.Join(t.TempDir(), "witness"), filepath.Join(t.TempDir(), "export")
					if err := errors.Join(os.CopyFS(dir, os.DirFS(grown)), os.CopyFS(export, os.DirFS(exported)), os.Chmod(filepath.Join(dir, KeyFile), 0o600),
						os.RemoveAll(filepath.Join(dir, lost))); err != nil {
						t.Fatal(err)
					}
					w := open(t, dir, export, all)
					w.folder.disk = &powerCut{left: cut, torn: torn}
					err := w.CatchUp(t.Context())
					signed := witnessed(t, dir, export, all)
					for _, folder := range []string{dir, export} {
						if err := OpenFolder(folder).Check(signed.Tree()); err != nil || signed.Size != 270 {
							t.Errorf("after the cut at write %d: %v", cut, err)
						}
					}
					if err == nil {
						if cut < 14 {
							t.Errorf("the story ended after %d writes", cut)
						}
						return
					}
					if !errors.Is(err, errPowerCut) {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// TestDamagedTilesAreBuiltAgain damages every file of the tree, one after the other, as a bad disk does.
func TestDamagedTilesAreBuiltAgain(t *testing.T) {
	all := history(1, 300)
	dir := t.TempDir()
	signed := witnessed(t, dir, "", all)
	var files []string
	err := filepath.WalkDir(filepath.Join(dir, "tile"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipped := slices.Clone(content)
		flipped[len(flipped)-1] ^= 1
		for name, damage := range map[string]func() error{
			"gone":    func() error { return os.Remove(path) },
			"cut":     func() error { return os.WriteFile(path, content[:len(content)/2], 0o644) },
			"flipped": func() error { return os.WriteFile(path, flipped, 0o644) },
		} {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			if OpenFolder(dir).Check(signed.Tree()) == nil {
				t.Errorf("%s %s: the check finds nothing", path, name)
			}
			// Whoever verifies the log needs no tiles; the witness needs those at the edge, and builds them again.
			report, err := Verify(t.Context(), all, []Named{{"c", signed}}, []*Folder{OpenFolder(dir)})
			if err != nil || report.Difference != nil || report.Events != 300 {
				t.Errorf("%s %s: %+v %v", path, name, report, err)
			}
			again := witnessed(t, dir, "", all)
			if !reflect.DeepEqual(again, signed) {
				t.Errorf("%s %s: signed %+v", path, name, again)
			}
			if err := quickRestore(path, content); err != nil {
				t.Fatal(err)
			}
			if err := OpenFolder(dir).Check(signed.Tree()); err != nil {
				t.Errorf("%s %s: %v", path, name, err)
			}
		}
	}
}

func quickRestore(path string, content []byte) error { return quick{}.write(path, content, 0o644) }
