package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"netrom.pl/portal/infra/node"
)

// readStreamOptions asks for a whole stream forwards.
func readStreamOptions(stream string) *streams.ReadReq_Options {
	return &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
			StreamIdentifier: identifier(stream), RevisionOption: &streams.ReadReq_Options_StreamOptions_Start{Start: &shared.Empty{}}}},
		CountOption:  &streams.ReadReq_Options_Count{Count: 1000},
		FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
	}
}

// readLogOptions asks for all of $all; backwards from its end.
func readLogOptions(count uint64, backwards bool) *streams.ReadReq_Options {
	o := &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
			AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}},
		CountOption:  &streams.ReadReq_Options_Count{Count: count},
		FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
	}
	if backwards {
		o.ReadDirection = streams.ReadReq_Options_Backwards
		o.GetAll().AllOption = &streams.ReadReq_Options_AllOptions_End{End: &shared.Empty{}}
	}
	return o
}

// bareRead collects the answers of a read that ends.
func bareRead(c streams.StreamsClient, o *streams.ReadReq_Options) (answers []*streams.ReadResp, trailers metadata.MD, err error) {
	call, err := c.Read(context.Background(), &streams.ReadReq{Options: o})
	if err != nil {
		return nil, nil, err
	}
	for {
		r, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return answers, call.Trailer(), nil
		}
		if err != nil {
			return answers, call.Trailer(), err
		}
		answers = append(answers, r)
	}
}

// shape names the answers of a read: events by revision, everything else by kind.
func shape(answers []*streams.ReadResp) string {
	var s []string
	for _, a := range answers {
		switch c := a.GetContent().(type) {
		case *streams.ReadResp_Event:
			e := c.Event.GetEvent()
			if e == nil {
				s = append(s, "dangling")
				continue
			}
			s = append(s, fmt.Sprint(e.GetStreamRevision()))
		case *streams.ReadResp_FirstStreamPosition:
			s = append(s, fmt.Sprintf("first=%d", c.FirstStreamPosition))
		case *streams.ReadResp_LastStreamPosition:
			s = append(s, fmt.Sprintf("last=%d", c.LastStreamPosition))
		case *streams.ReadResp_StreamNotFound_:
			s = append(s, "not found: "+string(c.StreamNotFound.GetStreamIdentifier().GetStreamName()))
		}
	}
	return strings.Join(s, " ")
}

