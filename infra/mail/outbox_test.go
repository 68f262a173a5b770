package mail

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"
)

func openFolder(t *testing.T) (*Outbox, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "letters")
	folder, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	return folder, dir
}

func TestFolderKeepsLetters(t *testing.T) {
	folder, dir := openFolder(t)
	older, newer := example(), example()
	newer.ID, newer.At, newer.Subject, newer.To = "b", newer.At.Add(time.Hour), "Zażółć", "inna@firma.example"
	for _, letter := range []Letter{older, newer, older} {
		if err := folder.Send(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	want := []Stored{{"b.eml", newer.At, newer.To, newer.Subject}, {older.ID + ".eml", older.At, older.To, older.Subject}}
	if got, err := folder.List(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("list: %+v, %v; want %+v", got, err, want)
	}
	for _, letter := range []Letter{older, newer} {
		got, raw, err := folder.Read(letter.ID + ".eml")
		if err != nil || !reflect.DeepEqual(got, letter) || !bytes.Equal(raw, mustCompose(t, letter)) {
			t.Errorf("read: %+v, %v; want %+v", got, err, letter)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("the folder holds %v, %v", files, err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", file.Name(), info.Mode(), err)
		}
	}
}

func TestFolderGivesOnlyLetters(t *testing.T) {
	folder, dir := openFolder(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "secret.eml"), mustCompose(t, example()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".unfinished.eml-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a.eml", "../secret.eml", "..", ".unfinished.eml-1", "/etc/passwd", "a/b.eml", "secret", "a\x00.eml"} {
		if letter, raw, err := folder.Read(name); !errors.Is(err, fs.ErrNotExist) || raw != nil {
			t.Errorf("%q reads as %+v, %v", name, letter, err)
		}
	}
	if list, err := folder.List(); err != nil || len(list) != 0 {
		t.Errorf("list: %+v, %v", list, err)
	}
}

func TestFolderRefuses(t *testing.T) {
	folder, dir := openFolder(t)
	letter := example()
	letter.ID = "../a"
	var failure *Failure
	if err := folder.Send(t.Context(), letter); !errors.As(err, &failure) || !failure.Permanent() {
		t.Errorf("kept a letter with a path for an id: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := folder.Send(ctx, example()); !errors.Is(err, context.Canceled) {
		t.Errorf("kept a letter after the end: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken.eml"), []byte("no letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.List(); err == nil {
		t.Error("a broken letter is left out of the list in silence")
	}
	if _, _, err := folder.Read("broken.eml"); err == nil {
		t.Error("a broken letter is read")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := folder.Send(t.Context(), example()); err == nil {
		t.Error("kept a letter without a folder")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Folder(file); err == nil {
		t.Error("a file is taken for a folder")
	}
}

func TestFolderTakesManyAtOnce(t *testing.T) {
	folder, _ := openFolder(t)
	var sending sync.WaitGroup
	for range 16 {
		sending.Go(func() {
			if err := folder.Send(t.Context(), example()); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	if list, err := folder.List(); err != nil || len(list) != 1 {
		t.Errorf("list: %+v, %v; want the one letter", list, err)
	}
}

func TestFolderRemovesLetters(t *testing.T) {
	folder, dir := openFolder(t)
	goes, stays := example(), example()
	goes.ID, goes.To = "goes", "jan@firma.example"
	for _, letter := range []Letter{goes, stays} {
		if err := folder.Send(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	long, now := time.Now().Add(-2*unfinishedAge), time.Now()
	for name, at := range map[string]time.Time{".old.eml-1-1": long, ".young.eml-1-1": now, "notes.txt": long} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte("To: jan@firma.example"), 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	for again, want := range []int{1, 0} {
		removed, err := folder.Remove(t.Context(), func(l Letter) bool { return l.To == goes.To })
		if removed != want || err != nil {
			t.Errorf("time %d: %d removed, %v", again+1, removed, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	want := []string{filepath.Join(dir, ".young.eml-1-1"), filepath.Join(dir, stays.ID+suffix), filepath.Join(dir, "notes.txt")}
	if err != nil || !reflect.DeepEqual(left, want) {
		t.Errorf("left are %v, %v; want %v", left, err, want)
	}
}
