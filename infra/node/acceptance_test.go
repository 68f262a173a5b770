package node_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"netrom.pl/portal/infra/node"
)

// TestPromisesHaveTests reads the table of promises in docs/node.md, and docs/faults.md: every test they name exists.
func TestPromisesHaveTests(t *testing.T) {
	document, err := os.ReadFile("../../docs/node.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, folder := range []string{".", "../../cmd/esnode", "../witness"} {
		files, err := filepath.Glob(folder + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range parsed.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					exists[f.Name.Name] = true
				}
			}
		}
	}
	faults, err := os.ReadFile("../../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w*`).FindAllString(string(faults), -1) {
		if !exists[name] {
			t.Errorf("docs/faults.md names %s, which does not exist", name)
		}
	}
	promises := regexp.MustCompile(`(?m)^\| (\d+) \|.*$`).FindAllStringSubmatch(string(document), -1)
	for i, p := range promises {
		if p[1] != strconv.Itoa(i+1) {
			t.Errorf("row %d has number %s", i+1, p[1])
		}
		names := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(p[0], -1)
		if len(names) == 0 {
			t.Errorf("promise %s names no test", p[1])
		}
		for _, name := range names {
			if !exists[name[1]] {
				t.Errorf("promise %s names %s, which does not exist", p[1], name[1])
			}
		}
	}
	if len(promises) < 16 {
		t.Errorf("docs/node.md has %d promises, want at least 16", len(promises))
	}
}

// TestAnyWritersAreDense lets 32 writers append to one stream without naming a revision: no revision is missing or
// given twice.
func TestAnyWritersAreDense(t *testing.T) {
	const writers, each = 32, 20
	n := start(t, node.Options{})
	c := dial(t, n)
	var wg sync.WaitGroup
	var revisions sync.Map
	for range writers {
		wg.Go(func() {
			for range each {
				r, err := c.AppendToStream(context.Background(), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("x"))
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				if _, taken := revisions.LoadOrStore(r.NextExpectedVersion, true); taken {
					t.Errorf("revision %d was given twice", r.NextExpectedVersion)
				}
			}
		})
	}
	wg.Wait()
	events, err := readAllOf(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}})
	if err != nil || len(events) != writers*each {
		t.Fatalf("the stream has %d events, error %v", len(events), err)
	}
	for i, e := range events {
		if e.Event.EventNumber != uint64(i) {
			t.Fatalf("event %d has revision %d", i, e.Event.EventNumber)
		}
	}
}

// TestSubscriptionDuringWrites subscribes while others write: every event once, in order, and the word that it has
// caught up comes after the history.
func TestSubscriptionDuringWrites(t *testing.T) {
	const history, live = 2_000, 1_000
	n := start(t, node.Options{})
	c := dial(t, n)
	for range history / 500 {
		appendEvents(t, c, "s", esdb.Any{}, eventsOf(500)...)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range live / 4 {
				appendEvents(t, c, "s", esdb.Any{}, event("live"))
			}
		})
	}
	s := subscribeStream(t, dial(t, n), "s", esdb.Start{})
	caughtUp := 0
	for want := uint64(0); want < history+live; {
		e := s.Recv()
		switch {
		case e.SubscriptionDropped != nil:
			t.Fatal(e.SubscriptionDropped.Error)
		case e.CaughtUp != nil:
			caughtUp++
			if want < history {
				t.Errorf("caught up after %d events of history", want)
			}
		case e.EventAppeared != nil:
			if got := e.EventAppeared.Event.EventNumber; got != want {
				t.Fatalf("got revision %d, want %d", got, want)
			}
			want++
		}
	}
	wg.Wait()
	if caughtUp == 0 && s.Recv().CaughtUp == nil {
		t.Error("the subscription never said that it had caught up")
	}
}

