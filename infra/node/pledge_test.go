package node

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// A block of the write-ahead log may end anywhere in a batch, also in the middle of its pledge.
func TestPledgeInTwoBlocks(t *testing.T) {
	var b pebble.Batch
	want := pledge{durable: 7, first: 9}
	if err := b.LogData(want.encode(), nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Set([]byte("key"), make([]byte, 100), nil); err != nil {
		t.Fatal(err)
	}
	whole := b.Repr()
	for cut := 1; cut < len(whole); cut++ {
		var got pledge
		s := pledgeScanner{all: &got}
		s.begin(whole[:cut:cut], true)
		if s.begun != nil {
			s.begin(append(s.begun, whole[cut:]...), false)
		}
		if got != want {
			t.Errorf("a batch of which %d bytes are in the first block pledges %+v, want %+v", cut, got, want)
		}
	}
}
