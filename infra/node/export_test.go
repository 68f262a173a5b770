package node

import (
	"log/slog"
	"net"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc"
)

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

// Durable is the position up to which the log is known to be on disk.
func (n *Node) Durable() uint64 { return n.store.durable.load() }

// Pledged is the position that the write-ahead logs in a folder say was durable.
func Pledged(dir string, fs vfs.FS) (uint64, error) {
	p, err := readPledges(dir, fs)
	return p.durable, err
}

// CachedBytes is how much of the log the block cache holds.
func (n *Node) CachedBytes() int64 { return n.store.db.Metrics().BlockCache.Size }

// instantServer acknowledges appends that it does not store.
type instantServer struct{ streamsServer }

func (s *instantServer) Append(call streams.Streams_AppendServer) error {
	first, err := call.Recv()
	if err != nil {
		return err
	}
	if _, err := streamOf(first.GetOptions().GetStreamIdentifier()); err != nil {
		return err
	}
	if _, err := expectedRevision(first.GetOptions()); err != nil {
		return err
	}
	events, _, err := receiveEvents(call, &budget{total: maxReceivingBytes})
	if err != nil {
		return err
	}
	return call.SendAndClose(&streams.AppendResp{Result: success(answer{revision: int64(len(events)) - 1, position: 1})})
}

// ServeInstantly is the node's gRPC server without a store: what the protocol alone costs. Stop it with the function.
func ServeInstantly() (address string, stop func(), err error) {
	l, err := net.Listen("tcp", DefaultListen)
	if err != nil {
		return "", nil, err
	}
	split := newSplitter(l, nil)
	server := grpc.NewServer(serverOptions(doors{log: slog.New(slog.DiscardHandler), calls: &budget{total: maxCalls}})...)
	streams.RegisterStreamsServer(server, &instantServer{})
	serverfeatures.RegisterServerFeaturesServer(server, featuresServer{})
	go server.Serve(split.grpc)
	go split.run()
	return l.Addr().String(), func() { l.Close(); server.Stop() }, nil
}

// BareStore is Pebble with the node's options and keys and nothing else: what durability alone costs.
type BareStore struct{ db *pebble.DB }

// OpenBareStore opens it with the default sizes.
func OpenBareStore(dir string) (*BareStore, error) {
	options := storeOptions{fs: vfs.Default, cacheBytes: DefaultCacheBytes, memtableBytes: DefaultMemtableBytes}.pebbleOptions()
	defer options.Cache.Unref()
	db, err := pebble.Open(dir, options)
	return &BareStore{db}, err
}

// Close closes it.
func (b *BareStore) Close() error { return b.db.Close() }

// Write stores the keys of one event in one synced batch.
func (b *BareStore) Write(stream string, revision int64, position uint64, id [16]byte, kind string, custom, data []byte) error {
	batch := b.db.NewBatch()
	stored := appendStored(nil, proposed{id: id, kind: kind, json: true, custom: custom, data: data}, stream, revision, position, 1)
	if err := batch.Set(logKey(nil, position), stored, nil); err != nil {
		return err
	}
	var number [8]byte
	if err := batch.Set(streamKey(nil, stream, revision), number[:], nil); err != nil {
		return err
	}
	if err := batch.Set(eventIDKey(nil, stream, id), number[:], nil); err != nil {
		return err
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return err
	}
	return batch.Close()
}

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