// TestCaughtUpAgain lets a live subscription fall behind by more than the node sends in one go.
func TestCaughtUpAgain(t *testing.T) {
	n := start(t, node.Options{})
	c := dial(t, n)
	stream := subscribeStream(t, dial(t, n), "s", esdb.Start{})
	all := subscribeAll(t, dial(t, n), esdb.SubscribeToAllOptions{From: esdb.End{}})
	equal(t, "stream", kinds(t, stream, 1), []string{"caught up"})
	equal(t, "$all", kinds(t, all, 1), []string{"caught up"})
	appendEvents(t, c, "s", esdb.Any{}, eventsOf(1_500)...)
	for _, s := range []*esdb.Subscription{stream, all} {
		got := kinds(t, s, 1_501)
		equal(t, "the end", got[1_499:], []string{"s@1499", "caught up"})
	}
	appendEvents(t, c, "s", esdb.Any{}, event("1500"))
	equal(t, "one more", kinds(t, stream, 1), []string{"s@1500"})
}

// ending is one call of Delete or Tombstone.
func ending(c streams.StreamsClient, stream, expected string, forever bool) (uint64, metadata.MD, error) {
	var trailers metadata.MD
	if forever {
		o := &streams.TombstoneReq_Options{StreamIdentifier: identifier(stream)}
		switch e := expecting(stream, expected).ExpectedStreamRevision.(type) {
		case *streams.AppendReq_Options_Any:
			o.ExpectedStreamRevision = &streams.TombstoneReq_Options_Any{Any: e.Any}
		case *streams.AppendReq_Options_NoStream:
			o.ExpectedStreamRevision = &streams.TombstoneReq_Options_NoStream{NoStream: e.NoStream}
		case *streams.AppendReq_Options_StreamExists:
			o.ExpectedStreamRevision = &streams.TombstoneReq_Options_StreamExists{StreamExists: e.StreamExists}
		case *streams.AppendReq_Options_Revision:
			o.ExpectedStreamRevision = &streams.TombstoneReq_Options_Revision{Revision: e.Revision}
		}
		r, err := c.Tombstone(context.Background(), &streams.TombstoneReq{Options: o}, grpc.Trailer(&trailers))
		return r.GetPosition().GetCommitPosition(), trailers, err
	}
	o := &streams.DeleteReq_Options{StreamIdentifier: identifier(stream)}
	switch e := expecting(stream, expected).ExpectedStreamRevision.(type) {
	case *streams.AppendReq_Options_Any:
		o.ExpectedStreamRevision = &streams.DeleteReq_Options_Any{Any: e.Any}
	case *streams.AppendReq_Options_NoStream:
		o.ExpectedStreamRevision = &streams.DeleteReq_Options_NoStream{NoStream: e.NoStream}
	case *streams.AppendReq_Options_StreamExists:
		o.ExpectedStreamRevision = &streams.DeleteReq_Options_StreamExists{StreamExists: e.StreamExists}
	case *streams.AppendReq_Options_Revision:
		o.ExpectedStreamRevision = &streams.DeleteReq_Options_Revision{Revision: e.Revision}
	}
	r, err := c.Delete(context.Background(), &streams.DeleteReq{Options: o}, grpc.Trailer(&trailers))
	return r.GetPosition().GetCommitPosition(), trailers, err
}

