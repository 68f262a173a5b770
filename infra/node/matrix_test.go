package node_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

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

// bare makes a client without the official library, to see the answers themselves.
func bare(t testing.TB, n *node.Node) streams.StreamsClient {
	t.Helper()
	c, err := dialBare(n)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return c
}

// dialBare makes a client that ends with its node.
func dialBare(n *node.Node, options ...grpc.DialOption) (streams.StreamsClient, error) {
	conn, err := grpc.NewClient(n.Addr(), append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		return nil, err
	}
	go func() {
		<-n.Done()
		conn.Close()
	}()
	return streams.NewStreamsClient(conn), nil
}

func identifier(stream string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(stream)}
}

// expecting sets the expected revision of an append: any, none, exists, or a number.
func expecting(stream, expected string) *streams.AppendReq_Options {
	o := &streams.AppendReq_Options{StreamIdentifier: identifier(stream)}
	switch expected {
	case "any":
		o.ExpectedStreamRevision = &streams.AppendReq_Options_Any{Any: &shared.Empty{}}
	case "none":
		o.ExpectedStreamRevision = &streams.AppendReq_Options_NoStream{NoStream: &shared.Empty{}}
	case "exists":
		o.ExpectedStreamRevision = &streams.AppendReq_Options_StreamExists{StreamExists: &shared.Empty{}}
	default:
		var revision uint64
		fmt.Sscan(expected, &revision)
		o.ExpectedStreamRevision = &streams.AppendReq_Options_Revision{Revision: revision}
	}
	return o
}

func message(id string, kind, content string) *streams.AppendReq_ProposedMessage {
	return &streams.AppendReq_ProposedMessage{
		Id:       &shared.UUID{Value: &shared.UUID_String_{String_: id}},
		Metadata: map[string]string{"type": kind, "content-type": "application/json"},
		Data:     []byte(content),
	}
}

func bareAppend(c streams.StreamsClient, o *streams.AppendReq_Options, messages ...*streams.AppendReq_ProposedMessage) (*streams.AppendResp, metadata.MD, error) {
	call, err := c.Append(context.Background())
	if err != nil {
		return nil, nil, err
	}
	if err := call.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: o}}); err != nil {
		return nil, nil, err
	}
	for _, m := range messages {
		if err := call.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: m}}); err != nil {
			break // the server has answered already; the reason follows
		}
	}
	r, err := call.CloseAndRecv()
	return r, call.Trailer(), err
}

// commitMatrix says what becomes of an append, by the state of the stream, the expected revision and the ids.
// The live states hold the events a, b, c. The columns are the ids appended:
//
//	two new | a b c | a b c new | b c | a c | none
//
// w: written, r: recognised as a repetition, x: wrong expected version, d: stream deleted.
// Source: EventStore, src/EventStore.Core/Services/Storage/ReaderIndex/IndexWriter.cs.
const commitMatrix = `
missing   any w w w w w w
missing   none w w w w w w
missing   exists x x x x x x
missing   0 x x x x x x
missing   2 x x x x x x
described any w w w w w w
described none w w w w w w
described exists w w w w w w
described 0 x x x x x x
described 2 x x x x x x
live      any w r x r r w
live      none x r x x x x
live      exists w r x r r w
live      0 x x x r x x
live      2 w w w w w w
live      7 x x x x x x
truncated any w r x r r w
truncated none x r x x x x
truncated exists w r x r r w
truncated 0 x x x r x x
truncated 2 w w w w w w
truncated 7 x x x x x x
deleted   any w r x r r w
deleted   none w r x w x x
deleted   exists d d d d d d
deleted   0 x x x r x x
deleted   2 w w w w w w
deleted   7 x x x x x x
ended     any d d d d d d
ended     none d d d d d d
ended     exists d d d d d d
ended     0 d d d d d d
ended     2 d d d d d d
ended     7 d d d d d d
`

// prepared is a stream brought into one of the states of the matrix.
type prepared struct {
	name    string
	a, b, c string
	last    int64 // -1: never written
}

func prepare(t *testing.T, c streams.StreamsClient, state string) prepared {
	t.Helper()
	p := prepared{name: "cell-" + uuid.NewString(), a: uuid.NewString(), b: uuid.NewString(), c: uuid.NewString(), last: -1}
	must := func(_ *streams.AppendResp, _ metadata.MD, err error) {
		if err != nil {
			t.Fatalf("prepare a stream that is %s: %v", state, err)
		}
	}
	describe := func(document string) {
		must(bareAppend(c, expecting("$$"+p.name, "any"), message(uuid.NewString(), "$metadata", document)))
	}
	if state != "missing" && state != "described" {
		p.last = 2
		must(bareAppend(c, expecting(p.name, "none"), message(p.a, "A", "1"), message(p.b, "B", "2"), message(p.c, "C", "3")))
	}
	var err error
	switch state {
	case "described":
		describe(`{"owner":"us"}`)
	case "truncated":
		describe(`{"$tb":2}`)
	case "deleted":
		_, err = c.Delete(context.Background(), &streams.DeleteReq{Options: &streams.DeleteReq_Options{
			StreamIdentifier: identifier(p.name), ExpectedStreamRevision: &streams.DeleteReq_Options_Any{Any: &shared.Empty{}}}})
	case "ended":
		_, err = c.Tombstone(context.Background(), &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{
			StreamIdentifier: identifier(p.name), ExpectedStreamRevision: &streams.TombstoneReq_Options_Any{Any: &shared.Empty{}}}})
	}
	if err != nil {
		t.Fatalf("prepare a stream that is %s: %v", state, err)
	}
	return p
}

