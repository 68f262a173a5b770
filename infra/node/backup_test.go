package node_test

import (
	"context"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/infra/node"
)

func TestBackup(t *testing.T) {
	n := start(t, node.Options{})
	c := dial(t, n)
	dir := t.TempDir() + "/copy"
	backup := func(from *node.Node) (node.CheckReport, error) {
		return node.Backup(context.Background(), node.BackupOptions{Address: from.Addr(), Dir: dir})
	}
	last := appendEvents(t, c, "s", esdb.NoStream{}, eventsOf(2000)...)
	// What $all hides must be in the copy too.
	appendEvents(t, c, "$persistentsubscription-$all::g-checkpoint", esdb.Any{}, esdb.EventData{EventID: uuid.New(), EventType: "C", Data: []byte("1")})
	if report, err := backup(n); err != nil || report.LastPosition != last.CommitPosition+1 {
		t.Fatalf("backup: %+v, error %v", report, err)
	}
	repeated := event("more")
	more := appendEvents(t, c, "s", esdb.Revision(1999), repeated)
	for range 2 { // the second finds nothing new
		if report, err := backup(n); err != nil || report.LastPosition != more.CommitPosition {
			t.Fatalf("backup again: %+v, error %v", report, err)
		}
	}
	other := start(t, node.Options{})
	if _, err := backup(other); err == nil || !strings.Contains(err.Error(), "use another folder") {
		t.Errorf("a shorter log was copied over the copy: %v", err)
	}
	appendEvents(t, dial(t, other), "s", esdb.NoStream{}, eventsOf(3000)...)
	if _, err := backup(other); err == nil || !strings.Contains(err.Error(), "the log of another node") {
		t.Errorf("another log was copied over the copy: %v", err)
	}

	restored := dial(t, start(t, node.Options{Dir: dir}))
	want, err := readAllOf(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAllOf(t, restored, "s", esdb.ReadStreamOptions{From: esdb.Start{}})
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d events were restored of %d, error %v", len(got), len(want), err)
	}
	for i, e := range want {
		if g := got[i].Event; g.EventID != e.Event.EventID || g.Position != e.Event.Position || g.CreatedDate != e.Event.CreatedDate || string(g.Data) != string(e.Event.Data) {
			t.Fatalf("event %d is %+v, was %+v", i, g, e.Event)
		}
	}
	if again := appendEvents(t, restored, "s", esdb.Revision(1999), repeated); again.CommitPosition != more.CommitPosition {
		t.Errorf("a repeated append was stored at %d, the first is at %d", again.CommitPosition, more.CommitPosition)
	}
	appendEvents(t, restored, "s", esdb.Revision(2000), event("on"))
}