// TestDeleteAndTombstone ends streams in every state with every expected revision. The columns are
//
//	Delete any | none | exists | 0 | 2 | 7 | Tombstone any | none | exists | 0 | 2 | 7
//
// w: done, -1 and 2: wrong expected version with that actual one, d: stream deleted.
// Source: EventStore, src/EventStore.Core/Services/Transport/Grpc/Streams.Delete.cs; StorageWriterService.cs.
func TestDeleteAndTombstone(t *testing.T) {
	n := start(t, node.Options{})
	c := bare(t, n)
	for _, row := range strings.Split(strings.TrimSpace(`
missing   -1 -1 -1 -1 -1 -1  w w -1 -1 -1 -1
described w w w -1 -1 -1     w w w -1 -1 -1
live      w 2 w 2 w 2        w 2 w 2 w 2
truncated w 2 w 2 w 2        w 2 w 2 w 2
deleted   w w d 2 w 2        w w d 2 w 2
ended     d d d d d d        d d d d d d`), "\n") {
		cells := strings.Fields(row)
		for i, want := range cells[1:] {
			expected, forever := []string{"any", "none", "exists", "0", "2", "7"}[i%6], i >= 6
			t.Run(fmt.Sprintf("%s/%s/forever=%v", cells[0], expected, forever), func(t *testing.T) {
				p := prepare(t, c, cells[0])
				before := n.Durable()
				position, trailers, err := ending(c, p.name, expected, forever)
				number := map[string]string{"any": "-2", "none": "-1", "exists": "-4"}[expected]
				if number == "" {
					number = expected
				}
				switch want {
				case "w":
					if err != nil || position != before+1 || n.Durable() != before+1 {
						t.Errorf("got position %d, error %v; the log went from %d to %d", position, err, before, n.Durable())
					}
				case "d":
					if status.Code(err) != codes.FailedPrecondition || trailers.Get("exception")[0] != "stream-deleted" || trailers.Get("stream-name")[0] != p.name {
						t.Errorf("got %v with %v", err, trailers)
					}
				default:
					message := fmt.Sprintf("Delete failed due to WrongExpectedVersion. Stream: %s, Expected version: %s, Actual version: %s", p.name, number, want)
					if status.Code(err) != codes.FailedPrecondition || status.Convert(err).Message() != message ||
						fmt.Sprint(trailers.Get("exception"), trailers.Get("stream-name"), trailers.Get("expected-version"), trailers.Get("actual-version")) !=
							fmt.Sprint([]string{"wrong-expected-version"}, []string{p.name}, []string{number}, []string{want}) {
						t.Errorf("got %v with %v", err, trailers)
					}
				}
			})
		}
	}
	if _, err := c.Delete(context.Background(), &streams.DeleteReq{Options: &streams.DeleteReq_Options{StreamIdentifier: identifier("s")}}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no expected revision gave %v", err)
	}
}

// dataOf lists "stream: data" of the last events of $all, in its order.
func dataOf(t *testing.T, c streams.StreamsClient, count uint64) []string {
	t.Helper()
	answers, _, err := bareRead(c, readLogOptions(count, true))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := len(answers) - 1; i >= 0; i-- {
		e := answers[i].GetEvent().GetEvent()
		got = append(got, fmt.Sprintf("%s: %s", e.GetStreamIdentifier().GetStreamName(), e.GetData()))
	}
	return got
}

// TestSoftDelete follows a stream through deletion and recreation: what reads say, and what $all holds.
func TestSoftDelete(t *testing.T) {
	c := bare(t, start(t, node.Options{}))
	must := func(r *streams.AppendResp, _ metadata.MD, err error) *streams.AppendResp_Success {
		t.Helper()
		if err != nil || r.GetSuccess() == nil {
			t.Fatalf("append gave %v, error %v", r, err)
		}
		return r.GetSuccess()
	}
	reads := func(stream, want string) {
		t.Helper()
		if answers, _, err := bareRead(c, readStreamOptions(stream)); err != nil || shape(answers) != want {
			t.Errorf("%s is %q, error %v, want %q", stream, shape(answers), err, want)
		}
	}
	end := func() {
		t.Helper()
		if _, _, err := ending(c, "s", "any", false); err != nil {
			t.Fatal(err)
		}
	}
	add := func(content string) *streams.AppendResp_Success {
		t.Helper()
		return must(bareAppend(c, expecting("s", "any"), message(uuid.NewString(), "T", content)))
	}
	describe := func(document string) {
		t.Helper()
		must(bareAppend(c, expecting("$$s", "any"), message(uuid.NewString(), "$metadata", document)))
	}
	add("0")
	add("1")
	describe(`{"owner":"us","$maxCount":9}`)
	end()
	reads("s", "not found: s")
	reads("$$s", "1")
	end()
	reads("$$s", "2")
	if s := add("2"); s.GetCurrentRevision() != 2 {
		t.Errorf("the recreated stream goes on at %d", s.GetCurrentRevision())
	}
	reads("s", "2")
	equal(t, "$all", dataOf(t, c, 7), []string{"s: 0", "s: 1", `$$s: {"owner":"us","$maxCount":9}`,
		`$$s: {"$tb":9223372036854775807}`, `$$s: {"$tb":9223372036854775807}`, "s: 2", `$$s: {"$tb":2}`})

	end()
	describe(`{"owner":"them"}`)
	reads("s", "")
	equal(t, "described while deleted", dataOf(t, c, 2), []string{`$$s: {"owner":"them"}`, `$$s: {"owner":"them","$tb":3}`})
	add("3")
	reads("s", "3")
	end()
	describe(`no JSON`)
	reads("s", "0 1 2 3")
	describe(`{"$tb":9223372036854775807}`)
	reads("s", "not found: s")
}