func TestReadAnswers(t *testing.T) {
	n := start(t, node.Options{})
	c, bare := dial(t, n), bare(t, n)
	write := func(stream string, count int, document string) {
		for i := range count {
			appendEvents(t, c, stream, esdb.Any{}, event(fmt.Sprint(i)))
		}
		if document != "" {
			e := event("")
			e.EventType, e.Data = "$metadata", []byte(document)
			appendEvents(t, c, "$$"+stream, esdb.Any{}, e)
		}
	}
	write("plain", 5, "")
	write("from-3", 5, `{"$tb":3}`)
	write("two", 5, `{"$maxCount":2}`)
	write("all-gone", 5, `{"$tb":5}`)
	write("young", 5, `{"$maxAge":1000}`)
	write("malformed", 5, `{"$maxCount":2,"$tb":"x"}`)
	write("described", 0, `{"$maxCount":2}`)
	write("trailing", 5, `{"$maxCount":2} x`)
	write("zero", 5, `{"$maxCount":0,"$tb":-4}`)
	write("null", 5, `{"$maxCount":2,"$tmp":null}`)
	write("no-role", 5, `{"$maxCount":2,"$acl":{"$r":["a",null]}}`)
	write("roles", 5, `{"$maxCount":2,"$acl":{"$r":["a"],"$w":"b"},"$tmp":true,"$cacheControl":5}`)
	write("no-age", 5, `{"$maxAge":-9223372036854775807}`)
	write("far", 50, `{"$tb":40}`)
	write("described-twice", 1, `{"$maxCount":2}`)
	write("described-twice", 0, `{"$maxCount":3}`)

	backwards := func(o *streams.ReadReq_Options) {
		o.ReadDirection = streams.ReadReq_Options_Backwards
		o.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}}
	}
	from := func(revision uint64) func(*streams.ReadReq_Options) {
		return func(o *streams.ReadReq_Options) {
			o.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_Revision{Revision: revision}
		}
	}
	both := func(edits ...func(*streams.ReadReq_Options)) func(*streams.ReadReq_Options) {
		return func(o *streams.ReadReq_Options) {
			for _, edit := range edits {
				edit(o)
			}
		}
	}
	count := func(n uint64) func(*streams.ReadReq_Options) {
		return func(o *streams.ReadReq_Options) { o.CountOption = &streams.ReadReq_Options_Count{Count: n} }
	}
	positions := func(o *streams.ReadReq_Options) {
		o.ControlOption = &streams.ReadReq_Options_ControlOption{Compatibility: 1}
	}
	for _, row := range []struct {
		name, stream string
		edit         func(*streams.ReadReq_Options)
		want         string
	}{
		{"all of it", "plain", nil, "0 1 2 3 4"},
		{"backwards", "plain", backwards, "4 3 2 1 0"},
		{"from 3", "plain", from(3), "3 4"},
		{"two from 1", "plain", both(from(1), count(2)), "1 2"},
		{"beyond the end", "plain", from(9), ""},
		{"backwards from 2", "plain", both(backwards, from(2)), "2 1 0"},
		{"backwards from beyond the end", "plain", both(backwards, from(99)), "4 3 2 1 0"},
		{"last one", "plain", both(backwards, count(1)), "4"},
		{"truncated", "from-3", nil, "3 4"},
		{"truncated backwards", "from-3", backwards, "4 3"},
		{"$maxCount", "two", nil, "3 4"},
		{"$maxCount backwards", "two", backwards, "4 3"},
		{"everything truncated", "all-gone", nil, ""},
		{"$maxAge far away", "young", nil, "0 1 2 3 4"},
		{"malformed metadata counts as none", "malformed", nil, "0 1 2 3 4"},
		{"text after metadata makes it malformed", "trailing", nil, "0 1 2 3 4"},
		{"metadata values up to zero count as none", "zero", nil, "0 1 2 3 4"},
		{"null is no value", "null", nil, "0 1 2 3 4"},
		{"null is no role", "no-role", nil, "0 1 2 3 4"},
		{"roles are known", "roles", nil, "3 4"},
		{"a negative age counts as none", "no-age", nil, "0 1 2 3 4"},
		{"missing", "nobody", nil, "not found: nobody"},
		{"metadata before events", "described", nil, "not found: described"},
		{"metadata", "$$two", nil, "0"},
		{"the newest metadata", "$$described-twice", nil, "1"},
		{"the newest metadata backwards", "$$described-twice", both(backwards, count(1)), "1"},
		{"positions", "plain", positions, "0 1 2 3 4 last=4"},
		{"positions of a missing stream", "nobody", positions, "not found: nobody"},
		{"positions of an empty answer", "all-gone", positions, "first=5 last=4"},
		{"positions beyond the end", "plain", both(from(9), positions), "first=5 last=4"},
		{"positions at the end", "plain", both(from(5), positions), "last=4"},
		{"positions of a stream truncated on the first page", "from-3", positions, "3 4 last=4"},
		{"positions of a stream truncated beyond what was asked for", "from-3", both(positions, count(2)), "first=3 3 4 last=4"},
		{"positions of a stream truncated beyond the first page", "far", both(positions, count(40)), "first=40 40 41 42 43 44 45 46 47 48 49 last=49"},
		{"positions backwards of nothing", "far", both(backwards, positions, from(10)), "last=49"},
		{"positions backwards", "plain", both(backwards, positions, count(1)), "4 last=4"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := readStreamOptions(row.stream)
			if row.edit != nil {
				row.edit(o)
			}
			answers, _, err := bareRead(bare, o)
			if err != nil || shape(answers) != row.want {
				t.Errorf("got %q, error %v, want %q", shape(answers), err, row.want)
			}
		})
	}
}

// reversed turns a list of revisions around.
func reversed(shape string) string {
	fields := strings.Fields(shape)
	slices.Reverse(fields)
	return strings.Join(fields, " ")
}

// TestManyExpiredEvents reads past more expired events than the node looks at in one go.
func TestManyExpiredEvents(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	n := start(t, node.Options{Now: func() time.Time { return now }})
	c, bare := dial(t, n), bare(t, n)
	e := event("")
	e.EventType, e.Data = "$metadata", []byte(`{"$maxAge":60}`)
	appendEvents(t, c, "$$s", esdb.Any{}, e)
	for range 10 {
		appendEvents(t, c, "s", esdb.Any{}, eventsOf(1000)...)
	}
	now = now.Add(time.Hour)
	appendEvents(t, c, "s", esdb.Any{}, event("young"))
	if answers, _, err := bareRead(bare, readStreamOptions("s")); err != nil || shape(answers) != "10000" {
		t.Errorf("got %q, error %v", shape(answers), err)
	}
}

