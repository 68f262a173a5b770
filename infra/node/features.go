package node

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
)

// serverVersion is the version of EventStoreDB whose behaviour this node keeps to.
const serverVersion = "24.2.0"

// featuresServer tells clients what this node can do. Only what works is listed: Node clients use what is.
type featuresServer struct {
	serverfeatures.UnimplementedServerFeaturesServer
}

// GetSupportedMethods lists methods and features. Source: EventStore, Services/Transport/Grpc/ServerFeatures.cs.
func (featuresServer) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	const streams = "event_store.client.streams.streams"
	method := func(service, name string, features ...string) *serverfeatures.SupportedMethod {
		return &serverfeatures.SupportedMethod{ServiceName: service, MethodName: name, Features: features}
	}
	return &serverfeatures.SupportedMethods{
		EventStoreServerVersion: serverVersion,
		Methods: []*serverfeatures.SupportedMethod{
			method(streams, "read", "position", "events"),
			method(streams, "append"),
			method(streams, "delete"),
			method(streams, "tombstone"),
			method(streams, "batchappend", "deadline_duration"),
			method("event_store.client.persistent_subscriptions.persistentsubscriptions", "create", "stream", "all"),
			method("event_store.client.gossip.gossip", "read"),
			method("event_store.client.server_features.serverfeatures", "getsupportedmethods"),
		},
	}, nil
}

// gossipServer describes the cluster: this node, always its leader.
type gossipServer struct {
	gossip.UnimplementedGossipServer
	node *Node
	id   uuid.UUID
}

// Read answers with one live leader at the address clients can dial.
func (g *gossipServer) Read(context.Context, *shared.Empty) (*gossip.ClusterInfo, error) {
	host, port, err := hostPort(g.node.Addr())
	if err != nil {
		host = g.node.Addr() // a socket file, which has no port
	}
	return &gossip.ClusterInfo{Members: []*gossip.MemberInfo{{
		InstanceId:   structuredUUID(g.id),
		TimeStamp:    ticks(g.node.store.now()),
		State:        gossip.MemberInfo_Leader,
		IsAlive:      true,
		HttpEndPoint: &gossip.EndPoint{Address: host, Port: port},
	}}}, nil
}