func TestCommitCheck(t *testing.T) {
	n := start(t, node.Options{})
	c := bare(t, n)
	for _, row := range strings.Split(strings.TrimSpace(commitMatrix), "\n") {
		cells := strings.Fields(row)
		state, expected := cells[0], cells[1]
		for column, want := range cells[2:] {
			t.Run(fmt.Sprintf("%s/%s/%d", state, expected, column), func(t *testing.T) {
				p := prepare(t, c, state)
				checkCell(t, n, c, p, state, expected, column, want)
			})
		}
	}
}

func checkCell(t *testing.T, n *node.Node, c streams.StreamsClient, p prepared, state, expected string, column int, want string) {
	ids := [][]string{{uuid.NewString(), uuid.NewString()}, {p.a, p.b, p.c}, {p.a, p.b, p.c, uuid.NewString()}, {p.b, p.c}, {p.a, p.c}, nil}[column]
	var messages []*streams.AppendReq_ProposedMessage
	for _, id := range ids {
		messages = append(messages, message(id, "New", "{}"))
	}
	before := n.Durable()
	r, trailers, err := bareAppend(c, expecting(p.name, expected), messages...)
	grown := int64(n.Durable() - before)

	wantGrown := int64(0)
	if want == "w" {
		wantGrown = int64(len(ids))
		if state == "deleted" && len(ids) > 0 {
			wantGrown++ // the metadata that makes it readable again
		}
	}
	if grown != wantGrown {
		t.Errorf("the log grew by %d events, want %d", grown, wantGrown)
	}
	switch want {
	case "d":
		if status.Code(err) != codes.FailedPrecondition || trailers.Get("exception")[0] != "stream-deleted" || trailers.Get("stream-name")[0] != p.name {
			t.Errorf("got %v with %v", err, trailers)
		}
	case "x":
		checkConflict(t, r, err, p.last, expected)
	default:
		last := p.last + int64(len(ids))
		if want == "r" {
			last = 2
		}
		position := n.Durable()
		if want == "w" && state == "deleted" && len(ids) > 0 {
			position--
		}
		checkSuccess(t, r, err, last, position, want == "r")
	}
}

func checkConflict(t *testing.T, r *streams.AppendResp, err error, last int64, expected string) {
	t.Helper()
	w := r.GetWrongExpectedVersion()
	if err != nil || w == nil {
		t.Fatalf("got %v, error %v, want a wrong expected version", r, err)
	}
	if last < 0 {
		if w.GetCurrentNoStream() == nil || w.GetNoStream_20_6_0() == nil {
			t.Errorf("current revision is %v, want none", w)
		}
	} else if w.GetCurrentRevision() != uint64(last) || w.GetCurrentRevision_20_6_0() != uint64(last) || w.GetCurrentNoStream() != nil {
		t.Errorf("current revision is %v, want %d", w, last)
	}
	var same bool
	switch expected {
	case "any":
		same = w.GetExpectedAny() != nil && w.GetAny_20_6_0() != nil
	case "none":
		same = w.GetExpectedNoStream() != nil && w.GetExpectedRevision_20_6_0() == math.MaxUint64
	case "exists":
		same = w.GetExpectedStreamExists() != nil && w.GetStreamExists_20_6_0() != nil
	default:
		same = fmt.Sprint(w.GetExpectedRevision(), w.GetExpectedRevision_20_6_0()) == expected+" "+expected
	}
	if !same {
		t.Errorf("expected revision is repeated as %v, want %s", w, expected)
	}
}

func checkSuccess(t *testing.T, r *streams.AppendResp, err error, last int64, position uint64, older bool) {
	t.Helper()
	s := r.GetSuccess()
	if err != nil || s == nil {
		t.Fatalf("got %v, error %v, want success", r, err)
	}
	if _, none := s.GetCurrentRevisionOption().(*streams.AppendResp_Success_NoStream); none != (last < 0) || !none && s.GetCurrentRevision() != uint64(last) {
		t.Errorf("current revision is %v, want %d", s, last)
	}
	at := s.GetPosition()
	if at.GetCommitPosition() != at.GetPreparePosition() || at.GetCommitPosition() == 0 || at.GetCommitPosition() > position ||
		!older && at.GetCommitPosition() != position {
		t.Errorf("position is %v, want %d", at, position)
	}
}