func TestMaxAge(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	n := start(t, node.Options{Now: func() time.Time { return now }})
	c, bare := dial(t, n), bare(t, n)
	appendEvents(t, c, "s", esdb.Any{}, event("0"))
	now = now.Add(time.Minute)
	appendEvents(t, c, "s", esdb.Any{}, event("1"))
	e := event("")
	e.EventType, e.Data = "$metadata", []byte(`{"$maxAge":90}`)
	appendEvents(t, c, "$$s", esdb.Any{}, e)
	for _, step := range []struct {
		later time.Duration
		want  string
	}{{0, "0 1"}, {31 * time.Second, "1"}, {time.Hour, ""}} {
		now = now.Add(step.later)
		o := readStreamOptions("s")
		if answers, _, err := bareRead(bare, o); err != nil || shape(answers) != step.want {
			t.Errorf("after %v: got %q, error %v, want %q", step.later, shape(answers), err, step.want)
		}
		o.ReadDirection, o.GetStream().RevisionOption = streams.ReadReq_Options_Backwards, &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}}
		if answers, _, err := bareRead(bare, o); err != nil || shape(answers) != reversed(step.want) {
			t.Errorf("after %v, backwards: got %q, error %v, want the reverse of %q", step.later, shape(answers), err, step.want)
		}
	}
	o := readStreamOptions("s")
	o.ControlOption = &streams.ReadReq_Options_ControlOption{Compatibility: 1}
	if answers, _, err := bareRead(bare, o); err != nil || shape(answers) != "first=2 last=1" {
		t.Errorf("with positions: got %q, error %v", shape(answers), err)
	}
	now = now.Add(-24 * time.Hour)
	appendEvents(t, c, "s", esdb.Any{}, event("2"))
	events, err := readAllOf(t, c, "s", esdb.ReadStreamOptions{From: esdb.Revision(2)})
	if err == nil && len(events) > 0 && events[0].Event.CreatedDate.Before(time.Date(2026, 5, 4, 12, 1, 0, 0, time.UTC)) {
		t.Errorf("the clock went back and so did the log, to %v", events[0].Event.CreatedDate)
	}
}

func TestLinks(t *testing.T) {
	n := start(t, node.Options{})
	c, bare := dial(t, n), bare(t, n)
	appendEvents(t, c, "target", esdb.Any{}, event("0"), event("1"))
	for _, to := range []string{"1@target", "7@target", "0@nobody", "not a link", "0@target"} {
		appendEvents(t, c, "links", esdb.Any{}, esdb.EventData{EventID: uuid.New(), EventType: "$>", Data: []byte(to)})
	}
	for _, stringIDs := range []bool{false, true} {
		o := readStreamOptions("links")
		if stringIDs {
			o.UuidOption = &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}
		}
		answers, _, err := bareRead(bare, o)
		if err != nil || shape(answers) != "0 1 2 3 4" {
			t.Errorf("unresolved: got %q, error %v", shape(answers), err)
		}
		o.ResolveLinks = true
		answers, _, err = bareRead(bare, o)
		if err != nil || shape(answers) != "1 dangling dangling 3 0" {
			t.Errorf("resolved: got %q, error %v", shape(answers), err)
		}
		for i, a := range answers {
			e := a.GetEvent()
			link := e.GetLink()
			if i == 3 {
				link = e.GetEvent() // what is no link is an event of its own
			}
			if link.GetStreamRevision() != uint64(i) || e.GetCommitPosition() != link.GetCommitPosition() || (link.GetId().GetString_() != "") != stringIDs {
				t.Errorf("answer %d is %v", i, a)
			}
			if e.GetEvent() != nil && string(e.GetEvent().GetData()) == "" {
				t.Errorf("answer %d has no content", i)
			}
		}
	}
	o := readLogOptions(5, true)
	o.ResolveLinks = true
	if answers, _, err := bareRead(bare, o); err != nil || shape(answers) != "0 3 dangling dangling 1" {
		t.Errorf("resolved in $all: got %q, error %v", shape(answers), err)
	}
	s, err := c.SubscribeToStream(context.Background(), "links", esdb.SubscribeToStreamOptions{From: esdb.Start{}, ResolveLinkTos: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if e := next(t, s); e.Event.StreamID != "target" || e.Event.EventNumber != 1 || e.Link.StreamID != "links" {
		t.Errorf("subscription got %v linked by %v", e.Event, e.Link)
	}
}

func TestAppendSizes(t *testing.T) {
	const limit = 1_048_576
	c := bare(t, start(t, node.Options{}))
	for _, row := range []struct {
		name   string
		sizes  []int
		custom int
		fits   bool
	}{
		{"one at the limit", []int{limit}, 0, true},
		{"one above the limit", []int{limit + 1}, 0, false},
		{"two at the limit", []int{limit - 10, 10}, 0, true},
		{"two above the limit", []int{limit - 10, 11}, 0, false},
		{"metadata does not count", []int{limit}, 1000, true},
		{"five MiB", []int{5 << 20}, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var messages []*streams.AppendReq_ProposedMessage
			for _, size := range row.sizes {
				m := message(uuid.NewString(), "T", strings.Repeat("x", size))
				m.CustomMetadata = make([]byte, row.custom)
				messages = append(messages, m)
			}
			_, trailers, err := bareAppend(c, expecting("s", "any"), messages...)
			if row.fits && err != nil {
				t.Errorf("got %v", err)
			}
			if !row.fits && (status.Code(err) != codes.InvalidArgument || trailers.Get("exception")[0] != "maximum-append-size-exceeded" ||
				trailers.Get("maximum-append-size")[0] != "1048576") {
				t.Errorf("got %v with %v", err, trailers)
			}
		})
	}
}

