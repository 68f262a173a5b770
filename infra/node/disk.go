package node

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// watchedDisk tells, before Pebble reacts in its own ways, that the write-ahead log could not be written or synced,
// so that the process ends with a sentence that names the cause. While the log is being opened such an error is an
// ordinary one, and only returned.
type watchedDisk struct {
	vfs.FS
	opened atomic.Bool
	fail   func(error)
}

// Unwrap returns the file system underneath.
func (d *watchedDisk) Unwrap() vfs.FS { return d.FS }

// Create makes a file.
func (d *watchedDisk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, category)
	if !isLogFile(name) {
		return f, err
	}
	return d.watch(f, err)
}

// ReuseForWrite turns an old log file into a new one.
func (d *watchedDisk) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(old, name, category)
	if !isLogFile(name) {
		return f, err
	}
	return d.watch(f, err)
}

// OpenDir opens a folder, to sync the names in it.
func (d *watchedDisk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	return d.watch(f, err)
}

func isLogFile(name string) bool { return strings.HasSuffix(name, ".log") }

func (d *watchedDisk) watch(f vfs.File, err error) (vfs.File, error) {
	if err = d.check(err); err != nil {
		return nil, err
	}
	return &watchedFile{File: f, disk: d}, nil
}

func (d *watchedDisk) check(err error) error {
	if err != nil && d.opened.Load() {
		d.fail(err)
	}
	return err
}

// watchedFile is a file of the write-ahead log, or the folder it is in.
type watchedFile struct {
	vfs.File
	disk *watchedDisk
}

func (f *watchedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.disk.check(err)
}

func (f *watchedFile) Sync() error     { return f.disk.check(f.File.Sync()) }
func (f *watchedFile) SyncData() error { return f.disk.check(f.File.SyncData()) }
func (f *watchedFile) Close() error    { return f.disk.check(f.File.Close()) }

func (f *watchedFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.disk.check(err)
}

// diskFull tells whether an error means that there is no space left, on the disk or in the user's share of it.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// failToWrite says that the log could not be written and what a person can do about it.
func failToWrite(err error) error {
	remedy := "repair the disk"
	if diskFull(err) {
		remedy = "the disk is full: free some space on it"
	}
	return fmt.Errorf("write the log: %w; %s and start again, acknowledged events are safe", err, remedy)
}

// failToOpen says which log could not be opened, and if the disk is full also that.
func failToOpen(dir string, err error) error {
	if diskFull(err) {
		return fmt.Errorf("open the log in %q: %w; the disk is full: free some space on it and start again", dir, err)
	}
	return fmt.Errorf("open the log in %q: %w", dir, err)
}

// background is told what went wrong while Pebble wrote tables. Pebble tries again without a pause and without an end,
// while appends wait for it; so an error of writing ends the process. One of reading does not: what can be read is served.
func (s *store) background(err error) {
	var path *fs.PathError
	if pebble.IsCorruptionError(err) || errors.As(err, &path) && path.Op == "read" {
		return
	}
	s.fail(err)
}
