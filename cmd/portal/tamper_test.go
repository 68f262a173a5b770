package main

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/rogpeppe/go-internal/testscript"

	"netrom.pl/portal/infra/node"
)

// scriptTamper is "tamper FOLDER nothing|edit|remove|insert|swap|cut|restore": what somebody does to a stopped portal's log who can write to
// its folder. It writes the log anew, event by event, as a node of ours would have written it, and leaves no other trace.
func scriptTamper(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2 && changes[args[1]] != nil, "tamper FOLDER nothing|edit|remove|insert|swap|cut|restore")
	tamper(ts.Check, filepath.Join(ts.MkAbs(args[0]), "log"), args[1])
}

// tamper changes the log in a folder.
func tamper(check func(error), dir, change string) {
	events := storedEvents(check, dir)
	check(os.RemoveAll(dir))
	var now time.Time
	withNode(check, node.Options{Dir: dir, Now: func() time.Time { return now }}, func(client *esdb.Client) {
		for _, e := range changes[change](events, len(events)/2) {
			now = e.CreatedDate
			kind := esdb.ContentTypeBinary
			if e.ContentType == "application/json" {
				kind = esdb.ContentTypeJson
			}
			data := esdb.EventData{EventID: e.EventID, EventType: e.EventType, ContentType: kind, Data: e.Data, Metadata: e.UserMetadata}
			_, err := client.AppendToStream(context.Background(), e.StreamID, esdb.AppendToStreamOptions{}, data)
			check(err)
		}
	})
}

// changes are made to the event in the middle.
var changes = map[string]func(events []*esdb.RecordedEvent, at int) []*esdb.RecordedEvent{
	"nothing": func(events []*esdb.RecordedEvent, _ int) []*esdb.RecordedEvent { return events },
	"edit": func(events []*esdb.RecordedEvent, at int) []*esdb.RecordedEvent {
		events[at].Data = append(events[at].Data, ' ')
		return events
	},
	"remove": func(events []*esdb.RecordedEvent, at int) []*esdb.RecordedEvent {
		return append(events[:at:at], events[at+1:]...)
	},
	"insert": func(events []*esdb.RecordedEvent, at int) []*esdb.RecordedEvent {
		forged := *events[at]
		forged.EventID = uuid.New()
		return append(append(events[:at:at], &forged), events[at:]...)
	},
	"swap": func(events []*esdb.RecordedEvent, at int) []*esdb.RecordedEvent {
		events[at], events[at+1] = events[at+1], events[at]
		return events
	},
	"cut": func(events []*esdb.RecordedEvent, at int) []*esdb.RecordedEvent { return events[:at] },
	"restore": func(events []*esdb.RecordedEvent, at int) []*esdb.RecordedEvent { // an old backup, and what was written after it
		for _, later := range events[at:] {
			later.EventID = uuid.New()
		}
		return events
	},
}

// storedEvents reads the business events of a log.
func storedEvents(check func(error), dir string) (events []*esdb.RecordedEvent) {
	withNode(check, node.Options{Dir: dir}, func(client *esdb.Client) {
		all, err := client.ReadAll(context.Background(), esdb.ReadAllOptions{From: esdb.Start{}}, math.MaxUint64)
		check(err)
		defer all.Close()
		for {
			event, err := all.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			check(err)
			if e := event.OriginalEvent(); !strings.HasPrefix(e.StreamID, "$") {
				events = append(events, e)
			}
		}
	})
	return events
}

func withNode(check func(error), options node.Options, do func(*esdb.Client)) {
	server, err := node.Start(context.Background(), options)
	check(err)
	config, err := esdb.ParseConnectionString(server.ConnectionString())
	check(err)
	config.Logger = func(esdb.LogLevel, string, ...any) {}
	client, err := esdb.NewClient(config)
	check(err)
	do(client)
	client.Close()
	check(server.Stop())
}
