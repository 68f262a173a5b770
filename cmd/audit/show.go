package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/witness"
)

// shown is one event as `audit show -json` prints it.
type shown struct {
	*logLine                        // absent: this program cannot read the event
	Unreadable      string          `json:"unreadable,omitempty"`
	StoredPosition  domain.Position `json:"stored_position"`
	StoredStream    string          `json:"stored_stream"`
	StoredRevision  domain.Revision `json:"stored_revision"`
	StoredID        string          `json:"stored_id"`
	StoredType      string          `json:"stored_type"`
	StoredAt        time.Time       `json:"stored_at"` // the server's clock
	StoredData      []byte          `json:"stored_data"`
	StoredMetadata  []byte          `json:"stored_metadata"`
	DataSHA256      string          `json:"data_sha256"`
	MetadataSHA256  string          `json:"metadata_sha256"`
	LeafHash        string          `json:"leaf_hash"` // RFC 6962, base64
	LeafIndex       *int64          `json:"leaf_index,omitempty"`
	Checkpoint      string          `json:"checkpoint,omitempty"`
	CheckpointError string          `json:"checkpoint_error,omitempty"`
}

func showEvent(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit show")
	asJSON := flags.Bool("json", false, "print one JSON object, with the bytes in base64")
	names, err := foundation.Parse(flags, args, "audit show [-data DIR] [-json] POSITION|EVENT-ID", 1, stdout)
	if err != nil {
		return err
	}
	position, notNumber := strconv.ParseUint(names[0], 10, 63)
	id, notID := uuid.Parse(names[0])
	if notNumber != nil && notID != nil {
		return foundation.UsageError{Err: fmt.Errorf("%q is neither a position such as 42 nor an id such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8; audit log prints both", names[0])}
	}
	base, err := openLog(ctx, *data, stderr)
	if err != nil {
		return err
	}
	var event witness.Event
	var found bool
	if notNumber == nil {
		event, found, err = base.Prover().Event(ctx, domain.Position(position))
	} else {
		event, found, err = eventByID(ctx, base, id)
	}
	if err == nil && !found {
		err = fmt.Errorf("the log has no event %s", names[0])
	}
	if err != nil {
		return errors.Join(err, base.Close())
	}
	one, err := gatherEvent(ctx, base, event)
	if err == nil {
		if *asJSON {
			err = jsonTo(stdout).Encode(one)
		} else {
			err = one.print(ctx, base, stdout)
		}
	}
	asked := map[string]string{"position": strconv.FormatUint(uint64(event.Position), 10)}
	return errors.Join(err, base.Inspected(ctx, domain.EventInspection, asked, 1), base.Close())
}

// eventByID looks through the log, which has no index of ids.
func eventByID(ctx context.Context, base *foundation.Foundation, id uuid.UUID) (witness.Event, bool, error) {
	for event, err := range base.Stored().Events(ctx, 0) {
		if err != nil {
			return event, false, fmt.Errorf("read the log: %w", err)
		}
		if event.ID == id {
			return event, true, nil
		}
	}
	return witness.Event{}, false, nil
}

// gatherEvent adds to an event's bytes what they say and who vouches for them.
func gatherEvent(ctx context.Context, base *foundation.Foundation, e witness.Event) (shown, error) {
	leaf, err := e.Leaf()
	if err != nil {
		return shown{}, err
	}
	data, metadata := sha256.Sum256(e.Data), sha256.Sum256(e.Metadata)
	one := shown{StoredPosition: e.Position, StoredStream: e.Stream, StoredRevision: e.Revision, StoredID: uuid.UUID(e.ID).String(), StoredType: e.Type, StoredAt: e.CreatedAt,
		StoredData: e.Data, StoredMetadata: e.Metadata, DataSHA256: hex.EncodeToString(data[:]), MetadataSHA256: hex.EncodeToString(metadata[:]), LeafHash: leaf.String()}
	for record, err := range base.Log.Read(ctx, e.Stream, e.Revision) {
		if err != nil {
			one.Unreadable = err.Error()
			break
		}
		line := logLineOf(record)
		one.logLine = &line
		break
	}
	proven, err := base.Prover().Prove(ctx, e.Position)
	if err != nil {
		one.CheckpointError = err.Error()
		return one, nil
	}
	one.LeafIndex, one.Checkpoint = &proven.Index, string(proven.Checkpoint.Note)
	return one, nil
}

func (s shown) print(ctx context.Context, base *foundation.Foundation, w io.Writer) error {
	if s.logLine != nil {
		p := printer{out: w, places: map[string]domain.Position{}}
		for record, err := range base.Log.Read(ctx, s.StoredStream, s.StoredRevision) {
			if err == nil {
				err = p.text(record)
			}
			if err != nil {
				return err
			}
			break
		}
	} else {
		fmt.Fprintf(w, "@%d  %s  stream %s, revision %d, id %s\n    this program cannot read it: %s\n", s.StoredPosition, s.StoredType, s.StoredStream, s.StoredRevision, s.StoredID, s.Unreadable)
	}
	for _, row := range [][2]string{
		{"stored", s.StoredAt.Format(time.RFC3339Nano) + ", by the server's clock"},
		{"data", fmt.Sprintf("%d bytes, SHA-256 %s\n%s", len(s.StoredData), s.DataSHA256, readable(s.StoredData))},
		{"metadata", fmt.Sprintf("%d bytes, SHA-256 %s\n%s", len(s.StoredMetadata), s.MetadataSHA256, readable(s.StoredMetadata))},
		{"leaf hash", s.LeafHash},
	} {
		fmt.Fprintf(w, "  %-12s %s\n", row[0], row[1])
	}
	if s.CheckpointError != "" {
		_, err := fmt.Fprintf(w, "  %-12s none: %s\n", "checkpoint", s.CheckpointError)
		return err
	}
	_, err := fmt.Fprintf(w, "  %-12s covers it as leaf %d; audit prove -position %d prints the proof\n%s", "checkpoint", *s.LeafIndex, s.StoredPosition, s.Checkpoint)
	return err
}
