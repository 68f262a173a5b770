package node

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// DefaultUsers are the names and passwords that an original secure node has when it first starts. They are public: fit
// for tests, and for a first look on one's own machine. Each call makes a new map.
// Source: EventStore, src/EventStore.Core/Services/SystemUsers.cs.
func DefaultUsers() map[string]string {
	return map[string]string{"admin": "changeit", "ops": "changeit"}
}

// doors stand before every call: who may come in, and how errors go out.
type doors struct {
	users  map[string]string
	secure bool
	log    *slog.Logger
	calls  *budget // open calls
}

func (d doors) stream(server any, call grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if !d.calls.take(1) {
		return d.refuse(errTooManyCalls(d.calls.total), call.SetTrailer)
	}
	defer d.calls.give(1)
	err := d.admit(call.Context(), info.FullMethod)
	if errors.Is(err, errStranger) {
		call, err = strangersCall{call}, nil
	}
	if err == nil {
		err = handle(server, call)
	}
	if err == nil {
		return nil
	}
	if !info.IsClientStream || !info.IsServerStream {
		discardRest(call)
	}
	return d.refuse(err, call.SetTrailer)
}

// refuse turns an error into a status and its trailers, and tells the operator what is the node's own fault.
func (d doors) refuse(err error, setTrailer func(metadata.MD)) error {
	err = asFailure(err)
	var f *failure
	if errors.As(err, &f) {
		if len(f.trailers) > 0 {
			setTrailer(f.metadata())
		}
		if f.code == codes.Internal || f.code == codes.DataLoss {
			d.log.Error("a call failed", "error", f.message)
		}
		return f
	}
	return err
}

// errStranger says that a call without credentials may begin, and has to be refused piece by piece.
var errStranger = errors.New("no credentials")

// strangersCall is a call that began without credentials.
type strangersCall struct{ grpc.ServerStream }

type strangerKey struct{}

// Context marks whoever calls as unknown to a secure node.
func (c strangersCall) Context() context.Context {
	return context.WithValue(c.ServerStream.Context(), strangerKey{}, true)
}

// byStranger tells whether a secure node does not know who makes a call.
func byStranger(ctx context.Context) bool { return ctx.Value(strangerKey{}) != nil }

// admit checks the credentials of a secure node. Nobody needs any to ask what the node is; of a BatchAppend each write is refused.
// Source: EventStore, src/EventStore.Core/Services/Transport/Http/AuthenticationMiddleware.cs.
func (d doors) admit(ctx context.Context, method string) error {
	if !d.secure {
		return nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	credentials := md.Get("authorization")
	if len(credentials) == 0 {
		switch method {
		case serverfeatures.ServerFeatures_GetSupportedMethods_FullMethodName, gossip.Gossip_Read_FullMethodName:
			return nil
		case streams.Streams_BatchAppend_FullMethodName:
			return errStranger
		}
		return errAccessDenied()
	}
	if !d.known(credentials[0]) {
		return &failure{code: codes.Unauthenticated, message: "Unauthenticated"}
	}
	return nil
}

// known checks "Basic base64(name:password)" in a time that does not depend on how much of it is right.
func (d doors) known(credentials string) bool {
	scheme, encoded, _ := strings.Cut(credentials, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return false
	}
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return false
	}
	name, password, found := strings.Cut(string(plain), ":")
	expected, exists := d.users[name]
	given, want := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(expected))
	return subtle.ConstantTimeCompare(given[:], want[:]) == 1 && exists && found
}
