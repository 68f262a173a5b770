package witness

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
)

var mutations = flag.Int("mutations", 500, "how many random changes of a log are to be found")

// attack is what somebody did to a log, and what verifying must answer.
type attack struct {
	log   events
	kind  Kind
	index int64
	field string // of an edited event
}

// attacks are the ways to change a log of which the first signed events are vouched for.
var attacks = []struct {
	name string
	do   func(random *rand.Rand, log events, signed int) attack
}{
	{"edited", func(random *rand.Rand, log events, signed int) attack {
		i := random.IntN(signed)
		fields := []string{"data", "metadata", "type", "stream", "revision", "position", "time of creation"}
		field := fields[random.IntN(len(fields))]
		switch e := &log[i]; field {
		case "data":
			e.Data = flipped(random, e.Data)
		case "metadata":
			e.Metadata = flipped(random, e.Metadata)
		case "type":
			e.Type += "2"
		case "stream":
			e.Stream = string(flipped(random, []byte(e.Stream)))
		case "revision":
			e.Revision++
		case "position":
			e.Position--
		default:
			e.CreatedAt = e.CreatedAt.Add(tick)
		}
		return attack{log, Altered, int64(i), field}
	}},
	{"identity edited", func(random *rand.Rand, log events, signed int) attack {
		i := random.IntN(signed)
		log[i].ID = someID(random)
		return attack{log, Replaced, int64(i), ""}
	}},
	{"removed", func(random *rand.Rand, log events, signed int) attack {
		i := random.IntN(signed)
		return attack{slices.Delete(log, i, min(len(log)-1, i+1+random.IntN(3))), Removed, int64(i), ""}
	}},
	{"inserted", func(random *rand.Rand, log events, signed int) attack {
		i := random.IntN(signed)
		e := log[random.IntN(len(log))]
		e.ID = someID(random)
		e.Position = log[i].Position
		log = slices.Insert(log, i, e)
		for j := i + 1; j < len(log); j++ {
			log[j].Position++
		}
		return attack{log, Inserted, int64(i), ""}
	}},
	{"swapped", func(random *rand.Rand, log events, signed int) attack { // swap what two events say, each in the other's position
		i := random.IntN(signed)
		j := i + 1 + random.IntN(len(log)-i-1)
		if j < signed {
			log[i], log[j] = log[j], log[i]
			log[i].Position, log[j].Position = log[j].Position, log[i].Position
			return attack{log, Moved, int64(i), ""}
		}
		log[i], log[j] = log[j], log[i] // an event that came after the checkpoint in place of one that was signed
		log[i].Position, log[j].Position = log[j].Position, log[i].Position
		return attack{log, Inserted, int64(i), ""}
	}},
	{"truncated", func(random *rand.Rand, log events, signed int) attack {
		i := random.IntN(signed)
		return attack{log[:i], Truncated, int64(i), ""}
	}},
	{"old backup restored and written on", func(random *rand.Rand, log events, signed int) attack {
		i, last := random.IntN(signed), log[signed-1].Position
		log = slices.Clone(log)[:i+1+random.IntN(len(log)-i)]
		position := domain.Position(0)
		if i > 0 {
			position = log[i-1].Position
		}
		for j := i; j < len(log); j++ {
			position += domain.Position(2 + random.IntN(3))
			log[j].ID, log[j].Position, log[j].Data = someID(random), position, fmt.Appendf(nil, `{"amount":%d}`, random.IntN(1e6))
		}
		kind := Replaced
		if log[i].Position > last { // nothing stands where something was signed
			kind = Removed
		}
		return attack{log, kind, int64(i), ""}
	}},
}

func flipped(random *rand.Rand, content []byte) []byte {
	content = slices.Clone(content)
	content[random.IntN(len(content))] ^= 1 << random.IntN(7)
	return content
}

