package node

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// MaxUnsettled is how many calls may wait for the disk.
const MaxUnsettled = maxUnsettled

// OnDisk puts a node on a file system of a test, which also survives the end of the log: fatal gets the reason.
func OnDisk(o Options, fs vfs.FS, fatal func(error)) Options {
	o.fs, o.fatal = fs, fatal
	return o
}

// Limited lowers what all clients together may occupy.
func Limited(o Options, connections, calls, receivingBytes int) Options {
	o.limits = limits{connections: connections, calls: calls, receivingBytes: receivingBytes}
	return o
}

// Receiving is how many bytes of appends that are not complete the node holds.
func (n *Node) Receiving() int64 { return n.store.receiving.used.Load() }

// CheckOnDisk is Check for the file system of a test.
func CheckOnDisk(dir string, fs vfs.FS) (CheckReport, error) { return checkFolder(dir, fs) }

// CheckLog is Check for a node that nobody is writing to.
func (n *Node) CheckLog() (CheckReport, error) { return n.store.check() }

// Durable is the position up to which the log is known to be on disk.
func (n *Node) Durable() uint64 { return n.store.durable.load() }

// Pledged is the position that the write-ahead logs in a folder say was durable.
func Pledged(dir string, fs vfs.FS) (uint64, error) {
	p, err := readPledges(dir, fs)
	return p.durable, err
}

// CachedBytes is how much of the log the block cache holds.
func (n *Node) CachedBytes() int64 { return n.store.db.Metrics().BlockCache.Size }

// Damage flips a bit in the stored record of a position, behind the back of Pebble's own checksums.
func (n *Node) Damage(t testing.TB, position uint64) {
	t.Helper()
	value, closer, err := n.store.db.Get(logKey(nil, position))
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte(nil), value...)
	closer.Close()
	damaged[len(damaged)-8] ^= 1
	if err := n.store.db.Set(logKey(nil, position), damaged, pebble.Sync); err != nil {
		t.Fatal(err)
	}
}
