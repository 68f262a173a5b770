package node

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// maxGroupNameBytes bounds the name of a persistent subscription group.
const maxGroupNameBytes = 1_024

// groupsServer keeps definitions of persistent subscription groups. Clients make one to learn whether a server is
// ready to write. Consuming a group is not offered, nor listed among the features: projections and process managers
// need order, which persistent subscriptions do not promise.
type groupsServer struct {
	persistent.UnimplementedPersistentSubscriptionsServer
	store *store
}

// Create stores the definition of a group. Source: EventStore,
// src/EventStore.Core/Services/PersistentSubscription/PersistentSubscriptionService.cs.
func (g *groupsServer) Create(_ context.Context, r *persistent.CreateReq) (*persistent.CreateResp, error) {
	o := r.GetOptions()
	stream, err := groupStream(o)
	if err != nil {
		return nil, err
	}
	if n := len(o.GetGroupName()); n == 0 || n > maxGroupNameBytes {
		return nil, invalidArgument("the group name has %d bytes, it must have 1 to %d", n, maxGroupNameBytes)
	}
	if reason := g.refuse(o, stream); reason != "" {
		return nil, errGroup(codes.Internal, exceptionGroupFailed, stream, o.GetGroupName(), reason)
	}
	definition, err := proto.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode a group: %w", err)
	}
	switch exists, err := g.store.createGroup(groupKey(stream, o.GetGroupName()), definition); {
	case err != nil:
		return nil, err
	case exists:
		return nil, errGroup(codes.AlreadyExists, exceptionGroupExists, stream, o.GetGroupName(), "it exists already")
	}
	return &persistent.CreateResp{}, nil
}

func groupStream(o *persistent.CreateReq_Options) (string, error) {
	switch s := o.GetStreamOption().(type) {
	case *persistent.CreateReq_Options_All:
		return "$all", nil
	case *persistent.CreateReq_Options_Stream:
		return streamOf(s.Stream.GetStreamIdentifier())
	}
	return streamOf(o.GetStreamIdentifier()) //nolint:staticcheck // older clients send the deprecated field
}

// refuse says what is wrong with a definition; empty: nothing.
func (g *groupsServer) refuse(o *persistent.CreateReq_Options, stream string) string {
	settings := o.GetSettings()
	switch settings.GetConsumerStrategy() {
	case "", "DispatchToSingle", "RoundRobin", "Pinned", "PinnedByCorrelation":
	default:
		return fmt.Sprintf("Consumer strategy %s does not exist.", settings.GetConsumerStrategy())
	}
	if o.GetAll() == nil && stream == "$all" {
		return "Invalid stream name: $all"
	}
	if settings.GetReadBatchSize() >= settings.GetHistoryBufferSize() {
		return "Read batch size may not be greater than or equal to the history buffer size"
	}
	if p, placed := o.GetAll().GetAllOption().(*persistent.CreateReq_AllOptions_Position); placed {
		commit, prepare := p.Position.GetCommitPosition(), p.Position.GetPreparePosition()
		if prepare > commit || commit > math.MaxInt64 || commit > g.store.durable.load() {
			return "The starting position is invalid"
		}
	}
	return ""
}

// createGroup stores a definition durably unless there is one.
func (s *store) createGroup(key, definition []byte) (exists bool, err error) {
	if err := s.enter(); err != nil {
		return false, err
	}
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	_, closer, err := s.db.Get(key)
	if err == nil {
		return true, closer.Close()
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return false, fmt.Errorf("look for a group: %w", err)
	}
	if err := s.db.Set(key, definition, pebble.Sync); err != nil {
		s.fail(err)
		return false, errStopping
	}
	return false, nil
}
