package node_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"netrom.pl/portal/infra/node"
)

// startSecure runs a node that knows admin:changeit, and tells the file by which clients trust it.
func startSecure(t *testing.T) (*node.Node, string) {
	t.Helper()
	cert, ca := certificate(t)
	return start(t, node.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Users: map[string]string{"admin": "changeit"}}), ca
}

// bareSecure makes a client of a secure node that gives no credentials.
func bareSecure(t *testing.T, n *node.Node, ca string) streams.StreamsClient {
	t.Helper()
	transport, err := credentials.NewClientTLSFromFile(ca, "")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(n.Addr(), grpc.WithTransportCredentials(transport))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return streams.NewStreamsClient(conn)
}

func appendOptions(o *streams.AppendReq_Options) *streams.AppendReq {
	return &streams.AppendReq{Content: &streams.AppendReq_Options_{Options: o}}
}

func appendMessage(m *streams.AppendReq_ProposedMessage) *streams.AppendReq {
	return &streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: m}}
}

// TestRefusedAppendReachesSlowSender refuses appends whose senders take their time: every send succeeds, and the
// answer is the reason.
func TestRefusedAppendReachesSlowSender(t *testing.T) {
	plain := bare(t, start(t, node.Options{}))
	secure, ca := startSecure(t)
	event := message(uuid.NewString(), "T", "{}")
	untyped := message(uuid.NewString(), "T", "{}")
	delete(untyped.Metadata, "type")
	for _, row := range []struct {
		name     string
		client   streams.StreamsClient
		messages []*streams.AppendReq
		want     codes.Code
	}{
		{"no credentials", bareSecure(t, secure, ca), []*streams.AppendReq{appendOptions(expecting("s", "any")), appendMessage(event)}, codes.PermissionDenied},
		{"no options", plain, []*streams.AppendReq{appendMessage(event), appendMessage(event)}, codes.Unknown},
		{"options twice", plain, []*streams.AppendReq{appendOptions(expecting("s", "any")), appendOptions(expecting("s", "any")), appendMessage(event)}, codes.Unknown},
		{"no stream name", plain, []*streams.AppendReq{appendOptions(expecting("", "any")), appendMessage(event)}, codes.Unknown},
		{"no type", plain, []*streams.AppendReq{appendOptions(expecting("s", "any")), appendMessage(untyped), appendMessage(event)}, codes.InvalidArgument},
		{"too large", plain, []*streams.AppendReq{appendOptions(expecting("s", "any")),
			appendMessage(message(uuid.NewString(), "T", strings.Repeat("x", 1_048_577))), appendMessage(event)}, codes.InvalidArgument},
	} {
		t.Run(row.name, func(t *testing.T) {
			call, err := row.client.Append(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range row.messages {
				time.Sleep(50 * time.Millisecond) // long enough for an answer to come in between
				if err := call.Send(m); err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			}
			if r, err := call.CloseAndRecv(); status.Code(err) != row.want {
				t.Errorf("got %v, %v, want %v", r, err, row.want)
			}
		})
	}
}

// TestRefusedAppendTellsOfficialClientWhy appends without rights many times: each answer is the reason.
func TestRefusedAppendTellsOfficialClientWhy(t *testing.T) {
	n, ca := startSecure(t)
	c := dialSecure(t, n, ca, "")
	for i := range 200 {
		_, err := c.AppendToStream(context.Background(), "s", esdb.AppendToStreamOptions{}, event("x"), event("y"))
		var e *esdb.Error
		if !errors.As(err, &e) || e.Code() != esdb.ErrorCodeAccessDenied {
			t.Fatalf("round %d: append gave %v", i, err)
		}
	}
}

// TestRefusedAppendIsBounded sends on and on after a refusal, or nothing at all: the answer comes nevertheless.
func TestRefusedAppendIsBounded(t *testing.T) {
	c := bare(t, start(t, node.Options{}))
	for _, row := range []struct {
		name    string
		content string
		silent  bool
		most    int // messages that can go out before the answer, those on their way included
	}{
		{name: "many bytes", content: strings.Repeat("x", 1<<20), most: 256},
		{name: "many messages", most: 4_000_000},
		{name: "silence", silent: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			call, err := c.Append(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := call.Send(appendOptions(expecting("", "any"))); err != nil {
				t.Fatal(err)
			}
			m, sent := appendMessage(&streams.AppendReq_ProposedMessage{Data: []byte(row.content)}), 0
			for !row.silent && sent <= row.most && call.Send(m) == nil {
				sent++
			}
			if sent > row.most {
				t.Errorf("%d messages were taken", sent)
			}
			if err := call.RecvMsg(&streams.AppendResp{}); status.Code(err) != codes.Unknown {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestOpenEndedCallsAreRefusedAtOnce makes the calls whose clients wait for an answer while they may still send.
func TestOpenEndedCallsAreRefusedAtOnce(t *testing.T) {
	n, ca := startSecure(t)
	c := bareSecure(t, n, ca)
	began := time.Now()
	read, err := c.Read(context.Background(), &streams.ReadReq{Options: readStreamOptions("s")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Recv(); status.Code(err) != codes.PermissionDenied || errors.Is(err, io.EOF) {
		t.Errorf("a read gave %v", err)
	}
	if _, err := c.Delete(context.Background(), &streams.DeleteReq{Options: &streams.DeleteReq_Options{StreamIdentifier: identifier("s"),
		ExpectedStreamRevision: &streams.DeleteReq_Options_Any{Any: &shared.Empty{}}}}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a deletion gave %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the refusals took %v", took)
	}
}
