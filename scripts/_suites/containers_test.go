// Package esdb_test gets this file in place of the client's own containers_test.go, which runs the original server in
// Docker. Here a database is an esnode, started for the test on a free port and a temporary folder.
//
// It reads two variables: ESNODE, the program; EVENTSTORE_INSECURE, false for TLS with ../certs/node.
package esdb_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

// Container is a running esnode.
type Container struct {
	Endpoint string // host:port
	process  *exec.Cmd
}

// Close asks the node to stop and panics if it does not do so cleanly: tests call it without looking at a result.
func (c *Container) Close() {
	err := c.process.Process.Signal(syscall.SIGTERM)
	if err == nil {
		err = c.process.Wait()
	}
	if err != nil {
		panic(fmt.Errorf("stop esnode: %w", err))
	}
}

// names makes stream and group names that no other test uses.
type names struct{}

func (names) Generate() string { return uuid.NewString() }

// NAME_GENERATOR is what the tests take names from.
var NAME_GENERATOR names

// GetEnvOrDefault reads a variable of the environment.
func GetEnvOrDefault(key, otherwise string) string {
	if value, set := os.LookupEnv(key); set {
		return value
	}
	return otherwise
}

func insecure() bool { return GetEnvOrDefault("EVENTSTORE_INSECURE", "true") == "true" }

// IsESDBVersion20 tells whether the server is too old for what a test needs. esnode never is.
func IsESDBVersion20() bool { return false }

// CreateClient makes a client.
func CreateClient(connection string, t *testing.T) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString(connection)
	if err != nil {
		t.Fatal(err)
	}
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// GetClient makes a client of a database, with the default user if it is a secure one.
func GetClient(t *testing.T, c *Container) *esdb.Client {
	t.Helper()
	if insecure() {
		return CreateClient(fmt.Sprintf("esdb://%s?tls=false", c.Endpoint), t)
	}
	return CreateClient(fmt.Sprintf("esdb://admin:changeit@%s?tls=true&tlsVerifyCert=false", c.Endpoint), t)
}