// TestEveryChangeBeforeTheLastCheckpointIsFoundAndNamed changes a log at random. Every second time the attacker, who has the data
// folder but not the auditor's, also computes the tree anew, and signs it with a key of his own.
// Run more with: scripts/faults mutations
func TestEveryChangeBeforeTheLastCheckpointIsFoundAndNamed(t *testing.T) {
	random := seeded(t)
	const signed, total = 300, 330
	dir, export := t.TempDir(), t.TempDir()
	var checkpoints []Named
	for _, size := range []int{40, 120, signed} {
		checkpoints = append(checkpoints, Named{"a checkpoint", witnessed(t, dir, export, history(1, size))})
	}
	forged := t.TempDir()
	witnessed(t, forged, "", history(3, signed)) // what an attacker's tree looks like: sound, and not the one that was signed
	right := history(1, total)
	counts := map[string]int{}
	for n := range *mutations {
		kind := attacks[n%len(attacks)]
		a := kind.do(random, slices.Clone(right), signed)
		copies := []*Folder{OpenFolder(dir)}
		if random.IntN(2) == 1 {
			copies = []*Folder{OpenFolder(forged), OpenFolder(export)}
		}
		a.mustBeNamed(t, n, checkpoints, copies, right[a.index].Position)
		counts[kind.name]++
	}
	var told []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		told = append(told, fmt.Sprintf("%s %d", name, counts[name]))
	}
	t.Logf("%d changes, each found and named: %s", *mutations, strings.Join(told, ", "))
}

// mustBeNamed wants verifying to say exactly what was done.
func (a attack) mustBeNamed(t *testing.T, n int, checkpoints []Named, copies []*Folder, position domain.Position) {
	t.Helper()
	report, err := Verify(t.Context(), a.log, checkpoints, copies)
	if err != nil {
		t.Fatal(err)
	}
	d := report.Difference
	switch {
	case d == nil:
		t.Fatalf("mutation %d, %s at %d: nothing is found", n, a.kind, a.index)
	case d.Kind != a.kind || d.Index != a.index || a.field != "" && !slices.Equal(d.Fields, []string{a.field}):
		t.Fatalf("mutation %d, %s of %s at %d: found is %+v", n, a.kind, a.field, a.index, d)
	case d.Signed.Position != position:
		t.Fatalf("mutation %d, %s at %d: named is %s", n, a.kind, a.index, d)
	}
	// Without a copy of the tree it is still found, between two checkpoints.
	report, err = Verify(t.Context(), a.log, checkpoints, nil)
	if err != nil || report.Difference == nil || report.Difference.Index > a.index || report.Difference.Checkpoint.Size <= a.index {
		t.Fatalf("mutation %d, %s at %d: without a copy found is %+v: %v", n, a.kind, a.index, report.Difference, err)
	}
}