// TestRequestsThatAreRefused sends what no proper client sends.
func TestRequestsThatAreRefused(t *testing.T) {
	n := start(t, node.Options{})
	c := bare(t, n)
	without := message(uuid.NewString(), "T", "{}")
	delete(without.Metadata, "content-type")
	for _, row := range []struct {
		name    string
		options *streams.AppendReq_Options
		message *streams.AppendReq_ProposedMessage
		want    codes.Code
	}{
		{"no expected revision", &streams.AppendReq_Options{StreamIdentifier: identifier("s")}, message(uuid.NewString(), "T", "{}"), codes.InvalidArgument},
		{"empty stream name", expecting("", "any"), message(uuid.NewString(), "T", "{}"), codes.Unknown},
		{"long stream name", expecting(strings.Repeat("n", 5000), "any"), message(uuid.NewString(), "T", "{}"), codes.Unknown},
		{"empty type", expecting("s", "any"), message(uuid.NewString(), "", "{}"), codes.Unknown},
		{"empty id", expecting("s", "any"), message(uuid.Nil.String(), "T", "{}"), codes.Unknown},
		{"no uuid", expecting("s", "any"), message("x", "T", "{}"), codes.Unknown},
		{"no content type", expecting("s", "any"), without, codes.InvalidArgument},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, _, err := bareAppend(c, row.options, row.message); status.Code(err) != row.want {
				t.Errorf("got %v, want %v", err, row.want)
			}
		})
	}
	subscription := &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}}
	all := &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}}
	window := &streams.ReadReq_Options_FilterOptions_Count{Count: &shared.Empty{}}
	expression := func(regex string) *streams.ReadReq_Options_FilterOptions_StreamIdentifier {
		return &streams.ReadReq_Options_FilterOptions_StreamIdentifier{StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Regex: regex}}
	}
	for _, row := range []struct {
		name string
		edit func(*streams.ReadReq_Options)
		want codes.Code
	}{
		{"neither filter nor none", func(o *streams.ReadReq_Options) { o.FilterOption = nil }, codes.InvalidArgument},
		{"no count", func(o *streams.ReadReq_Options) { o.CountOption = nil }, codes.InvalidArgument},
		{"no stream", func(o *streams.ReadReq_Options) { o.StreamOption = nil }, codes.InvalidArgument},
		{"count 0", func(o *streams.ReadReq_Options) { o.CountOption = &streams.ReadReq_Options_Count{} }, codes.Unknown},
		{"forwards from the end", func(o *streams.ReadReq_Options) {
			o.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}}
		}, codes.Unknown},
		{"subscription backwards", func(o *streams.ReadReq_Options) {
			o.CountOption, o.ReadDirection = subscription, streams.ReadReq_Options_Backwards
		}, codes.InvalidArgument},
		{"filter without window", func(o *streams.ReadReq_Options) {
			o.StreamOption, o.FilterOption = all, &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{Filter: expression("x")}}
		}, codes.InvalidArgument},
		{"filter that is no RE2", func(o *streams.ReadReq_Options) {
			o.StreamOption, o.FilterOption = all, &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{Filter: expression(`^(?!\$)`), Window: window}}
		}, codes.InvalidArgument},
		{"filter without interval", func(o *streams.ReadReq_Options) {
			o.CountOption, o.StreamOption = subscription, all
			o.FilterOption = &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{Filter: expression("x"), Window: window}}
		}, codes.Unknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := readStreamOptions("s")
			row.edit(o)
			if answers, _, err := bareRead(c, o); status.Code(err) != row.want {
				t.Errorf("got %q and %v, want %v", shape(answers), err, row.want)
			}
		})
	}
}
