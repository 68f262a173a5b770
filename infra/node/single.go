package node

import (
	"errors"
	"io"
	"slices"

	"google.golang.org/grpc"
)

// attentive registers services so that calls with a single request are answered only after the caller has ended its
// side. gRPC itself hands over a request as soon as its message is there; a quick answer then overtakes the end that
// some clients send in a frame of its own, and is followed by RST_STREAM(NO_ERROR), which clients built on hyper report
// as an unavailable server. To know the end, calls with a single answer are registered as streams of one message.
// Source: RFC 9113, section 8.1; grpc-go, internal/transport/http2_server.go, writeStatus.
type attentive struct{ *grpc.Server }

// RegisterService implements grpc.ServiceRegistrar.
func (a attentive) RegisterService(service *grpc.ServiceDesc, implementation any) {
	s := *service
	s.Methods, s.Streams = nil, slices.Clone(s.Streams)
	for i, stream := range s.Streams {
		if !stream.ClientStreams {
			s.Streams[i].Handler = func(server any, call grpc.ServerStream) error {
				return stream.Handler(server, singleRequest{call})
			}
		}
	}
	for _, method := range service.Methods {
		s.Streams = append(s.Streams, grpc.StreamDesc{StreamName: method.MethodName, Handler: func(server any, call grpc.ServerStream) error {
			answer, err := method.Handler(server, call.Context(), singleRequest{call}.RecvMsg, nil)
			if err != nil {
				return err
			}
			return call.SendMsg(answer)
		}})
	}
	a.Server.RegisterService(&s, implementation)
}

// singleRequest is a call in which the caller sends one message.
type singleRequest struct{ grpc.ServerStream }

// RecvMsg receives the message and waits until the caller has ended its side.
func (s singleRequest) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	var more discarded
	switch err := s.ServerStream.RecvMsg(&more); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return invalidArgument("this call takes one message, there was another one")
}
