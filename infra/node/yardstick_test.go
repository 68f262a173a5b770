package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"google.golang.org/grpc"
)

// The parts of a node, each alone: what the benchmarks measure it by.

// instantServer is the protocol without a store: it acknowledges what it does not keep, and sends what it was given.
type instantServer struct {
	streamsServer
	log [][]byte // answers to any read, as they are sent
}

func (s *instantServer) Append(call streams.Streams_AppendServer) error {
	first, err := call.Recv()
	if err != nil {
		return err
	}
	if _, err := streamOf(first.GetOptions().GetStreamIdentifier()); err != nil {
		return err
	}
	if _, err := expectedRevision(first.GetOptions()); err != nil {
		return err
	}
	events, _, err := receiveEvents(call, &budget{total: maxReceivingBytes})
	if err != nil {
		return err
	}
	return call.SendAndClose(&streams.AppendResp{Result: success(answer{revision: int64(len(events)) - 1, position: 1})})
}

func (s *instantServer) BatchAppend(call streams.Streams_BatchAppendServer) error {
	for {
		r, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		w := &batchWrite{correlation: r.GetCorrelationId(), identifier: r.GetOptions().GetStreamIdentifier()}
		if err := w.begin(r.GetOptions()); err != nil {
			return err
		}
		for _, m := range r.GetProposedMessages() {
			if err := w.add(m); err != nil {
				return err
			}
		}
		answer, err := batchAnswer{write: w, answer: answer{position: 1}}.response()
		if err != nil {
			return err
		}
		if err := call.Send(answer); err != nil {
			return err
		}
	}
}

func (s *instantServer) Read(_ *streams.ReadReq, call streams.Streams_ReadServer) error {
	if err := (sender{call: call}).sendConfirmation(); err != nil {
		return err
	}
	for _, message := range s.log {
		if err := call.SendMsg(encoded(message)); err != nil {
			return err
		}
	}
	<-call.Context().Done()
	return nil
}

// ServeInstantly is the node's gRPC server without a store: what the protocol alone costs. Subscribers get the messages.
// Stop it with the function.
func ServeInstantly(messages [][]byte) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", DefaultListen)
	if err != nil {
		return "", nil, err
	}
	split := newSplitter(l, nil)
	server := grpc.NewServer(serverOptions(doors{log: slog.New(slog.DiscardHandler), calls: &budget{total: maxCalls}})...)
	services := attentive{server}
	streams.RegisterStreamsServer(services, &instantServer{log: messages})
	serverfeatures.RegisterServerFeaturesServer(services, featuresServer{})
	go server.Serve(split.grpc)
	go split.run()
	return l.Addr().String(), func() { l.Close(); server.Stop() }, nil
}

// Messages are the events of $all as subscribers get them.
func (n *Node) Messages() (messages [][]byte, err error) {
	v := n.store.view()
	for q := (logQuery{from: 1, most: pageRecords, room: pageBytes}); ; {
		p, err := v.logPage(q)
		if err != nil {
			return nil, err
		}
		for _, r := range p.records {
			messages = append(messages, r.body)
		}
		if q.from = p.nextInLog; p.done {
			return messages, nil
		}
	}
}

// fillInFlight is how many appends of Fill may wait for the disk.
const fillInFlight = 256

// Fill appends small events to new streams, as many to each, past gRPC, and waits until Pebble has put its files in order.
func (n *Node) Fill(events, perStream int) error {
	s := n.store
	unsettled := make(chan answer, fillInFlight)
	settled := make(chan error, 1)
	go func() {
		var err error
		for a := range unsettled {
			err = errors.Join(err, s.settle(context.Background(), a))
		}
		settled <- err
	}()
	var err error
	for filled := 0; filled < events && err == nil; filled += perStream {
		stream, batch := "order-"+uuid.NewString(), make([]proposed, perStream)
		for i := range batch {
			batch[i] = proposed{id: eventID(uuid.New()), kind: "ItemAddedToCart", json: true, data: []byte(`{"item":"12345678"}`)}
		}
		var a answer
		if a, err = s.append(stream, noStream, batch); err == nil {
			unsettled <- a
		}
	}
	close(unsettled)
	if err = errors.Join(err, <-settled, s.db.Flush()); err != nil {
		return err
	}
	for m := s.db.Metrics(); m.Compact.NumInProgress > 0; m = s.db.Metrics() {
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// BareStore is Pebble with the node's sizes and keys and nothing else: what durability alone costs whoever calls Pebble as it
// comes. When the log is synced again is up to Pebble here; the node has its own way, see letOthersWrite.
type BareStore struct{ db *pebble.DB }

// OpenBareStore opens it with the default sizes.
func OpenBareStore(dir string) (*BareStore, error) {
	options := storeOptions{fs: vfs.Default, cacheBytes: DefaultCacheBytes, memtableBytes: DefaultMemtableBytes}.pebbleOptions()
	defer options.Cache.Unref()
	options.WALMinSyncInterval = nil
	options.Logger = pebbleLogger{&store{log: slog.New(slog.DiscardHandler), fatal: die}}
	db, err := pebble.Open(dir, options)
	return &BareStore{db}, err
}

// Close closes it.
func (b *BareStore) Close() error { return b.db.Close() }

// Write stores the keys of one event in one synced batch.
func (b *BareStore) Write(stream string, revision int64, position uint64, id [16]byte, kind string, custom, data []byte) error {
	batch := b.db.NewBatch()
	stored := appendStored(nil, proposed{id: id, kind: kind, json: true, custom: custom, data: data}, stream, revision, position, 1)
	if err := batch.Set(logKey(nil, position), stored, nil); err != nil {
		return err
	}
	var number [8]byte
	if err := batch.Set(streamKey(nil, stream, revision), number[:], nil); err != nil {
		return err
	}
	if err := batch.Set(eventIDKey(nil, stream, id), number[:], nil); err != nil {
		return err
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return err
	}
	return batch.Close()
}
