package node

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// encoded is a message that is on the wire as it is: records are stored as the ReadResp messages that readers get.
type encoded []byte

// passThrough is gRPC's protobuf codec, except that encoded messages are sent without decoding and encoding them.
type passThrough struct{ encoding.CodecV2 }

func newCodec() encoding.CodecV2 { return passThrough{encoding.GetCodecV2(proto.Name)} }

func (c passThrough) Marshal(v any) (mem.BufferSlice, error) {
	if message, ok := v.(encoded); ok {
		return mem.BufferSlice{mem.SliceBuffer(message)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal takes an encoded message as it comes, and of a discarded one the size.
func (c passThrough) Unmarshal(data mem.BufferSlice, v any) error {
	switch message := v.(type) {
	case *encoded:
		*message = data.Materialize()
		return nil
	case *discarded:
		*message = discarded(data.Len())
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
