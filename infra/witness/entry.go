package witness

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/mod/sumdb/tlog"

	"netrom.pl/portal/domain"
)

// Event is an event of the log as its server keeps it: nothing is decoded, and personal fields stay sealed.
type Event struct {
	Position  domain.Position
	Stream    string
	Revision  domain.Revision
	ID        [16]byte // UUID
	Type      string
	CreatedAt time.Time // the server's clock, in steps of 100 ns, UTC
	Data      []byte
	Metadata  []byte
}

// Digest stands for bytes.
type Digest struct {
	Bytes  uint32 // how many there are
	SHA256 [sha256.Size]byte
}

// Entry is what a leaf of the tree says of an event. Whoever can read the event from its server can compute it.
type Entry struct {
	Position  domain.Position
	Revision  domain.Revision
	ID        [16]byte
	CreatedAt time.Time
	Stream    string
	Type      string
	Data      Digest
	Metadata  Digest
}

const entryVersion = 1

// EntryBytesMax is the largest entry that a bundle can hold: its length has 16 bits.
// Source: C2SP, tlog-tiles, section "Log entries".
const EntryBytesMax = math.MaxUint16

// tick is the unit in which EventStoreDB sends moments, counted since 1970.
const tick = 100 * time.Nanosecond

// AppendEntry appends the event's entry to dst. Integers are big-endian; in the notation of RFC 8446, section 3:
//
//	struct {
//	    uint8  version = 1;
//	    uint64 position;                // commit position in $all
//	    uint64 revision;                // number in its stream
//	    opaque id[16];                  // UUID, most significant byte first
//	    uint64 created;                 // the server's clock, 100 ns since 1970, two's complement
//	    opaque stream<0..2^16-1>;
//	    opaque type<0..2^16-1>;
//	    uint32 data_length;
//	    opaque data_sha256[32];         // of the data as stored: sealed fields are ciphertext
//	    uint32 metadata_length;
//	    opaque metadata_sha256[32];     // of the custom metadata as stored
//	} Entry;
//
// That is all of an event that the portal or an auditor reads. Data and metadata stand in it as digests, so that entries are
// small, tell nothing of an event's content and can leave the machine. The content type is left out because nothing looks at it.
func (e *Event) AppendEntry(dst []byte) ([]byte, error) {
	if size := len(e.Stream) + len(e.Type); size > EntryBytesMax-entryFixedBytes || len(e.Data) > math.MaxUint32 || len(e.Metadata) > math.MaxUint32 {
		return nil, fmt.Errorf("the event at position %d has a stream and type name of %d bytes; together they may have %d: nothing that the portal writes is like that", e.Position, size, EntryBytesMax-entryFixedBytes)
	}
	dst = append(dst, entryVersion)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.Position))
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.Revision))
	dst = append(dst, e.ID[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.CreatedAt.UnixNano()/int64(tick)))
	for _, name := range []string{e.Stream, e.Type} {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(name)))
		dst = append(dst, name...)
	}
	for _, content := range [][]byte{e.Data, e.Metadata} {
		sum := sha256.Sum256(content)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(content)))
		dst = append(dst, sum[:]...)
	}
	return dst, nil
}

// entryFixedBytes is what an entry has beside its two names.
const entryFixedBytes = 1 + 8 + 8 + 16 + 8 + 2 + 2 + 2*(4+sha256.Size)

// ParseEntry reads what AppendEntry wrote, and nothing else.
func ParseEntry(raw []byte) (Entry, error) {
	var (
		e                           Entry
		version                     uint8
		position, revision, created uint64
		stream, kind                cryptobyte.String
	)
	s := cryptobyte.String(raw)
	ok := s.ReadUint8(&version) && s.ReadUint64(&position) && s.ReadUint64(&revision) && s.CopyBytes(e.ID[:]) && s.ReadUint64(&created) &&
		s.ReadUint16LengthPrefixed(&stream) && s.ReadUint16LengthPrefixed(&kind) &&
		s.ReadUint32(&e.Data.Bytes) && s.CopyBytes(e.Data.SHA256[:]) && s.ReadUint32(&e.Metadata.Bytes) && s.CopyBytes(e.Metadata.SHA256[:]) && s.Empty()
	switch {
	case ok && version != entryVersion:
		return Entry{}, fmt.Errorf("read entry: version %d is not known here: use a newer program", version)
	case !ok:
		return Entry{}, errors.New("read entry: it is cut off, or there is more behind it")
	}
	e.Position, e.Revision, e.Stream, e.Type = domain.Position(position), domain.Revision(revision), string(stream), string(kind)
	e.CreatedAt = time.Unix(0, int64(created)*int64(tick)).UTC()
	return e, nil
}

// String names the event as people look for it.
func (e Entry) String() string {
	return fmt.Sprintf("position %d, stream %q, revision %d, type %q, id %s", e.Position, e.Stream, e.Revision, e.Type, uuid.UUID(e.ID))
}

// leafHash is the entry's place in the tree: SHA-256 of 0x00 and the entry. Source: RFC 6962, section 2.1.
func leafHash(entry []byte) tlog.Hash { return tlog.RecordHash(entry) }
