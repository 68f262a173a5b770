package handlers

import (
	"slices"
	"sync"
	"time"
)

// Limits of the files that wait for a confirmation. The oldest ones go first; whoever they belonged to sends them again.
const (
	uploadsMax     = 8        // of all accounts; one of each
	uploadBytesMax = 16 << 20 // of all files
	uploadLife     = 30 * time.Minute
)

// uploads keeps files between preview and confirmation, in memory and for a while. The zero value keeps none. It is safe
// for concurrent use.
type uploads struct {
	mu   sync.Mutex
	kept []upload // the oldest first
}

// upload is what an account has sent last.
type upload struct {
	id      string
	account string
	files   []StatementFile
	bytes   int
	at      time.Time
}

// keep takes the place of what the account has sent before.
func (u *uploads) keep(id, account string, files []StatementFile, now time.Time) {
	next := upload{id: id, account: account, files: files, at: now}
	for _, file := range files {
		next.bytes += len(file.Content)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept = slices.DeleteFunc(u.kept, func(k upload) bool { return k.account == account || now.Sub(k.at) > uploadLife })
	u.kept = append(u.kept, next)
	for len(u.kept) > uploadsMax || u.bytes() > uploadBytesMax {
		u.kept = slices.Delete(u.kept, 0, 1)
	}
}

func (u *uploads) bytes() int {
	all := 0
	for _, k := range u.kept {
		all += k.bytes
	}
	return all
}

// find answers what was kept for the account, as long as it is.
func (u *uploads) find(account, id string, now time.Time) ([]StatementFile, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, k := range u.kept {
		if k.id == id && k.account == account && now.Sub(k.at) <= uploadLife {
			return k.files, true
		}
	}
	return nil, false
}
