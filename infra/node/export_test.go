package node

import "github.com/cockroachdb/pebble/v2/vfs"

// OnDisk puts a node on a file system of a test, which also survives the end of the log: fatal gets the reason.
func OnDisk(o Options, fs vfs.FS, fatal func(error)) Options {
	o.fs, o.fatal = fs, fatal
	return o
}

// CheckOnDisk is Check for the file system of a test.
func CheckOnDisk(dir string, fs vfs.FS) (CheckReport, error) { return checkFolder(dir, fs) }

// Durable is the position up to which the log is known to be on disk.
func (n *Node) Durable() uint64 { return n.store.durable.load() }
