package node

import (
	"time"

	"google.golang.org/grpc"
)

// Bounds of what the caller of a refused call may still send. They are above what an official client sends in one
// append that could have been accepted, and below the deadline of 10 s that official clients set by default.
const (
	maxDiscardedBytes    = 64 << 20
	maxDiscardedMessages = 100_000
	discardTimeout       = 3 * time.Second
)

// discarded is a message that nobody reads: only its size is taken, in bytes.
type discarded int

// discardRest receives and forgets what the caller of a refused call still sends, until it has sent everything, the
// call has ended, or a bound is reached. To be called once, before the refusal is sent.
//
// A status that arrives while a gRPC client is still sending ends its stream: its next send fails with io.EOF, and the
// reason has to be asked for. Official clients report that io.EOF instead. Those built on hyper take a call that they
// could not end for an unavailable server (see attentive).
// Source: grpc-go, ClientStream.SendMsg; EventStore-Client-Go v4.2.0, esdb/client.go, AppendToStream.
func discardRest(call grpc.ServerStream) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		total := 0
		for range maxDiscardedMessages {
			var size discarded
			if err := call.RecvMsg(&size); err != nil {
				return
			}
			if total += int(size); total > maxDiscardedBytes {
				return
			}
		}
	}()
	timeout := time.NewTimer(discardTimeout)
	defer timeout.Stop()
	select {
	case <-ended:
	case <-timeout.C: // the receiver ends with the call, when the refusal has been sent
	}
}
