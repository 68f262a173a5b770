package node_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"netrom.pl/portal/infra/node"
)

// What a call with arbitrary bytes may cost.
const (
	fuzzCallTimeout = 5 * time.Second // a call takes about 1 ms; the machine may be busy with other things
	fuzzHeapBytes   = 512 << 20
	fuzzLogEvents   = 400 // then a new node is taken, so that checking the log stays fast
	fuzzAnswers     = 1_000
)

// fuzzMethods are the calls that take something apart.
var fuzzMethods = []string{
	streams.Streams_Append_FullMethodName,
	streams.Streams_BatchAppend_FullMethodName,
	streams.Streams_Read_FullMethodName,
	streams.Streams_Delete_FullMethodName,
	streams.Streams_Tombstone_FullMethodName,
	persistent.PersistentSubscriptions_Create_FullMethodName,
	persistent.PersistentSubscriptions_Delete_FullMethodName,
}

// rawBytes sends and receives messages as they are.
type rawBytes struct{}

func (rawBytes) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawBytes) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (rawBytes) Name() string { return "proto" }

// FuzzCall calls a node with arbitrary bytes as messages, one or two in a call. Whatever comes, the call ends, nothing
// panics, memory stays bounded, and the log is intact.
// Longer: go test ./infra/node -run '^$' -fuzz FuzzCall -fuzztime 10m
func FuzzCall(f *testing.F) {
	seedCalls(f)
	n, conn := fuzzNode(f)
	f.Cleanup(func() { conn.Close(); n.Stop() })
	f.Fuzz(func(t *testing.T, method uint8, first, second []byte) {
		if n.Durable() > fuzzLogEvents {
			conn.Close()
			n.Stop()
			n, conn = fuzzNode(t)
		}
		name := fuzzMethods[int(method)%len(fuzzMethods)]
		if err := callRaw(conn, name, first, second); status.Code(err) == codes.DeadlineExceeded {
			t.Fatalf("%s did not end in %v", name, fuzzCallTimeout)
		}
		if _, err := n.CheckLog(); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		var memory runtime.MemStats
		if runtime.ReadMemStats(&memory); memory.HeapAlloc > fuzzHeapBytes {
			t.Fatalf("after %s %d MiB are in use", name, memory.HeapAlloc>>20)
		}
	})
}

func fuzzNode(t testing.TB) (*node.Node, *grpc.ClientConn) {
	n, err := node.Start(context.Background(), node.Options{MemtableBytes: 1 << 20, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(n.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawBytes{})))
	if err != nil {
		t.Fatal(err)
	}
	return n, conn
}

// callRaw makes a call and hears it out. A subscription, which would not end, is ended when it has begun.
func callRaw(conn *grpc.ClientConn, method string, messages ...[]byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), fuzzCallTimeout)
	defer cancel()
	call, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	for i := 0; err == nil && i < len(messages); i++ {
		if i == 0 || len(messages[i]) > 0 {
			err = call.SendMsg(&messages[i])
		}
	}
	if err == nil {
		err = call.CloseSend()
	}
	if errors.Is(err, io.EOF) {
		err = nil // it has been answered already
	}
	for answers := 0; err == nil && answers < fuzzAnswers; answers++ {
		var answer []byte
		if err = call.RecvMsg(&answer); err != nil {
			break
		}
		var read streams.ReadResp
		if method == streams.Streams_Read_FullMethodName && proto.Unmarshal(answer, &read) == nil && read.GetConfirmation() != nil {
			return nil
		}
	}
	return err
}

// seedCalls gives the fuzzer one good call of each kind to start from.
func seedCalls(f *testing.F) {
	f.Add(uint8(0), []byte{}, []byte{})
	f.Add(uint8(2), []byte{0xff, 0xff, 0xff, 0xff, 0xff}, []byte{0})
	id := uuid.MustParse("00000000-0000-4000-8000-000000000001").String()
	add := func(method uint8, messages ...proto.Message) {
		encoded := [2][]byte{{}, {}}
		for i, m := range messages {
			var err error
			if encoded[i], err = proto.Marshal(m); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(method, encoded[0], encoded[1])
	}
	for _, expected := range []string{"any", "none", "exists", "3"} {
		add(0, &streams.AppendReq{Content: &streams.AppendReq_Options_{Options: expecting("s", expected)}},
			&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: message(id, "T", "{}")}})
	}
	add(0, &streams.AppendReq{Content: &streams.AppendReq_Options_{Options: expecting("$$s", "any")}},
		&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: message(id, "$metadata", `{"$maxCount":2,"$tb":1,"$maxAge":1}`)}})
	add(1, &streams.BatchAppendReq{
		CorrelationId: &shared.UUID{Value: &shared.UUID_String_{String_: id}}, IsFinal: true,
		Options: &streams.BatchAppendReq_Options{StreamIdentifier: identifier("b"), ExpectedStreamPosition: &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: 1}},
		ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{{Id: &shared.UUID{Value: &shared.UUID_String_{String_: id}},
			Metadata: map[string]string{"type": "T", "content-type": "application/json"}, Data: []byte("{}")}},
	})
	add(2, &streams.ReadReq{Options: readStreamOptions("s")})
	add(2, subscription("s"))
	add(2, &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Position{
			Position: &streams.ReadReq_Options_Position{CommitPosition: 3, PreparePosition: 3}}}},
		CountOption: &streams.ReadReq_Options_Count{Count: 10},
		FilterOption: &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
			Filter: &streams.ReadReq_Options_FilterOptions_EventType{EventType: &streams.ReadReq_Options_FilterOptions_Expression{Regex: "^T"}},
			Window: &streams.ReadReq_Options_FilterOptions_Max{Max: 32}, CheckpointIntervalMultiplier: 1}},
	}})
	add(3, &streams.DeleteReq{Options: &streams.DeleteReq_Options{StreamIdentifier: identifier("s"),
		ExpectedStreamRevision: &streams.DeleteReq_Options_Any{Any: &shared.Empty{}}}})
	add(4, &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{StreamIdentifier: identifier("t"),
		ExpectedStreamRevision: &streams.TombstoneReq_Options_Any{Any: &shared.Empty{}}}})
	add(5, &persistent.CreateReq{Options: &persistent.CreateReq_Options{GroupName: "g",
		StreamOption: &persistent.CreateReq_Options_Stream{Stream: &persistent.CreateReq_StreamOptions{StreamIdentifier: identifier("s"),
			RevisionOption: &persistent.CreateReq_StreamOptions_Start{Start: &shared.Empty{}}}},
		Settings: &persistent.CreateReq_Settings{MaxRetryCount: 1}}})
	add(6, &persistent.DeleteReq{Options: &persistent.DeleteReq_Options{GroupName: "g",
		StreamOption: &persistent.DeleteReq_Options_StreamIdentifier{StreamIdentifier: identifier("s")}}})
}
