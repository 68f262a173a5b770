package node_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/infra/node"
)

// A node in memory, used by the official client. Name a folder in Options to keep the log.
func ExampleStart() {
	n, err := node.Start(context.Background(), node.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer n.Stop()

	config, err := esdb.ParseConnectionString(n.ConnectionString())
	if err != nil {
		log.Fatal(err)
	}
	client, err := esdb.NewClient(config)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	result, err := client.AppendToStream(context.Background(), "cart-1", esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}},
		esdb.EventData{EventID: uuid.New(), EventType: "ItemAddedToCart", ContentType: esdb.ContentTypeJson, Data: []byte(`{"program":"A"}`)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the stream is at revision", result.NextExpectedVersion)

	// Output: the stream is at revision 0
}

// A node on a socket file that only its owner can use. The client takes the address as it is; the connection string
// gives it its other settings.
func ExampleNode_Addr() {
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	n, err := node.Start(context.Background(), node.Options{Dir: dir + "/log", Listen: "unix:" + dir + "/socket"})
	if err != nil {
		log.Fatal(err)
	}
	defer n.Stop()

	config, err := esdb.ParseConnectionString("esdb://localhost?tls=false")
	if err != nil {
		log.Fatal(err)
	}
	config.Address = n.Addr()
	client, err := esdb.NewClient(config)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	version, err := client.GetServerVersion()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("it behaves like version", version.Major)

	// Output: it behaves like version 24
}
