package node

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"
)

func TestChecksum(t *testing.T) {
	body := []byte("the body of a record")
	for _, position := range []uint64{0, 1, 255, 1 << 40, 0x0102030405060708, math.MaxUint64} {
		want := crc32.Checksum(append(binary.BigEndian.AppendUint64(nil, position), body...), crc32.MakeTable(crc32.Castagnoli))
		if got := checksum(position, body); got != want {
			t.Errorf("checksum at position %d is %08x, want %08x", position, got, want)
		}
	}
}