// TestTombstone ends a stream for ever, one that was never written too: whatever is tried says so, and $all keeps all.
func TestTombstone(t *testing.T) {
	n := start(t, node.Options{})
	c := bare(t, n)
	for _, expected := range []string{"any", "none"} {
		stream := "never-" + expected
		if _, _, err := ending(c, stream, expected, true); err != nil {
			t.Fatal(err)
		}
		answers, _, err := bareRead(c, readLogOptions(1, true))
		if err != nil || len(answers) != 1 {
			t.Fatal(answers, err)
		}
		e := answers[0].GetEvent().GetEvent()
		if e.GetStreamRevision() != math.MaxInt64 || e.GetMetadata()["type"] != "$streamDeleted" || len(e.GetData()) > 0 ||
			e.GetMetadata()["content-type"] != "application/octet-stream" {
			t.Errorf("$all ends with %v", e)
		}
		for _, name := range []string{stream, "$$" + stream} {
			for _, o := range []func(*streams.ReadReq_Options){
				func(*streams.ReadReq_Options) {},
				func(o *streams.ReadReq_Options) { o.ReadDirection = streams.ReadReq_Options_Backwards },
				func(o *streams.ReadReq_Options) { o.CountOption = subscription("").GetOptions().CountOption },
			} {
				options := readStreamOptions(name)
				o(options)
				answers, trailers, err := bareRead(c, options)
				isDeleted(t, "read "+name, name, trailers, err)
				if len(answers) > 0 {
					t.Errorf("before the error came %v", answers)
				}
			}
			_, trailers, err := bareAppend(c, expecting(name, "any"), message(uuid.NewString(), "$metadata", "{}"))
			isDeleted(t, "append to "+name, name, trailers, err)
			_, trailers, err = ending(c, name, "any", false)
			isDeleted(t, "delete "+name, name, trailers, err)
			_, trailers, err = ending(c, name, "any", true)
			isDeleted(t, "tombstone "+name, name, trailers, err)
		}
	}
}

func isDeleted(t *testing.T, what, stream string, trailers metadata.MD, err error) {
	t.Helper()
	if status.Code(err) != codes.FailedPrecondition || fmt.Sprint(trailers.Get("exception"), trailers.Get("stream-name")) != fmt.Sprintf("[stream-deleted] [%s]", stream) {
		t.Errorf("%s: got %v with %v", what, err, trailers)
	}
}

