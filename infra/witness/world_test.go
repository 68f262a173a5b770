package witness

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
)

// events is a log in memory. Positions grow and have gaps, as in a server that keeps events of its own between them.
type events []Event

func (l events) Events(_ context.Context, after domain.Position) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for _, e := range l {
			if e.Position > after && !yield(e, nil) {
				return
			}
		}
	}
}

func (l events) At(_ context.Context, at domain.Position) (Event, bool, error) {
	for _, e := range l {
		if e.Position == at {
			return e, true, nil
		}
	}
	return Event{}, false, nil
}

// history makes up a log of n events in a few streams. Equal seeds make equal logs, and a longer log begins with the shorter one.
func history(seed uint64, n int) events {
	random := rand.New(rand.NewPCG(seed, 6962))
	revisions := map[string]domain.Revision{}
	var position domain.Position
	log := make(events, n)
	for i := range log {
		position += domain.Position(2 + random.IntN(3))
		stream := fmt.Sprintf("order-%d", random.IntN(7))
		log[i] = Event{Position: position, Stream: stream, Revision: revisions[stream], ID: someID(random), Type: []string{"OrderSubmitted", "PaymentReceived"}[random.IntN(2)],
			CreatedAt: time.Unix(1_790_000_000+int64(i), int64(random.IntN(1e7))*100).UTC(), Data: fmt.Appendf(nil, `{"amount":%d}`, random.IntN(1e6)), Metadata: fmt.Appendf(nil, `{"actor":"user-%d"}`, random.IntN(9))}
		revisions[stream]++
	}
	return log
}

func someID(random *rand.Rand) (id [16]byte) {
	for i := range id {
		id[i] = byte(random.Uint32())
	}
	return uuid.UUID(id)
}

// quick writes whole files like durable but does not wait for the disk: most tests are about what is written.
type quick struct{ durable }

func (quick) write(path string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", content, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// memory is a disk without a disk.
type memory map[string][]byte

func (m memory) read(path string, _ int64) ([]byte, error) {
	content, ok := m[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return content, nil
}

func (m memory) write(path string, content []byte, _ fs.FileMode) error {
	m[path] = slices.Clone(content)
	return nil
}

func (m memory) removeAll(path string) error {
	maps.DeleteFunc(m, func(name string, _ []byte) bool { return name == path || strings.HasPrefix(name, path+"/") })
	return nil
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// open opens a witness of a log in a folder; export may be empty.
func open(t testing.TB, dir, export string, log Log) *Witness {
	t.Helper()
	w, err := Open(Options{Dir: dir, Log: log, Export: export, EventsMax: 100, Now: func() time.Time { return noon }, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	w.folder.disk = quick{}
	return w
}

// witnessed signs a log in a folder and answers the checkpoint.
func witnessed(t testing.TB, dir, export string, log Log) Checkpoint {
	t.Helper()
	w := open(t, dir, export, log)
	if err := w.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.signed
}

func keysIn(t testing.TB, dir string) Keys {
	t.Helper()
	keys, err := LoadKeys(filepath.Join(dir, KeysFile))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func entryOf(t testing.TB, e Event) []byte {
	t.Helper()
	entry, err := e.AppendEntry(nil)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}
