package node

// maxCachedStreams bounds how many streams the cache knows, about 150 bytes each.
const maxCachedStreams = 16_384

// streamCache remembers the last revision and the metadata of the streams written lately, as of the last batch
// handed to Pebble. It belongs to the ordering lock. A forgotten stream is looked up again.
type streamCache struct {
	heads map[string]int64
	metas map[string]streamMetadata
}

func newStreamCache() streamCache {
	return streamCache{heads: make(map[string]int64), metas: make(map[string]streamMetadata)}
}

// head is the last revision of a stream, found by the view if it is not known.
func (c *streamCache) head(v view, stream string) (int64, error) {
	if last, known := c.heads[stream]; known {
		return last, nil
	}
	h, err := v.head(stream)
	if err != nil {
		return 0, err
	}
	remember(c.heads, stream, h.revision)
	return h.revision, nil
}

// metadata is what applies to a stream, found by the view if it is not known.
func (c *streamCache) metadata(v view, stream string) (streamMetadata, error) {
	if m, known := c.metas[stream]; known {
		return m, nil
	}
	var m streamMetadata
	last, err := c.head(v, metastream(stream)) // the commit check asks for it too
	if err == nil && (last != noStream || isMetastream(stream)) {
		m, err = v.metadata(stream)
	}
	if err != nil {
		return streamMetadata{}, err
	}
	remember(c.metas, stream, m)
	return m, nil
}

// learn takes over what a batch changed.
func (c *streamCache) learn(ch change) {
	remember(c.heads, ch.stream, ch.revision)
	if ch.metadata != nil {
		remember(c.metas, ch.original, *ch.metadata)
	}
}

// remember adds an entry and forgets an arbitrary one when there are too many.
func remember[V any](m map[string]V, key string, v V) {
	if _, known := m[key]; !known && len(m) >= maxCachedStreams {
		for old := range m {
			delete(m, old)
			break
		}
	}
	m[key] = v
}
