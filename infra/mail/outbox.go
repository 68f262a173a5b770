package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Outbox keeps letters as files instead of sending them, for demonstrations and for looking at. Safe for concurrent use.
type Outbox struct {
	folder *os.Root
	writes atomic.Int64 // so far; tells unfinished files apart
}

// Stored is an entry of an outbox's list.
type Stored struct {
	Name    string // for Read: ASCII letters, digits and "-._"
	At      time.Time
	To      string
	Subject string
}

// listMax is how many letters a list shows; headMax is how much of each file is read for it, in bytes.
const (
	listMax = 1000
	headMax = 16 << 10
	suffix  = ".eml"
)

// Folder opens a folder for letters and makes it if it is missing, for its owner alone.
func Folder(dir string) (*Outbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open folder of letters: %w", err)
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder of letters: %w", err)
	}
	return &Outbox{folder: folder}, nil
}

// Send puts a letter into the folder, whole and on disk before it returns. Its file is named by its ID, so sending it again changes nothing.
func (o *Outbox) Send(ctx context.Context, letter Letter) error {
	raw, err := Compose(letter)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store letter: %w", err)
	}
	if err := o.write(letter.ID+suffix, raw); err != nil {
		return fmt.Errorf("store letter: %w", err)
	}
	return nil
}

// write makes a file appear whole or not at all.
func (o *Outbox) write(name string, content []byte) error {
	unfinished := fmt.Sprintf(".%s-%d-%d", name, time.Now().UnixNano(), o.writes.Add(1))
	file, err := o.folder.OpenFile(unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer o.folder.Remove(unfinished)
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := o.folder.Rename(unfinished, name); err != nil {
		return err
	}
	folder, err := o.folder.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// List tells which letters there are, newest first, at most a thousand.
func (o *Outbox) List() ([]Stored, error) {
	entries, err := fs.ReadDir(o.folder.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("list letters: %w", err)
	}
	var list []Stored
	for _, entry := range entries {
		if !isLetterName(entry.Name()) {
			continue
		}
		raw, err := o.read(entry.Name(), headMax)
		if err != nil {
			return nil, fmt.Errorf("list letters: %w", err)
		}
		head, err := parseHead(raw)
		if err != nil {
			return nil, fmt.Errorf("list letters: %s: %w", entry.Name(), err)
		}
		list = append(list, Stored{Name: entry.Name(), At: head.At, To: head.To, Subject: head.Subject})
	}
	slices.SortFunc(list, func(a, b Stored) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name)) })
	return list[:min(len(list), listMax)], nil
}

// Read gives one letter back, taken apart and as it stands in its file. For a name that is not there the error is fs.ErrNotExist.
func (o *Outbox) Read(name string) (Letter, []byte, error) {
	if !isLetterName(name) {
		return Letter{}, nil, fmt.Errorf("read letter: %w", fs.ErrNotExist)
	}
	raw, err := o.read(name, LetterSizeMax)
	if err != nil {
		return Letter{}, nil, fmt.Errorf("read letter: %w", err)
	}
	letter, err := Parse(raw)
	return letter, raw, err
}

// unfinishedAge is how old a file must be that Send has begun and not finished, to count as left behind by a crash.
const unfinishedAge = time.Hour

// Remove deletes the letters that are wanted to go, and what crashes have left behind of others. It tells how many letters went.
func (o *Outbox) Remove(ctx context.Context, wanted func(Letter) bool) (removed int, err error) {
	entries, err := fs.ReadDir(o.folder.FS(), ".")
	if err != nil {
		return 0, fmt.Errorf("remove letters: %w", err)
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return removed, fmt.Errorf("remove letters: %w", err)
		}
		gone, err := o.removeIf(entry, wanted)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // somebody else was first
			return removed, fmt.Errorf("remove letters: %s: %w", entry.Name(), err)
		}
		if gone {
			removed++
		}
	}
	return removed, nil
}

func (o *Outbox) removeIf(entry fs.DirEntry, wanted func(Letter) bool) (removed bool, err error) {
	if !isLetterName(entry.Name()) {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasPrefix(entry.Name(), ".") || time.Since(info.ModTime()) < unfinishedAge {
			return false, err
		}
		return false, o.folder.Remove(entry.Name())
	}
	letter, _, err := o.Read(entry.Name())
	if err != nil || !wanted(letter) {
		return false, err
	}
	return true, o.folder.Remove(entry.Name())
}

func (o *Outbox) read(name string, limit int64) ([]byte, error) {
	file, err := o.folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

// Close gives the folder back.
func (o *Outbox) Close() error { return o.folder.Close() }

// isLetterName says whether Send could have given a file this name.
func isLetterName(name string) bool {
	id, ok := strings.CutSuffix(name, suffix)
	return ok && len(id) <= idMax && idPattern.MatchString(id)
}