// TestChangesAtTheEdgeOfWhatWasSigned names them as right as those in the middle.
func TestChangesAtTheEdgeOfWhatWasSigned(t *testing.T) {
	dir := t.TempDir()
	signed := Named{"c", witnessed(t, dir, "", history(1, 300))}
	for name, change := range map[string]struct {
		log   events
		kind  Kind
		index int64
	}{
		"the first is removed":                    {history(1, 330)[1:], Removed, 0},
		"the last is removed":                     {slices.Delete(history(1, 330), 299, 300), Removed, 299},
		"the last three are removed":              {slices.Delete(history(1, 330), 297, 300), Removed, 297},
		"the last is removed, and none came then": {history(1, 299), Truncated, 299},
		"nothing is left":                         {nil, Truncated, 0},
	} {
		report, err := Verify(t.Context(), change.log, []Named{signed}, []*Folder{OpenFolder(dir)})
		if d := report.Difference; err != nil || d == nil || d.Kind != change.kind || d.Index != change.index {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

// TestAnUntouchedLogIsRight, and what comes after the last checkpoint is nobody's business yet.
func TestAnUntouchedLogIsRight(t *testing.T) {
	dir := t.TempDir()
	var checkpoints []Named
	for _, size := range []int{1, 255, 256, 300} {
		checkpoints = append(checkpoints, Named{"c", witnessed(t, dir, "", history(1, size))})
	}
	later := history(1, 330)
	later[310].Data = nil
	report, err := Verify(t.Context(), later, append(checkpoints, checkpoints[2]), []*Folder{OpenFolder(dir)})
	if err != nil || report.Difference != nil || report.Events != 330 || len(report.Agreed) != 5 || report.Agreed[4].Size != 300 {
		t.Errorf("%+v %v", report, err)
	}
}

// TestAnAttackerWithoutTheKeyCannotSign gives him everything but the key: he deletes the tree and starts the portal on his log.
func TestAnAttackerWithoutTheKeyCannotSign(t *testing.T) {
	dir, auditor := t.TempDir(), t.TempDir()
	witnessed(t, dir, auditor, history(1, 100))
	keys := keysIn(t, auditor)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	witnessed(t, dir, "", history(2, 100))
	if _, err := LoadCheckpoint(filepath.Join(dir, "checkpoint"), keys); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("the auditor's keys accept the attacker's checkpoint: %v", err)
	}
}

func TestDifferencesAreSaidInSentences(t *testing.T) {
	entry := Entry{Position: 25, Stream: "order-1", Revision: 3, Type: "OrderPaid", ID: uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")}
	const named = `position 25, stream "order-1", revision 3, type "OrderPaid", id 6ba7b810-9dad-11d1-80b4-00c04fd430c8`
	for _, kind := range []Kind{Altered, Removed, Inserted, Moved, Replaced, Truncated} {
		text := Difference{Kind: kind, Index: 17, Signed: entry, Found: entry, Fields: []string{"data", "metadata"}}.String()
		if !strings.Contains(text, named) || !strings.Contains(text, "event 17") {
			t.Errorf("%s is said as %q", kind, text)
		}
	}
	if text := (Difference{Kind: Somewhere, Index: 17, Checkpoint: Named{Checkpoint: Checkpoint{Size: 20}}}).String(); !strings.Contains(text, "events 17 to 19") {
		t.Error(text)
	}
}

// TestProofs proves every event, and that no byte of a proof can be changed.
func TestProofs(t *testing.T) {
	dir, log := t.TempDir(), history(1, 300)
	c := witnessed(t, dir, "", log)
	keys, folder := keysIn(t, dir), OpenFolder(dir)
	for i, e := range log {
		index, err := folder.FindPosition(c, e.Position)
		byID, position, idErr := folder.FindID(c, e.ID)
		if err != nil || idErr != nil || index != int64(i) || byID != index || position != e.Position {
			t.Fatalf("event %d is found as %d and %d: %v %v", i, index, byID, err, idErr)
		}
		text, err := Prove(folder, c, index, e)
		if err != nil {
			t.Fatal(err)
		}
		p, err := CheckProof(text, keys)
		if err != nil || p.Entry.ID != e.ID || !bytes.Equal(p.Data, e.Data) || !bytes.Equal(p.Metadata, e.Metadata) || p.Index != index || p.Checkpoint.Size != 300 {
			t.Fatalf("the proof of event %d says %+v: %v", i, p, err)
		}
		if i == 123 {
			changeEveryByte(t, text, keys)
		}
	}
	if _, err := folder.FindPosition(c, 1<<40); !errors.Is(err, ErrNotCovered) {
		t.Error(err)
	}
	if _, _, err := folder.FindID(c, [16]byte{1}); !errors.Is(err, ErrNotCovered) {
		t.Error(err)
	}
	altered := log[7]
	altered.Data = []byte("{}")
	if _, err := Prove(folder, c, 7, altered); err == nil || !strings.Contains(err.Error(), "audit verify") {
		t.Errorf("an altered event is proven: %v", err)
	}
}

// changeEveryByte expects a refusal, or the same statement when the byte is of no importance, as the spare bits of base64 are.
func changeEveryByte(t *testing.T, text []byte, keys Keys) {
	t.Helper()
	right, err := CheckProof(text, keys)
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		for _, changed := range [][]byte{append(append(slices.Clone(text[:i]), text[i]^1), text[i+1:]...), append(slices.Clone(text[:i]), text[i+1:]...), text[:i]} {
			p, err := CheckProof(changed, keys)
			if err == nil && (p.Index != right.Index || p.Entry != right.Entry || !bytes.Equal(p.Data, right.Data) || !bytes.Equal(p.Metadata, right.Metadata) || p.Checkpoint.Root != right.Checkpoint.Root) {
				t.Fatalf("a proof changed at byte %d is accepted and says %+v", i, p)
			}
		}
	}
}

func FuzzCheckProof(f *testing.F) {
	dir, log := f.TempDir(), history(1, 5)
	c := witnessed(f, dir, "", log)
	keys := keysIn(f, dir)
	text, err := Prove(OpenFolder(dir), c, 3, log[3])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := CheckProof(text, keys); err == nil && (p.Index != 3 || p.Entry.ID != log[3].ID) {
			t.Errorf("accepted is %+v", p)
		}
	})
}