// TestEndedMetastream ends the metadata of a stream for ever: the stream lives, but can no longer be deleted softly.
func TestEndedMetastream(t *testing.T) {
	c := bare(t, start(t, node.Options{}))
	if _, _, err := bareAppend(c, expecting("s", "any"), message(uuid.NewString(), "T", "0")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ending(c, "$$s", "any", true); err != nil {
		t.Fatal(err)
	}
	_, trailers, err := ending(c, "s", "any", false)
	isDeleted(t, "delete", "$$s", trailers, err)
	if answers, _, err := bareRead(c, readStreamOptions("s")); err != nil || shape(answers) != "0" {
		t.Errorf("the stream is %q, error %v", shape(answers), err)
	}
}

// TestBothFormsOfUUID appends under an id in one form and repeats it in the other: it is the same event.
func TestBothFormsOfUUID(t *testing.T) {
	c := bare(t, start(t, node.Options{}))
	id := uuid.New()
	text, halves := message(id.String(), "T", "{}"), message("", "T", "{}")
	halves.Id = &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits: half(id[:8]), LeastSignificantBits: half(id[8:])}}}
	first, _, err := bareAppend(c, expecting("s", "none"), text)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := bareAppend(c, expecting("s", "none"), halves)
	if err != nil || again.GetSuccess().GetPosition().GetCommitPosition() != first.GetSuccess().GetPosition().GetCommitPosition() {
		t.Errorf("first %v, again %v, error %v", first, again, err)
	}
	o := readStreamOptions("s")
	answers, _, err := bareRead(c, o)
	if err != nil || len(answers) != 1 {
		t.Fatal(answers, err)
	}
	equal(t, "structured", answers[0].GetEvent().GetEvent().GetId(), halves.Id)
	o.UuidOption = &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}
	if answers, _, err = bareRead(c, o); err != nil || len(answers) != 1 {
		t.Fatal(answers, err)
	}
	equal(t, "string", answers[0].GetEvent().GetEvent().GetId(), text.Id)
}

// half is eight bytes of a UUID, big-endian.
func half(b []byte) (n int64) {
	for _, c := range b {
		n = n<<8 | int64(c)
	}
	return n
}

// TestCreated compares the moment of an event with the clock: ticks of 100 ns since 1970, as a decimal number.
func TestCreated(t *testing.T) {
	c := bare(t, start(t, node.Options{}))
	before := time.Now()
	if _, _, err := bareAppend(c, expecting("s", "any"), message(uuid.NewString(), "T", "{}")); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	answers, _, err := bareRead(c, readStreamOptions("s"))
	if err != nil || len(answers) != 1 {
		t.Fatal(answers, err)
	}
	ticks, err := strconv.ParseInt(answers[0].GetEvent().GetEvent().GetMetadata()["created"], 10, 64)
	if err != nil || ticks < before.UnixNano()/100 || ticks > after.UnixNano()/100 {
		t.Errorf("created is %d, error %v, written between %v and %v", ticks, err, before, after)
	}
}

