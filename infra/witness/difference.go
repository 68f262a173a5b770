package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Kind says in which way a log differs from what was signed.
type Kind string

// Kinds of differences.
const (
	Altered   Kind = "altered"    // the event is there and says something else
	Removed   Kind = "removed"    // the event is not there, those that follow are
	Inserted  Kind = "inserted"   // an event is there that was not when the checkpoint was signed
	Moved     Kind = "moved"      // the event is there, but later
	Replaced  Kind = "replaced"   // another event is there instead
	Truncated Kind = "truncated"  // the event and all that follow it are not there
	Somewhere Kind = "somewhere"  // there is no copy of the tree that could tell
	SplitView Kind = "split view" // two checkpoints of the same size contradict each other
)

// Difference is the first thing in a log that is not as it was signed.
type Difference struct {
	Kind       Kind
	Index      int64    // of the event, from 0; for Somewhere the number of events before it that are right
	Checkpoint Named    // the smallest one that is contradicted
	Other      Named    // SplitView: the other one
	Signed     Entry    // what was signed in that place; not set for Somewhere and SplitView
	Found      Entry    // what is there now; not set for Truncated, Somewhere and SplitView
	Fields     []string // Altered: what is different about it
}

// String says it in one sentence.
func (d Difference) String() string {
	switch d.Kind {
	case Altered:
		return fmt.Sprintf("event %d of the log was altered: its %s not what was signed (signed: %s; now: %s)", d.Index, isOrAre(d.Fields), d.Signed, d.Found)
	case Removed:
		return fmt.Sprintf("event %d of the log was removed: %s; in its place stands %s", d.Index, d.Signed, d.Found)
	case Inserted:
		return fmt.Sprintf("event %d of the log was inserted: %s; signed is in its place %s", d.Index, d.Found, d.Signed)
	case Moved:
		return fmt.Sprintf("the order of events was changed: signed as event %d is %s, which now comes later; in its place stands %s", d.Index, d.Signed, d.Found)
	case Replaced:
		return fmt.Sprintf("event %d of the log was replaced: signed is %s; in its place stands %s", d.Index, d.Signed, d.Found)
	case Truncated:
		return fmt.Sprintf("the log was truncated: it has %d events, %d were signed; the first one missing is event %d, %s", d.Index, d.Checkpoint.Size, d.Index, d.Signed)
	case SplitView:
		return fmt.Sprintf("two signed checkpoints of %d events contradict each other: %s and %s; whoever holds the key has signed two histories", d.Index, d.Other.Name, d.Checkpoint.Name)
	}
	return fmt.Sprintf("something is different among events %d to %d of the log; which event it is only a copy of the signed tree can tell: "+
		"give a checkpoint with its tile folder beside it", d.Index, d.Checkpoint.Size-1)
}

func isOrAre(fields []string) string {
	verb := " is"
	if len(fields) > 1 {
		verb = " are"
	}
	return strings.Join(fields, ", ") + verb
}

// locate finds the first event that differs from the first of some checkpoints, if one of the copies is intact.
func locate(ctx context.Context, log Log, agreed place, signed []Named, copies []*Folder) (*Difference, error) {
	for _, folder := range copies {
		if !folder.isIntact(signed[0]) {
			continue
		}
		reach := signed[0] // the more the copy can vouch for, the better an event that was moved is told from one that was inserted
		for _, larger := range slices.Backward(signed[1:]) {
			if folder.isIntact(larger) {
				reach = larger
				break
			}
		}
		entries, stop := iter.Pull2(folder.entries(agreed.size, reach.Size))
		defer stop()
		return compare(ctx, log, agreed, signed[0], entries)
	}
	return &Difference{Kind: Somewhere, Index: agreed.size, Checkpoint: signed[0]}, nil
}

func (f *Folder) isIntact(c Named) bool {
	return f.addsUp(c.Tree(), func(int64, []tlog.Hash) error { return nil }) == nil
}

// compare walks through the log and the signed entries until they differ.
func compare(ctx context.Context, log Log, agreed place, signed Named, entries func() ([]byte, error, bool)) (*Difference, error) {
	var difference *Difference
	var buffer []byte
	var later bool // the signed event comes later in the log
	index := agreed.size
	for event, err := range log.Events(ctx, agreed.position) {
		if err != nil {
			return nil, err
		}
		if buffer, err = event.AppendEntry(buffer[:0]); err != nil {
			return nil, err
		}
		if difference != nil {
			if later = later || event.ID == difference.Signed.ID; later {
				break
			}
			continue
		}
		entry, err, ok := entries()
		if err != nil || !ok {
			return nil, errors.Join(err, errors.New("the log has changed while it was read; try again"))
		}
		if bytes.Equal(entry, buffer) {
			index++
			continue
		}
		if difference, err = differ(index, signed, entry, buffer); err != nil || difference.Kind == Altered {
			return difference, err
		}
	}
	if difference == nil {
		return truncated(index, signed, entries)
	}
	last, known, err := signedLater(entries, difference.Signed, difference.Found.ID)
	afterwards := difference.Found.Position > last.Position // it came after everything that was signed
	switch {
	case later && known:
		difference.Kind = Moved
	case later:
		difference.Kind = Inserted
	case known, afterwards:
		difference.Kind = Removed
	default:
		difference.Kind = Replaced
	}
	return difference, err
}

// signedLater tells whether the signed entries that follow on one have one of an event. last is where it stopped.
func signedLater(entries func() ([]byte, error, bool), after Entry, id [16]byte) (last Entry, found bool, err error) {
	last = after
	for {
		entry, err, ok := entries()
		if err != nil || !ok {
			return last, false, err
		}
		if last, err = ParseEntry(entry); err != nil || last.ID == id {
			return last, err == nil, err
		}
	}
}

// differ describes two entries in one place; when they are of one event, also what is different about it.
func differ(index int64, signed Named, entry, now []byte) (*Difference, error) {
	was, err := ParseEntry(entry)
	if err != nil {
		return nil, err
	}
	is, err := ParseEntry(now)
	if err != nil {
		return nil, err
	}
	d := &Difference{Index: index, Checkpoint: signed, Signed: was, Found: is}
	if was.ID != is.ID {
		return d, nil
	}
	d.Kind = Altered
	for _, field := range []struct {
		name string
		same bool
	}{
		{"data", was.Data == is.Data}, {"metadata", was.Metadata == is.Metadata}, {"type", was.Type == is.Type}, {"stream", was.Stream == is.Stream},
		{"revision", was.Revision == is.Revision}, {"position", was.Position == is.Position}, {"time of creation", was.CreatedAt.Equal(is.CreatedAt)},
	} {
		if !field.same {
			d.Fields = append(d.Fields, field.name)
		}
	}
	return d, nil
}

func truncated(index int64, signed Named, entries func() ([]byte, error, bool)) (*Difference, error) {
	entry, err, ok := entries()
	if err != nil || !ok {
		return nil, errors.Join(err, errors.New("the log has changed while it was read; try again"))
	}
	first, err := ParseEntry(entry)
	return &Difference{Kind: Truncated, Index: index, Checkpoint: signed, Signed: first}, err
}
