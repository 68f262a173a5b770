package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"netrom.pl/portal/infra/node"
)

// damageLargestTable flips a bit in the middle of the largest table of a log, and names the file.
func damageLargestTable(t *testing.T, dir string) string {
	t.Helper()
	tables, err := filepath.Glob(dir + "/*.sst")
	if err != nil {
		t.Fatal(err)
	}
	var name string
	var content []byte
	for _, table := range tables {
		found, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > len(content) {
			name, content = table, found
		}
	}
	if name == "" {
		t.Fatalf("no table in %s", dir)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestDamageIsNamed damages a block in the middle of a log: the check names the file and the last position before it, a
// node serves what is before and what is behind, and says at the damage which file it is in.
func TestDamageIsNamed(t *testing.T) {
	dir := t.TempDir() + "/log"
	n := start(t, node.Options{Dir: dir})
	c := dial(t, n)
	for range 10 {
		batch := eventsOf(300)
		for i := range batch {
			batch[i].EventType = "Happened" + strings.Repeat("x", 200)
		}
		appendEvents(t, c, "s", esdb.Any{}, batch...)
	}
	last := n.Durable()
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	file := damageLargestTable(t, dir)

	_, err := node.Check(dir)
	var damage *node.DamageError
	if !errors.As(err, &damage) || damage.File != file || strings.Count(err.Error(), "damaged") != 1 {
		t.Fatalf("the check gave %v", err)
	}
	place := regexp.MustCompile(`read on after position (\d+): `).FindStringSubmatch(err.Error())
	if place == nil {
		t.Fatalf("the check names no position: %v", err)
	}
	before, err := strconv.ParseUint(place[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}

	n = start(t, node.Options{Dir: dir})
	bare := bare(t, n)
	front, _, err := bareRead(bare, readLogOptions(1<<40, false))
	if status.Code(err) != codes.DataLoss || !strings.Contains(err.Error(), file) {
		t.Errorf("reading forwards ended with %v", err)
	}
	back, _, err := bareRead(bare, readLogOptions(1<<40, true))
	if status.Code(err) != codes.DataLoss || !strings.Contains(err.Error(), file) {
		t.Errorf("reading backwards ended with %v", err)
	}
	if len(front) == 0 || len(back) == 0 {
		t.Fatalf("%d events before the damage, %d behind it", len(front), len(back))
	}
	if at := front[len(front)-1].GetEvent().GetCommitPosition(); at != before || uint64(len(front)) != at {
		t.Errorf("forwards came %d events up to position %d, the check names %d", len(front), at, before)
	}
	behind := back[len(back)-1].GetEvent().GetCommitPosition()
	if behind <= before || uint64(len(back)) != last+1-behind {
		t.Errorf("backwards came %d events down to position %d, the damage is after %d, the end at %d", len(back), behind, before, last)
	}
	for _, o := range []esdb.ReadStreamOptions{{From: esdb.Start{}}, {From: esdb.End{}, Direction: esdb.Backwards}} {
		events, err := readAllOf(t, dial(t, n), "s", o)
		if err == nil || len(events) == 0 || len(events) >= 3000 {
			t.Errorf("the stream gave %d events, error %v", len(events), err)
		}
		for i := 1; i < len(events); i++ {
			if events[i].Event.EventNumber == events[i-1].Event.EventNumber {
				t.Fatalf("revision %d came twice", events[i].Event.EventNumber)
			}
		}
	}
	if _, err := dial(t, n).AppendToStream(context.Background(), "other", esdb.AppendToStreamOptions{}, event("x")); err != nil {
		t.Errorf("append beside the damage gave %v", err)
	}
}