// TestReadAll reads $all in both directions from everywhere: forwards a position is included, backwards it is not.
func TestReadAll(t *testing.T) {
	n := start(t, node.Options{})
	c, bare := dial(t, n), bare(t, n)
	base := n.Durable()
	for i := range 4 {
		appendEvents(t, c, fmt.Sprint("s-", i%2), esdb.Any{}, event(""))
	}
	appendEvents(t, c, "$persistentsubscription-$all::g-checkpoint", esdb.Any{}, event("hidden"))
	at := func(offset uint64) func(*streams.ReadReq_Options) {
		return func(o *streams.ReadReq_Options) {
			o.GetAll().AllOption = &streams.ReadReq_Options_AllOptions_Position{
				Position: &streams.ReadReq_Options_Position{CommitPosition: base + offset, PreparePosition: base + offset}}
		}
	}
	start := func(o *streams.ReadReq_Options) {
		o.GetAll().AllOption = &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}
	}
	end := func(o *streams.ReadReq_Options) {
		o.GetAll().AllOption = &streams.ReadReq_Options_AllOptions_End{End: &shared.Empty{}}
	}
	largest := func(o *streams.ReadReq_Options) {
		at(0)(o)
		p := o.GetAll().GetPosition()
		p.CommitPosition, p.PreparePosition = math.MaxUint64, math.MaxUint64
	}
	for _, row := range []struct {
		name      string
		backwards bool
		place     func(*streams.ReadReq_Options)
		stream    string // prefix to filter by
		count     uint64
		want      string // offsets
	}{
		{"forwards, included", false, at(2), "", 100, "2 3 4"},
		{"forwards, counted", false, at(1), "", 2, "1 2"},
		{"forwards from the end", false, end, "", 100, ""},
		{"forwards from the largest position", false, largest, "", 100, ""},
		{"forwards beyond the end", false, at(99), "", 100, ""},
		{"forwards, filtered", false, start, "s-1", 100, "2 4"},
		{"forwards, filtered and counted", false, start, "s-1", 1, "2"},
		{"forwards, nothing matches", false, start, "t", 100, ""},
		{"backwards, not included", true, at(3), "", 2, "2 1"},
		{"backwards from the end", true, end, "", 4, "4 3 2 1"},
		{"backwards from the largest position", true, largest, "", 2, "4 3"},
		{"backwards from the start", true, start, "", 100, ""},
		{"backwards, filtered", true, end, "s-0", 100, "3 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := readLogOptions(row.count, row.backwards)
			row.place(o)
			o.ControlOption = &streams.ReadReq_Options_ControlOption{Compatibility: 1} // $all has no first or last revision
			if row.stream != "" {
				o.FilterOption = &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
					Filter: &streams.ReadReq_Options_FilterOptions_StreamIdentifier{StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Prefix: []string{row.stream}}},
					Window: &streams.ReadReq_Options_FilterOptions_Count{Count: &shared.Empty{}}}}
			}
			answers, _, err := bareRead(bare, o)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range answers {
				e := a.GetEvent()
				if e.GetEvent() == nil || e.GetCommitPosition() != e.GetEvent().GetCommitPosition() || e.GetEvent().GetPreparePosition() != e.GetEvent().GetCommitPosition() {
					t.Fatalf("answer is %v", a)
				}
				got = append(got, fmt.Sprint(e.GetCommitPosition()-base))
			}
			equal(t, "positions", strings.Join(got, " "), row.want)
		})
	}
}

// TestWhatClientsAskFirst asks for features and gossip as clients do before their first call.
func TestWhatClientsAskFirst(t *testing.T) {
	n := start(t, node.Options{})
	conn, err := grpc.NewClient(n.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	features, err := serverfeatures.NewServerFeaturesClient(conn).GetSupportedMethods(context.Background(), &shared.Empty{})
	if err != nil || features.GetEventStoreServerVersion() != "24.2.0" {
		t.Errorf("features are %v, error %v", features, err)
	}
	got := map[string]string{}
	for _, m := range features.GetMethods() {
		got[m.GetServiceName()+"/"+m.GetMethodName()] = strings.Join(m.GetFeatures(), " ")
	}
	const service = "event_store.client.streams.streams/"
	for method, want := range map[string]string{"read": "position events", "append": "", "delete": "", "tombstone": "", "batchappend": "deadline_duration"} {
		if features, listed := got[service+method]; !listed || features != want {
			t.Errorf("%s is listed: %v, with %q, want %q", method, listed, features, want)
		}
	}
	cluster, err := gossip.NewGossipClient(conn).Read(context.Background(), &shared.Empty{})
	if err != nil || len(cluster.GetMembers()) != 1 {
		t.Fatalf("gossip is %v, error %v", cluster, err)
	}
	m := cluster.GetMembers()[0]
	if address := fmt.Sprintf("%s:%d", m.GetHttpEndPoint().GetAddress(), m.GetHttpEndPoint().GetPort()); address != n.Addr() ||
		m.GetState() != gossip.MemberInfo_Leader || !m.GetIsAlive() || m.GetInstanceId().GetStructured() == nil {
		t.Errorf("the member is %v", m)
	}
}

func TestAdvertisedAddress(t *testing.T) {
	for _, address := range []string{"somewhere", "somewhere:http", "somewhere:0", "somewhere:99999"} {
		if n, err := node.Start(context.Background(), node.Options{Advertise: address}); err == nil {
			n.Stop()
			t.Errorf("%q was accepted", address)
		}
	}
	if n := start(t, node.Options{Advertise: "node.example:2113"}); n.Addr() != "node.example:2113" {
		t.Errorf("the address is %s", n.Addr())
	}
}
