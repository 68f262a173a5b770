package node

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// headerHidden asks a node to show in $all what it usually hides, so that a copy has no gaps.
const headerHidden = "portal-show-hidden"

// backupBatchBytes is about how much of a backup is synced at once.
const backupBatchBytes = 1 << 20

// BackupOptions say what to copy, from where, and whither.
type BackupOptions struct {
	// Address of the running node: "host:port" or "unix:/path".
	Address string
	// Dir is the folder of the copy. One that holds an older copy of the same log is brought up to date.
	Dir string
	// TLS, User and Password are for a secure node.
	TLS            credentials.TransportCredentials
	User, Password string
}

// Backup copies the log of a running node, record by record, with positions and times as they are. The copy is a log
// like any other: to restore, start a node on it. It holds what was durable when the copy reached the end, verified by
// checksum on the way in; definitions of persistent subscription groups are not part of it.
// An interrupted backup is resumed by the next. The error is not nil if the folder holds the log of another node.
func Backup(ctx context.Context, o BackupOptions) (report CheckReport, err error) {
	if err := prepareFolder(o.Dir); err != nil {
		return CheckReport{}, err
	}
	s, err := openStore(storeOptions{dir: o.Dir, fs: vfs.Default, cacheBytes: DefaultCacheBytes,
		memtableBytes: DefaultMemtableBytes, now: time.Now, log: slog.New(slog.DiscardHandler), fatal: die})
	if err != nil {
		return CheckReport{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := o.copyTo(ctx, s); err != nil {
		return CheckReport{}, fmt.Errorf("back up the log of %s: %w", o.Address, err)
	}
	return s.check()
}

// copyTo reads the node's log from the last position of the copy on, which must be the same record in both.
func (o BackupOptions) copyTo(ctx context.Context, s *store) error {
	call, stop, err := o.read(ctx, s.applied)
	if err != nil {
		return err
	}
	defer stop()
	c := copier{store: s, batch: s.db.NewBatch(), next: s.applied + 1}
	for first := s.applied > 0; ; first = false {
		var message encoded
		err := call.RecvMsg(&message)
		switch {
		case errors.Is(err, io.EOF) && first:
			return errors.New("its log is shorter than the copy in this folder; use another folder")
		case errors.Is(err, io.EOF):
			return c.flush()
		case err != nil:
			return fmt.Errorf("read its log: %w", err)
		case first:
			err = s.sameRecord(message)
		default:
			err = c.add(message)
		}
		if err != nil {
			return err
		}
	}
}

// read begins to read the whole log from a position on.
func (o BackupOptions) read(ctx context.Context, from uint64) (grpc.ClientStream, func(), error) {
	transport := o.TLS
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(o.Address, grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(newCodec()), grpc.MaxCallRecvMsgSize(2*maxMessageBytes)))
	if err != nil {
		return nil, nil, fmt.Errorf("dial: %w", err)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, headerHidden, "true")
	if o.User != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization",
			"Basic "+base64.StdEncoding.EncodeToString([]byte(o.User+":"+o.Password)))
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := func() { cancel(); conn.Close() }
	call, err := streams.NewStreamsClient(conn).Read(ctx, &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Position{
			Position: &streams.ReadReq_Options_Position{CommitPosition: from, PreparePosition: from}}}},
		CountOption:  &streams.ReadReq_Options_Count{Count: math.MaxUint64},
		FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
	}})
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("read its log: %w", err)
	}
	return call, stop, nil
}

// sameRecord makes sure that the copy and the node mean the same log.
func (s *store) sameRecord(message []byte) error {
	own, err := s.latest().record(s.applied)
	if err != nil {
		return err
	}
	if !bytes.Equal(own.body, message) {
		return fmt.Errorf("its record at position %d is another one than in the copy: the folder holds the log of another node; use another folder", s.applied)
	}
	return nil
}

// copier writes received records as they are.
type copier struct {
	store *store
	batch *pebble.Batch
	next  uint64
}

func (c *copier) add(message []byte) error {
	r, err := parseBody(message)
	if err != nil {
		return fmt.Errorf("understand the record after position %d: %w", c.next-1, err)
	}
	if r.position != c.next {
		return fmt.Errorf("position %d came after %d: the node does not show all of its log", r.position, c.next-1)
	}
	stored := binary.BigEndian.AppendUint32(make([]byte, 0, len(message)+checksumBytes), checksum(r.position, message))
	number := binary.BigEndian.AppendUint64(nil, r.position)
	revision := binary.BigEndian.AppendUint64(nil, uint64(r.revision))
	err = errors.Join(
		c.batch.Set(logKey(nil, r.position), append(stored, message...), nil),
		c.batch.Set(streamKey(nil, string(r.stream), r.revision), number, nil),
		c.batch.Set(eventIDKey(nil, string(r.stream), r.id), revision, nil),
	)
	if err != nil {
		return fmt.Errorf("copy position %d: %w", r.position, err)
	}
	c.next++
	if c.batch.Len() < backupBatchBytes {
		return nil
	}
	return c.flush()
}

// flush makes durable what was copied so far.
func (c *copier) flush() error {
	if err := c.batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("copy up to position %d: %w", c.next-1, err)
	}
	if err := c.batch.Close(); err != nil {
		return fmt.Errorf("copy up to position %d: %w", c.next-1, err)
	}
	c.batch = c.store.db.NewBatch()
	return nil
}
