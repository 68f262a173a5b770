package witness

import (
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestEntryIsWhatTheDocumentationSays is the promise to those who compute leaves themselves; docs/audit.md shows the same example.
func TestEntryIsWhatTheDocumentationSays(t *testing.T) {
	event := Event{Position: 4711, Stream: "order-1", Revision: 2, ID: [16]byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0, 0xc0, 0x4f, 0xd4, 0x30, 0xc8},
		Type: "OrderPaid", CreatedAt: time.Date(2026, 11, 22, 12, 0, 0, 123456700, time.UTC), Data: []byte(`{"order":"1"}`), Metadata: []byte(`{}`)}
	entry := entryOf(t, event)
	const want = "01" + "0000000000001267" + "0000000000000002" + "6ba7b8109dad11d180b400c04fd430c8" + "003fc89a2acaf687" +
		"0007" + "6f726465722d31" + "0009" + "4f7264657250616964" +
		"0000000d" + "91bc6327ca3acc17fc2452f39dc16c89722dd6c25ae44702cc3119fc44deecb5" +
		"00000002" + "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	if got := hex.EncodeToString(entry); got != want {
		t.Errorf("the entry is\n%s, want\n%s", got, want)
	}
	if leaf := leafHash(entry); hex.EncodeToString(leaf[:]) != "e44952922adf9108b5e2a2d1ca4f22265b88bbfb01ae3ba07068fb4ed07ec143" {
		t.Errorf("the leaf is %x", leaf[:])
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "audit.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.ReplaceAll(string(page), "\n", "")
	if leaf := leafHash(entry); !strings.Contains(shown, want) || !strings.Contains(shown, hex.EncodeToString(leaf[:])) {
		t.Error("docs/audit.md shows another example")
	}
}

func TestEntriesAreReadAsTheyWereWritten(t *testing.T) {
	for _, event := range append(history(1, 20), Event{}, Event{Position: math.MaxUint64, Stream: strings.Repeat("s", 40_000), Type: strings.Repeat("t", 20_000)}) {
		raw := entryOf(t, event)
		entry, err := ParseEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		got := []any{entry.Position, entry.Stream, entry.Revision, entry.ID, entry.Type, int(entry.Data.Bytes), int(entry.Metadata.Bytes)}
		if want := []any{event.Position, event.Stream, event.Revision, event.ID, event.Type, len(event.Data), len(event.Metadata)}; !reflect.DeepEqual(got, want) {
			t.Errorf("read %v, want %v", got, want)
		}
		if event.Position > 0 && !event.CreatedAt.IsZero() && !entry.CreatedAt.Equal(event.CreatedAt) {
			t.Errorf("created at %v, want %v", entry.CreatedAt, event.CreatedAt)
		}
		for _, damaged := range [][]byte{raw[:len(raw)-1], append(raw[:len(raw):len(raw)], 0), append([]byte{2}, raw[1:]...), nil} {
			if _, err := ParseEntry(damaged); err == nil {
				t.Errorf("%d of %d bytes are read", len(damaged), len(raw))
			}
		}
	}
	tooLong := Event{Stream: strings.Repeat("s", EntryBytesMax)}
	if _, err := tooLong.AppendEntry(nil); err == nil {
		t.Error("an entry that no bundle can hold is written")
	}
}

// FuzzParseEntry: whatever is accepted is the one way to write it down.
func FuzzParseEntry(f *testing.F) {
	for _, event := range history(2, 3) {
		f.Add(entryOf(f, event))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if entry, err := ParseEntry(raw); err == nil && len(raw) != entryFixedBytes+len(entry.Stream)+len(entry.Type) {
			t.Errorf("%x is read as %v", raw, entry)
		}
	})
}
