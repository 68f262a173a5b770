package node_test

import (
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/infra/node"
)

// Pebble takes the memory of its write buffers away from the block cache. A cache that is not larger than they are has
// to work all the same.
func TestBlockCacheBesideWriteBuffers(t *testing.T) {
	const bytes = 1 << 20
	n := start(t, node.Options{CacheBytes: bytes, MemtableBytes: bytes})
	c := dial(t, n)
	data := make([]byte, 100_000)
	for range 4 * bytes / len(data) {
		e := event("Large")
		e.ContentType, e.Data = esdb.ContentTypeBinary, data
		appendEvents(t, c, "s", esdb.Any{}, e)
	}
	if _, err := readAllOf(t, c, "s", esdb.ReadStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if cached := n.CachedBytes(); cached < bytes/4 {
		t.Errorf("after reading 4 MiB the cache of 1 MiB holds %d bytes", cached)
	}
}
