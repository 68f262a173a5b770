package node_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"netrom.pl/portal/infra/node"
	"netrom.pl/portal/infra/postgres"
)

// BenchmarkDurableAppend compares, for appends through the official client,
//
//	N  the node
//	A  the same gRPC server without a store
//	P  the same keys straight into Pebble, each batch synced
//	S  A, then P, by the same caller: the sum of the parts where they disturb each other
//	T  what a team would use instead: a Postgres table with unique(stream, version), 32 connections
//	C  1/(1/A + 1/P), what a node could reach that does one after the other, undisturbed
//
// C/T says how far a node could be ahead of the table at best.
//
//	go test ./infra/node -run '^$' -bench DurableAppend -benchtime 1x
func BenchmarkDurableAppend(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			for range b.N {
				compareAppends(b, callers)
			}
		})
	}
}

func compareAppends(b *testing.B, callers int) {
	durable := appender(dial(b, start(b, node.Options{Dir: b.TempDir() + "/node"})))
	instant := appender(dialAddress(b, instantServer(b, nil)))
	pebble := bareStore(b)
	both := func(stream string, revision int64, e esdb.EventData) error {
		return errors.Join(instant(stream, revision, e), pebble(stream, revision, e))
	}
	turns := inTurns(appending(b, callers, durable), appending(b, callers, instant), appending(b, callers, pebble),
		appending(b, callers, both), appending(b, callers, eventsTable(b)))
	n, a, p, s, t := turns[0], turns[1], turns[2], turns[3], turns[4]
	reportSide(b, "N", n)
	reportSide(b, "A", a)
	reportSide(b, "P", p)
	reportSide(b, "S", s)
	reportSide(b, "T", t)
	report(b, "N/C", each(func(i int) float64 { return n[i].rate * (1/a[i].rate + 1/p[i].rate) }))
	report(b, "N/S", each(func(i int) float64 { return n[i].rate / s[i].rate }))
	report(b, "N/T", each(func(i int) float64 { return n[i].rate / t[i].rate }))
	report(b, "C/T", each(func(i int) float64 { return 1 / (1/a[i].rate + 1/p[i].rate) / t[i].rate }))
}

func appender(c *esdb.Client) appendFunc {
	return func(stream string, revision int64, e esdb.EventData) error {
		var expected esdb.ExpectedRevision = esdb.NoStream{}
		if revision > 0 {
			expected = esdb.Revision(uint64(revision - 1))
		}
		_, err := c.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, e)
		return err
	}
}

// tableConnections is how many connections the users of an events table share.
const tableConnections = 32

// openTable starts a server of its own, as durable as a node: that of the tests does not wait for the disk.
func openTable(b *testing.B) *sql.DB {
	dir, err := os.MkdirTemp("/tmp", "node-bench-") // a server's user cannot enter b.TempDir
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	server, err := postgres.Start(context.Background(), dir+"/postgres")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Stop() })
	db, err := postgres.Open(context.Background(), server.URL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(tableConnections)
	db.SetMaxIdleConns(tableConnections)
	if _, err := db.Exec(`create table events (pos bigint generated always as identity primary key, stream text not null, version bigint not null,
		id uuid not null, type text not null, metadata text not null, data text not null, created_at timestamptz not null default now(), unique (stream, version))`); err != nil {
		b.Fatal(err)
	}
	return db.DB
}

func eventsTable(b *testing.B) appendFunc {
	insert, err := openTable(b).Prepare(`insert into events (stream, version, id, type, metadata, data) values ($1, $2, $3, $4, $5, $6) returning pos`)
	if err != nil {
		b.Fatal(err)
	}
	return func(stream string, revision int64, e esdb.EventData) error {
		var position int64
		return insert.QueryRow(stream, revision, e.EventID.String(), e.EventType, string(e.Metadata), string(e.Data)).Scan(&position)
	}
}

// batchInFlight is how many writes of one BatchAppend call may wait for their answers.
const batchInFlight = 64

// BenchmarkBatchAppend compares BatchAppend by the bare stub, 64 writes of one event in flight, with the same call answered without
// a store (A), and with what is left of that by 64 writers straight into Pebble (P): C = 1/(1/A + 1/P).
func BenchmarkBatchAppend(b *testing.B) {
	for range b.N {
		durable := batching(b, start(b, node.Options{Dir: b.TempDir() + "/node"}).Addr())
		instant := batching(b, instantServer(b, nil))
		turns := inTurns(durable, instant, appending(b, batchInFlight, bareStore(b)))
		n, a, p := turns[0], turns[1], turns[2]
		reportSide(b, "N", n)
		reportSide(b, "A", a)
		reportSide(b, "P", p)
		report(b, "N/C", each(func(i int) float64 { return n[i].rate * (1/a[i].rate + 1/p[i].rate) }))
	}
}

// batching is a side on which one call appends for a while.
func batching(b *testing.B, address string) func() turn {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return func() turn {
		call, err := streams.NewStreamsClient(conn).BatchAppend(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		slots := make(chan struct{}, batchInFlight)
		var answered atomic.Int64
		ended := make(chan error, 1)
		go func() {
			for {
				r, err := call.Recv()
				if err == nil && r.GetSuccess() == nil {
					err = fmt.Errorf("a write was refused: %v", r.GetError())
				}
				if err != nil {
					ended <- err
					return
				}
				answered.Add(1)
				<-slots
			}
		}()
		c := startClock(processorTime)
		for time.Since(c.began) < benchSlice {
			stream := []byte("order-" + uuid.NewString())
			for revision := range uint64(benchEvents) {
				slots <- struct{}{}
				if err := call.Send(batchWrite(stream, revision)); err != nil {
					b.Fatal(errors.Join(err, <-ended))
				}
			}
		}
		if err := errors.Join(call.CloseSend(), <-ended); !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
		return c.stop(answered.Load())
	}
}

// batchWrite is a write of one event as the given revision.
func batchWrite(stream []byte, revision uint64) *streams.BatchAppendReq {
	o := &streams.BatchAppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: stream}}
	if revision == 0 {
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}
	} else {
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: revision - 1}
	}
	id := func() *shared.UUID { return &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}} }
	return &streams.BatchAppendReq{CorrelationId: id(), Options: o, IsFinal: true, ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{{
		Id: id(), Metadata: map[string]string{"type": "ItemAddedToCart", "content-type": "application/json"}, CustomMetadata: benchMetadata, Data: benchData,
	}}}
}