// WaitForAdminToBeAvailable holds the node to being ready when it has said its address: it waits for nothing.
func WaitForAdminToBeAvailable(t *testing.T, client *esdb.Client) {
	t.Helper()
	users, err := client.ReadStream(context.Background(), "$users", esdb.ReadStreamOptions{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer users.Close()
	if _, err := users.Recv(); err != nil {
		t.Fatal(err)
	}
}

// CreateEmptyDatabase starts a node with nothing in it but what a node writes itself.
func CreateEmptyDatabase(t *testing.T) (*Container, *esdb.Client) {
	t.Helper()
	arguments := []string{"-data", filepath.Join(t.TempDir(), "log"), "-listen", "localhost:0"}
	if !insecure() {
		arguments = append(arguments, "-tls-cert", "../certs/node/node.crt", "-tls-key", "../certs/node/node.key")
	}
	process := exec.Command(os.Getenv("ESNODE"), arguments...)
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatalf("start esnode: %v", err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(errors.Join(fmt.Errorf("read the address of esnode: %w", err), process.Wait()))
	}
	c := &Container{Endpoint: strings.TrimSpace(address), process: process}
	client := GetClient(t, c)
	WaitForAdminToBeAvailable(t, client)
	return c, client
}

// CreatePopulatedDatabase starts a node and gives it the streams of the vendor's test data that the tests look at:
// dataset20M-0 with 6,000 events and dataset20M-1800 with 2,000. Event ids, types, revisions and their order are the
// vendor's; positions and times are the node's own, so the files of expected answers in ../resources/test are written
// anew with these.
func CreatePopulatedDatabase(t *testing.T) (*Container, *esdb.Client) {
	t.Helper()
	c, client := CreateEmptyDatabase(t)
	ids := knownIDs(t)
	appended := map[uint64]Event{}
	for _, part := range []struct{ number, from, to int }{{0, 0, 2000}, {1800, 0, 2000}, {0, 2000, 6000}} {
		stream := fmt.Sprintf("dataset20M-%d", part.number)
		for revision := part.from; revision < part.to; revision++ {
			e := esdb.EventData{EventID: uuid.New(), EventType: fmt.Sprintf("eventType-%d", part.number+revision%200), ContentType: esdb.ContentTypeJson, Data: []byte("{}")}
			if id, known := ids[fmt.Sprintf("%d@%s", revision, stream)]; known {
				e.EventID = id
			}
			result, err := client.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{}, e)
			if err != nil {
				t.Fatalf("append event %d to %s: %v", revision, stream, err)
			}
			appended[result.CommitPosition] = Event{StreamID: stream, StreamRevision: StreamRevision{result.NextExpectedVersion}, EventID: e.EventID}
		}
	}
	expect(t, wholeLog(t, client, appended))
	return c, client
}

// knownIDs are the ids of the events the vendor's files name, by "revision@stream".
func knownIDs(t *testing.T) map[string]uuid.UUID {
	t.Helper()
	ids := map[string]uuid.UUID{}
	for _, name := range []string{"dataset20M-1800-e0-e10", "dataset20M-1800-e1999-e1990"} {
		var events []TestEvent
		content, err := os.ReadFile("../resources/test/" + name + ".json")
		if err == nil {
			err = json.Unmarshal(content, &events)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			ids[fmt.Sprintf("%d@%s", e.Event.StreamRevision.Value, e.Event.StreamID)] = e.Event.EventID
		}
	}
	return ids
}

// wholeLog reads all events, oldest first, and holds them to what the answers of their appends said.
func wholeLog(t *testing.T, client *esdb.Client, appended map[uint64]Event) []TestEvent {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all, err := client.ReadAll(ctx, esdb.ReadAllOptions{From: esdb.End{}, Direction: esdb.Backwards}, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	resolved, err := collectStreamEvents(all)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	log := make([]TestEvent, len(resolved))
	for i, r := range resolved {
		e := r.OriginalEvent()
		if a, known := appended[e.Position.Commit]; known {
			found++
			if a.StreamID != e.StreamID || a.StreamRevision.Value != e.EventNumber || a.EventID != e.EventID {
				t.Fatalf("at position %d is %d@%s, appended was %d@%s", e.Position.Commit, e.EventNumber, e.StreamID, a.StreamRevision.Value, a.StreamID)
			}
		}
		log[i].Event = Event{
			StreamID: e.StreamID, StreamRevision: StreamRevision{e.EventNumber}, EventID: e.EventID, EventType: e.EventType, ContentType: e.ContentType,
			Position: Position{Commit: e.Position.Commit, Prepare: e.Position.Prepare},
			Created:  Created{Seconds: e.CreatedDate.Unix(), Nanos: e.CreatedDate.Nanosecond()},
		}
	}
	if found != len(appended) {
		t.Fatalf("of %d appended events, a read of everything gives %d", len(appended), found)
	}
	slices.Reverse(log)
	return log
}

// expect writes the files of expected answers. They come from one read of $all backwards; the tests compare them with
// reads in the other direction, from other places, of streams, and with a subscription.
func expect(t *testing.T, log []TestEvent) {
	t.Helper()
	select10 := func(events []TestEvent, wanted func(Event) bool) []TestEvent {
		var chosen []TestEvent
		for _, e := range events {
			if wanted(e.Event) && len(chosen) < 10 {
				chosen = append(chosen, e)
			}
		}
		return chosen
	}
	backwards := slices.Clone(log)
	slices.Reverse(backwards)
	in1800 := func(e Event) bool { return e.StreamID == "dataset20M-1800" }
	write(t, "dataset20M-1800-e0-e10", select10(log, in1800))
	write(t, "dataset20M-1800-e1999-e1990", select10(backwards, in1800))
	write(t, "all-e0-e10", log[:10])
	write(t, "all-c1788-p1788", select10(log, func(e Event) bool { return e.Position.Commit >= 1788 }))
	write(t, "all-back-c3386-p3386", select10(backwards, func(e Event) bool { return e.Position.Commit < 3386 }))
	var positions []Position
	for _, e := range log {
		if strings.HasPrefix(e.Event.EventType, "eventType-194") && len(positions) < 30 {
			positions = append(positions, e.Event.Position)
		}
	}
	write(t, "all-positions-filtered-stream-194-e0-e30", positions)
}

func write(t *testing.T, name string, expected any) {
	t.Helper()
	content, err := json.Marshal(expected)
	if err == nil {
		err = os.WriteFile("../resources/test/"+name+".json", content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
