package postgres

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	// logLimitBytes is the size at which the server's log is set aside at the
	// next start, replacing the one set aside before.
	logLimitBytes = 10 << 20
	// logTailLimitBytes is how much of the server's log goes into an error.
	logTailLimitBytes = 4 << 10
)

// openLog opens the server's log at its end.
func (f *folder) openLog() (*os.File, error) {
	path := filepath.Join(f.path, "server.log")
	if info, err := os.Stat(path); err == nil && info.Size() > logLimitBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("set log aside: %w", err)
		}
	}
	log, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of postgres: %w", err)
	}
	return log, nil
}

// logTail is the end of what was written to the log after the offset from.
func logTail(log *os.File, from int64) string {
	end, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return "(its log is unreadable: " + err.Error() + ")"
	}
	from = max(from, end-logTailLimitBytes)
	tail, err := io.ReadAll(io.NewSectionReader(log, from, end-from))
	if err != nil {
		return "(its log is unreadable: " + err.Error() + ")"
	}
	return strings.TrimSpace(string(tail))
}
