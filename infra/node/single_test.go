package node_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"netrom.pl/portal/infra/node"
)

// lateEnder is a client that sends the end of a request in a frame of its own, like clients built on hyper or grpc-js,
// only later.
type lateEnder struct {
	t      *testing.T
	frames *http2.Framer
}

func newLateEnder(t *testing.T, conn net.Conn) lateEnder {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	c := lateEnder{t, http2.NewFramer(conn, conn)}
	c.frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	c.must(c.frames.WriteSettings())
	return c
}

func (c lateEnder) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// call makes a call and returns its status. Once it has ended its side, no more than the answer may come.
func (c lateEnder) call(method string, request proto.Message) (status string) {
	c.t.Helper()
	const stream = 1
	var headers bytes.Buffer
	encoder := hpack.NewEncoder(&headers)
	for _, h := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", method}, {"te", "trailers"}, {"content-type", "application/grpc"}} {
		c.must(encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}))
	}
	message, err := proto.Marshal(request)
	c.must(err)
	c.must(c.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: headers.Bytes(), EndHeaders: true}))
	c.must(c.frames.WriteData(stream, false, append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)))
	time.Sleep(100 * time.Millisecond) // long enough for an answer to overtake the end
	c.must(c.frames.WriteData(stream, true, nil))
	for pinged := false; ; {
		frame, err := c.frames.ReadFrame()
		c.must(err)
		switch f := frame.(type) {
		case *http2.RSTStreamFrame:
			c.t.Errorf("%s: the call was reset: %v", method, f.ErrCode)
		case *http2.MetaHeadersFrame:
			for _, h := range f.Fields {
				if h.Name == "grpc-status" {
					status = h.Value
				}
			}
			if f.StreamEnded() { // whatever is sent besides comes before the answer to a ping
				c.must(c.frames.WritePing(false, [8]byte{'e', 'n', 'd'}))
				pinged = true
			}
		case *http2.PingFrame:
			if f.IsAck() && pinged && f.Data == [8]byte{'e', 'n', 'd'} {
				return status
			}
			if !f.IsAck() {
				c.must(c.frames.WritePing(true, f.Data))
			}
		}
	}
}

// TestAnswersWaitForTheEndOfTheRequest holds answers, also refusals, to not overtaking the request.
func TestAnswersWaitForTheEndOfTheRequest(t *testing.T) {
	plain := start(t, node.Options{})
	secure, ca := startSecure(t)
	dialPlain := func() (net.Conn, error) { return net.Dial("tcp", plain.Addr()) }
	dialTLS := func() (net.Conn, error) {
		authorities, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(authorities)
		return tls.Dial("tcp", secure.Addr(), &tls.Config{RootCAs: pool, NextProtos: []string{"h2"}})
	}
	read := func(stream string) proto.Message { return &streams.ReadReq{Options: readStreamOptions(stream)} }
	deletion := &streams.DeleteReq{Options: &streams.DeleteReq_Options{StreamIdentifier: identifier("missing"),
		ExpectedStreamRevision: &streams.DeleteReq_Options_Any{Any: &shared.Empty{}}}}
	for _, row := range []struct {
		name    string
		dial    func() (net.Conn, error)
		method  string
		request proto.Message
		want    codes.Code
	}{
		{"a read", dialPlain, streams.Streams_Read_FullMethodName, read("$users"), codes.OK},
		{"a read of a missing stream", dialPlain, streams.Streams_Read_FullMethodName, read("missing"), codes.OK},
		{"a read that is refused", dialPlain, streams.Streams_Read_FullMethodName, &streams.ReadReq{}, codes.InvalidArgument},
		{"a read without credentials", dialTLS, streams.Streams_Read_FullMethodName, read("$users"), codes.PermissionDenied},
		{"features", dialPlain, serverfeatures.ServerFeatures_GetSupportedMethods_FullMethodName, &shared.Empty{}, codes.OK},
		{"a deletion that is refused", dialPlain, streams.Streams_Delete_FullMethodName, deletion, codes.FailedPrecondition},
		{"a deletion without credentials", dialTLS, streams.Streams_Delete_FullMethodName, deletion, codes.PermissionDenied},
		{"a method that is not offered", dialPlain, persistent.PersistentSubscriptions_List_FullMethodName, &persistent.ListReq{}, codes.Unimplemented},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := row.dial()
			if err != nil {
				t.Fatal(err)
			}
			if status := newLateEnder(t, conn).call(row.method, row.request); status != fmt.Sprint(int(row.want)) {
				t.Errorf("status %q, want %d (%v)", status, row.want, row.want)
			}
		})
	}
}
