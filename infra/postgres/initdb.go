package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// initialise creates the data folder under another name and renames it once it
// is complete and on disk, so a half-made one is never mistaken for a whole.
func (f *folder) initialise(ctx context.Context, programs binaries, log *os.File, temporary bool) error {
	unfinished, err := filepath.Glob(filepath.Join(f.path, "initdb-*"))
	if err != nil {
		return fmt.Errorf("look for unfinished data: %w", err)
	}
	for _, path := range unfinished {
		if err := removeUnfinished(ctx, path); err != nil {
			return err
		}
	}
	fresh, err := os.MkdirTemp(f.path, "initdb-")
	if err != nil {
		return fmt.Errorf("create data folder: %w", err)
	}
	if err := f.give(fresh); err != nil {
		return err
	}
	command := []string{filepath.Join(programs.folder, "initdb"), "--pgdata=" + fresh, "--username=" + databaseName,
		"--data-checksums", "--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject"}
	if temporary {
		command = append(command, "--no-sync")
	}
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("find end of log: %w", err)
	}
	p, err := supervise(f.owner, log, "", command...)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		p.pipe.Close()
		<-p.exited
		return fmt.Errorf("create data folder: %w", ctx.Err())
	case <-p.exited:
		p.pipe.Close()
	}
	if p.err != nil {
		return fmt.Errorf("create data folder: initdb: %w: %s", p.err, logTail(log, from))
	}
	if err := os.Rename(fresh, f.data()); err != nil {
		return fmt.Errorf("create data folder: %w", err)
	}
	return syncFolder(f.path)
}

// unfinishedLimit bounds the wait for an interrupted initdb to stop writing.
const unfinishedLimit = 30 * time.Second

// removeUnfinished clears away what an interrupted first start has left. Its initdb was told to stop when its portal
// died, and until it has stopped, new files can appear in the folder while the old ones are removed.
func removeUnfinished(ctx context.Context, path string) error {
	for began := time.Now(); ; {
		err := os.RemoveAll(path)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.ENOTEMPTY) || time.Since(began) > unfinishedLimit {
			return fmt.Errorf("remove unfinished data: %w", err)
		}
		if err := pause(ctx, pollPause); err != nil {
			return fmt.Errorf("wait for an interrupted initdb to stop: %w", err)
		}
	}
}

// syncFolder makes a rename inside the folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
